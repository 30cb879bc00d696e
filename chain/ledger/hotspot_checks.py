"""What several rules ask of a hotspot before they change it: that it is there, whose it is, whether it still
serves; and which keys can become a hotspot's.
"""

from __future__ import annotations

from typing import Any

from chain.ledger.accepted_key import check_key
from chain.ledger.context import BlockContext
from chain.ledger.stakes import STAKES
from chain.ledger.state import State, Table
from chain.ledger.tables import HOTSPOTS, ROUTERS, SUCCESSORS, Hotspot
from chain.transactions.reasons import InvalidTransaction, Reason

IN_SERVICE = 0
RETIRED = 1
FAULTED = 2


def get_hotspot(state: State, hotspot: bytes) -> Hotspot:
    """Return the row. Raises InvalidTransaction (unknown_hotspot)."""
    row = state.get(HOTSPOTS, hotspot)
    if row is None:
        if state.get(SUCCESSORS, hotspot) is not None:
            raise InvalidTransaction(
                Reason.UNKNOWN_HOTSPOT, "this hotspot's key was replaced: use the new one"
            )
        raise InvalidTransaction(Reason.UNKNOWN_HOTSPOT, "this hotspot hasn't joined: add it first")
    return row


def get_hotspot_in_service(state: State, hotspot: bytes) -> Hotspot:
    """Return the row of one that is neither retired nor ended.

    Raises InvalidTransaction (unknown_hotspot, hotspot_retired, hotspot_faulted).
    """
    row = get_hotspot(state, hotspot)
    check_not_faulted(row)
    if row.status == RETIRED:
        raise InvalidTransaction(
            Reason.HOTSPOT_RETIRED, "its owner retired this hotspot for good: add one with a new key"
        )
    return row


def check_not_faulted(row: Hotspot) -> None:
    """Raises InvalidTransaction (hotspot_faulted)."""
    if row.status == FAULTED:
        raise InvalidTransaction(
            Reason.HOTSPOT_FAULTED, "a proven fault ended this hotspot: add one with a new key"
        )


def check_owner(row: Hotspot, owner: bytes) -> None:
    """Raises InvalidTransaction (not_owner)."""
    if row.owner != owner:
        raise InvalidTransaction(Reason.NOT_OWNER, "only the hotspot's owner can do this: sign as the owner")


def check_new_hotspot_key(state: State, key: bytes, owner: bytes, context: BlockContext) -> None:
    """A key that becomes a hotspot's: usable, of this network, and never anybody's before.

    A hotspot's key is known by what it did, so one that was replaced, retired or ended never comes back. Nor
    must it be a router's owner or a validator's: what replaces a key is found by the key alone, and a
    router's successor isn't the hotspot's. That it owns other hotspots is nobody's business here: an owner's
    key is only asked for its signature. Raises InvalidTransaction (invalid_key, wrong_network,
    hotspot_is_owner, hotspot_exists, hotspot_retired, hotspot_faulted, key_in_use).
    """
    check_key(key, context)
    if key == owner:
        raise InvalidTransaction(Reason.HOTSPOT_IS_OWNER, "the hotspot's key must not be its owner's")
    existing = state.get(HOTSPOTS, key)
    if existing is not None:
        if existing.status == RETIRED:
            raise InvalidTransaction(
                Reason.HOTSPOT_RETIRED, "this key was retired and can't join again: make a new key"
            )
        check_not_faulted(existing)
        raise InvalidTransaction(
            Reason.HOTSPOT_EXISTS, f"this hotspot joined at height {existing.added_height}"
        )
    if state.get(SUCCESSORS, key) is not None:
        raise InvalidTransaction(
            Reason.KEY_IN_USE, "this key was replaced by another and can't join again: make a new key"
        )
    taken: tuple[tuple[Table[Any], str], ...] = ((ROUTERS, "a router's owner"), (STAKES, "a validator's"))
    for table, whose in taken:
        if state.get(table, key) is not None:
            raise InvalidTransaction(
                Reason.KEY_IN_USE, f"this key is {whose}: make one for the hotspot alone"
            )
