"""What a block has room for: each class its own part, and nothing starves anything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from chain.blocks import limits
from chain.blocks.application import InvalidBlock
from chain.blocks.bundle import Bundle, compute_bundle_root
from chain.blocks.header import compute_transactions_root, is_ahead_of_clock, sign_header
from chain.blocks.limits import (
    TransactionClass,
    compute_report_room,
    compute_transaction_rooms,
    get_class,
)
from chain.blocks.reports import BEACON, sign_arrival
from chain.ledger.parameters import InvalidParameters, Parameters
from chain.ledger.tables import get_account
from chain.transactions import Burn, Payee, Payment, PriceReport, TransactionBody, build_transaction
from tests.unit.chain.home import FAUCET, GENESIS_MS, PRODUCER, Home, make_genesis, make_parameters
from tests.unit.chain.world import make_key

A, B = make_key(1).public_key.binary, make_key(2).public_key.binary
PAYER = FAUCET.public_key.binary
GOVERNANCE = {
    "PriceReport",
    "ParameterChange",
    "RuleUpgrade",
    "GovernanceChange",
    "ProducerRotate",
    "ExclusionSet",
    "AuditorSet",
    "FaultEvidence",
    "ChannelDispute",
}


def test_the_parts_of_a_block_by_hand() -> None:
    parameters = Parameters(
        max_block_bytes=1_000_001,
        block_report_share_ppm=600_000,
        block_governance_share_ppm=100_000,
        max_block_transactions=7,
        max_block_governance_transactions=3,
        max_block_reports=11,
    )
    reports, transactions = compute_report_room(parameters), compute_transaction_rooms(parameters)
    governance, ordinary = (
        transactions[TransactionClass.GOVERNANCE],
        transactions[TransactionClass.ORDINARY],
    )
    assert (reports.bytes, reports.items) == (600_000, 11)  # 600,000.6 rounded down
    assert (governance.bytes, governance.items) == (40_000, 3)  # 40,000.1 rounded down
    assert (ordinary.bytes, ordinary.items) == (360_001, 7)
    assert reports.bytes + governance.bytes + ordinary.bytes == parameters.max_block_bytes


def test_every_kind_of_transaction_has_its_class() -> None:
    assert {kind.__name__ for kind in limits._GOVERNANCE} == GOVERNANCE
    assert set(limits._GOVERNANCE) < set(TransactionBody.__args__)
    report = PriceReport(payer=A, nonce=1, fee=0, reporter=A, hxt_price=1)
    assert get_class(report) is TransactionClass.GOVERNANCE
    assert get_class(Burn(payer=A, nonce=1, fee=0, payee=A, hxt=1)) is TransactionClass.ORDINARY


@pytest.mark.parametrize("name", ["block_report_share_ppm", "block_governance_share_ppm"])
@pytest.mark.parametrize("value", [-1, 0, 1_000_000])
def test_a_class_without_a_part_is_refused(name: str, value: int) -> None:
    with pytest.raises(InvalidParameters, match=name):
        Parameters(**{name: value}).validate()


# In the engine. Burns play the governance here: what matters is that there are two classes.


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    monkeypatch.setattr(limits, "_GOVERNANCE", (Burn,))
    parameters = make_parameters(
        max_block_bytes=4_000,
        block_governance_share_ppm=200_000,  # 400 bytes: two burns; 1,600 bytes: nine payments
        max_block_reports=5,
    )
    home = Home(tmp_path, make_genesis(parameters))
    yield home
    home.store.close()


def build(home: Home, nonce: int, kind: type = Payment, payer=FAUCET) -> bytes:
    key = payer.public_key.binary
    body = (
        Payment(payer=key, nonce=nonce, fee=0, payees=(Payee(B, 10**6),))
        if kind is Payment
        else Burn(payer=key, nonce=nonce, fee=0, payee=A, hxt=10**6)
    )
    return build_transaction(body, home.chain.chain_id, home.chain.genesis_parameters, [payer])


def test_a_flood_of_payments_leaves_room_for_governance(home: Home) -> None:
    home.make_block(home.build_payment(A, 10**9))
    flood = [build(home, nonce) for nonce in range(2, 30)]
    burn = build(home, 1, Burn, make_key(1))
    applied = home.make_block(*flood, burn)
    assert burn in applied.block.transactions
    payments = [raw for raw in applied.block.transactions if raw != burn]
    assert payments == flood[: len(payments)]
    size = len(flood[0])
    assert sum(map(len, payments)) <= 1_600 < sum(map(len, payments)) + size
    assert all(outcome.included for outcome in applied.outcomes), "what waits is not rejected"


def test_a_flood_of_governance_leaves_room_for_payments(home: Home) -> None:
    home.make_block(home.build_payment(A, 10**9))
    flood = [build(home, nonce, Burn, make_key(1)) for nonce in range(1, 10)]
    payment = home.build_payment(B)
    applied = home.make_block(*flood, payment)
    assert payment in applied.block.transactions
    assert len(applied.block.transactions) == 1 + 400 // len(flood[0])


def test_what_needs_a_waiting_one_waits_too(home: Home) -> None:
    """A burn whose nonce follows on a payment that found no room isn't told off for the gap."""
    flood = [build(home, nonce) for nonce in range(1, 20)]
    burn = build(home, 20, Burn)
    first = home.make_block(*flood, burn)
    assert all(outcome.included for outcome in first.outcomes)
    rest = [raw for raw in (*flood, burn) if raw not in first.block.transactions]
    second = home.make_block(*rest)
    third = home.make_block(*[raw for raw in rest if raw not in second.block.transactions])
    assert burn in (*second.block.transactions, *third.block.transactions)
    assert get_account(home.state, PAYER).nonce == 20


