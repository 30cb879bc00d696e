"""Rounds on the ledger: reports in, verdicts and totals out."""

from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from chain.blocks.reports import ReceivedReport
from chain.coverage.claims import parse_claim
from chain.coverage.position import compute_distance_um
from chain.coverage.process import open_round, process_report, process_round_close
from chain.coverage.reasons import Reason
from chain.coverage.reports import decode_report, encode_report
from chain.coverage.selection import compute_entropy_contribution, is_apart, select_witnesses
from chain.coverage.tables import (
    ACTIVE,
    BEACON_REPORTS,
    BEACON_TOTALS,
    CHALLENGES,
    CLAIMS,
    REPORT_COUNTS,
    WITNESS_REPORTS,
    WITNESS_TOTALS,
    BeaconTotal,
    ReportCount,
    WitnessTotal,
    get_challenges,
    get_entropy_contribution,
    get_epoch_key,
    get_open_round,
    get_pair_key,
)
from chain.keys.keypair import Keypair
from chain.ledger.events import Event
from chain.ledger.tables import EXCLUSIONS, HOTSPOTS, Exclusion
from chain.rewards.reward_units import compute_beacon_units, compute_witness_units
from tests.unit.coverage.test_reports import build_session
from tests.unit.coverage.town import (
    GENESIS_MS,
    PARAMETERS,
    Town,
    build_claim,
    change_coverage,
    claim_and_open,
    get_place,
    receive,
)

COVERAGE = PARAMETERS.coverage
EPOCH_0 = get_epoch_key(0)


@pytest.fixture
def town() -> Town:
    return Town()


def get_one(events: list[Event]) -> dict[str, Any]:
    assert len(events) == 1
    return events[0].fields


def run_honest_round(town: Town, round: int = 0, epoch: int = 0) -> list[Event]:
    """Everybody beacons and everybody else hears it."""
    context = town.open(round, epoch)
    for key in town.keys:
        at_ms = town.get_arrival_ms(key)
        assert town.take(context, town.build_beacon(key), key, at_ms) == []
        for other in town.keys:
            if other is not key:
                assert town.take(context, town.build_witness(other, key), other, at_ms + 50) == []
    return process_round_close(town.state, context)


