"""Every rule accepts an honest case and one at its bound, and refuses one just beyond; none can be switched
off unseen.

``CASES`` has all of them, made by hand. Two tests watch over it: one that each rule of each list is in it,
one that a rule which always holds makes its own test fail.
"""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import h3.api.basic_int as h3
import pytest
from msgspec.structs import replace

from chain.coverage.beacon import compute_beacon_data
from chain.coverage.challenges import PlacedHotspot, compute_challenges
from chain.coverage.checks.beacon import BEACON_RULES, BeaconEvidence
from chain.coverage.checks.distance import (
    compute_cells_apart,
    compute_smallest_distance_m,
    is_far_enough,
    is_near_enough,
)
from chain.coverage.checks.evidence import WitnessEvidence
from chain.coverage.checks.intake import CLAIM_RULES, INTAKE_RULES, IntakeEvidence
from chain.coverage.checks.outcome import Outcome, Rule, compute_verdict
from chain.coverage.checks.signal import (
    compute_strongest_signal_ddbm,
    is_signal_above_sensitivity,
    is_signal_possible,
)
from chain.coverage.checks.unsolicited import NEVER, UNSOLICITED_RULES, UnsolicitedEvidence
from chain.coverage.checks.witness import WITNESS_RULES, is_in_time
from chain.coverage.parameters import CoverageParameters, RegionArea
from chain.coverage.position import compute_distance_um
from chain.coverage.reasons import Reason
from chain.coverage.reports import ReportEnvelope, parse_beacon_report, parse_witness_report
from chain.coverage.slots import compute_slot_end_ms
from chain.keys.keypair import Keypair
from chain.ledger.tables import Exclusion
from chain.wire import poc_lora_pb2
from tests.unit.coverage.town import PARAMETERS, Town, get_place, sign

COVERAGE = PARAMETERS.coverage
TOWN = Town()
TOWN.open()
KEY, OTHER = TOWN.keys[0], TOWN.keys[1]
CHALLENGE = TOWN.get_challenge(KEY)
SLOT_END_MS = compute_slot_end_ms(CHALLENGE)
ROUND = TOWN.get_round()
NONCE = b"n" * 16
OPENINGS_MS = ROUND.openings_from_ms


def sign_claim(signer: Keypair) -> ReportEnvelope:
    """KEY's claim, signed by somebody."""
    message = poc_lora_pb2.lora_claim_v1(pub_key=KEY.public_key.binary, commitment=bytes(32), timestamp=1)
    return ReportEnvelope(sign(message, signer))


def build_intake(**changes: Any) -> IntakeEvidence:
    """A claimed report that is opened in its turn."""
    return replace(
        IntakeEvidence(
            kind="beacon",
            envelope=ReportEnvelope(sign(TOWN.build_beacon(KEY), KEY), b"", NONCE),
            is_hotspot_known=True,
            location=CHALLENGE.location,
            received_at_ms=OPENINGS_MS + 10,
            opened_at_ms=ROUND.opened_at_ms,
            openings_from_ms=OPENINGS_MS,
            closes_at_ms=ROUND.closes_at_ms,
            claimed_at_ms=SLOT_END_MS + 10,
            reports_of_hotspot=0,
            reports_of_round=0,
            is_repeated=False,
            parameters=COVERAGE,
        ),
        **changes,
    )


def build_claim(**changes: Any) -> IntakeEvidence:
    """A claim soon after the beacon."""
    fields = {
        "kind": "claim",
        "envelope": sign_claim(KEY),
        "received_at_ms": SLOT_END_MS + 10,
        "claimed_at_ms": None,
    }
    return build_intake(**fields | changes)


def build_unclaimed(**changes: Any) -> IntakeEvidence:
    """A report without a claim where such ones count."""
    fields = {
        "envelope": ReportEnvelope(sign(TOWN.build_beacon(KEY), KEY)),
        "received_at_ms": SLOT_END_MS + 10,
        "claimed_at_ms": None,
        "parameters": replace(COVERAGE, accept_unclaimed_reports=True),
    }
    return build_intake(**fields | changes)


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


