"""Conservation: minted = burnt + held + locked, for each token, after every block.

`minted` and `burnt` are written by the functions that mint and burn (chain/ledger/balances.py). `held` and
`locked` are counted here, from the rows that a block changed, by what they were and what they are: a rule
that moved money past those functions makes the two sides differ. A difference is a fault in the code, never
a bad transaction, and the node stops on it. `recount` counts everything from nothing, at start-up and when
an epoch closes.
"""

from __future__ import annotations

from msgspec.structs import replace

from chain.ledger.state import State
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


class Holdings:
    """Sums of what rows hold and lock, per token. A new kind of row with value in it is added here."""

    def __init__(self) -> None:
        self.held = {HXT: 0, DATA_CREDITS: 0}
        self.locked = {HXT: 0, DATA_CREDITS: 0}

    def add_account(self, account: Account | None, sign: int) -> None:
        if account is not None:
            if account.hxt < 0 or account.data_credits < 0:
                raise BooksDontAddUp(f"an account holds a negative amount: {account}")
            self.held[HXT] += sign * account.hxt
            self.held[DATA_CREDITS] += sign * account.data_credits

    def add_channel(self, channel: Channel | None, sign: int) -> None:
        if channel is not None:
            left = channel.data_credits - channel.claimed_data_credits
            if left < 0 or channel.claimed_data_credits < 0:
                raise BooksDontAddUp(f"a channel has paid more than was locked: {channel}")
            self.locked[DATA_CREDITS] += sign * left


def check_conservation(state: State) -> None:
    """Bring `held` and `locked` up to date and compare. After everything else in a block.

    Raises BooksDontAddUp with the figures.
    """
    changed = Holdings()
    for _, old_account, new_account in state.iterate_changed(ACCOUNTS):
        changed.add_account(old_account, -1)
        changed.add_account(new_account, +1)
    for _, old_channel, new_channel in state.iterate_changed(CHANNELS):
        changed.add_channel(old_channel, -1)
        changed.add_channel(new_channel, +1)
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
    """Count all accounts and channels from nothing and compare with the books. Raises BooksDontAddUp."""
    counted = Holdings()
    for _, account in state.iterate(ACCOUNTS):
        counted.add_account(account, +1)
    for _, channel in state.iterate(CHANNELS):
        counted.add_channel(channel, +1)
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