def test_a_round_opens_with_challenges_for_placed_hotspots(town: Town) -> None:
    unplaced = town.keys[2].public_key.binary
    row = town.state.get(HOTSPOTS, unplaced)
    assert row is not None
    town.state.put(HOTSPOTS, unplaced, replace(row, location=0))
    context = town.get_context()
    event = get_one(open_round(town.state, context))
    assert event["round"] == 0 and event["challenges"] == 2 and event["entropy"] == context.entropy
    challenges = get_challenges(town.state)
    assert {c.hotspot for c in challenges} == {key.public_key.binary for key in town.keys[:2]}
    assert [c.at_ms for c in challenges] == [GENESIS_MS + 6_000, GENESIS_MS + 8_000]
    opened = get_open_round(town.state)
    assert opened is not None
    assert (opened.timestamp_s, opened.closes_at_ms) == (GENESIS_MS // 1000, GENESIS_MS + 30_000)


def test_an_honest_round_pays_everybody(town: Town) -> None:
    events = run_honest_round(town)
    assert all(event.fields["ok"] for event in events)
    assert sorted(event.kind for event in events) == ["beacon_verdict"] * 3 + ["witness_verdict"] * 6
    beacon = next(event.fields for event in events if event.kind == "beacon_verdict")
    assert (beacon["witnesses"], beacon["selected"], beacon["units"]) == (2, 2, 5_000)
    witness = next(event.fields for event in events if event.kind == "witness_verdict")
    assert witness["reason"] == "none" and witness["units"] == 10_000 and witness["selected"]
    assert 1_000 < witness["distance_m"] < 3_500
    assert (witness["signal_ddbm"], witness["snr_ddb"]) == (-1050, -20)
    for key in town.keys:
        hotspot = key.public_key.binary
        assert town.state.get(BEACON_TOTALS, EPOCH_0 + hotspot) == BeaconTotal(5_000, 1, 1)
        for other in town.keys:
            total = town.state.get(WITNESS_TOTALS, EPOCH_0 + other.public_key.binary + hotspot)
            assert total == (None if other is key else WitnessTotal(10_000, 1))
    assert len(list(town.state.iterate(ACTIVE, EPOCH_0))) == 3


def test_a_closed_round_leaves_only_totals_and_its_contribution(town: Town) -> None:
    run_honest_round(town)
    for table in (BEACON_REPORTS, WITNESS_REPORTS, REPORT_COUNTS, CHALLENGES, CLAIMS):
        assert list(town.state.iterate(table)) == []  # type: ignore[arg-type]
    assert get_open_round(town.state) is None
    secrets = [(key.public_key.binary, town.get_local_entropy(key)) for key in town.keys]
    assert get_entropy_contribution(town.state) == compute_entropy_contribution(secrets)


def test_rounds_add_up_within_an_epoch_and_not_beyond(town: Town) -> None:
    run_honest_round(town, 0)
    run_honest_round(town, 1)
    run_honest_round(town, 2, epoch=1)
    hotspot = town.keys[0].public_key.binary
    assert town.state.get(BEACON_TOTALS, EPOCH_0 + hotspot) == BeaconTotal(10_000, 2, 2)
    assert town.state.get(BEACON_TOTALS, get_epoch_key(1) + hotspot) == BeaconTotal(5_000, 1, 1)


def test_a_beacon_that_nobody_heard_is_valid_and_worth_nothing(town: Town) -> None:
    context = town.open()
    key = town.keys[0]
    town.take(context, town.build_beacon(key), key, town.get_arrival_ms(key))
    event = get_one(process_round_close(town.state, context))
    assert event["ok"] and event["units"] == 0 and event["witnesses"] == 0
    assert town.state.get(BEACON_TOTALS, EPOCH_0 + key.public_key.binary) == BeaconTotal(0, 1, 0)
    assert list(town.state.iterate(ACTIVE)) == []


def test_a_refused_beacon_takes_its_witnesses_with_it(town: Town) -> None:
    context = town.open()
    key, other = town.keys[:2]
    at_ms = town.get_arrival_ms(key)
    town.take(context, town.build_beacon(key, tx_power=20), key, at_ms)
    town.take(context, town.build_witness(other, key), other, at_ms)
    first, second = process_round_close(town.state, context)
    assert (first.kind, first.fields["reason"]) == ("beacon_verdict", "invalid_power")
    assert (first.fields["measured"], first.fields["limit"]) == (20, 14)
    assert (second.kind, second.fields["reason"]) == ("witness_verdict", "beacon_invalid")
    assert second.fields["beaconer"] == key.public_key.binary
    assert list(town.state.iterate(WITNESS_TOTALS)) == list(town.state.iterate(BEACON_TOTALS)) == []
    assert get_entropy_contribution(town.state) == b""


def test_a_witness_of_nothing(town: Town) -> None:
    context = town.open()
    key, other = town.keys[:2]
    town.take(context, town.build_witness(other, key), other, town.get_arrival_ms(key))
    event = get_one(process_round_close(town.state, context))
    assert event["reason"] == "beacon_unknown" and event["beaconer"] == b""


def test_a_copied_beacon_report_is_a_duplicate(town: Town) -> None:
    context = town.open()
    key, copier = town.keys[:2]
    original = town.build_beacon(key)
    late_ms = max(town.get_arrival_ms(key), town.get_arrival_ms(copier)) + 10
    town.take(context, original, key, late_ms - 1)
    copied = town.build_beacon(copier, local_entropy=original.local_entropy, data=original.data)
    town.take(context, copied, copier, late_ms)
    verdicts = {
        event.fields["hotspot"]: event.fields["reason"] for event in process_round_close(town.state, context)
    }
    assert verdicts[key.public_key.binary] == "none"
    assert verdicts[copier.public_key.binary] == "duplicate"


def test_what_is_refused_at_the_door_is_not_stored(town: Town) -> None:
    context = town.open()
    key, other = town.keys[:2]
    at_ms, told_at_ms = town.get_arrival_ms(key), town.get_round().openings_from_ms
    stranger = Keypair(sha256(b"stranger").digest())
    claim, honest = claim_and_open(town.build_witness(other, key), other, at_ms, told_at_ms)
    assert process_report(town.state, context, claim) == []
    forged, forged_opening = claim_and_open(town.build_witness(other, key), key, at_ms, told_at_ms)
    strange, _ = claim_and_open(town.build_witness(stranger, key), stranger, at_ms, told_at_ms)
    envelope = decode_report(claim.report_bytes)
    for received, reason in (
        (forged, "bad_signature"),
        (forged_opening, "bad_signature"),
        (strange, "gateway_not_found"),
        (ReceivedReport("witness", b"\x00", at_ms, b""), "malformed"),
        (ReceivedReport("claim", b"\x00", at_ms, b""), "malformed"),
        (ReceivedReport("beacon", honest.report_bytes, told_at_ms, b""), "malformed"),
        (ReceivedReport("claim", encode_report(envelope.report, nonce=b"n" * 16), at_ms, b""), "malformed"),
        (replace(claim, received_at_ms=GENESIS_MS - 1), "entropy_expired"),
        (replace(claim, received_at_ms=told_at_ms), "claim_late"),
        (replace(honest, received_at_ms=GENESIS_MS - 1), "entropy_expired"),
        (replace(honest, received_at_ms=told_at_ms - 1), "opening_early"),
        (replace(honest, received_at_ms=GENESIS_MS + 30_001), "opening_late"),
        (receive(town.build_witness(other, key), other, at_ms), "claim_missing"),
    ):
        event = get_one(process_report(town.state, context, received))
        assert event["reason"] == reason and not event["ok"] and event["round"] == 0
    assert list(town.state.iterate(WITNESS_REPORTS)) == []
    counts = town.state.get(REPORT_COUNTS, other.public_key.binary)
    assert counts == ReportCount(reports=0, claims=1)
    assert process_report(town.state, context, honest) == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"capability": 1}, "invalid_capability"),
        ({"status": 1}, "invalid_capability"),
        ({"location": 0}, "not_asserted"),
    ],
)
def test_a_hotspot_that_takes_no_part_is_refused(town: Town, change: dict[str, int], reason: str) -> None:
    context = town.open()
    key = town.keys[0]
    row = town.state.get(HOTSPOTS, key.public_key.binary)
    assert row is not None
    town.state.put(HOTSPOTS, key.public_key.binary, replace(row, **change))
    refused = town.take(context, town.build_beacon(key), key, town.get_arrival_ms(key))
    assert [event.fields["reason"] for event in refused] == [reason, reason]
    # ... and isn't drawn any more, whatever the entropy.
    process_round_close(town.state, context)
    town.open(1)
    assert key.public_key.binary not in {c.hotspot for c in get_challenges(town.state)}


