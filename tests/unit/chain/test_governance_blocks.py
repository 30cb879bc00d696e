"""Decisions over a real engine: a block begins with what is due at its height, and another node agrees."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from chain.blocks import engine as engine_module
from chain.blocks.application import InvalidBlock
from chain.blocks.bundle import EMPTY_BUNDLE
from chain.blocks.engine import UnknownRules
from chain.blocks.header import compute_transactions_root, sign_header
from chain.ledger.current_parameters import get_parameters, get_protocol_version
from chain.ledger.price import get_hxt_price
from chain.ledger.tables import get_account
from chain.transactions import (
    ChangedParameter,
    ParameterChange,
    Payee,
    Payment,
    PriceReport,
    RuleUpgrade,
    ValidatorStake,
    ValidatorUnstake,
)
from tests.unit.chain.home import FAUCET, PRODUCER, Home, make_genesis, make_parameters
from tests.unit.chain.world import make_key

ONE, TWO, RUTH, VERA = make_key(11), make_key(12), make_key(13), make_key(14)
APPROVERS = tuple(sorted(key.public_key.binary for key in (ONE, TWO)))
PAYER = FAUCET.public_key.binary
HEAD: dict[str, Any] = {"payer": PAYER, "nonce": 1, "fee": 0}
GENESIS = make_genesis(
    make_parameters(
        activation_delay_blocks=2,
        price_minimum_age_ms=2_000,
        price_maximum_age_ms=20_000,
        price_interval_ms=1_000,
        price_report_interval_ms=1_000,
        unbonding_epochs=2,
        escrow_epochs=0,
        evidence_epochs=1,
        validator_minimum_stake_hxt=10**8,
    ),
    governance_keys=(ONE.public_key.address, TWO.public_key.address),
    governance_threshold=2,
    price_reporters=(RUTH.public_key.address,),
)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path, GENESIS)
    yield home
    home.store.close()


@pytest.fixture
def follower(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path, GENESIS, is_producer=False, name="follower")
    yield home
    home.store.close()


def change(home: Home, height: int, name: str, value: str) -> bytes:
    body = ParameterChange(
        **HEAD, approvers=APPROVERS, changes=(ChangedParameter(name, value),), activation_height=height
    )
    return home.build(body, FAUCET, ONE, TWO)


def upgrade(home: Home, height: int, version: int) -> bytes:
    body = RuleUpgrade(**HEAD, approvers=APPROVERS, protocol_version=version, activation_height=height)
    return home.build(body, FAUCET, ONE, TWO)


def pay_two(home: Home) -> bytes:
    """A payment that is invalid where max_payees is 1."""
    payees = tuple(Payee(key.public_key.binary, 5) for key in (ONE, TWO))
    return home.build(Payment(**HEAD, payees=payees), FAUCET)


def test_all_of_the_block_at_the_height_goes_by_the_new_parameters(home: Home, follower: Home) -> None:
    made = [home.make_block(change(home, 3, "max_payees", "1"))]
    assert [o.included for o in made[0].outcomes] == [True]
    made.append(home.make_block(pay_two(home)))
    assert [o.included for o in made[1].outcomes] == [True]
    made.append(home.make_block(pay_two(home)))
    assert [o.code for o in made[2].outcomes] == ["too_many_payees"]
    assert [event.kind for event in made[2].events] == ["parameters_changed"]
    assert get_parameters(home.state).max_payees == 1
    for block in made:
        assert follower.follow(block).events == block.events
    assert follower.engine.head == home.engine.head


def test_a_decision_survives_a_restart(home: Home) -> None:
    home.make_block(change(home, 3, "max_payees", "1"))
    home.reopen()
    home.make_block()
    home.reopen()
    home.make_block()
    home.reopen()
    assert get_parameters(home.state).max_payees == 1


def test_a_decision_with_too_few_signatures_is_left_out(home: Home) -> None:
    body = ParameterChange(
        **HEAD,
        approvers=APPROVERS[:1],
        changes=(ChangedParameter("max_payees", "1"),),
        activation_height=3,
    )
    applied = home.make_block(home.build(body, FAUCET, ONE, TWO))
    assert [o.code for o in applied.outcomes] == ["not_approved"]


def test_a_block_time_can_change_while_rounds_stay(home: Home, follower: Home) -> None:
    """Rounds and epochs are numbered by what never changes."""
    for block in (
        home.make_block(change(home, 3, "block_interval_ms", "2000")),
        home.make_block(after_ms=9_000),
        home.make_block(after_ms=25_000),
        home.make_block(after_ms=70_000),
    ):
        follower.follow(block)
    assert follower.engine.head == home.engine.head


# Rule upgrades


def test_a_release_without_the_version_stops_before_the_block(home: Home) -> None:
    home.make_block(upgrade(home, 3, 2))
    home.make_block()
    for _ in range(2):  # also after a restart
        with pytest.raises(UnknownRules, match=r"from block 3 on .* version 2 .* install a release"):
            home.propose()
        home.reopen()
    assert home.engine.head.height == 2


def test_a_release_with_the_version_goes_on(
    home: Home, follower: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [home.make_block(upgrade(home, 3, 2)), home.make_block()]
    assert {block.block.header.protocol_version for block in made} == {1}
    for block in made:
        follower.follow(block)
    monkeypatch.setattr(engine_module, "KNOWN_PROTOCOL_VERSIONS", frozenset({1, 2}))
    third = home.make_block()
    assert third.block.header.protocol_version == 2
    assert [event.kind for event in third.events] == ["rules_upgraded"]
    assert get_protocol_version(home.state) == 2
    monkeypatch.setattr(engine_module, "KNOWN_PROTOCOL_VERSIONS", frozenset({1}))
    with pytest.raises(UnknownRules):
        follower.follow(third)
    monkeypatch.setattr(engine_module, "KNOWN_PROTOCOL_VERSIONS", frozenset({1, 2}))
    follower.follow(third)
    monkeypatch.setattr(engine_module, "KNOWN_PROTOCOL_VERSIONS", frozenset({1}))
    with pytest.raises(UnknownRules):  # an older release on a newer ledger
        home.propose()


@pytest.mark.parametrize("version", [1, 3])
def test_a_block_of_another_version_is_refused(
    home: Home, follower: Home, monkeypatch: pytest.MonkeyPatch, version: int
) -> None:
    monkeypatch.setattr(engine_module, "KNOWN_PROTOCOL_VERSIONS", frozenset({1, 2, 3}))
    for block in (home.make_block(upgrade(home, 3, 2)), home.make_block()):
        follower.follow(block)
    third = home.make_block().block
    forged = replace(third, header=sign_header(replace(third.header, protocol_version=version), PRODUCER))
    with pytest.raises(InvalidBlock, match=f"protocol version {version}, in force is 2"):
        follower.engine.apply(forged, EMPTY_BUNDLE)


# Price


def test_the_price_moves_at_a_blocks_start(home: Home, follower: Home) -> None:
    report = PriceReport(**HEAD, reporter=RUTH.public_key.binary, hxt_price=200_000_000)
    made = [
        home.make_block(home.build(report, FAUCET, RUTH)),
        home.make_block(),
        home.make_block(home.build_payment(ONE.public_key.binary)),
    ]
    assert next(event.kind for event in made[2].events) == "price_changed"
    assert get_hxt_price(home.state, get_parameters(home.state)) == 105_000_000
    for block in made:
        follower.follow(block)
    assert follower.engine.head == home.engine.head


def test_reports_find_room_where_the_chain_is_full(home: Home) -> None:
    report = PriceReport(**HEAD, reporter=RUTH.public_key.binary, hxt_price=5)
    raw = home.build(report, FAUCET, RUTH)
    body = home.engine.check(raw).signed.body
    assert engine_module.get_class(body) == "governance"


# Stakes


def test_a_stake_is_released_with_an_epochs_close(home: Home, follower: Home) -> None:
    stake = ValidatorStake(**HEAD, owner=PAYER, validator=VERA.public_key.binary, hxt=3 * 10**8)
    unstake = ValidatorUnstake(**HEAD, owner=PAYER, validator=VERA.public_key.binary)
    made = [
        home.make_block(home.build(stake, FAUCET, VERA)),
        home.make_block(home.build(unstake, FAUCET)),
        home.make_block(after_ms=30_000),  # epoch 0 closes
    ]
    before = get_account(home.state, PAYER).hxt
    made.append(home.make_block(after_ms=30_000))
    assert "stake_released" in [event.kind for event in made[3].events]
    assert get_account(home.state, PAYER).hxt == before + 3 * 10**8
    for block in made:
        follower.follow(block)
    assert follower.engine.head == home.engine.head


def test_forged_transactions_root_is_still_noticed(home: Home, follower: Home) -> None:
    """The checks of a header come before what is due."""
    block = home.make_block(change(home, 3, "max_payees", "1")).block
    forged = replace(
        block,
        header=sign_header(
            replace(block.header, transactions_root=compute_transactions_root([b"x"])), PRODUCER
        ),
    )
    with pytest.raises(InvalidBlock, match="transactions root"):
        follower.engine.apply(forged, EMPTY_BUNDLE)
