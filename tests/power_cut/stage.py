"""A process that has imported a story once and forks for every time it is played: a start costs milliseconds.

A story is a module with ``run(disk: Path, outside: Outside) -> None``: it runs the real parts on a data
folder and tells the outside what the world gets to know, in the order in which it does. It is played until
it is killed at a write point, the power is cut, and it is played again to its end; what the outside was told
must then be there.
"""

import json
import os
import signal
import subprocess
import sys
import traceback
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.power_cut import PowerCut, compile_library

ROOT = Path(__file__).resolve().parents[2]


class Outside:
    """What the world was told, and has told: lines in a file that no power cut reaches."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.lines: list[dict[str, Any]] = []
        self.reload()

    def reload(self) -> None:
        """Read what another process has told."""
        text = self._path.read_text() if self._path.exists() else ""
        self.lines = [json.loads(line) for line in text.splitlines()]

    def tell(self, kind: str, **fields: Any) -> None:
        """The world knows this from now on, whatever happens to the process."""
        line = {"kind": kind, **fields}
        file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(file, json.dumps(line).encode() + b"\n")
        os.close(file)
        self.lines.append(line)

    def get(self, kind: str, **fields: Any) -> list[dict[str, Any]]:
        """All lines of a kind with these fields, oldest first."""
        return [
            line
            for line in self.lines
            if line["kind"] == kind and all(line.get(key) == value for key, value in fields.items())
        ]


class Stage:
    """Forks of one process on which ``story`` (a module's name) is played."""

    def __init__(self, story: str, work: Path) -> None:
        self.library = compile_library(work)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.power_cut.stage", story],
            cwd=ROOT,
            env=os.environ | {"LD_PRELOAD": str(self.library), "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> "Stage":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()  # its cue to end
        self._process.wait(20)
        self._process.stdout.close()

    def play(self, **order: Any) -> int:
        """One fork's exit code; -9 if it was killed."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


class Trial:
    """One story on one forgetful disk."""

    def __init__(self, stage: Stage, folder: Path) -> None:
        self._stage = stage
        self.disk = folder / "disk"
        self.disk.mkdir()
        self._outside = folder / "outside"
        self._errors = folder / "errors"
        self._cut = PowerCut(self.disk, folder / "work", stage.library)

    @property
    def outside(self) -> Outside:
        return Outside(self._outside)

    @property
    def errors(self) -> str:
        return self._errors.read_text() if self._errors.exists() else ""

    def play(self, kill_at: str = "", sync: bool = True) -> int:
        """To its end (0), or to its death at a write point (-9)."""
        environment = {
            "POWER_CUT_ROOT": str(self._cut.root),
            "POWER_CUT_UNDO": str(self._cut.undo),
            "HEXHAUL_KILL_AT": kill_at,
            **({} if sync else {"POWER_CUT_NO_SYNC": "1"}),
        }
        return self._stage.play(
            environment=environment,
            disk=str(self.disk),
            outside=str(self._outside),
            errors=str(self._errors),
        )

    def cut_power(self) -> int:
        """What was not synced is gone. Returns how many writes."""
        return self._cut.apply()


def serve(story: Any) -> None:
    """Read orders from stdin; fork for each, and print how the fork ended."""
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            _play(story, order)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _play(story: Any, order: dict[str, Any]) -> None:
    code = 1
    try:
        signal.alarm(30)  # a story that waits for ever dies of it, and its test says so
        errors = os.open(order["errors"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(errors, 2)
        os.dup2(errors, 1)
        os.environ.update(order["environment"])
        story.run(Path(order["disk"]), Outside(Path(order["outside"])))
        code = 0
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


if __name__ == "__main__":
    serve(import_module(sys.argv[1]))
