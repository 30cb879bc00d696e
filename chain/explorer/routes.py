"""The map's API under /v1: cells, hotspots and links of a view, a hotspot's page, search, live feed, imports.

GeoJSON answers carry ``meta``: how many features, the height they are of, and how many were left out where a
view holds more than a page can draw.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any

import h3.api.basic_int as h3
import msgspec
from litestar import Response, Router, get, post
from litestar.exceptions import HTTPException
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from litestar.response import ServerSentEvent
from litestar.types import ControllerRouterHandler
from sqlalchemy import Connection

from chain.explorer import views
from chain.explorer.explorer import Explorer
from chain.explorer.geojson import BadBox, Box, Feature, build_collection, compute_bounds, parse_box
from chain.explorer.live import TooManyListeners
from chain.explorer.observations import MAX_A_REQUEST, Observation, ObservationStore
from chain.explorer.page import StaticFiles, create_page_routes
from chain.index.cells import COARSEST_MAP_RESOLUTION, PUBLIC_RESOLUTION
from chain.index.find_hexes import get_coverage
from chain.index.find_hotspots import count_hotspots, get_map_links, get_placed_hotspots, search_hotspots
from chain.index.rendering import Row
from chain.keys.address import NETWORK_TEST

MAX_FEATURES = 20_000
MAX_OBSERVATIONS_BYTES = 1024 * 1024
MAX_SEARCH_WORDS = 100
FEED_START = 50
KEEP_ALIVE_S = 15.0

Bbox = Annotated[
    str | None, QueryParameter(description="west,south,east,north in degrees; default the world.")
]
Resolution = Annotated[
    int,
    QueryParameter(
        ge=COARSEST_MAP_RESOLUTION, le=PUBLIC_RESOLUTION, description="H3 resolution; coarser adds up."
    ),
]
PageLimit = Annotated[int, QueryParameter(ge=1, le=200, description="At most so many of each list.")]


def _read_box(text: str | None) -> Box:
    try:
        return parse_box(text)
    except BadBox as error:
        raise HTTPException(str(error), status_code=400) from None


def _select(features: Sequence[Feature], box: Box, **meta: Any) -> dict[str, Any]:
    """Features that touch the box, at most MAX_FEATURES."""
    chosen = [feature for feature in features if views.touches(box, feature)]
    return build_collection(chosen[:MAX_FEATURES], left_out=max(len(chosen) - MAX_FEATURES, 0), **meta)


def create_map_router(explorer: Explorer) -> Router:
    """The handlers under /v1."""

    @get("/map/hexes")
    async def get_hexes(bbox: Bbox = None, resolution: Resolution = PUBLIC_RESOLUTION) -> dict[str, Any]:
        """Cells with coverage: where beacons were heard, and where those stand who heard them."""
        box = _read_box(bbox)
        features = await explorer.ask_once(
            ("hexes", resolution),
            lambda connection: [views.view_cell(row) for row in get_coverage(connection, resolution)],
        )
        return _select(features, box, resolution=resolution, height=explorer.index.height)

    @get("/map/hotspots")
    async def get_map_hotspots(bbox: Bbox = None) -> dict[str, Any]:
        """Placed hotspots, at the middle of their public cell. ``meta.network`` tells of all of them."""
        box = _read_box(bbox)

        def find(connection: Connection) -> tuple[list[Feature], dict[str, Any]]:
            features = [views.view_hotspot(row) for row in get_placed_hotspots(connection)]
            everyone, placed = count_hotspots(connection)
            bounds = compute_bounds([feature["geometry"]["coordinates"] for feature in features])
            return features, {"hotspots": everyone, "placed": placed, "bounds": bounds}

        features, network = await explorer.ask_once("hotspots", find)
        return _select(features, box, network=network, height=explorer.index.height)

    @get("/map/links")
    async def get_links(bbox: Bbox = None) -> dict[str, Any]:
        """Who heard whose beacon."""
        box = _read_box(bbox)
        features = await explorer.ask_once(
            "links", lambda connection: [views.view_link(row) for row in get_map_links(connection)]
        )
        return _select(features, box, height=explorer.index.height)

    @get("/map/hotspots/{address:str}")
    async def get_hotspot_page(address: FromPath[str], limit: PageLimit = 50) -> dict[str, Any]:
        """All that the map shows of one hotspot: counts, rewards and why, verdicts, whom it heard."""
        page = await explorer.ask(lambda connection: views.view_hotspot_page(connection, address, limit))
        if page is None:
            raise HTTPException(f"no hotspot {address[:100]} on this chain", status_code=404)
        return page

    @get("/map/search")
    async def search(
        q: FromQuery[str], limit: Annotated[int, QueryParameter(ge=1, le=50)] = 10
    ) -> dict[str, Any]:
        """Hotspots by a part of the name or the beginning of the address; a cell by its H3 index."""
        words = q.strip()[:MAX_SEARCH_WORDS]
        hotspots: list[Row] = []
        if words:
            hotspots = await explorer.ask(lambda connection: search_hotspots(connection, words, limit))
        found = [views.view_found_hotspot(row) for row in hotspots]
        if (
            len(words) == 15
            and words.lower().strip("0123456789abcdef") == ""
            and h3.is_valid_cell(int(words, 16))
        ):
            found.append(views.view_found_cell(int(words, 16)))
        return {"query": words, "results": found}

    @get("/live")
    async def get_live() -> Response[Any]:
        """Server-sent events: ``hello`` with the last sentences, ``block`` for each new block, ``dropped``
        where this client was too slow for some."""
        try:
            listener = explorer.live.join()
        except TooManyListeners as error:
            raise HTTPException(str(error), status_code=503) from None
        await explorer.catch_up()
        hello = {"height": explorer.index.height, "sentences": explorer.get_sentences(FEED_START)}

        async def stream() -> AsyncIterator[dict[str, Any]]:
            try:
                yield {"event": "hello", "data": _encode(hello)}
                while True:
                    try:
                        async with asyncio.timeout(KEEP_ALIVE_S):
                            dropped, block = await listener.next()
                    except TimeoutError:
                        yield {"comment": "still here", "data": None}
                        continue
                    if block is None:
                        return
                    if dropped:
                        yield {"event": "dropped", "data": _encode({"blocks": dropped})}
                    yield {"event": "block", "data": _encode(block)}
            finally:
                explorer.live.leave(listener)

        return ServerSentEvent(stream(), headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})

    @post("/observations", status_code=200, request_max_body_size=MAX_OBSERVATIONS_BYTES)
    async def import_observations(data: JSONBody[list[Observation]]) -> dict[str, Any]:
        """Import where devices of other networks were heard; test networks only, never the ledger."""
        if explorer.node.chain.network != NETWORK_TEST:
            raise HTTPException("observations are imported on test networks only", status_code=403)
        if len(data) > MAX_A_REQUEST:
            raise HTTPException(
                f"{len(data)} observations at once: at most {MAX_A_REQUEST}, send the rest after these",
                status_code=400,
            )
        return await explorer.observe(lambda store: store.add(data))

    @get("/observations/hexes")
    async def get_observed_hexes(
        bbox: Bbox = None, resolution: Resolution = PUBLIC_RESOLUTION
    ) -> dict[str, Any]:
        """Cells where devices of other networks were heard. Imported."""
        box = _read_box(bbox)

        def ask(store: ObservationStore) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
            return store.get_cells(resolution), store.get_sources()

        rows, sources = await explorer.observe(ask)
        features = [views.view_cell({**row, "imported": True}) for row in rows]
        bounds = compute_bounds([p for f in features for p in f["geometry"]["coordinates"][0]])
        return _select(features, box, resolution=resolution, imported=True, sources=sources, bounds=bounds)

    @get("/observations/hotspots")
    async def get_observed_hotspots(bbox: Bbox = None) -> dict[str, Any]:
        """Hotspots of other networks that the imported observations name. Imported."""
        rows = await explorer.observe(lambda store: store.get_hotspots())
        features = [views.view_observed_hotspot(row) for row in rows]
        return _select(features, _read_box(bbox), imported=True)

    return Router(
        "/v1",
        route_handlers=[
            get_hexes,
            get_map_hotspots,
            get_links,
            get_hotspot_page,
            search,
            get_live,
            import_observations,
            get_observed_hexes,
            get_observed_hotspots,
        ],
        tags=["map"],
    )


def _encode(value: object) -> str:
    return msgspec.json.encode(value).decode()


def create_explorer_routes(explorer: Explorer) -> list[ControllerRouterHandler]:
    """The map's API and page; ``explorer.run`` must be one of the application's lifespans."""
    return [create_map_router(explorer), *create_page_routes(StaticFiles())]
