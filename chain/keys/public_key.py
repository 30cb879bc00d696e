"""Public keys that may hold an account or a hotspot: Ed25519 and compact P-256.

One signature rule per type, the same on every node. Ed25519 is libsodium's strict rule (through PyNaCl): S <
L, no small-order key or R, canonical encodings, no cofactor. Libraries disagree about crafted signatures, so
another library here, even as a fallback, could split the chain. Compact P-256 is ECDSA with SHA-256 in strict
DER (the one encoding of r and s; nothing behind it), the key given by x alone with y the smaller root: a key
whose y is the larger can't be written down and is refused where it is made. Both s and n - s are accepted, as
the secure elements of gateways give either: whoever sees a signature can make the second one, which matters
to nothing here, since transactions are identified without their signatures.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from nacl.bindings import crypto_sign_open
from nacl.exceptions import BadSignatureError, CryptoError

from chain.keys.address import (
    KEY_TYPE_ECC_COMPACT,
    KEY_TYPE_ED25519,
    NETWORK_MAIN,
    NETWORK_TEST,
    InvalidAddress,
    decode_address,
    encode_address,
)
from chain.keys.animal_names import compute_animal_name

PUBLIC_KEY_BYTES = 33
ED25519_SIGNATURE_BYTES = 64
#: The longest DER encoding of two 256-bit numbers.
MAX_SIGNATURE_BYTES = 72

_P256_PRIME = 2**256 - 2**224 + 2**192 + 2**96 - 1


class InvalidPublicKey(ValueError):
    """The bytes or the address are no key that this network can use; the message says why."""


@dataclass(frozen=True, order=True)
class PublicKey:
    """A public key in binary form: network and type byte, then 32 bytes."""

    binary: bytes

    @staticmethod
    def from_binary(binary: bytes) -> PublicKey:
        """Check and wrap 33 bytes. Raises InvalidPublicKey for another length, type, network or x not on
        the curve.
        """
        if len(binary) != PUBLIC_KEY_BYTES:
            raise InvalidPublicKey(f"public key of {len(binary)} bytes: must be {PUBLIC_KEY_BYTES}")
        network, key_type = binary[0] & 0xF0, binary[0] & 0x0F
        if network not in (NETWORK_MAIN, NETWORK_TEST):
            raise InvalidPublicKey(f"public key of unknown network 0x{network:02x}")
        if key_type not in (KEY_TYPE_ECC_COMPACT, KEY_TYPE_ED25519):
            raise InvalidPublicKey(
                f"public key of type {key_type}: only 0 (compact P-256) and 1 (Ed25519) sign here"
            )
        if key_type == KEY_TYPE_ECC_COMPACT:
            _load_compact_key(binary[1:])
        return PublicKey(binary)

    @staticmethod
    def from_address(address: str) -> PublicKey:
        """Parse an address. Raises InvalidPublicKey."""
        try:
            binary = decode_address(address)
        except InvalidAddress as error:
            raise InvalidPublicKey(str(error)) from error
        return PublicKey.from_binary(binary)

    @staticmethod
    def from_p256(key: ec.EllipticCurvePublicKey, network: int) -> PublicKey:
        """Write a P-256 key down compactly. Raises InvalidPublicKey for another curve, and for a y that is
        the larger root: generate another key, every second one fits.
        """
        if not isinstance(key.curve, ec.SECP256R1):
            raise InvalidPublicKey(f"a key on {key.curve.name}: only P-256 can be compact")
        numbers = key.public_numbers()
        if numbers.y > _P256_PRIME - numbers.y:
            raise InvalidPublicKey(
                "this P-256 key has the larger y, x alone doesn't tell it: generate another"
            )
        return PublicKey.from_binary(bytes([network | KEY_TYPE_ECC_COMPACT]) + numbers.x.to_bytes(32, "big"))

    @property
    def network(self) -> int:
        """Network byte: NETWORK_MAIN or NETWORK_TEST."""
        return self.binary[0] & 0xF0

    @cached_property
    def address(self) -> str:
        """base58check text, such as "1bijtibPhc16wx4oJbyK8vtkAgdoRoaUvJeo7rXBnBCufEYakfd"."""
        return encode_address(self.binary)

    @cached_property
    def name(self) -> str:
        """Animal name: a label, never an identifier."""
        return compute_animal_name(self.address)

    @cached_property
    def gateway_eui(self) -> bytes:
        """EUI-64 that stands for a hotspot where LoRaWAN wants one: the first 8 bytes of SHA-256(binary)."""
        return sha256(self.binary).digest()[:8]

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Whether `signature` over `message` is this key's, by the one rule of its type."""
        if self.binary[0] & 0x0F == KEY_TYPE_ED25519:
            return _verify_ed25519(self.binary[1:], message, signature)
        return _verify_compact(self.binary[1:], message, signature)

    def __str__(self) -> str:
        return self.address


def _verify_ed25519(key: bytes, message: bytes, signature: bytes) -> bool:
    if len(signature) != ED25519_SIGNATURE_BYTES:
        return False
    try:
        crypto_sign_open(signature + message, key)
    except (BadSignatureError, CryptoError):
        return False
    return True


def _verify_compact(x: bytes, message: bytes, signature: bytes) -> bool:
    if not signature or len(signature) > MAX_SIGNATURE_BYTES:
        return False
    try:
        # OpenSSL wants strict DER too; said here, so that no other build of it can be laxer.
        if encode_dss_signature(*decode_dss_signature(signature)) != signature:
            return False
        _load_compact_key(x).verify(signature, message, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, InvalidPublicKey, ValueError):
        return False
    return True


@lru_cache(maxsize=4096)
def _load_compact_key(x: bytes) -> ec.EllipticCurvePublicKey:
    """Rebuild the point from x: y is the smaller of the two roots (libp2p ecc_compact)."""
    try:
        either = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x02" + x)
    except ValueError as error:
        raise InvalidPublicKey(f"compact P-256 key {x.hex()}: x is not on the curve") from error
    numbers = either.public_numbers()
    smaller = min(numbers.y, _P256_PRIME - numbers.y)
    if smaller == numbers.y:
        return either
    return ec.EllipticCurvePublicNumbers(numbers.x, smaller, ec.SECP256R1()).public_key()
