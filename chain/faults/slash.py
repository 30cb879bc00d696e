"""Taking what stands behind a culprit: a hotspot's bond and all its unreleased escrow, a validator's stake.

All of it, not a part: what the fault can have won over the escrow's epochs isn't known, and a share that is
worth risking would be risked. The Graph takes 2.5 % of a large stake by an arbitrator's judgement; these
bonds are small, and the proof is arithmetic.

**Reporting oneself loses.** The reporter gets `reporter_share_ppm` of what was taken, rounded down, less
than the whole by the parameters' own check; the rest burns. Keys that are known to be the culprit's own (the
hotspot's earlier ones, its owner, who paid its bond) get nothing. Others of its set can't be known: they get
the share, and the set is poorer by the rest. Who sees a proof before it is in a block can send it as its
own; that changes who is paid, never what it costs.
"""

from __future__ import annotations

from msgspec.structs import replace

from chain.governance.validators import get_stake, slash_stake
from chain.ledger.bonds import BONDS, take_bond
from chain.ledger.context import BlockContext
from chain.ledger.escrow import take_escrow
from chain.ledger.events import Event
from chain.ledger.faults import slash_locked_hxt
from chain.ledger.hotspot_checks import FAULTED, IN_SERVICE
from chain.ledger.state import State
from chain.ledger.tables import HOTSPOTS, get_successor
from chain.transactions.reasons import InvalidTransaction, Reason


def slash_hotspot(
    state: State, culprit: bytes, reporter: bytes, kind: str, context: BlockContext
) -> tuple[int, Event]:
    """End the hotspot that this key stands for now, and take its bond and escrow; returns base units taken.

    Raises InvalidTransaction (unknown_hotspot, reporter_is_subject, nothing_to_take where it had left or
    ended before and nothing of it is locked any more).
    """
    hotspot = get_successor(state, culprit)
    row = state.get(HOTSPOTS, hotspot)
    if row is None:
        raise InvalidTransaction(Reason.UNKNOWN_HOTSPOT, "no hotspot of this network has, or had, this key")
    _check_reporter(reporter, (culprit, hotspot))
    bond = state.get(BONDS, hotspot)
    own_keys = {row.owner} if bond is None else {row.owner, bond.funder}
    bond_hxt = take_bond(state, hotspot)
    escrow_hxt = take_escrow(state, hotspot, 0, context.epoch)
    taken = bond_hxt + escrow_hxt
    if not taken and row.status != IN_SERVICE:
        raise _refuse_nothing("the hotspot has left or ended already")
    share_ppm = 0 if reporter in own_keys else context.parameters.reporter_share_ppm
    reward = slash_locked_hxt(state, taken, reporter, share_ppm)
    state.put(HOTSPOTS, hotspot, replace(row, status=FAULTED))
    return taken, Event(
        "hotspot_slashed",
        {
            "hotspot": hotspot,
            "owner": row.owner,
            "fault": kind,
            "reporter": reporter,
            "bond_hxt": bond_hxt,
            "escrow_hxt": escrow_hxt,
            "reward_hxt": reward,
            "burnt_hxt": taken - reward,
        },
    )


def slash_producer(
    state: State, producer: bytes, reporter: bytes, kind: str, context: BlockContext
) -> tuple[int, Event]:
    """Take the stake behind a producer's key; returns base units taken.

    Raises InvalidTransaction (reporter_is_subject, nothing_to_take).
    """
    _check_reporter(reporter, (producer,))
    stake = get_stake(state, producer)
    if stake is None:
        raise _refuse_nothing("no stake stands behind this producer's key")
    taken = slash_stake(state, producer)
    share_ppm = 0 if reporter == stake.owner else context.parameters.reporter_share_ppm
    reward = slash_locked_hxt(state, taken, reporter, share_ppm)
    return taken, Event(
        "validator_slashed",
        {
            "validator": producer,
            "owner": stake.owner,
            "fault": kind,
            "reporter": reporter,
            "stake_hxt": taken,
            "reward_hxt": reward,
            "burnt_hxt": taken - reward,
        },
    )


def _check_reporter(reporter: bytes, culprits: tuple[bytes, ...]) -> None:
    if reporter in culprits:
        raise InvalidTransaction(
            Reason.REPORTER_IS_SUBJECT,
            "the culprit can't report itself: another account must pay for the report",
        )


def _refuse_nothing(why: str) -> InvalidTransaction:
    return InvalidTransaction(Reason.NOTHING_TO_TAKE, f"nothing is locked that could be taken: {why}")
