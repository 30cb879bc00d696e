"""Imports: what can be true is kept once, the rest is refused with its reason."""

from pathlib import Path
from typing import Any

import h3.api.basic_int as h3
import msgspec
import pytest

from chain.explorer.observations import Observation, ObservationStore

GOOD: dict[str, Any] = {
    "observed_at": "2022-01-02T03:04:05Z", "latitude": 45.19, "longitude": 5.72, "hotspot": "somebody",
    "rssi_dbm": -101.0, "snr_db": 4.5, "frequency_hz": 868_100_000, "spreading_factor": 7, "source": "test",
    "hotspot_latitude": 45.2, "hotspot_longitude": 5.7,
}  # fmt: skip


def make(**changes: Any) -> Observation:
    return msgspec.convert({**GOOD, **changes}, Observation)


def test_the_same_again_counts_once(tmp_path: Path) -> None:
    store = ObservationStore(tmp_path / "x.db")
    batch = [make(), make(hotspot="another", rssi_dbm=-111)]
    assert store.add(batch) == {"accepted": 2, "known_already": 0, "refused": {}}
    assert store.add([*batch, make(frequency_hz=868_300_000)]) == {
        "accepted": 3,
        "known_already": 2,
        "refused": {},
    }
    store.close()
    store = ObservationStore(tmp_path / "x.db")
    assert store.get_total() == 3
    cell = h3.latlng_to_cell(45.19, 5.72, 8)
    assert store.get_cells(8) == [
        {
            "cell": cell, "observations": 3, "first": GOOD["observed_at"], "last": GOOD["observed_at"],
            "hotspots": 2, "mean_rssi_dbm": -104,
        }
    ]  # fmt: skip
    assert [row["cell"] for row in store.get_cells(5)] == [h3.cell_to_parent(cell, 5)]
    assert [(row["hotspot"], row["rank"], row["crowd"]) for row in store.get_hotspots()] == [
        ("another", 0, 2),
        ("somebody", 1, 2),
    ]
    assert store.get_sources()[0]["observations"] == 3


def test_cells_follow_an_import(tmp_path: Path) -> None:
    store = ObservationStore(tmp_path / "x.db")
    assert store.get_cells(8) == []
    store.add([make()])
    assert len(store.get_cells(8)) == 1


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"latitude": 91}, "position_off_the_map"),
        ({"longitude": -181}, "position_off_the_map"),
        ({"latitude": 0, "longitude": 0}, "position_0_0"),
        ({"rssi_dbm": 1}, "rssi_beyond_-150..0_dbm"),
        ({"rssi_dbm": -151}, "rssi_beyond_-150..0_dbm"),
        ({"rssi_dbm": float("nan")}, "rssi_beyond_-150..0_dbm"),
        ({"snr_db": 41}, "snr_beyond_40_db"),
        ({"spreading_factor": 13}, "spreading_factor_beyond_5..12"),
        ({"frequency_hz": 0}, "frequency_impossible"),
        ({"hotspot": ""}, "name_missing_or_too_long"),
        ({"source": "x" * 101}, "name_missing_or_too_long"),
        ({"observed_at": "yesterday"}, "time_not_rfc3339"),
        ({"hotspot_latitude": 100}, "hotspot_off_the_map"),
        ({"hotspot_longitude": float("inf")}, "hotspot_off_the_map"),
    ],
)
def test_what_cannot_be_true_is_refused(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    store = ObservationStore(tmp_path / "x.db")
    assert store.add([make(), make(**changes)]) == {
        "accepted": 1,
        "known_already": 0,
        "refused": {reason: 1},
    }
    assert store.get_total() == 1


def test_a_full_store_says_so(tmp_path: Path) -> None:
    store = ObservationStore(tmp_path / "x.db", room=2)
    batch = [make(frequency_hz=868_100_000 + at) for at in range(4)]
    assert store.add(batch) == {"accepted": 2, "known_already": 0, "refused": {"store_full": 2}}
    assert store.add(batch[:1])["refused"] == {"store_full": 1}
    assert store.get_total() == 2
