"""The JSON shapes of the node's lists and of what its index answers, beside those of `chain/api.py`.

Every list is a page: `items`, and a `cursor` that gives the next page with the same question, null at the
end. A cursor is opaque; it keeps its place while new blocks come.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import msgspec

Item = TypeVar("Item")

RenderedEvent = dict[str, Any]
"""height, index, time_ms, event (its kind), and the event's own fields beside them."""


class Page(msgspec.Struct, Generic[Item], frozen=True, kw_only=True):
    """A part of a list."""

    items: list[Item]
    cursor: str | None
    """For the next page; null where this is the last."""


class BlockSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A block in GET /v1/blocks"""

    height: int
    hash: str
    time_ms: int
    producer: str
    transactions: int
    events: int
    bytes: int
    """Of its canonical encoding, without reports."""
    bundle_root: str


class TransactionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A transaction that a block includes."""

    id: str
    height: int
    index: int
    time_ms: int
    type: str
    payer: str
    nonce: int
    fee: int
    """Data credits."""
    body: dict[str, Any]
    """All its fields: keys as addresses, other bytes in hex, cells as H3 writes them."""


class HotspotStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """GET /v1/hotspots/{address}/statistics: sums over all blocks that the node's index has."""

    address: str
    name: str
    state: str
    """active, replaced (by a new key), retired, or faulted"""
    beacons: int
    beacons_heard: int
    witnessed: int
    rejected: int
    heard_by: int
    """How many hotspots have heard it."""
    heard: int
    """How many it has heard."""
    last_ms: int | None
    """Block time of its last report."""
    hxt: int
    """Rewards earned, base units."""
    released_hxt: int
    """Of these, what was paid out of escrow."""
    data_credits: int
    """Claimed of data channels."""
    packets: int


class WitnessLink(msgspec.Struct, frozen=True, kw_only=True):
    """Who heard whose beacons; signal, SNR and distance of the last time."""

    beaconer: str
    beaconer_name: str
    witness: str
    witness_name: str
    heard: int
    rejected: int
    first_ms: int
    last_ms: int
    signal_ddbm: int
    snr_ddb: int
    distance_m: int
    last_reason: str | None
    """Why the last report was refused; null where it was not."""


class CoveredHex(msgspec.Struct, frozen=True, kw_only=True):
    """A covered cell in GET /v1/hexes"""

    hex: str
    cells: int
    """Covered cells of resolution 8 in it."""
    hotspots: int
    beacons_heard: int
    witnessed: int
    last_ms: int


class Hex(msgspec.Struct, frozen=True, kw_only=True):
    """GET /v1/hexes/{hex}. Coverage of a cell finer than resolution 8 is that of the one around it."""

    hex: str
    resolution: int
    hotspots: int
    covered_cells: int
    beacons_heard: int
    witnessed: int
    last_ms: int | None
    rewards_hxt: int
    """Paid to hotspots while they stood here, base units."""


class RewardSum(msgspec.Struct, frozen=True, kw_only=True):
    """Payments added up by `key`: a time (Unix ms, UTC, the bucket's begin), an epoch, an address, a hex."""

    key: int | str
    hxt: int
    payments: int
    hotspots: int
    first_ms: int
    last_ms: int


class EntropyRound(msgspec.Struct, frozen=True, kw_only=True):
    """An entropy round that has opened."""

    round: int
    height: int
    opened_at_ms: int
    closes_at_ms: int
    entropy: str
    challenges: int


class ClaimRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What a hotspot claimed of a data channel, by one transaction."""

    height: int
    index: int
    time_ms: int
    channel: str
    router: str
    hotspot: str
    data_credits: int
    packets: int
    sequence: int | None
    """Of the voucher; null where the router counted it at the close."""
    total_data_credits: int | None


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """GET /v1/price"""

    hxt_price: int
    """USD per HXT x 10^8, in force for the next block."""
    source: str
    """oracle, or genesis while too few reporters have spoken"""
    time_ms: int | None
    """Block time at which the oracle computed it."""


class PriceRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A price as a block told it."""

    height: int
    index: int
    time_ms: int
    hxt_price: int


class ParameterText(msgspec.Struct, frozen=True, kw_only=True):
    """One parameter of the network with what it means. A dot leads into a group: `coverage.round_ms`."""

    name: str
    value: Any
    default: Any
    """Of this release; a network may have another value from its genesis on."""
    text: str
    """What it is, its unit and its precedent, as the rules' source says it."""


class Period(msgspec.Struct, frozen=True, kw_only=True):
    """What happened in the last hour, day or week."""

    blocks: int
    mean_block_time_ms: int | None
    transactions: int
    verdicts: list[dict[str, Any]]
    """kind, reason and how many verdicts of both"""
    rewards_hxt: int
    data_credits_claimed: int
    packets_claimed: int


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """GET /v1/statistics"""

    height: int
    index_height: int
    """Up to which block the history below is counted."""
    time_ms: int
    """Block time that the periods end at."""
    counts: dict[str, int]
    transactions_by_type: dict[str, int]
    periods: dict[str, Period]
    """hour, day, week"""
