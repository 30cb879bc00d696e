"""A world with a router, hotspots and channels, and time that passes; for the tests of data channels."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from chain.data.channel_parts import compute_common, compute_reserve
from chain.data.process_due_channels import process_due_channels
from chain.ledger.events import Event
from chain.ledger.tables import CHANNEL_CLAIMS, CHANNELS, Channel
from chain.ledger.tables import ChannelClaim as Claimed
from chain.transactions import (
    ChannelAllot,
    ChannelClose,
    ChannelDispute,
    HotspotCredits,
)
from tests.unit.chain.world import World


class ChannelWorld(World):
    """carol's router has a channel; "hotspot", "second" and "third" have joined."""

    def __init__(self, data_credits: int = 1000) -> None:
        super().__init__()
        self["voucher"]
        for hotspot in ("hotspot", "second", "third"):
            self.add_hotspot(hotspot)
        self.register_router()
        self.channel_id = self.open_channel(data_credits)

    @property
    def channel(self) -> Channel:
        row = self.state.get(CHANNELS, self.channel_id)
        assert row is not None
        return row

    def claimed(self, hotspot: str = "hotspot") -> Claimed:
        return self.state.get(CHANNEL_CLAIMS, self.channel_id + self[hotspot]) or Claimed(0, 0, 0)

    def allot(self, signer: str = "carol", /, **parts: int) -> ChannelAllot:
        return ChannelAllot(
            **self.head("alice"),
            signer=self[signer],
            channel_id=self.channel_id,
            allotments=tuple(HotspotCredits(self[name], amount) for name, amount in parts.items()),
        )

    def claim(self, hotspot: str = "hotspot", total: int = 10, sequence: int = 0, **changes: Any) -> Any:
        """A claim of a voucher; without a sequence, of one above the last claimed."""
        voucher = self.make_voucher(
            self.channel_id,
            hotspot=self[hotspot],
            total_data_credits=total,
            sequence=sequence or self.claimed(hotspot).sequence + 1,
            total_packets=total,
            **changes,
        )
        return self.make_claim(voucher, hotspot)

    def close(self, router: str = "carol", /, **counts: int) -> ChannelClose:
        return ChannelClose(
            **self.head("alice"),
            router=self[router],
            channel_id=self.channel_id,
            counts=tuple(HotspotCredits(self[name], amount, amount) for name, amount in counts.items()),
        )

    def dispute(self, payer: str = "bob", **changes: Any) -> ChannelDispute:
        """Two vouchers of one sequence; `changes` are the second one's."""
        one = self.make_voucher(self.channel_id, sequence=4, total_data_credits=10)
        changes = {"sequence": 4, "total_data_credits": 11} | changes
        return ChannelDispute(
            **self.head(payer), one=one, other=self.make_voucher(self.channel_id, **changes)
        )

    def pass_time(self, ms: int) -> list[Event]:
        """The end of a block that comes so much later."""
        self.context = replace(
            self.context, time_ms=self.context.time_ms + ms, height=self.context.height + 1
        )
        events = process_due_channels(self.state, self.context)
        self.commit()
        return events

    def end_window(self) -> list[Event]:
        """The first block at which a closing channel is settled."""
        return self.pass_time(self.channel.closing_at_ms - self.context.time_ms)

    def check_parts(self) -> None:
        """What the channel's row says of its parts is what the hotspots' rows add up to."""
        rows = [row for _, row in self.state.iterate(CHANNEL_CLAIMS, self.channel_id)]
        channel = self.channel
        assert channel.claimed_data_credits == sum(row.total_data_credits for row in rows)
        assert channel.allotted == sum(row.allotted for row in rows)
        assert channel.reserved == sum(compute_reserve(row) for row in rows)
        assert compute_common(channel) >= 0
