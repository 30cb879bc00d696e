"""Bodies about coverage: asking for it, having met it in the field, proving a fault."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from chain.transactions.fields import Amount, Cell, Key, Nonce

MAX_EVIDENCE_BYTES = 2_048


class CoverageRequest(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=25):
    """Somebody wants coverage in a hexagon and burns data credits for it, the same part each epoch.

    Signed by payer and requester.
    """

    payer: Key
    nonce: Nonce
    fee: Amount
    requester: Key
    hex: Cell
    """H3 cell of the demand resolution."""
    data_credits: Amount
    """All of the bounty."""
    epochs: Annotated[int, Meta(ge=1, le=3_650)]


class FieldSighting(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=26):
    """A field tester was there and met a hotspot's signal. Signed by payer and tester."""

    payer: Key
    nonce: Nonce
    fee: Amount
    tester: Key
    hotspot: Key
    location: Cell
    """Where the tester stood: H3 cell of resolution 12."""
    rssi_dbm: Annotated[int, Meta(ge=-200, le=50)]
    evidence: Annotated[bytes, Meta(max_length=32)] = b""
    """SHA-256 of the tester's recording, where there is one."""


class BeaconEquivocation(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=1):
    """Two different beacon reports of one hotspot made from one entropy: it chose among secrets."""

    one: Annotated[bytes, Meta(max_length=MAX_EVIDENCE_BYTES)]
    """Signed report envelope."""
    other: Annotated[bytes, Meta(max_length=MAX_EVIDENCE_BYTES)]


class ClaimEquivocation(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=2):
    """Two different witness reports of one hotspot about one beacon: it chose among measurements."""

    one: Annotated[bytes, Meta(max_length=MAX_EVIDENCE_BYTES)]
    """Signed report envelope."""
    other: Annotated[bytes, Meta(max_length=MAX_EVIDENCE_BYTES)]


class HeaderEquivocation(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=3):
    """Two different headers of one producer at one height."""

    one: Annotated[bytes, Meta(max_length=MAX_EVIDENCE_BYTES)]
    """Encoded signed header."""
    other: Annotated[bytes, Meta(max_length=MAX_EVIDENCE_BYTES)]


class FaultEvidence(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=27):
    """Proof that a key did what honest software never does. Signed by payer, who gets the reporter's part."""

    payer: Key
    nonce: Nonce
    fee: Amount
    evidence: BeaconEquivocation | ClaimEquivocation | HeaderEquivocation
