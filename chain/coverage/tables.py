"""Proof-of-Coverage's rows in the ledger's state."""

import msgspec

from chain.coverage.challenges import Challenge
from chain.ledger.state import State, Table
from chain.ledger.tables import ONLY


class OpenRound(msgspec.Struct, frozen=True, array_like=True):
    """The round whose reports are being taken in."""

    round: int
    entropy: bytes
    """Public entropy, 32 bytes."""
    timestamp_s: int
    """The entropy's time: seconds of ``opened_at_ms``."""
    opened_at_ms: int
    """Time of the block that opened it, Unix milliseconds."""
    closes_at_ms: int
    """The round's end, or the epoch's where that comes first."""
    openings_from_ms: int
    """From then on claims are opened, and no new ones taken."""


class StoredClaim(msgspec.Struct, frozen=True, array_like=True):
    """A claim of the open round: key = hotspot (33) || commitment (32)."""

    received_at_ms: int
    """When the report that it stands for counts as arrived."""
    is_opened: bool


class StoredReport(msgspec.Struct, frozen=True, array_like=True):
    """A report that passed the door, waiting for the round to close."""

    report: bytes
    """The protobuf message; its signature is checked."""
    received_at_ms: int
    location: int
    """The hotspot's cell when the report came."""
    gain_ddbi: int
    claimed_at_ms: int
    """When its claim came; 0 where it had none."""

    @property
    def arrived_at_ms(self) -> int:
        """The time that the rules go by."""
        return self.claimed_at_ms or self.received_at_ms

    @property
    def is_claimed(self) -> bool:
        return self.claimed_at_ms > 0


class ReportCount(msgspec.Struct, frozen=True, array_like=True):
    """What was sent in the open round, refused ones that were signed included."""

    reports: int
    claims: int = 0


class Contribution(msgspec.Struct, frozen=True, array_like=True):
    """What the beacons of the last closed round add to later entropy."""

    round: int
    digest: bytes
    """SHA-256 over the local entropies of its accepted beacons, 32 bytes; empty where there was none."""


class RecentEntropy(msgspec.Struct, frozen=True, array_like=True):
    """Entropy that unsolicited beacons may still name: key = the 32 bytes."""

    timestamp_s: int


class LastBeacon(msgspec.Struct, frozen=True, array_like=True):
    """When a hotspot last beaconed unordered, validly or not."""

    at_ms: int


class PlacedCount(msgspec.Struct, frozen=True, array_like=True):
    """How many hotspots have ever been placed; they are numbered from 0."""

    hotspots: int


class PlacedKey(msgspec.Struct, frozen=True, array_like=True):
    """The hotspot of a number: key = number (8, big-endian)."""

    hotspot: bytes


class PlacedNumber(msgspec.Struct, frozen=True, array_like=True):
    """The number of a hotspot: key = hotspot."""

    number: int


class BeaconTotal(msgspec.Struct, frozen=True, array_like=True):
    """What one hotspot's beacons came to in an epoch: key = epoch (8, big-endian) || hotspot."""

    units: int
    """Reward units x 10^4."""
    beacons: int
    """Accepted beacons."""
    witnessed: int
    """Those among them that at least one rewarded witness heard."""


class WitnessTotal(msgspec.Struct, frozen=True, array_like=True):
    """What one hotspot witnessed of another in an epoch: key = epoch (8) || witness || beaconer."""

    units: int
    """Reward units x 10^4."""
    witnesses: int
    """Rewarded witness reports."""


class Active(msgspec.Struct, frozen=True, array_like=True):
    """A hotspot that others heard, or that heard others, in an epoch: key = epoch (8) || hotspot."""

    location: int
    """Its cell when it first did so in the epoch: moving house before the payout changes nothing."""


OPEN_ROUND = Table("coverage_round", OpenRound)
CHALLENGES = Table("challenge", Challenge)
#: Key = hotspot; with ``UNSOLICITED`` behind it where nobody ordered the beacon.
BEACON_REPORTS = Table("beacon_report", StoredReport)
#: Key = the beacon's 51 bytes || witness.
WITNESS_REPORTS = Table("witness_report", StoredReport)
CLAIMS = Table("report_claim", StoredClaim)
REPORT_COUNTS = Table("report_count", ReportCount)
RECENT_ENTROPY = Table("recent_entropy", RecentEntropy)
LAST_BEACONS = Table("last_beacon", LastBeacon)
PLACED_COUNT = Table("placed_count", PlacedCount)
PLACED_KEYS = Table("placed_key", PlacedKey)
PLACED_NUMBERS = Table("placed_number", PlacedNumber)
CONTRIBUTION = Table("entropy_contribution", Contribution)
BEACON_TOTALS = Table("beacon_total", BeaconTotal)
WITNESS_TOTALS = Table("witness_total", WitnessTotal)
ACTIVE = Table("active_hotspot", Active)

UNSOLICITED = b"\x01"


def get_epoch_key(epoch: int) -> bytes:
    """The first 8 bytes of all keys of an epoch."""
    return epoch.to_bytes(8, "big")


def get_open_round(state: State) -> OpenRound | None:
    """The round whose reports are being taken in; None before the first one opens."""
    return state.get(OPEN_ROUND, ONLY)


def get_challenges(state: State) -> tuple[Challenge, ...]:
    """The open round's challenges, by time."""
    challenges = [challenge for _, challenge in state.iterate(CHALLENGES)]
    return tuple(sorted(challenges, key=lambda challenge: (challenge.at_ms, challenge.hotspot)))


def get_entropy_contribution(state: State) -> bytes:
    """What the accepted beacons of the last closed round add to the next entropy: 32 bytes, or none.

    Valid after ``process_round_close`` and until the next one.
    """
    contribution = state.get(CONTRIBUTION, ONLY)
    return contribution.digest if contribution else b""


def number_placed_hotspot(state: State, hotspot: bytes) -> None:
    """Gives a hotspot its number when it is first placed, so that rounds can draw it. It keeps it for good:
    one that is retired or excluded later is passed over when it is drawn."""
    if state.get(PLACED_NUMBERS, hotspot) is not None:
        return
    number = get_placed_hotspots(state)
    state.put(PLACED_NUMBERS, hotspot, PlacedNumber(number))
    state.put(PLACED_KEYS, number.to_bytes(8, "big"), PlacedKey(hotspot))
    state.put(PLACED_COUNT, ONLY, PlacedCount(number + 1))


def replace_placed_hotspot(state: State, hotspot: bytes, successor: bytes) -> None:
    """A hotspot's key was replaced: the new one takes its number."""
    row = state.get(PLACED_NUMBERS, hotspot)
    if row is None:
        return
    state.delete(PLACED_NUMBERS, hotspot)
    state.put(PLACED_NUMBERS, successor, row)
    state.put(PLACED_KEYS, row.number.to_bytes(8, "big"), PlacedKey(successor))


def get_placed_hotspots(state: State) -> int:
    """How many hotspots have ever been placed."""
    row = state.get(PLACED_COUNT, ONLY)
    return row.hotspots if row else 0


def get_placed_hotspot(state: State, number: int) -> bytes | None:
    """The hotspot of a number, 33 bytes; None for one that was never given."""
    row = state.get(PLACED_KEYS, number.to_bytes(8, "big"))
    return row.hotspot if row else None


def get_pair_key(hotspot: bytes, other: bytes) -> bytes:
    """The key under which a pair is excluded: both keys, the lower one first."""
    return min(hotspot, other) + max(hotspot, other)
