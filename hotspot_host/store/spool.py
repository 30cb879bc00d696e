"""Packets that a router hasn't answered for yet.

A packet is in the spool from before its board or concentrator gets an acknowledgement until a router's
receipt. The spool is bounded; when it is full the oldest packets go, because a router can use a new frame
counter but not one older than what it has already seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chain.wire import packet_router_pb2
from hotspot_host.store.database import Database

#: Receptions of the own board ("board:" keys) remembered after they have left the spool: a board offers a
#: packet again when the acknowledgement got lost in a restart. A board's ring is far smaller than this.
TAKEN_LIMIT = 512


@dataclass(frozen=True)
class NewPacket:
    """A packet to be spooled. ``source_key`` is the same for the same reception offered twice."""

    source_key: str
    packet_hash: bytes
    packet: bytes  # packet_router_packet_up_v1 without signature and hold_time, serialized
    received_at_ms: int


@dataclass(frozen=True)
class SpooledPacket:
    id: int
    packet_hash: bytes
    packet: bytes
    received_at_ms: int

    def parse(self) -> packet_router_pb2.packet_router_packet_up_v1:
        return packet_router_pb2.packet_router_packet_up_v1.FromString(self.packet)


@dataclass(frozen=True)
class AddResult:
    added: int
    repeated: int
    dropped_oldest: int


class Spool:
    """FIFO on the disk with at most ``limit`` packets."""

    def __init__(self, database: Database, limit: int = 1000) -> None:
        self._database = database
        self.limit = limit

    def __len__(self) -> int:
        (count,) = self._database.connection.execute("SELECT COUNT(*) FROM spool").fetchone()
        return int(count)

    def add(self, packets: Sequence[NewPacket]) -> AddResult:
        """Write packets in one transaction; durable on return. A reception that is here, or was taken lately,
        isn't added again."""
        added = repeated = dropped = 0
        with self._database.transaction("hotspot.spool") as connection:
            for packet in packets:
                known = connection.execute(
                    "SELECT 1 FROM taken WHERE source_key = ?", (packet.source_key,)
                ).fetchone()
                cursor = connection.execute(
                    "INSERT OR IGNORE INTO spool (source_key, packet_hash, packet, received_at_ms)"
                    " SELECT ?, ?, ?, ? WHERE ? IS NULL",
                    (packet.source_key, packet.packet_hash, packet.packet, packet.received_at_ms,
                     None if known is None else 1),
                )  # fmt: skip
                if cursor.rowcount == 1:
                    added += 1
                else:
                    repeated += 1
            (count,) = connection.execute("SELECT COUNT(*) FROM spool").fetchone()
            if count > self.limit:
                dropped = count - self.limit
                connection.execute(
                    "DELETE FROM spool WHERE id IN (SELECT id FROM spool ORDER BY id LIMIT ?)", (dropped,)
                )
        return AddResult(added, repeated, dropped)

    def get_oldest_id(self) -> int:
        """Id of the oldest packet; one above all for an empty spool."""
        (oldest,) = self._database.connection.execute("SELECT MIN(id) FROM spool").fetchone()
        return 1 << 62 if oldest is None else int(oldest)

    def read_after(self, last_id: int, limit: int) -> list[SpooledPacket]:
        """The oldest packets with an id above ``last_id``."""
        rows = self._database.connection.execute(
            "SELECT id, packet_hash, packet, received_at_ms FROM spool WHERE id > ? ORDER BY id LIMIT ?",
            (last_id, limit),
        )
        return [SpooledPacket(row[0], bytes(row[1]), bytes(row[2]), row[3]) for row in rows]

    def remove(self, packet_id: int) -> None:
        """Forget a packet that no router wants."""
        with self._database.transaction("hotspot.spool_remove"):
            self._take(packet_id)

    def take_by_hash(self, packet_hash: bytes) -> bool:
        """Inside the caller's transaction: the packet has its receipt. False where it isn't (any more)
        here.
        """
        row = self._database.connection.execute(
            "SELECT id FROM spool WHERE packet_hash = ?", (packet_hash,)
        ).fetchone()
        if row is None:
            return False
        self._take(row[0])
        return True

    def _take(self, packet_id: int) -> None:
        connection = self._database.connection
        connection.execute(
            "INSERT OR IGNORE INTO taken (source_key) SELECT source_key FROM spool WHERE id = ?"
            " AND source_key LIKE 'board:%'",
            (packet_id,),
        )
        connection.execute("DELETE FROM spool WHERE id = ?", (packet_id,))
        connection.execute("DELETE FROM taken WHERE id <= (SELECT MAX(id) FROM taken) - ?", (TAKEN_LIMIT,))
