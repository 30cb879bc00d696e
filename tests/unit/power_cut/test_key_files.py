"""A service is its key: one that it has shown to others outlives a power cut."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from chain.keys import KeyFileError, Keypair
from tests.power_cut import PowerCut, get_missing_tool

pytestmark = pytest.mark.skipif(get_missing_tool() is not None, reason=get_missing_tool() or "")

SHOW_AND_DIE = """
import os, signal, sys
from pathlib import Path
from chain.keys import Keypair
print(Keypair.load_or_create(Path(sys.argv[1])).public_key.address, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("sync", [True, False], ids=["synced", "sync taken out"])
def test_a_key_that_was_shown_is_kept(tmp_path: Path, sync: bool) -> None:
    (tmp_path / "disk").mkdir()
    disk = PowerCut(tmp_path / "disk", tmp_path / "work")
    path = disk.root / "owner.key"
    command = [sys.executable, "-c", SHOW_AND_DIE, str(path)]
    done = subprocess.run(
        command, env=disk.get_environment(sync), stdout=subprocess.PIPE, text=True, timeout=60, check=False
    )
    assert done.returncode == -signal.SIGKILL
    disk.apply()
    try:
        kept = Keypair.load(path).public_key.address
    except KeyFileError:
        kept = ""
    assert (kept == done.stdout.strip()) is sync