def build_unsolicited(evidence: dict[str, Any] | None = None, **changes: Any) -> UnsolicitedEvidence:
    """A deployed gateway's beacon in EU868: 4 bytes of secret, channel by the payload, SF12, 14 of 14 dBm."""
    data = compute_beacon_data(ROUND.entropy, ROUND.timestamp_s, b"gate")
    channel = int.from_bytes(data[:2], "little") % 8
    report = replace(
        build_beacon().report,
        local_entropy=b"gate",
        data=data,
        frequency_hz=867_100_000 + 200_000 * channel,
        spreading_factor=12,
        conducted_power_dbm=14,
    )
    fields: dict[str, Any] = {
        "report": replace(report, **changes),
        "received_at_ms": ROUND.timestamp_s * 1000 + 60_000,
        "location": CHALLENGE.location,
        "gain_ddbi": 21,
        "timestamp_s": ROUND.timestamp_s,
        "last_beacon_at_ms": NEVER,
        "is_data_taken": False,
        "parameters": COVERAGE,
    }
    return UnsolicitedEvidence(**fields | (evidence or {}))


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
FAR_SIGNAL = {"signal_ddbm": -1300}
STRONGEST = compute_strongest_signal_ddbm(build_witness()) + COVERAGE.signal_tolerance_ddb
OTHER_DATA = compute_beacon_data(ROUND.entropy, ROUND.timestamp_s, b"x" * 16)
WEAK = bytes(4)
WEAK_DATA = compute_beacon_data(ROUND.entropy, ROUND.timestamp_s, WEAK)
FORGED = ReportEnvelope(sign(TOWN.build_beacon(KEY), OTHER), b"", NONCE)
EARLIEST_MS = SLOT_END_MS - COVERAGE.schedule_tolerance_ms
LAST_MS = SLOT_END_MS + 100 + COVERAGE.lag_after_beacon_ms
EXCLUDED = Exclusion(until_epoch=5, code=1, evidence_hash=b"e" * 32)
#: Zurich's and the town's parents at resolution 2 are different cells.
TWO_REGIONS = replace(
    COVERAGE,
    region_areas=(
        RegionArea("EU868", (h3.cell_to_parent(CHALLENGE.location, 11),)),
        RegionArea("IN865", (h3.cell_to_parent(TOWN.get_challenge(OTHER).location, 11),)),
    ),
)
ONE_REGION = replace(
    COVERAGE, region_areas=(RegionArea("EU868", (h3.cell_to_parent(CHALLENGE.location, 2),)),)
)
ELSEWHERE = replace(COVERAGE, region_areas=(RegionArea("EU868", (h3.latlng_to_cell(0, 0, 1),)),))
FLOOR = replace(COVERAGE, snr_rssi_floor=((0, -125), (1, -120), (2, -117)))
ENTROPY_MS = ROUND.timestamp_s * 1000
WINDOW_MS = COVERAGE.entropy_window_ms
SEGMENT_MS = 21_600_000
SEGMENT_BEGAN_MS = (ENTROPY_MS + 60_000) // SEGMENT_MS * SEGMENT_MS


class Case(NamedTuple):
    """One rule of one list, with evidence on both sides of its bound."""

    rules: Sequence[Rule[Any]]
    rule: str
    reason: Reason
    accept: Any
    """Plainly honest."""
    bound: Any
    """The last that passes; of a rule without a measure, the one that differs least from what doesn't."""
    beyond: tuple[Any, ...]
    """The first that doesn't, on each side where there are two."""


INTAKE_SHARED = [
    ("is_known", Reason.GATEWAY_NOT_FOUND, {}, ({"is_hotspot_known": False},)),
    ("is_full_hotspot", Reason.INVALID_CAPABILITY, {"capability": 0}, ({"capability": 1},)),
    ("is_in_service", Reason.INVALID_CAPABILITY, {"status": 0}, ({"status": 1}, {"status": 2})),
    ("is_asserted", Reason.NOT_ASSERTED, {"location": 1}, ({"location": 0},)),
    (
        "is_not_excluded",
        Reason.DENIED,
        {"exclusion": EXCLUDED, "epoch": 5},
        ({"exclusion": EXCLUDED, "epoch": 4},),
    ),
    ("is_within_share", Reason.TOO_MANY_REPORTS, {"reports_of_hotspot": 127}, ({"reports_of_hotspot": 128},)),
    (
        "is_within_room",
        Reason.TOO_MANY_REPORTS,
        {"reports_of_round": 99_999},
        ({"reports_of_round": 100_000},),
    ),
    ("is_first", Reason.DUPLICATE, {"is_repeated": False}, ({"is_repeated": True},)),
]

