"""The ledger's own rows. Proof-of-Coverage and rewards keep theirs beside their rules, in the same state."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from chain.ledger.state import State, Table


class Account(msgspec.Struct, frozen=True, array_like=True):
    """What a key holds. Data credits can't be passed on: they are bought for a purpose and burn in use."""

    hxt: int = 0
    """Base units (10^-8 HXT)."""
    data_credits: int = 0
    nonce: int = 0
    """Number of transactions this account has paid for; the next one carries nonce + 1."""
    burnt_hxt: int = 0
    """Base units of HXT that burnt for the data credits held: what they cost, whatever the price is now. It
    moves with them, so that no reward for spending them can exceed it."""


class Hotspot(msgspec.Struct, frozen=True, array_like=True):
    """A hotspot by its key."""

    owner: bytes
    added_height: int
    location: int = 0
    """H3 cell of resolution 12 as an integer; 0 = not placed yet."""
    gain_ddbi: int = 0
    """Antenna gain, dBi x 10."""
    elevation_m: int = 0
    """Height above ground, metres."""
    location_height: int = 0
    """Block of the last assertion."""
    capability: int = 0
    """0 takes part in Proof-of-Coverage, 1 only carries data."""
    status: int = 0
    """0 in service, 1 retired by its owner, 2 ended by a proven fault."""
    key_changes: int = 0
    """How often its key was replaced."""


