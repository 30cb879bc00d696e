"""Proof-of-Coverage on the ledger: a round opens, takes claims and reports in, and closes with verdicts.

    open_round            entropy and challenges of the new round process_report        one claim or report
    of a block: refused with a verdict, or stored (process_report.py) process_round_close   joins witnesses
    to beacons, gives every stored report its verdict, adds up units (process_close.py)

Everything here follows from the state and the block, so any node that applies the blocks comes to the same
verdicts. A round costs what is in it: hotspots that it doesn't draw and that don't speak in it are not read.
"""

from collections.abc import Iterator

from chain.coverage.challenges import PlacedHotspot, compute_challenges
from chain.coverage.checks.exclusion import compute_not_excluded
from chain.coverage.checks.intake import FULL_CAPABILITY, IN_SERVICE
from chain.coverage.draw import compute_draw
from chain.coverage.process_close import process_round_close
from chain.coverage.process_report import process_report
from chain.coverage.tables import (
    CHALLENGES,
    OPEN_ROUND,
    RECENT_ENTROPY,
    OpenRound,
    RecentEntropy,
    get_placed_hotspot,
    get_placed_hotspots,
)
from chain.ledger.context import BlockContext
from chain.ledger.events import Event
from chain.ledger.past_rounds import PastRound, remember_round
from chain.ledger.state import State
from chain.ledger.tables import EXCLUSIONS, HOTSPOTS, ONLY

__all__ = ["open_round", "process_report", "process_round_close"]


def open_round(state: State, context: BlockContext) -> list[Event]:
    """Opens ``context.round`` with its entropy: stores it and the challenges that follow from it."""
    parameters = context.parameters.coverage
    closes_at_ms = min(context.get_round_end_ms(), context.get_epoch_end_ms())
    opened = OpenRound(
        round=context.round,
        entropy=context.entropy,
        timestamp_s=context.time_ms // 1000,
        opened_at_ms=context.time_ms,
        closes_at_ms=closes_at_ms,
        openings_from_ms=max(closes_at_ms - parameters.opening_ms, context.time_ms),
    )
    state.put(OPEN_ROUND, ONLY, opened)
    remember_round(
        state,
        context.epoch,
        opened.entropy,
        PastRound(opened.round, opened.opened_at_ms, opened.closes_at_ms, opened.timestamp_s),
        context.parameters.evidence_epochs,
    )
    for key, _ in state.iterate(CHALLENGES):
        state.delete(CHALLENGES, key)
    challenges = compute_challenges(
        context.entropy,
        _iterate_drawn(state, context),
        parameters,
        opened.opened_at_ms,
        opened.closes_at_ms,
    )
    for challenge in challenges:
        state.put(CHALLENGES, challenge.hotspot, challenge)
    if parameters.accept_unsolicited_beacons:
        _remember_entropy(state, context, opened)
    return [
        Event(
            "round_opened",
            {
                "round": opened.round,
                "entropy": opened.entropy,
                "opened_at_ms": opened.opened_at_ms,
                "openings_from_ms": opened.openings_from_ms,
                "closes_at_ms": opened.closes_at_ms,
                "challenges": len(challenges),
            },
        )
    ]


def _iterate_drawn(state: State, context: BlockContext) -> Iterator[PlacedHotspot]:
    """The hotspots that this round's entropy draws and that can beacon, in the order of the draw."""
    period = context.parameters.coverage.beacon_period_rounds
    for number in compute_draw(context.entropy, get_placed_hotspots(state), period):
        key = get_placed_hotspot(state, number)
        hotspot = state.get(HOTSPOTS, key) if key else None
        if key is None or hotspot is None or not hotspot.location:
            continue
        if hotspot.capability != FULL_CAPABILITY or hotspot.status != IN_SERVICE:
            continue
        if not compute_not_excluded(state.get(EXCLUSIONS, key), context.epoch).ok:
            continue
        yield PlacedHotspot(key, hotspot.location, hotspot.gain_ddbi, hotspot.elevation_m)


def _remember_entropy(state: State, context: BlockContext, opened: OpenRound) -> None:
    """Keeps this round's entropy for unsolicited beacons, and forgets what is too old even to be refused by
    its name."""
    oldest_ms = opened.opened_at_ms - 2 * context.parameters.coverage.entropy_window_ms
    for entropy, row in state.iterate(RECENT_ENTROPY):
        if row.timestamp_s * 1000 < oldest_ms:
            state.delete(RECENT_ENTROPY, entropy)
    state.put(RECENT_ENTROPY, opened.entropy, RecentEntropy(opened.timestamp_s))
