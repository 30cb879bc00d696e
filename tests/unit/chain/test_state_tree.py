"""The state tree: its root says what the rows are and nothing else, and its proofs can't lie."""

from __future__ import annotations

from hashlib import sha256

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from chain.ledger.state_tree import (
    BadStateProof,
    StateProof,
    StateTree,
    compute_bucket_hash,
    compute_node_hash,
    verify_state_proof,
)

BITS = 3  # few buckets, so that rows share them
keys = st.integers(0, 60).map(lambda n: b"key %d" % n)
values = st.integers(0, 5).map(lambda n: b"value %d" % n)
histories = st.lists(st.dictionaries(keys, st.none() | values, max_size=12), max_size=8)


def apply(history: list[dict[bytes, bytes | None]], bits: int = BITS) -> tuple[StateTree, dict[bytes, bytes]]:
    tree, model = StateTree(bits), dict[bytes, bytes]()
    for changes in history:
        tree.commit(tree.compute_update(sorted(changes.items(), key=lambda change: change[0])))
        for key, value in changes.items():
            if value is None:
                model.pop(key, None)
            else:
                model[key] = value
    return tree, model


def make_tree(rows: int = 40, bits: int = BITS) -> StateTree:
    return StateTree.build(((b"key %d" % n, b"value %d" % n) for n in range(rows)), bits)


def test_the_root_by_hand() -> None:
    def entry(key: bytes, value: bytes) -> bytes:
        return sha256(key).digest() + sha256(value).digest()

    a, b, c = (entry(key, b"v" + key) for key in (b"a", b"b", b"d"))
    # SHA-256 of a, b and d begins with ca, 3e and 18: the two low ones share a bucket of a tree of two.
    assert [entry[0] for entry in (a, b, c)] == [0xCA, 0x3E, 0x18]
    left = sha256(b"\x00" + c + b).digest()
    right = sha256(b"\x00" + a).digest()
    tree = StateTree.build([(b"a", b"va"), (b"b", b"vb"), (b"d", b"vd")], bits=1)
    assert tree.root == sha256(b"\x01" + left + right).digest()
    assert tree.rows == 3


@given(histories)
def test_the_root_is_that_of_the_rows_whatever_the_history(history: list) -> None:
    tree, model = apply(history)
    assert tree.root == StateTree.build(model.items(), BITS).root
    assert tree.root == StateTree.build(reversed(model.items()), BITS).root
    assert tree.rows == len(model)
    together = StateTree(BITS)
    together.commit(together.compute_update(list(model.items())))
    assert together.root == tree.root


@given(st.dictionaries(keys, values, max_size=20), st.dictionaries(keys, values, max_size=20))
def test_two_states_have_one_root_only_if_they_are_one(one: dict, other: dict) -> None:
    roots = {StateTree.build(rows.items(), BITS).root for rows in (one, other)}
    assert len(roots) == (1 if one == other else 2)


@given(histories, st.dictionaries(keys, st.none() | values, max_size=12))
def test_a_proposed_update_changes_nothing(history: list, changes: dict) -> None:
    tree, model = apply(history)
    root = tree.root
    update = tree.compute_update(list(changes.items()))
    assert tree.root == root == StateTree.build(model.items(), BITS).root
    assert tree.compute_update(list(changes.items())) == update
    tree.commit(update)
    assert tree.root == update.root


@given(histories, keys)
def test_proofs_of_presence_and_absence(history: list, key: bytes) -> None:
    tree, model = apply(history)
    proof = tree.make_proof(key)
    found = verify_state_proof(tree.root, BITS, key, proof)
    assert found == (sha256(model[key]).digest() if key in model else None)


@given(histories, keys, st.data())
@settings(max_examples=200)
def test_a_proof_with_a_byte_altered_fails(history: list, key: bytes, data: st.DataObject) -> None:
    tree, _ = apply(history)
    raw = bytearray(msgspec.msgpack.encode(tree.make_proof(key)))
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    try:
        altered = msgspec.msgpack.decode(bytes(raw), type=StateProof)
    except msgspec.MsgspecError:
        return
    with pytest.raises(BadStateProof):
        verify_state_proof(tree.root, BITS, key, altered)


