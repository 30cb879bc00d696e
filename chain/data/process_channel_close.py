"""Channel close: a router ends a channel; what is left returns to it after a last time to claim.

For `channel_claim_window_ms` hotspots still claim their vouchers. The router has no veto over them and can't
shorten the time: a close that came the moment before a claim costs the hotspot nothing. Then the channel is
settled (chain/data/process_due_channels.py).

*Counts* pay hotspots that take no vouchers, stock gateways: the router says how much it bought from each over
the channel's life. They trust the router for as long as a channel runs, as on Helium they trust whoever
counts. A count is the router's word alone, given at the end, so it comes after every voucher: it is paid from
what the time to claim has left over, so that no router can promise by count to a friend what it had promised
to others by voucher. For a hotspot that has both, the higher total counts, not the sum.

When it closes, a router must not count more than there is: what its counts add to what is paid is at most
what is left. Precedent: state_channel_close_v1 with its summaries, a grace of 30 blocks and at most 2000
hotspots, of which the rest got nothing.
"""

from __future__ import annotations

from msgspec.structs import replace

from chain.data.calendar import cancel, compute_due_time, schedule
from chain.data.channel_parts import compute_left, get_channel, get_claimed
from chain.data.process_channel_allot import check_each_once, check_is_open
from chain.data.tables import CHANNEL_COUNTS, ChannelCounts
from chain.ledger.context import BlockContext
from chain.ledger.events import Event
from chain.ledger.hotspot_checks import get_hotspot
from chain.ledger.state import State
from chain.ledger.tables import CHANNELS, Channel, get_successor
from chain.transactions.reasons import InvalidTransaction, Reason
from chain.transactions.types import ChannelClose


def process_channel_close(state: State, body: ChannelClose, context: BlockContext) -> list[Event]:
    """Begin the last time to claim. Raises InvalidTransaction."""
    channel = get_channel(state, body.channel_id)
    if body.router != get_successor(state, channel.router):
        raise InvalidTransaction(Reason.NOT_CHANNEL_ROUTER, "only the channel's router can close it")
    check_is_open(channel)
    check_each_once(body.counts)
    added = 0
    for count in body.counts:
        get_hotspot(state, get_successor(state, count.hotspot))
        claimed = get_claimed(state, body.channel_id, count.hotspot)
        added += max(0, count.data_credits - claimed.total_data_credits)
    left = compute_left(channel)
    if added > left:
        raise InvalidTransaction(
            Reason.COUNT_EXCEEDS_CHANNEL,
            f"the counts add {added} data credits to what is paid, {left} are left: count less",
        )
    if body.counts:
        state.put(CHANNEL_COUNTS, body.channel_id, ChannelCounts(body.counts))
    return begin_closing(state, body.channel_id, channel, context, "router")


def begin_closing(
    state: State, channel_id: bytes, channel: Channel, context: BlockContext, why: str
) -> list[Event]:
    """Let an open channel's last time to claim begin. `why`: router, expired, disputed."""
    parameters = context.parameters
    closing_at_ms = compute_due_time(context.time_ms + parameters.channel_claim_window_ms, parameters)
    cancel(state, channel_id, channel.expires_at_ms)
    schedule(state, channel_id, closing_at_ms)
    state.put(CHANNELS, channel_id, replace(channel, closing_at_ms=closing_at_ms))
    return [
        Event(
            "channel_closing",
            {
                "channel": channel_id,
                "router": get_successor(state, channel.router),
                "why": why,
                "closing_at_ms": closing_at_ms,
            },
        )
    ]
