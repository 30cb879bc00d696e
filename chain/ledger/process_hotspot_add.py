"""Hotspot add: a hotspot joins under an owner, for a sunk fee.

Owner and hotspot both consent by signing; the payer may be a third. The hotspot's key is its identity for
good, so it can't join twice and can't be its owner's wallet as well: a key that hangs at a window isn't one
to keep money with. Precedent: add_gateway_v1, which doesn't check that the gateway exists
(blockchain_txn_add_gateway_v1.erl:301-385).
"""

from __future__ import annotations

from chain.ledger.context import BlockContext
from chain.ledger.events import Event
from chain.ledger.state import State
from chain.ledger.tables import HOTSPOTS, Hotspot
from chain.transactions.reasons import InvalidTransaction, Reason
from chain.transactions.types import HotspotAdd


def process_hotspot_add(state: State, body: HotspotAdd, context: BlockContext) -> list[Event]:
    """Write the hotspot, not placed yet. Raises InvalidTransaction."""
    if body.hotspot == body.owner:
        raise InvalidTransaction(Reason.HOTSPOT_IS_OWNER, "the hotspot's key must not be its owner's")
    existing = state.get(HOTSPOTS, body.hotspot)
    if existing is not None:
        raise InvalidTransaction(
            Reason.HOTSPOT_EXISTS, f"this hotspot joined at height {existing.added_height}"
        )
    state.put(HOTSPOTS, body.hotspot, Hotspot(owner=body.owner, added_height=context.height))
    return [Event("hotspot_added", {"hotspot": body.hotspot, "owner": body.owner, "payer": body.payer})]