def test_an_excluded_hotspot_is_told_until_when_and_by_what(town: Town) -> None:
    context = town.open()
    key = town.keys[0]
    exclusion = Exclusion(until_epoch=3, code=2, evidence_hash=b"e" * 32)
    town.state.put(EXCLUSIONS, key.public_key.binary, exclusion)
    claim, _ = town.take(context, town.build_beacon(key), key, town.get_arrival_ms(key))
    assert (claim.kind, claim.fields["reason"]) == ("claim_verdict", "denied")
    assert (claim.fields["measured"], claim.fields["limit"]) == (0, 3)
    assert claim.fields["evidence"] == b"e" * 32
    process_round_close(town.state, context)
    town.open(1)
    assert key.public_key.binary not in {c.hotspot for c in get_challenges(town.state)}
    town.open(12, epoch=3)
    assert key.public_key.binary in {c.hotspot for c in get_challenges(town.state)}


def test_an_excluded_pair_counts_for_nothing_and_others_are_untouched(town: Town) -> None:
    key, other = town.keys[:2]
    pair = get_pair_key(other.public_key.binary, key.public_key.binary)
    town.state.put(EXCLUSIONS, pair, Exclusion(until_epoch=1, code=1, evidence_hash=b"e" * 32))
    events = [event.fields for event in run_honest_round(town) if event.kind == "witness_verdict"]
    denied = [fields for fields in events if not fields["ok"]]
    assert {(fields["hotspot"], fields["beaconer"]) for fields in denied} == {
        (key.public_key.binary, other.public_key.binary),
        (other.public_key.binary, key.public_key.binary),
    }
    assert {(fields["reason"], fields["evidence"]) for fields in denied} == {("denied_edge", b"e" * 32)}
    assert len(events) - len(denied) == 4
    later = run_honest_round(town, 4, epoch=1)
    assert all(event.fields["ok"] for event in later)


