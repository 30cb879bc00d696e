"""Who must beacon when and how."""

from collections import Counter
from hashlib import sha256

import h3.api.basic_int as h3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from chain.coverage.challenges import (
    PlacedHotspot,
    compute_challenges,
    compute_conducted_power_dbm,
    compute_slots,
)
from chain.coverage.parameters import CoverageParameters, RegionArea
from chain.coverage.region import compute_region
from chain.ledger.parameters import InvalidParameters, Parameters
from hardware.lora.airtime import compute_time_on_air_us
from hardware.lora.regions import get_region

DEMO = CoverageParameters(
    round_ms=30_000,
    opening_ms=7_500,
    beacon_period_rounds=1,
    beacon_spreading_factors=(8,),
    beacon_power_range_db=0,
)
AIR_MS = DEMO.round_ms - DEMO.opening_ms
ENTROPY = sha256(b"a round").digest()
TOWN = h3.latlng_to_cell(45.19, 5.72, 12)
OPENS_AT_MS = 1_700_000_000_000


def build_hotspots(count: int, location: int = TOWN) -> list[PlacedHotspot]:
    return [
        PlacedHotspot(b"\x11" + sha256(bytes([at % 256, at // 256])).digest(), location, 21)
        for at in range(count)
    ]


def test_three_hotspots_get_a_slot_each() -> None:
    challenges = compute_challenges(ENTROPY, build_hotspots(3), DEMO, OPENS_AT_MS)
    assert [c.at_ms - OPENS_AT_MS for c in challenges] == [6_000, 8_000, 10_000]
    assert {c.hotspot for c in challenges} == {p.hotspot for p in build_hotspots(3)}
    first = challenges[0]
    assert (first.frequency_hz, first.spreading_factor, first.bandwidth_hz) == (868_100_000, 8, 125_000)
    assert first.conducted_power_dbm == 14
    assert first.location == TOWN


def test_slots_go_by_the_order_of_the_draw() -> None:
    hotspots = build_hotspots(5)
    for order in (hotspots, hotspots[::-1]):
        challenges = compute_challenges(ENTROPY, order, DEMO, OPENS_AT_MS)
        assert [c.hotspot for c in challenges] == [placed.hotspot for placed in order]


def test_a_full_neighbourhood_leaves_the_rest_out() -> None:
    slots = compute_slots(DEMO, DEMO.round_ms)
    assert slots == 6
    challenges = compute_challenges(ENTROPY, build_hotspots(25), DEMO, OPENS_AT_MS)
    assert len(challenges) == slots
    assert len({c.at_ms for c in challenges}) == slots
    assert max(c.at_ms for c in challenges) <= OPENS_AT_MS + AIR_MS - DEMO.closing_margin_ms


def test_far_hotspots_share_a_slot_and_neighbouring_cells_do_not() -> None:
    near, far = build_hotspots(2)
    far = replace(far, location=h3.latlng_to_cell(48.85, 2.35, 12))
    challenges = compute_challenges(ENTROPY, [near, far], DEMO, OPENS_AT_MS)
    assert [c.at_ms for c in challenges] == [OPENS_AT_MS + 6_000] * 2
    cell = h3.cell_to_parent(TOWN, 5)
    for beside in h3.grid_ring(cell, 1):
        other = replace(far, location=h3.cell_to_center_child(beside, 12))
        assert len({c.at_ms for c in compute_challenges(ENTROPY, [near, other], DEMO, OPENS_AT_MS)}) == 2
    beyond = replace(far, location=h3.cell_to_center_child(h3.grid_ring(cell, 2)[0], 12))
    assert len({c.at_ms for c in compute_challenges(ENTROPY, [near, beyond], DEMO, OPENS_AT_MS)}) == 1


def test_a_late_round_has_fewer_slots() -> None:
    late = compute_challenges(
        ENTROPY, build_hotspots(25), DEMO, OPENS_AT_MS + 6_000, OPENS_AT_MS + DEMO.round_ms
    )
    assert len(late) == 3
    assert max(c.at_ms for c in late) <= OPENS_AT_MS + 16_500
    for left_ms, slots in ((13_684, 0), (13_685, 1), (19_500, 1), (21_499, 1), (21_500, 2)):
        late = compute_challenges(ENTROPY, build_hotspots(25), DEMO, OPENS_AT_MS, OPENS_AT_MS + left_ms)
        assert len(late) == slots, left_ms


@given(
    st.integers(1, 200_000),
    st.integers(0, 60_000),
    st.integers(0, 60_000),
    st.integers(0, 20_000),
    st.integers(1, 10_000),
)
def test_every_beacon_has_left_the_air_before_claims_are_opened(
    round_ms: int, opening_ms: int, first_slot_ms: int, closing_margin_ms: int, slot_interval_ms: int
) -> None:
    parameters = replace(
        CoverageParameters(),
        round_ms=round_ms,
        opening_ms=opening_ms,
        first_slot_ms=first_slot_ms,
        closing_margin_ms=closing_margin_ms,
        slot_interval_ms=slot_interval_ms,
    )
    slots = compute_slots(parameters, round_ms)
    if slots:
        last_ms = first_slot_ms + (slots - 1) * slot_interval_ms
        assert last_ms + parameters.compute_longest_airtime_ms() < round_ms - opening_ms
        assert slots == 1 or last_ms <= round_ms - opening_ms - closing_margin_ms


@pytest.mark.parametrize(
    ("gain_ddbi", "power_dbm"), [(21, 14), (10, 15), (11, 15), (12, 14), (150, 1), (165, -1), (-50, 20)]
)
def test_power_keeps_the_eirp_and_the_boards_limit(gain_ddbi: int, power_dbm: int) -> None:
    assert compute_conducted_power_dbm(gain_ddbi, DEMO) == power_dbm
    assert power_dbm * 10 + gain_ddbi <= DEMO.max_eirp_ddbm or power_dbm == 20


def test_asserting_more_gain_wins_no_power() -> None:
    """Conducted power and gain add up to the same for everybody, so that the signal rule is as strict."""
    for max_eirp_ddbm in (140, 161, 300, 360):
        sums = {
            compute_conducted_power_dbm(gain, DEMO, max_eirp_ddbm) * 10 + gain
            for gain in range(DEMO.minimum_gain_ddbi, DEMO.maximum_gain_ddbi + 1)
        }
        assert max(sums) - min(sums) < 10 and max(sums) <= max_eirp_ddbm


def test_the_entropy_deals_spreading_factor_and_power() -> None:
    parameters = replace(DEMO, beacon_spreading_factors=(7, 8, 9), beacon_power_range_db=8)
    (hotspot,) = build_hotspots(1)
    dealt = []
    for round in range(2_000):
        entropy = sha256(round.to_bytes(4, "big")).digest()
        (challenge,) = compute_challenges(entropy, [hotspot], parameters, OPENS_AT_MS)
        dealt.append((challenge.spreading_factor, challenge.conducted_power_dbm))
    counts = Counter(dealt)
    assert counts.keys() == {(factor, power) for factor in (7, 8, 9) for power in range(6, 15)}
    assert min(counts.values()) > 40 and max(counts.values()) < 120  # 74 of each, independent of each other


def test_a_step_never_asks_for_less_than_a_board_can_give() -> None:
    for gain_ddbi, lowered_db, power_dbm in ((21, 8, 6), (21, 12, 2), (21, 20, 2), (150, 0, 1), (150, 8, 1)):
        assert compute_conducted_power_dbm(gain_ddbi, DEMO, None, lowered_db) == power_dbm


@pytest.mark.parametrize("factors", [(8,), (7, 8, 9)])
def test_beacons_fit_their_slots_and_keep_the_duty_cycle(factors: tuple[int, ...]) -> None:
    parameters = replace(CoverageParameters(), beacon_spreading_factors=factors)
    airtime_us = max(compute_time_on_air_us(52, factor, 125_000) for factor in factors)
    assert airtime_us // 1000 * 2 < parameters.slot_interval_ms
    period_ms = DEMO.round_ms if factors == (8,) else parameters.round_ms * parameters.beacon_period_rounds
    assert airtime_us * 100 <= period_ms * 1000  # 1 % of the sub-band


def test_regions_by_place_have_their_own_channel_and_power() -> None:
    zurich, boston = h3.latlng_to_cell(47.4, 8.5, 12), h3.latlng_to_cell(42.4, -71.1, 12)
    pacific = h3.latlng_to_cell(0, -150, 12)
    parameters = replace(
        DEMO,
        region_areas=(
            RegionArea("EU868", (h3.cell_to_parent(zurich, 3),)),
            RegionArea("US915", (h3.cell_to_parent(boston, 0), h3.cell_to_parent(zurich, 1))),
        ),
    )
    assert [compute_region(cell, parameters) for cell in (zurich, boston, pacific)] == ["EU868", "US915", ""]
    placed = [PlacedHotspot(bytes([at]) * 33, cell, 21) for at, cell in enumerate((zurich, boston, pacific))]
    challenges = {c.hotspot[0]: c for c in compute_challenges(ENTROPY, placed, parameters, OPENS_AT_MS)}
    assert challenges.keys() == {0, 1}
    assert (challenges[0].frequency_hz, challenges[0].conducted_power_dbm) == (868_100_000, 14)
    us915 = get_region("US915")
    # 21 dBm EIRP: what a board gives with the least antenna, where the law would allow 36.
    assert (challenges[1].frequency_hz, challenges[1].conducted_power_dbm) == (us915.home_frequency_hz, 18)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"beacon_spreading_factors": ()}, "one or more"),
        ({"beacon_spreading_factors": (7, 13)}, "one or more"),
        ({"opening_ms": 60_000}, "less than round_ms"),
        ({"opening_ms": -1}, "less than round_ms"),
        ({"beacon_power_range_db": -1}, "negative"),
        ({"minimum_witness_spacing_m": -1}, "negative"),
        ({"weak_evidence_ppm": 1_000_001}, "0 to 1000000"),
        ({"unsolicited_interval_ms": 0}, "at least 1"),
        ({"accept_unsolicited_beacons": True}, "accept_unclaimed_reports"),
        ({"region_areas": (RegionArea("EU869", (1,)),)}, "EU869"),
        ({"region": "nowhere"}, "nowhere"),
    ],
)
def test_parameters_that_the_rules_cannot_work_with(change: dict[str, object], sentence: str) -> None:
    problem = replace(CoverageParameters(), **change).find_problem()
    assert problem is not None and sentence in problem
    with pytest.raises(InvalidParameters, match="coverage"):
        Parameters(coverage=replace(CoverageParameters(), **change)).validate()


def test_the_defaults_are_no_problem() -> None:
    assert CoverageParameters().find_problem() is None
    assert DEMO.find_problem() is None
