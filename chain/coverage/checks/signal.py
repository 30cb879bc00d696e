"""Rules about what a witness measured: no stronger than free space allows, no weaker than can be heard."""

from chain.coverage.checks.distance import compute_smallest_distance_m
from chain.coverage.checks.evidence import WitnessEvidence
from chain.coverage.checks.outcome import Outcome, compute_at_least, compute_at_most
from chain.coverage.parameters import CoverageParameters
from hardware.lora.modulation import get_required_snr_ddb
from hardware.lora.propagation import compute_free_space_rssi_cdbm

CDB_PER_DDB = 10
DDB_PER_DB = 10


def compute_plausible_gain_ddbi(gain_ddbi: int, parameters: CoverageParameters) -> int:
    """The asserted antenna gain within what counts: a bigger claim must not loosen the signal rule in the
    claimant's favour, and a smaller one must not accuse an honest board with a stub antenna."""
    return min(max(gain_ddbi, parameters.minimum_gain_ddbi), parameters.maximum_gain_ddbi)


def compute_strongest_signal_ddbm(evidence: WitnessEvidence) -> int:
    """The strongest RSSI that free space allows at the witness, dBm x 10, rounded up.

    Power and gain of the beaconer are the ordered ones, together at most the region's EIRP; distance is
    the smallest that the asserted cells allow.
    """
    parameters, challenge = evidence.parameters, evidence.challenge
    eirp_ddbm = min(
        challenge.conducted_power_dbm * DDB_PER_DB
        + compute_plausible_gain_ddbi(challenge.gain_ddbi, parameters),
        max(parameters.max_eirp_ddbm, challenge.conducted_power_dbm * DDB_PER_DB),
    )
    strongest_cdbm = compute_free_space_rssi_cdbm(
        eirp_ddbm * CDB_PER_DDB,
        0,
        compute_plausible_gain_ddbi(evidence.gain_ddbi, parameters) * CDB_PER_DDB,
        compute_smallest_distance_m(evidence.location, challenge.location),
        challenge.frequency_hz,
    )
    return -(-strongest_cdbm // CDB_PER_DDB)


def is_signal_possible(evidence: WitnessEvidence) -> Outcome:
    """The signal is no stronger than free space allows at the asserted distance, by more than a receiver's
    error (``signal_tolerance_ddb``).

    Nothing on the way amplifies: a stronger one means that the two are nearer than they say. The rule is
    one-sided, an attenuator passes it; that takes the pattern over many beacons. Precedent: rule W12, with
    the power that was ordered in place of the one that the beaconer reports.
    """
    limit = compute_strongest_signal_ddbm(evidence) + evidence.parameters.signal_tolerance_ddb
    return compute_at_most(evidence.report.signal_ddbm, limit)


def is_snr_possible(evidence: WitnessEvidence) -> Outcome:
    """The SNR is no lower than the demodulator's floor at this spreading factor (SF7 -7.5 dB to SF12 -20 dB),
    less a receiver's error (``snr_tolerance_ddb``). Nobody receives what is below; Helium never looked.
    Source: SX1276 data sheet, table 13."""
    floor = get_required_snr_ddb(evidence.challenge.spreading_factor)
    return compute_at_least(evidence.report.snr_ddb, floor - evidence.parameters.snr_tolerance_ddb)