def test_a_second_report_about_one_beacon_is_a_duplicate(town: Town) -> None:
    context = town.open()
    key, other = town.keys[:2]
    at_ms, told_at_ms = town.get_arrival_ms(key), town.get_round().openings_from_ms
    first = town.build_witness(other, key)
    assert town.take(context, first, other, at_ms) == []
    # Claiming is free, telling a second measurement isn't.
    again = town.take(context, town.build_witness(other, key, signal=-900), other, at_ms + 1)
    assert get_one(again)["reason"] == "duplicate"
    claim, _ = claim_and_open(first, other, at_ms + 2, told_at_ms)
    assert get_one(process_report(town.state, context, claim))["reason"] == "duplicate"
    assert town.take(context, town.build_beacon(key), key, at_ms) == []
    assert (
        get_one(town.take(context, town.build_beacon(key, tx_power=3), key, at_ms))["reason"] == "duplicate"
    )
    assert process_round_close(town.state, context)[0].fields["witnesses"] == 1


def test_a_claim_that_is_never_opened_is_public_and_changes_nothing_for_others(town: Town) -> None:
    expected = run_honest_round(Town())
    context = town.open()
    silent = build_claim(town.keys[0].public_key.binary, b"c" * 32, town.keys[0], GENESIS_MS + 7_000)
    assert process_report(town.state, context, silent) == []
    for key in town.keys:
        at_ms = town.get_arrival_ms(key)
        town.take(context, town.build_beacon(key), key, at_ms)
        for other in town.keys:
            if other is not key:
                town.take(context, town.build_witness(other, key), other, at_ms + 50)
    *verdicts, unopened = process_round_close(town.state, context)
    assert verdicts == expected
    assert unopened.kind == "claim_unopened"
    assert unopened.fields["hotspot"] == town.keys[0].public_key.binary
    assert (unopened.fields["commitment"], unopened.fields["reason"]) == (b"c" * 32, "claim_unopened")
    assert unopened.fields["received_at_ms"] == GENESIS_MS + 7_000


def test_nobody_opens_anothers_claim_as_its_own(town: Town) -> None:
    """Who copies a commitment has nothing to open it with; who copies a report is too late to claim it."""
    context = town.open()
    key, other, thief = town.keys
    at_ms, told_at_ms = town.get_arrival_ms(key), town.get_round().openings_from_ms
    town.take(context, town.build_beacon(key), key, at_ms)
    claim, opening = claim_and_open(town.build_witness(other, key), other, at_ms + 20, told_at_ms)
    copied = parse_claim(decode_report(claim.report_bytes).report).commitment
    stolen = build_claim(thief.public_key.binary, copied, thief, at_ms + 21)
    for received in (claim, stolen, opening):
        assert process_report(town.state, context, received) == []
    again = get_one(process_report(town.state, context, replace(opening, received_at_ms=told_at_ms + 1)))
    assert again["reason"] == "duplicate" and again["hotspot"] == other.public_key.binary
    as_its_own = town.build_witness(thief, key)
    late, late_opening = claim_and_open(as_its_own, thief, told_at_ms + 2, told_at_ms + 3)
    assert get_one(process_report(town.state, context, late))["reason"] == "claim_late"
    assert get_one(process_report(town.state, context, late_opening))["reason"] == "claim_missing"
    events = process_round_close(town.state, context)
    assert [event.kind for event in events] == ["beacon_verdict", "witness_verdict", "claim_unopened"]
    assert events[2].fields["hotspot"] == thief.public_key.binary


@pytest.mark.parametrize("change", ["nonce", "signature", "session"])
def test_what_is_opened_must_be_what_was_claimed_to_the_last_byte(town: Town, change: str) -> None:
    context = town.open()
    key, other = town.keys[:2]
    at_ms, told_at_ms = town.get_arrival_ms(key), town.get_round().openings_from_ms
    message = town.build_witness(other, key)
    claim, _ = claim_and_open(message, other, at_ms, told_at_ms)
    process_report(town.state, context, claim)
    if change == "nonce":
        _, opening = claim_and_open(message, other, at_ms, told_at_ms, nonce=b"m" * 32)
    elif change == "signature":
        _, opening = claim_and_open(town.build_witness(other, key, signal=-1049), other, at_ms, told_at_ms)
    else:
        session = build_session(other, other)
        _, opening = claim_and_open(message, other, at_ms, told_at_ms, session)
    assert get_one(process_report(town.state, context, opening))["reason"] == "claim_missing"


