"""What a hotspot carried in an epoch: the only place where paid data credits are counted to it.

Each spending is valued by itself, at what burnt for its credits or what they are worth at the block's price,
whichever is less. Added up first and valued later, credits that were bought cheaply would be lifted by others
that were bought dearly, and pay more than what burnt for them (`chain/rewards/demand.py`).
"""

from __future__ import annotations

from chain.ledger.amounts import compute_hxt_worth_of_data_credits
from chain.ledger.context import BlockContext
from chain.ledger.state import State
from chain.ledger.tables import CARRIED_DATA, CarriedData


def compute_spent_value(data_credits: int, burnt_hxt: int, hxt_price: int) -> int:
    """Return base units that spent data credits may claim at the most, rounded down. `burnt_hxt`: what burnt
    for these credits."""
    return min(burnt_hxt, compute_hxt_worth_of_data_credits(data_credits, hxt_price))


def add_carried_data(
    state: State, hotspot: bytes, data_credits: int, packets: int, burnt_hxt: int, context: BlockContext
) -> None:
    """Count data credits, just burnt from a channel, to the hotspot that carried for them."""
    key = context.epoch.to_bytes(8, "big") + hotspot
    carried = state.get(CARRIED_DATA, key) or CarriedData(0, 0)
    value = compute_spent_value(data_credits, burnt_hxt, context.hxt_price)
    state.put(
        CARRIED_DATA,
        key,
        CarriedData(
            data_credits=carried.data_credits + data_credits,
            packets=carried.packets + packets,
            burnt_hxt=carried.burnt_hxt + burnt_hxt,
            value_hxt=carried.value_hxt + value,
        ),
    )
