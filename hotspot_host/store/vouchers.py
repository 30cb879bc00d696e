"""The payee's books: what each router says it bought, and the newest promise to pay for it.

Two things are the hotspot's risk, and both are limited: above a limit the hotspot stops forwarding to that
router. The *float* is what a router has bought (BOUGHT receipts) and no voucher covers. *Uncovered* is what
vouchers promise beyond what the chain has set aside for this hotspot (its allotment) and it hasn't claimed:
other hotspots may claim before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hotspot_host.store.database import Database
from hotspot_host.store.spool import Spool


@dataclass(frozen=True)
class KeptVoucher:
    """The highest voucher of one channel, as the router signed it. Checked before it comes here."""

    channel_id: str
    router: str
    sequence: int
    total_data_credits: int
    total_packets: int
    voucher: bytes


_COLUMNS = "channel_id, router, sequence, total_data_credits, total_packets, voucher"


def _read(row: Sequence[Any]) -> KeptVoucher:
    channel_id, router, sequence, data_credits, packets, voucher = row
    return KeptVoucher(channel_id, router, sequence, data_credits, packets, bytes(voucher))


@dataclass(frozen=True)
class Dispute:
    """Two different vouchers of one sequence, both signed by the router: proof of its fraud."""

    channel_id: str
    router: str
    one: bytes
    other: bytes


@dataclass(frozen=True)
class RouterBalance:
    """``unvouchered_*`` is never negative."""

    bought_packets: int
    bought_data_credits: int
    vouchered_packets: int
    vouchered_data_credits: int
    unvouchered_packets: int
    unvouchered_data_credits: int
    uncovered_data_credits: int
    """In vouchers, neither claimed nor set aside."""


class Vouchers:
    """Receipts and vouchers of all routers."""

    def __init__(self, database: Database, spool: Spool) -> None:
        self._database = database
        self._spool = spool

    def settle(
        self,
        router: str,
        packet_hash: bytes,
        data_credits: int,
        voucher: KeptVoucher | None,
        dispute: Dispute | None = None,
    ) -> bool:
        """A receipt came: packet out of the spool, totals up, voucher or proof of fraud kept, in one durable
        transaction.

        ``data_credits`` is 0 for what wasn't bought. False where the packet is unknown: a receipt that came
        before (its totals aren't counted twice).
        """
        with self._database.transaction("hotspot.receipt") as connection:
            known = bool(packet_hash) and self._spool.take_by_hash(packet_hash)
            connection.execute("INSERT OR IGNORE INTO router_totals (router) VALUES (?)", (router,))
            if known and data_credits > 0:
                connection.execute(
                    "UPDATE router_totals SET bought_packets = bought_packets + 1,"
                    " bought_data_credits = bought_data_credits + ? WHERE router = ?",
                    (data_credits, router),
                )
            if voucher is not None:
                connection.execute(
                    "INSERT INTO vouchers"
                    " (channel_id, router, sequence, total_data_credits, total_packets, voucher)"
                    " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (channel_id) DO UPDATE SET"
                    " sequence = excluded.sequence, total_data_credits = excluded.total_data_credits,"
                    " total_packets = excluded.total_packets, voucher = excluded.voucher"
                    " WHERE excluded.sequence > vouchers.sequence",
                    (voucher.channel_id, voucher.router, voucher.sequence, voucher.total_data_credits,
                     voucher.total_packets, voucher.voucher),
                )  # fmt: skip
            if dispute is not None:
                connection.execute(
                    "INSERT OR IGNORE INTO disputes (channel_id, router, one, other) VALUES (?, ?, ?, ?)",
                    (dispute.channel_id, dispute.router, dispute.one, dispute.other),
                )
        return known

    def get(self, channel_id: str) -> KeptVoucher | None:
        """The highest voucher kept for a channel."""
        row = self._database.connection.execute(
            f"SELECT {_COLUMNS} FROM vouchers WHERE channel_id = ?", (channel_id,)
        ).fetchone()
        return None if row is None else _read(row)

    def get_unclaimed(self) -> list[KeptVoucher]:
        """Vouchers worth more than what has been claimed of them, of channels that aren't settled; those that
        are nearest to it first.
        """
        rows = self._database.connection.execute(
            f"SELECT {_COLUMNS} FROM vouchers WHERE total_data_credits > claimed_data_credits"
            " AND NOT is_settled ORDER BY closing_at_ms = 0, closing_at_ms, channel_id"
        )
        return [_read(row) for row in rows]

    def get_unfunded(self) -> list[str]:
        """Channels that the chain hasn't been asked about yet, or that hold less than was promised."""
        rows = self._database.connection.execute(
            "SELECT channel_id FROM vouchers WHERE NOT is_settled AND (channel_data_credits IS NULL"
            " OR channel_data_credits < total_data_credits)"
        )
        return [row[0] for row in rows]

    def get_closing_at_ms(self, channel_id: str) -> int:
        """When the chain settles a channel, as far as it was asked; 0 = not closing."""
        row = self._database.connection.execute(
            "SELECT closing_at_ms FROM vouchers WHERE channel_id = ?", (channel_id,)
        ).fetchone()
        return 0 if row is None else int(row[0])

    def set_funds(
        self, channel_id: str, data_credits: int, allotted_data_credits: int = 0, closing_at_ms: int = 0
    ) -> None:
        """What the chain says: what the channel was opened with, what of it is set aside for this hotspot,
        when it is settled.
        """
        news = (data_credits, allotted_data_credits, closing_at_ms)
        known = self._database.connection.execute(
            "SELECT channel_data_credits, allotted_data_credits, closing_at_ms FROM vouchers"
            " WHERE channel_id = ?",
            (channel_id,),
        ).fetchone()
        if known is None or tuple(known) == news:
            return
        with self._database.transaction("hotspot.channel_funds") as connection:
            connection.execute(
                "UPDATE vouchers SET channel_data_credits = ?, allotted_data_credits = ?, closing_at_ms = ?"
                " WHERE channel_id = ?",
                (*news, channel_id),
            )

    def mark_claimed(self, channel_id: str, total_data_credits: int, is_settled: bool = False) -> None:
        """The chain has paid out a channel up to ``total_data_credits``; nothing more once it is settled."""
        with self._database.transaction("hotspot.claim") as connection:
            connection.execute(
                "UPDATE vouchers SET claimed_data_credits = MAX(claimed_data_credits, ?),"
                " is_settled = MAX(is_settled, ?) WHERE channel_id = ?",
                (total_data_credits, is_settled, channel_id),
            )

    def is_disputed(self, router: str) -> bool:
        """Whether this hotspot holds a proof of the router's fraud."""
        return bool(
            self._database.connection.execute(
                "SELECT EXISTS (SELECT 1 FROM disputes WHERE router = ?)", (router,)
            ).fetchone()[0]
        )

    def get_unreported(self) -> list[Dispute]:
        """Proofs of fraud that the chain hasn't been told yet."""
        rows = self._database.connection.execute(
            "SELECT channel_id, router, one, other FROM disputes WHERE NOT is_reported ORDER BY channel_id"
        )
        return [Dispute(channel, router, bytes(one), bytes(other)) for channel, router, one, other in rows]

    def mark_reported(self, channel_id: str) -> None:
        """The chain has the proof, or has no use for it."""
        with self._database.transaction("hotspot.dispute_reported") as connection:
            connection.execute("UPDATE disputes SET is_reported = 1 WHERE channel_id = ?", (channel_id,))

    def get_balance(self, router: str) -> RouterBalance:
        """What a router owes in vouchers. A voucher counts once the chain has confirmed its channel's
        funds.
        """
        connection = self._database.connection
        bought = connection.execute(
            "SELECT bought_packets, bought_data_credits FROM router_totals WHERE router = ?", (router,)
        ).fetchone() or (0, 0)
        vouchered = connection.execute(
            "SELECT COALESCE(SUM(total_packets), 0), COALESCE(SUM(total_data_credits), 0)"
            " FROM vouchers WHERE router = ? AND channel_data_credits >= total_data_credits",
            (router,),
        ).fetchone()
        (uncovered,) = connection.execute(
            "SELECT COALESCE(SUM(MAX(total_data_credits - MAX(claimed_data_credits, allotted_data_credits),"
            " 0)), 0) FROM vouchers WHERE router = ? AND NOT is_settled",
            (router,),
        ).fetchone()
        return RouterBalance(
            bought_packets=bought[0],
            bought_data_credits=bought[1],
            vouchered_packets=vouchered[0],
            vouchered_data_credits=vouchered[1],
            unvouchered_packets=max(bought[0] - vouchered[0], 0),
            unvouchered_data_credits=max(bought[1] - vouchered[1], 0),
            uncovered_data_credits=uncovered,
        )

    def get_routers(self) -> list[str]:
        """Addresses of all routers that ever answered."""
        return [
            row[0] for row in self._database.connection.execute("SELECT router FROM router_totals ORDER BY 1")
        ]

    def get_claimed_data_credits(self) -> int:
        (total,) = self._database.connection.execute(
            "SELECT COALESCE(SUM(claimed_data_credits), 0) FROM vouchers"
        ).fetchone()
        return int(total)
