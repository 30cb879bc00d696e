from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from chain.blocks.application import InvalidBlock
from chain.blocks.bundle import EMPTY_BUNDLE, EMPTY_BUNDLE_ROOT, Bundle, check_bundle, compute_bundle_root
from chain.blocks.engine import SingleProducer
from chain.blocks.entropy import LinkChain, compute_entropy, get_entropy_source
from chain.blocks.genesis import InvalidGenesis, decode_genesis
from chain.blocks.header import (
    Block,
    Header,
    MalformedBlock,
    compute_block_hash,
    compute_transactions_root,
    decode_block,
    encode_block,
    is_header_signed,
    sign_header,
)
from chain.blocks.reports import BEACON, WITNESS, is_arrival_signed_by, sign_arrival
from chain.ledger.conservation import BooksDontAddUp
from chain.ledger.state import State
from chain.ledger.state_tree import StateTree
from chain.ledger.tables import ACCOUNTS, CARRIED_DATA, Account, CarriedData, get_account
from chain.store.chain_store import StoreError
from tests.unit.chain.home import FAUCET, GENESIS_MS, PRODUCER, SEED, Home, make_genesis, make_parameters
from tests.unit.chain.world import make_key

ALICE, BOB = make_key(1), make_key(2)
A, B = ALICE.public_key.binary, BOB.public_key.binary


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path)
    yield home
    home.store.close()


@pytest.fixture
def follower(tmp_path: Path) -> Iterator[Home]:
    """A second node of the same network, without the producer's keys."""
    home = Home(tmp_path, is_producer=False, name="follower")
    yield home
    home.store.close()


def test_a_block_of_payments(home: Home) -> None:
    applied = home.make_block(home.build_payment(A), after_ms=500)
    assert applied.head.height == 1
    assert get_account(home.state, A).hxt == 10**8
    assert home.store.get_head() == applied.head == home.engine.head
    assert [o.included for o in applied.outcomes] == [True]
    assert home.store.get_outcome(applied.outcomes[0].id) == applied.outcomes[0]
    assert decode_block(home.store.get_block(1)) == applied.block
    assert is_header_signed(applied.block.header)


def test_an_invalid_transaction_is_left_out_and_told(home: Home) -> None:
    good, same_nonce = home.build_payment(A), home.build_payment(B)
    applied = home.make_block(good, same_nonce)
    assert [(o.included, o.code) for o in applied.outcomes] == [(True, None), (False, "nonce_used")]
    assert applied.block.transactions == (good,)
    outcome = home.store.get_outcome(applied.outcomes[1].id)
    assert outcome is not None and outcome.reason and "nonce 1 is used" in outcome.reason
    assert get_account(home.state, B).hxt == 0


def test_another_node_comes_to_the_same_state(home: Home, follower: Home) -> None:
    for after_ms in (500, 9_600, 10_000, 25_000, 70_000):
        applied = home.make_block(home.build_payment(A), after_ms=after_ms)
        followed = follower.engine.apply(decode_block(encode_block(applied.block)), applied.bundle)
        assert followed.head == applied.head
        assert followed.events == applied.events
        assert followed.changes == applied.changes
        assert followed.tree_update == applied.tree_update
        follower.engine.commit(followed)
    assert dict(home.store.readable.iterate(b"")) == dict(follower.store.readable.iterate(b""))


def test_rounds_and_epochs_go_by_block_time(home: Home) -> None:
    def kinds(after_ms: int) -> list[str]:
        return [event.kind for event in home.make_block(after_ms=after_ms).events]

    assert kinds(9_999) == []
    assert kinds(1) == ["round_opened"]
    assert kinds(19_999) == ["round_opened"]
    assert kinds(1) == ["epoch_closed", "round_opened"]
    assert kinds(100_000) == ["epoch_closed", "round_opened"]
    closed = [stored for stored in home.store.get_events(0, 1_000) if stored.kind == "epoch_closed"]
    assert closed[-1].fields["epoch"] == 1  # 2 and 3 passed without a block


