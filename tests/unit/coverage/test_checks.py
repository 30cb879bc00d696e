"""Each rule by hand: one report accepted, one at the bound, one just beyond.

``test_a_rule_that_always_holds_lets_a_false_report_through`` shows that every case is caught by its own rule
alone: with that rule answering True the report would be accepted, so no rule can be switched off unseen.
"""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h3.api.basic_int as h3
import pytest
from msgspec.structs import replace

from chain.coverage.beacon import compute_beacon_data
from chain.coverage.checks.beacon import BEACON_RULES, BeaconEvidence
from chain.coverage.checks.distance import compute_cells_apart, compute_smallest_distance_m
from chain.coverage.checks.evidence import WitnessEvidence
from chain.coverage.checks.intake import INTAKE_RULES, IntakeEvidence
from chain.coverage.checks.outcome import Outcome, Rule, compute_verdict
from chain.coverage.checks.signal import compute_plausible_gain_ddbi, compute_strongest_signal_ddbm
from chain.coverage.checks.witness import WITNESS_RULES, is_in_time
from chain.coverage.reasons import Reason
from chain.coverage.reports import ReportEnvelope, parse_beacon_report, parse_witness_report
from chain.coverage.slots import compute_slot_end_ms
from tests.unit.coverage.town import PARAMETERS, Town, get_place, sign

COVERAGE = PARAMETERS.coverage
TOWN = Town()
TOWN.open()
KEY, OTHER = TOWN.keys[0], TOWN.keys[1]
CHALLENGE = TOWN.get_challenge(KEY)
SLOT_END_MS = compute_slot_end_ms(CHALLENGE)
ROUND = TOWN.get_round()


def build_intake(**changes: Any) -> IntakeEvidence:
    return replace(
        IntakeEvidence(
            kind="beacon",
            envelope=ReportEnvelope(sign(TOWN.build_beacon(KEY), KEY)),
            is_hotspot_known=True,
            location=CHALLENGE.location,
            received_at_ms=SLOT_END_MS,
            opened_at_ms=ROUND.opened_at_ms,
            closes_at_ms=ROUND.closes_at_ms,
            reports_of_hotspot=0,
            reports_of_round=0,
            is_repeated=False,
            parameters=COVERAGE,
        ),
        **changes,
    )


def build_beacon(received_at_ms: int = SLOT_END_MS, **changes: Any) -> BeaconEvidence:
    return BeaconEvidence(
        report=replace(parse_beacon_report(sign(TOWN.build_beacon(KEY), KEY)), **changes),
        received_at_ms=received_at_ms,
        challenge=CHALLENGE,
        entropy=ROUND.entropy,
        timestamp_s=ROUND.timestamp_s,
        is_data_taken=False,
        parameters=COVERAGE,
    )


def build_witness(evidence: dict[str, Any] | None = None, **changes: Any) -> WitnessEvidence:
    fields: dict[str, Any] = {
        "report": replace(parse_witness_report(sign(TOWN.build_witness(OTHER, KEY), OTHER)), **changes),
        "received_at_ms": SLOT_END_MS + 200,
        "location": TOWN.get_challenge(OTHER).location,
        "gain_ddbi": 21,
        "beacon": build_beacon().report,
        "beacon_received_at_ms": SLOT_END_MS + 100,
        "first_witness_at_ms": SLOT_END_MS + 200,
        "challenge": CHALLENGE,
        "parameters": COVERAGE,
    }
    return WitnessEvidence(**fields | (evidence or {}))


def find_cells_apart(count: int) -> int:
    """A resolution 12 cell whose parent is so many cells from the beaconer's, in one direction."""
    home = h3.cell_to_parent(CHALLENGE.location, 11)
    return int(h3.cell_to_center_child(h3.grid_ring(home, count)[0], 12))


def find_distance_bound() -> tuple[int, int]:
    """Two neighbouring cells to the north: the last one within the distance that the rule allows, and one
    that isn't."""
    lat, lng = h3.cell_to_latlng(CHALLENGE.location)
    low, high = 0, 1_000_000  # hundred-thousandths of a degree
    while high - low > 1:
        middle = (low + high) // 2
        cell = get_place(lat + middle / 1e5, lng)
        near = compute_smallest_distance_m(cell, CHALLENGE.location) <= COVERAGE.maximum_distance_m
        low, high = (middle, high) if near else (low, middle)
    return get_place(lat + low / 1e5, lng), get_place(lat + high / 1e5, lng)


