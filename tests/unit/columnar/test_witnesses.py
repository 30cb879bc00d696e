"""Column verdicts, draws and units against the readable rules, row by row."""

from __future__ import annotations

from collections import defaultdict
from hashlib import sha256
from random import Random

import h3.api.basic_int as h3
import numpy as np
import pytest

from chain.columnar.payloads import compute_beacon_payloads
from chain.columnar.places import MARGIN_UM, build_places, compute_distances_um, compute_parents
from chain.columnar.selection import compute_selected
from chain.columnar.totals import compute_epoch_totals
from chain.columnar.witnesses import (
    COLUMN_RULES,
    NEIGHBOURS_11_UM,
    PARENT_RADIUS_UM,
    compute_reach_m,
    compute_witness_reasons,
)
from chain.coverage.beacon import compute_beacon_data
from chain.coverage.checks.outcome import compute_verdict
from chain.coverage.checks.witness import WITNESS_RULES
from chain.coverage.parameters import CoverageParameters, RegionArea
from chain.coverage.position import compute_distance_um
from chain.coverage.reasons import Reason
from chain.coverage.selection import select_witnesses
from chain.rewards.reward_units import compute_beacon_units, compute_witness_units
from hardware.lora.propagation import compute_free_space_path_loss_cdb
from tests.unit.columnar.epoch import Epoch

PPM = 1_000_000
TIGHT = CoverageParameters(maximum_distance_m=30_000, maximum_witnesses=5)
WITH_FLOOR = CoverageParameters(snr_rssi_floor=((-10, -120), (0, -110), (10, -100)))


def cells_at(latitude: float) -> tuple[int, ...]:
    home = h3.latlng_to_cell(latitude, 5.05, 4)
    return tuple(h3.grid_disk(home, 1))


WITH_REGIONS = CoverageParameters(
    region_areas=(RegionArea("EU868", cells_at(45.0)), RegionArea("US915", cells_at(45.5)))
)

CASES = [
    (1, 30, 0.05, CoverageParameters()),
    (2, 60, 0.5, CoverageParameters()),
    (3, 40, 2.0, CoverageParameters()),
    (4, 40, 0.01, TIGHT),
    (5, 60, 0.4, TIGHT),
    (6, 60, 0.2, WITH_FLOOR),
    (7, 80, 0.9, WITH_REGIONS),
    (8, 2, 0.1, CoverageParameters()),
]


def get_seed(beacon: int) -> bytes:
    return sha256(b"seed %d" % beacon).digest()


@pytest.mark.parametrize("seed,hotspots,spread,parameters", CASES)
def test_verdicts_selection_and_units_are_the_readable_ones(
    seed: int, hotspots: int, spread: float, parameters: CoverageParameters
) -> None:
    epoch = Epoch(seed, hotspots, 150, spread, parameters)
    pair = epoch.build_columns()
    reasons = compute_witness_reasons(pair)
    selected = compute_selected(pair, reasons, get_seed)
    is_beacon_weak = np.array([beacon.is_weak for beacon in epoch.beacons], dtype=np.bool_)
    is_weak = np.array([heard.is_weak for all_heard in epoch.heard for heard in all_heard], dtype=np.bool_)
    totals = compute_epoch_totals(pair, selected, is_beacon_weak, is_weak)

    row = 0
    beacon_units: dict[int, int] = defaultdict(int)
    pair_units: dict[tuple[int, int], list[int]] = defaultdict(lambda: [0, 0])
    for at, (beacon, heard) in enumerate(zip(epoch.beacons, epoch.heard, strict=True)):
        verdicts = [
            compute_verdict(WITNESS_RULES, evidence) for evidence in epoch.build_evidence(beacon, heard)
        ]
        assert [v.reason for v in verdicts] == [Reason(r) for r in reasons[row : row + len(heard)].tolist()]
        valid = {
            h.report.hotspot: epoch.cells[h.witness]
            for h, verdict in zip(heard, verdicts, strict=True)
            if verdict.ok
        }
        outcome = select_witnesses(get_seed(at), valid, parameters)
        expected = [outcome.get(h.report.hotspot) is Reason.NONE for h in heard]
        assert expected == selected[row : row + len(heard)].tolist()
        row += len(heard)

        beaconer = epoch.keys.index(beacon.report.hotspot)
        weak = parameters.weak_evidence_ppm
        beacon_units[beaconer] += (
            compute_beacon_units(sum(expected)) * (weak if beacon.is_weak else PPM) // PPM
        )
        for h, is_selected in zip(heard, expected, strict=True):
            if is_selected:
                units = compute_witness_units(sum(expected))
                booked = pair_units[h.witness, beaconer]
                booked[0] += units * (weak if beacon.is_weak or h.is_weak else PPM) // PPM
                booked[1] += 1
    assert {at: units for at, units in enumerate(totals.beacon_units.tolist()) if units} == {
        at: units for at, units in beacon_units.items() if units
    }
    found = zip(
        totals.pair_witness.tolist(),
        totals.pair_beaconer.tolist(),
        totals.pair_units.tolist(),
        totals.pair_reports.tolist(),
        strict=True,
    )
    assert {(w, b): [units, reports] for w, b, units, reports in found} == dict(pair_units)


