"""Rules for a beacon that nobody ordered, as deployed gateways make it: weaker evidence, where a network
takes it.

The hotspot chooses the time, so nothing but a schedule holds it back; its frequency and data rate follow
from the payload and the region. 4 bytes of local entropy can be guessed by whoever knows the public part,
and the report comes without a claim: both make it weaker, and ``weak_evidence_ppm`` says by how much.
Precedent: rules B3 to B6 of Helium's oracle; the power, which that one took on trust, is held against the
region's law here.
"""

import msgspec

from chain.coverage.beacon import (
    BEACON_DATA_BYTES,
    compute_beacon_data,
    compute_stock_channel_index,
)
from chain.coverage.checks.outcome import (
    Outcome,
    Rule,
    compute_at_least,
    compute_at_most,
    compute_equal,
    compute_holds,
)
from chain.coverage.parameters import CoverageParameters
from chain.coverage.reasons import Reason
from chain.coverage.region import NO_REGION, compute_region
from chain.coverage.reports import BeaconReport
from hardware.lora.regions import BeaconParameters, get_region

NEVER = -1


class UnsolicitedEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """A report about a beacon that nobody ordered, with what it is held against."""

    report: BeaconReport
    received_at_ms: int
    """Node-signed time of arrival, Unix milliseconds."""
    location: int
    """The hotspot's asserted H3 cell."""
    gain_ddbi: int
    """Its asserted antenna gain, dBi x 10."""
    timestamp_s: int | None
    """The time of the entropy that the report names; None where no recent round had it."""
    last_beacon_at_ms: int
    """When it last beaconed like this, validly or not; ``NEVER``."""
    is_data_taken: bool
    """Whether another hotspot reported the same bytes as its beacon, earlier."""
    parameters: CoverageParameters


def get_stock_beacon(location: int, parameters: CoverageParameters) -> BeaconParameters | None:
    """The channels, data rates and power of beacons where a hotspot stands; None where no region is."""
    region = compute_region(location, parameters)
    return None if region == NO_REGION else get_region(region).beacon


def compute_allowed_power_dbm(gain_ddbi: int, max_eirp_ddbm: int) -> int:
    """What a deployed gateway may give its connector, whole dBm towards zero: the region's EIRP less the
    asserted gain."""
    rest_ddbm = max_eirp_ddbm - gain_ddbi
    return rest_ddbm // 10 if rest_ddbm >= 0 else -(-rest_ddbm // 10)


def is_in_region(evidence: UnsolicitedEvidence) -> Outcome:
    """The hotspot stands in a region of this network, so that its channels are known."""
    return compute_holds(get_stock_beacon(evidence.location, evidence.parameters) is not None)


def is_entropy_recent(evidence: UnsolicitedEvidence) -> Outcome:
    """The public entropy is that of a recent round."""
    return compute_holds(evidence.timestamp_s is not None)


def is_in_entropy_window(evidence: UnsolicitedEvidence) -> Outcome:
    """The report arrived at most ``entropy_window_ms`` after that entropy's time, the bound included: by then
    whoever collects secrets in advance has lost them. Precedent: rule B3, 180 s."""
    if evidence.timestamp_s is None:
        return compute_holds(False)
    last_ms = evidence.timestamp_s * 1000 + evidence.parameters.entropy_window_ms
    return compute_at_most(evidence.received_at_ms, last_ms)


def is_after_entropy(evidence: UnsolicitedEvidence) -> Outcome:
    """The report arrived no earlier than its entropy was there. Precedent: rule B3."""
    return compute_at_least(evidence.received_at_ms, (evidence.timestamp_s or 0) * 1000)


def is_in_schedule(evidence: UnsolicitedEvidence) -> Outcome:
    """The first beacon of this stretch of ``unsolicited_interval_ms``, invalid ones counted: else a hotspot
    would beacon until one is heard well. Precedent: rule B5, six hours of UTC."""
    interval_ms = evidence.parameters.unsolicited_interval_ms
    last = evidence.last_beacon_at_ms // interval_ms if evidence.last_beacon_at_ms >= 0 else NEVER
    return compute_at_least(evidence.received_at_ms // interval_ms, last + 1)


def is_unsolicited_payload_regenerated(evidence: UnsolicitedEvidence) -> Outcome:
    """The 51 bytes are those that both entropies give. Precedent: rule B6."""
    report = evidence.report
    data = compute_beacon_data(report.public_entropy, evidence.timestamp_s or 0, report.local_entropy)
    return compute_holds(report.data == data)


def is_first_with_unsolicited_data(evidence: UnsolicitedEvidence) -> Outcome:
    """No other hotspot reported the same bytes as its beacon before."""
    return compute_holds(not evidence.is_data_taken)


def is_frequency_of_payload(evidence: UnsolicitedEvidence) -> Outcome:
    """On the channel that the payload's first two bytes choose among the region's. Precedent: rule B6."""
    beacon = get_stock_beacon(evidence.location, evidence.parameters)
    if beacon is None:
        return compute_holds(False)
    channel = compute_stock_channel_index(evidence.report.data, len(beacon.frequencies_hz))
    return compute_equal(evidence.report.frequency_hz, beacon.frequencies_hz[channel])


def is_spreading_factor_of_region(evidence: UnsolicitedEvidence) -> Outcome:
    """At the slowest spreading factor that the region's table allows a beacon. Precedent: rule B6."""
    beacon = get_stock_beacon(evidence.location, evidence.parameters)
    wanted = beacon.get_spreading_factor(BEACON_DATA_BYTES) if beacon else 0
    return compute_equal(evidence.report.spreading_factor, wanted)


def is_bandwidth_of_region(evidence: UnsolicitedEvidence) -> Outcome:
    """At the bandwidth of the region's beacons."""
    beacon = get_stock_beacon(evidence.location, evidence.parameters)
    return compute_equal(evidence.report.bandwidth_hz, beacon.bandwidth_hz if beacon else 0)


def is_power_allowed(evidence: UnsolicitedEvidence) -> Outcome:
    """At most what the region's EIRP leaves for the asserted antenna. Helium never compared it, so that any
    reported power switched its signal rule off; ours goes by the allowed one."""
    beacon = get_stock_beacon(evidence.location, evidence.parameters)
    allowed = compute_allowed_power_dbm(evidence.gain_ddbi, beacon.max_eirp_ddbm) if beacon else 0
    return compute_at_most(evidence.report.conducted_power_dbm, allowed)


UNSOLICITED_RULES: tuple[Rule[UnsolicitedEvidence], ...] = (
    (Reason.INVALID_REGION, is_in_region),
    (Reason.BAD_ENTROPY, is_entropy_recent),
    (Reason.ENTROPY_EXPIRED, is_after_entropy),
    (Reason.ENTROPY_EXPIRED, is_in_entropy_window),
    (Reason.IRREGULAR_INTERVAL, is_in_schedule),
    (Reason.INVALID_PACKET, is_unsolicited_payload_regenerated),
    (Reason.DUPLICATE, is_first_with_unsolicited_data),
    (Reason.INVALID_FREQUENCY, is_frequency_of_payload),
    (Reason.INVALID_DATA_RATE, is_spreading_factor_of_region),
    (Reason.INVALID_DATA_RATE, is_bandwidth_of_region),
    (Reason.INVALID_POWER, is_power_allowed),
)
