"""Channels whose time has come: they begin to close by age, are settled, are forgotten. At each block's end.

**Settlement.** Vouchers were paid during the time to claim. Now the router's counts are: each hotspot what
its count exceeds its payments by. Where all of them fit into what is left, in full. Where vouchers took so
much that they don't, each first gets its own unclaimed reserve, which was set aside for it, and what is
left after that is divided in proportion to what is still owed, rounded down. Nobody is paid more than it
was promised. What nobody claimed, and what rounding left, returns to the router's account with what had
burnt for it; to the owner it has now, where its key was replaced.

**Forgetting.** A settled channel leaves a small row for `evidence_epochs`, so that a proof against its router
is still taken and a late claim is told that it is late. Then that goes too, with what each hotspot had of the
channel: the state doesn't grow with channels that are over.

**Work is bounded**: a block does so many units, one for each row that it settles or removes; the rest waits
for the next block, in order. What is due late is only late.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from msgspec.structs import replace

from chain.data.calendar import cancel, compute_due_time, drop_empty_times, is_time_due, iterate_due, schedule
from chain.data.channel_parts import (
    compute_left,
    compute_reserve,
    get_channel,
    get_claimed,
    pay_hotspot,
)
from chain.data.process_channel_close import begin_closing
from chain.data.tables import CHANNEL_COUNTS, CLOSED_CHANNELS, ClosedChannel
from chain.ledger.balances import credit_data_credits
from chain.ledger.context import BlockContext
from chain.ledger.events import Event
from chain.ledger.state import State
from chain.ledger.tables import CHANNEL_CLAIMS, CHANNELS, ROUTERS, Channel, get_successor

#: Rows that one block settles or removes: some tens of milliseconds of work.
MAX_UNITS_PER_BLOCK = 2_048


def process_due_channels(state: State, context: BlockContext) -> list[Event]:
    """Do what is due at the block's time, before an epoch closes: counts belong to the one that ends."""
    if not is_time_due(state, context.time_ms):
        return []
    events: list[Event] = []
    units = MAX_UNITS_PER_BLOCK
    for due_ms, channel_id in list(islice(iterate_due(state, context.time_ms), MAX_UNITS_PER_BLOCK)):
        if units <= 0:
            break
        channel = state.get(CHANNELS, channel_id)
        if channel is None:
            units -= _forget(state, channel_id, due_ms, units)
        elif channel.closing_at_ms:
            cancel(state, channel_id, due_ms)
            settled = _settle(state, channel_id, channel, context)
            events += settled
            units -= len(settled)
        else:
            cancel(state, channel_id, due_ms)
            events += begin_closing(state, channel_id, channel, context, "expired")
            units -= 1
    drop_empty_times(state, context.time_ms)
    return events


def compute_count_payments(owed: Sequence[int], reserves: Sequence[int], left: int) -> list[int]:
    """What each counted hotspot is paid of what is left.

    `owed` is what each count exceeds its payments by, `reserves` what was set aside for each; the reserves
    together are at most `left`. In full where it suffices; else each its own reserve first and the rest in
    proportion, rounded down.
    """
    if sum(owed) <= left:
        return list(owed)
    own = [min(pair) for pair in zip(owed, reserves, strict=True)]
    more = [wanted - safe for wanted, safe in zip(owed, own, strict=True)]
    rest, wanted_more = left - sum(own), sum(more)
    return [safe + rest * wanted // wanted_more for safe, wanted in zip(own, more, strict=True)]


def _settle(state: State, channel_id: bytes, channel: Channel, context: BlockContext) -> list[Event]:
    router = get_successor(state, channel.router)
    events = _pay_counts(state, channel_id, channel, router, context)
    channel = get_channel(state, channel_id)
    left = compute_left(channel)
    credit_data_credits(state, router, left, channel.burnt_hxt)
    state.delete(CHANNELS, channel_id)
    state.delete(CHANNEL_COUNTS, channel_id)
    row = state.get(ROUTERS, router)
    if row is not None:
        state.put(ROUTERS, router, replace(row, open_channels=row.open_channels - 1))
    state.put(CLOSED_CHANNELS, channel_id, ClosedChannel(channel.router, channel.voucher_key, context.height))
    parameters = context.parameters
    forget_after_ms = context.time_ms + parameters.evidence_epochs * parameters.epoch_ms
    schedule(state, channel_id, compute_due_time(forget_after_ms + 1, parameters))
    events.append(
        Event(
            "channel_settled",
            {
                "channel": channel_id,
                "router": router,
                "claimed_data_credits": channel.claimed_data_credits,
                "returned_data_credits": left,
            },
        )
    )
    return events


def _pay_counts(
    state: State, channel_id: bytes, channel: Channel, router: bytes, context: BlockContext
) -> list[Event]:
    row = state.get(CHANNEL_COUNTS, channel_id)
    if row is None:
        return []
    has = [get_claimed(state, channel_id, count.hotspot) for count in row.counts]
    owed = [
        max(0, count.data_credits - claimed.total_data_credits)
        for count, claimed in zip(row.counts, has, strict=True)
    ]
    payments = compute_count_payments(
        owed, [compute_reserve(claimed) for claimed in has], compute_left(channel)
    )
    events = []
    for count, wanted, paid in zip(row.counts, owed, payments, strict=True):
        packets = 0
        if paid:
            packets = pay_hotspot(state, channel_id, count.hotspot, paid, 0, count.packets, context)
        events.append(
            Event(
                "channel_counted",
                {
                    "channel": channel_id,
                    "router": router,
                    "hotspot": get_successor(state, count.hotspot),
                    "data_credits": paid,
                    "packets": packets,
                    "unpaid_data_credits": wanted - paid,
                },
            )
        )
    return events


def _forget(state: State, channel_id: bytes, due_ms: int, units: int) -> int:
    """Remove what is left of a settled channel, up to `units` rows; returns how many it took."""
    keys = [key for key, _ in islice(state.iterate(CHANNEL_CLAIMS, channel_id), units)]
    for key in keys:
        state.delete(CHANNEL_CLAIMS, key)
    if len(keys) < units:
        state.delete(CLOSED_CHANNELS, channel_id)
        cancel(state, channel_id, due_ms)
    return len(keys) + 1