def test_a_session_key_may_sign_claim_and_report(town: Town) -> None:
    context = town.open()
    key = town.keys[0]
    session_key = Keypair(sha256(b"session").digest())
    session = build_session(key, session_key)
    at_ms, told_at_ms = town.get_arrival_ms(key), town.get_round().openings_from_ms
    for received in claim_and_open(town.build_beacon(key), session_key, at_ms, told_at_ms, session):
        assert process_report(town.state, context, received) == []
    assert get_one(process_round_close(town.state, context))["ok"]


def test_the_lag_goes_by_the_claims_and_not_by_the_openings(town: Town) -> None:
    context = town.open()
    key, other, third = town.keys
    at_ms = town.get_arrival_ms(key)
    town.take(context, town.build_beacon(key), key, at_ms, told_ms=5_000)
    town.take(context, town.build_witness(other, key), other, at_ms + 4_000, told_ms=0)
    town.take(context, town.build_witness(third, key), third, at_ms + 4_001, told_ms=0)
    events = {
        event.fields["hotspot"]: event.fields
        for event in process_round_close(town.state, context)
        if event.kind == "witness_verdict"
    }
    assert events[other.public_key.binary]["ok"]
    assert events[other.public_key.binary]["claimed"]
    assert events[other.public_key.binary]["received_at_ms"] == at_ms + 4_000
    assert events[other.public_key.binary]["told_at_ms"] == town_openings_ms()
    late = events[third.public_key.binary]
    assert (late["reason"], late["measured"], late["limit"]) == ("too_late", 4_001, 4_000)


def town_openings_ms() -> int:
    return GENESIS_MS + 20_000


def test_a_hotspots_share_of_the_round_is_bounded() -> None:
    town = Town(2, change_coverage(maximum_reports_per_hotspot=3))
    context = town.open()
    key, other = town.keys
    at_ms, told_at_ms = town.get_arrival_ms(key), town.get_round().openings_from_ms
    claims, openings = [], []
    for at in range(5):
        message = town.build_witness(other, key, data=bytes([at]) * 51)
        claim, opening = claim_and_open(message, other, at_ms, told_at_ms)
        for received, reasons in ((claim, claims), (opening, openings)):
            events = process_report(town.state, context, received)
            reasons.append(events[0].fields["reason"] if events else "stored")
    assert claims == ["stored"] * 3 + ["too_many_reports"] * 2
    assert openings == ["stored"] * 3 + ["claim_missing"] * 2
    # Another hotspot still has its own share.
    assert town.take(context, town.build_beacon(key), key, at_ms) == []


def test_no_report_counts_before_the_first_round(town: Town) -> None:
    assert process_report(town.state, town.get_context(), ReceivedReport("beacon", b"", 0, b"")) == []
    assert process_round_close(town.state, town.get_context()) == []


def test_at_most_fourteen_witnesses_are_rewarded_and_the_draw_is_not_by_arrival() -> None:
    town = Town(18)
    context = town.open()
    key = town.get_key(get_challenges(town.state)[0].hotspot)
    at_ms = town.get_arrival_ms(key)
    town.take(context, town.build_beacon(key), key, at_ms)
    others = [other for other in town.keys if other is not key]
    for late_ms, other in enumerate(others):
        message = town.build_witness(other, key, signal=-1250)
        town.take(context, message, other, at_ms + 1 + late_ms)
    beacon, *witnesses = [event.fields for event in process_round_close(town.state, context)]
    valid = [witness for witness in witnesses if witness["ok"]]
    assert len(valid) >= 15
    selected = [witness for witness in witnesses if witness["selected"]]
    assert len(selected) == 14 and beacon["selected"] == 14 and beacon["witnesses"] == len(valid)
    assert beacon["units"] == compute_beacon_units(14)
    assert {witness["units"] for witness in selected} == {compute_witness_units(14)}
    assert all(witness["units"] == 0 for witness in witnesses if not witness["selected"])
    first = sorted(valid, key=lambda witness: int(witness["received_at_ms"]))[:14]
    assert {w["hotspot"] for w in selected} != {w["hotspot"] for w in first}


def test_an_early_false_witness_does_not_shorten_the_time_of_the_honest(town: Town) -> None:
    context = town.open()
    key, other, third = town.keys
    at_ms = town.get_arrival_ms(key)
    town.take(context, town.build_witness(key, key), key, at_ms - 50)
    town.take(context, town.build_witness(third, key), third, at_ms - 2_500)
    town.take(context, town.build_beacon(key), key, at_ms)
    town.take(context, town.build_witness(other, key), other, at_ms + 3_900)
    reasons = {
        (event.kind, event.fields["hotspot"]): event.fields["reason"]
        for event in process_round_close(town.state, context)
    }
    assert reasons["witness_verdict", other.public_key.binary] == "none"
    assert reasons["witness_verdict", key.public_key.binary] == "self_witness"
    assert reasons["witness_verdict", third.public_key.binary] == "too_early"


