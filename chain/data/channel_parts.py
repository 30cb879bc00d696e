"""What is whose inside a channel, and paying out of it.

    locked = paid + reserved + common

*Reserved* is what was allotted to hotspots and not yet paid to them: sum over hotspots of max(0, allotted -
paid). *Common* is the rest. A hotspot can be paid its own reserve and, beyond it, from the common part, first
come first served; never from another's reserve. So

    P1  whatever anybody else does, a hotspot with an allotment can be paid up to it: its reserve falls only
        by what it is paid itself.
    P2  payments never exceed what was locked: each takes from its own reserve or from the common part, and an
        allotment only turns common into reserved (it is refused where the common part is smaller).
    P3  the common part never grows while the channel is open. A hotspot that got less than its voucher says
        has emptied it, so nothing is lost by counting that voucher as used.

An allotment is a total over the channel's life and covers what the hotspot was paid before, also from the
common part: raising it to what is paid already costs nothing. In other words the sum of all allotments is at
most the channel's amount less what the common part has paid beyond them.

What a payment's credits had cost (`burnt_hxt`) goes with them: paid / left of the channel's, rounded down, so
that the last payment or the refund takes the remainder and nobody gets more than its part cost.
"""

from __future__ import annotations

from msgspec.structs import replace

from chain.data.carried_data import add_carried_data
from chain.data.tables import CLOSED_CHANNELS
from chain.ledger.balances import burn_locked_data_credits, compute_part
from chain.ledger.context import BlockContext
from chain.ledger.state import State
from chain.ledger.tables import (
    CHANNEL_CLAIMS,
    CHANNELS,
    Channel,
    get_successor,
)
from chain.ledger.tables import (
    ChannelClaim as Claimed,
)
from chain.transactions.reasons import InvalidTransaction, Reason


def get_channel(state: State, channel_id: bytes) -> Channel:
    """Return the row. Raises InvalidTransaction (channel_closed, unknown_channel)."""
    channel = state.get(CHANNELS, channel_id)
    if channel is not None:
        return channel
    closed = state.get(CLOSED_CHANNELS, channel_id)
    if closed is not None:
        raise InvalidTransaction(
            Reason.CHANNEL_CLOSED,
            f"channel {channel_id.hex()} was settled at height {closed.settled_height}: it pays no more",
        )
    raise InvalidTransaction(
        Reason.UNKNOWN_CHANNEL, f"no channel {channel_id.hex()}: never opened, or settled long ago"
    )


def get_claimed(state: State, channel_id: bytes, hotspot: bytes) -> Claimed:
    """Return what a hotspot has of a channel; nothing yet where there is no row."""
    return state.get(CHANNEL_CLAIMS, channel_id + hotspot) or Claimed(0, 0, 0)


def compute_left(channel: Channel) -> int:
    """Data credits that nobody was paid yet."""
    return channel.data_credits - channel.claimed_data_credits


def compute_common(channel: Channel) -> int:
    """Data credits left that aren't set aside for anybody."""
    return compute_left(channel) - channel.reserved


def compute_reserve(claimed: Claimed) -> int:
    """Data credits set aside for a hotspot that it wasn't paid yet."""
    return max(0, claimed.allotted - claimed.total_data_credits)


def pay_hotspot(
    state: State,
    channel_id: bytes,
    hotspot: bytes,
    data_credits: int,
    sequence: int,
    total_packets: int,
    context: BlockContext,
) -> int:
    """Burn `data_credits` of a channel and count them to the hotspot's epoch, with what they had cost.

    `hotspot` is the key that vouchers name; its successor is credited. The caller has seen to it that its
    reserve and what it may take beyond it suffice. Returns the packets that are new.
    """
    channel = get_channel(state, channel_id)
    claimed = get_claimed(state, channel_id, hotspot)
    burnt_hxt = compute_part(channel.burnt_hxt, data_credits, compute_left(channel))
    burn_locked_data_credits(state, data_credits)
    paid = replace(
        claimed,
        sequence=max(claimed.sequence, sequence),
        total_data_credits=claimed.total_data_credits + data_credits,
        total_packets=max(claimed.total_packets, total_packets),
    )
    state.put(CHANNEL_CLAIMS, channel_id + hotspot, paid)
    state.put(
        CHANNELS,
        channel_id,
        replace(
            channel,
            claimed_data_credits=channel.claimed_data_credits + data_credits,
            burnt_hxt=channel.burnt_hxt - burnt_hxt,
            reserved=channel.reserved - (compute_reserve(claimed) - compute_reserve(paid)),
        ),
    )
    packets = paid.total_packets - claimed.total_packets
    add_carried_data(state, get_successor(state, hotspot), data_credits, packets, burnt_hxt, context)
    return packets
