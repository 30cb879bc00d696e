"""Rules for a beaconer's report: it beaconed what the round's entropy gives, as and when it was ordered."""

import msgspec

from chain.coverage.beacon import compute_beacon_data, is_local_entropy_well_formed
from chain.coverage.challenges import Challenge
from chain.coverage.checks.outcome import Outcome, Rule, compute_at_least, compute_equal, compute_holds
from chain.coverage.parameters import CoverageParameters
from chain.coverage.reasons import Reason
from chain.coverage.reports import BeaconReport
from chain.coverage.slots import compute_slot_end_ms


class BeaconEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """A beaconer's report with what it is held against."""

    report: BeaconReport
    received_at_ms: int
    """Node-signed time of arrival, Unix milliseconds."""
    challenge: Challenge | None
    """What this hotspot was ordered in this round."""
    entropy: bytes
    """The round's public entropy."""
    timestamp_s: int
    """Its time, Unix seconds."""
    is_data_taken: bool
    """Whether another hotspot reported the same bytes as its beacon, earlier."""
    parameters: CoverageParameters


def is_ordered(evidence: BeaconEvidence) -> Outcome:
    """The entropy drew this hotspot in this round.

    Beacons at will would pay whoever sends most. Precedent: one beacon in six hours on Helium
    (``irregular_interval``); here the order also says when and how.
    """
    return compute_holds(evidence.challenge is not None)


def is_entropy_of_round(evidence: BeaconEvidence) -> Outcome:
    """The beacon was made from this round's public entropy. Precedent: ``bad_entropy``."""
    return compute_holds(evidence.report.public_entropy == evidence.entropy)


def is_local_entropy_strong(evidence: BeaconEvidence) -> Outcome:
    """The beaconer's secret is too long to be guessed: whoever guesses it can witness without a radio.

    Precedent: Helium takes 4 bytes, 2^32 trials for anybody who knows the public entropy.
    """
    local_entropy = evidence.report.local_entropy
    length = len(local_entropy) if is_local_entropy_well_formed(local_entropy) else 0
    return compute_at_least(length, evidence.parameters.minimum_local_entropy_bytes)


def is_payload_regenerated(evidence: BeaconEvidence) -> Outcome:
    """The 51 bytes are those that both entropies give, so nobody chose them. Precedent: rule B6."""
    data = compute_beacon_data(evidence.entropy, evidence.timestamp_s, evidence.report.local_entropy)
    return compute_holds(evidence.report.data == data)


def is_first_with_data(evidence: BeaconEvidence) -> Outcome:
    """No other hotspot reported the same bytes as its beacon before: the entropies don't name the beaconer,
    so a friend could repeat the report as its own."""
    return compute_holds(not evidence.is_data_taken)


def is_beacon_frequency_ordered(evidence: BeaconEvidence) -> Outcome:
    """On the ordered frequency to the hertz, for the report repeats the order. Precedent: equality in
    Helium's ``Beacon::verify``."""
    ordered = evidence.challenge.frequency_hz if evidence.challenge else 0
    return compute_equal(evidence.report.frequency_hz, ordered)


def is_beacon_spreading_factor_ordered(evidence: BeaconEvidence) -> Outcome:
    """At the ordered spreading factor: a slower one would reach further than the order meant."""
    ordered = evidence.challenge.spreading_factor if evidence.challenge else 0
    return compute_equal(evidence.report.spreading_factor, ordered)


def is_beacon_bandwidth_ordered(evidence: BeaconEvidence) -> Outcome:
    """At the ordered bandwidth."""
    ordered = evidence.challenge.bandwidth_hz if evidence.challenge else 0
    return compute_equal(evidence.report.bandwidth_hz, ordered)


def is_power_ordered(evidence: BeaconEvidence) -> Outcome:
    """At the ordered power, whole dBm.

    Helium let the beaconer report any power, which switched its signal rule off (``Beacon::verify`` has the
    comparison commented out). Here the signal rule goes by the order, never by the report.
    """
    ordered = evidence.challenge.conducted_power_dbm if evidence.challenge else 0
    return compute_equal(evidence.report.conducted_power_dbm, ordered)


def is_after_slot(evidence: BeaconEvidence) -> Outcome:
    """The report arrived when the beacon can have been on the air: not before the slot's end, but for
    ``schedule_tolerance_ms`` of clocks. One sent earlier is about a beacon that nobody could hear yet."""
    if evidence.challenge is None:
        return compute_holds(False)
    end_ms = compute_slot_end_ms(evidence.challenge)
    return compute_at_least(evidence.received_at_ms, end_ms - evidence.parameters.schedule_tolerance_ms)


BEACON_RULES: tuple[Rule[BeaconEvidence], ...] = (
    (Reason.IRREGULAR_INTERVAL, is_ordered),
    (Reason.BAD_ENTROPY, is_entropy_of_round),
    (Reason.WEAK_LOCAL_ENTROPY, is_local_entropy_strong),
    (Reason.INVALID_PACKET, is_payload_regenerated),
    (Reason.DUPLICATE, is_first_with_data),
    (Reason.INVALID_FREQUENCY, is_beacon_frequency_ordered),
    (Reason.INVALID_DATA_RATE, is_beacon_spreading_factor_ordered),
    (Reason.INVALID_DATA_RATE, is_beacon_bandwidth_ordered),
    (Reason.INVALID_POWER, is_power_ordered),
    (Reason.TOO_EARLY, is_after_slot),
)