CASES: list[Case] = [
    Case(
        rules,
        name,
        reason,
        build(),
        build(**bound),
        tuple(build(**changes) for changes in beyond),
    )
    for rules, build in ((INTAKE_RULES, build_intake), (CLAIM_RULES, build_claim))
    for name, reason, bound, beyond in INTAKE_SHARED
] + [
    Case(
        INTAKE_RULES, "is_signed", Reason.BAD_SIGNATURE,
        build_intake(), build_intake(), (build_intake(envelope=FORGED),),
    ),
    Case(
        INTAKE_RULES, "is_after_opening", Reason.ENTROPY_EXPIRED,
        build_unclaimed(),
        build_unclaimed(received_at_ms=ROUND.opened_at_ms),
        (build_unclaimed(received_at_ms=ROUND.opened_at_ms - 1),),
    ),
    Case(
        INTAKE_RULES, "is_claimed", Reason.CLAIM_MISSING,
        build_intake(),
        build_unclaimed(),
        (
            build_intake(claimed_at_ms=None),
            build_unclaimed(parameters=COVERAGE, received_at_ms=OPENINGS_MS),
            # A nonce without its claim is false, also where no claim is needed.
            build_unclaimed(
                envelope=ReportEnvelope(sign(TOWN.build_beacon(KEY), KEY), b"", NONCE),
                received_at_ms=OPENINGS_MS,
            ),
        ),
    ),
    Case(
        INTAKE_RULES, "is_opened_in_turn", Reason.OPENING_EARLY,
        build_intake(),
        build_intake(received_at_ms=OPENINGS_MS),
        (build_intake(received_at_ms=OPENINGS_MS - 1),),
    ),
    Case(
        INTAKE_RULES, "is_opened_before_closing", Reason.OPENING_LATE,
        build_intake(),
        build_intake(received_at_ms=ROUND.closes_at_ms),
        (build_intake(received_at_ms=ROUND.closes_at_ms + 1),),
    ),
    Case(
        INTAKE_RULES, "is_before_closing", Reason.ENTROPY_EXPIRED,
        build_unclaimed(),
        build_unclaimed(received_at_ms=ROUND.closes_at_ms),
        (build_unclaimed(received_at_ms=ROUND.closes_at_ms + 1),),
    ),
    Case(
        CLAIM_RULES, "is_signed", Reason.BAD_SIGNATURE,
        build_claim(), build_claim(), (build_claim(envelope=sign_claim(OTHER)),),
    ),
    Case(
        CLAIM_RULES, "is_after_opening", Reason.ENTROPY_EXPIRED,
        build_claim(),
        build_claim(received_at_ms=ROUND.opened_at_ms),
        (build_claim(received_at_ms=ROUND.opened_at_ms - 1),),
    ),
    Case(
        CLAIM_RULES, "is_claim_in_time", Reason.CLAIM_LATE,
        build_claim(),
        build_claim(received_at_ms=OPENINGS_MS - 1),
        (build_claim(received_at_ms=OPENINGS_MS),),
    ),
    Case(
        BEACON_RULES, "is_ordered", Reason.IRREGULAR_INTERVAL,
        build_beacon(), build_beacon(), (replace(build_beacon(), challenge=None),),
    ),
    Case(
        BEACON_RULES, "is_entropy_of_round", Reason.BAD_ENTROPY,
        build_beacon(), build_beacon(), (build_beacon(public_entropy=bytes(32)),),
    ),
    Case(
        BEACON_RULES, "is_local_entropy_strong", Reason.WEAK_LOCAL_ENTROPY,
        build_beacon(),
        build_beacon(),  # 16 bytes are the bound
        (build_beacon(local_entropy=WEAK, data=WEAK_DATA),),
    ),
    Case(
        BEACON_RULES, "is_payload_regenerated", Reason.INVALID_PACKET,
        build_beacon(), build_beacon(), (build_beacon(data=OTHER_DATA),),
    ),
    Case(
        BEACON_RULES, "is_first_with_data", Reason.DUPLICATE,
        build_beacon(), build_beacon(), (replace(build_beacon(), is_data_taken=True),),
    ),
    Case(
        BEACON_RULES, "is_beacon_frequency_ordered", Reason.INVALID_FREQUENCY,
        build_beacon(),
        build_beacon(frequency_hz=868_100_000),
        (build_beacon(frequency_hz=868_100_001), build_beacon(frequency_hz=868_099_999)),
    ),
    Case(
        BEACON_RULES, "is_beacon_spreading_factor_ordered", Reason.INVALID_DATA_RATE,
        build_beacon(),
        build_beacon(spreading_factor=8),
        (build_beacon(spreading_factor=9), build_beacon(spreading_factor=7)),
    ),
    Case(
        BEACON_RULES, "is_beacon_bandwidth_ordered", Reason.INVALID_DATA_RATE,
        build_beacon(), build_beacon(bandwidth_hz=125_000), (build_beacon(bandwidth_hz=250_000),),
    ),
    Case(
        BEACON_RULES, "is_power_ordered", Reason.INVALID_POWER,
        build_beacon(),
        build_beacon(conducted_power_dbm=14),
        (build_beacon(conducted_power_dbm=15), build_beacon(conducted_power_dbm=13)),
    ),
    Case(
        BEACON_RULES, "is_after_slot", Reason.TOO_EARLY,
        build_beacon(), build_beacon(EARLIEST_MS), (build_beacon(EARLIEST_MS - 1),),
    ),
    Case(
        WITNESS_RULES, "is_other_hotspot", Reason.SELF_WITNESS,
        build_witness(), build_witness(), (build_witness(hotspot=KEY.public_key.binary),),
    ),
    Case(
        WITNESS_RULES, "is_pair_not_excluded", Reason.DENIED_EDGE,
        build_witness(),
        build_witness({"exclusion": EXCLUDED, "epoch": 5}),
        (build_witness({"exclusion": EXCLUDED, "epoch": 4}),),
    ),
    Case(
        WITNESS_RULES, "is_data_equal", Reason.INVALID_PACKET,
        build_witness(), build_witness(), (build_witness(data=OTHER_DATA),),
    ),
    Case(
        WITNESS_RULES, "is_after_beacon", Reason.TOO_EARLY,
        build_witness(),
        build_witness({"received_at_ms": EARLIEST_MS}),
        (build_witness({"received_at_ms": EARLIEST_MS - 1}),),
    ),
    Case(
        WITNESS_RULES, "is_in_time", Reason.TOO_LATE,
        build_witness(),
        build_witness({"received_at_ms": LAST_MS}),
        (
            build_witness({"received_at_ms": LAST_MS + 1}),
            # 1.5 s after the first witness, where that one was before the beaconer.
            build_witness(
                {"beacon_received_at_ms": SLOT_END_MS + 300, "received_at_ms": SLOT_END_MS + 1_701}
            ),
        ),
    ),
    Case(
        WITNESS_RULES, "is_frequency_near", Reason.INVALID_FREQUENCY,
        build_witness(),
        build_witness(frequency_hz=868_200_000),
        (build_witness(frequency_hz=868_200_001), build_witness(frequency_hz=867_999_999)),
    ),
    Case(
        WITNESS_RULES, "is_spreading_factor_equal", Reason.INVALID_DATA_RATE,
        build_witness(),
        build_witness(spreading_factor=8),
        (build_witness(spreading_factor=7), build_witness(spreading_factor=9)),
    ),
    Case(
        WITNESS_RULES, "is_bandwidth_equal", Reason.INVALID_DATA_RATE,
        build_witness(), build_witness(bandwidth_hz=125_000), (build_witness(bandwidth_hz=250_000),),
    ),
    Case(
        WITNESS_RULES, "is_region_equal", Reason.INVALID_REGION,
        build_witness(),
        build_witness({"parameters": ONE_REGION}),
        (build_witness({"parameters": TWO_REGIONS}), build_witness({"parameters": ELSEWHERE})),
    ),
    Case(
        WITNESS_RULES, "is_far_enough", Reason.BELOW_MIN_DISTANCE,
        build_witness(),
        build_witness({"location": find_cells_apart(8)}),
        (build_witness({"location": find_cells_apart(7)}), build_witness({"location": CHALLENGE.location})),
    ),
    Case(
        WITNESS_RULES, "is_near_enough", Reason.MAX_DISTANCE_EXCEEDED,
        build_witness(),
        build_witness({"location": LAST_NEAR}, **FAR_SIGNAL),
        (build_witness({"location": FIRST_FAR}, **FAR_SIGNAL),),
    ),
    Case(
        WITNESS_RULES, "is_signal_possible", Reason.BAD_RSSI,
        build_witness(),
        build_witness(signal_ddbm=STRONGEST),
        (build_witness(signal_ddbm=STRONGEST + 1),),
    ),
    Case(
        WITNESS_RULES, "is_snr_possible", Reason.BAD_SNR,
        build_witness(), build_witness(snr_ddb=-130), (build_witness(snr_ddb=-131),),
    ),
    Case(
        WITNESS_RULES, "is_signal_above_sensitivity", Reason.BELOW_SENSITIVITY,
        build_witness(), build_witness(signal_ddbm=-1330), (build_witness(signal_ddbm=-1331),),
    ),
    Case(
        WITNESS_RULES, "is_signal_with_snr_possible", Reason.RSSI_BELOW_SNR,
        build_witness({"parameters": FLOOR}),
        build_witness({"parameters": FLOOR}, snr_ddb=10, signal_ddbm=-1200),
        (
            build_witness({"parameters": FLOOR}, snr_ddb=10, signal_ddbm=-1201),
            build_witness({"parameters": FLOOR}, snr_ddb=1, signal_ddbm=-1201),
            build_witness({"parameters": FLOOR}, snr_ddb=90, signal_ddbm=-1171),
        ),
    ),
    Case(
        UNSOLICITED_RULES, "is_in_region", Reason.INVALID_REGION,
        build_unsolicited(),
        build_unsolicited({"parameters": ONE_REGION}),
        (build_unsolicited({"parameters": ELSEWHERE}),),
    ),
    Case(
        UNSOLICITED_RULES, "is_entropy_recent", Reason.BAD_ENTROPY,
        build_unsolicited(), build_unsolicited(), (build_unsolicited({"timestamp_s": None}),),
    ),
    Case(
        UNSOLICITED_RULES, "is_after_entropy", Reason.ENTROPY_EXPIRED,
        build_unsolicited(),
        build_unsolicited({"received_at_ms": ENTROPY_MS}),
        (build_unsolicited({"received_at_ms": ENTROPY_MS - 1}),),
    ),
    Case(
        UNSOLICITED_RULES, "is_in_entropy_window", Reason.ENTROPY_EXPIRED,
        build_unsolicited(),
        build_unsolicited({"received_at_ms": ENTROPY_MS + WINDOW_MS}),
        (build_unsolicited({"received_at_ms": ENTROPY_MS + WINDOW_MS + 1}),),
    ),
    Case(
        UNSOLICITED_RULES, "is_in_schedule", Reason.IRREGULAR_INTERVAL,
        build_unsolicited(),
        build_unsolicited({"last_beacon_at_ms": SEGMENT_BEGAN_MS - 1}),
        (build_unsolicited({"last_beacon_at_ms": SEGMENT_BEGAN_MS}),),
    ),
    Case(
        UNSOLICITED_RULES, "is_unsolicited_payload_regenerated", Reason.INVALID_PACKET,
        build_unsolicited(),
        build_unsolicited(),
        (build_unsolicited(data=build_unsolicited().report.data[:50] + b"?"),),
    ),
    Case(
        UNSOLICITED_RULES, "is_first_with_unsolicited_data", Reason.DUPLICATE,
        build_unsolicited(), build_unsolicited(), (build_unsolicited({"is_data_taken": True}),),
    ),
    Case(
        UNSOLICITED_RULES, "is_frequency_of_payload", Reason.INVALID_FREQUENCY,
        build_unsolicited(),
        build_unsolicited(),
        (
            build_unsolicited(frequency_hz=build_unsolicited().report.frequency_hz + 1),
            build_unsolicited(frequency_hz=build_unsolicited().report.frequency_hz - 200_000),
        ),
    ),
    Case(
        UNSOLICITED_RULES, "is_spreading_factor_of_region", Reason.INVALID_DATA_RATE,
        build_unsolicited(),
        build_unsolicited(spreading_factor=12),
        (build_unsolicited(spreading_factor=11),),
    ),
    Case(
        UNSOLICITED_RULES, "is_bandwidth_of_region", Reason.INVALID_DATA_RATE,
        build_unsolicited(), build_unsolicited(), (build_unsolicited(bandwidth_hz=250_000),),
    ),
    Case(
        UNSOLICITED_RULES, "is_power_allowed", Reason.INVALID_POWER,
        build_unsolicited(conducted_power_dbm=10),
        build_unsolicited(conducted_power_dbm=14),
        (build_unsolicited(conducted_power_dbm=15),),
    ),
]  # fmt: skip

