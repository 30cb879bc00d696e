"""Hotspots, who heard whom, and hexagons."""

from __future__ import annotations

from typing import Annotated, Any

import h3.api.basic_int as h3
from litestar import get
from litestar.datastructures import State as AppState
from litestar.params import FromPath, QueryParameter

from chain import api
from chain.api_history import CoveredHex, Hex, HotspotStatistics, Page, WitnessLink
from chain.index import find_hotspots as hotspots_of
from chain.index.cells import COARSEST_MAP_RESOLUTION, PUBLIC_RESOLUTION
from chain.index.find_hexes import find_coverage, get_hex
from chain.ledger.tables import HOTSPOTS
from chain.node.routes.asking import (
    Address,
    AddressPath,
    BadRequest,
    Cursor,
    HexCell,
    Limit,
    NotThere,
    ask_index,
    get_node,
    make_index_page,
    parse_address,
    parse_hex_cell,
    parse_key,
)
from chain.node.views import view_hotspot, view_hotspot_statistics, view_link

_MAX_WORDS = 100


@get("/hotspots", tags=["hotspots"])
async def get_hotspots(
    state: AppState,
    name: Annotated[
        str | None, QueryParameter(description="A part of the animal name, spaces or dashes between words.")
    ] = None,
    address_prefix: Annotated[str | None, QueryParameter(description="The beginning of the address.")] = None,
    owner: Address = None,
    hex: HexCell = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[api.Hotspot]:
    """Hotspots by address, all or by name, beginning of the address, owner or hexagon; all that is given must
    hold. Their places are the ledger's, H3 resolution 12: the ledger is public.
    """
    for text in (name, address_prefix):
        if text is not None and len(text) > _MAX_WORDS:
            raise BadRequest(f"a name or address has at most {_MAX_WORDS} characters")
    owner, cell = parse_address(owner), parse_hex_cell(hex)
    page = await make_index_page(
        state,
        "hotspots",
        {"name": name, "prefix": address_prefix, "owner": owner, "hex": cell},
        (str,),
        cursor,
        lambda connection, after: hotspots_of.find_hotspots(
            connection, after, limit, name, address_prefix, owner, cell
        ),
        lambda row: parse_key(row["address"]).binary,
    )
    ledger = get_node(state).get_state()
    rows = [(key, ledger.get(HOTSPOTS, key)) for key in page.items]
    # What the ledger has forgotten since (a hotspot that retired) is left out: a page may be short.
    return Page(items=[view_hotspot(key, row) for key, row in rows if row is not None], cursor=page.cursor)


@get("/hotspots/{address:str}", tags=["hotspots"])
async def get_hotspot(state: AppState, address: AddressPath) -> api.Hotspot:
    """One hotspot, as the ledger has it."""
    key = parse_key(address).binary
    row = get_node(state).get_state().get(HOTSPOTS, key)
    if row is None:
        raise NotThere(f"no hotspot {address}")
    return view_hotspot(key, row)


@get("/hotspots/{address:str}/statistics", tags=["hotspots"])
async def get_hotspot_statistics(state: AppState, address: AddressPath) -> HotspotStatistics:
    """What one hotspot has done and earned since it joined."""
    wanted = parse_key(address).address
    row = await ask_index(state, lambda connection: hotspots_of.get_hotspot(connection, wanted))
    if row is None:
        raise NotThere(f"no hotspot {address}")
    heard_by, heard = await ask_index(state, lambda connection: hotspots_of.count_links(connection, wanted))
    return view_hotspot_statistics(row, heard_by, heard)


@get("/witnesses", tags=["hotspots"])
async def get_witnesses(
    state: AppState,
    beaconer: Address = None,
    witness: Address = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[WitnessLink]:
    """Who heard whose beacons, how often and how well: of a beaconer, of a witness, or all, by both."""
    beaconer, witness = parse_address(beaconer), parse_address(witness)
    return await make_index_page(
        state,
        "witnesses",
        {"beaconer": beaconer, "witness": witness},
        (str, str),
        cursor,
        lambda connection, after: hotspots_of.find_links(connection, after, limit, beaconer, witness),
        view_link,
    )


@get("/hexes", tags=["hexes"])
async def get_hexes(
    state: AppState,
    resolution: Annotated[
        int,
        QueryParameter(
            ge=COARSEST_MAP_RESOLUTION,
            le=PUBLIC_RESOLUTION,
            description="H3 resolution; coarser cells add up.",
        ),
    ] = PUBLIC_RESOLUTION,
    within: Annotated[str | None, QueryParameter(description="Only cells in this coarser one.")] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[CoveredHex]:
    """Covered hexagons: where beacons were heard, and where those stand who heard them."""
    parent = parse_hex_cell(within)
    if parent is not None and h3.get_resolution(parent) > resolution:
        raise BadRequest(
            f"cell {within} is finer than resolution {resolution}: ask for those in a coarser one"
        )
    return await make_index_page(
        state,
        "hexes",
        {"resolution": resolution, "within": parent},
        (int,),
        cursor,
        lambda connection, after: find_coverage(connection, after, limit, resolution, parent),
        lambda row: CoveredHex(hex=h3.int_to_str(row.pop("cell")), **row),
    )


@get("/hexes/{hex:str}", tags=["hexes"])
async def get_one_hex(state: AppState, hex: FromPath[str]) -> Hex:
    """One hexagon of any resolution up to 12: hotspots in it, coverage, what was paid there."""
    cell = parse_hex_cell(hex)
    assert cell is not None
    resolution = h3.get_resolution(cell)
    row = await ask_index(state, lambda connection: get_hex(connection, cell, resolution))
    return Hex(hex=h3.int_to_str(cell), **row)


HOTSPOT_ROUTES: list[Any] = [
    get_hotspots,
    get_hotspot,
    get_hotspot_statistics,
    get_witnesses,
    get_hexes,
    get_one_hex,
]
