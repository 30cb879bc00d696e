"""The index: block events, arranged for questions a map asks.

A sqlite file beside the node's store, fed by height: the rows of a block and the height they came from are
one transaction, so a killed node goes on where it was, and a deleted file is rebuilt from the events.
Places are public as resolution-8 cells; the chain itself knows resolution 12.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import h3.api.basic_int as h3

from chain.explorer.sentences import describe_for_map
from chain.keys.public_key import PUBLIC_KEY_BYTES, PublicKey
from chain.ledger.events import StoredEvent, render_value

PUBLIC_RESOLUTION = 8
COARSEST_RESOLUTION = 2
KEPT_VERDICTS = 200_000
KEPT_SENTENCES = 2_000
PRUNE_EVERY_EVENTS = 1_000
SCHEMA_VERSION = 1

_SCHEMA = """
CREATE TABLE IF NOT EXISTS cursor (
    only INTEGER PRIMARY KEY CHECK (only = 0), height INTEGER NOT NULL, genesis BLOB NOT NULL
);
INSERT OR IGNORE INTO cursor VALUES (0, 0, x'');
CREATE TABLE IF NOT EXISTS hotspot (
    address TEXT PRIMARY KEY, name TEXT NOT NULL, owner TEXT NOT NULL, added_ms INTEGER NOT NULL,
    cell INTEGER, gain_ddbi INTEGER, elevation_m INTEGER,
    beacons INTEGER NOT NULL DEFAULT 0, beacons_heard INTEGER NOT NULL DEFAULT 0,
    witnessed INTEGER NOT NULL DEFAULT 0, rejected INTEGER NOT NULL DEFAULT 0,
    last_ms INTEGER NOT NULL DEFAULT 0, hxt INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS hotspot_by_name ON hotspot (name);
CREATE TABLE IF NOT EXISTS coverage (
    cell INTEGER PRIMARY KEY, beacons_heard INTEGER NOT NULL, witnessed INTEGER NOT NULL,
    last_ms INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS link (
    beaconer TEXT NOT NULL, witness TEXT NOT NULL, heard INTEGER NOT NULL, rejected INTEGER NOT NULL,
    last_ms INTEGER NOT NULL, signal_ddbm INTEGER NOT NULL, snr_ddb INTEGER NOT NULL,
    distance_m INTEGER NOT NULL, last_reason TEXT NOT NULL, PRIMARY KEY (beaconer, witness)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS reward (
    height INTEGER NOT NULL, number INTEGER NOT NULL, hotspot TEXT NOT NULL, epoch INTEGER NOT NULL,
    time_ms INTEGER NOT NULL, reward TEXT NOT NULL, hxt INTEGER NOT NULL, why TEXT NOT NULL,
    PRIMARY KEY (height, number)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS reward_by_hotspot ON reward (hotspot, height, number);
CREATE TABLE IF NOT EXISTS verdict (
    height INTEGER NOT NULL, number INTEGER NOT NULL, time_ms INTEGER NOT NULL, kind TEXT NOT NULL,
    hotspot TEXT NOT NULL, beaconer TEXT NOT NULL, round INTEGER NOT NULL, ok INTEGER NOT NULL,
    body TEXT NOT NULL, PRIMARY KEY (height, number)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS verdict_by_hotspot ON verdict (hotspot, height, number);
CREATE TABLE IF NOT EXISTS sentence (
    height INTEGER NOT NULL, number INTEGER NOT NULL, time_ms INTEGER NOT NULL, kind TEXT NOT NULL,
    text TEXT NOT NULL, hotspot TEXT NOT NULL, PRIMARY KEY (height, number)
) WITHOUT ROWID;
"""

_PLACED = (
    "SELECT *, row_number() OVER (PARTITION BY cell ORDER BY address) - 1 AS rank, "
    "count(*) OVER (PARTITION BY cell) AS crowd FROM hotspot WHERE cell IS NOT NULL"
)

Row = dict[str, Any]
log = logging.getLogger(__name__)


def compute_public_cell(location: int) -> int:
    """The resolution-8 cell that stands for a resolution-12 location on public maps."""
    return int(h3.cell_to_parent(location, PUBLIC_RESOLUTION))


def get_address(key: object) -> str:
    """Address of a public key; empty where a report didn't say who."""
    return PublicKey(key).address if isinstance(key, bytes) and len(key) == PUBLIC_KEY_BYTES else ""


class ExplorerIndex:
    """The index in one sqlite file; all calls from one thread."""

    def __init__(self, path: Path | str) -> None:
        """Open or create. A file that sqlite can't read, or one of another version, is made anew."""
        try:
            self._db = _connect(path)
        except sqlite3.DatabaseError:
            log.warning("the map's index %s can't be read: it is built anew from the chain's events", path)
            for end in ("", "-wal", "-shm"):
                Path(f"{path}{end}").unlink(missing_ok=True)
            self._db = _connect(path)
        self._events_since_prune = 0
        self._coverage: dict[int, list[Row]] = {}

    def close(self) -> None:
        self._db.close()

    def get_height(self) -> int:
        """Height of the last block taken in."""
        return int(self._db.execute("SELECT height FROM cursor").fetchone()[0])

    def belongs_to(self, genesis_hash: bytes, head_height: int) -> bool:
        """Whether what is in here came from this chain, and not from one ahead of its blocks."""
        height, genesis = self._db.execute("SELECT height, genesis FROM cursor").fetchone()
        return bool(genesis == genesis_hash and height <= head_height)

    def clear(self, genesis_hash: bytes) -> None:
        """Forget everything, to be rebuilt from the events of this chain."""
        self._db.execute("BEGIN IMMEDIATE")
        for table in ("hotspot", "coverage", "link", "reward", "verdict", "sentence"):
            self._db.execute(f"DELETE FROM {table}")
        self._db.execute("UPDATE cursor SET height = 0, genesis = ?", (genesis_hash,))
        self._db.execute("COMMIT")
        self._coverage.clear()

    # Taking in

    def apply(self, events: Sequence[StoredEvent], height: int) -> list[Row]:
        """Take in events of whole blocks up to ``height``; returns the sentences for the live feed."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            sentences = [row for event in events for row in self._apply_event(event)]
            self._db.execute("UPDATE cursor SET height = ?", (height,))
            self._events_since_prune += len(events)
            if self._events_since_prune >= PRUNE_EVERY_EVENTS:
                self._prune()
                self._events_since_prune = 0
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")
        self._coverage.clear()
        return sentences

    def _apply_event(self, stored: StoredEvent) -> Iterable[Row]:
        handler = {
            "hotspot_added": self._add_hotspot,
            "location_asserted": self._place_hotspot,
            "beacon_verdict": self._take_beacon,
            "witness_verdict": self._take_witness,
            "reward_earned": self._take_reward,
        }.get(stored.kind)
        if handler:
            handler(stored, stored.fields)
        text = describe_for_map(stored.event)
        if text is None:
            return
        hotspot = get_address(stored.fields.get("hotspot"))
        row: Row = {"height": stored.height, "number": stored.index, "time_ms": stored.time_ms}
        row |= {"kind": stored.kind, "text": text, "hotspot": hotspot}
        self._db.execute(
            "INSERT OR IGNORE INTO sentence VALUES (:height, :number, :time_ms, :kind, :text, :hotspot)", row
        )
        yield row

    def _add_hotspot(self, stored: StoredEvent, f: Row) -> None:
        key = PublicKey(f["hotspot"])
        self._db.execute(
            "INSERT OR IGNORE INTO hotspot (address, name, owner, added_ms) VALUES (?, ?, ?, ?)",
            (key.address, key.name, get_address(f["owner"]), stored.time_ms),
        )

    def _place_hotspot(self, stored: StoredEvent, f: Row) -> None:
        self._db.execute(
            "UPDATE hotspot SET cell = ?, gain_ddbi = ?, elevation_m = ? WHERE address = ?",
            (compute_public_cell(f["location"]), f["gain_ddbi"], f["elevation_m"], get_address(f["hotspot"])),
        )

    def _take_beacon(self, stored: StoredEvent, f: Row) -> None:
        self._keep_verdict(stored, f)
        heard = f["ok"] and f["witnesses"] > 0
        self._db.execute(
            "UPDATE hotspot SET beacons = beacons + ?, beacons_heard = beacons_heard + ?, "
            "rejected = rejected + ?, last_ms = max(last_ms, ?) WHERE address = ?",
            (f["ok"], heard, not f["ok"], stored.time_ms, get_address(f["hotspot"])),
        )
        if heard:
            self._cover(f["location"], 1, 0, stored.time_ms)

    def _take_witness(self, stored: StoredEvent, f: Row) -> None:
        self._keep_verdict(stored, f)
        witness, beaconer = get_address(f["hotspot"]), get_address(f["beaconer"])
        self._db.execute(
            "UPDATE hotspot SET witnessed = witnessed + ?, rejected = rejected + ?, "
            "last_ms = max(last_ms, ?) WHERE address = ?",
            (f["ok"], not f["ok"], stored.time_ms, witness),
        )
        if f["ok"]:
            self._cover(f["location"], 0, 1, stored.time_ms)
        if not witness or not beaconer or "signal_ddbm" not in f:
            return
        self._db.execute(
            "INSERT INTO link VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
            "heard = heard + excluded.heard, rejected = rejected + excluded.rejected, "
            "last_ms = excluded.last_ms, signal_ddbm = excluded.signal_ddbm, snr_ddb = excluded.snr_ddb, "
            "distance_m = excluded.distance_m, last_reason = excluded.last_reason",
            (
                beaconer,
                witness,
                int(f["ok"]),
                int(not f["ok"]),
                stored.time_ms,
                f["signal_ddbm"],
                f["snr_ddb"],
                f["distance_m"],
                "" if f["ok"] else f["reason"],
            ),
        )

    def _take_reward(self, stored: StoredEvent, f: Row) -> None:
        hotspot = get_address(f["hotspot"])
        self._db.execute(
            "INSERT OR IGNORE INTO reward VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                stored.height,
                stored.index,
                hotspot,
                f["epoch"],
                stored.time_ms,
                f["reward"],
                f["hxt"],
                json.dumps(render_value(f["why"])),
            ),
        )
        self._db.execute("UPDATE hotspot SET hxt = hxt + ? WHERE address = ?", (f["hxt"], hotspot))

    def _keep_verdict(self, stored: StoredEvent, f: Row) -> None:
        body = {key: render_value(value) for key, value in f.items() if key not in ("location", "data")}
        self._db.execute(
            "INSERT OR IGNORE INTO verdict VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                stored.height,
                stored.index,
                stored.time_ms,
                stored.kind,
                get_address(f["hotspot"]),
                get_address(f.get("beaconer", b"")),
                f["round"],
                int(f["ok"]),
                json.dumps(body),
            ),
        )

    def _cover(self, location: int, heard: int, witnessed: int, time_ms: int) -> None:
        if not location:
            return
        self._db.execute(
            "INSERT INTO coverage VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
            "beacons_heard = beacons_heard + excluded.beacons_heard, "
            "witnessed = witnessed + excluded.witnessed, last_ms = excluded.last_ms",
            (compute_public_cell(location), heard, witnessed, time_ms),
        )

    def _prune(self) -> None:
        """The oldest verdicts and sentences go: the chain's events keep them all."""
        for table, kept in (("verdict", KEPT_VERDICTS), ("sentence", KEPT_SENTENCES)):
            self._db.execute(
                f"DELETE FROM {table} WHERE (height, number) < (SELECT height, number FROM {table} "
                "ORDER BY height DESC, number DESC LIMIT 1 OFFSET ?)",
                (kept - 1,),
            )

    # Answering

    def get_hotspots(self) -> list[Row]:
        """Placed hotspots, with their ``rank`` among the ``crowd`` of their cell."""
        return self._all(f"SELECT * FROM ({_PLACED}) ORDER BY name, address")

    def get_hotspot(self, address: str) -> Row | None:
        """One hotspot, placed or not."""
        rows = self._all(
            f"SELECT hotspot.*, rank, crowd FROM hotspot LEFT JOIN ({_PLACED}) p USING (address) "
            "WHERE address = ?",
            address,
        )
        return rows[0] if rows else None

    def count_hotspots(self) -> tuple[int, int]:
        """All hotspots, and those that have a place."""
        everyone, placed = self._db.execute("SELECT count(*), count(cell) FROM hotspot").fetchone()
        return int(everyone), int(placed)

    def find_hotspots(self, words: str, limit: int) -> list[Row]:
        """By a part of the name (spaces or dashes between words) or the beginning of the address."""
        name = "-".join(words.lower().replace("-", " ").split()).replace("%", "").replace("_", "")
        return self._all(
            f"SELECT hotspot.*, rank, crowd FROM hotspot LEFT JOIN ({_PLACED}) p USING (address) "
            "WHERE hotspot.name LIKE ? OR substr(address, 1, ?) = ? ORDER BY hotspot.name LIMIT ?",
            f"%{name}%",
            len(words.strip()),
            words.strip(),
            limit,
        )

    def get_coverage(self, resolution: int = PUBLIC_RESOLUTION) -> list[Row]:
        """Covered cells at a resolution from 2 to 8: coarser cells add up what lies in them."""
        if resolution not in self._coverage:
            self._coverage[resolution] = self._compute_coverage(resolution)
        return self._coverage[resolution]

    def _compute_coverage(self, resolution: int) -> list[Row]:
        cells: dict[int, Row] = {}
        hotspots: dict[int, int] = {}
        for (cell,) in self._db.execute("SELECT cell FROM hotspot WHERE cell IS NOT NULL"):
            parent = h3.cell_to_parent(cell, resolution)
            hotspots[parent] = hotspots.get(parent, 0) + 1
        for row in self._db.execute("SELECT * FROM coverage ORDER BY cell"):
            parent = h3.cell_to_parent(row["cell"], resolution)
            sums = cells.setdefault(
                parent,
                {"cell": parent, "cells": 0, "beacons_heard": 0, "witnessed": 0, "last_ms": 0, "hotspots": 0},
            )
            sums["cells"] += 1
            sums["beacons_heard"] += row["beacons_heard"]
            sums["witnessed"] += row["witnessed"]
            sums["last_ms"] = max(sums["last_ms"], row["last_ms"])
            sums["hotspots"] = hotspots.get(parent, 0)
        return list(cells.values())

    def get_links(self, hotspot: str | None = None) -> list[Row]:
        """Who heard whose beacon, between placed hotspots, with cells, ranks and names of both; all links, or
        those that one hotspot has a part in."""
        links, values = "link", list[str]()
        if hotspot is not None:
            links, values = "(SELECT * FROM link WHERE beaconer = ? OR witness = ?) link", [hotspot, hotspot]
        return self._all(
            f"WITH placed AS ({_PLACED}) SELECT link.*, b.name AS beaconer_name, w.name AS witness_name, "
            "b.cell AS beaconer_cell, b.rank AS beaconer_rank, b.crowd AS beaconer_crowd, "
            "w.cell AS witness_cell, w.rank AS witness_rank, w.crowd AS witness_crowd "
            f"FROM {links} JOIN placed b ON b.address = beaconer JOIN placed w ON w.address = witness "
            "ORDER BY beaconer, witness",
            *values,
        )

    def get_rewards(self, hotspot: str, limit: int) -> list[Row]:
        """Newest first, each with the numbers it was computed from."""
        rows = self._all(
            "SELECT * FROM reward WHERE hotspot = ? ORDER BY height DESC, number DESC LIMIT ?", hotspot, limit
        )
        return [{**row, "why": json.loads(row["why"])} for row in rows]

    def get_verdicts(self, hotspot: str, limit: int, rejected_only: bool = False) -> list[Row]:
        """Verdicts on a hotspot's reports, newest first."""
        condition = "AND ok = 0" if rejected_only else ""
        rows = self._all(
            f"SELECT * FROM verdict WHERE hotspot = ? {condition} ORDER BY height DESC, number DESC LIMIT ?",
            hotspot,
            limit,
        )
        return [
            {
                **json.loads(row["body"]),
                "height": row["height"],
                "time_ms": row["time_ms"],
                "kind": row["kind"],
            }
            for row in rows
        ]

    def get_sentences(self, limit: int) -> list[Row]:
        """What happened lately, newest first."""
        return self._all("SELECT * FROM sentence ORDER BY height DESC, number DESC LIMIT ?", limit)

    def _all(self, query: str, *values: object) -> list[Row]:
        return [dict(row) for row in self._db.execute(query, values)]


def _connect(path: Path | str) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None)
    db.row_factory = sqlite3.Row
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version not in (0, SCHEMA_VERSION):
        db.close()
        raise sqlite3.DatabaseError(f"schema {version}")
    db.executescript(
        f"PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA user_version = {SCHEMA_VERSION};"
        + _SCHEMA
    )
    return db
