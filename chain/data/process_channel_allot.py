"""Channel allot: a router sets parts of a channel aside for hotspots, each its own and nobody else's.

Vouchers alone share one pot: a router can sign more than it locked, and who claims first is paid. An
allotment is what a hotspot can rely on without knowing the others' vouchers: up to it, it is paid (P1 in
chain/data/channel_parts.py). It is set aside, not paid: packets and vouchers must still come.

An allotment is a total over the channel's life and only rises; the same one again changes nothing, so that a
router may repeat what it isn't sure of. The voucher key may allot as well as the owner: what it can promise
away is the channel either way. Precedent: The Graph's escrow accounts for a pair of payer and receiver; here
one channel serves all hotspots, since any of them may hear a device.
"""

from __future__ import annotations

from msgspec.structs import replace

from chain.data.channel_parts import compute_common, compute_reserve, get_channel, get_claimed
from chain.ledger.context import BlockContext
from chain.ledger.events import Event
from chain.ledger.hotspot_checks import get_hotspot_in_service
from chain.ledger.state import State
from chain.ledger.tables import CHANNEL_CLAIMS, CHANNELS, Channel, get_successor
from chain.transactions.bodies_routers import HotspotCredits
from chain.transactions.reasons import InvalidTransaction, Reason
from chain.transactions.types import ChannelAllot


def process_channel_allot(state: State, body: ChannelAllot, context: BlockContext) -> list[Event]:
    """Turn common credits into reserved ones. Raises InvalidTransaction."""
    channel = get_channel(state, body.channel_id)
    router = get_successor(state, channel.router)
    if body.signer not in (router, channel.voucher_key):
        raise InvalidTransaction(
            Reason.NOT_CHANNEL_ROUTER, "only the channel's router, or its voucher key, can allot parts of it"
        )
    check_is_open(channel)
    check_each_once(body.allotments)
    return [_allot(state, body.channel_id, router, allotment) for allotment in body.allotments]


def check_is_open(channel: Channel) -> None:
    """Raises InvalidTransaction (channel_closing)."""
    if channel.closing_at_ms:
        raise InvalidTransaction(
            Reason.CHANNEL_CLOSING,
            f"this channel is closing: it is settled at {channel.closing_at_ms} ms; use another one",
        )


def check_each_once(parts: tuple[HotspotCredits, ...]) -> None:
    """Raises InvalidTransaction (duplicate_hotspot)."""
    if len({part.hotspot for part in parts}) != len(parts):
        raise InvalidTransaction(
            Reason.DUPLICATE_HOTSPOT, "a hotspot is named twice: name each once, with its total"
        )


def _allot(state: State, channel_id: bytes, router: bytes, allotment: HotspotCredits) -> Event:
    hotspot = allotment.hotspot
    get_hotspot_in_service(state, hotspot)
    if allotment.data_credits == 0:
        raise InvalidTransaction(Reason.ZERO_AMOUNT, "an allotment of 0 data credits: leave the hotspot out")
    channel = get_channel(state, channel_id)
    claimed = get_claimed(state, channel_id, hotspot)
    if allotment.data_credits < claimed.allotted:
        raise InvalidTransaction(
            Reason.ALLOTMENT_FELL,
            f"an allotment of {allotment.data_credits} data credits: the hotspot has {claimed.allotted}, and "
            "they only rise",
        )
    allotted = replace(claimed, allotted=allotment.data_credits)
    more = compute_reserve(allotted) - compute_reserve(claimed)
    common = compute_common(channel)
    if more > common:
        raise InvalidTransaction(
            Reason.ALLOTMENT_EXCEEDS_CHANNEL,
            f"{more} data credits more are to be set aside, {common} of the channel are neither paid nor "
            "allotted: allot less, or open another channel",
        )
    state.put(CHANNEL_CLAIMS, channel_id + hotspot, allotted)
    state.put(
        CHANNELS,
        channel_id,
        replace(
            channel,
            allotted=channel.allotted + allotted.allotted - claimed.allotted,
            reserved=channel.reserved + more,
        ),
    )
    return Event(
        "channel_allotted",
        {
            "channel": channel_id,
            "router": router,
            "hotspot": hotspot,
            "data_credits": allotment.data_credits,
        },
    )
