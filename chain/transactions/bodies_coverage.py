"""Bodies about coverage: asking for it, having met it in the field, proving a fault."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from chain.transactions.fields import Amount, Cell, Hash, Key, Nonce

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


Evidence = Annotated[bytes, Meta(max_length=MAX_EVIDENCE_BYTES)]


class BeaconEquivocation(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=1):
    """Two beacon reports of one hotspot made from one entropy with two secrets: it chose among them."""

    one: Evidence
    """Signed report envelope, the lower one as bytes."""
    other: Evidence


class ClaimEquivocation(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=2):
    """Two claims of one hotspot that open to two measurements of one beacon: it chose among them."""

    one: Evidence
    """Signed witness report in its envelope, with the nonce that opens its claim; the lower one as bytes."""
    one_claim: Evidence
    """Signed claim of it, in its envelope."""
    other: Evidence
    other_claim: Evidence
    public_entropy: Hash
    """What the beacon was made from: its round's entropy and the beaconer's secret."""
    local_entropy: Annotated[bytes, Meta(max_length=64)]


class HeaderEquivocation(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=3):
    """Two different headers of one producer at one height."""

    one: Evidence
    """Encoded signed header, the lower one as bytes."""
    other: Evidence


class FaultEvidence(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=27):
    """Proof that a key did what honest software never does. Signed by payer, who gets the reporter's part."""

    payer: Key
    nonce: Nonce
    fee: Amount
    evidence: BeaconEquivocation | ClaimEquivocation | HeaderEquivocation