def test_carried_data_is_forgotten_with_its_epoch(home: Home) -> None:
    home.make_block()
    state = State(home.store.committed)
    state.put(CARRIED_DATA, (0).to_bytes(8, "big") + A, CarriedData(5, 5))
    state.put(CARRIED_DATA, (1).to_bytes(8, "big") + A, CarriedData(6, 6))
    home.store._write_changes(state.get_changes())
    home.make_block(after_ms=30_000)
    assert [row.data_credits for _, row in home.state.iterate(CARRIED_DATA)] == [6]


def test_a_block_that_breaks_the_books_is_a_hard_stop(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def forge(state: State, context: object) -> list:
        account = get_account(state, A)
        state.put(ACCOUNTS, A, replace(account, hxt=account.hxt + 1))
        return []

    monkeypatch.setattr("chain.blocks.application.process_epoch_close", forge)
    home.make_block()
    with pytest.raises(BooksDontAddUp, match="hxt"):
        home.make_block(after_ms=60_000)
    assert home.store.get_head().height == 1
    home.reopen()
    assert home.engine.head.height == 1


@pytest.mark.parametrize("change", ["altered", "added", "gone"])
def test_a_damaged_state_is_found_at_start_up(home: Home, change: str) -> None:
    home.make_block(home.build_payment(A))
    key = ACCOUNTS.prefix + (B if change == "added" else A)
    row = msgspec.msgpack.encode(Account(hxt=10**8, nonce=1))
    home.store._write_changes([(key, None if change == "gone" else row)])
    with pytest.raises(StoreError, match=r"damaged.*snapshot"):
        home.reopen()


def test_wrong_books_are_found_at_start_up(home: Home) -> None:
    """Also where the state root is that of the wrong books: a root says nothing about who wrote it."""
    home.make_block(home.build_payment(A))
    state = State(home.store.committed)
    state.put(ACCOUNTS, A, Account(hxt=10**8 + 1))
    home.store._write_changes(state.get_changes())
    root = StateTree.build(home.store.committed.iterate(b"")).root
    home.store._write_head(replace(home.engine.head, state_root=root))
    with pytest.raises(BooksDontAddUp):
        home.reopen()


def test_a_rule_that_fails_unforeseen_does_not_stop_the_chain(
    home: Home, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> list:
        raise ZeroDivisionError

    monkeypatch.setitem(
        __import__("chain.ledger.process_transaction", fromlist=["PROCESSES"]).PROCESSES,
        type(home.engine.check(home.build_payment(A)).signed.body),
        fail,
    )
    applied = home.make_block(home.build_payment(A))
    assert [(o.included, o.code) for o in applied.outcomes] == [(False, "internal_error")]
    assert "no rule foresees" in caplog.text
    assert get_account(home.state, FAUCET.public_key.binary).nonce == 0


def test_a_closed_rounds_secrets_go_into_the_next_entropy(
    home: Home, follower: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = home.propose(after_ms=10_000)
    monkeypatch.setattr("chain.blocks.application.get_entropy_contribution", lambda state: b"secret")
    applied = home.make_block(after_ms=10_000)
    assert applied.block.header.entropy_reveal == without.block.header.entropy_reveal
    assert applied.head.state_root != without.head.state_root
    mix = sha256(b"hexhaul/entropy-mix/1\x00" + home.chain.genesis_hash + b"secret").digest()
    assert get_entropy_source(home.state).mix == mix
    expected = compute_entropy(applied.block.header.entropy_reveal, mix, 1)
    assert applied.events[0].fields["entropy"] == expected


def test_a_report_of_the_very_first_round_is_judged(home: Home) -> None:
    report = sign_arrival(home.chain.chain_id, BEACON, b"no report", GENESIS_MS + 5, PRODUCER)
    applied = home.make_block(reports=[report], after_ms=10_000)
    assert [event.kind for event in applied.events] == ["beacon_verdict", "round_opened"]


# Reports


def test_reports_are_judged_and_settled(home: Home) -> None:
    home.make_block(after_ms=10_000)
    report = sign_arrival(home.chain.chain_id, BEACON, b"no report", home.now_ms + 5, PRODUCER)
    applied = home.make_block(reports=[report])
    [verdict] = [event for event in applied.events if event.kind == "beacon_verdict"]
    assert not verdict.fields["ok"]
    assert applied.bundle.reports == (report,)
    raw = home.store.get_bundle(applied.block.header.bundle_root)
    assert raw is not None
    assert check_bundle(raw, applied.block.header.bundle_root) == applied.bundle
    assert len(applied.settled_reports) == 1


def test_a_report_from_after_the_blocks_time_waits(home: Home) -> None:
    report = sign_arrival(home.chain.chain_id, BEACON, b"x", home.now_ms + 1_001, PRODUCER)
    applied = home.make_block(reports=[report])
    assert applied.bundle == EMPTY_BUNDLE
    assert applied.block.header.bundle_root == EMPTY_BUNDLE_ROOT
    assert applied.settled_reports == []


def test_arrival_signatures_bind_everything() -> None:
    report = sign_arrival("c", WITNESS, b"report", 5, PRODUCER)
    assert is_arrival_signed_by("c", report, PRODUCER.public_key)
    for changed in (
        replace(report, kind=BEACON),
        replace(report, report_bytes=b"other"),
        replace(report, received_at_ms=6),
    ):
        assert not is_arrival_signed_by("c", changed, PRODUCER.public_key)
    assert not is_arrival_signed_by("d", report, PRODUCER.public_key)


@pytest.mark.parametrize(("kept", "there"), [(0, [False, False, True]), (1, [False, True, True])])
def test_bundles_are_kept_for_so_many_epochs(tmp_path: Path, kept: int, there: list[bool]) -> None:
    home = Home(tmp_path, make_genesis(make_parameters(bundle_epochs=kept)))
    roots = []
    for epoch in range(3):
        report = sign_arrival(home.chain.chain_id, BEACON, b"%d" % epoch, home.now_ms + 1, PRODUCER)
        roots.append(home.make_block(reports=[report], after_ms=2_000).block.header.bundle_root)
        home.make_block(after_ms=1_000)  # never the open epoch's
        assert home.store.get_bundle(roots[-1]) is not None
        if epoch < 2:
            home.make_block(after_ms=27_000)
    home.make_block(after_ms=1_000)
    assert [home.store.get_bundle(root) is not None for root in roots] == there
    home.store.close()


# Blocks that are not valid


Made = tuple[Block, Bundle]


def resign(made: Made, **changes: object) -> Made:
    """Change the header and have the producer sign it, as a producer that cheats would."""
    block, bundle = made
    return replace(block, header=sign_header(replace(block.header, **changes), PRODUCER)), bundle


def with_header(made: Made, **changes: object) -> Made:
    """Change the header without signing it again."""
    return replace(made[0], header=replace(made[0].header, **changes)), made[1]


def with_transactions(made: Made, transactions: tuple[bytes, ...]) -> Made:
    changed = replace(made[0], transactions=transactions)
    return resign((changed, made[1]), transactions_root=compute_transactions_root(transactions))


def with_reports(made: Made, *reports: object) -> Made:
    return resign((made[0], Bundle(reports)), bundle_root=compute_bundle_root(reports))


def report_at(time_ms: int, key=PRODUCER):
    return sign_arrival("hexhaul-unit", BEACON, b"x", time_ms, key)


FORGERIES: dict[str, tuple[Callable[[Made], Made], str]] = {
    "other chain": (lambda m: resign(m, chain_id="other"), "chain id"),
    "height skipped": (lambda m: resign(m, height=m[0].header.height + 1), "height"),
    "height again": (lambda m: resign(m, height=m[0].header.height - 1), "height"),
    "other parent": (lambda m: resign(m, previous_hash=bytes(32)), "previous hash"),
    "time of the last block": (lambda m: resign(m, time_ms=GENESIS_MS + 1_000), "isn't after"),
    "time before the genesis": (lambda m: resign(m, time_ms=0), "isn't after"),
    "a round later": (lambda m: resign(m, time_ms=m[0].header.time_ms + 10_000), "gives"),
    "other producer": (
        lambda m: (replace(m[0], header=sign_header(replace(m[0].header, producer=A), ALICE)), m[1]),
        "producer",
    ),
    "no producer": (lambda m: resign(m, producer=b""), "producer"),
    "no rules": (lambda m: resign(m, protocol_version=0), "not a block|protocol version"),
    "rules of the future": (lambda m: resign(m, protocol_version=1_000), "protocol version"),
    "signed by another": (lambda m: (replace(m[0], header=sign_header(m[0].header, ALICE)), m[1]), "signed"),
    "not signed": (lambda m: with_header(m, signature=b""), "signed"),
    "time altered after signing": (lambda m: with_header(m, time_ms=m[0].header.time_ms + 1), "signed"),
    "state root": (lambda m: resign(m, state_root=bytes(32)), "says state root"),
    "state root of the block before": (
        lambda m: resign(m, state_root=bytes.fromhex("00" * 31 + "01")),
        "says state root",
    ),
    "events digest": (lambda m: resign(m, events_digest=bytes(32)), "says events"),
    "transactions root": (lambda m: resign(m, transactions_root=bytes(32)), "transactions root"),
    "transaction left out": (lambda m: (replace(m[0], transactions=()), m[1]), "transactions root"),
    "transaction twice": (
        lambda m: with_transactions(m, m[0].transactions * 2),
        "nonce_used",
    ),
    "transaction altered": (
        lambda m: with_transactions(m, (m[0].transactions[0][:-1] + b"\x00",)),
        "bad_signature",
    ),
    "transaction in long form": (
        lambda m: with_transactions(m, (b"\xdc\x00\x02" + m[0].transactions[0][1:],)),
        "not_canonical",
    ),
    "no transaction": (lambda m: with_transactions(m, (*m[0].transactions, b"")), "malformed"),
    "bundle root": (lambda m: resign(m, bundle_root=bytes(32)), "bundle root"),
    "report added": (lambda m: (m[0], Bundle((report_at(5),))), "bundle root"),
    "report signed by another": (lambda m: with_reports(m, report_at(5, ALICE)), "arrival time"),
    "report of the future": (
        lambda m: with_reports(m, report_at(m[0].header.time_ms + 1)),
        "after the block",
    ),
    "too many reports": (
        lambda m: with_reports(m, report_at(5), report_at(6), report_at(7)),
        "too many reports",
    ),
    "reveal left out": (lambda m: resign(m, entropy_reveal=b""), "doesn't hash"),
    "wrong reveal": (lambda m: resign(m, entropy_reveal=bytes(32)), "doesn't hash"),
    "reveal with an anchor": (
        lambda m: resign(m, entropy_reveal=m[0].header.entropy_reveal + bytes(32)),
        "new anchor",
    ),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_forged_blocks_are_refused(tmp_path: Path, forgery: str) -> None:
    genesis = make_genesis(make_parameters(max_block_reports=2))
    home, follower = Home(tmp_path, genesis), Home(tmp_path, genesis, is_producer=False, name="follower")
    follower.follow(home.make_block())
    made = home.propose(home.build_payment(A), after_ms=10_000)
    forge, message = FORGERIES[forgery]
    before = dict(follower.store.readable.iterate(b""))
    root = follower.engine.head.state_root
    with pytest.raises(InvalidBlock, match=message):
        follower.engine.apply(*forge((made.block, made.bundle)))
    assert dict(follower.store.readable.iterate(b"")) == before
    assert follower.engine.make_state_proof(b"")[0].state_root == root
    follower.follow(made)
    home.store.close()
    follower.store.close()


def test_every_field_of_a_header_has_its_forgeries() -> None:
    """A header that differs in any one field, signed or not, is refused: the list above forgets none."""
    block = Block(Header("c", 1, A[:32], 5, A, 1, *[A[:32]] * 4, b"", b"s"), (b"t",))
    touched: set[str] = set()
    for forge, _ in FORGERIES.values():
        try:
            forged = forge((block, Bundle()))[0]
        except IndexError:
            continue
        touched |= {
            name
            for name in Header.__struct_fields__
            if getattr(forged.header, name) != getattr(block.header, name)
        }
    assert touched == set(Header.__struct_fields__)


def test_a_reveal_in_a_block_that_opens_no_round(home: Home, follower: Home) -> None:
    made = home.propose()
    with pytest.raises(InvalidBlock, match="opens no round"):
        follower.engine.apply(*resign((made.block, made.bundle), entropy_reveal=bytes(32)))


def test_limits_of_a_block(tmp_path: Path) -> None:
    genesis = make_genesis(make_parameters(max_block_transactions=2))
    home = Home(tmp_path, genesis)
    raws = []
    for nonce in (1, 2, 3):
        from chain.transactions import Payee, Payment, build_transaction

        body = Payment(payer=FAUCET.public_key.binary, nonce=nonce, fee=0, payees=(Payee(A, 1),))
        raws.append(build_transaction(body, home.chain.chain_id, home.chain.genesis_parameters, [FAUCET]))
    applied = home.make_block(*raws)
    assert len(applied.block.transactions) == 2
    assert len(applied.outcomes) == 2  # the third isn't rejected: it waits
    home.store.close()


def test_a_node_without_the_key_makes_no_blocks(follower: Home) -> None:
    with pytest.raises(InvalidBlock, match="no producer key"):
        follower.propose()


def test_blocks_are_committed_in_order(home: Home) -> None:
    applied = home.propose()
    home.engine.commit(applied)
    with pytest.raises(InvalidBlock, match="doesn't follow"):
        home.engine.commit(applied)


def test_a_store_of_another_network(home: Home, tmp_path: Path) -> None:
    home.store.close()
    other = decode_genesis(make_genesis(chain_id="hexhaul-other"))
    from chain.store.chain_store import ChainStore

    store = ChainStore(home.path)
    with pytest.raises(StoreError, match="another data directory"):
        SingleProducer(other, store, PRODUCER, LinkChain(SEED))
    store.close()
    home.open()


# Bytes


def test_block_bytes_are_canonical(home: Home) -> None:
    raw = encode_block(home.make_block(home.build_payment(A)).block)
    assert encode_block(decode_block(raw)) == raw
    for bad in (raw + b"\x00", raw[:-1], b"\xdc\x00\x02" + raw[1:], b"", b"\xc0"):
        with pytest.raises(MalformedBlock):
            decode_block(bad)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_block_or_one_clear_error(raw: bytes) -> None:
    with pytest.raises(MalformedBlock):
        decode_block(raw)


def test_the_hash_covers_every_field_but_the_signature(home: Home) -> None:
    header = home.make_block().block.header
    changed = {
        name: value + 1
        if isinstance(value, int)
        else value + type(value)(["", b"\x01"][type(value) is bytes] or "x")
        for name, value in msgspec.structs.asdict(header).items()
    }
    hashes = {compute_block_hash(replace(header, **{name: value})) for name, value in changed.items()}
    assert len(hashes) == len(Header.__struct_fields__)
    assert compute_block_hash(replace(header, signature=b"")) == compute_block_hash(header)


# Genesis


@pytest.mark.parametrize(
    "changes",
    [
        {"network": "other"},
        {"network": "main"},
        {"chain_id": ""},
        {"chain_id": "x" * 65},
        {"producer": "nobody"},
        {"faucet": "nobody"},
        {"entropy_anchor": "zz"},
        {"entropy_anchor": "00"},
        {"parameters": make_parameters(hxt_price=0)},
        {"parameters": make_parameters(block_interval_ms=20_000)},
        {"parameters": make_parameters(epoch_ms=5_000)},
        {"parameters": make_parameters(beacon_share_ppm=900_000)},
        {"parameters": make_parameters(max_payees=-1)},
    ],
)
def test_genesis_files_that_make_no_sense(changes: dict) -> None:
    with pytest.raises(InvalidGenesis):
        decode_genesis(make_genesis(**changes))


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b"\xff", b'{"chain_id": 5}'])
def test_genesis_files_that_are_none(raw: bytes) -> None:
    with pytest.raises(InvalidGenesis):
        decode_genesis(raw)
