"""A block: a signed header that commits to everything, and its transactions.

The header's hash (over all fields but the signature) names the block and is what the next header points at.
The state root in it is the one after the block, so two nodes that applied the same blocks either agree or
know at once, and whoever trusts the header can have any row proved to them. The reports of the block are in
a bundle beside it (`chain/blocks/bundle.py`), which the header names by its root.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Annotated

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from chain.blocks.merkle import MerkleProof, compute_merkle_root, make_merkle_proof, verify_merkle_proof
from chain.keys.keypair import Keypair
from chain.keys.public_key import InvalidPublicKey, PublicKey

_DOMAIN = b"hexhaul/block/2\x00"

Hash = Annotated[bytes, Meta(min_length=32, max_length=32)]


class Header(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What is signed."""

    chain_id: Annotated[str, Meta(max_length=64)]
    height: Annotated[int, Meta(ge=0, le=2**63 - 1)]
    previous_hash: Hash
    time_ms: Annotated[int, Meta(ge=0, le=2**63 - 1)]
    producer: Annotated[bytes, Meta(max_length=33)]
    protocol_version: Annotated[int, Meta(ge=1, le=2**31)]
    """Version of the rules that the block was made by."""
    transactions_root: Hash
    """Merkle root over the block's transactions."""
    bundle_root: Hash
    """Merkle root over the block's reports; names the bundle."""
    events_digest: Hash
    """Hash over what the block changed, as the rules told it."""
    state_root: Hash
    """Of the state after this block (chain/ledger/state_tree.py)."""
    entropy_reveal: Annotated[bytes, Meta(max_length=64)]
    """Next link of the producer's hash chain in a block that opens a round (and the anchor of its next chain
    where this was the last link), empty in all others."""
    signature: Annotated[bytes, Meta(max_length=72)] = b""


class Block(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Header and transactions."""

    header: Header
    transactions: tuple[bytes, ...]
    """Signed transactions, each in its canonical bytes."""


_encoder = msgspec.msgpack.Encoder()
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


def encode_header_unsigned(header: Header) -> bytes:
    """Return what the block's hash is over: the domain, and all fields but the signature."""
    return _DOMAIN + _encoder.encode(replace(header, signature=b""))


def compute_block_hash(header: Header) -> bytes:
    """Return the 32 bytes that name a block and that its producer signs."""
    return sha256(encode_header_unsigned(header)).digest()


def sign_header(header: Header, producer: Keypair) -> Header:
    """Return the header with the producer's signature."""
    return replace(header, signature=producer.sign(_DOMAIN + compute_block_hash(header)))


def is_header_signed(header: Header) -> bool:
    """Whether the signature is of the producer whom the header names."""
    message = _DOMAIN + compute_block_hash(header)
    try:
        return PublicKey.from_binary(header.producer).verify(message, header.signature)
    except InvalidPublicKey:
        return False


def is_ahead_of_clock(header: Header, clock_ms: int, max_ahead_ms: int) -> bool:
    """Whether a block's time lies too far beyond the clock of who receives it. No rule of the chain (rules
    see no clock): a node doesn't take such a block in, or a producer could open rounds before their time.
    """
    return header.time_ms > clock_ms + max_ahead_ms


def compute_transactions_root(transactions: Sequence[bytes]) -> bytes:
    """Merkle root over the canonical bytes of each transaction."""
    return compute_merkle_root(transactions)


def make_transaction_proof(block: Block, index: int) -> MerkleProof:
    """Return the proof that a transaction is in the block. Raises IndexError."""
    return make_merkle_proof(block.transactions, index)


def verify_transaction_proof(transactions_root: bytes, raw: bytes, proof: MerkleProof) -> None:
    """Check that a transaction is in the block whose header has this root. Raises BadMerkleProof."""
    verify_merkle_proof(transactions_root, raw, proof)
