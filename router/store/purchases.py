"""What was bought from whom: channels on the chain, running voucher totals, and what is still owed."""

from __future__ import annotations

import msgspec

from router.store.database import Transaction


class Channel(msgspec.Struct, frozen=True):
    """A funded channel of ours. `amount` in data credits."""

    channel_id: str
    amount: int
    is_open: bool
    """Whether packets are still bought from it; once not, never again."""
    closing_at_ms: int = 0
    """When the chain settles it; 0 while nobody has closed it."""


class VoucherTotal(msgspec.Struct, frozen=True):
    """The running total promised to a hotspot in a channel."""

    channel_id: str
    hotspot: bytes
    sequence: int
    total_data_credits: int
    total_packets: int


def put_channel(tx: Transaction, channel_id: str, amount: int, is_open: bool, now_ms: int) -> None:
    tx.execute(
        "INSERT INTO channels VALUES (?,?,?,?,0) ON CONFLICT (channel_id) DO UPDATE SET"
        " amount = excluded.amount,"
        " is_open = excluded.is_open",
        (channel_id, amount, now_ms, is_open),
    )


def list_channels(tx: Transaction) -> list[Channel]:
    rows = tx.rows("SELECT * FROM channels ORDER BY opened_at_ms, channel_id")
    return [
        Channel(row["channel_id"], row["amount"], bool(row["is_open"]), row["closing_at_ms"]) for row in rows
    ]


def get_spent(tx: Transaction, channel_id: str) -> int:
    """Data credits promised in a channel so far."""
    row = tx.get(
        "SELECT coalesce(sum(total_data_credits), 0) FROM vouchers WHERE channel_id = ?", (channel_id,)
    )
    return int(row[0]) if row else 0


def get_committed(tx: Transaction, channel_id: str) -> int:
    """Data credits of a channel that are promised or set aside: for each hotspot the higher of what it was
    promised and allotted.
    """
    row = tx.get(
        "SELECT coalesce(sum(most), 0) FROM (SELECT max(data_credits) AS most FROM ("
        " SELECT hotspot, total_data_credits AS data_credits FROM vouchers WHERE channel_id = ?"
        " UNION ALL SELECT hotspot, data_credits FROM allotments WHERE channel_id = ?) GROUP BY hotspot)",
        (channel_id, channel_id),
    )
    return int(row[0]) if row else 0


def get_room(tx: Transaction, channel: Channel, hotspot: bytes) -> int:
    """Data credits that can be promised to a hotspot in a channel: what is set aside for it, and what is
    neither promised nor set aside.
    """
    key = (channel.channel_id, hotspot)
    promised = tx.get("SELECT total_data_credits FROM vouchers WHERE channel_id = ? AND hotspot = ?", key)
    allotted = tx.get("SELECT data_credits FROM allotments WHERE channel_id = ? AND hotspot = ?", key)
    own = (allotted[0] if allotted else 0) - (promised[0] if promised else 0)
    return channel.amount - get_committed(tx, channel.channel_id) + max(own, 0)


def get_available(tx: Transaction) -> int:
    """Data credits of open channels not promised yet."""
    return sum(
        channel.amount - get_spent(tx, channel.channel_id) for channel in list_channels(tx) if channel.is_open
    )


def get_uncommitted(tx: Transaction) -> int:
    """Data credits of open channels neither promised nor set aside for anybody yet."""
    return sum(
        channel.amount - get_committed(tx, channel.channel_id)
        for channel in list_channels(tx)
        if channel.is_open
    )


def get_promised(tx: Transaction, channel_id: str) -> dict[bytes, VoucherTotal]:
    """The totals promised in a channel, by hotspot."""
    rows = tx.rows("SELECT * FROM vouchers WHERE channel_id = ? ORDER BY hotspot", (channel_id,))
    return {bytes(row["hotspot"]): VoucherTotal(*row) for row in rows}


def get_allotted(tx: Transaction, channel_id: str) -> dict[bytes, int]:
    """What the chain has set aside in a channel, by hotspot."""
    rows = tx.rows("SELECT hotspot, data_credits FROM allotments WHERE channel_id = ?", (channel_id,))
    return {bytes(row["hotspot"]): row["data_credits"] for row in rows}


def put_allotment(tx: Transaction, channel_id: str, hotspot: bytes, data_credits: int) -> None:
    """Note what the chain has set aside: it only rises."""
    tx.execute(
        "INSERT INTO allotments VALUES (?,?,?) ON CONFLICT (channel_id, hotspot) DO UPDATE SET"
        " data_credits = max(data_credits, excluded.data_credits)",
        (channel_id, hotspot, data_credits),
    )


def stop_buying(tx: Transaction, channel_id: str, closing_at_ms: int = 0) -> None:
    """Promise nothing more in a channel; with the time of its settlement once the chain closes it."""
    tx.execute(
        "UPDATE channels SET is_open = 0, closing_at_ms = max(closing_at_ms, ?) WHERE channel_id = ?",
        (closing_at_ms, channel_id),
    )


def forget_channel(tx: Transaction, channel_id: str) -> None:
    """A channel is settled: its vouchers are worth nothing more."""
    for table in ("vouchers", "allotments", "channels"):
        tx.execute(f"DELETE FROM {table} WHERE channel_id = ?", (channel_id,))


def get_owed(tx: Transaction) -> int:
    row = tx.get("SELECT coalesce(sum(data_credits), 0) FROM owed")
    return int(row[0]) if row else 0


def buy(tx: Transaction, hotspot: bytes, data_credits: int, packets: int) -> None:
    """Promise `data_credits` to `hotspot`, in the oldest channel with room or else as a debt that the next
    settles.

    A channel that has not enough left for this hotspot is bought from no more, so that totals only ever grow
    in one place. What is set aside for others isn't promised to it.
    """
    for channel in list_channels(tx):
        if not channel.is_open:
            continue
        if get_room(tx, channel, hotspot) < data_credits:
            stop_buying(tx, channel.channel_id)
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
            channel.is_open and get_room(tx, channel, row["hotspot"]) >= row["data_credits"]
            for channel in list_channels(tx)
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
