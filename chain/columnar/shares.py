"""Shares of an epoch's coverage and the division of its pools, over columns: `rewards/coverage_shares.py` and
`rewards/pools.py` for a million hotspots at once.

Shares fit into 64 bits (units of a pair are a few million, scales at most 10^4); sums over all hotspots and
the last division need not, and are made in Python's integers.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np

from chain.columnar.density import compute_scales
from chain.columnar.places import Bools, Ints
from chain.columnar.totals import EpochTotals
from chain.rewards.hex_density import SCALE, HexLimit
from chain.rewards.pools import PPM


class ColumnShares(msgspec.Struct, frozen=True):
    """Shares of one pool, in reward units x 10^8."""

    audited: Ints
    """By hotspot number; 0 where it has none."""
    unaudited: int

    def compute_total(self, unaudited_share_ppm: int) -> int:
        """As `Shares.compute_total` of the readable rule."""
        audited = sum_exactly(self.audited)
        return audited + min(self.unaudited, audited * unaudited_share_ppm // (PPM - unaudited_share_ppm))


class ColumnCoverage(msgspec.Struct, frozen=True):
    """What an epoch's coverage comes to, by hotspot number."""

    scales: Ints
    """x 10^4; -1 for those that aren't active."""
    beacon: ColumnShares
    witness: ColumnShares


def sum_exactly(column: Ints) -> int:
    """The sum of a column of non-negative numbers, however large it gets."""
    return (int((column >> 32).sum()) << 32) + int((column & 0xFFFF_FFFF).sum())


def compute_column_coverage(
    cells: Ints, totals: EpochTotals, is_active: Bools, is_audited: Bools, limits: Mapping[int, HexLimit]
) -> ColumnCoverage:
    """Shares of all hotspots: `cells` (resolution 12), who is active (heard, or heard others, and in service)
    and who is audited, by hotspot number."""
    audited = is_audited & is_active
    scales = np.full(len(cells), -1, dtype=np.int64)
    scales[is_active] = compute_scales(cells[is_active], limits)
    scales[audited] = compute_scales(cells[audited], limits)

    witness, beaconer = totals.pair_witness, totals.pair_beaconer
    reports = _add_up(beaconer, totals.pair_reports, len(cells))
    heard_by_audited = audited[witness]
    audited_reports = _add_up(beaconer[heard_by_audited], totals.pair_reports[heard_by_audited], len(cells))
    counts = is_active[witness] & is_active[beaconer]
    share = totals.pair_units * np.maximum(scales[beaconer], 0) * np.maximum(scales[witness], 0) // SCALE
    paid = counts & heard_by_audited & audited[beaconer]
    witness_shares = ColumnShares(
        _add_up(witness[paid], share[paid], len(cells)), sum_exactly(share[counts & ~paid])
    )

    has_reports = audited & (reports > 0)
    units = np.zeros(len(cells), dtype=np.int64)
    units[has_reports] = (
        totals.beacon_units[has_reports] * audited_reports[has_reports] // reports[has_reports]
    )
    scale = np.maximum(scales, 0)
    beacon_shares = ColumnShares(
        np.where(audited, units * scale, 0), sum_exactly((totals.beacon_units - units) * scale)
    )
    return ColumnCoverage(scales, beacon_shares, witness_shares)


def _add_up(numbers: np.ndarray[tuple[int], np.dtype[np.int32]], values: Ints, count: int) -> Ints:
    """Sums of values by number."""
    sums = np.zeros(count, dtype=np.int64)
    np.add.at(sums, numbers, values)
    return sums


def divide_pool_columns(pool_micro: int, shares: ColumnShares, total: int) -> Ints:
    """Each hotspot's part of a pool, whole base units, rounded down; nothing where nobody has a share."""
    paid = np.zeros(len(shares.audited), dtype=np.int64)
    if total:
        divisor = total * PPM
        at = np.flatnonzero(shares.audited)
        paid[at] = [pool_micro * share // divisor for share in shares.audited[at].tolist()]
    return paid
