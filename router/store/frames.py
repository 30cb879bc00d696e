"""Every frame heard, of known and unknown devices; what hotspots were told; and which hotspots were heard."""

from __future__ import annotations

from typing import Any

import msgspec

from router.network.values import Reception
from router.store.database import Transaction

_KEPT_FRAMES = 20_000
_KEPT_RECEIPTS = 100_000


class StoredFrame(msgspec.Struct, frozen=True, kw_only=True):
    """One transmission. `fields` are the parsed ones (see network.frame_view), `outcome` says what
    became of it.
    """

    frame_id: int = 0
    payload_hash: bytes
    payload: bytes
    frame_class: str
    kind: str
    dev_addr: bytes = b""
    dev_eui: bytes = b""
    outcome: str
    fields: dict[str, Any]
    receptions: tuple[Reception, ...]
    heard_at_ms: int
    arrived_at_ms: int


def _as_frame(row: Any) -> StoredFrame:
    return StoredFrame(
        frame_id=row["frame_id"],
        payload_hash=row["payload_hash"],
        payload=row["payload"],
        frame_class=row["frame_class"],
        kind=row["kind"],
        dev_addr=row["dev_addr"],
        dev_eui=row["dev_eui"],
        outcome=row["outcome"],
        fields=msgspec.json.decode(row["fields"]),
        receptions=msgspec.json.decode(row["receptions"], type=tuple[Reception, ...]),
        heard_at_ms=row["heard_at_ms"],
        arrived_at_ms=row["arrived_at_ms"],
    )


def add_frame(tx: Transaction, frame: StoredFrame) -> int:
    cursor = tx.execute(
        "INSERT INTO frames (payload_hash, payload, frame_class, kind, dev_addr, dev_eui, outcome, fields,"
        " receptions,"
        " heard_at_ms, arrived_at_ms) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
        (
            frame.payload_hash,
            frame.payload,
            frame.frame_class,
            frame.kind,
            frame.dev_addr,
            frame.dev_eui,
            frame.outcome,
            msgspec.json.encode(frame.fields),
            msgspec.json.encode(frame.receptions),
            frame.heard_at_ms,
            frame.arrived_at_ms,
        ),
    )
    frame_id = int(cursor.lastrowid or 0)
    if frame_id % 256 == 0:
        tx.execute("DELETE FROM frames WHERE frame_id < ?", (frame_id - _KEPT_FRAMES,))
    return frame_id


def add_receptions(tx: Transaction, frame_id: int, receptions: tuple[Reception, ...]) -> None:
    """Write the whole list of a frame's receptions, late ones included."""
    tx.execute(
        "UPDATE frames SET receptions = ? WHERE frame_id = ?", (msgspec.json.encode(receptions), frame_id)
    )


def get_frame(tx: Transaction, frame_id: int) -> StoredFrame | None:
    row = tx.get("SELECT * FROM frames WHERE frame_id = ?", (frame_id,))
    return None if row is None else _as_frame(row)


def get_frames_by_hash(tx: Transaction, payload_hash: bytes) -> list[StoredFrame]:
    """Transmissions of the very same bytes, oldest first."""
    rows = tx.rows("SELECT * FROM frames WHERE payload_hash = ? ORDER BY frame_id LIMIT 64", (payload_hash,))
    return [_as_frame(row) for row in rows]


def list_frames(
    tx: Transaction, dev_addr: bytes | None, dev_eui: bytes | None, after: int, limit: int
) -> list[StoredFrame]:
    """Frames after cursor `after`, oldest first; with `after` < 0 the newest ones, oldest first."""
    where: list[str] = ["1"]
    parameters: list[Any] = []
    if dev_addr is not None:
        where.append("dev_addr = ?")
        parameters.append(dev_addr)
    if dev_eui is not None:
        where.append("dev_eui = ?")
        parameters.append(dev_eui)
    order = "DESC"
    if after >= 0:
        where.append("frame_id > ?")
        parameters.append(after)
        order = "ASC"
    sql = f"SELECT * FROM frames WHERE {' AND '.join(where)} ORDER BY frame_id {order} LIMIT ?"
    return sorted(
        (_as_frame(row) for row in tx.rows(sql, (*parameters, limit))), key=lambda frame: frame.frame_id
    )


def count_frames(tx: Transaction) -> dict[str, int]:
    """How many frames are kept, by class."""
    return {
        row[0]: row[1] for row in tx.rows("SELECT frame_class, count(*) FROM frames GROUP BY frame_class")
    }


class StoredReceipt(msgspec.Struct, frozen=True):
    packet_hash: bytes
    status: int  # receipt_status of packet_router.proto
    data_credits: int


def put_receipts(tx: Transaction, receipts: list[StoredReceipt], now_ms: int) -> None:
    """Remember what each report was answered; the first answer stands."""
    for receipt in receipts:
        tx.execute(
            "INSERT INTO receipts VALUES (?,?,?,?) ON CONFLICT DO NOTHING",
            (receipt.packet_hash, receipt.status, receipt.data_credits, now_ms),
        )


def get_receipt(tx: Transaction, packet_hash: bytes) -> StoredReceipt | None:
    row = tx.get("SELECT status, data_credits FROM receipts WHERE packet_hash = ?", (packet_hash,))
    return None if row is None else StoredReceipt(packet_hash, row[0], row[1])


def prune_receipts(tx: Transaction) -> None:
    tx.execute("DELETE FROM receipts WHERE rowid < (SELECT max(rowid) FROM receipts) - ?", (_KEPT_RECEIPTS,))


def note_gateway(tx: Transaction, reception: Reception, name: str, cell: str, bought: int) -> None:
    """Count one report of a concentrator and keep its last signal."""
    tx.execute(
        "INSERT INTO gateways VALUES (?,?,?,?,?,?,1,?,?,?,?) ON CONFLICT (hotspot, gateway_eui) DO UPDATE SET"
        " name = excluded.name, cell = excluded.cell, last_heard_at_ms = excluded.last_heard_at_ms,"
        " packets = packets + 1, bought = bought + excluded.bought, rssi_dbm = excluded.rssi_dbm,"
        " snr_db = excluded.snr_db, region = excluded.region",
        (
            reception.hotspot,
            reception.gateway_eui,
            name,
            cell,
            reception.arrived_at_ms,
            reception.arrived_at_ms,
            bought,
            reception.rssi_dbm,
            reception.snr_db,
            reception.region,
        ),
    )


def list_gateways(tx: Transaction) -> list[dict[str, Any]]:
    return [dict(row) for row in tx.rows("SELECT * FROM gateways ORDER BY name, gateway_eui")]
