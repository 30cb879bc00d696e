"""Hotspot add: a hotspot joins under an owner, for a sunk fee, and with a bond where it is to earn for
coverage.

Owner and hotspot both consent; the payer may be a third, and gets the bond back one day. The hotspot signs,
or what it said in Helium's own encoding stands for that (`consent`), so that a stock gateway can join. The
key is its identity for good: it joins once only, and isn't its owner's wallet as well, for a key that hangs
at a window is none to keep money with.

**Fee and bond do different things.** A proven fault takes the bond; but a key in a drawer on empty land is
never proven anything, and for that one only what is sunk counts: facts 4.4, lesson 2, where detection alone
brings an attacker's return to 0 and not below. A hotspot that only carries data earns at most what burnt for
the packets, so it pays the smaller fee and locks nothing. Precedent: add_gateway_v1, which doesn't check
that the gateway exists (blockchain_txn_add_gateway_v1.erl:301-385); data-only gateways.
"""

from __future__ import annotations

from chain.ledger.bonds import lock_bond
from chain.ledger.context import BlockContext
from chain.ledger.events import Event
from chain.ledger.hotspot_checks import check_new_hotspot_key
from chain.ledger.state import State
from chain.ledger.tables import HOTSPOTS, Hotspot
from chain.transactions.bodies_hotspots import FULL
from chain.transactions.gateway_consent import verify_gateway_consent
from chain.transactions.types import HotspotAdd


def process_hotspot_add(state: State, body: HotspotAdd, context: BlockContext) -> list[Event]:
    """Write the hotspot, not placed yet, and lock its bond. Raises InvalidTransaction."""
    check_new_hotspot_key(state, body.hotspot, body.owner, context)
    if body.consent:
        verify_gateway_consent(body.consent, body.owner, body.hotspot, body.payer)
    bond_hxt = context.parameters.hotspot_bond_hxt if body.capability == FULL else 0
    lock_bond(state, body.hotspot, body.payer, bond_hxt)
    row = Hotspot(owner=body.owner, added_height=context.height, capability=body.capability)
    state.put(HOTSPOTS, body.hotspot, row)
    return [
        Event(
            "hotspot_added",
            {
                "hotspot": body.hotspot,
                "owner": body.owner,
                "payer": body.payer,
                "capability": body.capability,
                "bond_hxt": bond_hxt,
            },
        )
    ]