def test_the_location_at_the_report_counts_not_a_later_one(town: Town) -> None:
    context = town.open()
    key, other = town.keys[:2]
    at_ms = town.get_arrival_ms(key)
    town.take(context, town.build_beacon(key), key, at_ms)
    town.take(context, town.build_witness(other, key), other, at_ms)
    row = town.state.get(HOTSPOTS, other.public_key.binary)
    assert row is not None
    moved = replace(row, location=town.get_challenge(key).location)
    town.state.put(HOTSPOTS, other.public_key.binary, moved)
    events = process_round_close(town.state, context)
    assert [event.fields["ok"] for event in events] == [True, True]


@given(st.permutations(range(9)), st.permutations(range(9)))
@settings(max_examples=25, deadline=None)
def test_the_order_of_reports_in_blocks_changes_nothing(claimed: list[int], opened: list[int]) -> None:
    """Any order among the claims, any among the openings; a claim is in a block before its opening."""
    town = Town()
    context = town.open()
    told_at_ms = town.get_round().openings_from_ms
    reports = []
    for key in town.keys:
        at_ms = town.get_arrival_ms(key)
        reports.append(claim_and_open(town.build_beacon(key), key, at_ms, told_at_ms))
        reports += [
            claim_and_open(town.build_witness(other, key), other, at_ms + 50, told_at_ms)
            for other in town.keys
            if other is not key
        ]
    for at in claimed:
        assert process_report(town.state, context, reports[at][0]) == []
    for at in opened:
        assert process_report(town.state, context, reports[at][1]) == []
    assert process_round_close(town.state, context) == run_honest_round(Town())


def test_unclaimed_reports_count_as_weaker_evidence_where_they_count() -> None:
    town = Town(3, change_coverage(accept_unclaimed_reports=True, weak_evidence_ppm=300_000))
    context = town.open()
    key, direct, claimer = town.keys
    at_ms = town.get_arrival_ms(key)
    town.take(context, town.build_beacon(key), key, at_ms)
    town.take(context, town.build_witness(claimer, key), claimer, at_ms + 10)
    unclaimed = receive(town.build_witness(direct, key), direct, at_ms + 20)
    assert process_report(town.state, context, unclaimed) == []
    beacon, *witnesses = [event.fields for event in process_round_close(town.state, context)]
    assert (beacon["weak"], beacon["units"]) == (False, compute_beacon_units(2))
    units = {fields["hotspot"]: (fields["weak"], fields["units"]) for fields in witnesses}
    assert units[claimer.public_key.binary] == (False, 10_000)
    assert units[direct.public_key.binary] == (True, 3_000)
    total = town.state.get(WITNESS_TOTALS, EPOCH_0 + direct.public_key.binary + key.public_key.binary)
    assert total == WitnessTotal(3_000, 1)


def test_who_heard_an_unclaimed_beacon_is_weaker_evidence_too() -> None:
    town = Town(2, change_coverage(accept_unclaimed_reports=True))
    context = town.open()
    key, other = town.keys
    at_ms = town.get_arrival_ms(key)
    process_report(town.state, context, receive(town.build_beacon(key), key, at_ms))
    town.take(context, town.build_witness(other, key), other, at_ms)
    beacon, witness = [event.fields for event in process_round_close(town.state, context)]
    assert beacon["weak"] and beacon["units"] == compute_beacon_units(1) // 4
    assert witness["weak"] and witness["claimed"] and witness["units"] == 2_500
    # Its secret was public while others could still choose theirs: it has no say in the next entropy.
    assert get_entropy_contribution(town.state) == b""


