"""Processes of a town: started, watched, restarted, ended."""

import asyncio
import contextlib
import ctypes
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from hardware.virtual.town import TownError

READY_TIMEOUT_S = 90.0
STOP_TIMEOUT_S = 5.0
RESTART_DELAYS_S = (0.2, 1.0, 3.0, 10.0)
STABLE_AFTER_S = 30.0
LOG_LIMIT_BYTES = 5_000_000
PR_SET_PDEATHSIG = 1
#: Of these there are several, so a line says whose it is.
NAMED_SERVICES = ("hotspot", "board")


class Printer:
    """Event lines of all parts, as text for people or as JSON for programs.

    ``hidden`` are (service, event) pairs that people needn't see, because another part says the same or
    because it happens all the time; programs get them all.
    """

    def __init__(self, as_json: bool, hidden: frozenset[tuple[str, str]] = frozenset()) -> None:
        self.as_json = as_json
        self.hidden = hidden
        #: Called once when nobody reads the lines any more (`... | head` has gone).
        self.on_closed: Callable[[], None] = lambda: None

    def _write(self, text: str) -> None:
        try:
            print(text, flush=True)
        except BrokenPipeError:
            # What follows goes nowhere; without this the interpreter complains again at its end.
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, sys.stdout.fileno())
            os.close(null)
            self.on_closed()

    def say(self, event: str, text: str, **fields: Any) -> None:
        time = datetime.now(UTC).isoformat(timespec="milliseconds")
        self.show({"time": time, "service": "up", "event": event, "text": text, **fields})

    def show(self, line: dict[str, Any]) -> None:
        if self.as_json:
            self._write(json.dumps(line))
            return
        service, name, text = line.get("service", ""), line.get("name", ""), line.get("text", "")
        if (service, line.get("event")) in self.hidden:
            return
        if name and name not in text and service in NAMED_SERVICES:
            text = f"{name}: {text}"
        self._write(f"{datetime.now().strftime('%H:%M:%S')}  {text}")


def die_with_parent() -> None:
    """Runs in the child before exec: the kernel ends it should this process be killed."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass
class Child:
    """One supervised process."""

    name: str
    arguments: list[str]
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    fields: dict[str, Any] = field(default_factory=dict)
    process: asyncio.subprocess.Process | None = None
    restarts: int = 0
    task: asyncio.Task[None] | None = None


class Supervisor:
    """Starts children, restarts what dies, ends all of them."""

    def __init__(self, command: list[str], logs: Path, printer: Printer) -> None:
        """``command`` stands before each process's own words; ``logs`` takes what they write to stderr."""
        self.command = command
        self.logs = logs
        self.printer = printer
        self.children: list[Child] = []
        self.stopping = False

    async def start(self, name: str, *arguments: str) -> Child:
        """Starts a process and waits until it says that it is ready.

        Raises:
            TownError: it did not become ready in time; its last words are quoted.
        """
        child = Child(name, list(arguments))
        self.children.append(child)
        child.task = asyncio.create_task(self._keep_alive(child), name=name)
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                await child.ready.wait()
        except TimeoutError:
            raise TownError(
                f"{name} is not ready after {READY_TIMEOUT_S:.0f} s; {self.get_last_words(name)}"
            ) from None
        return child

    async def run_once(self, *arguments: str) -> None:
        """Runs a command of ours to its end."""
        process = await asyncio.create_subprocess_exec(
            *self.command, *arguments,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, preexec_fn=die_with_parent,
        )  # fmt: skip
        _, errors = await process.communicate()
        if process.returncode:
            words = errors.decode(errors="replace").strip()[-500:]
            raise TownError(f"`hexhaul {' '.join(arguments[:2])}` failed: {words}")

    async def _keep_alive(self, child: Child) -> None:
        attempt = 0
        while not self.stopping:
            started = time.monotonic()
            with self._open_log(child.name) as log:
                child.process = await asyncio.create_subprocess_exec(
                    *self.command, *child.arguments,
                    stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=log,
                    start_new_session=True, preexec_fn=die_with_parent, limit=1 << 20,
                )  # fmt: skip
            await self._pass_on(child, child.process)
            code = await child.process.wait()
            if self.stopping:
                return
            attempt = 0 if time.monotonic() - started > STABLE_AFTER_S else attempt + 1
            delay = RESTART_DELAYS_S[min(attempt, len(RESTART_DELAYS_S) - 1)]
            how = f"was killed (signal {-code})" if code < 0 else f"ended (exit code {code})"
            words = "" if code < 0 else f"; {self.get_last_words(child.name)}"
            child.restarts += 1
            self.printer.say(
                "process_died",
                f"{child.name} {how}, starting it again{words}",
                process=child.name,
                exit_code=code,
            )
            await asyncio.sleep(delay)

    async def _pass_on(self, child: Child, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while True:
            try:
                raw = await process.stdout.readline()
            except ValueError:  # a line over the limit: not one of ours
                continue
            if not raw:
                return
            try:
                line = json.loads(raw)
                event = line["event"]
            except (ValueError, KeyError, TypeError):
                self.printer.say(
                    "output", f"{child.name}: {raw.decode(errors='replace').rstrip()}", process=child.name
                )
                continue
            if event == "ready":
                child.fields = line
                if child.ready.is_set():
                    self.printer.say("process_restarted", f"{child.name} is up again", process=child.name)
                child.ready.set()
            elif not self.stopping:
                self.printer.show(line)

    def _open_log(self, name: str) -> IO[bytes]:
        path = self.logs / f"{name}.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size > LOG_LIMIT_BYTES:
            path.replace(path.with_suffix(".log.1"))
        return path.open("ab")

    def get_last_words(self, name: str) -> str:
        path = self.logs / f"{name}.log"
        lines = (
            [line for line in path.read_text(errors="replace").splitlines() if line.strip()]
            if path.exists()
            else []
        )
        return f"its last words in {path}: {lines[-1][:300]}" if lines else f"it said nothing in {path}"

    async def stop(self) -> None:
        """Ends all children, the last started first; whoever doesn't go in time is killed."""
        self.stopping = True
        running = [
            child.process
            for child in reversed(self.children)
            if child.process and child.process.returncode is None
        ]
        for process in running:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        waits = [asyncio.create_task(process.wait()) for process in running]
        if waits:
            await asyncio.wait(waits, timeout=STOP_TIMEOUT_S)
        for process in running:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
        tasks = [child.task for child in self.children if child.task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, *waits, return_exceptions=True)
