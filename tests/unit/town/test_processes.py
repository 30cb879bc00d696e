"""Supervision of processes, with real ones."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from hardware.virtual.town import TownError, processes
from hardware.virtual.town.processes import Printer, Supervisor

SERVICE = """
import json, os, signal, sys, time
print(json.dumps({"event": "ready", "text": "up", "pid": os.getpid(), "http": "127.0.0.1:1"}), flush=True)
print("stray words", flush=True)
print(json.dumps({"event": "hello", "text": "hello from " + sys.argv[1]}), flush=True)
if sys.argv[1] == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
while True:
    time.sleep(60)
"""
BROKEN = "import sys; sys.exit('no such radio')"


class Recorder(Printer):
    def __init__(self) -> None:
        super().__init__(as_json=True)
        self.lines: list[dict[str, Any]] = []
        self.changed = asyncio.Condition()

    def show(self, line: dict[str, Any]) -> None:
        self.lines.append(line)
        asyncio.get_running_loop().create_task(self._notify())

    async def _notify(self) -> None:
        async with self.changed:
            self.changed.notify_all()

    async def wait_for(self, is_it: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        async with asyncio.timeout(30), self.changed:
            await self.changed.wait_for(lambda: any(map(is_it, self.lines)))
        return next(line for line in self.lines if is_it(line))


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[tuple[Supervisor, Recorder]]:
    recorder = Recorder()
    supervisor = Supervisor([sys.executable, "-c"], tmp_path / "logs", recorder)
    yield supervisor, recorder
    await supervisor.stop()


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_a_process_is_ready_with_its_fields_and_its_lines_are_passed_on(town: Any) -> None:
    supervisor, recorder = town
    child = await supervisor.start("one", SERVICE, "one")
    assert child.fields["http"] == "127.0.0.1:1"
    await recorder.wait_for(lambda line: line.get("text") == "hello from one")
    await recorder.wait_for(lambda line: line.get("text") == "one: stray words")
    assert not any(line.get("event") == "ready" for line in recorder.lines)


async def test_a_killed_process_is_said_so_and_started_again(town: Any) -> None:
    supervisor, recorder = town
    child = await supervisor.start("one", SERVICE, "one")
    first = child.fields["pid"]
    os.kill(first, signal.SIGKILL)
    died = await recorder.wait_for(lambda line: line["event"] == "process_died")
    assert "was killed (signal 9)" in died["text"]
    await recorder.wait_for(lambda line: line["event"] == "process_restarted")
    assert child.fields["pid"] != first and not is_alive(first)


async def test_stop_ends_all_also_who_ignores_it(town: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "STOP_TIMEOUT_S", 0.5)
    supervisor, recorder = town
    children = [await supervisor.start(name, SERVICE, name) for name in ("one", "stubborn")]
    await recorder.wait_for(lambda line: line.get("text") == "hello from stubborn")
    await supervisor.stop()
    assert not any(is_alive(child.fields["pid"]) for child in children)
    assert not any(line["event"] == "process_died" for line in recorder.lines)


async def test_a_process_that_never_gets_ready_is_an_error_with_its_last_words(
    town: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "READY_TIMEOUT_S", 1.5)
    supervisor, _ = town
    with pytest.raises(TownError, match="no such radio"):
        await supervisor.start("radio", BROKEN)


async def test_a_command_that_fails_is_an_error_with_its_words(town: Any) -> None:
    supervisor, _ = town
    with pytest.raises(TownError, match="no such radio"):
        await supervisor.run_once(BROKEN)


async def test_children_die_with_their_parent(tmp_path: Path) -> None:
    """Also when the parent gets no chance to end them: kill -9."""
    parent = f"""
import asyncio, json, sys
from pathlib import Path
from hardware.virtual.town.processes import Printer, Supervisor
async def main():
    supervisor = Supervisor([sys.executable, "-c"], Path({str(tmp_path)!r}), Printer(True))
    child = await supervisor.start("one", {SERVICE!r}, "one")
    print(json.dumps({{"child": child.fields["pid"]}}), flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", parent, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout
    pid = 0
    while not pid:
        pid = json.loads(await asyncio.wait_for(process.stdout.readline(), 30)).get("child", 0)
    process.kill()
    await process.wait()
    async with asyncio.timeout(10):
        while is_alive(pid):
            await asyncio.sleep(0.02)


def test_a_closed_stdout_is_told_once_and_breaks_nothing() -> None:
    program = (
        "import os, sys\n"
        "from hardware.virtual.town.processes import Printer\n"
        "printer = Printer(as_json=False)\n"
        "printer.on_closed = lambda: print('closed', file=sys.stderr)\n"
        "sys.stdin.read()\n"
        "for number in range(3):\n"
        "    printer.say('event', 'a line')\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert process.stdout and process.stdin and process.stderr
    process.stdout.close()
    process.stdin.close()
    assert process.stderr.read() == "closed\n"
    assert process.wait() == 0
