"""Price report: a named reporter says what one HXT costs.

It counts once it is `price_minimum_age_ms` old (`chain/ledger/price.py`). A reporter may speak once in
`price_report_interval_ms`, so that it can't fill the chain, and so that of each only a few reports are kept:
those that don't count yet, and the newest that does. Precedent: price_oracle_v1, whose block height may be 10
blocks off and which knows no rate limit (blockchain_txn_price_oracle_v1.erl:156).
"""

from __future__ import annotations

from chain.governance.approval import get_governance
from chain.keys.public_key import PublicKey
from chain.ledger.context import BlockContext
from chain.ledger.events import Event
from chain.ledger.price import add_reported_price, delete_reported_price, get_reported_prices
from chain.ledger.state import State
from chain.transactions.reasons import InvalidTransaction, Reason
from chain.transactions.types import PriceReport


def process_price_report(state: State, body: PriceReport, context: BlockContext) -> list[Event]:
    """Keep the report. Raises InvalidTransaction (not_price_reporter, price_report_too_soon)."""
    if body.reporter not in get_governance(state).price_reporters:
        raise InvalidTransaction(
            Reason.NOT_PRICE_REPORTER,
            f"{PublicKey.from_binary(body.reporter).address} is no price reporter of this network: the "
            "deciding keys name them",
        )
    reports = get_reported_prices(state, body.reporter)
    interval_ms = context.parameters.price_report_interval_ms
    if reports and context.time_ms - reports[-1][0] < interval_ms:
        raise InvalidTransaction(
            Reason.PRICE_REPORT_TOO_SOON,
            f"this reporter's last price is {context.time_ms - reports[-1][0]} ms old: one every "
            f"{interval_ms} ms",
        )
    _forget_superseded(state, body.reporter, reports, context)
    add_reported_price(state, body.reporter, body.hxt_price, context.time_ms)
    return [Event("price_reported", {"reporter": body.reporter, "hxt_price": body.hxt_price})]


def _forget_superseded(
    state: State, reporter: bytes, reports: list[tuple[int, int]], context: BlockContext
) -> None:
    """Of the reports that are old enough to count only the newest ever will."""
    old_enough = [
        time_ms
        for time_ms, _ in reports
        if context.time_ms - time_ms >= context.parameters.price_minimum_age_ms
    ]
    for time_ms in old_enough[:-1]:
        delete_reported_price(state, reporter, time_ms)
