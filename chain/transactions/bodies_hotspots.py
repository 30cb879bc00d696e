"""Bodies about hotspots: joining, place, change of owner or key, leaving."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from chain.transactions.fields import Amount, Cell, Key, Nonce

#: A Helium add_gateway_v1 with three keys and three signatures is under 350 bytes.
MAX_CONSENT_BYTES = 1_024

FULL = 0
DATA_ONLY = 1


class HotspotAdd(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=3):
    """A hotspot joins. Signed by payer, owner and the hotspot itself.

    With `consent`, a stock gateway's signed add_gateway_v1 (Helium's protobuf), the hotspot doesn't sign
    this body: it has said the same in the encoding that it knows.
    """

    payer: Key
    """Pays fee and bond, and gets the bond back."""
    nonce: Nonce
    fee: Amount
    owner: Key
    hotspot: Key
    capability: Annotated[int, Meta(ge=FULL, le=DATA_ONLY)] = FULL
    """0 takes part in Proof-of-Coverage and is bonded; 1 only carries data: lower fee, no bond."""
    consent: Annotated[bytes, Meta(max_length=MAX_CONSENT_BYTES)] = b""


class LocationAssert(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=4):
    """The owner says where a hotspot is and what antenna it has. Signed by payer and owner."""

    payer: Key
    nonce: Nonce
    fee: Amount
    owner: Key
    hotspot: Key
    location: Cell
    """H3 cell, resolution 12, as an integer."""
    gain_ddbi: Annotated[int, Meta(ge=-1000, le=1000)]
    """Antenna gain, dBi x 10."""
    elevation_m: Annotated[int, Meta(ge=-1000, le=20_000)]
    """Height above ground, metres."""


class HotspotTransfer(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=10):
    """A hotspot changes its owner; bond, escrow and faults go with it. Signed by payer and owner."""

    payer: Key
    nonce: Nonce
    fee: Amount
    owner: Key
    hotspot: Key
    new_owner: Key


class HotspotRekey(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=11):
    """A hotspot gets a new key; everything of the old one is the new one's, faults included.

    Signed by payer, owner and the new key.
    """

    payer: Key
    nonce: Nonce
    fee: Amount
    owner: Key
    hotspot: Key
    new_hotspot: Key


class HotspotRetire(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=12):
    """A hotspot leaves for good; its bond comes free after unbonding. Signed by payer and owner."""

    payer: Key
    nonce: Nonce
    fee: Amount
    owner: Key
    hotspot: Key
