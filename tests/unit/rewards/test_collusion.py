"""Volume never buys more than it burns, for any colluding accounts and whatever they and others do."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from chain.ledger.parameters import Parameters
from chain.rewards.epoch import EpochRewards, compute_epoch_rewards
from chain.rewards.pools import PPM
from tests.unit.rewards.epochs import (
    HEXES,
    Spending,
    Story,
    make_hotspot,
    make_inputs,
    make_spendings,
    make_story,
)

#: A lonely colluder that hears an honest neighbour, in a network that is nearly all his.
TWO = Story(
    places=[0, 1],
    beacons={0: (2_500, 1), 1: (2_500, 1)},
    witnesses={(0, 1): 10_000, (1, 0): 10_000},
    audited=frozenset({0, 1}),
    scheduled_hxt=10**9,
    hxt_price=10**8,
    parameters=Parameters(),
)


def get_paid(rewards: EpochRewards, hotspots: frozenset[int]) -> int:
    keys = {make_hotspot(number) for number in hotspots}
    return sum(payment.hxt for payment in rewards.payments if payment.hotspot in keys)


def check_bound(
    story: Story,
    colluders: frozenset[int],
    honest: Sequence[Spending],
    theirs: Sequence[Spending],
    honest_fees: int,
    their_fees: int,
) -> int:
    """What the colluders gain by their spending, after checking that it is at most what burnt, less the
    fee, and less than one base unit for each rounding that may go against the epoch without their
    spending."""
    without = compute_epoch_rewards(make_inputs(story, honest, honest_fees))
    spent = compute_epoch_rewards(make_inputs(story, [*honest, *theirs], honest_fees + their_fees))
    burnt_requests = {int.from_bytes(offer.request, "big") - len(honest) for offer in spent.burns}
    burnt = their_fees + sum(
        spending.burnt_hxt
        for number, spending in enumerate(theirs)
        if not spending.hex or number in burnt_requests
    )
    gain = get_paid(spent, colluders) - get_paid(without, colluders)
    keys = {make_hotspot(number) for number in colluders}
    # Payments without their spending, hexagons whose claims are rounded, what is minted again of fees.
    roundings = sum(payment.hotspot in keys for payment in without.payments) + len(HEXES) + 1
    assert gain * PPM < burnt * (PPM - story.parameters.burn_fee_ppm) + roundings * PPM
    return gain


@settings(max_examples=800, deadline=None)
@given(
    st.data(), make_story(), st.sampled_from([0, 1, 10**6, 10**13]), st.sampled_from([0, 7, 10**6, 10**13])
)
def test_no_colluding_accounts_gain_more_than_they_burn(
    data: st.DataObject, story: Story, honest_fees: int, their_fees: int
) -> None:
    hotspots = len(story.places)
    colluders = frozenset(data.draw(st.sets(st.integers(0, hotspots - 1)), label="colluders"))
    honest = data.draw(make_spendings(hotspots), label="honest")
    theirs = data.draw(make_spendings(hotspots), label="theirs")
    check_bound(story, colluders, honest, theirs, honest_fees, their_fees)


@settings(max_examples=200, deadline=None)
@given(st.data(), make_story())
def test_whoever_owns_everything_gains_no_more_than_he_burns(data: st.DataObject, story: Story) -> None:
    hotspots = len(story.places)
    theirs = data.draw(make_spendings(hotspots), label="theirs")
    fees = data.draw(st.sampled_from([0, 10**9]), label="fees")
    check_bound(story, frozenset(range(hotspots)), [], theirs, 0, fees)


@pytest.mark.parametrize("value", [10**3, 10**6, 10**8, 10**9, 10**12])
@pytest.mark.parametrize("way", ["data", "bounty"])
@pytest.mark.parametrize("others", [0, 10**7, 10**12])
def test_spending_on_oneself_costs_the_burn_fee_at_least(value: int, way: str, others: int) -> None:
    mine = Spending(value // 1_000, value, hotspot=0, hex=HEXES[0] if way == "bounty" else 0)
    honest = [Spending(others // 1_000, others, hotspot=1)] if others else []
    gain = check_bound(TWO, frozenset({0}), honest, [mine], 0, 0)
    assert gain <= value * 95 // 100 + 1
    if value <= 10**6 and others <= 10**7:
        # Below the caps what is spent does bring something: all but the fee, and what he loses of the rest.
        assert gain > value * 40 // 100


def test_the_gain_is_near_the_bound_where_coverage_is_anothers() -> None:
    """Not a bound that could be far tighter: a colluder with little coverage of his own loses little of
    it."""
    story = replace(TWO, beacons={1: (2_500, 1)}, witnesses={(0, 1): 1, (1, 0): 10**7}, scheduled_hxt=10**13)
    mine = Spending(1_000_000, 10**9, hex=HEXES[0])
    gain = check_bound(story, frozenset({0}), [], [mine], 0, 0)
    assert 0.93 * 10**9 < gain <= 0.95 * 10**9


def test_credits_that_once_cost_more_are_worth_what_they_are_worth_now() -> None:
    dear = Spending(1_000, 10**9, hotspot=0)
    # 1,000 credits are worth 10^6 base units at 1 USD.
    assert check_bound(TWO, frozenset({0}), [], [dear], 0, 0) <= 950_000


def test_credits_that_once_cost_less_bring_what_they_cost() -> None:
    cheap = Spending(1_000, 10**3, hotspot=0)
    dear = Spending(10**6, 10**12, hotspot=0)
    assert check_bound(TWO, frozenset({0}), [dear], [cheap], 0, 0) <= 950


def test_a_drawer_of_unaudited_hotspots_covers_nothing() -> None:
    story = replace(TWO, audited=frozenset({1}))
    mine = Spending(1_000, 10**6, hex=HEXES[0])
    spent = compute_epoch_rewards(make_inputs(story, [mine]))
    assert spent.burns == [] and get_paid(spent, frozenset({0})) == 0


def test_what_burnt_for_fees_comes_back_less_the_fee_even_to_who_owns_all() -> None:
    gain = check_bound(TWO, frozenset({0, 1}), [], [], 0, 10**8)
    # The network's reserved part stays unminted.
    assert 0.7 * 10**8 < gain <= 0.95 * 10**8
