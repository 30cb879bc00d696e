"""Router transfer: a router's owner key is replaced, since it was lost to somebody, sold or is due.

It is the same router: routes, voucher key, bond with its funder, open channels, faults. SUCCESSORS leads from
the old key to the new one, so that the refund of a channel that the old key opened goes to the new owner, the
new owner closes it, and a proof about its vouchers costs the bond where it is now. The work is a few rows,
however many channels are open. What the old key holds in its account stays there: it is a person's.

The old key is spent: it can own no router again, or the way from key to key could run in a circle. The way is
followed one by one, so an owner can be replaced `max_router_owner_changes` times.
"""

from __future__ import annotations

from msgspec.structs import replace

from chain.ledger.bonds import get_router_subject, move_bond
from chain.ledger.context import BlockContext
from chain.ledger.events import Event
from chain.ledger.router_checks import check_new_owner_key, get_router
from chain.ledger.state import State
from chain.ledger.tables import ROUTERS, SUCCESSORS, Successor
from chain.transactions.reasons import InvalidTransaction, Reason
from chain.transactions.types import RouterTransfer


def process_router_transfer(state: State, body: RouterTransfer, context: BlockContext) -> list[Event]:
    """Put the router and its bond under the new key. Raises InvalidTransaction."""
    old, new = body.owner, body.new_owner
    row = get_router(state, old)
    if new == old:
        raise InvalidTransaction(Reason.OWNER_UNCHANGED, "the new owner is the one that it has")
    if state.get(ROUTERS, new) is not None:
        raise InvalidTransaction(
            Reason.ROUTER_EXISTS, "the new owner has, or had, a router of its own: take another key"
        )
    check_new_owner_key(state, new)
    most = context.parameters.max_router_owner_changes
    if row.owner_changes >= most:
        raise InvalidTransaction(
            Reason.KEY_CHANGES_USED_UP,
            f"this router's owner was replaced {row.owner_changes} times, {most} are the most: retire it and "
            "register one under the new key",
        )
    move_bond(state, get_router_subject(old), get_router_subject(new))
    state.delete(ROUTERS, old)
    state.put(ROUTERS, new, replace(row, owner_changes=row.owner_changes + 1))
    state.put(SUCCESSORS, old, Successor(key=new))
    return [Event("router_transferred", {"router": old, "new_router": new})]