ALL_LISTS = (CLAIM_RULES, INTAKE_RULES, BEACON_RULES, WITNESS_RULES, UNSOLICITED_RULES)


def check_case(case: Case, rules: Sequence[Rule[Any]]) -> None:
    """Both sides of a rule's bound."""
    assert compute_verdict(rules, case.accept).reason is Reason.NONE
    assert compute_verdict(rules, case.bound).reason is Reason.NONE
    for evidence in case.beyond:
        verdict = compute_verdict(rules, evidence)
        assert verdict.reason is case.reason
        assert verdict.measured != verdict.limit


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.rule}-{ALL_LISTS.index(case.rules)}")
def test_a_rule_accepts_up_to_its_bound_and_refuses_beyond(case: Case) -> None:
    check_case(case, case.rules)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.rule}-{ALL_LISTS.index(case.rules)}")
def test_a_rule_that_always_holds_is_noticed(case: Case) -> None:
    flipped = [
        (code, (lambda _: Outcome(True, 0, 0)) if rule.__name__ == case.rule else rule)
        for code, rule in case.rules
    ]
    with pytest.raises(AssertionError):
        check_case(case, flipped)
    # ... and so is one that never does.
    refusing = [
        (code, (lambda _: Outcome(False, 0, 1)) if rule.__name__ == case.rule else rule)
        for code, rule in case.rules
    ]
    with pytest.raises(AssertionError):
        check_case(case, refusing)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.rule}-{ALL_LISTS.index(case.rules)}")
