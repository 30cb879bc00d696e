"""What Helium's main network judged, by our rules under that network's parameters.

Blocks 644,054 to 961,893 (2020 and 2021, poc_version 10): a lower bound of RSSI by SNR, an upper one by
free space from 27 dBm with 3 dB more. Reports of mid-2020 carry neither SNR nor a verdict.
"""

import csv
import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from chain.coverage.challenges import Challenge
from chain.coverage.checks.evidence import WitnessEvidence
from chain.coverage.checks.outcome import compute_verdict
from chain.coverage.checks.signal import compute_strongest_signal_ddbm
from chain.coverage.checks.witness import WITNESS_RULES
from chain.coverage.parameters import CoverageParameters
from chain.coverage.reasons import Reason
from chain.coverage.reports import BeaconReport, WitnessReport
from chain.coverage.slots import compute_slot_end_ms

DATA = bytes(51)
POWER_DBM = 27


@pytest.fixture
def mainnet(shared: Path) -> CoverageParameters:
    """The parameters of that network, as far as these verdicts went by them."""
    curve = json.loads((shared / "vectors/chain/snr_rssi_limits.json").read_text())["L1_SNR_CURVE_poc_v9_v10"]
    floor = sorted((int(snr_db), low_dbm) for snr_db, (low_dbm, _) in curve["curve"].items())
    assert len(floor) == 37 and (floor[0][0], floor[-1][0]) == (-20, 16)
    return CoverageParameters(
        snr_rssi_floor=tuple(floor),
        witness_gain_ddbi=30,
        signal_tolerance_ddb=0,
        maximum_distance_m=50_000,
    )


@pytest.fixture
def rows(shared: Path) -> list[dict[str, str]]:
    path = shared / "data/helium_api_real_responses/poc_witness_verdicts.csv"
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def build_evidence(row: dict[str, str], parameters: CoverageParameters) -> WitnessEvidence:
    frequency_hz = round(float(row["frequency_mhz"]) * 1e6)
    spreading_factor = int(row["datarate"].removeprefix("SF").split("BW")[0])
    challenge = Challenge(
        hotspot=row["beaconer"].encode(),
        at_ms=0,
        frequency_hz=frequency_hz,
        spreading_factor=spreading_factor,
        bandwidth_hz=125_000,
        conducted_power_dbm=POWER_DBM,
        location=int(row["beaconer_h3_12"], 16),
        gain_ddbi=0,
    )
    on_air: Any = (frequency_hz, spreading_factor, 125_000)
    arrival_ms = compute_slot_end_ms(challenge) + 100
    return WitnessEvidence(
        report=WitnessReport(
            row["witness"].encode(),
            DATA,
            int(row["rssi_dbm"]) * 10,
            math.floor(float(row["snr_db"]) * 10 + 0.5),
            *on_air,
            0,
        ),
        received_at_ms=arrival_ms,
        location=int(row["witness_h3_12"], 16),
        gain_ddbi=12,
        beacon=BeaconReport(challenge.hotspot, b"", b"", DATA, *on_air, POWER_DBM, 0),
        beacon_received_at_ms=arrival_ms,
        first_witness_at_ms=arrival_ms,
        challenge=challenge,
        parameters=parameters,
    )


def test_every_real_verdict_comes_out(rows: list[dict[str, str]], mainnet: CoverageParameters) -> None:
    judged = [row for row in rows if row["is_valid_mainnet"]]
    assert (len(rows), len(judged)) == (40, 30)
    reasons: Counter[Reason] = Counter()
    for row in judged:
        verdict = compute_verdict(WITNESS_RULES, build_evidence(row, mainnet))
        assert verdict.ok is (row["is_valid_mainnet"] == "True"), row
        reasons[verdict.reason] += 1
    # The one that was refused has no reason in the data; it is the lower bound: -119 dBm, -115 at 3 dB of
    # SNR.
    assert reasons == {Reason.NONE: 29, Reason.RSSI_BELOW_SNR: 1}


def test_without_that_networks_floor_it_would_have_passed(
    rows: list[dict[str, str]], mainnet: CoverageParameters
) -> None:
    """As it did on Helium from poc_version 11 on."""
    (refused,) = [row for row in rows if row["is_valid_mainnet"] == "False"]
    evidence = build_evidence(refused, replace(mainnet, snr_rssi_floor=()))
    assert compute_verdict(WITNESS_RULES, evidence).ok


def test_our_own_parameters_refuse_none_of_the_honest(rows: list[dict[str, str]]) -> None:
    for row in rows:
        if row["is_valid_mainnet"] == "True":
            assert compute_verdict(WITNESS_RULES, build_evidence(row, CoverageParameters())).ok, row


def test_the_upper_bound_is_that_networks(rows: list[dict[str, str]], mainnet: CoverageParameters) -> None:
    """27 dBm - (free-space loss - 3 dB), with the loss of the data's own distances; ours is looser by the
    size of the cells."""
    for row in rows:
        if not row["is_valid_mainnet"]:
            continue
        evidence = build_evidence(row, mainnet)
        distance_m = float(row["distance_m_from_h3_centres"])
        loss_db = 20 * math.log10(4 * math.pi * distance_m * float(row["frequency_mhz"]) * 1e6 / 299_792_458)
        theirs_dbm = 27 - (loss_db - 3)
        ours_dbm = compute_strongest_signal_ddbm(evidence) / 10
        assert theirs_dbm <= ours_dbm < theirs_dbm + 0.6
        strongest = replace(
            evidence.report, signal_ddbm=compute_strongest_signal_ddbm(evidence) + 1, snr_ddb=160
        )
        verdict = compute_verdict(WITNESS_RULES, replace(evidence, report=strongest))
        assert verdict.reason is Reason.BAD_RSSI
