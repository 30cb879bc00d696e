"""Blocks, bundles and transactions malformed in every field: each is refused with one clear error, never with
another one, and never taken.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chain.blocks.application import InvalidBlock
from chain.blocks.bundle import BadBundle, Bundle, check_bundle, decode_bundle, encode_bundle
from chain.blocks.header import Header, MalformedBlock, compute_block_hash, decode_block, encode_block
from chain.blocks.reports import BEACON, ReceivedReport, sign_arrival
from chain.transactions import (
    InvalidTransaction,
    TransactionBody,
    encode_transaction,
    get_signers,
    sign_transaction,
    verify_signatures,
)
from chain.transactions.encoding import decode_transaction
from tests.unit.chain.bodies import make_bodies
from tests.unit.chain.home import GENESIS_MS, PRODUCER, Home
from tests.unit.chain.world import make_key

A = make_key(1).public_key.binary
KEYS = {pair.public_key.binary: pair for pair in (make_key(n) for n in range(1, 10))}
#: Put in the place of every value there is.
WRONG = [None, True, -1, 5, 2**63, 2**64 - 1, 1.5, "", "x", "x" * 65, b"", b"\x01", bytes(32), bytes(33),
         bytes(100), [], [[]], [1], {}, {"a": 1}]  # fmt: skip

Place = tuple[int, ...]


def list_places(value: Any, place: Place = ()) -> Iterator[Place]:
    """Every value in a tree of lists, the lists themselves included."""
    yield place
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from list_places(item, (*place, index))


def change_at(tree: Any, place: Place, change: Callable[[list[Any], int], None]) -> Any:
    """A copy in which `change` was done to the list that the place is in."""
    changed = [copy.deepcopy(tree)]
    place = (0, *place)
    holder: Any = changed
    for step in place[:-1]:
        holder = holder[step]
    change(holder, place[-1])
    return changed[0]


def list_malformed(raw: bytes) -> Iterator[bytes]:
    """Bytes with one value replaced, left out or doubled, at every place."""
    tree = msgspec.msgpack.decode(raw)
    for place in list_places(tree):
        for wrong in WRONG:

            def replace_it(holder: list[Any], index: int, wrong: Any = wrong) -> None:
                holder[index] = wrong

            yield msgspec.msgpack.encode(change_at(tree, place, replace_it))
        if place:
            yield msgspec.msgpack.encode(change_at(tree, place, lambda holder, index: holder.pop(index)))
            yield msgspec.msgpack.encode(
                change_at(tree, place, lambda holder, index: holder.insert(index, holder[index]))
            )


@pytest.mark.parametrize("body", make_bodies(), ids=lambda body: type(body).__name__)
def test_transactions_malformed_in_every_field(body: TransactionBody) -> None:
    signed = sign_transaction("hexhaul-unit", body, [KEYS[key] for key in get_signers(body)])
    raw = encode_transaction(signed)
    verify_signatures("hexhaul-unit", decode_transaction(raw))
    count = 0
    for malformed in list_malformed(raw):
        if malformed == raw:
            continue
        count += 1
        with pytest.raises(InvalidTransaction) as caught:
            verify_signatures("hexhaul-unit", decode_transaction(malformed))
        assert caught.value.message
    assert count > 100


def test_blocks_malformed_in_every_field(tmp_path: Path) -> None:
    home = Home(tmp_path)
    follower = Home(tmp_path, is_producer=False, name="follower")
    report = sign_arrival(home.chain.chain_id, BEACON, b"x", GENESIS_MS + 5, PRODUCER)
    made = home.propose(home.build_payment(A), reports=[report], after_ms=10_000)
    raw = encode_block(made.block)
    before = dict(follower.store.readable.iterate(b""))
    touched: set[str] = set()
    for malformed in list_malformed(raw):
        if malformed == raw:
            continue
        try:
            block = decode_block(malformed)
        except MalformedBlock as error:
            assert str(error)
            continue
        touched |= {
            name
            for name in Header.__struct_fields__
            if getattr(block.header, name) != getattr(made.block.header, name)
        }
        with pytest.raises(InvalidBlock) as caught:
            follower.engine.apply(block, made.bundle)
        assert str(caught.value)
    assert touched == set(Header.__struct_fields__)
    assert dict(follower.store.readable.iterate(b"")) == before
    follower.follow(made)
    home.store.close()
    follower.store.close()


def test_bundles_malformed_in_every_field(tmp_path: Path) -> None:
    home = Home(tmp_path)
    reports = [
        sign_arrival(home.chain.chain_id, BEACON, b"x%d" % n, GENESIS_MS + n, PRODUCER) for n in (1, 2)
    ]
    made = home.propose(reports=reports, after_ms=5_000)
    assert made.bundle.reports == tuple(reports)
    root, raw = made.block.header.bundle_root, encode_bundle(made.bundle)
    assert check_bundle(raw, root) == made.bundle
    refused = {"not a bundle": 0, "the bytes of bundle": 0}
    for malformed in list_malformed(raw):
        if malformed != raw:
            with pytest.raises(BadBundle) as caught:
                check_bundle(malformed, root)
            for why in refused:
                refused[why] += why in str(caught.value)
    assert all(count > 10 for count in refused.values()), refused
    home.store.close()


@pytest.fixture(scope="module")
def real_block(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    home = Home(tmp_path_factory.mktemp("block"))
    raw = encode_block(home.propose(home.build_payment(A), after_ms=10_000).block)
    home.store.close()
    return raw


@given(st.data())
@settings(max_examples=500)
def test_blocks_with_bytes_altered_have_another_name(real_block: bytes, data: st.DataObject) -> None:
    """Or other transactions or another signature: no two byte strings are one block."""
    raw = bytearray(real_block)
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    if bytes(raw) == real_block:
        return
    try:
        block = decode_block(bytes(raw))
    except MalformedBlock:
        return
    real = decode_block(real_block)
    assert block != real
    assert encode_block(block) == raw
    if block.header != real.header and block.header.signature == real.header.signature:
        assert compute_block_hash(block.header) != compute_block_hash(real.header)


json_like = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=8)
    | st.binary(max_size=40),
    lambda inner: st.lists(inner, max_size=12) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=30,
)  # fmt: skip


@given(st.binary(max_size=300) | json_like.map(msgspec.msgpack.encode))
@settings(max_examples=500)
def test_anything_is_a_block_a_bundle_or_one_clear_error(raw: bytes) -> None:
    with pytest.raises(MalformedBlock):
        decode_block(raw)
    try:
        bundle = decode_bundle(raw)
    except BadBundle as error:
        assert str(error)
    else:
        assert encode_bundle(bundle) == raw


@given(
    st.lists(
        st.builds(
            ReceivedReport,
            kind=st.sampled_from(["beacon", "witness"]),
            report_bytes=st.binary(max_size=50),
            received_at_ms=st.integers(0, 2**63 - 1),
            node_signature=st.binary(max_size=72),
        ),
        max_size=5,
    )
)
def test_bundles_round_trip(reports: list[ReceivedReport]) -> None:
    bundle = Bundle(tuple(reports))
    assert decode_bundle(encode_bundle(bundle)) == bundle


@pytest.mark.parametrize("depth", [1_000, 100_000])
def test_deep_nesting_is_one_clear_error(depth: int) -> None:
    raw = b"\x91" * depth
    with pytest.raises(MalformedBlock):
        decode_block(raw)
    with pytest.raises(BadBundle):
        decode_bundle(raw)
    with pytest.raises(InvalidTransaction):
        decode_transaction(raw)
