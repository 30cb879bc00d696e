"""Hotspot transfer: somebody else owns the hotspot from now on.

Everything that can still be lost stays with the hotspot: its faults, its bond (which goes back to who paid
it, whoever owns the hotspot then) and what it has in escrow, which is paid to the owner on the day it is
released. So selling saves nobody from a fault, and a buyer looks at the rows before paying: what the seller
did in the last `escrow_epochs` is the buyer's risk and the buyer's income. Precedent: transfer_hotspot_v2,
signed by the old owner alone (blockchain_txn_transfer_hotspot_v2.erl:149), where denylisted hotspots were
sold on.

A retired hotspot still has escrow to be paid, so its owner's key can be replaced by a transfer as well. One
that a fault ended has nothing left to pass on.
"""

from __future__ import annotations

from msgspec.structs import replace

from chain.ledger.accepted_key import check_key
from chain.ledger.context import BlockContext
from chain.ledger.events import Event
from chain.ledger.hotspot_checks import check_not_faulted, check_owner, get_hotspot
from chain.ledger.state import State
from chain.ledger.tables import HOTSPOTS
from chain.transactions.reasons import InvalidTransaction, Reason
from chain.transactions.types import HotspotTransfer


def process_hotspot_transfer(state: State, body: HotspotTransfer, context: BlockContext) -> list[Event]:
    """Write the new owner. Raises InvalidTransaction."""
    row = get_hotspot(state, body.hotspot)
    check_owner(row, body.owner)
    check_not_faulted(row)
    check_key(body.new_owner, context)
    if body.new_owner == body.owner:
        raise InvalidTransaction(Reason.OWNER_UNCHANGED, "the new owner is the one it has")
    if body.new_owner == body.hotspot:
        raise InvalidTransaction(Reason.HOTSPOT_IS_OWNER, "the hotspot's key must not be its owner's")
    state.put(HOTSPOTS, body.hotspot, replace(row, owner=body.new_owner))
    return [
        Event(
            "hotspot_transferred",
            {"hotspot": body.hotspot, "owner": body.owner, "new_owner": body.new_owner},
        )
    ]