def test_each_refusal_of_a_rule_is_its_own(case: Case) -> None:
    """Every single case beyond the bound notices that the rule is gone, not only the first."""
    flipped = [
        (code, (lambda _: Outcome(True, 0, 0)) if rule.__name__ == case.rule else rule)
        for code, rule in case.rules
    ]
    for evidence in case.beyond:
        assert compute_verdict(flipped, evidence).reason is not case.reason


@pytest.mark.parametrize("rules", ALL_LISTS, ids=("claim", "intake", "beacon", "witness", "unsolicited"))
def test_the_table_is_complete(rules: Sequence[Rule[Any]]) -> None:
    named = [rule.__name__ for _, rule in rules]
    assert len(set(named)) == len(named)
    assert sorted(named) == sorted(case.rule for case in CASES if case.rules is rules)
    for case in CASES:
        if case.rules is rules:
            assert (case.reason, case.rule) in [(reason, rule.__name__) for reason, rule in rules]


def test_every_reason_is_some_rules_or_given_where_reports_are_joined() -> None:
    joined = {
        Reason.NONE, Reason.MALFORMED, Reason.BEACON_UNKNOWN, Reason.BEACON_INVALID, Reason.CLAIM_UNOPENED,
        Reason.WITNESS_TOO_CLOSE, Reason.NOT_DRAWN,
    }  # fmt: skip
    assert {reason for rules in ALL_LISTS for reason, _ in rules} | joined == set(Reason)


