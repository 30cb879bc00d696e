"""Merkle roots of a block's transactions and reports (the tree of RFC 9162: leaves and nodes hash
differently).
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256


def compute_merkle_root(leaves: Sequence[bytes]) -> bytes:
    """Return the root over byte strings; of none it is the hash of nothing."""
    if not leaves:
        return sha256(b"").digest()
    level = [sha256(b"\x00" + leaf).digest() for leaf in leaves]
    while len(level) > 1:
        pairs = [
            sha256(b"\x01" + left + right).digest()
            for left, right in zip(level[::2], level[1::2], strict=False)
        ]
        level = pairs + ([level[-1]] if len(level) % 2 else [])
    return level[0]