def test_of_two_witnesses_in_one_place_chance_rewards_one() -> None:
    town = Town(3, change_coverage(minimum_witness_spacing_m=350))
    key = town.keys[0]
    rewarded = set()
    for round in range(12):
        context = town.open(round, round // 4)
        rows = [town.state.get(HOTSPOTS, hotspot.public_key.binary) for hotspot in town.keys]
        assert rows[1] is not None and rows[2] is not None
        town.state.put(HOTSPOTS, town.keys[2].public_key.binary, replace(rows[2], location=rows[1].location))
        at_ms = town.get_arrival_ms(key)
        town.take(context, town.build_beacon(key), key, at_ms)
        for other in town.keys[1:]:
            town.take(context, town.build_witness(other, key), other, at_ms)
        beacon, *witnesses = [event.fields for event in process_round_close(town.state, context)]
        assert (beacon["witnesses"], beacon["selected"]) == (2, 1)
        (chosen,) = [fields for fields in witnesses if fields["selected"]]
        (other_one,) = [fields for fields in witnesses if not fields["selected"]]
        assert other_one["ok"] and other_one["units"] == 0
        assert (chosen["unselected"], other_one["unselected"]) == ("", "witness_too_close")
        rewarded.add(chosen["hotspot"])
    assert len(rewarded) == 2


def test_a_verdict_says_what_was_ordered(town: Town) -> None:
    events = run_honest_round(town)
    beacon = next(event.fields for event in events if event.kind == "beacon_verdict")
    witness = next(event.fields for event in events if event.kind == "witness_verdict")
    assert (beacon["ordered_power_dbm"], beacon["ordered"], beacon["claimed"]) == (14, True, True)
    assert beacon["slot_at_ms"] < beacon["received_at_ms"] < beacon["told_at_ms"]
    assert (witness["ordered_power_dbm"], witness["spreading_factor"]) == (14, 8)


def spread_out(count: int) -> dict[bytes, int]:
    """So many witnesses, each a kilometre from the next."""
    return {bytes([at]) * 33: get_place(45.0 + at / 100, 5.7) for at in range(count)}


def test_the_draw_takes_everybody_in_turn() -> None:
    witnesses = spread_out(20)
    counts = dict.fromkeys(witnesses, 0)
    for at in range(400):
        outcome = select_witnesses(sha256(at.to_bytes(2, "big")).digest(), witnesses, COVERAGE)
        chosen = [witness for witness, reason in outcome.items() if reason is Reason.NONE]
        assert len(chosen) == 14 and set(outcome.values()) == {Reason.NONE, Reason.NOT_DRAWN}
        for witness in chosen:
            counts[witness] += 1
    assert min(counts.values()) > 240 and max(counts.values()) < 320
    assert set(select_witnesses(b"", spread_out(5), COVERAGE).values()) == {Reason.NONE}


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=30, unique=True),
    st.binary(max_size=32),
)
@settings(max_examples=40, deadline=None)
def test_no_two_rewarded_witnesses_are_nearer_than_the_spacing(
    places: list[tuple[int, int]], seed: bytes
) -> None:
    """And nobody is left out without one that is too near, or without a full draw."""
    witnesses = {
        bytes([at]) * 33: get_place(45 + north / 1_000, 5.7 + east / 1_000)
        for at, (north, east) in enumerate(places)
    }
    outcome = select_witnesses(seed, witnesses, COVERAGE)
    chosen = [witnesses[witness] for witness, reason in outcome.items() if reason is Reason.NONE]
    assert outcome.keys() == witnesses.keys() and len(chosen) <= 14
    for at, cell in enumerate(chosen):
        assert is_apart(cell, chosen[:at], 350)
    for witness, reason in outcome.items():
        if reason is Reason.WITNESS_TOO_CLOSE:
            assert not is_apart(witnesses[witness], chosen, 350)
        elif reason is Reason.NOT_DRAWN:
            assert len(chosen) == 14


def test_the_spacing_counts_from_its_bound() -> None:
    here = get_place(45.0, 5.7)
    there = get_place(45.0, 5.7045)
    distance_um = compute_distance_um(here, there)
    assert is_apart(here, [there], distance_um // 1_000_000)
    assert not is_apart(here, [there], distance_um // 1_000_000 + 1)
    assert is_apart(here, [], 350)


def test_the_contribution_depends_on_who_and_what_but_not_on_order() -> None:
    pairs = [(b"a" * 33, b"1" * 16), (b"b" * 33, b"2" * 16)]
    digest = compute_entropy_contribution(pairs)
    assert compute_entropy_contribution(reversed(pairs)) == digest
    swapped = [(b"a" * 33, b"2" * 16), (b"b" * 33, b"1" * 16)]
    assert compute_entropy_contribution(swapped) != digest
    assert compute_entropy_contribution([]) == b""
