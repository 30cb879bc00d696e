"""A PostgreSQL cluster of the tests' own, in a temporary folder, on a socket only it knows."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

#: Where Debian keeps what `initdb` belongs to.
DEBIAN_FOLDERS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
#: PostgreSQL refuses to run as root; whom it runs as then, the first that there is.
OTHERS = ("postgres", "nobody")


def find_program(name: str) -> str | None:
    for folder in DEBIAN_FOLDERS:
        if (folder / name).is_file():
            return str(folder / name)
    return shutil.which(name)


def find_user() -> str | None:
    """Whom to become, None where that isn't needed."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    found = [name for name in OTHERS if name in names]
    if not found:
        pytest.skip("PostgreSQL doesn't run as root, and there is no user postgres or nobody")
    return found[0]


@contextmanager
def run_cluster() -> Iterator[str]:
    """Yields the URL of an empty database; skips, saying why, where there is no PostgreSQL."""
    initdb, pg_ctl = find_program("initdb"), find_program("pg_ctl")
    if initdb is None or pg_ctl is None:
        pytest.skip("no PostgreSQL here: apt install postgresql")
    user = find_user()
    # Not below pytest's folder: nobody else may look into that. Socket paths must be short.
    folder = Path(tempfile.mkdtemp(prefix="hexhaul-pg-", dir="/tmp"))
    data = folder / "data"

    def run(*command: str) -> None:
        done = subprocess.run(
            command, user=user, cwd=folder, capture_output=True, text=True, timeout=90, env={"LC_ALL": "C"}
        )
        assert done.returncode == 0, f"{command[0]}: {done.stdout}{done.stderr}"

    try:
        if user is not None:
            shutil.chown(folder, user)
        # A cluster whose language sorts otherwise than bytes do: the index must not care.
        run(initdb, "-D", str(data), "-U", "hexhaul", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N")
        options = f"-k {folder} -c listen_addresses='' -c fsync=off -c max_connections=30"
        run(pg_ctl, "-D", str(data), "-w", "-l", str(folder / "log"), "-o", options, "start")
        try:
            yield f"postgresql://hexhaul@/postgres?host={folder}"
        finally:
            run(pg_ctl, "-D", str(data), "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
