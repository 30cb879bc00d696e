"""Hotspot retire: a hotspot leaves for good.

It takes part in nothing from now on, and its bond begins to come free. What it has in escrow is paid when
its time comes, and both can still be taken by a proof of what it did before, until they are out: leaving in
a hurry is what somebody does who knows what is about to be found. Its row stays, so that its key can't join
again with a clean slate.

In the running round it is out of the challenges, unless its beacon has been reported: those who heard it
would lose by its leaving. What it did before counts at the epoch's close, and what was promised to it for
packets it may still claim.
"""

from __future__ import annotations

from msgspec.structs import replace

from chain.coverage.tables import BEACON_REPORTS, CHALLENGES
from chain.ledger.bonds import begin_unbonding
from chain.ledger.context import BlockContext
from chain.ledger.events import Event
from chain.ledger.hotspot_checks import RETIRED, check_owner, get_hotspot_in_service
from chain.ledger.state import State
from chain.ledger.tables import HOTSPOTS
from chain.transactions.types import HotspotRetire


def process_hotspot_retire(state: State, body: HotspotRetire, context: BlockContext) -> list[Event]:
    """Write the hotspot down as retired. Raises InvalidTransaction."""
    row = get_hotspot_in_service(state, body.hotspot)
    check_owner(row, body.owner)
    free_epoch = context.epoch + context.parameters.unbonding_epochs
    bond_hxt = begin_unbonding(state, body.hotspot, free_epoch)
    state.put(HOTSPOTS, body.hotspot, replace(row, status=RETIRED))
    if state.get(BEACON_REPORTS, body.hotspot) is None:
        state.delete(CHALLENGES, body.hotspot)
    return [
        Event(
            "hotspot_retired",
            {
                "hotspot": body.hotspot,
                "owner": body.owner,
                "bond_hxt": bond_hxt,
                "free_epoch": free_epoch if bond_hxt else context.epoch,
            },
        )
    ]
