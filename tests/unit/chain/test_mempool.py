from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chain.blocks.application import get_open_round
from chain.blocks.engine import CheckedTransaction
from chain.blocks.reports import BEACON, sign_arrival
from chain.ledger.context import BlockContext
from chain.node import mempool as mempool_module
from chain.node.mempool import Mempool, ReportsFull
from chain.transactions import InvalidTransaction, Payee, Payment, Reason, build_transaction
from tests.unit.chain.home import FAUCET, PRODUCER, Home
from tests.unit.chain.world import make_key

PAYER = FAUCET.public_key.binary
ALICE = make_key(1)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path)
    yield home
    home.store.close()


def get_context(home: Home) -> BlockContext:
    return home.chain.get_context(
        home.state, home.engine.head.height + 1, home.now_ms + 1, get_open_round(home.state)
    )


@pytest.fixture
def mempool(home: Home) -> Mempool:
    return Mempool(home.store.readable, get_context(home))


def make(home: Home, nonce: int, hxt: int = 5, pair=FAUCET) -> CheckedTransaction:
    payee = PAYER if pair is ALICE else ALICE.public_key.binary
    body = Payment(payer=pair.public_key.binary, nonce=nonce, fee=0, payees=(Payee(payee, hxt),))
    return home.engine.check(
        build_transaction(body, home.chain.chain_id, home.chain.genesis_parameters, [pair])
    )


def refuse(mempool: Mempool, transaction: CheckedTransaction) -> Reason:
    with pytest.raises(InvalidTransaction) as caught:
        mempool.admit(transaction)
    return caught.value.code


def test_several_in_a_row_and_money_that_is_on_its_way(home: Home, mempool: Mempool) -> None:
    mempool.admit(make(home, 1, hxt=10**9))
    mempool.admit(make(home, 2))
    assert mempool.get_next_nonce(PAYER) == 3
    mempool.admit(make(home, 1, hxt=10**8, pair=ALICE))  # spends what the first one brings
    assert mempool.transactions == 3


def test_what_the_rules_say_is_said_at_once(home: Home, mempool: Mempool) -> None:
    assert refuse(mempool, make(home, 2)) is Reason.NONCE_GAP
    assert refuse(mempool, make(home, 1, pair=ALICE)) is Reason.FEE_NOT_COVERED
    first = make(home, 1)
    mempool.admit(first)
    assert refuse(mempool, first) is Reason.ALREADY_KNOWN
    assert refuse(mempool, make(home, 1, hxt=6)) is Reason.NONCE_USED
    assert mempool.transactions == 1


def test_only_what_is_on_disk_may_enter_a_block(home: Home, mempool: Mempool) -> None:
    one, two = make(home, 1), make(home, 2)
    mempool.admit(one)
    mempool.admit(two)
    assert mempool.take() == ([], [])
    assert not mempool.has_work
    mempool.mark_durable([one.id])
    assert mempool.take() == ([one], [])
    assert mempool.has_work


def test_settling_forgets_and_checks_the_rest_again(home: Home, mempool: Mempool) -> None:
    one, two = make(home, 1), make(home, 2)
    for transaction in (one, two):
        mempool.admit(transaction)
        mempool.mark_durable([transaction.id])
    home.make_block(one.raw)
    mempool.settle([one.id], get_context(home))
    assert mempool.take() == ([two], [])
    assert mempool.get_next_nonce(PAYER) == 3
    mempool.settle([two.id], get_context(home))
    assert (mempool.transactions, mempool.has_work) == (0, False)
    assert mempool.get_next_nonce(PAYER) == 2


def test_full_refuses_the_new_and_keeps_the_old(
    home: Home, mempool: Mempool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mempool_module, "MAX_TRANSACTIONS", 2)
    one, two = make(home, 1), make(home, 2)
    mempool.admit(one)
    mempool.admit(two)
    assert refuse(mempool, make(home, 3)) is Reason.MEMPOOL_FULL
    mempool.mark_durable([one.id, two.id])
    assert mempool.take()[0] == [one, two]
    mempool.settle([one.id], get_context(home))


def test_full_by_bytes(home: Home, mempool: Mempool, monkeypatch: pytest.MonkeyPatch) -> None:
    one = make(home, 1)
    monkeypatch.setattr(mempool_module, "MAX_TRANSACTION_BYTES_IN_ALL", len(one.raw))
    mempool.admit(one)
    assert refuse(mempool, make(home, 2)) is Reason.MEMPOOL_FULL
    home.make_block(one.raw)
    mempool.settle([one.id], get_context(home))
    mempool.admit(make(home, 2))


def test_one_account_cannot_take_all_places(
    home: Home, mempool: Mempool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mempool_module, "MAX_TRANSACTIONS_PER_ACCOUNT", 2)
    first = make(home, 1, hxt=10**9)
    mempool.admit(first)
    mempool.admit(make(home, 2))
    assert refuse(mempool, make(home, 3)) is Reason.ACCOUNT_LIMIT
    mempool.admit(make(home, 1, pair=ALICE))
    home.make_block(first.raw)
    mempool.settle([first.id], get_context(home))
    mempool.admit(make(home, 3))


def test_reports_are_bounded_and_kept_once(
    home: Home, mempool: Mempool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mempool_module, "MAX_REPORTS", 1)
    report = sign_arrival("c", BEACON, b"r", 1, PRODUCER)
    assert mempool.admit_report(b"id", report)
    assert not mempool.admit_report(b"id", report)
    with pytest.raises(ReportsFull, match="try again"):
        mempool.admit_report(b"other", report)
    mempool.mark_durable([b"id"])
    assert mempool.take() == ([], [report])
    mempool.settle([b"id"], get_context(home))
    assert mempool.reports == 0


def test_restored_ones_are_kept_even_where_they_fail_now(home: Home, mempool: Mempool) -> None:
    """What was acknowledged gets its verdict from a block, never silently from a restart."""
    gap = make(home, 7)
    mempool.restore([gap], [])
    assert mempool.take()[0] == [gap]
    applied = home.engine.propose([gap], [], home.now_ms + 1)
    assert applied.outcomes[0].code == "nonce_gap"
