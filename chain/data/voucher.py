"""Vouchers: a router's signed running total for one hotspot in one channel.

A newer voucher replaces all older ones of its hotspot and channel: `sequence` rises, totals never fall. The
hotspot keeps the highest and claims it on the chain; only the named hotspot can. Two different vouchers
with one sequence, both signed, prove that the router cheats.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from chain.keys.keypair import Keypair
from chain.keys.public_key import InvalidPublicKey, PublicKey

MAX_CHAIN_ID_CHARACTERS = 64
MAX_VOUCHER_BYTES = 512

_DOMAIN = b"hexhaul/voucher/1\x00"
_MAX = 2**63 - 1


class InvalidVoucher(ValueError):
    """Bytes that are no voucher, or a voucher that isn't what it should be; the message says which."""


class Voucher(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What the router promises."""

    chain_id: Annotated[str, Meta(max_length=MAX_CHAIN_ID_CHARACTERS)]
    channel_id: Annotated[bytes, Meta(min_length=32, max_length=32)]
    hotspot: Annotated[bytes, Meta(min_length=33, max_length=33)]
    sequence: Annotated[int, Meta(ge=1, le=_MAX)]
    total_data_credits: Annotated[int, Meta(ge=0, le=_MAX)]
    """Sum over all packets bought from this hotspot in this channel."""
    total_packets: Annotated[int, Meta(ge=0, le=_MAX)]


class SignedVoucher(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A voucher with the signature of the router's voucher key."""

    voucher: Voucher
    signature: Annotated[bytes, Meta(min_length=8, max_length=72)]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(SignedVoucher)


def compute_voucher_signing_bytes(voucher: Voucher) -> bytes:
    """Return what the voucher key signs; the chain id is inside."""
    return _DOMAIN + _encoder.encode(voucher)


def sign_voucher(voucher: Voucher, voucher_key: Keypair) -> SignedVoucher:
    """Sign a voucher."""
    return SignedVoucher(voucher=voucher, signature=voucher_key.sign(compute_voucher_signing_bytes(voucher)))


def is_signed_by(signed: SignedVoucher, voucher_key: bytes) -> bool:
    """Whether the signature is of this voucher key (33 bytes)."""
    try:
        key = PublicKey.from_binary(voucher_key)
    except InvalidPublicKey:
        return False
    return key.verify(compute_voucher_signing_bytes(signed.voucher), signed.signature)


def encode_voucher(signed: SignedVoucher) -> bytes:
    """Return the canonical bytes: what `receipt_v1.voucher` carries."""
    return _encoder.encode(signed)


def decode_voucher(raw: bytes) -> SignedVoucher:
    """Parse canonical bytes. Raises InvalidVoucher."""
    if len(raw) > MAX_VOUCHER_BYTES:
        raise InvalidVoucher(f"voucher of {len(raw)} bytes: at most {MAX_VOUCHER_BYTES}")
    try:
        signed = _decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidVoucher(f"not a voucher: {error}") from error
    if _encoder.encode(signed) != raw:
        raise InvalidVoucher("the bytes are not the canonical encoding of their values")
    return signed


def is_successor(newer: Voucher, older: Voucher | None) -> bool:
    """Whether a hotspot should keep `newer` instead of `older`: same channel, higher sequence, no total
    lower.
    """
    if older is None:
        return True
    return (
        (newer.chain_id, newer.channel_id, newer.hotspot) == (older.chain_id, older.channel_id, older.hotspot)
        and newer.sequence > older.sequence
        and newer.total_data_credits >= older.total_data_credits
        and newer.total_packets >= older.total_packets
    )


def is_equivocation(one: SignedVoucher, other: SignedVoucher, voucher_key: bytes) -> bool:
    """Whether two vouchers prove fraud of the key that signed both: one sequence, different content."""
    first, second = one.voucher, other.voucher
    same_place = (first.chain_id, first.channel_id, first.hotspot, first.sequence) == (
        second.chain_id,
        second.channel_id,
        second.hotspot,
        second.sequence,
    )
    return (
        same_place and first != second and is_signed_by(one, voucher_key) and is_signed_by(other, voucher_key)
    )
