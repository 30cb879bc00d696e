"""Rounds on the ledger: reports in, verdicts and totals out."""

from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from chain.blocks.reports import ReceivedReport
from chain.coverage.process import open_round, process_report, process_round_close
from chain.coverage.selection import compute_entropy_contribution, select_witnesses
from chain.coverage.tables import (
    ACTIVE,
    BEACON_REPORTS,
    BEACON_TOTALS,
    CHALLENGES,
    REPORT_COUNTS,
    WITNESS_REPORTS,
    WITNESS_TOTALS,
    BeaconTotal,
    WitnessTotal,
    get_challenges,
    get_entropy_contribution,
    get_epoch_key,
    get_open_round,
)
from chain.keys.keypair import Keypair
from chain.ledger.events import Event
from chain.ledger.tables import HOTSPOTS
from chain.rewards.reward_units import compute_beacon_units, compute_witness_units
from tests.unit.coverage.town import GENESIS_MS, Town, change_coverage, receive

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
        assert process_report(town.state, context, receive(town.build_beacon(key), key, at_ms)) == []
        for other in town.keys:
            if other is not key:
                witness = receive(town.build_witness(other, key), other, at_ms + 50)
                assert process_report(town.state, context, witness) == []
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
    for table in (BEACON_REPORTS, WITNESS_REPORTS, REPORT_COUNTS, CHALLENGES):
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
    process_report(town.state, context, receive(town.build_beacon(key), key, town.get_arrival_ms(key)))
    event = get_one(process_round_close(town.state, context))
    assert event["ok"] and event["units"] == 0 and event["witnesses"] == 0
    assert town.state.get(BEACON_TOTALS, EPOCH_0 + key.public_key.binary) == BeaconTotal(0, 1, 0)
    assert list(town.state.iterate(ACTIVE)) == []


def test_a_refused_beacon_takes_its_witnesses_with_it(town: Town) -> None:
    context = town.open()
    key, other = town.keys[:2]
    at_ms = town.get_arrival_ms(key)
    beacon = receive(town.build_beacon(key, tx_power=20), key, at_ms)
    process_report(town.state, context, beacon)
    process_report(town.state, context, receive(town.build_witness(other, key), other, at_ms))
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
    witness = receive(town.build_witness(other, key), other, town.get_arrival_ms(key))
    process_report(town.state, context, witness)
    event = get_one(process_round_close(town.state, context))
    assert event["reason"] == "beacon_unknown" and event["beaconer"] == b""


def test_a_copied_beacon_report_is_a_duplicate(town: Town) -> None:
    context = town.open()
    key, copier = town.keys[:2]
    original = town.build_beacon(key)
    late_ms = max(town.get_arrival_ms(key), town.get_arrival_ms(copier)) + 10
    process_report(town.state, context, receive(original, key, late_ms - 1))
    copied = town.build_beacon(copier, local_entropy=original.local_entropy, data=original.data)
    process_report(town.state, context, receive(copied, copier, late_ms))
    verdicts = {
        event.fields["hotspot"]: event.fields["reason"] for event in process_round_close(town.state, context)
    }
    assert verdicts[key.public_key.binary] == "none"
    assert verdicts[copier.public_key.binary] == "duplicate"


def test_what_is_refused_at_the_door_is_not_stored(town: Town) -> None:
    context = town.open()
    key, other = town.keys[:2]
    at_ms = town.get_arrival_ms(key)
    stranger = Keypair(sha256(b"stranger").digest())
    honest = receive(town.build_witness(other, key), other, at_ms)
    for received, reason in (
        (receive(town.build_witness(other, key), key, at_ms), "bad_signature"),
        (
            receive(town.build_witness(stranger, key), stranger, at_ms),
            "gateway_not_found",
        ),
        (ReceivedReport("witness", b"\x00", at_ms, b""), "malformed"),
        (ReceivedReport("beacon", honest.report_bytes, at_ms, b""), "malformed"),
        (replace(honest, received_at_ms=GENESIS_MS - 1), "entropy_expired"),
        (replace(honest, received_at_ms=GENESIS_MS + 30_001), "entropy_expired"),
    ):
        event = get_one(process_report(town.state, context, received))
        assert event["reason"] == reason and not event["ok"] and event["round"] == 0
    assert list(town.state.iterate(WITNESS_REPORTS)) == list(town.state.iterate(REPORT_COUNTS)) == []


