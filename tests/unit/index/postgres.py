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


class Cluster:
    """One running server; ``url`` is its empty database."""

    def __init__(self, folder: Path, initdb: str, pg_ctl: str) -> None:
        self._folder = folder
        self._pg_ctl = pg_ctl
        self._user = find_user()
        self.url = f"postgresql://hexhaul@/postgres?host={folder}"
        if self._user is not None:
            shutil.chown(folder, self._user)
        words = ("-U", "hexhaul", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N")
        self._run(initdb, "-D", str(folder / "data"), *words)

    def start(self) -> None:
        options = f"-k {self._folder} -c listen_addresses='' -c fsync=off -c max_connections=30"
        self._run(*self._control, "-l", str(self._folder / "log"), "-o", options, "start")

    def stop(self) -> None:
        self._run(*self._control, "-m", "immediate", "stop")

    @property
    def _control(self) -> tuple[str, ...]:
        return (self._pg_ctl, "-D", str(self._folder / "data"), "-w")

    def _run(self, *command: str) -> None:
        with tempfile.TemporaryFile("w+") as said:  # a pipe would stay open with the server
            done = subprocess.run(
                command,
                user=self._user,
                cwd=self._folder,
                stdout=said,
                stderr=said,
                timeout=90,
                env={"LC_ALL": "C"},
                check=False,
            )
            said.seek(0)
            assert done.returncode == 0, f"{' '.join(command)}: {said.read()}"


@contextmanager
def run_cluster() -> Iterator[Cluster]:
    """Yields a running server; skips, saying why, where there is no PostgreSQL."""
    initdb, pg_ctl = find_program("initdb"), find_program("pg_ctl")
    if initdb is None or pg_ctl is None:
        pytest.skip("no PostgreSQL here: apt install postgresql")
    # Not below pytest's folder: nobody else may look into that. Socket paths must be short.
    folder = Path(tempfile.mkdtemp(prefix="hexhaul-pg-", dir="/tmp"))
    try:
        cluster = Cluster(folder, initdb, pg_ctl)
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