LAST_NEAR, FIRST_FAR = find_distance_bound()
FAR_SIGNAL = {"signal_ddbm": -1400}
STRONGEST = compute_strongest_signal_ddbm(build_witness()) + COVERAGE.signal_tolerance_ddb
OTHER_DATA = compute_beacon_data(ROUND.entropy, ROUND.timestamp_s, b"x" * 16)
WEAK = bytes(4)
WEAK_DATA = compute_beacon_data(ROUND.entropy, ROUND.timestamp_s, WEAK)
OTHERS_SIGNATURE = ReportEnvelope(sign(TOWN.build_beacon(KEY), OTHER))
EARLIEST_MS = SLOT_END_MS - COVERAGE.schedule_tolerance_ms
LAST_MS = SLOT_END_MS + 100 + COVERAGE.lag_after_beacon_ms

#: (rule list, name of the rule, what it must find, evidence): accepted ones first, at their bounds.
ACCEPTED: list[tuple[Sequence[Rule[Any]], str, Any]] = [
    (INTAKE_RULES, "honest", build_intake()),
    (INTAKE_RULES, "is_after_opening", build_intake(received_at_ms=ROUND.opened_at_ms)),
    (INTAKE_RULES, "is_before_closing", build_intake(received_at_ms=ROUND.closes_at_ms)),
    (INTAKE_RULES, "is_within_share", build_intake(reports_of_hotspot=127)),
    (INTAKE_RULES, "is_within_room", build_intake(reports_of_round=99_999)),
    (BEACON_RULES, "honest", build_beacon()),
    (BEACON_RULES, "is_after_slot", build_beacon(EARLIEST_MS)),
    (BEACON_RULES, "is_local_entropy_strong", build_beacon()),  # 16 bytes are the bound
    (WITNESS_RULES, "honest", build_witness()),
    (WITNESS_RULES, "is_after_beacon", build_witness({"received_at_ms": EARLIEST_MS})),
    (WITNESS_RULES, "is_in_time", build_witness({"received_at_ms": LAST_MS})),
    (WITNESS_RULES, "is_frequency_near", build_witness(frequency_hz=868_200_000)),
    (WITNESS_RULES, "is_frequency_near", build_witness(frequency_hz=868_000_000)),
    (WITNESS_RULES, "is_far_enough", build_witness({"location": find_cells_apart(8)})),
    (WITNESS_RULES, "is_near_enough", build_witness({"location": LAST_NEAR}, **FAR_SIGNAL)),
    (WITNESS_RULES, "is_signal_possible", build_witness(signal_ddbm=STRONGEST)),
    (WITNESS_RULES, "is_snr_possible", build_witness(snr_ddb=-130)),
]

