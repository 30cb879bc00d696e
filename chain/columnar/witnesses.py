"""Every rule for a witness's report, over columns: the same rules, in the same order, with the same codes.

`COLUMN_RULES` names for each readable rule its column form; a rule without one is an error, so that the two
lists can't drift apart. Data equality is the join that made the columns: a row stands under the beacon whose
bytes it repeats.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from chain.columnar.places import (
    MARGIN_UM,
    Bools,
    Floats,
    Indices,
    Ints,
    Places,
    compute_distances_um,
)
from chain.columnar.runs import find_runs
from chain.coverage.checks import distance, signal, witness
from chain.coverage.parameters import CoverageParameters
from chain.coverage.position import DISTANCE_ERROR_UM
from chain.coverage.reasons import Reason
from chain.coverage.region import NO_REGION, compute_region
from hardware.lora.modulation import compute_sensitivity_cdbm, get_required_snr_ddb
from hardware.lora.propagation import compute_free_space_path_loss_cdb

Column = TypeVar("Column", bound=np.generic)

UM_PER_M = 1_000_000
#: No two neighbouring cells of resolution 11 have centres further apart than this, with room to spare (a test
#: looks at cells all over the globe: 61 m at the most).
NEIGHBOURS_11_UM = 80 * UM_PER_M
#: Corners of a resolution 12 cell, and of its parent, are no further from their centres than this.
PARENT_RADIUS_UM = 50 * UM_PER_M


class BeaconColumns(msgspec.Struct, frozen=True, kw_only=True):
    """Accepted beacons of an epoch, by index."""

    place: Indices
    received_at_ms: Ints
    slot_end_ms: Ints
    """When the ordered beacon left the air at the latest."""
    is_ordered: Bools
    frequency_hz: Ints
    """As reported; equal to the order."""
    spreading_factor: NDArray[np.int8]
    bandwidth_hz: Indices
    conducted_power_dbm: NDArray[np.int8]
    """As ordered."""
    gain_ddbi: NDArray[np.int16]
    """That the order was made for."""

    @property
    def count(self) -> int:
        return len(self.place)


class WitnessColumns(msgspec.Struct, frozen=True, kw_only=True):
    """Witness reports, each under the beacon that it repeats, sorted by beacon."""

    beacon: Indices
    place: Indices
    received_at_ms: Ints
    signal_ddbm: NDArray[np.int16]
    snr_ddb: NDArray[np.int16]
    frequency_hz: Ints
    spreading_factor: NDArray[np.int8]
    bandwidth_hz: Indices

    @property
    def count(self) -> int:
        return len(self.beacon)

    def cut(self, start: int, stop: int) -> WitnessColumns:
        """Rows from `start` up to `stop`, without copying."""
        return WitnessColumns(**{name: getattr(self, name)[start:stop] for name in self.__struct_fields__})


class Pair(NamedTuple):
    """What the rules see: reports, their beacons and everything about both."""

    places: Places
    beacons: BeaconColumns
    reports: WitnessColumns
    parameters: CoverageParameters
    excluded: frozenset[tuple[int, int]]
    """Pairs of hotspot numbers, ascending, that are excluded in this epoch."""
    hotspots: Indices
    """Number of the hotspot of each place: the same for all its places."""
    regions: NDArray[np.int16]
    """Number of the region of each place; -1 for none."""
    distance_um: Floats
    first_witness_at_ms: Ints
    """By beacon."""

    def of_beacon(self, column: NDArray[Column]) -> NDArray[Column]:
        """A beacon's column, spread over its reports."""
        return column[self.reports.beacon]


def build_pair(
    places: Places,
    beacons: BeaconColumns,
    reports: WitnessColumns,
    parameters: CoverageParameters,
    hotspots: Indices | None = None,
    excluded: frozenset[tuple[int, int]] = frozenset(),
) -> Pair:
    """Put together what the rules see, with all distances. `hotspots`: default, each place is its own."""
    numbers = np.arange(places.count, dtype=np.int32) if hotspots is None else hotspots
    return Pair(
        places,
        beacons,
        reports,
        parameters,
        excluded,
        numbers,
        _number_regions(places, parameters),
        compute_distances_um(places, reports.place, beacons.place[reports.beacon]),
        compute_first_witness_ms(beacons, reports, numbers, parameters),
    )


