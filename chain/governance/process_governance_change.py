"""Governance change: the deciding keys, their threshold and the price reporters are replaced as a whole.

It holds from the next transaction on. Everything is named anew, so that what a reader of the transaction sees
is what holds. Reporters that aren't named any more are forgotten with what they said: a bad reporter's last
report must not count an hour after its name is gone. Precedent: the multi_keys of vars_v1.
"""

from __future__ import annotations

from chain.governance.approval import (
    Governance,
    check_approved,
    check_ascending,
    get_governance,
    put_governance,
)
from chain.ledger.accepted_key import check_key
from chain.ledger.context import BlockContext
from chain.ledger.events import Event
from chain.ledger.price import delete_reported_price, get_reported_prices
from chain.ledger.state import State
from chain.transactions.reasons import InvalidTransaction, Reason
from chain.transactions.types import GovernanceChange


def process_governance_change(state: State, body: GovernanceChange, context: BlockContext) -> list[Event]:
    """Write the new names.

    Raises InvalidTransaction (bad_threshold, not_sorted, duplicate_key, invalid_key, wrong_network, and what
    `check_approved` raises).
    """
    check_approved(state, body.approvers)
    check_ascending(body.keys, "keys")
    check_ascending(body.price_reporters, "price reporters")
    for key in body.keys + body.price_reporters:
        check_key(key, context)
    if body.threshold > len(body.keys):
        raise InvalidTransaction(
            Reason.BAD_THRESHOLD,
            f"threshold {body.threshold} of {len(body.keys)} keys: nothing could be decided ever again",
        )
    for reporter in get_governance(state).price_reporters:
        if reporter not in body.price_reporters:
            for time_ms, _ in get_reported_prices(state, reporter):
                delete_reported_price(state, reporter, time_ms)
    put_governance(state, Governance(body.keys, body.threshold, body.price_reporters))
    fields = {
        "approvers": list(body.approvers),
        "keys": list(body.keys),
        "threshold": body.threshold,
        "price_reporters": list(body.price_reporters),
    }
    return [Event("governance_changed", fields)]
