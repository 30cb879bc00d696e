"""Who must beacon when and how."""

from hashlib import sha256

import h3.api.basic_int as h3
import pytest
from msgspec.structs import replace

from chain.coverage.challenges import (
    PlacedHotspot,
    compute_challenges,
    compute_conducted_power_dbm,
    compute_slots,
)
from chain.coverage.parameters import CoverageParameters
from hardware.lora.airtime import compute_time_on_air_us

DEMO = CoverageParameters(round_ms=30_000, beacon_period_rounds=1)
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


def test_order_of_input_and_repeats_change_nothing() -> None:
    hotspots = build_hotspots(5)
    expected = compute_challenges(ENTROPY, hotspots, DEMO, OPENS_AT_MS)
    assert compute_challenges(ENTROPY, [*reversed(hotspots), hotspots[2]], DEMO, OPENS_AT_MS) == expected


def test_another_entropy_gives_another_order() -> None:
    orders = {
        tuple(c.hotspot for c in compute_challenges(sha256(bytes([n])).digest(), build_hotspots(4), DEMO, 0))
        for n in range(20)
    }
    assert len(orders) > 5


def test_a_full_neighbourhood_leaves_the_rest_out() -> None:
    slots = compute_slots(DEMO, DEMO.round_ms)
    assert slots == 10
    challenges = compute_challenges(ENTROPY, build_hotspots(25), DEMO, OPENS_AT_MS)
    assert len(challenges) == slots
    assert len({c.at_ms for c in challenges}) == slots
    assert max(c.at_ms for c in challenges) <= OPENS_AT_MS + DEMO.round_ms - DEMO.closing_margin_ms


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
        ENTROPY, build_hotspots(25), DEMO, OPENS_AT_MS + 10_000, OPENS_AT_MS + DEMO.round_ms
    )
    assert len(late) == 5
    assert max(c.at_ms for c in late) <= OPENS_AT_MS + 24_000
    for left_ms, slots in ((6_000, 0), (6_001, 1), (12_000, 1), (14_000, 2)):
        late = compute_challenges(ENTROPY, build_hotspots(25), DEMO, OPENS_AT_MS, OPENS_AT_MS + left_ms)
        assert len(late) == slots


def test_a_hotspot_is_drawn_once_in_a_period_on_average() -> None:
    parameters = replace(DEMO, beacon_period_rounds=10)
    hotspots = build_hotspots(1)
    rounds = 3000
    drawn = sum(
        len(compute_challenges(sha256(round.to_bytes(4, "big")).digest(), hotspots, parameters, 0))
        for round in range(rounds)
    )
    assert 240 < drawn < 360


@pytest.mark.parametrize(
    ("gain_ddbi", "power_dbm"), [(21, 14), (10, 15), (11, 15), (12, 14), (150, 1), (165, -1), (-50, 20)]
)
def test_power_keeps_the_eirp_and_the_boards_limit(gain_ddbi: int, power_dbm: int) -> None:
    assert compute_conducted_power_dbm(gain_ddbi, DEMO) == power_dbm
    assert power_dbm * 10 + gain_ddbi <= DEMO.max_eirp_ddbm or power_dbm == 20


def test_a_beacon_fits_its_slot_and_keeps_the_duty_cycle() -> None:
    airtime_us = compute_time_on_air_us(52, DEMO.beacon_spreading_factor, DEMO.beacon_bandwidth_hz)
    assert airtime_us // 1000 * 2 < DEMO.slot_interval_ms
    assert airtime_us * 100 <= DEMO.round_ms * 1000  # 1 % of the sub-band, one beacon a round
