"""The price is computed anew at the start of a block, once in `price_interval_ms` of block time.

Before the block's transactions, so that all of them see one price and none can be placed around the change.
The theory of median, delay and steps is in `chain/ledger/price.py`. Without reports of a majority nothing is
computed and nothing written: the price stays what it was, and on a network that nobody reports to, the
genesis price. The next block looks again.
"""

from __future__ import annotations

from chain.governance.approval import get_governance
from chain.ledger.context import BlockContext
from chain.ledger.events import Event
from chain.ledger.price import (
    PRICE,
    Price,
    compute_counted_price,
    compute_majority,
    compute_median,
    compute_stepped_price,
    get_hxt_price,
    get_reported_prices,
)
from chain.ledger.state import State
from chain.ledger.tables import ONLY


def process_price(state: State, context: BlockContext) -> list[Event]:
    """Move the price where it is time to and a majority has spoken."""
    parameters = context.parameters
    row = state.get(PRICE, ONLY)
    if row is not None and context.time_ms - row.time_ms < parameters.price_interval_ms:
        return []
    reporters = get_governance(state).price_reporters
    counted = [
        compute_counted_price(
            get_reported_prices(state, reporter),
            context.time_ms,
            parameters.price_minimum_age_ms,
            parameters.price_maximum_age_ms,
        )
        for reporter in reporters
    ]
    prices = [price for price in counted if price is not None]
    if len(prices) < compute_majority(len(reporters)):
        return []
    before = get_hxt_price(state, parameters)
    median = compute_median(prices)
    price = compute_stepped_price(before, median, parameters.price_max_change_ppm)
    state.put(PRICE, ONLY, Price(price, context.time_ms))
    if price == before:
        return []
    fields = {"hxt_price": price, "previous_hxt_price": before, "median": median, "reporters": len(prices)}
    return [Event("price_changed", fields)]
