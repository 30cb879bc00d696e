"""Which hotspots are on the chain, where they stand, what they are called. Kept across restarts without
a chain.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Protocol

import h3
import msgspec

from chain.api import Hotspot
from chain.client import ChainUnavailable, RequestRefused
from chain.keys import InvalidPublicKey, PublicKey
from router.network.values import HotspotPlace
from router.store.database import Database, put_meta

REFRESH_S = 30.0
#: An unknown hotspot makes us ask again, but not more often than this.
MISS_REFRESH_S = 1.0
PUBLIC_RESOLUTION = 8


class HotspotSource(Protocol):
    async def hotspots(self) -> list[Hotspot]: ...


class HotspotDirectory:
    """The chain's hotspots, as last heard."""

    def __init__(self, source: HotspotSource, database: Database, say: Callable[..., None]) -> None:
        self._source = source
        self._database = database
        self._say = say
        self._cells: dict[bytes, str] = {}
        self._places: dict[bytes, HotspotPlace] = {}
        self._asked_at = -1e9
        self._lock = asyncio.Lock()
        self._is_reachable: bool | None = None
        stored = database.get_meta("hotspots")
        if stored:
            self._take(msgspec.json.decode(stored, type=dict[str, str]))

    def __len__(self) -> int:
        return len(self._cells)

    @property
    def is_chain_reachable(self) -> bool:
        return bool(self._is_reachable)

    async def is_known(self, hotspot: bytes) -> bool:
        """Whether the chain has this hotspot; asks it again for one that is new."""
        if hotspot not in self._cells and time.monotonic() - self._asked_at > MISS_REFRESH_S:
            await self.refresh()
        return hotspot in self._cells

    def get_cell(self, hotspot: bytes) -> str:
        """Public H3 cell (resolution 8), empty where none is asserted."""
        return self._cells.get(hotspot, "")

    def get_place(self, hotspot: bytes) -> HotspotPlace:
        place = self._places.get(hotspot)
        if place is None:
            key = PublicKey(hotspot)
            cell = self._cells.get(hotspot, "")
            latitude, longitude = h3.cell_to_latlng(cell) if cell else (None, None)
            place = HotspotPlace(
                address=key.address,
                name=key.name,
                gateway_eui=key.gateway_eui,
                latitude=None if latitude is None else round(latitude, 6),
                longitude=None if longitude is None else round(longitude, 6),
            )
            self._places[hotspot] = place
        return place

    async def run(self) -> None:
        """Keep up with the chain until cancelled."""
        while True:
            await self.refresh()
            await asyncio.sleep(REFRESH_S)

    async def refresh(self) -> None:
        async with self._lock:
            self._asked_at = time.monotonic()
            try:
                hotspots = await self._source.hotspots()
            except (ChainUnavailable, RequestRefused) as error:
                self._say_reachable(False, f"chain not reachable: {error}; serving the hotspots known so far")
                return
            self._say_reachable(True, "chain reachable")
            cells = {hotspot.address: _get_public_cell(hotspot.location) for hotspot in hotspots}
            if self._take(cells):
                with self._database.transaction("router.hotspots") as tx:
                    put_meta(tx, "hotspots", msgspec.json.encode(cells).decode())

    def _take(self, cells: dict[str, str]) -> bool:
        known: dict[bytes, str] = {}
        for address, cell in cells.items():
            try:
                known[PublicKey.from_address(address).binary] = cell
            except InvalidPublicKey:
                continue  # a key type of a later release: it cannot register here
        is_new = known != self._cells
        if is_new:
            self._cells = known
            self._places.clear()
        return is_new

    def _say_reachable(self, is_reachable: bool, text: str) -> None:
        if is_reachable != self._is_reachable:
            was = self._is_reachable
            self._is_reachable = is_reachable
            if was is not None or not is_reachable:
                self._say("chain", text, reachable=is_reachable)


def _get_public_cell(location: str | None) -> str:
    if not location:
        return ""
    cell: Any = location
    if h3.get_resolution(cell) > PUBLIC_RESOLUTION:
        cell = h3.cell_to_parent(cell, PUBLIC_RESOLUTION)
    return str(cell)
