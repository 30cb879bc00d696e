"""Merkle roots of a block's transactions and reports, and proofs that one of them is in it.

The tree of RFC 9162 (Certificate Transparency): leaves and nodes hash differently, so no node can pass for a
leaf, and an odd node at the end of a level moves up unchanged, so no list has the root of another.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Annotated

import msgspec
from msgspec import Meta

HASH_BYTES = 32
#: Levels of a tree of 2^32 leaves: longer proofs are none.
MAX_LEVELS = 32


class BadMerkleProof(ValueError):
    """The proof doesn't lead from the leaf to the root; the message says why."""


class MerkleProof(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Shows that a leaf is the one at `index` of `leaves`."""

    index: Annotated[int, Meta(ge=0, lt=2**MAX_LEVELS)]
    leaves: Annotated[int, Meta(ge=1, le=2**MAX_LEVELS)]
    """How many the whole list has."""
    siblings: tuple[bytes, ...]
    """From the leaf up to below the root."""


def compute_leaf_hash(leaf: bytes) -> bytes:
    """Hash of one byte string of the list."""
    return sha256(b"\x00" + leaf).digest()


def compute_merkle_root(leaves: Sequence[bytes]) -> bytes:
    """Return the root over byte strings; of none it is the hash of nothing."""
    if not leaves:
        return sha256(b"").digest()
    level = [sha256(b"\x00" + leaf).digest() for leaf in leaves]
    while len(level) > 1:
        level = _compute_level_above(level)
    return level[0]


def make_merkle_proof(leaves: Sequence[bytes], index: int) -> MerkleProof:
    """Return the proof of one leaf. Raises IndexError where there is no such leaf."""
    if not 0 <= index < len(leaves):
        raise IndexError(f"leaf {index} of {len(leaves)}")
    level = [compute_leaf_hash(leaf) for leaf in leaves]
    siblings = []
    place = index
    while len(level) > 1:
        if place ^ 1 < len(level):
            siblings.append(level[place ^ 1])
        level = _compute_level_above(level)
        place >>= 1
    return MerkleProof(index=index, leaves=len(leaves), siblings=tuple(siblings))


def verify_merkle_proof(root: bytes, leaf: bytes, proof: MerkleProof) -> None:
    """Check that `leaf` is where the proof says. Raises BadMerkleProof."""
    if not 0 <= proof.index < proof.leaves:
        raise BadMerkleProof(f"leaf {proof.index} of {proof.leaves}: there is no such leaf")
    node = compute_leaf_hash(leaf)
    place, last = proof.index, proof.leaves - 1
    siblings = iter(proof.siblings)
    while last:
        if place & 1 or place < last:
            sibling = next(siblings, None)
            if sibling is None or len(sibling) != HASH_BYTES:
                raise BadMerkleProof("a sibling is missing, or is no hash of 32 bytes")
            node = sha256(b"\x01" + (sibling + node if place & 1 else node + sibling)).digest()
        place, last = place >> 1, last >> 1
    if next(siblings, None) is not None:
        raise BadMerkleProof(f"{len(proof.siblings)} siblings are more than {proof.leaves} leaves have")
    if node != root:
        raise BadMerkleProof(f"the proof leads to {node.hex()}, not to the root {root.hex()}")


def _compute_level_above(level: list[bytes]) -> list[bytes]:
    above = [
        sha256(b"\x01" + left + right).digest() for left, right in zip(level[::2], level[1::2], strict=False)
    ]
    return above + ([level[-1]] if len(level) % 2 else [])
