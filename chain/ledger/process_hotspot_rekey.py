"""Hotspot rekey: a new key for a hotspot whose old one was lost, stolen, or is due to be replaced.

It is the same hotspot: place, bond, escrow, what it was met by, whom it is excluded with, what it did in the
running epoch. SUCCESSORS leads from the old key to the new one, so that a proof about what the old key
signed costs the hotspot as it is now, and a voucher that names the old key can still be claimed. The old key
is spent: neither it nor the new one can ever join again.

**Work is bounded**: a handful of rows, at most `escrow_epochs` rows of escrow, and the hotspot's own
exclusions, which only the network's keys can add. What the epoch's rounds added up under the old key is not
moved (a witness's totals stand under both ends of each edge) but counted for the successor when the epoch
closes. SUCCESSORS is followed one by one, so a hotspot's key can be replaced `max_hotspot_key_changes`
times.

**The running round** keeps what the old key has sent in: it is judged as it stands. Further reports of the
old key are unknown ones; the new key is drawn from the next round on. It takes over the old one's number for
the draw, its time of last beacon and its share of the round's room: changing keys wins no turn.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from chain.coverage.tables import LAST_BEACONS, REPORT_COUNTS, replace_placed_hotspot
from chain.ledger.bonds import move_bond
from chain.ledger.context import BlockContext
from chain.ledger.escrow import move_escrow
from chain.ledger.events import Event
from chain.ledger.exclusions import move_exclusions
from chain.ledger.hotspot_checks import check_new_hotspot_key, check_owner, get_hotspot_in_service
from chain.ledger.state import State, Table
from chain.ledger.tables import AUDITORS, CARRIED_DATA, HOTSPOTS, MET, SUCCESSORS, Successor
from chain.transactions.reasons import InvalidTransaction, Reason
from chain.transactions.types import HotspotRekey


def process_hotspot_rekey(state: State, body: HotspotRekey, context: BlockContext) -> list[Event]:
    """Put everything of the old key under the new one. Raises InvalidTransaction."""
    old, new = body.hotspot, body.new_hotspot
    row = get_hotspot_in_service(state, old)
    check_owner(row, body.owner)
    check_new_hotspot_key(state, new, body.owner, context)
    most = context.parameters.max_hotspot_key_changes
    if row.key_changes >= most:
        raise InvalidTransaction(
            Reason.KEY_CHANGES_USED_UP,
            f"this hotspot's key was replaced {row.key_changes} times, {most} are the most: retire it and "
            "add one with the new key",
        )
    state.delete(HOTSPOTS, old)
    state.put(HOTSPOTS, new, replace(row, key_changes=row.key_changes + 1))
    state.put(SUCCESSORS, old, Successor(key=new))
    move_bond(state, old, new)
    move_escrow(state, old, new)
    move_exclusions(state, old, new, context.epoch)
    replace_placed_hotspot(state, old, new)
    epoch = context.epoch.to_bytes(8, "big")
    _move(state, CARRIED_DATA, epoch + old, epoch + new)
    tables: tuple[Table[Any], ...] = (MET, AUDITORS, LAST_BEACONS, REPORT_COUNTS)
    for table in tables:
        _move(state, table, old, new)
    return [
        Event("hotspot_rekeyed", {"hotspot": old, "new_hotspot": new, "owner": body.owner}),
    ]


def _move(state: State, table: Table[Any], old_key: bytes, new_key: bytes) -> None:
    row = state.get(table, old_key)
    if row is not None:
        state.delete(table, old_key)
        state.put(table, new_key, row)
