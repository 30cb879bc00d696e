"""Validator stake and unstake: an owner locks HXT behind a validator's key, and gets it back later.

The validator's key signs too: nobody is made a validator by others. It must be a key for this alone: no
hotspot's, which hangs at a window, nor its owner's wallet, nor a router's. One stake a key, whole: it can't
be raised or split, so what a fault takes is what stood there all the time. Unstaking starts the unbonding
period; until it is over the stake can still be taken, and the key can't be staked anew. Precedent:
stake_validator_v1 and unstake_validator_v1 (blockchain_txn_stake_validator_v1.erl:158-185).

Today one producer makes all blocks and a stake earns nothing; it is what a replicated engine will choose by.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from chain.ledger.accepted_key import check_key
from chain.ledger.balances import InsufficientFunds, debit_hxt
from chain.ledger.context import BlockContext
from chain.ledger.events import Event
from chain.ledger.stakes import STAKES, Stake
from chain.ledger.state import State, Table
from chain.ledger.tables import HOTSPOTS, ROUTERS, SUCCESSORS
from chain.transactions.reasons import InvalidTransaction, Reason
from chain.transactions.types import ValidatorStake, ValidatorUnstake


def process_validator_stake(state: State, body: ValidatorStake, context: BlockContext) -> list[Event]:
    """Lock the stake.

    Raises InvalidTransaction (key_in_use, already_staked, unbonding, stake_too_small, insufficient_hxt).
    """
    if body.validator == body.owner:
        raise InvalidTransaction(
            Reason.KEY_IN_USE, "the validator's key must not be its owner's: make a key for it"
        )
    check_free_key(state, body.validator, context)
    stake = state.get(STAKES, body.validator)
    if stake is not None and stake.free_epoch:
        raise InvalidTransaction(
            Reason.UNBONDING, f"this key has a stake that is unbonding until epoch {stake.free_epoch}: wait"
        )
    if stake is not None:
        raise InvalidTransaction(
            Reason.ALREADY_STAKED, f"{stake.hxt} base units are staked behind this key: use another key"
        )
    minimum = context.parameters.validator_minimum_stake_hxt
    if body.hxt < minimum:
        raise InvalidTransaction(
            Reason.STAKE_TOO_SMALL, f"stake of {body.hxt} base units: at least {minimum}"
        )
    try:
        debit_hxt(state, body.owner, body.hxt)
    except InsufficientFunds as error:
        raise InvalidTransaction(Reason.INSUFFICIENT_HXT, f"the owner's {error}") from error
    stake = Stake(owner=body.owner, hxt=body.hxt, staked_height=context.height)
    state.put(STAKES, body.validator, stake)
    return [
        Event("validator_staked", {"validator": body.validator, "owner": body.owner, "hxt": body.hxt}),
    ]


def process_validator_unstake(state: State, body: ValidatorUnstake, context: BlockContext) -> list[Event]:
    """Begin the unbonding. Raises InvalidTransaction (not_staked, not_owner, unbonding)."""
    stake = state.get(STAKES, body.validator)
    if stake is None:
        raise InvalidTransaction(Reason.NOT_STAKED, "nothing is staked behind this key")
    if stake.owner != body.owner:
        raise InvalidTransaction(Reason.NOT_OWNER, "only who staked can unstake: sign as the stake's owner")
    if stake.free_epoch:
        raise InvalidTransaction(
            Reason.UNBONDING, f"this stake is unbonding already: it is free in epoch {stake.free_epoch}"
        )
    free_epoch = context.epoch + context.parameters.unbonding_epochs
    state.put(STAKES, body.validator, replace(stake, free_epoch=free_epoch))
    fields = {
        "validator": body.validator,
        "owner": body.owner,
        "hxt": stake.hxt,
        "free_epoch": free_epoch,
    }
    return [Event("validator_unstaked", fields)]


def check_free_key(state: State, key: bytes, context: BlockContext) -> None:
    """A key that becomes a validator's or the producer's: usable, and no hotspot's or router's.

    Raises InvalidTransaction (invalid_key, wrong_network, key_in_use).
    """
    check_key(key, context)
    uses: tuple[tuple[Table[Any], str], ...] = (
        (HOTSPOTS, "a hotspot's"),
        (ROUTERS, "a router's owner's"),
        (SUCCESSORS, "one that was replaced"),
    )
    for table, whose in uses:
        if state.get(table, key) is not None:
            raise InvalidTransaction(Reason.KEY_IN_USE, f"this key is {whose}: make a key for this alone")
