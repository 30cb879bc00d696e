"""What was bought from whom: channels on the chain, running voucher totals, and what is still owed."""

from __future__ import annotations

import msgspec

from router.store.database import Transaction


class Channel(msgspec.Struct, frozen=True):
    """A funded channel of ours. `amount` in data credits."""

    channel_id: str
    amount: int
    is_open: bool


class VoucherTotal(msgspec.Struct, frozen=True):
    """The running total promised to a hotspot in a channel."""

    channel_id: str
    hotspot: bytes
    sequence: int
    total_data_credits: int
    total_packets: int


def put_channel(tx: Transaction, channel_id: str, amount: int, is_open: bool, now_ms: int) -> None:
    tx.execute(
        "INSERT INTO channels VALUES (?,?,?,?) ON CONFLICT (channel_id) DO UPDATE SET"
        " amount = excluded.amount,"
        " is_open = excluded.is_open",
        (channel_id, amount, now_ms, is_open),
    )


def list_channels(tx: Transaction) -> list[Channel]:
    rows = tx.rows("SELECT * FROM channels ORDER BY opened_at_ms, channel_id")
    return [Channel(row["channel_id"], row["amount"], bool(row["is_open"])) for row in rows]


def get_spent(tx: Transaction, channel_id: str) -> int:
    """Data credits promised in a channel so far."""
    row = tx.get(
        "SELECT coalesce(sum(total_data_credits), 0) FROM vouchers WHERE channel_id = ?", (channel_id,)
    )
    return int(row[0]) if row else 0


def get_available(tx: Transaction) -> int:
    """Data credits of open channels not promised yet."""
    return sum(
        channel.amount - get_spent(tx, channel.channel_id) for channel in list_channels(tx) if channel.is_open
    )


def get_owed(tx: Transaction) -> int:
    row = tx.get("SELECT coalesce(sum(data_credits), 0) FROM owed")
    return int(row[0]) if row else 0


def buy(tx: Transaction, hotspot: bytes, data_credits: int, packets: int) -> None:
    """Promise `data_credits` to `hotspot`, in the oldest channel with room or else as a debt that the next
    settles.

    A channel that has not enough left is bought from no more, so that totals only ever grow in one place.
    """
    for channel in list_channels(tx):
        if not channel.is_open:
            continue
        if channel.amount - get_spent(tx, channel.channel_id) < data_credits:
            tx.execute("UPDATE channels SET is_open = 0 WHERE channel_id = ?", (channel.channel_id,))
            continue
        tx.execute(
            "INSERT INTO vouchers VALUES (?,?,1,?,?) ON CONFLICT (channel_id, hotspot) DO UPDATE SET"
            " sequence = sequence + 1, total_data_credits = total_data_credits + excluded.total_data_credits,"
            " total_packets = total_packets + excluded.total_packets",
            (channel.channel_id, hotspot, data_credits, packets),
        )
        return
    tx.execute(
        "INSERT INTO owed VALUES (?,?,?) ON CONFLICT (hotspot) DO UPDATE SET"
        " data_credits = data_credits + excluded.data_credits, packets = packets + excluded.packets",
        (hotspot, data_credits, packets),
    )


def settle_debts(tx: Transaction) -> int:
    """Turn debts into vouchers as far as channels have room; how many data credits."""
    settled = 0
    for row in tx.rows("SELECT hotspot, data_credits, packets FROM owed ORDER BY hotspot"):
        room = any(
            c.is_open and c.amount - get_spent(tx, c.channel_id) >= row["data_credits"]
            for c in list_channels(tx)
        )
        if room:
            tx.execute("DELETE FROM owed WHERE hotspot = ?", (row["hotspot"],))
            buy(tx, row["hotspot"], row["data_credits"], row["packets"])
            settled += row["data_credits"]
    return settled


def list_totals_of(tx: Transaction, hotspot: bytes) -> list[VoucherTotal]:
    """The totals promised to a hotspot, one a channel, newest channel last: a voucher each is what it
    may hold.
    """
    rows = tx.rows(
        "SELECT v.* FROM vouchers v JOIN channels c USING (channel_id) WHERE v.hotspot = ?"
        " ORDER BY c.opened_at_ms, c.channel_id",
        (hotspot,),
    )
    return [VoucherTotal(*row) for row in rows]


def list_totals(tx: Transaction) -> list[VoucherTotal]:
    rows = tx.rows("SELECT * FROM vouchers ORDER BY channel_id, hotspot")
    return [VoucherTotal(*row) for row in rows]
