"""Router register and update: where hotspots find the router of a packet.

Registering locks a bond of the payer's (chain/ledger/bonds.py): a router signs promises all day, and what it
signed twice differently must cost it more than a new key does. A router that has retired may register again
once its earlier bond is free.

A router is known by its owner's key and names the key that signs its vouchers, its address, and what it
wants: ranges of DevAddr for data frames, filters of JoinEUI and DevEUI for joins (0 matches any). Ranges of
two routers may overlap: the MIC decides whose a frame is, and who registers widely only gets more to look
through. An update replaces everything; channels opened before keep the voucher key they were opened with.
"""

from __future__ import annotations

import re

from chain.ledger.accepted_key import check_key
from chain.ledger.bonds import get_router_subject, lock_bond
from chain.ledger.context import BlockContext
from chain.ledger.events import Event
from chain.ledger.router_checks import (
    RETIRED,
    check_new_owner_key,
    check_not_faulted,
    get_router_in_service,
)
from chain.ledger.state import State
from chain.ledger.tables import ROUTERS, Router
from chain.transactions.reasons import InvalidTransaction, Reason
from chain.transactions.types import RouterRegister, RouterUpdate

_HOST_AND_PORT = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})")


def process_router_register(state: State, body: RouterRegister, context: BlockContext) -> list[Event]:
    """Write a new router and lock its bond. Raises InvalidTransaction."""
    check_new_owner_key(state, body.owner)
    existing = state.get(ROUTERS, body.owner)
    if existing is not None:
        check_not_faulted(existing)
        if existing.status != RETIRED:
            raise InvalidTransaction(Reason.ROUTER_EXISTS, "this owner has a router: update it instead")
    router = _make_router(body, context, existing)
    lock_bond(state, get_router_subject(body.owner), body.payer, context.parameters.router_bond_hxt)
    state.put(ROUTERS, body.owner, router)
    return [
        Event(
            "router_registered",
            {
                "router": body.owner,
                "voucher_key": body.voucher_key,
                "grpc": body.grpc,
                "bond_hxt": context.parameters.router_bond_hxt,
            },
        )
    ]


def process_router_update(state: State, body: RouterUpdate, context: BlockContext) -> list[Event]:
    """Replace what is known of a router. Raises InvalidTransaction."""
    existing = get_router_in_service(state, body.owner)
    state.put(ROUTERS, body.owner, _make_router(body, context, existing))
    return [
        Event(
            "router_updated",
            {"router": body.owner, "voucher_key": body.voucher_key, "grpc": body.grpc},
        )
    ]


def _make_router(
    body: RouterRegister | RouterUpdate, context: BlockContext, existing: Router | None
) -> Router:
    check_key(body.voucher_key, context)
    _check_route(body, context)
    return Router(
        voucher_key=body.voucher_key,
        grpc=body.grpc,
        dev_addr_ranges=body.dev_addr_ranges,
        eui_filters=body.eui_filters,
        updated_height=context.height,
        open_channels=0 if existing is None else existing.open_channels,
        owner_changes=0 if existing is None else existing.owner_changes,
    )


def _check_route(body: RouterRegister | RouterUpdate, context: BlockContext) -> None:
    limit = context.parameters.max_router_ranges
    match = _HOST_AND_PORT.fullmatch(body.grpc)
    if match is None or not 1 <= int(match[1]) <= 65535:
        raise InvalidTransaction(Reason.INVALID_ADDRESS, f"address {body.grpc!r} is not host:port")
    if len(body.dev_addr_ranges) > limit:
        raise InvalidTransaction(
            Reason.TOO_MANY_RANGES, f"{len(body.dev_addr_ranges)} DevAddr ranges: at most {limit}"
        )
    if len(body.eui_filters) > limit:
        raise InvalidTransaction(
            Reason.TOO_MANY_FILTERS, f"{len(body.eui_filters)} EUI filters: at most {limit}"
        )
    if not body.dev_addr_ranges and not body.eui_filters:
        raise InvalidTransaction(
            Reason.NO_ROUTE, "neither a DevAddr range nor an EUI filter: nothing to route"
        )
    for dev_addrs in body.dev_addr_ranges:
        if dev_addrs.start > dev_addrs.end:
            raise InvalidTransaction(
                Reason.EMPTY_RANGE, f"DevAddr range {dev_addrs.start:08x} to {dev_addrs.end:08x} is empty"
            )
