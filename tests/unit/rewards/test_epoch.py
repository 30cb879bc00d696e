"""An epoch's rewards as a pure function: who is paid, who isn't, and that all figures add up."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from chain.ledger.parameters import InvalidParameters, Parameters
from chain.rewards.epoch import BEACON, DATA, DEMAND, REWARDS, WITNESS, EpochRewards, compute_epoch_rewards
from chain.rewards.hex_density import (
    HIP17_LIMITS,
    HIP104_LIMIT_ROWS,
    HIP104_LIMITS,
    SCALE,
    find_limit_problem,
    read_limits,
)
from chain.rewards.pools import PPM
from chain.rewards.reward_units import compute_beacon_units
from tests.unit.rewards.epochs import (
    HEXES,
    Spending,
    Story,
    make_hotspot,
    make_inputs,
    make_spendings,
    make_story,
)

EMISSION = 10**12
#: Four hotspots in four hexagons far apart that all heard each other.
FOUR = Story(
    places=[0, 1, 2, 3],
    beacons=dict.fromkeys(range(4), (7_500, 3)),
    witnesses={(a, b): 10_000 for a in range(4) for b in range(4) if a != b},
    audited=frozenset(range(4)),
    scheduled_hxt=EMISSION,
    hxt_price=10**8,
    parameters=Parameters(),
)


def get_paid(rewards: EpochRewards, reward: str | None = None) -> dict[int, int]:
    """Number of hotspot -> base units of one kind, or of all."""
    paid: dict[int, int] = {}
    for payment in rewards.payments:
        if reward in (None, payment.reward):
            number = int.from_bytes(payment.hotspot[1:], "big")
            paid[number] = paid.get(number, 0) + payment.hxt
    return paid


def run(story: Story = FOUR, *spendings: Spending, **changes: Any) -> EpochRewards:
    return compute_epoch_rewards(make_inputs(replace(story, **changes), spendings))


@settings(max_examples=400, deadline=None)
@given(st.data(), make_story(), st.integers(0, 10**13))
def test_all_figures_add_up_and_every_payment_is_derived(
    data: st.DataObject, story: Story, fees_hxt: int
) -> None:
    spendings = data.draw(make_spendings(len(story.places)))
    inputs = make_inputs(story, spendings, fees_hxt)
    rewards = compute_epoch_rewards(inputs)
    assert rewards == compute_epoch_rewards(inputs)
    figures = rewards.figures
    parts = [figures[name] for name in ("paid", "unaudited", "unpaid", "reserved")]
    assert min(parts) >= 0 and sum(parts) == figures["emission"] == inputs.scheduled_hxt + inputs.net_hxt
    for reward in REWARDS:
        payments = [payment for payment in rewards.payments if payment.reward == reward]
        assert sum(payment.hxt for payment in payments) == figures[f"{reward}_paid"]
        assert figures[f"{reward}_paid"] <= figures[f"{reward}_pool"]
        assert [p.hotspot for p in payments] == sorted({p.hotspot for p in payments})
    for payment in rewards.payments:
        why = payment.why
        pool = why["pool"] * PPM + why["pool_millionths"]
        share = why["share"] * why.get("hex_claim", 1)
        assert payment.hxt == pool * share // (why["shares"] * why.get("hex_claims", 1) * PPM) > 0
        if payment.reward != DATA:
            assert payment.hotspot in inputs.audited
    # Nobody gets coverage that wasn't in the epoch, and no data that wasn't paid for.
    assert {p.hotspot for p in rewards.payments if p.reward == DATA} <= set(inputs.carried)
    # For each hexagon: data and demand together are at most what burnt there, less the fee.
    kept = PPM - story.parameters.burn_fee_ppm
    most: dict[int, int] = {}
    for row in inputs.carried.values():
        most[row.location] = most.get(row.location, 0) + row.value_hxt
    assert figures["data_paid"] * PPM <= figures["data_value"] * kept
    assert figures["demand_paid"] + figures["data_paid"] <= (
        (figures["data_value"] + sum(o.value_hxt for o in rewards.burns)) * kept // PPM
    )


def test_coverage_pays_all_alike() -> None:
    rewards = run()
    assert len(set(get_paid(rewards).values())) == 1
    assert rewards.figures["unaudited"] == 0 and rewards.figures["unpaid"] <= 2 * 4


def test_without_demand_and_fees_it_is_what_helium_paid() -> None:
    parameters = replace(FOUR.parameters, demand_share_ppm=0, burn_fee_ppm=0, data_return_ppm=PPM)
    rewards = run(FOUR, Spending(10**6, 10**18, hotspot=2), parameters=parameters)
    assert get_paid(rewards, DATA) == {2: 10**9}
    assert rewards.figures["demand_pool"] == 0
    assert rewards.figures["beacon_pool"] == EMISSION * 6 // 100 + (EMISSION // 2 - 10**9) // 5


# Audits


def test_a_newcomer_is_not_paid_and_nobody_gains_by_it() -> None:
    """A network of many: one hotspot's coverage counts or not, the others' rewards stay."""
    many = replace(
        FOUR,
        places=[0, 1, 2, 3] * 3,
        beacons=dict.fromkeys(range(12), (7_500, 3)),
        witnesses={(a, (a + step) % 12): 10_000 for a in range(12) for step in (1, 2, 3)},
        audited=frozenset(range(12)),
        # Every place its own: density plays no part here.
        parameters=replace(FOUR.parameters, hex_limits=((8, 2, 1_000, 1_000),), unaudited_share_ppm=400_000),
    )
    before = get_paid(run(many))
    rewards = run(many, audited=frozenset(range(1, 12)))
    after = get_paid(rewards)
    assert set(after) == set(range(1, 12))
    # Whom it neither heard nor was heard by is paid to the unit as before.
    assert {n: after[n] for n in range(4, 9)} == {n: before[n] for n in range(4, 9)}
    assert all(after[n] < before[n] for n in (1, 2, 3, 9, 10, 11))
    assert rewards.figures["unaudited"] > 0
    assert rewards.figures["paid"] + rewards.figures["unaudited"] <= sum(before.values()) + 24


def test_a_crowd_of_unaudited_keys_costs_the_others_no_more_than_their_part() -> None:
    crowd = 60
    edges = {(a, b): 10_000 for a in range(4, crowd) for b in range(4, crowd) if a != b}
    story = replace(
        FOUR,
        places=[0, 1, 2, 3, *(4 for _ in range(4, crowd))],
        beacons={**FOUR.beacons, **dict.fromkeys(range(4, crowd), (20_000, 14))},
        witnesses={**FOUR.witnesses, **edges},
        parameters=replace(FOUR.parameters, hex_limits=()),
    )
    alone, amid = run(), run(story)
    assert set(get_paid(amid)) == set(range(4))
    for number, hxt in get_paid(alone).items():
        assert hxt * 9 // 10 - 2 <= get_paid(amid)[number] <= hxt
    figures = amid.figures
    assert figures["unaudited"] <= (figures["beacon_pool"] + figures["witness_pool"]) // 10


def test_unaudited_keys_in_a_hexagon_dilute_nobody() -> None:
    story = replace(FOUR, places=[0, 1, 2, 3, 0, 0, 0])
    assert get_paid(run(story)) == get_paid(run())


def test_an_audited_radio_is_not_paid_for_hearing_a_drawer() -> None:
    drawer = {(0, number): 10_000 for number in range(4, 14)}
    story = replace(
        FOUR,
        places=[0, 1, 2, 3, *(5 for _ in range(10))],
        beacons={**FOUR.beacons, **dict.fromkeys(range(4, 14), (2_500, 1))},
        witnesses={**FOUR.witnesses, **drawer},
    )
    assert get_paid(run(story), WITNESS)[0] <= get_paid(run(), WITNESS)[0]


@pytest.mark.parametrize("audited", range(1, 15))
@pytest.mark.parametrize("drawer", range(14))
def test_a_drawer_that_hears_an_audited_beacon_adds_nothing_to_it(audited: int, drawer: int) -> None:
    reports = audited + drawer
    counted = compute_beacon_units(reports) * audited // reports
    assert counted <= compute_beacon_units(audited)


def test_reports_of_unaudited_witnesses_count_for_no_beacon() -> None:
    rewards = run(audited=frozenset({0, 1, 2}))
    why = next(p.why for p in rewards.payments if p.reward == BEACON)
    assert (why["units"], why["units_of_all"]) == (5_000, 7_500)
    assert (why["reports"], why["audited_reports"]) == (3, 2)


def test_nobody_audited_nobody_paid() -> None:
    rewards = run(audited=frozenset())
    assert rewards.payments == []
    assert rewards.figures["unpaid"] + rewards.figures["reserved"] == EMISSION


def test_unaudited_hotspots_are_paid_for_data() -> None:
    rewards = run(FOUR, Spending(1_000, 10**6, hotspot=3), audited=frozenset({0, 1, 2}))
    assert get_paid(rewards, DATA) == {3: 800_000}
    # But its hexagon claims nothing: nobody audited covers it.
    assert rewards.figures["demand_claims"] == 0


# Demand


def test_a_bounty_goes_to_who_covers_its_hexagon() -> None:
    rewards = run(FOUR, Spending(1_000, 10**6, hex=HEXES[1]))
    assert get_paid(rewards, DEMAND) == {1: 950_000}
    assert [offer.hex for offer in rewards.burns] == [HEXES[1]]
    assert rewards.figures["bounty_data_credits"] == 1_000


def test_within_a_hexagon_demand_is_shared_by_coverage() -> None:
    story = replace(
        FOUR,
        places=[0, 0, 2, 3],
        beacons={0: (7_500, 3), 2: (7_500, 3)},
        witnesses={
            (0, 2): 30_000,
            (1, 2): 10_000,
            (0, 3): 10_000,
            (2, 0): 10_000,
            (3, 0): 10_000,
            (1, 0): 10_000,
        },
    )
    rewards = run(story, Spending(1_000, 10**6, hex=HEXES[0]))
    paid = get_paid(rewards, DEMAND)
    shares = {
        n: sum(
            p.why["share"] for p in rewards.payments if p.hotspot == make_hotspot(n) and p.reward != DEMAND
        )
        for n in (0, 1)
    }
    assert set(paid) == {0, 1} and 0 < paid[1] < paid[0]
    assert paid[0] * shares[1] == pytest.approx(paid[1] * shares[0], rel=1e-5)
    assert 950_000 - 2 <= sum(paid.values()) <= 950_000


def test_carried_data_makes_demand_where_its_hotspot_stands() -> None:
    rewards = run(FOUR, Spending(1_000, 10**6, hotspot=2))
    assert get_paid(rewards, DATA) == {2: 800_000}
    assert get_paid(rewards, DEMAND) == {2: 150_000}


def test_data_of_a_hotspot_without_a_place_makes_no_demand() -> None:
    story = replace(FOUR, places=[0, 1, 2, 3, 4], unplaced=frozenset({4}))
    rewards = run(story, Spending(1_000, 10**6, hotspot=4))
    assert get_paid(rewards, DATA) == {4: 800_000}
    assert rewards.figures["demand_claims"] == 0
    assert 4 not in get_paid(rewards, WITNESS)


def test_where_nobody_was_heard_a_bounty_does_not_burn() -> None:
    rewards = run(FOUR, Spending(1_000, 10**6, hex=HEXES[4]), Spending(7, 7_000, hex=HEXES[0]))
    assert [offer.hex for offer in rewards.burns] == [HEXES[0]]
    assert rewards.figures["demand_claims"] == 7_000 * 95 // 100


def test_a_bounty_in_an_epoch_without_demand_pool_does_not_burn() -> None:
    rewards = run(FOUR, Spending(1_000, 10**6, hex=HEXES[0]), scheduled_hxt=0)
    assert rewards.burns == [] and rewards.payments == []


def test_demand_comes_out_of_the_coverage_pool() -> None:
    plain, asked = run(), run(FOUR, Spending(1_000, 10**6, hex=HEXES[0]))
    taken = 950_000
    assert plain.figures["beacon_pool"] - asked.figures["beacon_pool"] == taken // 5
    assert plain.figures["witness_pool"] - asked.figures["witness_pool"] == taken * 4 // 5


def test_too_much_demand_is_paid_in_proportion() -> None:
    rewards = run(FOUR, Spending(10**9, 10**13, hex=HEXES[0]), Spending(3 * 10**9, 10**13, hex=HEXES[1]))
    paid = get_paid(rewards, DEMAND)
    coverage = EMISSION * 80 // 100
    assert rewards.figures["demand_pool"] == coverage * 30 // 100
    assert paid[1] == pytest.approx(3 * paid[0], rel=1e-9)


# Parameters


def test_limits_of_a_network() -> None:
    assert read_limits(HIP104_LIMIT_ROWS) == HIP104_LIMITS
    rows = tuple((r, limit.neighbours, limit.target, limit.maximum) for r, limit in HIP17_LIMITS.items())
    assert read_limits(rows) == HIP17_LIMITS
    crowd = replace(FOUR, places=[0, 0, 0, 0])
    for limits, scale in ((HIP104_LIMIT_ROWS, SCALE // 4), (((8, 2, 3, 3),), SCALE * 3 // 4), ((), SCALE)):
        rewards = run(crowd, parameters=replace(FOUR.parameters, hex_limits=limits))
        assert {p.why["scale"] for p in rewards.payments if p.reward == BEACON} == {scale}


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (((8, 2, 1, 1), (8, 2, 1, 4)), "two limits"),
        (((11, 2, 1, 1),), "0 to 10"),
        (((-1, 2, 1, 1),), "0 to 10"),
        (((8, 8, 1, 1),), "neighbours"),
        (((8, -1, 1, 1),), "neighbours"),
        (((8, 2, 0, 1),), "target"),
        (((8, 2, 5, 4),), "target"),
    ],
)
def test_limits_that_cannot_be(rows: Any, says: str) -> None:
    problem = find_limit_problem(rows)
    assert problem is not None and says in problem
    with pytest.raises(InvalidParameters, match="hex_limits"):
        replace(Parameters(), hex_limits=rows).validate()


@pytest.mark.parametrize(
    "changes",
    [
        {"demand_share_ppm": 1_000_001},
        {"demand_share_ppm": -1},
        {"demand_resolution": 3},
        {"demand_resolution": 11},
        {"burn_fee_ppm": 200_001},
        {"data_return_ppm": 950_001},
        {"unaudited_share_ppm": 1_000_000},
        {"coverage_request_minimum_data_credits": 0},
        {"coverage_request_max_epochs": 0},
        {"net_emission_cap_hxt_per_day": -1},
        {"data_share_ppm": 700_001},
    ],
)
def test_parameters_that_would_break_the_bounds(changes: dict[str, int]) -> None:
    with pytest.raises(InvalidParameters, match=next(iter(changes))):
        replace(Parameters(), **changes).validate()


@pytest.mark.parametrize(
    "changes",
    [
        {"demand_share_ppm": 1_000_000},
        {"demand_resolution": 4},
        {"demand_resolution": 10},
        {"burn_fee_ppm": 200_000},
        {"data_return_ppm": 950_000},
        {"unaudited_share_ppm": 999_999},
        {"data_share_ppm": 700_000},
        {"hex_limits": ()},
    ],
)
def test_parameters_at_their_bounds(changes: dict[str, Any]) -> None:
    replace(Parameters(), **changes).validate()