def _number_regions(places: Places, parameters: CoverageParameters) -> NDArray[np.int16]:
    if not parameters.region_areas:
        return np.zeros(places.count, dtype=np.int16)
    names: dict[str, int] = {}
    numbers = np.empty(places.count, dtype=np.int16)
    for at, cell in enumerate(places.cells.tolist()):
        name = compute_region(cell, parameters)
        numbers[at] = -1 if name == NO_REGION else names.setdefault(name, len(names))
    return numbers


def compute_first_witness_ms(
    beacons: BeaconColumns, reports: WitnessColumns, hotspots: Indices, parameters: CoverageParameters
) -> Ints:
    """Arrival of the first report of somebody else that isn't too early, by beacon; where there is none, the
    beacon's own."""
    never = np.iinfo(np.int64).max
    first = np.full(beacons.count, never, dtype=np.int64)
    counts = hotspots[reports.place] != hotspots[beacons.place[reports.beacon]]
    earliest = np.where(beacons.is_ordered, beacons.slot_end_ms - parameters.schedule_tolerance_ms, 0)
    counts &= reports.received_at_ms >= earliest[reports.beacon]
    arrivals = np.where(counts, reports.received_at_ms, never)
    starts, _ = find_runs(reports.beacon)
    if len(starts):
        first[reports.beacon[starts]] = np.minimum.reduceat(arrivals, starts)
    return np.where(first == never, beacons.received_at_ms, first)


# One column form for each readable rule: True where the row keeps it.


def are_other_hotspots(pair: Pair) -> Bools:
    kept: Bools = pair.hotspots[pair.reports.place] != pair.hotspots[pair.of_beacon(pair.beacons.place)]
    return kept


def are_pairs_not_excluded(pair: Pair) -> Bools:
    kept = np.ones(pair.reports.count, dtype=np.bool_)
    if pair.excluded:
        one = pair.hotspots[pair.reports.place].astype(np.int64)
        other = pair.hotspots[pair.of_beacon(pair.beacons.place)].astype(np.int64)
        packed = (np.minimum(one, other) << 32) | np.maximum(one, other)
        kept = ~np.isin(packed, np.array([a << 32 | b for a, b in pair.excluded], dtype=np.int64))
    return kept


def are_data_equal(pair: Pair) -> Bools:
    return np.ones(pair.reports.count, dtype=np.bool_)


def are_after_beacon(pair: Pair) -> Bools:
    earliest = np.where(
        pair.beacons.is_ordered, pair.beacons.slot_end_ms - pair.parameters.schedule_tolerance_ms, 0
    )
    return pair.reports.received_at_ms >= pair.of_beacon(earliest)


def are_in_time(pair: Pair) -> Bools:
    beacons, parameters = pair.beacons, pair.parameters
    latest = np.where(
        beacons.received_at_ms <= pair.first_witness_at_ms,
        np.maximum(beacons.received_at_ms, beacons.slot_end_ms) + parameters.lag_after_beacon_ms,
        pair.first_witness_at_ms + parameters.lag_after_first_witness_ms,
    )
    return pair.reports.received_at_ms <= pair.of_beacon(latest)


def are_frequencies_near(pair: Pair) -> Bools:
    off_hz = np.abs(pair.reports.frequency_hz - pair.of_beacon(pair.beacons.frequency_hz))
    kept: Bools = off_hz <= pair.parameters.frequency_tolerance_hz
    return kept


def are_spreading_factors_equal(pair: Pair) -> Bools:
    kept: Bools = pair.reports.spreading_factor == pair.of_beacon(pair.beacons.spreading_factor)
    return kept


