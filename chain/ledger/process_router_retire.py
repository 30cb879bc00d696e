"""Router retire: a router leaves, and its bond comes free after the unbonding period.

All its channels must be settled: promises first. A proof about a channel of its past still takes the bond
while it is unbonding, which is longer than such a proof is taken. The row stays and says that it retired, so
that the owner can register again (with a new bond, once the old one is free) and a fault still marks it.
"""

from __future__ import annotations

from msgspec.structs import replace

from chain.ledger.bonds import begin_unbonding, get_router_subject
from chain.ledger.context import BlockContext
from chain.ledger.events import Event
from chain.ledger.router_checks import RETIRED, get_router_in_service
from chain.ledger.state import State
from chain.ledger.tables import ROUTERS
from chain.transactions.reasons import InvalidTransaction, Reason
from chain.transactions.types import RouterRetire


def process_router_retire(state: State, body: RouterRetire, context: BlockContext) -> list[Event]:
    """Take the router out of the routes and let its bond unbond. Raises InvalidTransaction."""
    row = get_router_in_service(state, body.owner)
    if row.open_channels:
        raise InvalidTransaction(
            Reason.CHANNELS_OPEN,
            f"{row.open_channels} channels of this router aren't settled: close them and wait for the end of "
            "their time to claim",
        )
    free_epoch = context.epoch + context.parameters.unbonding_epochs
    bond_hxt = begin_unbonding(state, get_router_subject(body.owner), free_epoch)
    state.put(ROUTERS, body.owner, replace(row, status=RETIRED))
    return [Event("router_retired", {"router": body.owner, "bond_hxt": bond_hxt, "free_epoch": free_epoch})]
