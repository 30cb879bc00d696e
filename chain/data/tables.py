"""Rows of channels that end: counts that wait for the settlement, tombstones, and what is due when.

Channels and what hotspots have of them stand with the ledger's rows (chain/ledger/tables.py).
"""

from __future__ import annotations

import msgspec

from chain.ledger.state import Table
from chain.transactions.bodies_routers import HotspotCredits


class ChannelCounts(msgspec.Struct, frozen=True, array_like=True):
    """What a closing channel's router counted for hotspots without vouchers: key = channel id."""

    counts: tuple[HotspotCredits, ...]


class ClosedChannel(msgspec.Struct, frozen=True, array_like=True):
    """A settled channel (key: its id), as long as a proof against its router is taken."""

    router: bytes
    """Owner's key at opening."""
    voucher_key: bytes
    settled_height: int


class Calendar(msgspec.Struct, frozen=True, array_like=True):
    """When something is due (one row): block times in milliseconds, ascending, each once."""

    times_ms: tuple[int, ...]


class Due(msgspec.Struct, frozen=True, array_like=True):
    """Something is due for a channel: key = time (8, big-endian) || channel id. What it is follows from the
    channel's rows.
    """


CHANNEL_COUNTS = Table("channel_counts", ChannelCounts)
CLOSED_CHANNELS = Table("closed_channel", ClosedChannel)
CALENDAR = Table("channel_calendar", Calendar)
DUE = Table("channel_due", Due)
