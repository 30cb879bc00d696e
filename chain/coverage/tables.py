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


class StoredReport(msgspec.Struct, frozen=True, array_like=True):
    """A report that passed the door, waiting for the round to close."""

    report: bytes
    """The protobuf message; its signature is checked."""
    received_at_ms: int
    location: int
    """The hotspot's cell when the report came."""
    gain_ddbi: int


class ReportCount(msgspec.Struct, frozen=True, array_like=True):
    """Reports sent in the open round, refused ones that were signed included."""

    reports: int


class Contribution(msgspec.Struct, frozen=True, array_like=True):
    """What the beacons of the last closed round add to later entropy."""

    round: int
    digest: bytes
    """SHA-256 over the local entropies of its accepted beacons, 32 bytes; empty where there was none."""


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
BEACON_REPORTS = Table("beacon_report", StoredReport)
#: Key = the beacon's 51 bytes || witness.
WITNESS_REPORTS = Table("witness_report", StoredReport)
REPORT_COUNTS = Table("report_count", ReportCount)
CONTRIBUTION = Table("entropy_contribution", Contribution)
BEACON_TOTALS = Table("beacon_total", BeaconTotal)
WITNESS_TOTALS = Table("witness_total", WitnessTotal)
ACTIVE = Table("active_hotspot", Active)


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
