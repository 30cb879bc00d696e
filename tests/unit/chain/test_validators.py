"""Stakes: locked, unbonding, released, taken; conservation holds through all of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from chain.governance.validators import get_stake, process_unbonding, slash_stake
from chain.ledger.balances import burn_locked_hxt, credit_hxt, credit_minted, get_supply
from chain.ledger.conservation import check_conservation
from chain.ledger.stakes import STAKES, Stake
from chain.ledger.state import State
from chain.ledger.tables import HXT, SUCCESSORS, Successor
from chain.transactions import InvalidTransaction, Reason, ValidatorStake, ValidatorUnstake, get_signers
from tests.unit.chain.governed_world import kinds
from tests.unit.chain.world import PARAMETERS, World

HXT_UNIT = 10**8
MINIMUM = PARAMETERS.validator_minimum_stake_hxt


@pytest.fixture
def world() -> World:
    """bob can stake twice."""
    world = World()
    credit_minted(world.state, world["bob"], 2 * MINIMUM)
    world.commit()
    return world


def stake(world: World, **changes: Any) -> ValidatorStake:
    body = ValidatorStake(**world.head("alice"), owner=world["bob"], validator=world["vera"], hxt=MINIMUM)
    return replace(body, **changes)


def unstake(world: World, **changes: Any) -> ValidatorUnstake:
    return replace(
        ValidatorUnstake(**world.head("alice"), owner=world["bob"], validator=world["vera"]), **changes
    )


def close(world: World, epoch: int) -> list[str]:
    world.context = replace(world.context, epoch=epoch)
    events = process_unbonding(world.state, world.context)
    check_conservation(world.state)
    return kinds(events)


def test_a_stake_is_locked(world: World) -> None:
    before = world.account("bob").hxt
    assert kinds(world.apply(stake(world))) == ["validator_staked"]
    assert get_stake(world.state, world["vera"]) == Stake(world["bob"], MINIMUM, staked_height=7)
    assert world.account("bob").hxt == before - MINIMUM
    assert get_supply(world.state, HXT).locked >= MINIMUM
    world.commit()


def test_payer_owner_and_validator_sign(world: World) -> None:
    assert get_signers(stake(world)) == (world["alice"], world["bob"], world["vera"])
    assert get_signers(unstake(world)) == (world["alice"], world["bob"])


@pytest.mark.parametrize("hxt", [0, 1, MINIMUM - 1])
def test_less_than_the_minimum(world: World, hxt: int) -> None:
    world.refuse(stake(world, hxt=hxt), Reason.STAKE_TOO_SMALL)


def test_more_than_the_owner_has(world: World) -> None:
    world.refuse(stake(world, hxt=4 * MINIMUM), Reason.INSUFFICIENT_HXT)
    world.refuse(stake(world, owner=world["alice"]), Reason.INSUFFICIENT_HXT)
    world.refuse(stake(world, owner=world["dave"]), Reason.INSUFFICIENT_HXT)


def test_a_validators_key_is_for_that_alone(world: World) -> None:
    world.refuse(stake(world, validator=world["bob"]), Reason.KEY_IN_USE)
    world.add_hotspot("hotspot")
    world.refuse(stake(world, validator=world["hotspot"]), Reason.KEY_IN_USE)
    world.register_router("carol")
    world.refuse(stake(world, validator=world["carol"]), Reason.KEY_IN_USE)
    world.state.put(SUCCESSORS, world["old"], Successor(world["hotspot"]))
    world.refuse(stake(world, validator=world["old"]), Reason.KEY_IN_USE)


def test_one_stake_a_key(world: World) -> None:
    world.apply(stake(world))
    world.refuse(stake(world), Reason.ALREADY_STAKED)
    world.refuse(stake(world, owner=world["alice"]), Reason.ALREADY_STAKED)
    world.apply(stake(world, validator=world["vito"]))


def test_unstaking_what_is_not_there(world: World) -> None:
    world.refuse(unstake(world), Reason.NOT_STAKED)


def test_only_the_owner_unstakes(world: World) -> None:
    world.apply(stake(world))
    world.refuse(unstake(world, owner=world["alice"]), Reason.NOT_OWNER)
    world.refuse(unstake(world, owner=world["vera"]), Reason.NOT_OWNER)


def test_a_stake_comes_free_after_the_unbonding_period(world: World) -> None:
    world.apply(stake(world))
    before = world.account("bob").hxt
    assert kinds(world.apply(unstake(world))) == ["validator_unstaked"]
    free = 2 + PARAMETERS.unbonding_epochs
    assert get_stake(world.state, world["vera"]) == Stake(world["bob"], MINIMUM, 7, free_epoch=free)
    for epoch in (2, 3, free - 2):
        assert close(world, epoch) == []
        assert world.account("bob").hxt == before
    world.refuse(unstake(world), Reason.UNBONDING)
    world.refuse(stake(world), Reason.UNBONDING)
    assert close(world, free - 1) == ["stake_released"]
    assert world.account("bob").hxt == before + MINIMUM
    assert get_stake(world.state, world["vera"]) is None
    assert close(world, free) == []
    world.apply(stake(world))


def test_epochs_without_a_block_hold_nothing_back(world: World) -> None:
    world.apply(stake(world))
    world.apply(unstake(world))
    assert close(world, 10_000) == ["stake_released"]


def test_what_is_not_unbonding_stays(world: World) -> None:
    world.apply(stake(world))
    assert close(world, 10_000) == []


@pytest.mark.parametrize("is_unbonding", [False, True])
def test_a_stake_is_taken(world: World, is_unbonding: bool) -> None:
    world.apply(stake(world))
    if is_unbonding:
        world.apply(unstake(world))
    assert slash_stake(world.state, world["vera"]) == MINIMUM
    burn_locked_hxt(world.state, MINIMUM - 5)
    credit_hxt(world.state, world["alice"], 5)
    world.commit()
    assert get_stake(world.state, world["vera"]) is None
    assert slash_stake(world.state, world["vera"]) == 0
    assert close(world, 10_000) == []
    world.refuse(unstake(world), Reason.NOT_STAKED)


def sum_stakes(state: State) -> int:
    return sum(row.hxt for _, row in state.iterate(STAKES))


@given(st.lists(st.tuples(st.sampled_from(["stake", "unstake", "close", "slash"]),
                          st.sampled_from(["vera", "vito"]), st.integers(0, 40)), max_size=25))  # fmt: skip
def test_random_histories_keep_the_books(steps: list[tuple[str, str, int]]) -> None:
    world = World()
    credit_minted(world.state, world["bob"], 3 * MINIMUM)
    world.commit()
    for kind, who, number in steps:
        try:
            if kind == "stake":
                world.apply(stake(world, validator=world[who], hxt=MINIMUM + number))
            elif kind == "unstake":
                world.apply(unstake(world, validator=world[who]))
            elif kind == "close":
                close(world, world.context.epoch + number)
            else:
                burn_locked_hxt(world.state, slash_stake(world.state, world[who]))
        except InvalidTransaction as error:
            assert error.code in (
                Reason.ALREADY_STAKED,
                Reason.UNBONDING,
                Reason.NOT_STAKED,
                Reason.INSUFFICIENT_HXT,
            )
        world.commit()
        assert get_supply(world.state, HXT).locked == sum_stakes(world.state)