def are_bandwidths_equal(pair: Pair) -> Bools:
    kept: Bools = pair.reports.bandwidth_hz == pair.of_beacon(pair.beacons.bandwidth_hz)
    return kept


def are_regions_equal(pair: Pair) -> Bools:
    region = pair.regions[pair.reports.place]
    kept: Bools = (region == pair.regions[pair.of_beacon(pair.beacons.place)]) & (region >= 0)
    return kept


def are_far_enough(pair: Pair) -> Bools:
    """Far pairs by a bound on how wide so many rings of cells can be, near ones by H3's own count."""
    parameters = pair.parameters
    if parameters.minimum_distance_resolution < 11:
        sure_um = np.inf
    else:
        sure_um = parameters.minimum_distance_cells * NEIGHBOURS_11_UM + 2 * PARENT_RADIUS_UM
    kept = pair.distance_um > sure_um
    for at in np.flatnonzero(~kept).tolist():
        apart = distance.compute_cells_apart(
            int(pair.places.cells[pair.reports.place[at]]),
            int(pair.places.cells[pair.beacons.place[pair.reports.beacon[at]]]),
            parameters.minimum_distance_resolution,
            parameters.minimum_distance_cells,
        )
        kept[at] = apart >= parameters.minimum_distance_cells
    return kept


def are_near_enough(pair: Pair) -> Bools:
    limit_m = np.full(pair.reports.count, pair.parameters.maximum_distance_m, dtype=np.int64)
    return are_within(pair, limit_m)


def are_within(pair: Pair, limit_m: Ints) -> Bools:
    """Whether the smallest distance of each pair, whole metres, is at most its limit."""
    first_beyond_um = (limit_m + 1 + 2 * distance.CELL_RADIUS_M) * UM_PER_M + DISTANCE_ERROR_UM
    kept = pair.distance_um < first_beyond_um
    kept &= limit_m >= 1
    unsure = np.abs(pair.distance_um - first_beyond_um) <= MARGIN_UM
    for at in np.flatnonzero(unsure).tolist():
        smallest_m = distance.compute_smallest_distance_m(
            int(pair.places.cells[pair.reports.place[at]]),
            int(pair.places.cells[pair.beacons.place[pair.reports.beacon[at]]]),
        )
        kept[at] = smallest_m <= limit_m[at]
    return kept


def are_signals_possible(pair: Pair) -> Bools:
    """The rule turned round: how much loss the reported signal allows, how far free space goes with that
    little, and whether the two are within it. Loss only grows with distance."""
    beacons, parameters = pair.beacons, pair.parameters
    radiated = beacons.conducted_power_dbm.astype(np.int64) * signal.DDB_PER_DB + beacons.gain_ddbi
    most_cdb = (radiated + parameters.witness_gain_ddbi) * signal.CDB_PER_DDB
    # ceil((most - loss) / 10) + tolerance >= signal   <=>   loss < most - 10 (signal - tolerance - 1)
    asked = pair.reports.signal_ddbm.astype(np.int64) - parameters.signal_tolerance_ddb - 1
    loss_cdb = pair.of_beacon(most_cdb) - signal.CDB_PER_DDB * asked - 1
    frequencies = np.unique(beacons.frequency_hz)
    numbers = np.searchsorted(frequencies, beacons.frequency_hz)
    low = int(loss_cdb.min(initial=0))
    width = int(loss_cdb.max(initial=0)) - low + 1
    packed = pair.of_beacon(numbers) * width + (loss_cdb - low)
    is_asked = np.zeros(len(frequencies) * width, dtype=np.bool_)
    is_asked[packed] = True
    reach = np.zeros(len(is_asked), dtype=np.int64)
    for number, frequency_hz in enumerate(frequencies.tolist()):
        wanted = np.flatnonzero(is_asked[number * width : (number + 1) * width])
        reach[wanted + number * width] = compute_reach_m((wanted + low).tolist(), frequency_hz)
    return are_within(pair, reach[packed])