def test_denials_carry_their_evidence_and_end() -> None:
    verdict = compute_verdict(WITNESS_RULES, build_witness({"exclusion": EXCLUDED, "epoch": 4}))
    assert (verdict.measured, verdict.limit, verdict.evidence) == (4, 5, b"e" * 32)
    assert compute_verdict(WITNESS_RULES, build_witness({"received_at_ms": LAST_MS + 1})).evidence == b""


def test_a_beacon_that_nobody_ordered_starts_the_clock_when_it_has_left_the_air() -> None:
    """A deployed gateway reports when it hands the beacon to its radio; at SF12 it lasts 2.5 s."""
    challenge = replace(CHALLENGE, at_ms=ROUND.opened_at_ms + 1_000, spreading_factor=12)
    off_air_ms = ROUND.opened_at_ms + 1_000 + 2_465
    assert compute_slot_end_ms(challenge) == off_air_ms
    fields = {
        "challenge": challenge,
        "is_ordered": False,
        "beacon": replace(build_beacon().report, spreading_factor=12),
        "beacon_received_at_ms": ROUND.opened_at_ms + 1_000,
        "first_witness_at_ms": off_air_ms,
    }
    for late_ms, ok in ((-2_400, True), (0, True), (4_000, True), (4_001, False)):
        evidence = build_witness(fields | {"received_at_ms": off_air_ms + late_ms}, spreading_factor=12)
        assert compute_verdict(WITNESS_RULES, evidence).ok is ok


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


