"""Rules about what a witness measured: no stronger than free space allows, no weaker than can be heard."""

from chain.coverage.checks.distance import compute_smallest_distance_m
from chain.coverage.checks.evidence import WitnessEvidence
from chain.coverage.checks.outcome import Outcome, compute_at_least, compute_at_most
from hardware.lora.modulation import compute_sensitivity_cdbm, get_required_snr_ddb
from hardware.lora.propagation import compute_free_space_rssi_cdbm

CDB_PER_DDB = 10
DDB_PER_DB = 10


def compute_strongest_signal_ddbm(evidence: WitnessEvidence) -> int:
    """The strongest RSSI that free space allows at the witness, dBm x 10, rounded up.

    What the beaconer radiates is the order's conducted power and asserted gain together: an order makes the
    same sum for every gain, so that asserting more wins nothing. The witness's antenna is granted
    ``witness_gain_ddbi`` whatever it asserts; distance is the smallest that the asserted cells allow.
    """
    parameters, challenge = evidence.parameters, evidence.challenge
    eirp_ddbm = challenge.conducted_power_dbm * DDB_PER_DB + challenge.gain_ddbi
    strongest_cdbm = compute_free_space_rssi_cdbm(
        eirp_ddbm * CDB_PER_DDB,
        0,
        parameters.witness_gain_ddbi * CDB_PER_DDB,
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


def is_signal_above_sensitivity(evidence: WitnessEvidence) -> Outcome:
    """The signal is no weaker than an SX1276 can demodulate at this spreading factor and bandwidth (SF7 at
    125 kHz: -124.5 dBm, SF12: -137), less ``sensitivity_tolerance_ddb``: invented reports choose weak
    signals, for those pass the rule on strong ones. Source: thermal noise, 6 dB noise figure, the
    demodulator's floor; AN1200.22 and HIP-127 have the same within 1 dB."""
    challenge = evidence.challenge
    weakest_ddbm = -(
        -compute_sensitivity_cdbm(challenge.spreading_factor, challenge.bandwidth_hz) // CDB_PER_DDB
    )
    return compute_at_least(
        evidence.report.signal_ddbm, weakest_ddbm - evidence.parameters.sensitivity_tolerance_ddb
    )


def is_signal_with_snr_possible(evidence: WitnessEvidence) -> Outcome:
    """The signal is no weaker than goes with the SNR, by ``snr_rssi_floor``; that is empty but where a
    network wants Helium's rule of 2020."""
    floor, measured = evidence.parameters.snr_rssi_floor, evidence.report.signal_ddbm
    if not floor:
        return compute_at_least(measured, measured)
    snr_db = -(-evidence.report.snr_ddb // DDB_PER_DB)
    least_dbm = next((rssi_dbm for up_to_db, rssi_dbm in floor if snr_db <= up_to_db), floor[-1][1])
    return compute_at_least(measured, least_dbm * DDB_PER_DB)
