"""Column shares and payments against the readable rules."""

from __future__ import annotations

from random import Random

import h3.api.basic_int as h3
import numpy as np
import pytest

from chain.columnar.shares import compute_column_coverage, divide_pool_columns, sum_exactly
from chain.columnar.totals import EpochTotals
from chain.coverage.tables import BeaconTotal, WitnessTotal
from chain.rewards.coverage_shares import compute_coverage_shares
from chain.rewards.hex_density import HIP104_LIMITS
from chain.rewards.pools import divide_pool


def make_key(number: int) -> bytes:
    return b"\x11" + number.to_bytes(32, "big")


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("audited_share", [0.0, 0.5, 1.0])
def test_shares_and_payments_are_the_readable_ones(seed: int, audited_share: float) -> None:
    draw = Random(seed)
    count = draw.choice((1, 5, 60))
    spread = draw.choice((0.005, 0.1, 2.0))
    cells = [
        int(h3.latlng_to_cell(48 + draw.uniform(0, spread), 2 + draw.uniform(0, spread), 12))
        for _ in range(count)
    ]
    is_active = [draw.random() < 0.9 for _ in range(count)]
    is_audited = [draw.random() < audited_share for _ in range(count)]
    pairs = sorted({(draw.randrange(count), draw.randrange(count)) for _ in range(draw.choice((0, 1, 200)))})
    units = [draw.choice((0, 1, 6_667, 10_000, 3_000_000)) for _ in pairs]
    reports = [draw.randint(1, 30) for _ in pairs]
    beacon_units = [draw.choice((0, 2_500, 17_379, 900_001)) for _ in range(count)]
    column = compute_column_coverage(
        np.array(cells, dtype=np.int64),
        EpochTotals(
            beacon_units=np.array(beacon_units, dtype=np.int64),
            beacons=np.ones(count, dtype=np.int64),
            witnessed=np.ones(count, dtype=np.int64),
            pair_witness=np.array([witness for witness, _ in pairs], dtype=np.int32),
            pair_beaconer=np.array([beaconer for _, beaconer in pairs], dtype=np.int32),
            pair_units=np.array(units, dtype=np.int64),
            pair_reports=np.array(reports, dtype=np.int64),
        ),
        np.array(is_active, dtype=np.bool_),
        np.array(is_audited, dtype=np.bool_),
        HIP104_LIMITS,
    )
    readable = compute_coverage_shares(
        {make_key(at): cell for at, cell in enumerate(cells) if is_active[at]},
        {make_key(at): BeaconTotal(value, 1, 1) for at, value in enumerate(beacon_units)},
        {
            (make_key(witness), make_key(beaconer)): WitnessTotal(unit, report)
            for (witness, beaconer), unit, report in zip(pairs, units, reports, strict=True)
        },
        frozenset(make_key(at) for at in range(count) if is_audited[at] and is_active[at]),
        HIP104_LIMITS,
    )
    scales = {make_key(at): scale for at, scale in enumerate(column.scales.tolist()) if scale >= 0}
    assert scales == dict(readable.scales)
    for ours, theirs in ((column.beacon, readable.beacon), (column.witness, readable.witness)):
        shares = {make_key(at): share for at, share in enumerate(ours.audited.tolist()) if share}
        assert shares == {key: share for key, share in theirs.audited.items() if share}
        assert ours.unaudited == theirs.unaudited
        total = ours.compute_total(200_000)
        assert total == theirs.compute_total(200_000)
        pool_micro = draw.choice((0, 10**6, 8_219_178_082_191 * 10**6 + 7))
        paid = divide_pool_columns(pool_micro, ours, total).tolist()
        expected = divide_pool(pool_micro, theirs.audited, total)
        assert {make_key(at): hxt for at, hxt in enumerate(paid) if hxt} == {
            key: hxt for key, hxt in expected.items() if hxt
        }


def test_sums_beyond_64_bits() -> None:
    column = np.full(10, 2**62, dtype=np.int64)
    assert sum_exactly(column) == 10 * 2**62
