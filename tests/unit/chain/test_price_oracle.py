"""The price oracle: median of a majority, delay, expiry, rate and step limits. Numbers by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from chain.governance.price_oracle import process_price
from chain.ledger.parameters import Parameters
from chain.ledger.price import (
    PRICE,
    REPORTED_PRICES,
    Price,
    compute_counted_price,
    compute_majority,
    compute_median,
    compute_stepped_price,
    get_hxt_price,
    get_reported_prices,
)
from chain.ledger.tables import ONLY
from chain.transactions import InvalidTransaction, Reason, get_signers
from tests.unit.chain.governed_world import HOUR_MS, PARAMETERS, GovernedWorld, kinds

MINUTE_MS = 60_000
DOLLAR = 100_000_000
#: No step limit that matters: the median comes through at once.
UNSTEPPED = replace(PARAMETERS, price_max_change_ppm=1_000_000, hxt_price=50)


@pytest.mark.parametrize(
    ("prices", "median"),
    [
        ([7], 7),
        ([7, 9], 8),
        ([9, 7], 8),
        ([7, 10], 8),  # 8.5, rounded down
        ([1, 100, 3], 3),
        ([1, 2, 3, 4], 2),  # 2.5
        ([4, 1, 3, 2, 5], 3),
        ([1, 1, 1, 1_000_000], 1),
        ([2, 2, 4, 4], 3),
        ([10, 10, 10], 10),
        ([6, 1, 2, 5, 4, 3], 3),  # 3.5
        ([1, 10**15], 500_000_000_000_000),
    ],
)
def test_medians_by_hand(prices: list[int], median: int) -> None:
    assert compute_median(prices) == median


def test_nothing_has_no_median() -> None:
    with pytest.raises(ValueError, match="no median"):
        compute_median([])


def compute_median_of_helium(prices: list[int]) -> int:
    """`median/1` of blockchain_ledger_v1.erl:3241-3251 as it stands: odd and even swapped."""
    ordered, middle = sorted(prices), len(prices) // 2
    if len(prices) % 2:
        return (ordered[middle - 1] + ordered[middle]) // 2
    return ordered[middle - 1]


def test_vector_with_the_known_difference(shared: Path) -> None:
    """Helium's results are what its code gives; ours are the true medians."""
    vector = json.loads((shared / "vectors/chain/price_oracle.json").read_text())
    assert "swapped" in vector["bug"]
    assert len(vector["examples_python_of_upstream_behaviour"]) == 3
    for example in vector["examples_python_of_upstream_behaviour"]:
        assert compute_median_of_helium(example["prices"]) == example["L1_result"]
        assert compute_median(example["prices"]) == example["true_median"] != example["L1_result"]


PRICES = st.integers(1, 10**15)


@given(st.lists(PRICES, min_size=1, max_size=64))
def test_half_of_the_prices_are_on_each_side_of_the_median(prices: list[int]) -> None:
    median = compute_median(prices)
    assert 2 * sum(price <= median for price in prices) >= len(prices)
    assert 2 * sum(price >= median for price in prices) >= len(prices)
    assert median == compute_median(prices[::-1])
    assert min(prices) <= median <= max(prices)


@given(st.lists(PRICES, min_size=1, max_size=31), st.lists(PRICES, max_size=30))
def test_fewer_liars_than_honest_ones_stay_within_what_these_said(honest: list[int], lies: list[int]) -> None:
    lies = lies[: len(honest) - 1]
    assert min(honest) <= compute_median(honest + lies) <= max(honest)


@pytest.mark.parametrize(
    ("reporters", "majority"), [(0, 1), (1, 1), (2, 2), (3, 2), (4, 3), (5, 3), (9, 5), (64, 33)]
)
def test_majorities_by_hand(reporters: int, majority: int) -> None:
    assert compute_majority(reporters) == majority


@pytest.mark.parametrize(
    ("price", "median", "ppm", "stepped"),
    [
        (1000, 1000, 50_000, 1000),
        (1000, 1049, 50_000, 1049),
        (1000, 1050, 50_000, 1050),
        (1000, 1051, 50_000, 1050),
        (1000, 10**15, 50_000, 1050),
        (1000, 951, 50_000, 951),
        (1000, 950, 50_000, 950),
        (1000, 1, 50_000, 950),
        (19, 100, 50_000, 20),  # 0.95 is rounded down to nothing, but one step is always possible
        (1, 100, 1, 2),
        (2, 1, 1, 1),
        (1, 1, 1_000_000, 1),
        (5, 1, 1_000_000, 1),
        (5, 100, 1_000_000, 10),
    ],
)
def test_steps_by_hand(price: int, median: int, ppm: int, stepped: int) -> None:
    assert compute_stepped_price(price, median, ppm) == stepped