def test_distances_as_in_the_vectors(shared: Path) -> None:
    checks = json.loads((shared / "vectors/chain/witness_checks.json").read_text())
    assert len(checks["cell_distance_cases"]) == len(checks["distance_cases"]) == 2
    for case in checks["cell_distance_cases"]:
        beaconer, witness = int(case["beacon"]), int(case["witness"])
        # One of upstream's places is a cell of resolution 11; a parent is all that the rule takes of it.
        assert compute_cells_apart(beaconer, witness, 11, 1_000) == case["cells_res11"]
        evidence = {"location": witness, "challenge": replace(CHALLENGE, location=beaconer)}
        assert is_far_enough(build_witness(evidence)).ok is case["ok"]
    for case in checks["distance_cases"]:
        beaconer, witness = int(case["beacon"]), int(case["witness"])
        assert abs(compute_distance_um(beaconer, witness) / 1e6 - case["m"]) < case["m"] / 1e4 + 1
        evidence = {"location": witness, "challenge": replace(CHALLENGE, location=beaconer)}
        assert is_near_enough(build_witness(evidence)).ok is case["ok"]


def test_windows_and_schedule_as_in_the_vectors(shared: Path) -> None:
    checks = json.loads((shared / "vectors/chain/witness_checks.json").read_text())
    assert checks["entropy_window_s"] * 1000 == CoverageParameters().entropy_window_ms
    assert checks["beacon_schedule"]["interval_s"] * 1000 == CoverageParameters().unsolicited_interval_ms
    known = {
        "source", "frequency_tolerance_hz", "freq_cases", "cell_distance_cases", "distance_cases",
        "distance_rule", "lag_rule", "lag_cases", "entropy_window_s", "beacon_schedule", "max_witnesses",
        "reciprocity_window_h", "invalid_reason_enum",
    }  # fmt: skip
    assert checks.keys() == known  # a new part of the file asks for a test


def test_the_strongest_signal_is_free_space_at_the_cells_distance() -> None:
    evidence = build_witness()
    distance_m = compute_smallest_distance_m(evidence.location, CHALLENGE.location)
    loss_db = 20 * math.log10(4 * math.pi * distance_m * 868.1e6 / 299_792_458)
    expected = 14 + 2.1 + 9 - loss_db
    assert expected * 10 <= compute_strongest_signal_ddbm(evidence) < expected * 10 + 1.1


