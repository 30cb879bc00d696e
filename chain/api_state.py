"""The JSON shapes of the ledger's further tables: who decides, who validates, what is locked and why."""

from __future__ import annotations

from typing import Any, Literal

import msgspec


class Governance(msgspec.Struct, frozen=True, kw_only=True):
    """GET /v1/governance: who decides about the network, and who says what HXT costs."""

    keys: list[str]
    threshold: int
    """How many of them a decision needs; 0 = nobody decides, nothing can be changed."""
    price_reporters: list[str]
    protocol_version: int
    """Version of the rules in force."""


class ScheduledDecision(msgspec.Struct, frozen=True, kw_only=True):
    """A decision that waits for its height."""

    activation_height: int
    decided_height: int
    changes: dict[str, Any]
    """New values by parameter; empty for an upgrade of the rules."""
    protocol_version: int | None
    """The new version of the rules; null for a change of parameters."""


class Producer(msgspec.Struct, frozen=True, kw_only=True):
    """GET /v1/producer: whose key makes blocks."""

    producer: str
    since_height: int
    next_producer: str | None
    """Takes over when another round has opened."""


class Validator(msgspec.Struct, frozen=True, kw_only=True):
    """A stake behind a validator's key."""

    validator: str
    owner: str
    hxt: int
    staked_height: int
    free_epoch: int | None
    """The epoch with which it goes back; null while it is bonded."""


class ExclusionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A hotspot, or a pair of them, that Proof-of-Coverage doesn't count."""

    hotspots: list[str]
    until_epoch: int
    """First epoch in which it counts again."""
    code: int
    """1 location, 2 shared antenna, 3 relayed, 4 edited signal, 5 other"""
    evidence_hash: str


class AuditorRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An audited hotspot, or a field tester."""

    key: str
    kind: Literal["hotspot", "field_tester"]
    until_epoch: int


class FaultRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A proven fault."""

    id: str
    kind: str
    height: int
    reporter: str
    hxt_taken: int


class BondRecord(msgspec.Struct, frozen=True, kw_only=True):
    """HXT that somebody has locked behind a hotspot or a router."""

    kind: Literal["hotspot", "router"]
    subject: str
    funder: str
    """Paid it and gets it back."""
    hxt: int
    free_epoch: int | None
    """First epoch in which it goes back; null while it is bonded."""


class EscrowRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What a hotspot earned in an epoch and nobody has been paid yet."""

    epoch: int
    hxt: int
    release_epoch: int
    """The epoch whose close pays it to whoever owns the hotspot then."""


class CoverageRequestRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Data credits that somebody has locked for coverage of a hexagon."""

    hex: str
    request: str
    """Id of the transaction."""
    requester: str
    data_credits: int
    """Not earned yet."""
    burnt_hxt: int
    until_epoch: int
    """First epoch that it offers nothing for; what is left then goes back."""
