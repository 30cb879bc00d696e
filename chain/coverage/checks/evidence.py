"""What a witness's report is held against."""

import msgspec

from chain.coverage.challenges import Challenge
from chain.coverage.parameters import CoverageParameters
from chain.coverage.reports import BeaconReport, WitnessReport


class WitnessEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """A witness's report about a beacon that was accepted."""

    report: WitnessReport
    received_at_ms: int
    """Node-signed time of arrival, Unix milliseconds."""
    location: int
    """The witness's asserted H3 cell."""
    gain_ddbi: int
    """The witness's asserted antenna gain, dBi x 10."""
    beacon: BeaconReport
    beacon_received_at_ms: int
    first_witness_at_ms: int
    """Arrival of the first witness report about this beacon."""
    challenge: Challenge
    """What the beaconer was ordered; it has its location and gain."""
    parameters: CoverageParameters
