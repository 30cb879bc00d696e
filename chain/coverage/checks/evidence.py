"""What a witness's report is held against."""

import msgspec

from chain.coverage.challenges import Challenge
from chain.coverage.parameters import CoverageParameters
from chain.coverage.reports import BeaconReport, WitnessReport
from chain.ledger.tables import Exclusion


class WitnessEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """A witness's report about a beacon that was accepted."""

    report: WitnessReport
    received_at_ms: int
    """Node-signed time of arrival of its claim, or of the report where it had none; Unix milliseconds."""
    location: int
    """The witness's asserted H3 cell."""
    gain_ddbi: int
    """The witness's asserted antenna gain, dBi x 10."""
    beacon: BeaconReport
    beacon_received_at_ms: int
    """As ``received_at_ms``, of the beaconer's."""
    first_witness_at_ms: int
    """Arrival of the first witness's about this beacon."""
    challenge: Challenge
    """What the beaconer was ordered, with its location and gain. Of a beacon that nobody ordered: what it
    could do at most, at the latest time that it can have begun."""
    is_ordered: bool = True
    exclusion: Exclusion | None = None
    """The pair's, where there is one."""
    epoch: int = 0
    parameters: CoverageParameters
