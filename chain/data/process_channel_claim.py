"""Channel claim: a hotspot presents its newest voucher and is credited with what it hadn't claimed yet.

Only the hotspot that the voucher names can claim it. Its sequence must rise and its totals never fall: a
router can't take back a promise, and an old voucher can't be claimed twice. Over all hotspots a channel
never pays more than was locked; where a router promised more, the first to claim are paid in full and the
last what is left.

The credits are burnt here, for good. The hotspot's epoch total rises by as much, and the epoch pays it HXT
for that, never worth more than what burnt (chain/rewards): carrying one's own packets can at best break
even.
"""

from __future__ import annotations

from msgspec.structs import replace

from chain.data.carried_data import add_carried_data
from chain.data.voucher import is_signed_by
from chain.ledger.balances import burn_locked_data_credits, compute_part
from chain.ledger.context import BlockContext
from chain.ledger.events import Event
from chain.ledger.state import State
from chain.ledger.tables import (
    CHANNEL_CLAIMS,
    CHANNELS,
    HOTSPOTS,
)
from chain.ledger.tables import (
    ChannelClaim as Claimed,
)
from chain.transactions.reasons import InvalidTransaction, Reason
from chain.transactions.types import ChannelClaim


def process_channel_claim(state: State, body: ChannelClaim, context: BlockContext) -> list[Event]:
    """Burn what is owed and count it to the hotspot's epoch. Raises InvalidTransaction."""
    voucher = body.voucher.voucher
    if voucher.chain_id != context.chain_id:
        raise InvalidTransaction(
            Reason.VOUCHER_OF_OTHER_CHAIN, f"the voucher is for chain {voucher.chain_id!r}"
        )
    if voucher.hotspot != body.hotspot:
        raise InvalidTransaction(Reason.VOUCHER_OF_OTHER_HOTSPOT, "the voucher names another hotspot")
    if state.get(HOTSPOTS, body.hotspot) is None:
        raise InvalidTransaction(Reason.UNKNOWN_HOTSPOT, "this hotspot hasn't joined")
    channel = state.get(CHANNELS, voucher.channel_id)
    if channel is None:
        raise InvalidTransaction(Reason.UNKNOWN_CHANNEL, f"no channel {voucher.channel_id.hex()}")
    if not is_signed_by(body.voucher, channel.voucher_key):
        raise InvalidTransaction(
            Reason.VOUCHER_BAD_SIGNATURE, "the voucher isn't signed by the channel's voucher key"
        )
    claim_key = voucher.channel_id + body.hotspot
    claimed = state.get(CHANNEL_CLAIMS, claim_key) or Claimed(0, 0, 0)
    if voucher.sequence <= claimed.sequence:
        raise InvalidTransaction(
            Reason.VOUCHER_STALE, f"voucher {voucher.sequence}: {claimed.sequence} is claimed already"
        )
    if (
        voucher.total_data_credits < claimed.total_data_credits
        or voucher.total_packets < claimed.total_packets
    ):
        raise InvalidTransaction(
            Reason.VOUCHER_TOTAL_FELL, "the voucher's totals are below what is claimed already"
        )
    owed = voucher.total_data_credits - claimed.total_data_credits
    if owed == 0:
        raise InvalidTransaction(
            Reason.VOUCHER_CLAIMS_NOTHING, "everything of this voucher is claimed already"
        )
    left = channel.data_credits - channel.claimed_data_credits
    if left == 0:
        raise InvalidTransaction(Reason.CHANNEL_OVERDRAWN, "the channel's data credits are all claimed")
    paid = min(owed, left)
    packets = voucher.total_packets - claimed.total_packets

    burnt_hxt = compute_part(channel.burnt_hxt, paid, left)
    burn_locked_data_credits(state, paid)
    state.put(
        CHANNELS,
        voucher.channel_id,
        replace(
            channel,
            claimed_data_credits=channel.claimed_data_credits + paid,
            burnt_hxt=channel.burnt_hxt - burnt_hxt,
        ),
    )
    state.put(
        CHANNEL_CLAIMS,
        claim_key,
        Claimed(voucher.sequence, claimed.total_data_credits + paid, voucher.total_packets),
    )
    add_carried_data(state, body.hotspot, paid, packets, burnt_hxt, context)
    return [
        Event(
            "channel_claimed",
            {
                "channel": voucher.channel_id,
                "router": channel.router,
                "hotspot": body.hotspot,
                "sequence": voucher.sequence,
                "data_credits": paid,
                "packets": packets,
                "total_data_credits": claimed.total_data_credits + paid,
                "unpaid_data_credits": owed - paid,
            },
        )
    ]
