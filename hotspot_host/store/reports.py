"""Coverage reports on their way to the chain: claimed first, opened in the round's last part, kept until
the chain has accepted them or their round has closed.

A report, its nonce and its claim are written in one go, before any of them leaves: whatever happens, a
beacon has one report and one claim, and what was claimed can be opened.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hotspot_host.store.database import Database

ReportKind = Literal["beacon", "witness"]


@dataclass(frozen=True)
class KeptReport:
    id: int
    kind: ReportKind
    data: bytes  # the beacon's 51 bytes
    report: bytes  # lora_beacon_report_req_v1 or lora_witness_report_req_v1, signed, serialized
    nonce: bytes
    claim: bytes  # lora_claim_v1, signed, serialized
    is_claimed: bool  # the chain has taken the claim
    openings_from_ms: int  # 0 where the round was not known
    expires_at_ms: int


class Reports:
    """At most ``limit`` reports of witnesses. When full, those go whose round closes first; of one round none
    goes before its end, and what comes beyond is not taken (the chain takes 128 of a hotspot in a round).

    Else somebody who floods the air could have a beacon forgotten, send its bytes again, and have this
    hotspot sign a second report that measures something else: that is a fault
    (chain/faults/claim_equivocation.py).
    """

    def __init__(self, database: Database, limit: int = 256) -> None:
        self._database = database
        self.limit = limit

    def add(
        self,
        kind: ReportKind,
        data: bytes,
        report: bytes,
        nonce: bytes,
        claim: bytes,
        openings_from_ms: int,
        expires_at_ms: int,
    ) -> bool:
        """Durable on return. False where this beacon has been reported in this role already, or no room is
        left in its round."""
        (fresh,) = self._database.connection.execute(
            "SELECT COUNT(*) FROM reports WHERE expires_at_ms >= ?", (expires_at_ms,)
        ).fetchone()
        if kind == "witness" and fresh >= self.limit:
            return False
        with self._database.transaction("hotspot.report") as connection:
            cursor = connection.execute(
                "INSERT OR IGNORE INTO reports (kind, data, report, nonce, claim, openings_from_ms, "
                "expires_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (kind, data, report, nonce, claim, openings_from_ms, expires_at_ms),
            )
            connection.execute(
                "DELETE FROM reports WHERE expires_at_ms < ? AND id IN "
                "(SELECT id FROM reports ORDER BY expires_at_ms DESC, id DESC LIMIT -1 OFFSET ?)",
                (expires_at_ms, self.limit),
            )
            return cursor.rowcount == 1

    def pending(self) -> list[KeptReport]:
        """Oldest first."""
        rows = self._database.connection.execute(
            "SELECT id, kind, data, report, nonce, claim, is_claimed, openings_from_ms, expires_at_ms "
            "FROM reports WHERE report <> x'' ORDER BY id"
        )
        return [
            KeptReport(
                id=row[0],
                kind=row[1],
                data=bytes(row[2]),
                report=bytes(row[3]),
                nonce=bytes(row[4]),
                claim=bytes(row[5]),
                is_claimed=bool(row[6]),
                openings_from_ms=row[7],
                expires_at_ms=row[8],
            )
            for row in rows
        ]

    def mark_claimed(self, report_id: int) -> None:
        """The chain has taken its claim: it is to be opened now. A hotspot that dies before this is written
        sends the same claim again, which changes nothing."""
        with self._database.transaction("hotspot.report_claimed") as connection:
            connection.execute("UPDATE reports SET is_claimed = 1 WHERE id = ?", (report_id,))

    def finish(self, report_id: int) -> None:
        """Accepted, or given up. The row stays, emptied, so that the same beacon heard again isn't reported
        again; it goes when its round is long over (`forget_before`)."""
        with self._database.transaction("hotspot.report_done") as connection:
            connection.execute("UPDATE reports SET report = x'' WHERE id = ?", (report_id,))

    def forget_before(self, now_ms: int) -> int:
        """Remove what has expired; returns how many of those were never accepted."""
        (count,) = self._database.connection.execute(
            "SELECT COUNT(*) FROM reports WHERE expires_at_ms <= ?", (now_ms,)
        ).fetchone()
        if not count:
            return 0
        with self._database.transaction("hotspot.report_expired") as connection:
            (unsent,) = connection.execute(
                "SELECT COUNT(*) FROM reports WHERE expires_at_ms <= ? AND report <> x''", (now_ms,)
            ).fetchone()
            connection.execute("DELETE FROM reports WHERE expires_at_ms <= ?", (now_ms,))
        return int(unsent)
