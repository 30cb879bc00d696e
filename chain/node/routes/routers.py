"""Routers, their data channels, and what hotspots claimed of these."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import get
from litestar.datastructures import State as AppState
from litestar.params import QueryParameter

from chain import api
from chain.api_history import ClaimRecord, Page, RenderedEvent
from chain.index.find_history import find_claims, find_events
from chain.ledger.tables import CHANNELS, ROUTERS, get_successor
from chain.node.routes.asking import (
    PLACE,
    Address,
    AddressPath,
    Cursor,
    IdPath,
    Limit,
    NotThere,
    get_node,
    make_index_page,
    make_table_page,
    parse_address,
    parse_id,
    parse_key,
)
from chain.node.views import view_channel, view_claim, view_route


@get("/routers", tags=["routers"])
async def get_routers(state: AppState, cursor: Cursor = None, limit: Limit = 100) -> Page[api.Route]:
    """All routers: where they are, which DevAddrs and join requests they want."""
    return await make_table_page(
        state, ROUTERS, {}, cursor, limit, view=lambda _, key, row: view_route(key, row)
    )


@get("/routers/{address:str}", tags=["routers"])
async def get_router(state: AppState, address: AddressPath) -> api.Route:
    """One router, by its owner's address."""
    key = parse_key(address).binary
    row = get_node(state).get_state().get(ROUTERS, key)
    if row is None:
        raise NotThere(f"no router {address}")
    return view_route(key, row)


@get("/channels", tags=["channels"])
async def get_channels(
    state: AppState, router: Address = None, cursor: Cursor = None, limit: Limit = 100
) -> Page[api.Channel]:
    """Open data channels, of one router or all."""
    wanted = None if router is None else parse_key(router).binary
    ledger = get_node(state).get_state()
    return await make_table_page(
        state,
        CHANNELS,
        {"router": parse_address(router)},
        cursor,
        limit,
        is_wanted=lambda _, row: wanted is None or get_successor(ledger, row.router) == wanted,
        view=view_channel,
    )


@get("/channels/{id:str}", tags=["channels"])
async def get_channel(state: AppState, id: IdPath) -> api.Channel:
    """One data channel, by the id of the transaction that opened it."""
    ledger, raw_id = get_node(state).get_state(), parse_id(id)
    row = ledger.get(CHANNELS, raw_id)
    if row is None:
        raise NotThere(f"no channel {id}")
    return view_channel(ledger, raw_id, row)


@get("/channels/{id:str}/events", tags=["channels"])
async def get_channel_events(
    state: AppState, id: IdPath, cursor: Cursor = None, limit: Limit = 100
) -> Page[RenderedEvent]:
    """What happened to a data channel, newest first; closed ones are remembered."""
    channel = parse_id(id).hex()
    return await make_index_page(
        state,
        "channels/events",
        {"channel": channel},
        PLACE,
        cursor,
        lambda connection, after: find_events(connection, after, limit, channel),
    )


@get("/claims", tags=["channels"])
async def get_claims(
    state: AppState,
    channel: Annotated[str | None, QueryParameter(description="Id of a channel, in hex.")] = None,
    hotspot: Address = None,
    router: Address = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[ClaimRecord]:
    """What hotspots claimed of data channels, newest first: of a channel, a hotspot, a router, or all."""
    wanted = None if channel is None else parse_id(channel).hex()
    hotspot, router = parse_address(hotspot), parse_address(router)
    return await make_index_page(
        state,
        "claims",
        {"channel": wanted, "hotspot": hotspot, "router": router},
        PLACE,
        cursor,
        lambda connection, after: find_claims(connection, after, limit, wanted, hotspot, router),
        view_claim,
    )


ROUTER_ROUTES: list[Any] = [
    get_routers,
    get_router,
    get_channels,
    get_channel,
    get_channel_events,
    get_claims,
]