def compute_reach_m(losses_cdb: list[int], frequency_hz: int) -> list[int]:
    """For ascending losses (dB x 100) the greatest whole distance in metres at which free space takes no
    more; 0 where even one metre takes more, at most 2^26 m (more than the globe is round)."""
    reach: list[int] = []
    low = 0
    for loss_cdb in losses_cdb:
        high, step = low, 1
        while high < 1 << 26 and compute_free_space_path_loss_cdb(high + step, frequency_hz) <= loss_cdb:
            high, step = high + step, step * 2
        beyond = high + step
        while beyond - high > 1:
            middle = (high + beyond) // 2
            if compute_free_space_path_loss_cdb(middle, frequency_hz) <= loss_cdb:
                high = middle
            else:
                beyond = middle
        low = high
        reach.append(high)
    return reach


def are_snrs_possible(pair: Pair) -> Bools:
    floors = np.zeros(13, dtype=np.int64)
    for spreading_factor in np.unique(pair.beacons.spreading_factor).tolist():
        floors[spreading_factor] = get_required_snr_ddb(spreading_factor) - pair.parameters.snr_tolerance_ddb
    return pair.reports.snr_ddb >= pair.of_beacon(floors[pair.beacons.spreading_factor])


def are_signals_above_sensitivity(pair: Pair) -> Bools:
    beacons = pair.beacons
    packed = beacons.bandwidth_hz.astype(np.int64) * 16 + beacons.spreading_factor
    kinds, kind = np.unique(packed, return_inverse=True)
    weakest = np.array(
        [
            -(-compute_sensitivity_cdbm(value % 16, value // 16) // signal.CDB_PER_DDB)
            - pair.parameters.sensitivity_tolerance_ddb
            for value in kinds.tolist()
        ],
        dtype=np.int64,
    )
    return pair.reports.signal_ddbm >= pair.of_beacon(weakest[kind])


def are_signals_with_snr_possible(pair: Pair) -> Bools:
    floor = pair.parameters.snr_rssi_floor
    if not floor:
        return np.ones(pair.reports.count, dtype=np.bool_)
    up_to_db = np.array([snr_db for snr_db, _ in floor], dtype=np.int64)
    least_ddbm = np.array([rssi_dbm * signal.DDB_PER_DB for _, rssi_dbm in floor], dtype=np.int64)
    snr_db = -(-pair.reports.snr_ddb.astype(np.int64) // signal.DDB_PER_DB)
    at = np.minimum(np.searchsorted(up_to_db, snr_db, side="left"), len(floor) - 1)
    return pair.reports.signal_ddbm >= least_ddbm[at]


COLUMN_RULES: dict[Callable[..., Any], Callable[[Pair], Bools]] = {
    witness.is_other_hotspot: are_other_hotspots,
    witness.is_pair_not_excluded: are_pairs_not_excluded,
    witness.is_data_equal: are_data_equal,
    witness.is_after_beacon: are_after_beacon,
    witness.is_in_time: are_in_time,
    witness.is_frequency_near: are_frequencies_near,
    witness.is_spreading_factor_equal: are_spreading_factors_equal,
    witness.is_bandwidth_equal: are_bandwidths_equal,
    witness.is_region_equal: are_regions_equal,
    distance.is_far_enough: are_far_enough,
    distance.is_near_enough: are_near_enough,
    signal.is_signal_possible: are_signals_possible,
    signal.is_snr_possible: are_snrs_possible,
    signal.is_signal_above_sensitivity: are_signals_above_sensitivity,
    signal.is_signal_with_snr_possible: are_signals_with_snr_possible,
}


def compute_witness_reasons(pair: Pair) -> NDArray[np.int16]:
    """The reason code of each report's verdict: the first rule, in the rules' order, that it breaks."""
    reasons = np.zeros(pair.reports.count, dtype=np.int16)
    for reason, rule in witness.WITNESS_RULES:
        broken = ~COLUMN_RULES[rule](pair)
        broken &= reasons == Reason.NONE
        reasons[broken] = reason
    return reasons
