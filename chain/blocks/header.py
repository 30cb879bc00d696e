"""A block: a signed header that commits to everything, and the body.

The header's hash (over all fields but the signature) names the block and is what the next header points at.
The state digest in it is the one after the block, so two nodes that applied the same blocks either agree or
know at once.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Annotated

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from chain.blocks.merkle import compute_merkle_root
from chain.blocks.reports import ReceivedReport
from chain.keys.keypair import Keypair
from chain.keys.public_key import PublicKey

_DOMAIN = b"hexhaul/block/1\x00"

Hash = Annotated[bytes, Meta(min_length=32, max_length=32)]


class Header(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What is signed."""

    chain_id: Annotated[str, Meta(max_length=64)]
    height: Annotated[int, Meta(ge=0, le=2**63 - 1)]
    previous_hash: Hash
    time_ms: Annotated[int, Meta(ge=0, le=2**63 - 1)]
    producer: Annotated[bytes, Meta(max_length=33)]
    transactions_root: Hash
    reports_root: Hash
    state_digest: Hash
    """After this block."""
    entropy_reveal: Annotated[bytes, Meta(max_length=64)]
    """Next link of the producer's hash chain in a block that opens a round (and the anchor of its next chain
    where this was the last link), empty in all others."""
    signature: Annotated[bytes, Meta(max_length=72)] = b""


class Block(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Header and body."""

    header: Header
    transactions: tuple[bytes, ...]
    """Signed transactions, each in its canonical bytes."""
    reports: tuple[ReceivedReport, ...]


_encoder = msgspec.msgpack.Encoder()
_header_decoder = msgspec.msgpack.Decoder(Header)
_block_decoder = msgspec.msgpack.Decoder(Block)


class MalformedBlock(ValueError):
    """The bytes are no block."""


def encode_block(block: Block) -> bytes:
    """Return the canonical bytes."""
    return _encoder.encode(block)


def decode_block(raw: bytes) -> Block:
    """Parse canonical bytes. Raises MalformedBlock."""
    try:
        block = _block_decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedBlock(f"not a block: {error}") from error
    if _encoder.encode(block) != raw:
        raise MalformedBlock("the bytes are not the canonical encoding of their values")
    return block


def compute_block_hash(header: Header) -> bytes:
    """Return the 32 bytes that name a block and that its producer signs."""
    return sha256(_DOMAIN + _encoder.encode(replace(header, signature=b""))).digest()


def sign_header(header: Header, producer: Keypair) -> Header:
    """Return the header with the producer's signature."""
    return replace(header, signature=producer.sign(_DOMAIN + compute_block_hash(header)))


def is_header_signed(header: Header) -> bool:
    """Whether the signature is of the producer whom the header names."""
    message = _DOMAIN + compute_block_hash(header)
    return PublicKey.from_binary(header.producer).verify(message, header.signature)


def compute_transactions_root(transactions: tuple[bytes, ...]) -> bytes:
    """Merkle root over the canonical bytes of each transaction."""
    return compute_merkle_root(transactions)


def compute_reports_root(reports: tuple[ReceivedReport, ...]) -> bytes:
    """Merkle root over the encoding of each report with its arrival."""
    return compute_merkle_root([_encoder.encode(report) for report in reports])
