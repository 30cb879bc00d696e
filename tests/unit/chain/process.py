"""A real node as a process of its own, for tests: start, wait until it is ready, kill, start again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
_MAIN = "from chain.cli import app; app()"


def run_cli(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `hexhaul chain ...` to its end."""
    return subprocess.run(
        [sys.executable, "-c", _MAIN, *words],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, **environment},
        timeout=60,
    )


def init(folder: Path, *options: str) -> None:
    """Make a network with short times in `folder`."""
    words = ["init", "--data-dir", str(folder), "--block-seconds", "0.05", *options]
    done = run_cli(*words)
    assert done.returncode == 0, done.stderr


class NodeProcess:
    """One running node; use as a context manager."""

    def __init__(self, folder: Path, kill_at: str = "", environment: dict[str, str] | None = None) -> None:
        words = ["run", "--json", "--data-dir", str(folder), "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0"]
        self.process = subprocess.Popen(
            [sys.executable, "-c", _MAIN, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**(environment or os.environ), "HEXHAUL_KILL_AT": kill_at},
        )
        self.lines: list[dict[str, Any]] = []
        self._ready = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for text in self.process.stdout:
            line = json.loads(text)
            self.lines.append(line)
            if line["event"] == "ready":
                self._ready.set()
        self._ready.set()

    def wait_ready(self) -> dict[str, Any]:
        """Wait for the line that says so, and return it."""
        assert self._ready.wait(30), "the node is not ready after 30 seconds"
        ready = [line for line in self.lines if line["event"] == "ready"]
        if not ready:
            self.process.wait(10)
            assert self.process.stderr is not None
            raise AssertionError(f"the node ended: {self.process.stderr.read()}")
        return ready[0]

    @property
    def url(self) -> str:
        return f"http://{self.wait_ready()['http']}"

    def wait_dead(self) -> int:
        """Wait until it died by itself; returns the signal or code."""
        return self.process.wait(30)

    def stop(self) -> int:
        """Ask it to end, as a supervisor does; returns its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(10)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)

    def __enter__(self) -> NodeProcess:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.kill()
        self._reader.join(10)
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()
