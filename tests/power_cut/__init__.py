"""Power cuts in software: a process runs on a disk that forgets what was not synced.

``kill -9`` alone proves little of durability, for the kernel still writes what the process left in its
cache. ``power_cut.c``, preloaded into a process, keeps an undo record of every write until the file is
synced; ``PowerCut.apply`` puts the records back after the process has been killed.
"""

import os
import shutil
import struct
import subprocess
from pathlib import Path

HEAD = struct.Struct("<QQQ")  # offset, size of the file before, length of the old bytes


def get_missing_tool() -> str | None:
    """Why power cuts can't be simulated here, or None."""
    return None if shutil.which("gcc") else "gcc is not installed: power cuts can't be simulated"


def compile_library(folder: Path) -> Path:
    """The library that is preloaded, compiled into ``folder``."""
    library = folder / "power_cut.so"
    source = Path(__file__).with_name("power_cut.c")
    subprocess.run(["gcc", "-O2", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return library


class PowerCut:
    """The forgetful disk under ``root``; its own files lie in ``work``."""

    def __init__(self, root: Path, work: Path, library: Path | None = None) -> None:
        """``library`` of an earlier ``compile_library`` saves compiling it again."""
        self.root = root.resolve()
        self.undo = work / "undo"
        self.undo.mkdir(parents=True, exist_ok=True)
        self.library = library or compile_library(work)

    def get_environment(self, sync: bool = True) -> dict[str, str]:
        """The environment for a process on this disk; without ``sync``, its fsync does nothing."""
        environment = dict(
            os.environ,
            LD_PRELOAD=str(self.library),
            POWER_CUT_ROOT=str(self.root),
            POWER_CUT_UNDO=str(self.undo),
        )
        if not sync:
            environment["POWER_CUT_NO_SYNC"] = "1"
        return environment

    def apply(self) -> int:
        """Takes back all that was not synced, the processes being dead. Returns how many writes."""
        paths = {}
        for path in self.root.rglob("*"):
            if path.is_file() and not path.is_symlink():
                if path.name.endswith("-shm"):  # shared memory: gone with the power
                    path.unlink()
                    continue
                status = path.stat()
                paths[status.st_dev, status.st_ino] = path
        undone = 0
        for journal in sorted(self.undo.iterdir()):
            _, device, inode = (int(part) for part in journal.name.split("-"))
            target = paths.get((device, inode))
            if target is not None:
                undone += undo_file(target, journal.read_bytes())
            journal.unlink()
        return undone


def undo_file(target: Path, journal: bytes) -> int:
    """Puts old bytes back, the newest write first."""
    records = []
    position = 0
    while position + HEAD.size <= len(journal):
        offset, size, length = HEAD.unpack_from(journal, position)
        position += HEAD.size
        if position + length > len(journal):
            break  # killed while it noted the write, so before it wrote
        records.append((offset, size, journal[position : position + length]))
        position += length
    with target.open("r+b") as file:
        for offset, size, old in reversed(records):
            file.seek(offset)
            file.write(old)
            file.truncate(size)
    return len(records)
