"""The state root: one hash in each header that says what every row of the state is, and a short proof for
any row that it is there, or that it isn't.

    path of a row  = SHA-256(its key), value hash = SHA-256(its value)
    bucket         = the path's first `bits` bits; its content is its rows' path || value hash, by path
    bucket hash    = SHA-256(0x00 || content);  node = SHA-256(0x01 || left || right), up to the root

The tree has 2^bits buckets, always, so its shape depends on nothing but the rows: whatever the order in
which they came, two nodes with the same rows have the same root. Buckets hold some dozen rows rather than
one, as a tree down to the single row would cost several times the hashes and the memory for a proof that is
hardly shorter. A proof is the content of one bucket and one sibling per level: absence shows by the content
having no such path.

Precedent: the state tries of Ethereum (a proof of absence from the root in the header); a fixed tree of
buckets as in Hyperledger Fabric 0.6.

The structure is in memory: 64 bytes a row and 2^(bits + 1) hashes. `compute_update` changes nothing, so that
a block that was only proposed can be thrown away; `commit` takes its result over.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256

import msgspec

HASH_BYTES = 32
ENTRY_BYTES = 2 * HASH_BYTES
MIN_BITS, MAX_BITS = 1, 24
#: Depth of the tree unless the genesis says otherwise: 65,536 buckets, 15 rows in each of a million.
DEFAULT_BITS = 16


class BadStateProof(ValueError):
    """The proof doesn't lead to the root; the message says where it fails."""


