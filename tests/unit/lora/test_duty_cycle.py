"""The sliding hour: against a brute-force sum over every hour, and at its edges."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardware.lora.duty_cycle import WINDOW_US, DutyCycle, Transmission, compute_budget_us
from hardware.lora.regions import get_region

EU868 = get_region("EU868")
HOME_HZ = 868_100_000
SECOND = 1_000_000


def sum_worst_hour(transmissions: list[Transmission]) -> int:
    """Airtime of the fullest hour, counted exactly by overlap, over all hours that matter."""
    edges = [end for sent in transmissions for end in (sent.end_us, sent.start_us + WINDOW_US)]
    return max(
        (
            sum(max(0, min(end, sent.end_us) - max(end - WINDOW_US, sent.start_us)) for sent in transmissions)
            for end in edges
        ),
        default=0,
    )


def test_budgets() -> None:
    budgets = {
        frequency_hz: compute_budget_us(band)
        for frequency_hz in (868_100_000, 863_500_000, 869_525_000)
        if (band := EU868.get_sub_band(frequency_hz)) is not None
    }
    assert budgets == {868_100_000: 36 * SECOND, 863_500_000: 3_600_000, 869_525_000: 360 * SECOND}


def test_fills_up_and_frees_again() -> None:
    cycle = DutyCycle(EU868)
    for index in range(36):
        frame = Transmission(index * 10 * SECOND, SECOND, HOME_HZ)
        assert cycle.decide(frame).is_allowed, index
        cycle = cycle.add(frame)
    refused = cycle.decide(Transmission(400 * SECOND, SECOND, HOME_HZ))
    assert (refused.is_allowed, refused.reason, refused.used_us, refused.budget_us) == (
        False, "duty_cycle", 36 * SECOND, 36 * SECOND,
    )  # fmt: skip
    # The first frame ended at second 1: it leaves the hour one hour later.
    assert refused.earliest_start_us == WINDOW_US + SECOND - 1
    assert cycle.decide(Transmission(refused.earliest_start_us, SECOND, HOME_HZ)).is_allowed
    assert not cycle.decide(Transmission(refused.earliest_start_us - 1, SECOND, HOME_HZ)).is_allowed
    # Other sub-bands have budgets of their own.
    assert cycle.decide(Transmission(400 * SECOND, SECOND, 867_100_000)).is_allowed
    assert cycle.decide(Transmission(400 * SECOND, SECOND, 869_525_000)).is_allowed


def test_planned_transmissions_count() -> None:
    later = Transmission(1800 * SECOND, 36 * SECOND, HOME_HZ)
    cycle = DutyCycle(EU868).add(later)
    assert not cycle.decide(Transmission(0, SECOND, HOME_HZ)).is_allowed
    assert cycle.remove(later).decide(Transmission(0, SECOND, HOME_HZ)).is_allowed
    assert cycle.remove(Transmission(1, 1, HOME_HZ)) == cycle


def test_other_laws() -> None:
    cycle = DutyCycle(EU868)
    assert cycle.decide(Transmission(0, SECOND, 868_650_000)).reason == "no_sub_band"
    assert cycle.decide(Transmission(0, SECOND, HOME_HZ), eirp_ddbm=161).is_allowed
    assert cycle.decide(Transmission(0, SECOND, HOME_HZ), eirp_ddbm=162).reason == "eirp"
    never = cycle.decide(Transmission(0, 37 * SECOND, HOME_HZ))
    assert (never.reason, never.earliest_start_us) == ("duty_cycle", None)
    american = DutyCycle(get_region("US915"))
    assert american.decide(Transmission(0, 400_000, 903_900_000)).is_allowed
    assert american.decide(Transmission(0, 400_001, 903_900_000)).reason == "dwell_time"


def test_prune_keeps_what_counts() -> None:
    old, new = Transmission(0, SECOND, HOME_HZ), Transmission(10 * SECOND, SECOND, HOME_HZ)
    cycle = DutyCycle(EU868).add(new, old)
    assert cycle.transmissions == (old, new)
    assert cycle.prune(WINDOW_US + SECOND).transmissions == (new,)
    assert cycle.prune(WINDOW_US + SECOND - 1) == cycle
    band = EU868.get_sub_band(HOME_HZ)
    assert band is not None
    assert cycle.compute_used_us(band, 20 * SECOND) == 2 * SECOND
    assert cycle.compute_used_us(band, WINDOW_US + SECOND) == SECOND


@settings(max_examples=150, deadline=None)
@given(wishes=st.lists(st.tuples(st.integers(0, 9000), st.integers(1, 12)), min_size=1, max_size=40))
def test_no_hour_ever_exceeds_the_budget(wishes: list[tuple[int, int]]) -> None:
    """Whatever is asked in whatever order, what was allowed keeps the law in every hour."""
    cycle, allowed = DutyCycle(EU868), []
    for start_s, length_s in wishes:
        frame = Transmission(start_s * SECOND, length_s * SECOND, HOME_HZ)
        decision = cycle.decide(frame)
        if not decision.is_allowed:
            earliest_us = decision.earliest_start_us
            assert earliest_us is not None and earliest_us > frame.start_us
            frame = Transmission(earliest_us, frame.time_on_air_us, HOME_HZ)
            assert cycle.decide(frame).is_allowed
        cycle = cycle.add(frame)
        allowed.append(frame)
    assert sum_worst_hour(allowed) <= 36 * SECOND


@given(st.lists(st.integers(0, 200), max_size=30))
def test_refuses_no_more_than_a_frame_too_early(starts_s: list[int]) -> None:
    """Within one hour there is no rounding: exactly 36 seconds fit."""
    cycle, sent = DutyCycle(EU868), 0
    for start_s in starts_s:
        frame = Transmission(start_s * SECOND, 5 * SECOND, HOME_HZ)
        assert cycle.decide(frame).is_allowed == (sent + 5 <= 36)
        if sent + 5 <= 36:
            cycle, sent = cycle.add(frame), sent + 5


@pytest.mark.parametrize("region_name", ["US915", "IN865"])
def test_no_duty_cycle_no_refusal(region_name: str) -> None:
    region = get_region(region_name)
    cycle = DutyCycle(region).add(
        *(Transmission(index * SECOND, 390_000, region.home_frequency_hz) for index in range(1000))
    )
    assert cycle.decide(Transmission(SECOND, 390_000, region.home_frequency_hz)).is_allowed