def test_the_cases_meet_every_rule() -> None:
    met = {
        Reason(reason)
        for seed, hotspots, spread, parameters in CASES
        for reason in np.unique(
            compute_witness_reasons(Epoch(seed, hotspots, 150, spread, parameters).build_columns())
        ).tolist()
    }
    assert met >= {reason for reason, _ in WITNESS_RULES} - {Reason.INVALID_PACKET} | {Reason.NONE}


def test_every_readable_rule_has_a_column_form() -> None:
    assert set(COLUMN_RULES) == {rule for _, rule in WITNESS_RULES}


def test_no_reports_at_all() -> None:
    epoch = Epoch(1, 5, 0, 0.1, CoverageParameters())
    pair = epoch.build_columns()
    reasons = compute_witness_reasons(pair)
    assert not len(reasons)
    none = np.zeros(0, dtype=np.bool_)
    totals = compute_epoch_totals(pair, compute_selected(pair, reasons, get_seed), none, none)
    assert not len(totals.pair_units)


def get_random_cells(count: int, resolution: int) -> list[int]:
    draw = Random(5)
    return [
        int(h3.latlng_to_cell(draw.uniform(-90, 90), draw.uniform(-180, 180), resolution))
        for _ in range(count)
    ] + [int(h3.cell_to_center_child(pentagon, resolution)) for pentagon in h3.get_pentagons(2)]


def test_distances_are_within_the_margin() -> None:
    cells = get_random_cells(300, 12)
    near = [int(h3.grid_ring(cell, 5)[0]) for cell in cells[:100]]
    places = build_places([b""] * len(cells + near), np.array(cells + near, dtype=np.int64))
    draw = Random(6)
    one = np.array([draw.randrange(places.count) for _ in range(1_000)] + list(range(100)), dtype=np.int32)
    other = np.array(
        [draw.randrange(places.count) for _ in range(1_000)] + [len(cells) + at for at in range(100)],
        dtype=np.int32,
    )
    fast = compute_distances_um(places, one, other)
    for distance_um, a, b in zip(fast.tolist(), one.tolist(), other.tolist(), strict=True):
        exact = compute_distance_um(int(places.cells[a]), int(places.cells[b]))
        # A thousandth of the margin, but where a chord says little: beyond a quarter of the globe, where no
        # limit of any network lies.
        allowed = MARGIN_UM / 100 if exact < 9_000_000_000_000 else 5e8
        assert abs(distance_um - exact) <= allowed


def test_bounds_on_cells_of_resolution_11() -> None:
    widest = 0
    for cell in get_random_cells(300, 11):
        for neighbour in h3.grid_ring(cell, 1):
            widest = max(widest, compute_distance_um(cell, int(neighbour)))
    assert widest < NEIGHBOURS_11_UM
    for cell in get_random_cells(300, 12):
        assert compute_distance_um(cell, int(h3.cell_to_parent(cell, 11))) < PARENT_RADIUS_UM


def test_parents_by_bits() -> None:
    cells = get_random_cells(200, 12)
    for resolution in range(12):
        found = compute_parents(np.array(cells, dtype=np.int64), resolution).tolist()
        assert found == [h3.cell_to_parent(cell, resolution) for cell in cells]


def test_reach_is_the_last_metre_that_loses_no_more() -> None:
    losses = [-100, 0, 3_121, 3_122, 5_000, 9_122, 9_123, 12_000, 14_000]
    reach = compute_reach_m(losses, 868_100_000)
    assert reach[0] == 0
    for loss_cdb, distance_m in zip(losses[1:], reach[1:], strict=True):
        assert distance_m == 0 or compute_free_space_path_loss_cdb(distance_m, 868_100_000) <= loss_cdb
        assert compute_free_space_path_loss_cdb(distance_m + 1, 868_100_000) > loss_cdb


def test_payloads_are_those_of_the_beacons() -> None:
    draw = Random(7)
    secrets = [
        (draw.randbytes(32), draw.randrange(1 << 40), draw.randbytes(draw.choice((4, 16, 20, 64))))
        for _ in range(50)
    ]
    payloads = compute_beacon_payloads(secrets)
    assert [bytes(row) for row in payloads] == [compute_beacon_data(*secret) for secret in secrets]
    with pytest.raises(ValueError, match="local entropy"):
        compute_beacon_payloads([(bytes(32), 1, bytes(5))])