class DevAddrRange(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """DevAddrs from `start` to `end`, both included, as 32-bit numbers."""

    start: Annotated[int, Meta(ge=0, le=2**32 - 1)]
    end: Annotated[int, Meta(ge=0, le=2**32 - 1)]


class EuiFilter(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Which join requests a router wants. An EUI of 0 matches any: (0, 0) is the wildcard for all devices."""

    join_eui: Annotated[int, Meta(ge=0)]
    dev_eui: Annotated[int, Meta(ge=0)]


class Router(msgspec.Struct, frozen=True, array_like=True):
    """A router, known by its owner's key."""

    voucher_key: bytes
    """The key that signs vouchers and speaks for the router on its connections; the owner may stay offline.
    """
    grpc: str
    """host:port where hotspots connect."""
    dev_addr_ranges: tuple[DevAddrRange, ...]
    eui_filters: tuple[EuiFilter, ...]
    updated_height: int
    status: int = 0
    """0 in service, 1 retired by its owner, 2 ended by a proven fault."""
    open_channels: int = 0
    """Channels that aren't settled yet."""
    owner_changes: int = 0
    """How often its owner's key was replaced."""


class Channel(msgspec.Struct, frozen=True, array_like=True):
    """Data credits that a router has locked to pay hotspots with; known by the id of the transaction that
    opened it.
    """

    router: bytes
    """Owner's key as it was at opening; `get_successor` leads to the one it is now."""
    voucher_key: bytes
    """The key whose vouchers count, fixed at opening: a later rotation can't disown what was promised."""
    data_credits: int
    """Locked at opening."""
    claimed_data_credits: int
    """Paid to hotspots so far."""
    opened_height: int
    burnt_hxt: int = 0
    """Base units that burnt for the credits still locked (`Account.burnt_hxt`)."""
    allotted: int = 0
    """Sum of all allotments, in data credits."""
    closing_at_ms: int = 0
    """Block time at which a closing channel is settled; 0 while it is open."""
    opened_epoch: int = 0
    reserved: int = 0
    """The part of `allotted` that its hotspots haven't claimed yet; nobody else is paid from it."""
    expires_at_ms: int = 0
    """Block time at which it begins to close by itself."""
    disputed_height: int = 0
    """Block that took the proof that its router signed two vouchers of one sequence; 0 = none."""


class ChannelClaim(msgspec.Struct, frozen=True, array_like=True):
    """What one hotspot has of one channel: key = channel id (32) || hotspot (33), the key that the vouchers
    name.
    """

    sequence: int
    """Of the newest voucher that was claimed; 0 = none yet."""
    total_data_credits: int
    """Paid so far."""
    total_packets: int
    allotted: int = 0
    """Data credits of the channel that are set aside for this hotspot, over the channel's life."""


class CarriedData(msgspec.Struct, frozen=True, array_like=True):
    """What a hotspot has claimed in one epoch: key = epoch (8, big-endian) || hotspot (33). Rewards read
    this.
    """

    data_credits: int
    packets: int
    burnt_hxt: int = 0
    """Base units that burnt for these credits."""
    value_hxt: int = 0
    """Base units that data and demand may claim for them: of each spending what burnt for it or what it was
    worth, whichever is less."""


class Supply(msgspec.Struct, frozen=True, array_like=True):
    """The books of one token: minted = burnt + held + locked, after every block."""

    minted: int = 0
    burnt: int = 0
    held: int = 0
    locked: int = 0


class Round(msgspec.Struct, frozen=True, array_like=True):
    """The open entropy round and epoch."""

    round: int
    epoch: int
    entropy: bytes
    opened_at_ms: int
    """Time of the block that opened it."""
    opened_height: int


#: Links of one entropy chain: at one round a minute 45 days; two megabytes in memory, a tenth of a second to
#: compute.
CHAIN_LINKS = 65_536


class EntropySource(msgspec.Struct, frozen=True, array_like=True):
    """Where entropy comes from: the producer's committed hash chain, and what beaconers have mixed in."""

    anchor: bytes
    """The last revealed link: the next reveal must hash to it."""
    links_left: int
    """Links that can still be revealed of this chain."""
    mix: bytes
    """Digest of the local entropies of all beacons of earlier rounds."""


class Exclusion(msgspec.Struct, frozen=True, array_like=True):
    """A hotspot (key: 33 bytes) or a pair (66 bytes, ascending) that Proof-of-Coverage doesn't count."""

    until_epoch: int
    """First epoch in which it counts again."""
    code: int
    """Kind of evidence, as in `ExclusionSet`."""
    evidence_hash: bytes


class Auditor(msgspec.Struct, frozen=True, array_like=True):
    """A hotspot that was audited (kind 0) or a field tester's key (kind 1)."""

    kind: int
    until_epoch: int


class Met(msgspec.Struct, frozen=True, array_like=True):
    """When an audited hotspot or a field tester last met a hotspot."""

    epoch: int
    by: bytes


class Successor(msgspec.Struct, frozen=True, array_like=True):
    """The key that replaced this one: of a hotspot, or of a router's owner."""

    key: bytes


ACCOUNTS = Table("account", Account)
HOTSPOTS = Table("hotspot", Hotspot)
ROUTERS = Table("router", Router)
CHANNELS = Table("channel", Channel)
CHANNEL_CLAIMS = Table("channel_claim", ChannelClaim)
CARRIED_DATA = Table("carried_data", CarriedData)
SUPPLY = Table("supply", Supply)
ROUND = Table("round", Round)
ENTROPY_SOURCE = Table("entropy_source", EntropySource)
EXCLUSIONS = Table("exclusion", Exclusion)
AUDITORS = Table("auditor", Auditor)
MET = Table("met", Met)
SUCCESSORS = Table("successor", Successor)

#: Key of tables with one row.
ONLY = b""
HXT = b"hxt"
DATA_CREDITS = b"data_credits"


def get_account(state: State, address: bytes) -> Account:
    """Return the account of a key; one that nobody has paid yet is empty."""
    return state.get(ACCOUNTS, address) or Account()


def iterate_carried_data(state: State, epoch: int) -> list[tuple[bytes, CarriedData]]:
    """Return (hotspot, what it claimed in `epoch`) by hotspot."""
    prefix = epoch.to_bytes(8, "big")
    return [(key[8:], row) for key, row in state.iterate(CARRIED_DATA, prefix)]


def get_successor(state: State, key: bytes) -> bytes:
    """Return the key that stands for this one now: the last of its replacements, or itself."""
    row = state.get(SUCCESSORS, key)
    while row is not None:
        key = row.key
        row = state.get(SUCCESSORS, key)
    return key
