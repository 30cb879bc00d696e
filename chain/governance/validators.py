"""Stakes of validators: what is locked, taken, given back.

    bonded  --unstake-->  unbonding until `free_epoch`  --process_unbonding-->  back to the owner
       \\______________________/
             slash_stake: also while it is unbonding

A validator signs headers; one that signs two at one height can rewrite what others were paid by, so
something must be there to take, and stay for as long as the proof may come (`unbonding_epochs` >
`escrow_epochs` + `evidence_epochs`, checked in the parameters). Precedent: Helium's validators, 10,000 HNT
and 250,000 blocks of cooldown, which were never slashed.

An epoch's close looks at all stakes: each is worth thousands of tokens, so there are few.
"""

from __future__ import annotations

from chain.ledger.balances import credit_hxt
from chain.ledger.context import BlockContext
from chain.ledger.events import Event
from chain.ledger.stakes import STAKES, Stake
from chain.ledger.state import State


def get_stake(state: State, validator: bytes) -> Stake | None:
    """Return what is locked behind a validator's key (33 bytes), also while unbonding; None for nothing."""
    return state.get(STAKES, validator)


def slash_stake(state: State, validator: bytes) -> int:
    """Take all of a validator's stake; returns its base units, 0 where there is none.

    No row holds them any more: the caller burns them (`burn_locked_hxt`) or credits them (`credit_hxt`).
    """
    stake = state.get(STAKES, validator)
    if stake is None:
        return 0
    state.delete(STAKES, validator)
    return stake.hxt


def process_unbonding(state: State, context: BlockContext) -> list[Event]:
    """Give back all stakes that come free with the close of `context.epoch`."""
    events = []
    for validator, stake in state.iterate(STAKES):
        if stake.free_epoch and stake.free_epoch <= context.epoch + 1:
            state.delete(STAKES, validator)
            credit_hxt(state, stake.owner, stake.hxt)
            fields = {"validator": validator, "owner": stake.owner, "hxt": stake.hxt}
            events.append(Event("stake_released", fields))
    return events
