"""Addresses: base58check of (version 0, network and key-type byte, public key).

address = base58( 0x00 || type byte || key || SHA256(SHA256(0x00 || type byte || key))[0:4] )
(libp2p-crypto, src/libp2p_crypto.erl:540-558). The type byte is network | key type.
"""

from __future__ import annotations

from hashlib import sha256

import base58

NETWORK_MAIN = 0x00
NETWORK_TEST = 0x10

KEY_TYPE_ECC_COMPACT = 0
KEY_TYPE_ED25519 = 1

#: No address of any key type is longer; longer text is refused before the quadratic base58 decoding starts.
MAX_ADDRESS_CHARACTERS = 80

_VERSION = b"\x00"


class InvalidAddress(ValueError):
    """The text is no address; the message names the value and the rule."""


def encode_address(binary: bytes) -> str:
    """Return the address of a public key in binary form (type byte and key, 33 bytes for the two usable
    types).
    """
    payload = _VERSION + binary
    return base58.b58encode(payload + _compute_checksum(payload)).decode("ascii")


def decode_address(address: str) -> bytes:
    """Return type byte and key of an address.

    Raises InvalidAddress for text that isn't base58, a wrong version byte or checksum.
    """
    if len(address) > MAX_ADDRESS_CHARACTERS:
        raise InvalidAddress(f"address of {len(address)} characters: at most {MAX_ADDRESS_CHARACTERS}")
    try:
        raw = base58.b58decode(address)
    except ValueError as error:
        raise InvalidAddress(f"address {address!r} is not base58") from error
    if len(raw) < 6:
        raise InvalidAddress(f"address {address!r} is too short")
    payload, checksum = raw[:-4], raw[-4:]
    if _compute_checksum(payload) != checksum:
        raise InvalidAddress(f"address {address!r} has a wrong checksum: a character was mistyped")
    if payload[:1] != _VERSION:
        raise InvalidAddress(f"address {address!r} has version {payload[0]}, this network uses 0")
    return payload[1:]


def _compute_checksum(payload: bytes) -> bytes:
    return sha256(sha256(payload).digest()).digest()[:4]
