"""Observations: where devices of other networks were heard. Imported, marked as such, never in the ledger.

They lie in a sqlite file of their own, so that nothing of them can reach a rule. The same observation sent
twice counts once.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import h3.api.basic_int as h3
import msgspec

OBSERVED_RESOLUTION = 8
MAX_A_REQUEST = 1_000
#: What the store holds at most; beyond, observations are refused with this as the reason.
MAX_OBSERVATIONS = 1_000_000

_SCHEMA = """
CREATE TABLE IF NOT EXISTS observation (
    observed_at TEXT NOT NULL, cell INTEGER NOT NULL, hotspot TEXT NOT NULL, frequency_hz INTEGER NOT NULL,
    rssi_dbm INTEGER NOT NULL, snr_db REAL NOT NULL, spreading_factor INTEGER NOT NULL, source TEXT NOT NULL,
    PRIMARY KEY (observed_at, cell, hotspot, frequency_hz, source)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS observation_by_cell ON observation (cell);
CREATE TABLE IF NOT EXISTS observed_hotspot (
    hotspot TEXT NOT NULL, source TEXT NOT NULL, cell INTEGER NOT NULL, PRIMARY KEY (hotspot, source)
) WITHOUT ROWID;
"""


class Observation(msgspec.Struct, frozen=True):
    """A device was at a place when a hotspot heard it. Degrees, dBm, dB, Hz."""

    observed_at: str
    latitude: float
    longitude: float
    hotspot: str
    rssi_dbm: float
    snr_db: float
    frequency_hz: int
    spreading_factor: int
    source: str
    hotspot_latitude: float | None = None
    hotspot_longitude: float | None = None


def find_fault(observation: Observation) -> str | None:
    """Why an observation can't be true, or None.

    The bounds are those of Helium's mappers, but for RSSI: concentrators that are some dB off report -148 dBm
    at SF12 (CampusIoT's recordings), where -141 would refuse what was really heard.
    """
    if not (-90 <= observation.latitude <= 90 and -180 <= observation.longitude <= 180):
        return "position_off_the_map"
    if observation.latitude == 0 and observation.longitude == 0:
        return "position_0_0"
    if not _is_hotspot_on_the_map(observation):
        return "hotspot_off_the_map"
    if not -150 <= observation.rssi_dbm <= 0:
        return "rssi_beyond_-150..0_dbm"
    if not -40 <= observation.snr_db <= 40:
        return "snr_beyond_40_db"
    if not 5 <= observation.spreading_factor <= 12:
        return "spreading_factor_beyond_5..12"
    if not 0 < observation.frequency_hz < 3_000_000_000:
        return "frequency_impossible"
    if not observation.hotspot or len(observation.hotspot) > 100 or len(observation.source) > 100:
        return "name_missing_or_too_long"
    try:
        datetime.fromisoformat(observation.observed_at)
    except ValueError:
        return "time_not_rfc3339"
    return None


def _is_hotspot_on_the_map(observation: Observation) -> bool:
    """Its place is left out, or both numbers are in range."""
    lat, lng = observation.hotspot_latitude, observation.hotspot_longitude
    return lat is None or lng is None or (-90 <= lat <= 90 and -180 <= lng <= 180)


class ObservationStore:
    """Imported observations in one sqlite file; one call at a time."""

    def __init__(self, path: Path | str, room: int = MAX_OBSERVATIONS) -> None:
        self._room = room
        self._cells: dict[int, list[dict[str, Any]]] = {}
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        self._db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;" + _SCHEMA)

    def close(self) -> None:
        self._db.close()

    def add(self, observations: list[Observation]) -> dict[str, Any]:
        """Keep the good ones; returns how many were accepted, known of these, and refused by reason."""
        refused: Counter[str] = Counter()
        accepted = known = 0
        room = self._room - self.get_total()
        self._db.execute("BEGIN IMMEDIATE")
        try:
            for observation in observations:
                fault = find_fault(observation) or ("store_full" if accepted - known >= room else None)
                if fault:
                    refused[fault] += 1
                    continue
                accepted += 1
                known += not self._insert(observation)
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")
        self._cells.clear()
        return {"accepted": accepted, "known_already": known, "refused": dict(refused)}

    def _insert(self, o: Observation) -> bool:
        cell = h3.latlng_to_cell(o.latitude, o.longitude, OBSERVED_RESOLUTION)
        values = (o.observed_at, cell, o.hotspot, o.frequency_hz, round(o.rssi_dbm), o.snr_db)
        done = self._db.execute(
            "INSERT OR IGNORE INTO observation VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (*values, o.spreading_factor, o.source),
        )
        if o.hotspot_latitude is not None and o.hotspot_longitude is not None:
            place = h3.latlng_to_cell(o.hotspot_latitude, o.hotspot_longitude, OBSERVED_RESOLUTION)
            self._db.execute(
                "INSERT OR REPLACE INTO observed_hotspot VALUES (?, ?, ?)", (o.hotspot, o.source, place)
            )
        return done.rowcount > 0

    def get_cells(self, resolution: int) -> list[dict[str, Any]]:
        """Cells where devices were heard: how often, by how many hotspots, when, the mean RSSI."""
        if resolution not in self._cells:
            self._cells[resolution] = self._compute_cells(resolution)
        return self._cells[resolution]

    def _compute_cells(self, resolution: int) -> list[dict[str, Any]]:
        sums: dict[int, dict[str, Any]] = {}
        hotspots: dict[int, set[str]] = {}
        for row in self._db.execute(
            "SELECT cell, hotspot, count(*) AS n, sum(rssi_dbm) AS rssi, min(observed_at) AS first, "
            "max(observed_at) AS last FROM observation GROUP BY cell, hotspot ORDER BY cell"
        ):
            cell = h3.cell_to_parent(row["cell"], resolution)
            entry = sums.setdefault(
                cell, {"cell": cell, "observations": 0, "rssi": 0, "first": row["first"], "last": row["last"]}
            )
            entry["observations"] += row["n"]
            entry["rssi"] += row["rssi"]
            entry["first"] = min(entry["first"], row["first"])
            entry["last"] = max(entry["last"], row["last"])
            hotspots.setdefault(cell, set()).add(row["hotspot"])
        for cell, entry in sums.items():
            entry["hotspots"] = len(hotspots[cell])
            entry["mean_rssi_dbm"] = round(entry.pop("rssi") / entry["observations"])
        return list(sums.values())

    def get_hotspots(self) -> list[dict[str, Any]]:
        """Hotspots of the observed network, where a recording says where they stand."""
        return [
            dict(row)
            for row in self._db.execute(
                "SELECT *, row_number() OVER (PARTITION BY cell ORDER BY hotspot, source) - 1 AS rank, "
                "count(*) OVER (PARTITION BY cell) AS crowd FROM observed_hotspot ORDER BY hotspot, source"
            )
        ]

    def get_sources(self) -> list[dict[str, Any]]:
        """Where the observations come from: how many of each source, from when to when."""
        return [
            dict(row)
            for row in self._db.execute(
                "SELECT source, count(*) AS observations, min(observed_at) AS first, "
                "max(observed_at) AS last FROM observation GROUP BY source ORDER BY source"
            )
        ]

    def get_total(self) -> int:
        return int(self._db.execute("SELECT count(*) FROM observation").fetchone()[0])
