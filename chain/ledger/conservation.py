"""Conservation: minted = burnt + held + locked, for each token, after every block.

`minted` and `burnt` are written by the functions that mint and burn (chain/ledger/balances.py). `held` and
`locked` are counted here, from the rows that a block changed, by what they were and what they are: a rule
that moved money past those functions makes the two sides differ. A difference is a fault in the code, never
a bad transaction, and the node stops on it. `recount` counts everything from nothing, at start-up and when
an epoch closes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from msgspec.structs import replace

from chain.ledger.bonds import BONDS, Bond
from chain.ledger.bounties import BOUNTIES, Bounty
from chain.ledger.escrow import ESCROW, Escrow
from chain.ledger.stakes import STAKES, Stake
from chain.ledger.state import State, Table
from chain.ledger.tables import (
    ACCOUNTS,
    CHANNELS,
    DATA_CREDITS,
    HXT,
    SUPPLY,
    Account,
    Channel,
    Supply,
)


class BooksDontAddUp(Exception):
    """Money came from nowhere or went nowhere. The node must not go on."""


class Value(NamedTuple):
    """What one row holds and locks, in base units and data credits."""

    held_hxt: int = 0
    locked_hxt: int = 0
    held_data_credits: int = 0
    locked_data_credits: int = 0


def _get_account_value(account: Account) -> Value:
    if account.hxt < 0 or account.data_credits < 0 or account.burnt_hxt < 0:
        raise BooksDontAddUp(f"an account holds a negative amount: {account}")
    # By place: by name it takes four times as long, and this runs for every account that a block touches.
    return Value(account.hxt, 0, account.data_credits, 0)


def _get_channel_value(channel: Channel) -> Value:
    left = channel.data_credits - channel.claimed_data_credits
    if left < 0 or channel.claimed_data_credits < 0:
        raise BooksDontAddUp(f"a channel has paid more than was locked: {channel}")
    return Value(locked_data_credits=left)


def _get_escrow_value(escrow: Escrow) -> Value:
    return Value(locked_hxt=escrow.hxt)


def _get_bond_value(bond: Bond) -> Value:
    return Value(locked_hxt=bond.hxt)


def _get_bounty_value(bounty: Bounty) -> Value:
    return Value(locked_data_credits=bounty.data_credits)


def _get_stake_value(stake: Stake) -> Value:
    return Value(locked_hxt=stake.hxt)


#: Every table whose rows are worth something, with what a row holds. A new kind of row with value in it is
#: added here.
VALUE_TABLES: tuple[tuple[Table[Any], Callable[[Any], Value]], ...] = (
    (ACCOUNTS, _get_account_value),
    (CHANNELS, _get_channel_value),
    (BONDS, _get_bond_value),
    (ESCROW, _get_escrow_value),
    (STAKES, _get_stake_value),
    (BOUNTIES, _get_bounty_value),
)


class Holdings:
    """Sums of what rows hold and lock, per token."""

    def __init__(self) -> None:
        self.held = {HXT: 0, DATA_CREDITS: 0}
        self.locked = {HXT: 0, DATA_CREDITS: 0}

    def add(self, value: Value, sign: int) -> None:
        """Count a row in (+1) or out (-1). Raises BooksDontAddUp for a negative amount."""
        if min(value) < 0:
            raise BooksDontAddUp(f"a row holds a negative amount: {value}")
        self.held[HXT] += sign * value.held_hxt
        self.locked[HXT] += sign * value.locked_hxt
        self.held[DATA_CREDITS] += sign * value.held_data_credits
        self.locked[DATA_CREDITS] += sign * value.locked_data_credits


def check_conservation(state: State) -> None:
    """Bring `held` and `locked` up to date and compare. After everything else in a block.

    Raises BooksDontAddUp with the figures.
    """
    changed = Holdings()
    for table, get_value in VALUE_TABLES:
        for _, old, new in state.iterate_changed(table):
            if old is not None:
                changed.add(get_value(old), -1)
            if new is not None:
                changed.add(get_value(new), +1)
    for token in (HXT, DATA_CREDITS):
        supply = state.get(SUPPLY, token) or Supply()
        before = state.get_committed(SUPPLY, token) or Supply()
        counted = replace(
            supply, held=before.held + changed.held[token], locked=before.locked + changed.locked[token]
        )
        _check_sum(token, counted)
        if counted != supply:
            state.put(SUPPLY, token, counted)


def recount(state: State) -> None:
    """Count all rows from nothing and compare with the books. Raises BooksDontAddUp."""
    counted = Holdings()
    for table, get_value in VALUE_TABLES:
        for _, row in state.iterate(table):
            counted.add(get_value(row), +1)
    for token in (HXT, DATA_CREDITS):
        supply = state.get(SUPPLY, token) or Supply()
        if (supply.held, supply.locked) != (counted.held[token], counted.locked[token]):
            raise BooksDontAddUp(
                f"{token.decode()}: the books say {supply.held} held and {supply.locked} locked, "
                f"counted are {counted.held[token]} and {counted.locked[token]}"
            )
        _check_sum(token, supply)


def _check_sum(token: bytes, supply: Supply) -> None:
    if supply.minted != supply.burnt + supply.held + supply.locked:
        raise BooksDontAddUp(
            f"{token.decode()}: minted {supply.minted} is not burnt {supply.burnt} + held {supply.held} "
            f"+ locked {supply.locked} = {supply.burnt + supply.held + supply.locked}"
        )
