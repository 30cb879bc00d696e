"""Applying a block's operations to the state, in the one order that every node keeps.

    what is due: producer, decisions, price -> transactions -> reports ->
    where the block's time is past the round's end: close the round,
    where it is past the epoch's end: close the epoch, open the next round -> check the books

Both making a block and applying one go through here. A producer leaves out what is invalid and learns why;
in a block that is applied, an invalid transaction or a wrong reveal makes the whole block invalid.
"""

from __future__ import annotations

import msgspec

from chain.blocks.entropy import BadReveal, mix_contribution, process_entropy_reveal
from chain.blocks.genesis import Chain
from chain.blocks.reports import ReceivedReport, is_arrival_signed_by
from chain.coverage.process import open_round, process_report, process_round_close
from chain.coverage.tables import get_entropy_contribution
from chain.data.process_due_channels import process_due_channels
from chain.governance.price_oracle import process_price
from chain.governance.producer import get_producer, process_producer_takeover
from chain.governance.schedule import process_activations
from chain.governance.validators import process_unbonding
from chain.keys.public_key import PublicKey
from chain.ledger.bonds import release_free_bonds
from chain.ledger.conservation import check_conservation, recount
from chain.ledger.context import BlockContext
from chain.ledger.events import Event
from chain.ledger.state import State
from chain.ledger.tables import CARRIED_DATA, ONLY, ROUND, Round, iterate_carried_data
from chain.rewards.process import process_epoch_close


class InvalidBlock(Exception):
    """A block that breaks the rules; the message says which one and where."""


class Boundaries(msgspec.Struct, frozen=True):
    """What a block's time closes."""

    round: int
    """Number of the round that the block's time falls into."""
    epoch: int
    closes_round: bool
    closes_epoch: bool


def get_open_round(state: State) -> Round:
    """Return the open round; the genesis always writes one."""
    round = state.get(ROUND, ONLY)
    if round is None:
        raise LookupError("the state has no open round: it wasn't made by a genesis")
    return round


def compute_boundaries(chain: Chain, open_round: Round, time_ms: int) -> Boundaries:
    """Return which boundaries a block of this time crosses. Rounds and epochs without any block are
    skipped.
    """
    round, epoch = chain.compute_round(time_ms), chain.compute_epoch(time_ms)
    closes_epoch = epoch > open_round.epoch
    return Boundaries(
        round=round,
        epoch=epoch,
        closes_round=round > open_round.round or closes_epoch,
        closes_epoch=closes_epoch,
    )


def process_block_start(
    state: State, chain: Chain, height: int, time_ms: int
) -> tuple[BlockContext, list[Event]]:
    """What is due at this block takes effect before anything in it; returns the context that all of the block
    goes by, and what changed.
    """
    round = get_open_round(state)
    context = chain.get_context(state, height, time_ms, round)
    events = process_producer_takeover(state, context)
    decided = process_activations(state, context)
    if decided:
        events += decided
        context = chain.get_context(state, height, time_ms, round)
    priced = process_price(state, context)
    if priced:
        events += priced
        context = chain.get_context(state, height, time_ms, round)
    return context, events


def process_received_report(
    state: State, report: ReceivedReport, chain: Chain, context: BlockContext
) -> list[Event]:
    """One report. Raises InvalidBlock where its arrival isn't signed by the producer or isn't past."""
    producer = PublicKey.from_binary(get_producer(state).key)
    if not is_arrival_signed_by(chain.chain_id, report, producer):
        raise InvalidBlock("a report's arrival time isn't signed by the node that took it in")
    if report.received_at_ms > context.time_ms:
        raise InvalidBlock(
            f"a report arrived at {report.received_at_ms}, after the block's {context.time_ms}"
        )
    with state.operation():
        return process_report(state, context, report)


def process_boundaries(
    state: State, chain: Chain, context: BlockContext, boundaries: Boundaries, reveal: bytes
) -> list[Event]:
    """Close what is past, and open the next round. Raises InvalidBlock for a wrong reveal."""
    events = process_due_channels(state, context)
    if not boundaries.closes_round:
        if reveal:
            raise InvalidBlock("a block that opens no round reveals entropy")
        return events
    events += process_round_close(state, context)
    mix_contribution(state, get_entropy_contribution(state))
    if boundaries.closes_epoch:
        events += process_epoch_close(state, context)
        events += process_unbonding(state, context)
        events += release_free_bonds(state, boundaries.epoch)
        for hotspot, _ in iterate_carried_data(state, context.epoch):
            state.delete(CARRIED_DATA, context.epoch.to_bytes(8, "big") + hotspot)
    try:
        entropy = process_entropy_reveal(state, reveal, boundaries.round)
    except BadReveal as error:
        raise InvalidBlock(str(error)) from error
    opened = Round(
        round=boundaries.round,
        epoch=boundaries.epoch,
        entropy=entropy,
        opened_at_ms=context.time_ms,
        opened_height=context.height,
    )
    state.put(ROUND, ONLY, opened)
    next_context = chain.get_context(state, context.height, context.time_ms, opened)
    return events + open_round(state, next_context)


def process_books(state: State, boundaries: Boundaries) -> None:
    """Check that the books add up, from scratch where an epoch closed. Raises BooksDontAddUp."""
    check_conservation(state)
    if boundaries.closes_epoch:
        recount(state)
