"""The index's tables, the same on SQLite and PostgreSQL.

Addresses are text as people write them, other hashes hex; H3 cells are 64-bit numbers, because the cells of
one parent are then one range of numbers (`cells`). `(height, number)` is a row's place on the chain: block,
and number of the event or transaction in it. `body` is the event as the API renders it, in JSON.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, LargeBinary, MetaData, Table, Text
from sqlalchemy.types import TypeEngine

#: Another number, and an index that exists is built anew from the blocks.
SCHEMA_VERSION = 2

METADATA = MetaData()

# PostgreSQL compares text by the cluster's language otherwise; pages and prefixes need one order everywhere.
_TEXT: TypeEngine[str] = Text().with_variant(Text(collation="C"), "postgresql")


def _number(name: str, key: bool = False, optional: bool = False, default: int | None = None) -> Column[int]:
    server_default = None if default is None else str(default)
    return Column(
        name,
        BigInteger,
        primary_key=key,
        autoincrement=False,
        nullable=optional,
        server_default=server_default,
    )


def _text(name: str, key: bool = False, optional: bool = False) -> Column[str]:
    return Column(name, _TEXT, primary_key=key, nullable=optional)


def _place() -> tuple[Column[int], Column[int]]:
    return _number("height", key=True), _number("number", key=True)


STANDING = Table(
    "standing",
    METADATA,
    _number("only", key=True),
    _number("version"),
    _number("height"),
    _number("time_ms"),
    Column("genesis", LargeBinary, nullable=False),
)
"""One row: which chain, and up to which block."""

BLOCK = Table(
    "block",
    METADATA,
    _number("height", key=True),
    _text("hash"),
    _number("time_ms"),
    _text("producer"),
    _number("transactions"),
    _number("events"),
    _number("bytes"),
    _text("bundle_root"),
    Index("block_by_time", "time_ms"),
)

TRANSACTION = Table(
    "chain_transaction",
    METADATA,
    *_place(),
    _text("id"),
    _number("time_ms"),
    _text("kind"),
    _text("payer"),
    _number("nonce"),
    _number("fee"),
    _text("body"),
    Index("transaction_by_id", "id", unique=True),
    Index("transaction_by_kind", "kind", "height", "number"),
)

PARTY = Table(
    "party",
    METADATA,
    _text("address", key=True),
    *_place(),
    _text("role", key=True),
)
"""Which keys a transaction names, and as what (payer, payees, owner, hotspot, ...)."""

EVENT = Table(
    "event",
    METADATA,
    *_place(),
    _number("time_ms"),
    _text("kind"),
    _text("body"),
    Index("event_by_kind", "kind", "height", "number"),
)
"""All events but verdicts and rewards, which are many and have tables of their own."""

SUBJECT = Table("subject", METADATA, _text("subject", key=True), *_place())
"""Which keys (addresses) and channels (hex) an event names."""

HOTSPOT = Table(
    "hotspot",
    METADATA,
    _text("address", key=True),
    _text("name"),
    _text("owner"),
    _text("state"),
    _number("added_height"),
    _number("added_ms"),
    _number("location", optional=True),
    _number("location_height", optional=True),
    _number("cell", optional=True),
    _number("gain_ddbi", optional=True),
    _number("elevation_m", optional=True),
    _number("beacons", default=0),
    _number("beacons_heard", default=0),
    _number("witnessed", default=0),
    _number("rejected", default=0),
    _number("last_ms", default=0),
    _number("hxt", default=0),
    _number("released_hxt", default=0),
    _number("data_credits", default=0),
    _number("packets", default=0),
    Index("hotspot_by_name", "name", "address"),
    Index("hotspot_by_owner", "owner", "address"),
    Index("hotspot_by_location", "location"),
    Index("hotspot_by_cell", "cell"),
)
"""`location` is the ledger's cell of resolution 12, `cell` the one of resolution 8 that maps show.
`hxt` was earned, `released_hxt` of it paid out of escrow."""

COVERAGE = Table(
    "coverage",
    METADATA,
    _number("cell", key=True),
    _number("beacons_heard"),
    _number("witnessed"),
    _number("first_ms"),
    _number("last_ms"),
)

LINK = Table(
    "link",
    METADATA,
    _text("beaconer", key=True),
    _text("witness", key=True),
    _number("heard"),
    _number("rejected"),
    _number("first_ms"),
    _number("last_ms"),
    _number("signal_ddbm"),
    _number("snr_ddb"),
    _number("distance_m"),
    _text("last_reason"),
    Index("link_by_witness", "witness", "beaconer"),
)
"""Who heard whose beacon; signal, SNR and distance of the last time."""

REWARD = Table(
    "reward",
    METADATA,
    *_place(),
    _number("time_ms"),
    _number("epoch"),
    _text("hotspot"),
    _text("owner"),
    _text("reward"),
    _number("hxt"),
    _number("location", optional=True),
    _text("body"),
    Index("reward_by_hotspot", "hotspot", "height", "number"),
    Index("reward_by_owner", "owner", "height", "number"),
    Index("reward_by_epoch", "epoch", "height", "number"),
    Index("reward_by_time", "time_ms"),
    Index("reward_by_location", "location"),
)
"""`location`: where the hotspot stood when it was paid."""

VERDICT = Table(
    "verdict",
    METADATA,
    *_place(),
    _number("time_ms"),
    _text("kind"),
    _text("hotspot"),
    _text("beaconer"),
    _number("round"),
    _number("ok"),
    _text("reason"),
    _number("location", optional=True),
    _text("body"),
    Index("verdict_by_hotspot", "hotspot", "height", "number"),
    Index("verdict_by_beaconer", "beaconer", "height", "number"),
    Index("verdict_by_round", "round", "height", "number"),
    Index("verdict_by_reason", "reason", "height", "number"),
    Index("verdict_by_time", "time_ms"),
)

ROUND = Table(
    "round",
    METADATA,
    _number("round", key=True),
    _number("height"),
    _number("number"),
    _number("opened_at_ms"),
    _number("closes_at_ms"),
    _text("entropy"),
    _number("challenges"),
)

EPOCH = Table(
    "epoch",
    METADATA,
    _number("epoch", key=True),
    _number("height"),
    _number("number"),
    _number("time_ms"),
    _text("body"),
)

CLAIM = Table(
    "claim",
    METADATA,
    *_place(),
    _number("time_ms"),
    _text("channel"),
    _text("router"),
    _text("hotspot"),
    _number("data_credits"),
    _number("packets"),
    _number("sequence", optional=True),
    _number("total_data_credits", optional=True),
    Index("claim_by_channel", "channel", "height", "number"),
    Index("claim_by_hotspot", "hotspot", "height", "number"),
    Index("claim_by_router", "router", "height", "number"),
)

PRICE = Table(
    "price",
    METADATA,
    *_place(),
    _number("time_ms"),
    _number("hxt_price"),
)
"""The price of one HXT (USD x 10^8) from this block on."""
