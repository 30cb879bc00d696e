"""Channel claim: a hotspot presents its newest voucher and is credited with what it hadn't claimed yet.

Only the hotspot that the voucher names can claim it, or the key that has replaced it. Its sequence must rise
and its totals never fall: a router can't take back a promise, and an old voucher can't be claimed twice. What
is owed comes out of the hotspot's own reserve and, beyond that, out of the channel's common part; never more
(chain/data/channel_parts.py). Where a router promised more, the first to claim are paid in full and the last
what is left, except that allotments are safe. A closing channel still pays vouchers until it is settled.

The credits are burnt here, for good. The hotspot's epoch total rises by as much, and the epoch pays it HXT
for that, never worth more than what burnt (chain/rewards): carrying one's own packets can at best break
even.
"""

from __future__ import annotations

from chain.data.channel_parts import (
    compute_common,
    compute_reserve,
    get_channel,
    get_claimed,
    pay_hotspot,
)
from chain.data.voucher import is_signed_by
from chain.ledger.context import BlockContext
from chain.ledger.events import Event
from chain.ledger.hotspot_checks import get_hotspot
from chain.ledger.state import State
from chain.ledger.tables import get_successor
from chain.transactions.reasons import InvalidTransaction, Reason
from chain.transactions.types import ChannelClaim


def process_channel_claim(state: State, body: ChannelClaim, context: BlockContext) -> list[Event]:
    """Burn what is owed and count it to the hotspot's epoch. Raises InvalidTransaction."""
    voucher = body.voucher.voucher
    if voucher.chain_id != context.chain_id:
        raise InvalidTransaction(
            Reason.VOUCHER_OF_OTHER_CHAIN, f"the voucher is for chain {voucher.chain_id!r}"
        )
    hotspot = get_successor(state, voucher.hotspot)
    if body.hotspot not in (voucher.hotspot, hotspot):
        raise InvalidTransaction(Reason.VOUCHER_OF_OTHER_HOTSPOT, "the voucher names another hotspot")
    get_hotspot(state, hotspot)
    channel = get_channel(state, voucher.channel_id)
    if not is_signed_by(body.voucher, channel.voucher_key):
        raise InvalidTransaction(
            Reason.VOUCHER_BAD_SIGNATURE, "the voucher isn't signed by the channel's voucher key"
        )
    claimed = get_claimed(state, voucher.channel_id, voucher.hotspot)
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
    payable = compute_reserve(claimed) + compute_common(channel)
    if payable == 0:
        raise InvalidTransaction(
            Reason.CHANNEL_OVERDRAWN,
            f"nothing is left for this hotspot: {channel.claimed_data_credits} of {channel.data_credits} "
            f"data credits are paid, {channel.reserved} are allotted to others",
        )
    paid = min(owed, payable)
    packets = pay_hotspot(
        state,
        voucher.channel_id,
        voucher.hotspot,
        paid,
        voucher.sequence,
        voucher.total_packets,
        context,
    )
    return [
        Event(
            "channel_claimed",
            {
                "channel": voucher.channel_id,
                "router": get_successor(state, channel.router),
                "hotspot": hotspot,
                "sequence": voucher.sequence,
                "data_credits": paid,
                "packets": packets,
                "total_data_credits": claimed.total_data_credits + paid,
                "unpaid_data_credits": owed - paid,
            },
        )
    ]