class StateProof(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What shows a key's value hash, or that there is no such key."""

    entries: bytes
    """The bucket's content: path and value hash of each row, 64 bytes each, by path."""
    siblings: tuple[bytes, ...]
    """From the bucket up to below the root."""


class TreeUpdate(msgspec.Struct, frozen=True):
    """What some changes make of the tree; `StateTree.commit` takes it over."""

    base: bytes
    """Root of the tree that it was computed on."""
    root: bytes
    buckets: dict[int, bytes]
    """New content by bucket number."""
    nodes: dict[int, bytes]
    """New hashes by place: the root is 1, the children of n are 2n and 2n + 1."""


def compute_path(key: bytes) -> bytes:
    """Where a key stands, 32 bytes."""
    return sha256(key).digest()


def compute_bucket_hash(entries: bytes) -> bytes:
    """Hash of one bucket's content."""
    return sha256(b"\x00" + entries).digest()


def compute_node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node."""
    return sha256(b"\x01" + left + right).digest()


class StateTree:
    """The tree over the committed rows. Not for use from two threads."""

    def __init__(self, bits: int = DEFAULT_BITS) -> None:
        """Make the tree of an empty state; `bits` from 1 to 24. Raises ValueError."""
        if not MIN_BITS <= bits <= MAX_BITS:
            raise ValueError(f"state_tree_bits is {bits}: must be {MIN_BITS} to {MAX_BITS}")
        self.bits = bits
        self.rows = 0
        self._buckets: list[bytes] = [b""] * 2**bits
        self._nodes: list[bytes] = [b""] * 2 ** (bits + 1)
        empty = compute_bucket_hash(b"")
        for level in range(bits, -1, -1):
            # All nodes of a level that has no row are one object: an empty tree costs pointers only.
            self._nodes[2**level : 2 ** (level + 1)] = [empty] * 2**level
            empty = compute_node_hash(empty, empty)

    @staticmethod
    def build(pairs: Iterable[tuple[bytes, bytes]], bits: int = DEFAULT_BITS) -> StateTree:
        """Make the tree of all rows (key, value), each key once, in any order."""
        tree = StateTree(bits)
        shift = 32 - bits
        entries: dict[int, list[bytes]] = {}
        for key, value in pairs:
            path = sha256(key).digest()
            entry = path + sha256(value).digest()
            number = int.from_bytes(path[:4], "big") >> shift
            if number in entries:
                entries[number].append(entry)
            else:
                entries[number] = [entry]
            tree.rows += 1
        buckets = {number: b"".join(sorted(bucket)) for number, bucket in entries.items()}
        tree.commit(tree._make_update(buckets), count=False)
        return tree

    @property
    def root(self) -> bytes:
        """The state root, 32 bytes."""
        return self._nodes[1]

    def compute_update(self, changes: Sequence[tuple[bytes, bytes | None]]) -> TreeUpdate:
        """Return what the changes (key, new value or None where the row is gone; each key once) make of the
        tree, which itself stays as it is.
        """
        shift = 32 - self.bits
        buckets: dict[int, bytes] = {}
        for key, value in changes:
            path = sha256(key).digest()
            number = int.from_bytes(path[:4], "big") >> shift
            content = buckets.get(number)
            buckets[number] = _set_entry(
                self._buckets[number] if content is None else content,
                path,
                None if value is None else sha256(value).digest(),
            )
        return self._make_update(buckets)

    def commit(self, update: TreeUpdate, count: bool = True) -> None:
        """Take an update over. Raises ValueError for one that was computed on another tree."""
        if update.base != self.root:
            raise ValueError("the update was computed on another state")
        for number, content in update.buckets.items():
            if count:
                self.rows += (len(content) - len(self._buckets[number])) // ENTRY_BYTES
            self._buckets[number] = content
        for place, node in update.nodes.items():
            self._nodes[place] = node

    def make_proof(self, key: bytes) -> StateProof:
        """Return the proof of what the key's value hash is, or that there is no such key."""
        number = _get_bucket(compute_path(key), self.bits)
        place = 2**self.bits + number
        siblings = []
        while place > 1:
            siblings.append(self._nodes[place ^ 1])
            place >>= 1
        return StateProof(entries=self._buckets[number], siblings=tuple(siblings))

    def _make_update(self, buckets: dict[int, bytes]) -> TreeUpdate:
        """Hash these buckets and all nodes above them, level by level."""
        first = 2**self.bits
        level = {first + number: compute_bucket_hash(content) for number, content in buckets.items()}
        nodes = dict(level)
        old = self._nodes
        while level and 1 not in level:
            above: dict[int, bytes] = {}
            for place in {place >> 1 for place in level}:
                left, right = 2 * place, 2 * place + 1
                above[place] = sha256(
                    b"\x01" + (level.get(left) or old[left]) + (level.get(right) or old[right])
                ).digest()
            nodes.update(above)
            level = above
        return TreeUpdate(base=self.root, root=nodes.get(1, self.root), buckets=buckets, nodes=nodes)


def verify_state_proof(root: bytes, bits: int, key: bytes, proof: StateProof) -> bytes | None:
    """Return the hash of the key's value under `root`, or None where the proof shows that there is no such
    key. Raises BadStateProof for one that shows neither.
    """
    entries = proof.entries
    path = compute_path(key)
    number = _get_bucket(path, bits)
    if len(entries) % ENTRY_BYTES:
        raise BadStateProof(f"a bucket of {len(entries)} bytes: its entries have {ENTRY_BYTES} each")
    if len(proof.siblings) != bits:
        raise BadStateProof(f"{len(proof.siblings)} siblings: this network's tree has {bits} levels")
    found: bytes | None = None
    previous = b""
    for start in range(0, len(entries), ENTRY_BYTES):
        entry_path = entries[start : start + HASH_BYTES]
        if entry_path <= previous or _get_bucket(entry_path, bits) != number:
            raise BadStateProof("the bucket's entries are out of order, or of another bucket")
        if entry_path == path:
            found = entries[start + HASH_BYTES : start + ENTRY_BYTES]
        previous = entry_path
    node = compute_bucket_hash(entries)
    place = 2**bits + number
    for sibling in proof.siblings:
        if len(sibling) != HASH_BYTES:
            raise BadStateProof(f"a sibling of {len(sibling)} bytes: a hash has {HASH_BYTES}")
        node = compute_node_hash(sibling, node) if place & 1 else compute_node_hash(node, sibling)
        place >>= 1
    if node != root:
        raise BadStateProof(f"the proof leads to {node.hex()}, the header's state root is {root.hex()}")
    return found


def _get_bucket(path: bytes, bits: int) -> int:
    return int.from_bytes(path[:4], "big") >> (32 - bits)


def _set_entry(content: bytes, path: bytes, value_hash: bytes | None) -> bytes:
    """Return a bucket's content with one entry put in, replaced or (None) taken out."""
    start = content.find(path)
    while start % ENTRY_BYTES and start >= 0:
        start = content.find(path, start + 1)  # the bytes of a hash that happen to look like this path
    if start >= 0:
        rest = content[start + ENTRY_BYTES :]
        return content[:start] + rest if value_hash is None else content[:start] + path + value_hash + rest
    if value_hash is None:
        return content
    low, high = 0, len(content) // ENTRY_BYTES
    while low < high:
        middle = (low + high) // 2
        if content[middle * ENTRY_BYTES : middle * ENTRY_BYTES + HASH_BYTES] < path:
            low = middle + 1
        else:
            high = middle
    start = low * ENTRY_BYTES
    return content[:start] + path + value_hash + content[start:]