@given(PRICES, PRICES, st.integers(1, 1_000_000))
def test_a_step_goes_towards_the_median_and_not_too_far(price: int, median: int, ppm: int) -> None:
    stepped = compute_stepped_price(price, median, ppm)
    assert min(price, median) <= stepped <= max(price, median)
    assert abs(stepped - price) <= max(1, price * ppm // 1_000_000)
    assert stepped >= 1
    assert (stepped == price) == (median == price)


@pytest.mark.parametrize(
    ("reports", "price"),
    [
        ([], None),
        ([(1_000, 5)], 5),  # as old as it may be
        ([(999, 5)], None),
        ([(9_000, 5)], 5),  # just old enough
        ([(9_001, 5)], None),
        ([(1_000, 5), (9_000, 6), (9_001, 7)], 6),
        ([(2_000, 6), (1_500, 5)], 6),
        ([(11_000, 5)], None),  # of the future: there is none, and it wouldn't count
    ],
)
def test_which_report_of_one_reporter_counts(reports: list[tuple[int, int]], price: int | None) -> None:
    assert compute_counted_price(reports, 10_000, 1_000, 9_000) == price


# Reports


def test_a_report_is_kept_and_moves_nothing_yet() -> None:
    world = GovernedWorld(UNSTEPPED)
    events = world.apply(world.report("ruth", 70))
    assert kinds(events) == ["price_reported"]
    assert events[-1].fields == {"reporter": world["ruth"], "hxt_price": 70}
    assert get_reported_prices(world.state, world["ruth"]) == [(world.context.time_ms, 70)]
    assert get_hxt_price(world.state, UNSTEPPED) == 50


def test_payer_and_reporter_sign() -> None:
    world = GovernedWorld()
    assert get_signers(world.report("ruth", 7)) == (world["carol"], world["ruth"])


@pytest.mark.parametrize("somebody", ["alice", "one", "two"])
def test_only_named_reporters_report(somebody: str) -> None:
    world = GovernedWorld()
    world.refuse(world.report(somebody, 7), Reason.NOT_PRICE_REPORTER)


def test_where_nobody_is_named_nobody_reports() -> None:
    world = GovernedWorld(reporters=())
    world.refuse(world.report("ruth", 7), Reason.NOT_PRICE_REPORTER)


def test_one_report_an_interval() -> None:
    world = GovernedWorld()
    world.apply(world.report("ruth", 7))
    world.refuse(world.report("ruth", 7), Reason.PRICE_REPORT_TOO_SOON)
    world.apply(world.report("rob", 7))
    world.wait(PARAMETERS.price_report_interval_ms - 1)
    world.refuse(world.report("ruth", 8), Reason.PRICE_REPORT_TOO_SOON)
    world.wait(1)
    world.apply(world.report("ruth", 8))
    assert [price for _, price in get_reported_prices(world.state, world["ruth"])] == [7, 8]


def test_of_each_reporter_few_reports_are_kept() -> None:
    """Those of the last hour, and the newest that is older."""
    world = GovernedWorld()
    for price in range(1, 101):
        world.apply(world.report("ruth", price))
        world.wait(15 * MINUTE_MS)
    kept = [price for _, price in get_reported_prices(world.state, world["ruth"])]
    assert kept == [96, 97, 98, 99, 100]


# The price


def compute(world: GovernedWorld) -> int:
    """What the start of the next block makes of the reports."""
    process_price(world.state, world.context)
    return get_hxt_price(world.state, world.context.parameters)


def say(world: GovernedWorld, **prices: int) -> None:
    for reporter, price in prices.items():
        world.apply(world.report(reporter, price))


def test_the_price_stays_the_genesis_price_until_reports_come() -> None:
    world = GovernedWorld(UNSTEPPED)
    for _ in range(3):
        assert process_price(world.state, world.context) == []
        world.wait(HOUR_MS)
    assert world.state.get(PRICE, ONLY) is None
    assert compute(world) == 50


def test_a_majority_moves_the_price_an_hour_later() -> None:
    world = GovernedWorld(UNSTEPPED)
    say(world, ruth=70, rob=90)
    world.wait(HOUR_MS - 1)
    assert compute(world) == 50
    world.wait(1)
    [event] = process_price(world.state, world.context)
    assert event.kind == "price_changed"
    assert event.fields == {"hxt_price": 80, "previous_hxt_price": 50, "median": 80, "reporters": 2}
    assert world.state.get(PRICE, ONLY) == Price(80, world.context.time_ms)


def test_three_of_three() -> None:
    world = GovernedWorld(UNSTEPPED)
    say(world, ruth=70, rob=90, ria=71)
    world.wait(HOUR_MS)
    assert compute(world) == 71


def test_one_of_three_is_no_majority_whatever_it_says() -> None:
    world = GovernedWorld(UNSTEPPED)
    for price in (10, 1_000):
        say(world, ruth=price)
        world.wait(HOUR_MS)
        assert compute(world) == 50


def test_half_is_no_majority() -> None:
    world = GovernedWorld(UNSTEPPED, reporters=("ruth", "rob", "ria", "rex"))
    say(world, ruth=70, rob=70)
    world.wait(HOUR_MS)
    assert compute(world) == 50
    say(world, ria=70)
    world.wait(HOUR_MS)
    assert compute(world) == 70


def test_reports_that_are_too_old_count_no_more_and_the_price_stays() -> None:
    world = GovernedWorld(UNSTEPPED)
    say(world, ruth=70, rob=90)
    world.wait(25 * HOUR_MS)
    assert compute(world) == 80
    say(world, ruth=60)
    world.wait(HOUR_MS)
    assert compute(world) == 80  # rob's is 26 hours old: one is no majority
    say(world, rob=60)
    world.wait(HOUR_MS)
    assert compute(world) == 60


def test_the_newest_report_that_is_old_enough_counts() -> None:
    world = GovernedWorld(UNSTEPPED)
    say(world, ruth=70, rob=70)
    world.wait(30 * MINUTE_MS)
    say(world, ruth=90, rob=90)
    world.wait(30 * MINUTE_MS)
    assert compute(world) == 70
    world.wait(30 * MINUTE_MS)
    assert compute(world) == 90


def test_a_false_price_can_be_taken_back_before_it_counts() -> None:
    """What the delay is for."""
    world = GovernedWorld(UNSTEPPED)
    say(world, ruth=7_000, rob=7_000)
    world.wait(45 * MINUTE_MS)
    say(world, ruth=51, rob=51)
    world.wait(HOUR_MS)
    assert compute(world) == 51


def test_the_price_is_computed_once_an_interval() -> None:
    world = GovernedWorld(replace(PARAMETERS, hxt_price=DOLLAR))
    say(world, ruth=2 * DOLLAR, rob=2 * DOLLAR)
    world.wait(HOUR_MS)
    assert compute(world) == 105_000_000
    world.wait(PARAMETERS.price_interval_ms - 1)
    assert process_price(world.state, world.context) == []
    world.wait(1)
    assert compute(world) == 110_250_000


def test_a_jump_comes_in_steps_up_and_down() -> None:
    world = GovernedWorld(replace(PARAMETERS, hxt_price=DOLLAR))
    say(world, ruth=120_000_000, rob=120_000_000)
    world.wait(HOUR_MS)
    up = []
    for _ in range(5):
        up.append(compute(world))
        world.wait(10 * MINUTE_MS)
    assert up == [105_000_000, 110_250_000, 115_762_500, 120_000_000, 120_000_000]
    say(world, ruth=1, rob=1)
    world.wait(HOUR_MS)
    assert compute(world) == 114_000_000


def test_an_unchanged_price_is_no_event() -> None:
    world = GovernedWorld(UNSTEPPED)
    say(world, ruth=50, rob=50)
    world.wait(HOUR_MS)
    assert process_price(world.state, world.context) == []
    assert world.state.get(PRICE, ONLY) == Price(50, world.context.time_ms)


def test_short_delays_for_a_network_that_is_there_to_be_watched() -> None:
    fast = replace(
        UNSTEPPED,
        price_minimum_age_ms=0,
        price_maximum_age_ms=10_000,
        price_interval_ms=1,
        price_report_interval_ms=1,
    )
    fast.validate()
    world = GovernedWorld(fast)
    say(world, ruth=70, rob=70)
    assert compute(world) == 70


REPORTS = st.lists(
    st.tuples(st.sampled_from(["ruth", "rob", "ria"]), st.integers(1, 200), st.integers(0, 2 * HOUR_MS)),
    max_size=12,
)


@given(REPORTS)
def test_the_price_is_that_of_a_plain_recount(reports: list[tuple[str, int, int]]) -> None:
    """Against a list of all reports, nothing forgotten: forgetting superseded ones changes nothing."""
    world = GovernedWorld(UNSTEPPED)
    said: list[tuple[str, int, int]] = []
    for reporter, price, wait_ms in reports:
        try:
            world.apply(world.report(reporter, price))
            said.append((reporter, world.context.time_ms, price))
        except InvalidTransaction as error:
            assert error.code is Reason.PRICE_REPORT_TOO_SOON
        world.wait(wait_ms)
    now = world.context.time_ms
    newest = {
        who: price
        for who, time_ms, price in sorted(said, key=lambda report: report[1])
        if HOUR_MS <= now - time_ms <= 25 * HOUR_MS
    }
    expected = compute_median(list(newest.values())) if len(newest) >= 2 else 50
    assert compute(world) == max(1, min(expected, 100))  # at most doubled in one step
    assert len(list(world.state.iterate(REPORTED_PRICES))) <= 3 * 6


def test_defaults_are_those_of_the_precedent() -> None:
    parameters = Parameters()
    assert parameters.price_minimum_age_ms == 3_600 * 1_000
    assert parameters.price_maximum_age_ms == 90_000 * 1_000
