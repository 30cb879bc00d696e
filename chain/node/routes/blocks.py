"""Blocks and their events, as they are and as they come."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any, cast

import msgspec
from litestar import Request, Response, get
from litestar.datastructures import State as AppState
from litestar.params import FromPath, QueryParameter
from litestar.response import ServerSentEvent

from chain import api
from chain.api_history import BlockSummary, Page, RenderedEvent
from chain.blocks.header import decode_block
from chain.index.find_history import find_block_at, find_blocks, find_events
from chain.ledger.events import render_event
from chain.node.event_stream import EventStreams, Place, parse_place
from chain.node.routes.asking import (
    MAX_NUMBER,
    PLACE,
    BadRequest,
    Cursor,
    Limit,
    NotThere,
    ask_index,
    get_node,
    make_index_page,
)
from chain.node.views import view_block

Height = Annotated[int, QueryParameter(ge=0, le=MAX_NUMBER)]


@get("/blocks", tags=["blocks"])
async def get_blocks(state: AppState, cursor: Cursor = None, limit: Limit = 100) -> Page[BlockSummary]:
    """Blocks, newest first."""
    return await make_index_page(
        state,
        "blocks",
        {},
        (int,),
        cursor,
        lambda connection, after: find_blocks(connection, after, limit),
        lambda row: BlockSummary(**row),
    )


@get("/blocks/at", tags=["blocks"])
async def get_block_at(
    state: AppState,
    time_ms: Annotated[int, QueryParameter(ge=0, le=MAX_NUMBER, description="Unix time, milliseconds.")],
) -> BlockSummary:
    """The last block that is not after a time."""
    row = await ask_index(state, lambda connection: find_block_at(connection, time_ms))
    if row is None:
        raise NotThere(f"no block at or before {time_ms}")
    return BlockSummary(**row)


@get("/blocks/{height:int}", tags=["blocks"])
async def get_block(state: AppState, height: FromPath[int]) -> api.Block:
    """A block's header and transactions. Height 0 is the genesis: it has none."""
    raw = get_node(state).store.get_block(height) if 0 < height <= MAX_NUMBER else None
    if raw is None:
        raise NotThere(f"no block {height}")
    return view_block(decode_block(raw))


@get("/events", tags=["events"])
async def get_events(state: AppState, from_height: Height = 0, limit: Limit = 1_000) -> api.EventPage:
    """All events of whole blocks from a height on, in their order; at least `limit` of them where there are
    so many. For programs that follow the chain: ask again from `next_height`.
    """
    node = get_node(state)
    head = node.get_head().height
    events = node.store.get_events(from_height, limit)
    more = len(events) >= limit
    return api.EventPage(
        events=[render_event(stored) for stored in events],
        next_height=events[-1].height + 1 if more else max(head + 1, from_height),
    )


@get("/events/history", tags=["events"])
async def get_event_history(
    state: AppState,
    kind: Annotated[str | None, QueryParameter(description="Only of this kind, such as payment.")] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[RenderedEvent]:
    """Events newest first, all or of one kind; verdicts and rewards have lists of their own."""
    return await make_index_page(
        state,
        "events/history",
        {"kind": kind},
        PLACE,
        cursor,
        lambda connection, after: find_events(connection, after, limit, kind=kind),
    )


@get("/events/stream", tags=["events"])
async def stream_events(
    state: AppState,
    request: Request[Any, Any, Any],
    from_height: Annotated[
        int | None,
        QueryParameter(ge=0, le=MAX_NUMBER, description="Begin with this block; default: with the next one."),
    ] = None,
    kinds: Annotated[
        str | None, QueryParameter(description="Only of these kinds, with commas between; default all.")
    ] = None,
) -> Response[Any]:
    """Events as they come, as server-sent events: `id` is height-number, `event` the kind, `data` the event
    in JSON. With the header Last-Event-ID, as browsers send it when they reconnect, it goes on after that
    event.
    """
    node = get_node(state)
    last_id = request.headers.get("last-event-id")
    try:
        after = None if last_id is None else parse_place(last_id)
    except ValueError as error:
        raise BadRequest(str(error)) from error
    if after is None:
        head = node.get_head().height
        after = Place(head if from_height is None else from_height - 1, None)
    wanted = None if kinds is None else frozenset(kinds.split(","))
    streams = cast(EventStreams, state.streams)
    client = request.client.host if request.client else ""
    slot = streams.join(client)

    async def send() -> AsyncIterator[dict[str, Any]]:
        with slot:
            async for stored in streams.follow(node, after):
                if stored is None:
                    yield {"comment": "still here", "data": None}
                elif wanted is None or stored.kind in wanted:
                    yield {
                        "id": f"{stored.height}-{stored.index}",
                        "event": stored.kind,
                        "data": msgspec.json.encode(render_event(stored)).decode(),
                    }

    return ServerSentEvent(send(), headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})


BLOCK_ROUTES: list[Any] = [
    get_blocks,
    get_block_at,
    get_block,
    get_events,
    get_event_history,
    stream_events,
]