@pytest.mark.parametrize("bits", [1, 2, 9, 16])
def test_other_depths(bits: int) -> None:
    tree = make_tree(bits=bits)
    for key, is_there in ((b"key 7", True), (b"key 40", False)):
        proof = tree.make_proof(key)
        assert len(proof.siblings) == bits
        found = verify_state_proof(tree.root, bits, key, proof)
        assert found == (sha256(b"value 7").digest() if is_there else None)


def entry_of(key: bytes, value: bytes) -> bytes:
    return sha256(key).digest() + sha256(value).digest()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: replace(p, siblings=p.siblings[:-1]), "2 siblings"),
        (lambda p: replace(p, siblings=(*p.siblings, bytes(32))), "4 siblings"),
        (lambda p: replace(p, siblings=p.siblings[::-1]), "leads to"),
        (lambda p: replace(p, siblings=(p.siblings[0][:-1], *p.siblings[1:])), "a hash has 32"),
        (lambda p: replace(p, siblings=(p.siblings[0] + b"\0", *p.siblings[1:])), "a hash has 32"),
        (lambda p: replace(p, entries=p.entries[:-1]), "its entries have 64"),
        (lambda p: replace(p, entries=b""), "leads to"),
        (lambda p: replace(p, entries=p.entries[64:]), "leads to"),
        (lambda p: replace(p, entries=p.entries[64:128] + p.entries[:64] + p.entries[128:]), "out of order"),
        (lambda p: replace(p, entries=p.entries[:64] + p.entries), "out of order"),
        (lambda p: replace(p, entries=p.entries + b"\xff" * 64), "another bucket"),
    ],
)
def test_proofs_of_another_shape(change, message: str) -> None:
    tree = make_tree()
    key = next(key for key in (b"key %d" % n for n in range(40)) if sha256(key).digest()[0] < 0x20)
    proof = tree.make_proof(key)
    assert len(proof.entries) >= 128
    with pytest.raises(BadStateProof, match=message):
        verify_state_proof(tree.root, BITS, key, change(proof))


def test_a_proof_for_another_key_shows_nothing() -> None:
    """An honest proof of a bucket that the key isn't in must not pass for its absence."""
    tree = make_tree()
    first, second = (
        b"key 1",
        next(
            key
            for key in (b"key %d" % n for n in range(40))
            if sha256(key).digest()[0] >> 5 != sha256(b"key 1").digest()[0] >> 5
        ),
    )
    with pytest.raises(BadStateProof):
        verify_state_proof(tree.root, BITS, first, tree.make_proof(second))


def test_an_older_proof_fails_under_a_newer_root() -> None:
    tree = make_tree()
    proof = tree.make_proof(b"key 7")
    tree.commit(tree.compute_update([(b"key 7", b"new")]))
    with pytest.raises(BadStateProof, match="leads to"):
        verify_state_proof(tree.root, BITS, b"key 7", proof)


def test_a_bucket_is_no_node() -> None:
    """64 bytes are an entry, or two hashes: the two hash differently."""
    assert compute_bucket_hash(bytes(64)) != compute_node_hash(bytes(32), bytes(32))


def test_a_value_that_looks_like_a_path() -> None:
    """The search for a path must not be misled by a hash of a value with the same bytes."""
    tree = StateTree(1)
    low = [key for key in (b"%d" % n for n in range(40)) if sha256(key).digest()[0] < 0x80]
    tree.commit(tree.compute_update([(low[0], low[1]), (low[2], b"x")]))  # value hash of 0 = path of 1
    assert verify_state_proof(tree.root, 1, low[1], tree.make_proof(low[1])) is None
    tree.commit(tree.compute_update([(low[1], b"y")]))
    assert tree.root == StateTree.build([(low[0], low[1]), (low[2], b"x"), (low[1], b"y")], 1).root
    tree.commit(tree.compute_update([(low[1], None)]))
    assert tree.root == StateTree.build([(low[0], low[1]), (low[2], b"x")], 1).root


def test_an_update_of_another_state_is_refused() -> None:
    tree = make_tree()
    one, two = tree.compute_update([(b"a", b"1")]), tree.compute_update([(b"a", b"2")])
    tree.commit(one)
    with pytest.raises(ValueError, match="another state"):
        tree.commit(two)


@pytest.mark.parametrize("bits", [0, -1, 25])
def test_depths_that_are_none(bits: int) -> None:
    with pytest.raises(ValueError, match="state_tree_bits"):
        StateTree(bits)
