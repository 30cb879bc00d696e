"""Reward units, hex density, pools and emission against the known answers."""

import csv
import json
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import h3.api.basic_int as h3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.ledger.net_emission import EpochBurns, compute_net_emission
from chain.rewards.emission import compute_epoch_emission, compute_period_emission
from chain.rewards.hex_density import (
    HIP17_LIMITS,
    HIP104_LIMITS,
    SCALE,
    HexLimit,
    compute_hex_counts,
    compute_limit,
    compute_scale,
)
from chain.rewards.pools import (
    PPM,
    PoolShares,
    compute_data_credits_worth_micro,
    compute_pools,
    divide_pool,
)
from chain.rewards.reward_units import (
    UNIT,
    compute_beacon_units,
    compute_witness_units,
    divide_half_even,
)

TABLES = {"HIP17": HIP17_LIMITS, "HIP104": HIP104_LIMITS}
HNT = 10**8
#: Helium's last shares: all of what data burnt comes back to who carried it, coverage pays for itself alone.
HELIUM = PoolShares(beacon_ppm=60_000, witness_ppm=240_000, data_ppm=500_000)


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
            compute_data_credits_worth_micro(sum(data_credits.values()), case["hnt_price_usd_e8"] * 100),
            0,
            HELIUM,
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
        shares = PoolShares(beacon_ppm=60_000, witness_ppm=240_000, data_ppm=remainder * PPM // emission)
        pools = compute_pools(emission, 0, 0, shares)
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
    assert worked["epoch_blocks"] == 30
    per_day = int(worked["monthly_hnt"]) * HNT // 30
    emission = compute_epoch_emission(0, 1_800_000, per_day, 0)
    assert abs(emission / HNT - worked["epoch_reward_hnt"]) < 1e-6
    # Much burnt, and the cap of 34.24 HNT an epoch.
    net = compute_net_emission(EpochBurns(fees_hxt=1_000 * HNT), 34_24 * HNT // 100, 0)
    assert abs((emission + net.minted_hxt) / HNT - worked["with_max_net_emissions_34.24"]) < 1e-6
    assert net.carried_hxt == 1_000 * HNT - 34_24 * HNT // 100


def test_pools_of_the_worked_epoch_of_2022(shared: Path) -> None:
    vectors = load(shared, "emission_schedule.json")
    worked = vectors["L1_worked_epoch"]
    shares_of = {row["from"][:10]: row for row in vectors["L1_percentages"]}
    last = shares_of["2022-08-01"]
    # Of 2,500,000 HNT a month; the worked epoch has the data share that its cap says.
    emission = 2_500_000 * HNT // 30 // 48
    data_ppm = round(worked["dc_cap_hnt"] * HNT * PPM / emission)
    assert data_ppm == round(last["dc"] * PPM)
    shares = PoolShares(
        beacon_ppm=round(last["challengees"] * PPM),
        witness_ppm=round(last["witnesses"] * PPM),
        data_ppm=data_ppm,
    )
    claims = compute_data_credits_worth_micro(worked["dc_used"], int(worked["hnt_price"] * HNT))
    pools = compute_pools(emission, claims, 0, shares)
    assert pools.data_micro == round(worked["dc_reward_hnt"] * HNT * PPM)
    base = emission * shares.beacon_ppm, emission * shares.witness_ppm
    assert abs(base[0] / HNT / PPM - worked["challengees_base"]) < 1e-6
    assert abs(base[1] / HNT / PPM - worked["witnesses_base"]) < 1e-6
    extra = pools.beacon_micro - base[0], pools.witness_micro - base[1]
    assert abs(sum(extra) / HNT / PPM - worked["remainder_to_poc_hnt"]) < 1e-6
    # L1 divided the remainder by the shares as they were rounded to four digits: 4.73 : 18.92 is 1 : 4.
    assert abs(extra[0] / HNT / PPM - worked["challengees_extra"]) < 1e-6
    assert abs(extra[1] / HNT / PPM - worked["witnesses_extra"]) < 1e-6


def test_percentages_of_all_eras_sum_to_one(shared: Path) -> None:
    vectors = load(shared, "emission_schedule.json")
    sums = {row["era"]: row["sum_pct"] for row in vectors["L1_percentage_sums"]}
    assert len(sums) == len(vectors["L1_percentages"]) == 4
    for row in vectors["L1_percentages"]:
        ppm = {name: round(share * PPM) for name, share in row.items() if name != "from"}
        assert sum(ppm.values()) == PPM * sums[row["from"]]
        # Each era's pools pay no more than the era's emission, used or not.
        shares = PoolShares(beacon_ppm=ppm["challengees"], witness_ppm=ppm["witnesses"], data_ppm=ppm["dc"])
        for claims in (0, 10**9 * PPM, 10**30):
            pools = compute_pools(1_736_11111111, claims, 0, shares)
            others = ppm["consensus"] + ppm["challengers"] + ppm["securities"]
            assert abs(pools.reserved - 1_736_11111111 * others // PPM) <= 1


def read_csv(shared: Path, name: str) -> list[dict[str, str]]:
    with (shared / "data/helium_chain_vars" / name).open() as lines:
        return list(csv.DictReader(lines))


def test_hip17_densities_of_the_real_ledger(shared: Path) -> None:
    """Forty cells that a second model counted on the real ledger. The ledger isn't at hand, so what can be
    checked is that each could be a clipped count: within what HIP-17 lets a cell of its resolution hold."""
    rows = read_csv(shared, "hip17_clipped_density_known.csv")
    assert len(rows) == 40
    for row in rows:
        cell, resolution = int(row["h3_int"]), int(row["resolution"])
        assert h3.int_to_str(cell) == row["h3_hex"]
        assert h3.get_resolution(cell) == resolution
        density = int(row["clipped_density"])
        assert density >= 1
        if resolution in HIP17_LIMITS:
            assert density <= HIP17_LIMITS[resolution].maximum
            # That many hotspots, alone in the cell and far enough apart, do come out as that count.
            parts = sorted(h3.cell_to_children(cell, resolution + 1))
            spread = [h3.cell_to_center_child(part, 12) for part in parts[:density]]
            counts = compute_hex_counts(spread, HIP17_LIMITS)
            assert counts.clipped[cell] == density
        elif resolution < min(HIP17_LIMITS):
            # Coarser than any limit: the sum of what its cells of resolution 4 hold.
            assert density <= HIP17_LIMITS[4].maximum * 7 ** (4 - resolution)


def test_hip17_ratios_of_eleven_hotspots_in_san_francisco(shared: Path) -> None:
    """The reference is a comment in a suite, 3/5 of what the final algorithm gives (three of the hexagons of
    resolution 8 are neighbours, which raises their limit): ratios hold."""
    rows = read_csv(shared, "hip17_sf_11_hotspots.csv")
    assert len(rows) == 11
    counts = compute_hex_counts([int(row["h3_int"]) for row in rows], HIP17_LIMITS)
    for row in rows:
        # 0.33 stands for a third.
        reference = Fraction(row["reference_scale"]).limit_denominator(5)
        expected = reference * Fraction(5, 3) * SCALE
        assert abs(compute_scale(int(row["h3_int"]), counts, HIP17_LIMITS) - expected) <= Fraction(1, 2)


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
    st.tuples(st.integers(0, 300_000), st.integers(0, 300_000), st.integers(0, 400_000), st.integers(0, PPM)),
    st.integers(0, 10**22),
    SHARES,
    SHARES,
    st.dictionaries(st.integers(0, 50), st.integers(0, 10**9), max_size=20),
)
def test_no_epoch_pays_more_than_its_emission_nor_data_more_than_it_burnt(
    emission: int,
    data_credits: int,
    price: int,
    ppm: tuple[int, int, int, int],
    claims: int,
    beacon_shares: dict[int, int],
    witness_shares: dict[int, int],
    data_shares: dict[int, int],
) -> None:
    shares = PoolShares(beacon_ppm=ppm[0], witness_ppm=ppm[1], data_ppm=ppm[2], demand_ppm=ppm[3])
    pools = compute_pools(emission, compute_data_credits_worth_micro(data_credits, price), claims, shares)
    paid = {
        "beacon": sum(divide_pool(pools.beacon_micro, beacon_shares).values()),
        "witness": sum(divide_pool(pools.witness_micro, witness_shares).values()),
        "data": sum(divide_pool(pools.data_micro, data_shares).values()),
        "demand": pools.demand_micro // PPM,
    }
    assert pools.demand_micro <= claims
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