REFUSED: list[tuple[Sequence[Rule[Any]], str, Reason, Any]] = [
    (INTAKE_RULES, "is_signed", Reason.BAD_SIGNATURE, build_intake(envelope=OTHERS_SIGNATURE)),
    (INTAKE_RULES, "is_known", Reason.GATEWAY_NOT_FOUND, build_intake(is_hotspot_known=False)),
    (INTAKE_RULES, "is_asserted", Reason.NOT_ASSERTED, build_intake(location=0)),
    (
        INTAKE_RULES,
        "is_after_opening",
        Reason.ENTROPY_EXPIRED,
        build_intake(received_at_ms=ROUND.opened_at_ms - 1),
    ),
    (
        INTAKE_RULES,
        "is_before_closing",
        Reason.ENTROPY_EXPIRED,
        build_intake(received_at_ms=ROUND.closes_at_ms + 1),
    ),
    (INTAKE_RULES, "is_within_share", Reason.TOO_MANY_REPORTS, build_intake(reports_of_hotspot=128)),
    (INTAKE_RULES, "is_within_room", Reason.TOO_MANY_REPORTS, build_intake(reports_of_round=100_000)),
    (INTAKE_RULES, "is_first", Reason.DUPLICATE, build_intake(is_repeated=True)),
    (BEACON_RULES, "is_entropy_of_round", Reason.BAD_ENTROPY, build_beacon(public_entropy=bytes(32))),
    (
        BEACON_RULES,
        "is_local_entropy_strong",
        Reason.WEAK_LOCAL_ENTROPY,
        build_beacon(local_entropy=WEAK, data=WEAK_DATA),
    ),
    (BEACON_RULES, "is_payload_regenerated", Reason.INVALID_PACKET, build_beacon(data=OTHER_DATA)),
    (BEACON_RULES, "is_first_with_data", Reason.DUPLICATE, replace(build_beacon(), is_data_taken=True)),
    (
        BEACON_RULES,
        "is_beacon_frequency_ordered",
        Reason.INVALID_FREQUENCY,
        build_beacon(frequency_hz=868_100_001),
    ),
    (
        BEACON_RULES,
        "is_beacon_spreading_factor_ordered",
        Reason.INVALID_DATA_RATE,
        build_beacon(spreading_factor=9),
    ),
    (
        BEACON_RULES,
        "is_beacon_bandwidth_ordered",
        Reason.INVALID_DATA_RATE,
        build_beacon(bandwidth_hz=250_000),
    ),
    (BEACON_RULES, "is_power_ordered", Reason.INVALID_POWER, build_beacon(conducted_power_dbm=15)),
    (BEACON_RULES, "is_power_ordered", Reason.INVALID_POWER, build_beacon(conducted_power_dbm=13)),
    (BEACON_RULES, "is_after_slot", Reason.TOO_EARLY, build_beacon(EARLIEST_MS - 1)),
    (
        WITNESS_RULES,
        "is_other_hotspot",
        Reason.SELF_WITNESS,
        build_witness(hotspot=KEY.public_key.binary),
    ),
    (WITNESS_RULES, "is_data_equal", Reason.INVALID_PACKET, build_witness(data=OTHER_DATA)),
    (
        WITNESS_RULES,
        "is_after_beacon",
        Reason.TOO_EARLY,
        build_witness({"received_at_ms": EARLIEST_MS - 1}),
    ),
    (WITNESS_RULES, "is_in_time", Reason.TOO_LATE, build_witness({"received_at_ms": LAST_MS + 1})),
    (
        WITNESS_RULES,
        "is_frequency_near",
        Reason.INVALID_FREQUENCY,
        build_witness(frequency_hz=868_200_001),
    ),
    (
        WITNESS_RULES,
        "is_frequency_near",
        Reason.INVALID_FREQUENCY,
        build_witness(frequency_hz=867_999_999),
    ),
    (
        WITNESS_RULES,
        "is_spreading_factor_equal",
        Reason.INVALID_DATA_RATE,
        build_witness(spreading_factor=7),
    ),
    (WITNESS_RULES, "is_bandwidth_equal", Reason.INVALID_DATA_RATE, build_witness(bandwidth_hz=250_000)),
    (
        WITNESS_RULES,
        "is_far_enough",
        Reason.BELOW_MIN_DISTANCE,
        build_witness({"location": find_cells_apart(7)}),
    ),
    (
        WITNESS_RULES,
        "is_near_enough",
        Reason.MAX_DISTANCE_EXCEEDED,
        build_witness({"location": FIRST_FAR}, **FAR_SIGNAL),
    ),
    (WITNESS_RULES, "is_signal_possible", Reason.BAD_RSSI, build_witness(signal_ddbm=STRONGEST + 1)),
    (WITNESS_RULES, "is_snr_possible", Reason.BAD_SNR, build_witness(snr_ddb=-131)),
]


@pytest.mark.parametrize(("rules", "name", "evidence"), ACCEPTED, ids=lambda value: str(value)[:30])
def test_an_honest_report_passes_also_at_the_bounds(
    rules: Sequence[Rule[Any]], name: str, evidence: Any
) -> None:
    assert compute_verdict(rules, evidence).reason is Reason.NONE, name


@pytest.mark.parametrize(("rules", "name", "reason", "evidence"), REFUSED, ids=lambda value: str(value)[:30])
def test_just_beyond_the_bound_is_refused_with_numbers(
    rules: Sequence[Rule[Any]], name: str, reason: Reason, evidence: Any
) -> None:
    verdict = compute_verdict(rules, evidence)
    assert verdict.reason is reason
    assert verdict.measured != verdict.limit


@pytest.mark.parametrize(("rules", "name", "reason", "evidence"), REFUSED, ids=lambda value: str(value)[:30])
def test_a_rule_that_always_holds_lets_a_false_report_through(
    rules: Sequence[Rule[Any]], name: str, reason: Reason, evidence: Any
) -> None:
    flipped = [
        (code, (lambda _: Outcome(True, 0, 0)) if rule.__name__ == name else rule) for code, rule in rules
    ]
    assert compute_verdict(flipped, evidence).reason is Reason.NONE


def test_no_rule_is_without_its_case() -> None:
    # `is_ordered` has no evidence that breaks it alone: without an order the others have nothing to compare.
    named = {rule.__name__ for rules in (INTAKE_RULES, BEACON_RULES, WITNESS_RULES) for _, rule in rules}
    assert named - {name for _, name, _, _ in REFUSED} == {"is_ordered"}


