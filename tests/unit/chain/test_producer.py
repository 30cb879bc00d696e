"""The producer's key is replaced, over a real engine: whose blocks, arrivals and reveals count."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from chain.blocks.application import InvalidBlock, get_open_round, process_received_report
from chain.blocks.bundle import EMPTY_BUNDLE
from chain.blocks.engine import NotProducer, SingleProducer
from chain.blocks.entropy import LinkChain, compute_entropy, compute_next_link, get_entropy_source
from chain.blocks.header import sign_header
from chain.blocks.reports import BEACON, ReceivedReport, is_arrival_signed_by, sign_arrival
from chain.governance.producer import PRODUCER as PRODUCER_TABLE
from chain.governance.producer import Producer, get_next_producer, get_producer, process_producer_takeover
from chain.keys import Keypair
from chain.ledger.state import MemoryStore, State
from chain.ledger.tables import CHAIN_LINKS, HOTSPOTS, ONLY, Hotspot
from chain.node.data_dir import DataDir, DataDirError
from chain.node.node import Node, NodeFailed, get_time_ms
from chain.transactions import InvalidTransaction, ProducerRotate, Reason, encode_transaction, get_signers
from tests.unit.chain.home import FAUCET, LINKS, PRODUCER, Home, make_genesis, make_parameters
from tests.unit.chain.world import World, make_key

NEW = make_key(31)
NEW_LINKS = LinkChain(b"\x06" * 32)
THIRD = make_key(32)
THIRD_LINKS = LinkChain(b"\x07" * 32)
HEAD: dict[str, Any] = {"payer": FAUCET.public_key.binary, "nonce": 1, "fee": 0}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path)
    yield home
    home.store.close()


@pytest.fixture
def follower(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path, is_producer=False, name="follower")
    yield home
    home.store.close()


def rotate(home: Home, old: Keypair = PRODUCER, new: Keypair = NEW, links: LinkChain = NEW_LINKS) -> bytes:
    body = ProducerRotate(
        **HEAD,
        producer=old.public_key.binary,
        new_producer=new.public_key.binary,
        entropy_anchor=links.get_anchor(),
    )
    return home.build(body, FAUCET, old, new)


def hand_over(home: Home, key: Keypair = NEW, links: LinkChain = NEW_LINKS) -> None:
    """The node is started with the new key and its seed."""
    home.engine = SingleProducer(home.chain, home.store, key, links)


def test_the_new_key_takes_over_when_another_round_has_opened(home: Home, follower: Home) -> None:
    made = [home.make_block(rotate(home))]
    assert [o.included for o in made[0].outcomes] == [True]
    made.append(home.make_block())  # the same round: still the old key
    made.append(home.make_block(after_ms=8_000))  # round 1 opens, by the old chain
    assert made[2].block.header.entropy_reveal == LINKS.get_reveal(
        replace(get_entropy_source(home.state), anchor=LINKS.get_anchor())
    )
    with pytest.raises(NotProducer, match=r"is not the producer: from block 4 on .* makes the blocks"):
        home.propose()
    hand_over(home)
    made.append(home.make_block())
    assert [event.kind for event in made[3].events] == ["producer_rotated"]
    assert get_producer(home.state) == Producer(NEW.public_key.binary, since_height=4)
    source = get_entropy_source(home.state)
    assert (source.anchor, source.links_left) == (NEW_LINKS.get_anchor(), CHAIN_LINKS)
    mix = source.mix
    made.append(home.make_block(after_ms=10_000))  # round 2 opens, by the new chain
    reveal = made[4].block.header.entropy_reveal
    assert compute_next_link(reveal) == NEW_LINKS.get_anchor()
    assert get_open_round(home.state).entropy == compute_entropy(reveal, mix, 2)
    assert get_entropy_source(home.state).links_left == CHAIN_LINKS - 1
    for block in made:
        assert follower.follow(block).events == block.events
    assert {block.block.header.producer for block in made[3:]} == {NEW.public_key.binary}
    assert follower.engine.head == home.engine.head


def test_a_rotation_in_the_block_that_opens_a_round(home: Home, follower: Home) -> None:
    """Its reveal is of the old chain. The first of the new one is mixed with secrets of later."""
    made = [home.make_block(), home.make_block(rotate(home), after_ms=9_000)]
    assert [o.included for o in made[1].outcomes] == [True]
    hand_over(home)
    made.append(home.make_block())  # round 1 has opened since
    made.append(home.make_block(after_ms=10_000))
    for block in made:
        follower.follow(block)
    assert follower.engine.head == home.engine.head


def test_a_restarted_node_with_the_new_key_goes_on(home: Home) -> None:
    home.make_block(rotate(home))
    home.make_block(after_ms=10_000)
    for _ in range(3):
        hand_over(home, links=LinkChain(b"\x06" * 32))
        home.make_block(after_ms=10_000)
    assert home.engine.head.height == 5


def test_one_rotation_after_another(home: Home, follower: Home) -> None:
    made = [home.make_block(rotate(home)), home.make_block(after_ms=10_000)]
    hand_over(home)
    made.append(home.make_block(rotate(home, NEW, THIRD, THIRD_LINKS)))
    made.append(home.make_block(after_ms=10_000))
    hand_over(home, THIRD, THIRD_LINKS)
    made += [home.make_block(after_ms=10_000), home.make_block(after_ms=10_000)]
    for block in made:
        follower.follow(block)
    assert get_producer(home.state) == Producer(THIRD.public_key.binary, since_height=5)


# Blocks and reports of the wrong key


def test_a_block_of_the_old_key_is_refused_afterwards(home: Home, follower: Home) -> None:
    for block in (home.make_block(rotate(home)), home.make_block(after_ms=10_000)):
        follower.follow(block)
    hand_over(home)
    block = home.make_block().block
    forged = replace(
        block, header=sign_header(replace(block.header, producer=PRODUCER.public_key.binary), PRODUCER)
    )
    with pytest.raises(InvalidBlock, match="wrong producer"):
        follower.engine.apply(forged, EMPTY_BUNDLE)
    stolen = replace(block, header=sign_header(block.header, PRODUCER))
    with pytest.raises(InvalidBlock, match="isn't signed by its producer"):
        follower.engine.apply(stolen, EMPTY_BUNDLE)


def test_a_block_of_the_new_key_is_refused_before(home: Home, follower: Home) -> None:
    follower.follow(home.make_block(rotate(home)))
    block = home.propose().block
    early = replace(block, header=sign_header(replace(block.header, producer=NEW.public_key.binary), NEW))
    with pytest.raises(InvalidBlock, match="wrong producer"):
        follower.engine.apply(early, EMPTY_BUNDLE)
    hand_over(home)
    with pytest.raises(NotProducer):
        home.propose()


def test_arrivals_count_by_the_producer_at_the_blocks_start(home: Home) -> None:
    context = home.chain.get_context(home.state, 9, home.now_ms + 10, get_open_round(home.state))
    reports = {
        key: sign_arrival(home.chain.chain_id, BEACON, b"x", home.now_ms, key) for key in (PRODUCER, NEW)
    }
    state = State(home.store.committed)
    process_received_report(state, reports[PRODUCER], home.chain, context)
    with pytest.raises(InvalidBlock, match="isn't signed by the node"):
        process_received_report(state, reports[NEW], home.chain, context)
    state.put(PRODUCER_TABLE, ONLY, Producer(NEW.public_key.binary, since_height=9))
    process_received_report(state, reports[NEW], home.chain, context)
    with pytest.raises(InvalidBlock, match="isn't signed by the node"):
        process_received_report(state, reports[PRODUCER], home.chain, context)


# The node


async def test_the_node_stops_with_a_clear_line_and_goes_on_with_the_new_key(tmp_path: Path) -> None:
    """What it took in under the old key and no block has yet counts under the new one."""
    parameters = make_parameters(block_interval_ms=20)
    coverage = replace(
        parameters.coverage, round_ms=400, opening_ms=100, first_slot_ms=1, closing_margin_ms=1
    )
    genesis = make_genesis(replace(parameters, coverage=coverage), time_ms=get_time_ms())
    home = Home(tmp_path, genesis)
    node = Node(home.engine, home.store, PRODUCER)
    await node.start()
    await node.submit_transaction(rotate(home))
    async with asyncio.timeout(30):
        with pytest.raises(NodeFailed, match=r"^1[a-zA-Z0-9]+ is not the producer: from block"):
            await node.wait_failed()
    await node.accept_report(BEACON, b"nonsense")
    await node.stop()

    home.open()
    hand_over(home)
    node = Node(home.engine, home.store, NEW)
    taken: list[ReceivedReport] = []
    node.on_block(lambda applied: taken.extend(applied.bundle.reports))
    height = home.engine.head.height
    await node.start()
    async with asyncio.timeout(30):
        while not taken:
            height = await node.wait_for_block_after(height)
    assert [report.report_bytes for report in taken] == [b"nonsense"]
    assert is_arrival_signed_by(home.chain.chain_id, taken[0], NEW.public_key)
    await node.stop()


# The data directory


def test_the_key_must_be_the_one_whose_turn_it_is(home: Home, tmp_path: Path) -> None:
    folder = DataDir(tmp_path)
    folder.check_producer(PRODUCER, home.state)
    with pytest.raises(DataDirError, match=r"are made by .* put that key and its entropy seed here"):
        folder.check_producer(NEW, home.state)
    home.make_block(rotate(home))
    folder.check_producer(PRODUCER, home.state)
    with pytest.raises(DataDirError, match="takes over when the next round has opened"):
        folder.check_producer(NEW, home.state)
    home.make_block(after_ms=10_000)
    folder.check_producer(NEW, home.state)
    with pytest.raises(DataDirError, match="put that key"):
        folder.check_producer(PRODUCER, home.state)


def test_a_new_network_names_one_deciding_key_and_one_reporter(tmp_path: Path) -> None:
    folder = DataDir(tmp_path)
    governance = folder.create("unit", 1_700_000_000_000, make_parameters()).governance
    assert governance.threshold == 1
    for path, keys in (
        (folder.governance_key, governance.keys),
        (folder.reporter_key, governance.price_reporters),
    ):
        assert path.stat().st_mode & 0o777 == 0o600
        assert (Keypair.load(path).public_key.binary,) == keys


# The rule


def make_world() -> World:
    """alice pays; pia makes the blocks; round 3 is open."""
    world = World()
    world.state.put(PRODUCER_TABLE, ONLY, Producer(world["pia"], since_height=1))
    world.commit()
    return world


def make(world: World, **changes: Any) -> ProducerRotate:
    body = ProducerRotate(
        **world.head("alice"),
        producer=world["pia"],
        new_producer=world["nina"],
        entropy_anchor=b"\x01" * 32,
    )
    return replace(body, **changes)


def test_payer_old_and_new_key_sign() -> None:
    world = make_world()
    assert get_signers(make(world)) == (world["alice"], world["pia"], world["nina"])


def test_only_the_producer_hands_over() -> None:
    world = make_world()
    for somebody in ("alice", "nina", "bob"):
        world.refuse(make(world, producer=world[somebody], new_producer=world["x"]), Reason.NOT_PRODUCER)


def test_one_rotation_at_a_time() -> None:
    world = make_world()
    world.apply(make(world))
    world.refuse(make(world), Reason.ROTATION_PENDING)
    world.refuse(make(world, new_producer=world["bob"]), Reason.ROTATION_PENDING)


def test_keys_that_are_something_else() -> None:
    world = make_world()
    world.refuse(make(world, new_producer=world["pia"]), Reason.KEY_IN_USE)
    world.state.put(HOTSPOTS, world["hotspot"], Hotspot(world["bob"], 1))
    world.refuse(make(world, new_producer=world["hotspot"]), Reason.KEY_IN_USE)
    world.register_router("carol")
    world.refuse(make(world, new_producer=world["carol"]), Reason.KEY_IN_USE)


def test_the_old_chain_is_no_new_chain(home: Home) -> None:
    applied = home.make_block(rotate(home, links=LINKS))
    assert [o.code for o in applied.outcomes] == ["anchor_unchanged"]


def test_the_takeover_waits_for_another_round() -> None:
    world = make_world()
    world.apply(make(world))
    assert process_producer_takeover(world.state, world.context) == []
    assert get_next_producer(world.state, 3) == world["pia"]
    assert get_next_producer(world.state, 4) == world["nina"]


def test_without_a_genesis_there_is_no_producer() -> None:
    state = State(MemoryStore())
    with pytest.raises(LookupError, match="no producer"):
        get_producer(state)


def test_a_missing_signature_of_the_new_key(home: Home) -> None:
    raw = rotate(home)
    signed = home.engine.check(raw).signed
    cut = encode_transaction(replace(signed, signatures=signed.signatures[:2]))
    with pytest.raises(InvalidTransaction) as caught:
        home.engine.check(cut)
    assert caught.value.code is Reason.WRONG_SIGNATURE_COUNT
