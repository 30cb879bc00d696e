"""What is locked, behind whom and until when: bonds, rewards in escrow, data credits for wanted coverage."""

from __future__ import annotations

from typing import Any

import h3.api.basic_int as h3
from litestar import get
from litestar.datastructures import State as AppState

from chain.api_history import Page
from chain.api_state import BondRecord, CoverageRequestRecord, EscrowRecord
from chain.index.cells import compute_parent
from chain.keys.address import encode_address
from chain.keys.public_key import PUBLIC_KEY_BYTES
from chain.ledger.bonds import BONDS, Bond
from chain.ledger.bounties import BOUNTIES, Bounty
from chain.ledger.escrow import ESCROW, get_escrow_epochs, get_escrow_key
from chain.node.routes.asking import (
    Address,
    AddressPath,
    Cursor,
    HexCell,
    Limit,
    get_node,
    make_table_page,
    parse_address,
    parse_hex_cell,
    parse_key,
)

_HEX_BYTES = 8


def _view_bond(key: bytes, row: Bond) -> BondRecord:
    # A hotspot's bond stands under its key, a router's under a prefix and its owner's key.
    return BondRecord(
        kind="hotspot" if len(key) == PUBLIC_KEY_BYTES else "router",
        subject=encode_address(key[-PUBLIC_KEY_BYTES:]),
        funder=encode_address(row.funder),
        hxt=row.hxt,
        free_epoch=row.free_epoch or None,
    )


@get("/bonds", tags=["locked"])
async def get_bonds(
    state: AppState,
    subject: Address = None,
    funder: Address = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[BondRecord]:
    """HXT locked behind hotspots and routers: of one of them, of one who paid it, or all."""
    wanted = None if subject is None else parse_key(subject).binary
    paid_by = None if funder is None else parse_key(funder).binary
    return await make_table_page(
        state,
        BONDS,
        {"subject": parse_address(subject), "funder": parse_address(funder)},
        cursor,
        limit,
        is_wanted=lambda key, row: (
            wanted in (None, key[-PUBLIC_KEY_BYTES:]) and paid_by in (None, row.funder)
        ),
        view=lambda _, key, row: _view_bond(key, row),
    )


@get("/hotspots/{address:str}/escrow", tags=["locked"])
async def get_hotspot_escrow(state: AppState, address: AddressPath) -> Page[EscrowRecord]:
    """What a hotspot has earned and nobody has been paid yet, by epoch: all of it, there are few epochs."""
    hotspot, node = parse_key(address).binary, get_node(state)
    ledger, wait = node.get_state(), max(node.parameters.escrow_epochs, 1)
    rows = [
        (epoch, ledger.get(ESCROW, get_escrow_key(epoch, hotspot))) for epoch in get_escrow_epochs(ledger)
    ]
    items = [
        EscrowRecord(epoch=epoch, hxt=row.hxt, release_epoch=epoch + wait)
        for epoch, row in rows
        if row is not None
    ]
    return Page(items=items, cursor=None)


def _view_request(key: bytes, row: Bounty) -> CoverageRequestRecord:
    return CoverageRequestRecord(
        hex=h3.int_to_str(int.from_bytes(key[:_HEX_BYTES], "big")),
        request=key[_HEX_BYTES:].hex(),
        requester=encode_address(row.requester),
        data_credits=row.data_credits,
        burnt_hxt=row.burnt_hxt,
        until_epoch=row.until_epoch,
    )


@get("/coverage-requests", tags=["locked"])
async def get_coverage_requests(
    state: AppState,
    hex: HexCell = None,
    requester: Address = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[CoverageRequestRecord]:
    """Where somebody wants coverage and pays for it: in a hexagon, of a requester, or all, by hexagon."""
    cell = parse_hex_cell(hex)
    wanted = None if requester is None else parse_key(requester).binary

    def is_wanted(key: bytes, row: Bounty) -> bool:
        if wanted not in (None, row.requester):
            return False
        if cell is None:
            return True
        asked = int.from_bytes(key[:_HEX_BYTES], "big")
        resolution = h3.get_resolution(cell)
        return h3.get_resolution(asked) >= resolution and compute_parent(asked, resolution) == cell

    return await make_table_page(
        state,
        BOUNTIES,
        {"hex": cell, "requester": parse_address(requester)},
        cursor,
        limit,
        is_wanted=is_wanted,
        view=lambda _, key, row: _view_request(key, row),
    )


LOCKED_ROUTES: list[Any] = [get_bonds, get_hotspot_escrow, get_coverage_requests]