def test_a_beacon_that_nobody_ordered() -> None:
    verdict = compute_verdict(BEACON_RULES, replace(build_beacon(), challenge=None))
    assert verdict.reason is Reason.IRREGULAR_INTERVAL
    assert verdict.limit == 1


def test_lag_as_in_the_vectors(shared: Path) -> None:
    cases = json.loads((shared / "vectors/chain/witness_checks.json").read_text())["lag_cases"]
    assert len(cases) == 5
    for case in cases:
        base_ms = SLOT_END_MS + 100_000
        evidence = build_witness(
            {
                "beacon_received_at_ms": base_ms + case["beacon_s"] * 1000,
                "first_witness_at_ms": base_ms + case["first_witness_s"] * 1000,
                "received_at_ms": base_ms + case["this_s"] * 1000,
            }
        )
        assert is_in_time(evidence).ok is case["ok"], case


@pytest.mark.parametrize(("late_ms", "ok"), [(1_500, True), (1_501, False)])
def test_lag_after_the_first_witness(late_ms: int, ok: bool) -> None:
    first_ms = SLOT_END_MS + 50
    evidence = build_witness(
        {
            "first_witness_at_ms": first_ms,
            "beacon_received_at_ms": first_ms + 1,
            "received_at_ms": first_ms + late_ms,
        }
    )
    assert compute_verdict(WITNESS_RULES, evidence).ok is ok


def test_frequency_as_in_the_vectors(shared: Path) -> None:
    checks = json.loads((shared / "vectors/chain/witness_checks.json").read_text())
    assert checks["frequency_tolerance_hz"] == COVERAGE.frequency_tolerance_hz
    assert checks["max_witnesses"] == COVERAGE.maximum_witnesses
    for case in checks["freq_cases"]:
        beacon = replace(build_beacon().report, frequency_hz=case["beacon"])
        evidence = build_witness({"beacon": beacon}, frequency_hz=case["witness"])
        assert compute_verdict(WITNESS_RULES, evidence).ok is case["ok"]


def test_reason_codes_are_heliums(shared: Path) -> None:
    values = json.loads((shared / "vectors/chain/witness_checks.json").read_text())["invalid_reason_enum"][
        "values"
    ]
    names = {"reason_none": "NONE"} | {name: name.upper() for name in values if name != "reason_none"}
    for name, code in values.items():
        if names[name] in Reason.__members__:
            assert Reason[names[name]] == int(code)
    ours = [reason for reason in Reason if reason.name.lower() not in values and reason is not Reason.NONE]
    assert all(reason >= 100 for reason in ours)


def test_the_strongest_signal_is_free_space_at_the_cells_distance() -> None:
    evidence = build_witness()
    distance_m = compute_smallest_distance_m(evidence.location, CHALLENGE.location)
    loss_db = 20 * math.log10(4 * math.pi * distance_m * 868.1e6 / 299_792_458)
    expected = 14 + 2.1 + 2.1 - loss_db
    assert expected * 10 <= compute_strongest_signal_ddbm(evidence) < expected * 10 + 1.1


@pytest.mark.parametrize(("gain_ddbi", "counted"), [(-30, 10), (10, 10), (60, 60), (150, 150), (300, 150)])
def test_a_claimed_gain_counts_only_as_far_as_plausible(gain_ddbi: int, counted: int) -> None:
    assert compute_plausible_gain_ddbi(gain_ddbi, COVERAGE) == counted
    evidence = build_witness({"gain_ddbi": gain_ddbi})
    base = compute_strongest_signal_ddbm(build_witness({"gain_ddbi": 10}))
    assert compute_strongest_signal_ddbm(evidence) == base + counted - 10


def test_a_beaconers_gain_never_lifts_the_bound_over_the_regions_eirp() -> None:
    honest = compute_strongest_signal_ddbm(build_witness())
    boasting = build_witness({"challenge": replace(CHALLENGE, gain_ddbi=150)})
    assert compute_strongest_signal_ddbm(boasting) <= honest


def test_swapped_positions_change_the_verdict() -> None:
    near = find_cells_apart(8)
    strong = compute_strongest_signal_ddbm(build_witness({"location": near}))
    assert compute_verdict(WITNESS_RULES, build_witness({"location": near}, signal_ddbm=strong)).ok
    assert compute_verdict(WITNESS_RULES, build_witness(signal_ddbm=strong)).reason is Reason.BAD_RSSI
    assert compute_cells_apart(near, CHALLENGE.location, 11, 100) == 8