def test_a_second_report_about_one_beacon_is_a_duplicate(town: Town) -> None:
    context = town.open()
    key, other = town.keys[:2]
    at_ms = town.get_arrival_ms(key)
    first = receive(town.build_witness(other, key), other, at_ms)
    assert process_report(town.state, context, first) == []
    again = receive(town.build_witness(other, key, signal=-900), other, at_ms + 1)
    assert get_one(process_report(town.state, context, again))["reason"] == "duplicate"
    beacon = receive(town.build_beacon(key), key, at_ms)
    assert process_report(town.state, context, beacon) == []
    assert get_one(process_report(town.state, context, beacon))["reason"] == "duplicate"
    events = process_round_close(town.state, context)
    assert [event.fields.get("signal_ddbm") for event in events] == [None, -1050]


def test_a_hotspots_share_of_the_round_is_bounded() -> None:
    town = Town(2, change_coverage(maximum_reports_per_hotspot=3))
    context = town.open()
    key, other = town.keys
    reasons = []
    for at in range(5):
        message = town.build_witness(other, key, data=bytes([at]) * 51)
        events = process_report(town.state, context, receive(message, other, town.get_arrival_ms(key)))
        reasons.append(events[0].fields["reason"] if events else "stored")
    assert reasons == ["stored"] * 3 + ["too_many_reports"] * 2
    # Another hotspot still has its own share.
    beacon = receive(town.build_beacon(key), key, town.get_arrival_ms(key))
    assert process_report(town.state, context, beacon) == []


def test_no_report_counts_before_the_first_round(town: Town) -> None:
    assert process_report(town.state, town.get_context(), ReceivedReport("beacon", b"", 0, b"")) == []
    assert process_round_close(town.state, town.get_context()) == []


def test_at_most_fourteen_witnesses_are_rewarded_and_the_draw_is_not_by_arrival() -> None:
    town = Town(18)
    context = town.open()
    key = town.get_key(get_challenges(town.state)[0].hotspot)
    at_ms = town.get_arrival_ms(key)
    process_report(town.state, context, receive(town.build_beacon(key), key, at_ms))
    others = [other for other in town.keys if other is not key]
    for late_ms, other in enumerate(others):
        message = town.build_witness(other, key, signal=-1250)
        process_report(town.state, context, receive(message, other, at_ms + 1 + late_ms))
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
    own = receive(town.build_witness(key, key), key, at_ms - 50)
    early = receive(town.build_witness(third, key), third, at_ms - 2_500)
    for received in (own, early, receive(town.build_beacon(key), key, at_ms)):
        process_report(town.state, context, received)
    process_report(town.state, context, receive(town.build_witness(other, key), other, at_ms + 3_900))
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
    process_report(town.state, context, receive(town.build_beacon(key), key, at_ms))
    process_report(town.state, context, receive(town.build_witness(other, key), other, at_ms))
    row = town.state.get(HOTSPOTS, other.public_key.binary)
    assert row is not None
    moved = replace(row, location=town.get_challenge(key).location)
    town.state.put(HOTSPOTS, other.public_key.binary, moved)
    events = process_round_close(town.state, context)
    assert [event.fields["ok"] for event in events] == [True, True]


@given(st.permutations(range(9)))
@settings(max_examples=25, deadline=None)
def test_the_order_of_reports_in_blocks_changes_nothing(order: list[int]) -> None:
    town = Town()
    context = town.open()
    reports = []
    for key in town.keys:
        at_ms = town.get_arrival_ms(key)
        reports.append(receive(town.build_beacon(key), key, at_ms))
        reports += [
            receive(town.build_witness(other, key), other, at_ms + 50)
            for other in town.keys
            if other is not key
        ]
    for at in order:
        assert process_report(town.state, context, reports[at]) == []
    assert process_round_close(town.state, context) == run_honest_round(Town())


def test_the_draw_takes_everybody_in_turn() -> None:
    witnesses = [bytes([at]) * 33 for at in range(20)]
    counts = dict.fromkeys(witnesses, 0)
    for at in range(400):
        chosen = select_witnesses(sha256(at.to_bytes(2, "big")).digest(), witnesses, 14)
        assert len(chosen) == 14
        for witness in chosen:
            counts[witness] += 1
    assert min(counts.values()) > 240 and max(counts.values()) < 320
    assert select_witnesses(b"", witnesses[:5], 14) == frozenset(witnesses[:5])


def test_the_contribution_depends_on_who_and_what_but_not_on_order() -> None:
    pairs = [(b"a" * 33, b"1" * 16), (b"b" * 33, b"2" * 16)]
    digest = compute_entropy_contribution(pairs)
    assert compute_entropy_contribution(reversed(pairs)) == digest
    swapped = [(b"a" * 33, b"2" * 16), (b"b" * 33, b"1" * 16)]
    assert compute_entropy_contribution(swapped) != digest
    assert compute_entropy_contribution([]) == b""
