"""Channel open: a router locks data credits, out of which hotspots are paid by its vouchers.

Locked credits are nobody's balance any more: the router can't spend them elsewhere, so a voucher within the
channel's amount is as good as its sum over all hotspots, and one within its hotspot's allotment is good
whatever else the router signs (chain/data/channel_parts.py). The voucher key is fixed now: a later rotation
binds new channels only. A channel ends: one that its router forgets begins to close by itself after
`channel_max_epochs`. Precedent: state_channel_open_v1, which holds twice the amount instead (overcommit) and
allows 25 open ones.
"""

from __future__ import annotations

from msgspec.structs import replace

from chain.data.calendar import compute_due_time, schedule
from chain.data.tables import CLOSED_CHANNELS
from chain.ledger.balances import InsufficientFunds, debit_data_credits
from chain.ledger.context import BlockContext
from chain.ledger.events import Event
from chain.ledger.router_checks import get_router_in_service
from chain.ledger.state import State
from chain.ledger.tables import CHANNELS, ROUTERS, Channel
from chain.transactions.reasons import InvalidTransaction, Reason
from chain.transactions.types import ChannelOpen


def process_channel_open(
    state: State, body: ChannelOpen, channel_id: bytes, context: BlockContext
) -> list[Event]:
    """Lock the credits; `channel_id` is the transaction's id. Raises InvalidTransaction."""
    router = get_router_in_service(state, body.router)
    if body.data_credits == 0:
        raise InvalidTransaction(Reason.ZERO_AMOUNT, "a channel of 0 data credits")
    if state.get(CHANNELS, channel_id) or state.get(CLOSED_CHANNELS, channel_id):
        raise InvalidTransaction(Reason.CHANNEL_EXISTS, "this channel was opened already")
    most = context.parameters.max_router_channels
    if router.open_channels >= most:
        raise InvalidTransaction(
            Reason.TOO_MANY_CHANNELS,
            f"this router has {router.open_channels} channels that aren't settled, {most} are the most: "
            "close one and wait for its settlement",
        )
    try:
        burnt_hxt = debit_data_credits(state, body.router, body.data_credits)
    except InsufficientFunds as error:
        raise InvalidTransaction(Reason.INSUFFICIENT_DATA_CREDITS, str(error)) from error
    parameters = context.parameters
    expires_at_ms = compute_due_time(
        context.time_ms + parameters.channel_max_epochs * parameters.epoch_ms, parameters
    )
    channel = Channel(
        router=body.router,
        voucher_key=router.voucher_key,
        data_credits=body.data_credits,
        claimed_data_credits=0,
        opened_height=context.height,
        burnt_hxt=burnt_hxt,
        opened_epoch=context.epoch,
        expires_at_ms=expires_at_ms,
    )
    state.put(CHANNELS, channel_id, channel)
    state.put(ROUTERS, body.router, replace(router, open_channels=router.open_channels + 1))
    schedule(state, channel_id, expires_at_ms)
    return [
        Event(
            "channel_opened",
            {
                "channel": channel_id,
                "router": body.router,
                "data_credits": body.data_credits,
                "expires_at_ms": expires_at_ms,
            },
        )
    ]
