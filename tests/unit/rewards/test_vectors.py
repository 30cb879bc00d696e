"""Reward units, hex density, pools and emission against the known answers."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.rewards.emission import compute_epoch_emission, compute_period_emission
from chain.rewards.hex_density import (
    HIP17_LIMITS,
    HIP104_LIMITS,
    HexLimit,
    compute_hex_counts,
    compute_limit,
    compute_scale,
)
from chain.rewards.pools import PPM, compute_data_credits_worth_micro, compute_pools, divide_pool
from chain.rewards.reward_units import (
    UNIT,
    compute_beacon_units,
    compute_witness_units,
    divide_half_even,
)

TABLES = {"HIP17": HIP17_LIMITS, "HIP104": HIP104_LIMITS}
HNT = 10**8


def load(shared: Path, name: str) -> Any:
    return json.loads((shared / "vectors/chain" / name).read_text())


def to_scaled(decimal: str) -> int:
    scaled = Decimal(decimal) * UNIT
    assert scaled == int(scaled)
    return int(scaled)


def test_reward_units_of_every_number_of_witnesses(shared: Path) -> None:
    vectors = load(shared, "hip15_reward_units.json")
    cases = vectors["upstream"] + vectors["extended_computed"]
    assert len(vectors["upstream"]) == 15
    for case in cases:
        witnesses = case["valid_witnesses"]
        assert compute_beacon_units(witnesses) == to_scaled(case["beacon_unit"]), witnesses
        assert compute_witness_units(witnesses) == to_scaled(case["witness_unit_each"]), witnesses


def test_units_never_exceed_two_and_all_together_stay_five() -> None:
    for witnesses in range(4, 200):
        total = compute_beacon_units(witnesses) + witnesses * compute_witness_units(witnesses)
        assert abs(total - 5 * UNIT) <= witnesses  # each rounding is half of a ten-thousandth at most
        assert compute_beacon_units(witnesses) <= 2 * UNIT
    assert compute_beacon_units(-1) == compute_witness_units(-1) == 0


@pytest.mark.parametrize(
    ("numerator", "denominator", "expected"),
    [(1, 2, 0), (3, 2, 2), (5, 2, 2), (7, 2, 4), (4, 3, 1), (5, 3, 2), (0, 7, 0), (49, 100, 0), (51, 100, 1)],
)
def test_halves_go_to_the_even_side(numerator: int, denominator: int, expected: int) -> None:
    assert divide_half_even(numerator, denominator) == expected


def test_hex_density_of_every_case(shared: Path) -> None:
    vectors = load(shared, "hex_density.json")
    cases = [(case, case["expected_scale"]) for case in vectors["cases"]]
    synthetic = vectors["synthetic_cases_computed_with_reference_impl"]["cases"]
    cases += [(case, case["scale"]) for case in synthetic]
    checked = 0
    for case, scales in cases:
        limits = TABLES[case["table"]]
        counts = compute_hex_counts([int(cell) for cell in case["indexes"]], limits)
        for cell, scale in scales.items():
            assert compute_scale(int(cell), counts, limits) == to_scaled(scale), (case["name"], cell)
            checked += 1
    assert checked == 118


def test_limits_of_hex_density(shared: Path) -> None:
    vectors = load(shared, "hex_density.json")
    for name, table in vectors["tables"].items():
        ours = TABLES[name]
        assert {str(resolution): limit for resolution, limit in ours.items()} == {
            resolution: HexLimit(row["N"], row["tgt"], row["max"]) for resolution, row in table.items()
        }
    for row in vectors["limit_table"]:
        limit = TABLES[row["table"]][row["res"]]
        assert compute_limit(limit, row["occupied_count_incl_self"]) == row["limit"]


def test_a_hotspot_that_is_not_counted_has_no_scale(shared: Path) -> None:
    cells = [int(cell) for cell in load(shared, "hex_density.json")["cases"][0]["indexes"]]
    assert compute_scale(cells[0], compute_hex_counts([], HIP104_LIMITS), HIP104_LIMITS) == 0


def test_pools_and_payments_of_three_epochs(shared: Path) -> None:
    vectors = load(shared, "reward_shares.json")
    assert len(vectors["cases"]) == 3
    for case in vectors["cases"]:
        # The vector has tenths and hundredths of a data credit: everything in hundredths.
        data_credits = {at: int(Decimal(spent) * 100) for at, spent in enumerate(case["dc_spend"])}
        pools = compute_pools(
            int(case["epoch_emissions_bones"]),
            sum(data_credits.values()),
            case["hnt_price_usd_e8"] * 100,
            60_000,
            240_000,
            500_000,
        )
        beacon = divide_pool(
            pools.beacon_micro, {at: int(share) for at, share in enumerate(case["beacon_shares"])}
        )
        witness = divide_pool(
            pools.witness_micro, {at: int(share) for at, share in enumerate(case["witness_shares"])}
        )
        data = divide_pool(pools.data_micro, data_credits)
        for at, expected in enumerate(case["expected"]):
            assert beacon[at] == expected["beacon"]
            assert witness[at] == expected["witness"]
            assert data[at] == expected["dc"]
        if case["unallocated"] is not None:
            paid = sum(sum(payments.values()) for payments in (beacon, witness, data))
            in_pools = (pools.beacon_micro + pools.witness_micro + pools.data_micro) // PPM
            assert in_pools - paid == case["unallocated"]
        assert abs(pools.data_micro / PPM - float(case["dc_pool_used"])) < 1e-3


def test_worth_of_data_credits(shared: Path) -> None:
    for case in load(shared, "reward_shares.json")["dc_to_hnt_bones"]:
        price = int(Decimal(case["price_per_bone"]) * 10**8 * 10**8)
        worth_micro = compute_data_credits_worth_micro(case["dc"], price)
        assert worth_micro == int(Decimal(case["bones"]) * PPM)


def test_scheduled_pools(shared: Path) -> None:
    for case in load(shared, "reward_shares.json")["scheduled"]:
        emission, remainder = case["emissions"], case["dc_remainder"]
        # A data share of exactly the remainder, nothing of it used.
        pools = compute_pools(emission, 0, HNT, 60_000, 240_000, remainder * PPM // emission)
        assert pools.beacon_micro == case["beacon"] * PPM
        assert pools.witness_micro == case["witness"] * PPM


def test_emission_halves_every_two_years(shared: Path) -> None:
    vectors = load(shared, "emission_schedule.json")
    for case in vectors["hip20_years_1_10"]:
        year = case["year"]
        # Years of 360 days, as the schedule's months of thirty days have it.
        per_day = 60_000_000 * HNT // 360
        start = (year - 1) * 360
        minted = sum(
            compute_epoch_emission(epoch, 86_400_000, per_day, 720) for epoch in range(start, start + 360)
        )
        assert abs(minted - int(case["minted"] * HNT)) <= 360 * 32
        half_hour = compute_epoch_emission((year - 1) * 17_280, 1_800_000, per_day, 34_560)
        assert abs(half_hour / HNT - case["per_30_block_epoch"]) < 1e-6
    worked = vectors["L1_worked_epoch"]
    per_day = int(worked["monthly_hnt"]) * HNT // 30
    assert abs(compute_epoch_emission(0, 1_800_000, per_day, 0) / HNT - worked["epoch_reward_hnt"]) < 1e-6


@given(st.integers(1, 10**16), st.integers(1, 10**8), st.integers(1, 50))
def test_emission_loses_less_than_a_unit_in_a_period(hxt_per_day: int, epoch_ms: int, epochs: int) -> None:
    minted = [compute_epoch_emission(epoch, epoch_ms, hxt_per_day, 0) for epoch in range(epochs)]
    assert sum(minted) == compute_period_emission(epochs, epoch_ms, hxt_per_day)
    assert max(minted) - min(minted) <= 1


SHARES = st.dictionaries(st.integers(0, 50), st.integers(0, 10**12), max_size=20)


@given(
    st.integers(0, 10**15),
    st.integers(0, 10**12),
    st.integers(1, 10**12),
    st.tuples(st.integers(0, 300_000), st.integers(0, 300_000), st.integers(0, 400_000)),
    SHARES,
    SHARES,
    st.dictionaries(st.integers(0, 50), st.integers(0, 10**9), max_size=20),
)
def test_no_epoch_pays_more_than_its_emission_nor_data_more_than_it_burnt(
    emission: int,
    data_credits: int,
    price: int,
    ppm: tuple[int, int, int],
    beacon_shares: dict[int, int],
    witness_shares: dict[int, int],
    data_shares: dict[int, int],
) -> None:
    pools = compute_pools(emission, data_credits, price, *ppm)
    paid = {
        "beacon": sum(divide_pool(pools.beacon_micro, beacon_shares).values()),
        "witness": sum(divide_pool(pools.witness_micro, witness_shares).values()),
        "data": sum(divide_pool(pools.data_micro, data_shares).values()),
    }
    unpaid = emission - pools.reserved - sum(paid.values())
    assert 0 <= pools.reserved <= emission
    assert unpaid >= 0
    # Worth at the oracle price in exact numbers: hxt * price <= data credits * 10^11.
    assert paid["data"] * price <= data_credits * 10**11
    assert paid["data"] * PPM <= emission * ppm[2]
    if sum(beacon_shares.values()):
        left = pools.beacon_micro - paid["beacon"] * PPM
        assert 0 <= left < (len(beacon_shares) + 1) * PPM


def test_a_pool_without_shares_is_not_paid() -> None:
    assert divide_pool(10**12, {"a": 0}) == {"a": 0}
    assert divide_pool(10**12, {}) == {}
