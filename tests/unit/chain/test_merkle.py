"""Merkle roots and inclusion proofs of transactions and reports."""

from __future__ import annotations

from hashlib import sha256

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from chain.blocks.merkle import (
    BadMerkleProof,
    MerkleProof,
    compute_merkle_root,
    make_merkle_proof,
    verify_merkle_proof,
)

leaves = st.lists(st.binary(max_size=3), min_size=1, max_size=40)


def make_leaves(count: int) -> list[bytes]:
    return [b"leaf %d" % n for n in range(count)]


def test_roots_by_hand() -> None:
    def leaf(value: bytes) -> bytes:
        return sha256(b"\x00" + value).digest()

    def node(left: bytes, right: bytes) -> bytes:
        return sha256(b"\x01" + left + right).digest()

    a, b, c = leaf(b"a"), leaf(b"b"), leaf(b"c")
    assert compute_merkle_root([]) == sha256(b"").digest()
    assert compute_merkle_root([b"a"]) == a
    assert compute_merkle_root([b"a", b"b"]) == node(a, b)
    assert compute_merkle_root([b"a", b"b", b"c"]) == node(node(a, b), c)
    assert compute_merkle_root([b"a", b"b", b"c", b"c"]) != compute_merkle_root([b"a", b"b", b"c"])


def test_proofs_by_hand() -> None:
    a, b, c = (sha256(b"\x00" + value).digest() for value in (b"a", b"b", b"c"))
    ab = sha256(b"\x01" + a + b).digest()
    assert make_merkle_proof([b"a", b"b", b"c"], 0) == MerkleProof(0, 3, (b, c))
    assert make_merkle_proof([b"a", b"b", b"c"], 2) == MerkleProof(2, 3, (ab,))
    assert make_merkle_proof([b"a"], 0) == MerkleProof(0, 1, ())


@pytest.mark.parametrize("count", [*range(1, 20), 31, 32, 33, 100])
def test_every_leaf_has_its_proof(count: int) -> None:
    values = make_leaves(count)
    root = compute_merkle_root(values)
    for index, leaf in enumerate(values):
        verify_merkle_proof(root, leaf, make_merkle_proof(values, index))


@given(leaves, st.data())
@settings(max_examples=300)
def test_a_proof_shows_one_leaf_at_one_place(values: list[bytes], data: st.DataObject) -> None:
    root = compute_merkle_root(values)
    index, other = (data.draw(st.integers(0, len(values) - 1)) for _ in range(2))
    proof = make_merkle_proof(values, index)
    for claimed, leaf in ((index, values[other]), (other, values[index])):
        if values[claimed] == leaf:
            continue
        with pytest.raises(BadMerkleProof):
            verify_merkle_proof(root, leaf, replace(proof, index=claimed))


@given(st.integers(1, 40), st.data())
@settings(max_examples=300)
def test_a_proof_with_a_byte_altered_shows_nothing_else(count: int, data: st.DataObject) -> None:
    values = make_leaves(count)
    root, index = compute_merkle_root(values), data.draw(st.integers(0, count - 1))
    proof = make_merkle_proof(values, index)
    raw = bytearray(msgspec.msgpack.encode(proof))
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    try:
        altered = msgspec.msgpack.decode(bytes(raw), type=MerkleProof)
    except msgspec.MsgspecError:
        return
    try:
        verify_merkle_proof(root, values[index], altered)
    except BadMerkleProof:
        return
    # The path through the tree of one size can be that of another: then the leaf is still this leaf.
    assert altered.siblings == proof.siblings


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: replace(p, siblings=p.siblings[:-1]), "missing"),
        (lambda p: replace(p, siblings=(*p.siblings, bytes(32))), "more than"),
        (lambda p: replace(p, siblings=(p.siblings[0][:31], *p.siblings[1:])), "no hash"),
        (lambda p: replace(p, siblings=p.siblings[::-1]), "leads to"),
        (lambda p: replace(p, index=5), "leads to"),
        (lambda p: replace(p, index=11), "no such leaf"),
        (lambda p: replace(p, index=-1), "no such leaf"),
        (lambda p: replace(p, leaves=0), "no such leaf"),
        (lambda p: replace(p, leaves=2**32), "missing"),
    ],
)
def test_proofs_of_another_shape(change, message: str) -> None:
    values = make_leaves(11)
    proof = make_merkle_proof(values, 4)
    with pytest.raises(BadMerkleProof, match=message):
        verify_merkle_proof(compute_merkle_root(values), values[4], change(proof))


def test_a_node_is_no_leaf() -> None:
    values = make_leaves(4)
    left, right = (sha256(b"\x00" + leaf).digest() for leaf in values[:2])
    proof = MerkleProof(0, 2, make_merkle_proof(values, 0).siblings[1:])
    with pytest.raises(BadMerkleProof):
        verify_merkle_proof(compute_merkle_root(values), left + right, proof)


@pytest.mark.parametrize("index", [-1, 3])
def test_leaves_that_are_not_there(index: int) -> None:
    with pytest.raises(IndexError):
        make_merkle_proof(make_leaves(3), index)
