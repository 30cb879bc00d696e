"""What several rules ask of a router before they change it, and which keys can become a router's owner."""

from __future__ import annotations

from chain.ledger.state import State
from chain.ledger.tables import HOTSPOTS, ROUTERS, SUCCESSORS, Router
from chain.transactions.reasons import InvalidTransaction, Reason

IN_SERVICE = 0
RETIRED = 1
FAULTED = 2


def get_router(state: State, owner: bytes) -> Router:
    """Return the row of a router that hasn't retired.

    Raises InvalidTransaction (unknown_router).
    """
    row = state.get(ROUTERS, owner)
    if row is not None and row.status != RETIRED:
        return row
    if state.get(SUCCESSORS, owner) is not None:
        text = "this router's owner key was replaced: use the new one"
    elif row is not None:
        text = "this router has retired: register it again"
    else:
        text = "this owner has no router: register it first"
    raise InvalidTransaction(Reason.UNKNOWN_ROUTER, text)


def get_router_in_service(state: State, owner: bytes) -> Router:
    """Return the row of one that is neither retired nor marked by a fault.

    Raises InvalidTransaction (unknown_router, router_faulted).
    """
    row = get_router(state, owner)
    check_not_faulted(row)
    return row


def check_not_faulted(row: Router) -> None:
    """Raises InvalidTransaction (router_faulted)."""
    if row.status == FAULTED:
        raise InvalidTransaction(
            Reason.ROUTER_FAULTED,
            "this router was proven to have signed two vouchers of one sequence: it serves no more",
        )


def check_new_owner_key(state: State, key: bytes) -> None:
    """A key that becomes a router's owner was never replaced and is no hotspot's: a successor is found
    by the key alone. Raises InvalidTransaction (key_in_use).
    """
    if state.get(SUCCESSORS, key) is not None:
        raise InvalidTransaction(
            Reason.KEY_IN_USE, "this key was replaced by another and can't own a router: make a new key"
        )
    if state.get(HOTSPOTS, key) is not None:
        raise InvalidTransaction(
            Reason.KEY_IN_USE, "this key is a hotspot's: make one for the router's owner alone"
        )
