"""Column scales against the readable ones."""

from __future__ import annotations

from random import Random

import h3.api.basic_int as h3
import numpy as np
import pytest

from chain.columnar.density import compute_scales
from chain.rewards.hex_density import (
    HIP17_LIMITS,
    HIP104_LIMITS,
    HexLimit,
    compute_hex_counts,
    compute_scale,
)

#: Small numbers, so that a few hundred hotspots reach every limit.
SMALL_LIMITS = {resolution: HexLimit(2, 2, 5) for resolution in range(4, 11)}


def scatter(draw: Random, count: int, spread: float) -> list[int]:
    return [
        int(h3.latlng_to_cell(48 + draw.uniform(0, spread), 2 + draw.uniform(0, spread), 12))
        for _ in range(count)
    ]


@pytest.mark.parametrize("limits", [HIP17_LIMITS, HIP104_LIMITS, SMALL_LIMITS])
@pytest.mark.parametrize("spread", [0.001, 0.01, 0.1, 1.0])
def test_scales_are_the_readable_ones(limits: dict[int, HexLimit], spread: float) -> None:
    draw = Random(int(spread * 1000))
    cells = scatter(draw, 300, spread)
    pentagon = int(h3.cell_to_center_child(next(iter(h3.get_pentagons(4))), 12))
    cells += [pentagon, *(int(cell) for cell in h3.grid_disk(pentagon, 3))]
    counts = compute_hex_counts(cells, limits)
    expected = [compute_scale(cell, counts, limits) for cell in cells]
    assert compute_scales(np.array(cells, dtype=np.int64), limits).tolist() == expected


def test_nobody_is_there() -> None:
    assert not len(compute_scales(np.zeros(0, dtype=np.int64), HIP104_LIMITS))
