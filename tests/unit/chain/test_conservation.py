"""The check of the books finds money that came from nowhere, wherever a rule goes wrong."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from chain.ledger.balances import (
    burn_locked_data_credits,
    credit_hxt,
    credit_minted,
    debit_data_credits,
    debit_hxt,
    get_supply,
    mint_data_credits,
)
from chain.ledger.conservation import BooksDontAddUp, check_conservation, recount
from chain.ledger.state import State
from chain.ledger.tables import ACCOUNTS, CHANNELS, DATA_CREDITS, HXT, SUPPLY, Account, get_account
from tests.unit.chain.world import World, make_world_with_channel


def test_books_of_an_ordinary_block() -> None:
    world, _ = make_world_with_channel(1000)
    world.commit()
    credit_minted(world.state, world["dave"], 77)
    world.commit()
    hxt, data_credits = get_supply(world.state, HXT), get_supply(world.state, DATA_CREDITS)
    assert hxt.minted == hxt.burnt + hxt.held + hxt.locked == 2000 * 10**8 + 77
    assert data_credits.locked == 1000


def test_checking_twice_is_checking_once() -> None:
    world = World()
    credit_minted(world.state, world["dave"], 5)
    check_conservation(world.state)
    before = world.state.get_changes()
    check_conservation(world.state)
    assert world.state.get_changes() == before


FAULTS: dict[str, Callable[[State, bytes, bytes], None]] = {
    "credit without debit": lambda s, key, _: credit_hxt(s, key, 1),
    "debit without credit": lambda s, key, _: debit_hxt(s, key, 1),
    "locked without a lock": lambda s, key, _: debit_data_credits(s, key, 1),
    "burnt without lowering the lock": lambda s, *_: burn_locked_data_credits(s, 1),
    "account written past the books": lambda s, key, _: s.put(
        ACCOUNTS, key, replace(get_account(s, key), hxt=0)
    ),
    "account deleted": lambda s, key, _: s.delete(ACCOUNTS, key),
    "negative balance": lambda s, key, _: s.put(ACCOUNTS, key, Account(hxt=-1)),
    "channel that grew": lambda s, _, id: s.put(
        CHANNELS, id, replace(s.get(CHANNELS, id), data_credits=2000)
    ),
    "channel that paid too much": lambda s, _, id: s.put(
        CHANNELS, id, replace(s.get(CHANNELS, id), claimed_data_credits=1001)
    ),
    "channel deleted": lambda s, _, id: s.delete(CHANNELS, id),
    "books written by hand": lambda s, *_: s.put(SUPPLY, HXT, replace(get_supply(s, HXT), minted=1)),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_found(fault: str) -> None:
    world, channel_id = make_world_with_channel(1000)
    mint_data_credits(world.state, world["alice"], 10)
    world.commit()
    FAULTS[fault](world.state, world["alice"], channel_id)
    with pytest.raises(BooksDontAddUp):
        check_conservation(world.state)


def test_two_faults_that_cancel_out_in_a_sum_are_found_by_counting() -> None:
    """Held too high and burnt too low by as much satisfy the equation; counting all rows doesn't."""
    world = World()
    supply = get_supply(world.state, HXT)
    world.state.put(SUPPLY, HXT, replace(supply, held=supply.held + 1, burnt=supply.burnt - 1))
    with pytest.raises(BooksDontAddUp, match="counted are"):
        recount(world.state)