@pytest.mark.parametrize("gain_ddbi", [-30, 10, 60, 150, 300])
def test_a_witness_that_asserts_another_gain_wins_nothing(gain_ddbi: int) -> None:
    assert compute_strongest_signal_ddbm(build_witness({"gain_ddbi": gain_ddbi})) + 30 == STRONGEST


@pytest.mark.parametrize("max_eirp_ddbm", [161, 360])
def test_a_beaconer_that_asserts_more_gain_loosens_nothing(max_eirp_ddbm: int) -> None:
    """It is ordered less power by as much, also where the board and not the law is the limit."""
    parameters = replace(COVERAGE, max_eirp_ddbm=max_eirp_ddbm)
    bounds = []
    for gain_ddbi in range(10, 151):
        placed = PlacedHotspot(KEY.public_key.binary, CHALLENGE.location, gain_ddbi)
        (challenge,) = compute_challenges(ROUND.entropy, [placed], parameters, ROUND.opened_at_ms)
        evidence = build_witness({"challenge": challenge, "parameters": parameters})
        bounds.append(compute_strongest_signal_ddbm(evidence))
    assert max(bounds) - min(bounds) < 10  # power is whole decibels


def test_signals_as_in_the_vectors(shared: Path) -> None:
    """Helium's bound, with its gains cut to whole decibels; ours is looser by the size of the cells alone."""
    upstream = json.loads((shared / "vectors/chain/fspl.json").read_text())["upstream"]
    cases = [case for case in upstream if case["test"].startswith("test_verify_witness_rssi")]
    assert len(cases) == 2 and len(upstream) == 5  # the three others: test_position.py, test_propagation.py
    for case in cases:
        given = case["in"]
        challenge = replace(
            CHALLENGE,
            conducted_power_dbm=given["tx_power"],
            gain_ddbi=given["beacon_gain"] // 10 * 10,
            frequency_hz=given["freq"],
            location=int(given["beacon_loc"]),
        )
        parameters = replace(
            COVERAGE, witness_gain_ddbi=given["witness_gain"] // 10 * 10, signal_tolerance_ddb=0
        )
        evidence = build_witness(
            {"challenge": challenge, "parameters": parameters, "location": int(given["witness_loc"])},
            signal_ddbm=given["signal"],
        )
        outcome = is_signal_possible(evidence)
        assert outcome.ok is (case["out"] == "ok")
        assert 0 <= outcome.limit / 10 - case["expected_max_rssi_computed"] < 0.15


def test_a_lower_ordered_power_lowers_the_bound_by_as_much() -> None:
    for lower_db in range(9):
        challenge = replace(CHALLENGE, conducted_power_dbm=14 - lower_db)
        bound = compute_strongest_signal_ddbm(build_witness({"challenge": challenge}))
        assert bound == STRONGEST - COVERAGE.signal_tolerance_ddb - 10 * lower_db


@pytest.mark.parametrize(
    ("spreading_factor", "hip127_dbm"),
    [(7, -123), (8, -126), (9, -129), (10, -132), (11, -134.5), (12, -137)],
)
def test_sensitivity_is_within_two_decibels_of_the_published(
    shared: Path, spreading_factor: int, hip127_dbm: float
) -> None:
    values = json.loads((shared / "vectors/chain/snr_rssi_limits.json").read_text())
    assert values["sf_sensitivity_dBm_HIP127"]["values"][f"SF{spreading_factor}"] == hip127_dbm
    challenge = replace(CHALLENGE, spreading_factor=spreading_factor)
    outcome = is_signal_above_sensitivity(build_witness({"challenge": challenge}))
    assert abs(outcome.limit / 10 + COVERAGE.sensitivity_tolerance_ddb / 10 - hip127_dbm) <= 1.6


def test_swapped_positions_change_the_verdict() -> None:
    near = find_cells_apart(8)
    strong = compute_strongest_signal_ddbm(build_witness({"location": near}))
    assert compute_verdict(WITNESS_RULES, build_witness({"location": near}, signal_ddbm=strong)).ok
    assert compute_verdict(WITNESS_RULES, build_witness(signal_ddbm=strong)).reason is Reason.BAD_RSSI
    assert compute_cells_apart(near, CHALLENGE.location, 11, 100) == 8