def test_an_invalid_one_is_told_so_even_in_a_full_block(home: Home) -> None:
    bad = build(home, 5)
    applied = home.make_block(bad, *[build(home, nonce) for nonce in range(1, 20)])
    assert [o.code for o in applied.outcomes if not o.included] == ["nonce_gap"]


@pytest.mark.parametrize("kind", [Payment, Burn])
def test_a_block_over_the_limit_of_a_class_is_refused(home: Home, tmp_path: Path, kind: type) -> None:
    genesis = make_genesis(home.chain.genesis_parameters)
    follower = Home(tmp_path, genesis, is_producer=False, name="follower")
    many = tuple(build(home, nonce, kind) for nonce in range(1, 12))
    header = home.propose().block.header
    header = sign_header(replace(header, transactions_root=compute_transactions_root(many)), PRODUCER)
    block = replace(home.propose().block, header=header, transactions=many)
    with pytest.raises(InvalidBlock, match="too many transactions of class"):
        follower.engine.apply(block, Bundle())
    follower.store.close()


@pytest.mark.parametrize(("count", "size"), [(6, 1), (3, 900)])
def test_a_bundle_over_its_limit_is_refused(home: Home, tmp_path: Path, count: int, size: int) -> None:
    genesis = make_genesis(home.chain.genesis_parameters)
    follower = Home(tmp_path, genesis, is_producer=False, name="follower")
    reports = [
        sign_arrival(home.chain.chain_id, BEACON, bytes([n]) * size, GENESIS_MS + n, PRODUCER)
        for n in range(count)
    ]
    applied = home.propose(reports=reports)
    assert 0 < len(applied.bundle.reports) < count
    bundle = Bundle(tuple(reports))
    header = replace(applied.block.header, bundle_root=compute_bundle_root(bundle.reports))
    with pytest.raises(InvalidBlock, match="too many reports"):
        follower.engine.apply(replace(applied.block, header=sign_header(header, PRODUCER)), bundle)
    follower.store.close()


# Time


def test_a_block_ahead_of_the_readers_clock(home: Home) -> None:
    header = home.propose().block.header
    for ahead_ms, is_ahead in ((-1, False), (0, False), (5_000, False), (5_001, True)):
        assert is_ahead_of_clock(header, header.time_ms - ahead_ms, 5_000) is is_ahead
