"""Rules for a witness's report: who, when, and whether it heard that beacon at all."""

from chain.coverage.checks.distance import is_far_enough, is_near_enough
from chain.coverage.checks.evidence import WitnessEvidence
from chain.coverage.checks.exclusion import compute_not_excluded
from chain.coverage.checks.outcome import (
    Outcome,
    Rule,
    compute_at_least,
    compute_at_most,
    compute_equal,
    compute_holds,
)
from chain.coverage.checks.signal import (
    is_signal_above_sensitivity,
    is_signal_possible,
    is_signal_with_snr_possible,
    is_snr_possible,
)
from chain.coverage.reasons import Reason
from chain.coverage.region import NO_REGION, compute_region
from chain.coverage.slots import compute_slot_end_ms


def is_other_hotspot(evidence: WitnessEvidence) -> Outcome:
    """Nobody witnesses its own beacon. Precedent: ``self_witness``, rule W3."""
    return compute_holds(evidence.report.hotspot != evidence.beacon.hotspot)


def is_pair_not_excluded(evidence: WitnessEvidence) -> Outcome:
    """No exclusion of this pair holds in this epoch. Precedent: ``denied_edge``, rule W2."""
    return compute_not_excluded(evidence.exclusion, evidence.epoch)


def is_data_equal(evidence: WitnessEvidence) -> Outcome:
    """The witness repeats the beacon's 51 bytes: that it knows them is the proof. Precedent: rule W6."""
    return compute_holds(evidence.report.data == evidence.beacon.data)


def is_after_beacon(evidence: WitnessEvidence) -> Outcome:
    """The report arrived when the beacon can have been heard: not before the slot's end, but for the
    clocks' tolerance. An earlier one was made from what somebody told. A beacon that nobody ordered has no
    slot; there only the lag counts."""
    if not evidence.is_ordered:
        return compute_at_least(evidence.received_at_ms, evidence.received_at_ms)
    end_ms = compute_slot_end_ms(evidence.challenge)
    return compute_at_least(evidence.received_at_ms, end_ms - evidence.parameters.schedule_tolerance_ms)


def is_in_time(evidence: WitnessEvidence) -> Outcome:
    """The report arrived soon enough that nobody had the time to be told the bytes.

    At most ``lag_after_beacon_ms`` after the beaconer's report where that came first, else at most
    ``lag_after_first_witness_ms`` after the first witness's. A beaconer may report as soon as its beacon is
    on its way; the others hear it only when it has left the air (2.5 s later at SF12), so its time on air
    doesn't eat into their lag. Times are those the nodes signed, of claims where there are claims.
    Precedent: rule W5, against the stuffing of HIP-83; on Helium honest pairs at SF12 peaked at 3.4 of 4 s.
    """
    if evidence.beacon_received_at_ms <= evidence.first_witness_at_ms:
        from_ms = max(evidence.beacon_received_at_ms, compute_slot_end_ms(evidence.challenge))
        return compute_at_most(evidence.received_at_ms - from_ms, evidence.parameters.lag_after_beacon_ms)
    lag_ms = evidence.received_at_ms - evidence.first_witness_at_ms
    return compute_at_most(lag_ms, evidence.parameters.lag_after_first_witness_ms)


def is_frequency_near(evidence: WitnessEvidence) -> Outcome:
    """Heard within ``frequency_tolerance_hz`` of where the beacon was; crystals are off by a few kHz.
    Precedent: rule W8, 100 kHz inclusive."""
    off_hz = abs(evidence.report.frequency_hz - evidence.beacon.frequency_hz)
    return compute_at_most(off_hz, evidence.parameters.frequency_tolerance_hz)


def is_spreading_factor_equal(evidence: WitnessEvidence) -> Outcome:
    """Heard at the beacon's spreading factor: at another one a receiver hears nothing. Helium's oracle
    doesn't look."""
    return compute_equal(evidence.report.spreading_factor, evidence.beacon.spreading_factor)


def is_bandwidth_equal(evidence: WitnessEvidence) -> Outcome:
    """Heard at the beacon's bandwidth."""
    return compute_equal(evidence.report.bandwidth_hz, evidence.beacon.bandwidth_hz)


def is_region_equal(evidence: WitnessEvidence) -> Outcome:
    """Both stand in the same region, by their asserted cells. Precedent: ``invalid_region``, rule W9."""
    region = compute_region(evidence.location, evidence.parameters)
    beaconers = compute_region(evidence.challenge.location, evidence.parameters)
    return compute_holds(region == beaconers != NO_REGION)


WITNESS_RULES: tuple[Rule[WitnessEvidence], ...] = (
    (Reason.SELF_WITNESS, is_other_hotspot),
    (Reason.DENIED_EDGE, is_pair_not_excluded),
    (Reason.INVALID_PACKET, is_data_equal),
    (Reason.TOO_EARLY, is_after_beacon),
    (Reason.TOO_LATE, is_in_time),
    (Reason.INVALID_FREQUENCY, is_frequency_near),
    (Reason.INVALID_DATA_RATE, is_spreading_factor_equal),
    (Reason.INVALID_DATA_RATE, is_bandwidth_equal),
    (Reason.INVALID_REGION, is_region_equal),
    (Reason.BELOW_MIN_DISTANCE, is_far_enough),
    (Reason.MAX_DISTANCE_EXCEEDED, is_near_enough),
    (Reason.BAD_RSSI, is_signal_possible),
    (Reason.BAD_SNR, is_snr_possible),
    (Reason.BELOW_SENSITIVITY, is_signal_above_sensitivity),
    (Reason.RSSI_BELOW_SNR, is_signal_with_snr_possible),
)
