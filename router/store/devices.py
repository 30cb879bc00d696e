"""Devices, their sessions and the DevNonces they have used."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from router.network.values import Device, Session
from router.store.database import Transaction

_DEVICE = (
    "dev_eui, name, join_eui, app_key, application, codec, skip_f_cnt_check, created_at_ms, join_nonce, tags"
)


def _as_device(row: sqlite3.Row) -> Device:
    return Device(
        dev_eui=row["dev_eui"],
        name=row["name"],
        join_eui=row["join_eui"],
        app_key=row["app_key"],
        application=row["application"],
        codec=row["codec"],
        skip_f_cnt_check=bool(row["skip_f_cnt_check"]),
        created_at_ms=row["created_at_ms"],
        join_nonce=row["join_nonce"],
        tags=json.loads(row["tags"]),
    )


def _as_session(row: sqlite3.Row) -> Session:
    return Session(
        session_id=row["session_id"],
        dev_eui=row["dev_eui"],
        dev_addr=row["dev_addr"],
        nwk_s_key=row["nwk_s_key"],
        app_s_key=row["app_s_key"],
        f_cnt_up=row["f_cnt_up"],
        f_cnt_down=row["f_cnt_down"],
        seen_mask=int.from_bytes(row["seen_mask"], "big"),
        started_at_ms=row["started_at_ms"],
        rx1_delay_s=row["rx1_delay_s"],
        is_pending=bool(row["is_pending"]),
        last_heard_at_ms=row["last_heard_at_ms"],
    )


def add_device(tx: Transaction, device: Device) -> bool:
    """Store a new device; False if its DevEUI is taken."""
    cursor = tx.execute(
        f"INSERT INTO devices ({_DEVICE}) VALUES (?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING",
        (
            device.dev_eui,
            device.name,
            device.join_eui,
            device.app_key,
            device.application,
            device.codec,
            device.skip_f_cnt_check,
            device.created_at_ms,
            device.join_nonce,
            json.dumps(device.tags),
        ),
    )
    return cursor.rowcount == 1


def get_device(tx: Transaction, dev_eui: bytes) -> Device | None:
    row = tx.get(f"SELECT {_DEVICE} FROM devices WHERE dev_eui = ?", (dev_eui,))
    return None if row is None else _as_device(row)


def list_devices(tx: Transaction) -> list[Device]:
    return [
        _as_device(row) for row in tx.rows(f"SELECT {_DEVICE} FROM devices ORDER BY created_at_ms, dev_eui")
    ]


def get_device_state(tx: Transaction, dev_eui: bytes) -> dict[str, Any]:
    """last_heard_at_ms, last_reading (dict or None), last_position (dict or None)."""
    row = tx.get(
        "SELECT last_heard_at_ms, last_reading, last_position FROM devices WHERE dev_eui = ?", (dev_eui,)
    )
    if row is None:
        return {"last_heard_at_ms": 0, "last_reading": None, "last_position": None}
    return {
        "last_heard_at_ms": row["last_heard_at_ms"],
        "last_reading": json.loads(row["last_reading"]) if row["last_reading"] else None,
        "last_position": json.loads(row["last_position"]) if row["last_position"] else None,
    }


def put_device_state(
    tx: Transaction,
    dev_eui: bytes,
    heard_at_ms: int,
    reading: dict[str, Any] | None,
    position: dict[str, Any] | None,
) -> None:
    """Remember the last reading and position; None keeps what is there."""
    tx.execute(
        "UPDATE devices SET last_heard_at_ms = ?, last_reading = coalesce(?, last_reading),"
        " last_position = coalesce(?, last_position) WHERE dev_eui = ?",
        (heard_at_ms, reading and json.dumps(reading), position and json.dumps(position), dev_eui),
    )


def remove_device(tx: Transaction, dev_eui: bytes) -> bool:
    """Forget a device, its sessions and queue. Used DevNonces stay: a re-added device cannot be replayed."""
    tx.execute("DELETE FROM sessions WHERE dev_eui = ?", (dev_eui,))
    tx.execute("DELETE FROM queue WHERE dev_eui = ?", (dev_eui,))
    return tx.execute("DELETE FROM devices WHERE dev_eui = ?", (dev_eui,)).rowcount == 1


def get_sessions_by_dev_addr(tx: Transaction, dev_addr: bytes) -> tuple[Session, ...]:
    rows = tx.rows("SELECT * FROM sessions WHERE dev_addr = ? ORDER BY session_id DESC", (dev_addr,))
    return tuple(_as_session(row) for row in rows)


def get_sessions_of_device(tx: Transaction, dev_eui: bytes) -> tuple[Session, ...]:
    rows = tx.rows("SELECT * FROM sessions WHERE dev_eui = ? ORDER BY session_id DESC", (dev_eui,))
    return tuple(_as_session(row) for row in rows)


def get_session(tx: Transaction, session_id: int) -> Session | None:
    row = tx.get("SELECT * FROM sessions WHERE session_id = ?", (session_id,))
    return None if row is None else _as_session(row)


def get_taken_dev_addrs(tx: Transaction) -> frozenset[bytes]:
    return frozenset(row[0] for row in tx.rows("SELECT dev_addr FROM sessions"))


def add_session(tx: Transaction, session: Session) -> int:
    """Store a session and return its id. A pending one replaces an earlier pending one, another one
    replaces all.
    """
    if session.is_pending:
        tx.execute("DELETE FROM sessions WHERE dev_eui = ? AND is_pending = 1", (session.dev_eui,))
    else:
        tx.execute("DELETE FROM sessions WHERE dev_eui = ?", (session.dev_eui,))
    cursor = tx.execute(
        "INSERT INTO sessions (dev_eui, dev_addr, nwk_s_key, app_s_key, f_cnt_up, f_cnt_down, seen_mask,"
        " started_at_ms, rx1_delay_s, is_pending, last_heard_at_ms) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
        (
            session.dev_eui,
            session.dev_addr,
            session.nwk_s_key,
            session.app_s_key,
            session.f_cnt_up,
            session.f_cnt_down,
            session.seen_mask.to_bytes(8, "big"),
            session.started_at_ms,
            session.rx1_delay_s,
            session.is_pending,
            session.last_heard_at_ms,
        ),
    )
    return int(cursor.lastrowid or 0)


def put_uplink_counter(tx: Transaction, before: Session, after: Session) -> bool:
    """Write what an uplink changed; False if another uplink was first (then nothing is written)."""
    cursor = tx.execute(
        "UPDATE sessions SET f_cnt_up = ?, seen_mask = ?, started_at_ms = ?, is_pending = 0,"
        " last_heard_at_ms = ?"
        " WHERE session_id = ? AND f_cnt_up = ? AND seen_mask = ?",
        (
            after.f_cnt_up,
            after.seen_mask.to_bytes(8, "big"),
            after.started_at_ms,
            after.last_heard_at_ms,
            before.session_id,
            before.f_cnt_up,
            before.seen_mask.to_bytes(8, "big"),
        ),
    )
    if cursor.rowcount == 1 and before.is_pending:
        tx.execute(
            "DELETE FROM sessions WHERE dev_eui = ? AND session_id <> ?", (before.dev_eui, before.session_id)
        )
    return cursor.rowcount == 1


def reserve_f_cnt_down(tx: Transaction, session_id: int) -> int:
    """Take the next downlink counter; once this commits it is never given out again."""
    row = tx.get(
        "UPDATE sessions SET f_cnt_down = f_cnt_down + 1 WHERE session_id = ? RETURNING f_cnt_down",
        (session_id,),
    )
    if row is None:
        raise LookupError(f"session {session_id} has gone")
    return int(row[0]) - 1


def use_dev_nonce(tx: Transaction, dev_eui: bytes, join_eui: bytes, dev_nonce: int, now_ms: int) -> bool:
    """Record a DevNonce; False if it was used before (by this device under this JoinEUI), ever."""
    cursor = tx.execute(
        "INSERT INTO dev_nonces VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (dev_eui, join_eui, dev_nonce, now_ms),
    )
    return cursor.rowcount == 1


def put_join_nonce(tx: Transaction, dev_eui: bytes, join_nonce: int) -> None:
    tx.execute("UPDATE devices SET join_nonce = ? WHERE dev_eui = ?", (join_nonce, dev_eui))


def put_skip_f_cnt_check(tx: Transaction, dev_eui: bytes, skip: bool) -> None:
    tx.execute("UPDATE devices SET skip_f_cnt_check = ? WHERE dev_eui = ?", (skip, dev_eui))
