"""Channel open: a router locks data credits, out of which hotspots are paid by its vouchers.

Locked credits are nobody's balance any more: the router can't spend them elsewhere, so a voucher within the
channel's amount is as good as its sum over all hotspots. The voucher key is fixed now: a later rotation
binds new channels only. Precedent: state_channel_open_v1, which holds twice the amount instead
(overcommit).
"""

from __future__ import annotations

from chain.ledger.balances import InsufficientFunds, debit_data_credits
from chain.ledger.context import BlockContext
from chain.ledger.events import Event
from chain.ledger.state import State
from chain.ledger.tables import CHANNELS, ROUTERS, Channel
from chain.transactions.reasons import InvalidTransaction, Reason
from chain.transactions.types import ChannelOpen


def process_channel_open(
    state: State, body: ChannelOpen, channel_id: bytes, context: BlockContext
) -> list[Event]:
    """Lock the credits; `channel_id` is the transaction's id. Raises InvalidTransaction."""
    router = state.get(ROUTERS, body.router)
    if router is None:
        raise InvalidTransaction(Reason.UNKNOWN_ROUTER, "this router isn't registered: register it first")
    if body.data_credits == 0:
        raise InvalidTransaction(Reason.ZERO_AMOUNT, "a channel of 0 data credits")
    if state.get(CHANNELS, channel_id) is not None:
        raise InvalidTransaction(Reason.CHANNEL_EXISTS, "this channel is open already")
    try:
        burnt_hxt = debit_data_credits(state, body.router, body.data_credits)
    except InsufficientFunds as error:
        raise InvalidTransaction(Reason.INSUFFICIENT_DATA_CREDITS, str(error)) from error
    channel = Channel(
        router=body.router,
        voucher_key=router.voucher_key,
        data_credits=body.data_credits,
        claimed_data_credits=0,
        opened_height=context.height,
        burnt_hxt=burnt_hxt,
        opened_epoch=context.epoch,
    )
    state.put(CHANNELS, channel_id, channel)
    return [
        Event(
            "channel_opened",
            {"channel": channel_id, "router": body.router, "data_credits": body.data_credits},
        )
    ]
