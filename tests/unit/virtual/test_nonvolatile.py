"""The board's NVS: what a commit promises, and that it keeps its promise when the power goes."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardware.virtual.board.nonvolatile import (
    KEY_TOO_LONG,
    NOT_FOUND,
    VALUE_TOO_LONG,
    Nonvolatile,
    NonvolatileError,
)
from tests.power_cut import PowerCut, get_missing_tool

needs_power_cut = pytest.mark.skipif(get_missing_tool() is not None, reason=get_missing_tool() or "")

#: Commits 1, 2, 3... and says each one that it was told is safe.
COUNTER = """
import sys
from pathlib import Path
from hardware.virtual.board.nonvolatile import Nonvolatile
store = Nonvolatile(Path(sys.argv[1]) / "nvs.json")
for count in range(1, 6):
    store.put("sensor", "count", count)
    store.put("sensor", "key", bytes(range(count)) * 20)
    store.commit()
    print(count, flush=True)
"""


def count_until_killed(folder: Path, environment: dict[str, str], kill_at: str) -> int:
    """The last count that the process was told is safe."""
    done = subprocess.run(
        [sys.executable, "-c", COUNTER, str(folder)],
        env={**environment, "HEXHAUL_KILL_AT": kill_at},
        stdout=subprocess.PIPE,
        check=False,
        timeout=60,
    )
    assert done.returncode == -signal.SIGKILL, "the write point was not reached"
    return int(done.stdout.split()[-1])


#: The counts that may be there after the board was killed at this point.
WRITE_POINTS = {
    "virtual_board.nvs.before_commit:3": {2},
    "virtual_board.nvs.before_rename:3": {2},
    "virtual_board.nvs.after_commit:3": {3},
}


@pytest.mark.parametrize(("kill_at", "possible"), list(WRITE_POINTS.items()))
@needs_power_cut
def test_a_power_cut_takes_nothing_that_was_committed(
    tmp_path: Path, kill_at: str, possible: set[int]
) -> None:
    (tmp_path / "disk").mkdir()
    disk = PowerCut(tmp_path / "disk", tmp_path / "work")
    told = count_until_killed(disk.root, disk.get_environment(), kill_at)
    disk.apply()
    store = Nonvolatile(disk.root / "nvs.json")
    count = store.get("sensor", "count", int)
    assert count in possible and told == 2
    assert isinstance(count, int) and store.get("sensor", "key", bytes) == bytes(range(count)) * 20
    # It goes on from there, whatever was left behind.
    store.put("sensor", "count", 77)
    store.commit()
    assert Nonvolatile(disk.root / "nvs.json").get("sensor", "count", int) == 77


@needs_power_cut
def test_without_the_sync_the_test_above_would_fail(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    disk = PowerCut(tmp_path / "disk", tmp_path / "work")
    count_until_killed(disk.root, disk.get_environment(sync=False), "virtual_board.nvs.after_commit:3")
    disk.apply()
    try:
        count = Nonvolatile(disk.root / "nvs.json").get("sensor", "count", int)
    except NonvolatileError:
        count = None
    assert count != 3


def test_what_is_not_committed_goes_with_a_reset(tmp_path: Path) -> None:
    store = Nonvolatile(tmp_path / "nvs.json")
    store.put("a", "x", 1)
    store.commit()
    store.put("a", "x", 2)
    store.put("b", "x", 3)
    store.reload()
    assert store.get("a", "x", int) == 1
    assert store.get("b", "x", int) is None


def test_names_types_and_sizes_are_those_of_esp_idf(tmp_path: Path) -> None:
    store = Nonvolatile(tmp_path / "nvs.json")
    assert store.put("a", "x" * 15, 1) == 0
    assert store.put("a", "x" * 16, 1) == KEY_TOO_LONG
    assert store.put("a", "", 1) == KEY_TOO_LONG
    assert store.put("a", "b", bytes(4001)) == VALUE_TOO_LONG
    assert store.get("a", "x" * 15, bytes) is None
    assert store.erase("a", "none") == NOT_FOUND
    assert store.erase("a", "x" * 15) == 0
    assert store.get("a", "x" * 15, int) is None


def test_its_file_is_the_owner_s_only(tmp_path: Path) -> None:
    store = Nonvolatile(tmp_path / "nvs.json")
    store.put("a", "key", b"secret")
    store.commit()
    assert (tmp_path / "nvs.json").stat().st_mode & 0o777 == 0o600


names = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1, max_size=15)


@settings(deadline=None)  # the time of a sync is the disk's business
@given(st.dictionaries(st.tuples(names, names), st.integers(-(2**31), 2**31 - 1) | st.binary(max_size=50)))
def test_any_values_come_back(
    tmp_path_factory: pytest.TempPathFactory, values: dict[tuple[str, str], int | bytes]
) -> None:
    path = tmp_path_factory.mktemp("nvs") / "nvs.json"
    store = Nonvolatile(path)
    for (namespace, key), value in values.items():
        assert store.put(namespace, key, value) == 0
    store.commit()
    again = Nonvolatile(path)
    for (namespace, key), value in values.items():
        assert again.get(namespace, key, type(value)) == value


@given(
    st.binary(max_size=60)
    | st.sampled_from([b"[]", b'{"a":1}', b'{"a":{"b":{}}}', b'{"a":{"b":{"blob":"0"}}}'])
)
def test_a_file_that_is_none_of_ours_is_one_line(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("nvs") / "nvs.json"
    path.write_bytes(content)
    try:
        Nonvolatile(path)
    except NonvolatileError as error:
        assert "\n" not in str(error) and "take it away" in str(error)
