"""The forgetful disk forgets what was not synced, and only that."""

import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.power_cut import PowerCut, get_missing_tool

pytestmark = pytest.mark.skipif(get_missing_tool() is not None, reason=get_missing_tool() or "")

FILES = """
import os, signal, sys
os.chdir(sys.argv[1])
def write(name, text, mode, sync):
    with open(name, mode) as file:
        file.write(text); file.flush()
        if sync: os.fsync(file.fileno())
write("synced", "new", "w", True)
write("forgotten", "new content", "w", False)
write("appended", " and lost", "a", False)
write("grown", " kept", "a", True)
write("grown", " lost", "a", False)
write(".tmp", "renamed without sync", "w", False); os.rename(".tmp", "renamed")
os.kill(os.getpid(), signal.SIGKILL)
"""
LEDGER = """
import os, signal, sqlite3, sys
db = sqlite3.connect(sys.argv[1] + "/ledger.db", isolation_level=None)
db.execute("pragma journal_mode=wal"); db.execute("pragma synchronous=" + sys.argv[2])
db.execute("create table if not exists t (x)")
for x in range(50):
    db.execute("insert into t values (?)", (x,))
    if x % 20 == 19: db.execute("pragma wal_checkpoint(truncate)")
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def disk(tmp_path: Path) -> PowerCut:
    (tmp_path / "disk").mkdir()
    return PowerCut(tmp_path / "disk", tmp_path / "work")


def run(disk: PowerCut, program: str, *arguments: str, sync: bool = True) -> int:
    command = [sys.executable, "-c", program, str(disk.root), *arguments]
    done = subprocess.run(command, env=disk.get_environment(sync), check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    return disk.apply()


def test_files_hold_what_was_synced_and_nothing_else(disk: PowerCut) -> None:
    for name in ("forgotten", "appended", "grown"):
        (disk.root / name).write_text("old")
    assert run(disk, FILES) > 0
    content = {path.name: path.read_text() for path in disk.root.iterdir()}
    assert content == {
        "synced": "new", "forgotten": "old", "appended": "old", "grown": "old kept", "renamed": "",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("synchronous", "sync", "kept"), [("FULL", True, True), ("FULL", False, False), ("OFF", True, False)]
)
def test_a_database_keeps_its_commits_only_if_it_syncs(
    disk: PowerCut, synchronous: str, sync: bool, kept: bool
) -> None:
    run(disk, LEDGER, synchronous, sync=sync)
    try:
        rows = [x for (x,) in sqlite3.connect(disk.root / "ledger.db").execute("select x from t")]
    except sqlite3.DatabaseError:
        rows = []  # corrupted or without the table: as lost as can be
    assert (rows == list(range(50))) is kept
    assert list(disk.undo.iterdir()) == []
