"""Real processes beside the router: a chain node, mosquitto and its clients, and the router itself for
crash tests.
"""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.unit.router.event_log import EventLog

ROOT = Path(__file__).resolve().parents[3]
HEXHAUL = [sys.executable, str(ROOT / "hexhaul.py")]


class ChainNode:
    """A chain node of its own test network, blocks five times a second."""

    def __init__(self, folder: Path) -> None:
        pace = ["--block-seconds", "0.2", "--round-seconds", "3600", "--epoch-seconds", "86400"]
        init = [*HEXHAUL, "chain", "init", "--data-dir", str(folder), *pace]
        subprocess.run(init, check=True, capture_output=True, timeout=60)
        command = [*HEXHAUL, "chain", "run", "--data-dir", str(folder), "--http", "127.0.0.1:0"]
        lines, errors = folder / "stdout", folder / "stderr"
        with lines.open("w") as output, errors.open("w") as error_output:  # files: a full pipe would stop it
            self.process = subprocess.Popen(
                [*command, "--grpc", "127.0.0.1:0", "--json"], stdout=output, stderr=error_output
            )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self.process.poll() is None:
            entries = [json.loads(line) for line in lines.read_text().splitlines(True) if line.endswith("\n")]
            for entry in entries:
                if entry["event"] == "ready":
                    self.url = f"http://{entry['http']}"
                    return
            time.sleep(0.05)
        raise AssertionError(f"chain node did not start: {errors.read_text()}")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=20)


class RouterProcess:
    """`hexhaul router run` as a process of its own, on one data folder, to be killed and started again."""

    def __init__(
        self, folder: Path, chain_url: str, *more: str, environment: dict[str, str] | None = None
    ) -> None:
        self.folder = folder
        self._command = [
            *HEXHAUL,
            "router",
            "run",
            "--data-dir",
            str(folder),
            "--chain",
            chain_url,
            "--json",
            *more,
        ]
        self._environment = environment
        self.log = EventLog()
        self.errors = ""

    async def start(self, kill_at: str = "") -> dict[str, Any]:
        """Start and wait for the ready line. With `kill_at` the process kills itself at that write point."""
        environment = dict(self._environment or os.environ)
        if kill_at:
            environment["HEXHAUL_KILL_AT"] = kill_at
        self.log = EventLog()
        self.process = await asyncio.create_subprocess_exec(
            *self._command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
        )
        self._tasks = [asyncio.create_task(self._read_lines()), asyncio.create_task(self._read_errors())]
        ready = await self.log.wait_until(
            lambda: self.log.find("ready") or self.process.returncode is not None, 30, "ready"
        )
        assert isinstance(ready, dict), self.errors
        self.grpc, self.http, self.mqtt = ready["grpc"], f"http://{ready['http']}", ready["mqtt"]
        self.token = (self.folder / "api.token").read_text().strip()
        return ready

    async def _read_lines(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.log.add(json.loads(line))

    async def _read_errors(self) -> None:
        assert self.process.stderr is not None
        self.errors = (await self.process.stderr.read()).decode()

    async def wait_dead(self, timeout_s: float = 20) -> int:
        code = await asyncio.wait_for(self.process.wait(), timeout_s)
        await asyncio.gather(*self._tasks)
        return code

    async def kill(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.wait_dead()

    async def stop(self) -> int:
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        return await self.wait_dead()


def get_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def find_tool(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/bin:/sbin")


class MosquittoSub:
    """`mosquitto_sub` on one broker: messages as (topic, JSON), comes back by itself like any such client."""

    def __init__(self, address: str, *more: str, topic: str = "application/+/device/+/event/+") -> None:
        host, _, port = address.rpartition(":")
        tool = find_tool("mosquitto_sub")
        assert tool is not None
        self._command = ["stdbuf", "-oL", tool, "-h", host, "-p", port, "-q", "1", "-t", topic, "-v", *more]
        self.log = EventLog()

    async def __aenter__(self) -> "MosquittoSub":
        self._process = await asyncio.create_subprocess_exec(
            *self._command, "-d", stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        self._reader = asyncio.create_task(self._read())
        await self.log.wait_for("subscribed")
        return self

    async def __aexit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        await self._reader

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for raw in self._process.stdout:
            line = raw.decode(errors="replace").strip()
            if line.startswith("Subscribed"):
                self.log.add({"event": "subscribed", "text": line})
            elif line.startswith("application/"):
                topic, _, payload = line.partition(" ")
                body = json.loads(payload)
                self.log.add({"event": topic.rpartition("/")[2], "text": topic, "topic": topic, "body": body})

    def get(self, event: str) -> list[dict[str, Any]]:
        return [entry["body"] for entry in self.log.entries if entry["event"] == event]

    async def wait_count(self, event: str, count: int, timeout_s: float = 20) -> list[dict[str, Any]]:
        await self.log.wait_until(lambda: len(self.get(event)) >= count, timeout_s, f"{count} {event} events")
        return self.get(event)


async def publish(address: str, topic: str, payload: bytes | str, *more: str) -> None:
    """`mosquitto_pub` with QoS 1: returns after the broker's PUBACK."""
    host, _, port = address.rpartition(":")
    tool = find_tool("mosquitto_pub")
    assert tool is not None
    process = await asyncio.create_subprocess_exec(
        tool,
        "-h",
        host,
        "-p",
        port,
        "-q",
        "1",
        "-t",
        topic,
        "-m",
        payload,
        *more,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 15)
    assert process.returncode == 0, output.decode()


class Mosquitto:
    """A real broker on a free port, with its memory on disk."""

    def __init__(self, folder: Path) -> None:
        tool = find_tool("mosquitto")
        assert tool is not None
        folder.mkdir(parents=True, exist_ok=True)
        self.address = f"127.0.0.1:{get_free_port()}"
        self._config = folder / "mosquitto.conf"
        self._config.write_text(
            f"listener {self.address.rpartition(':')[2]} 127.0.0.1\nallow_anonymous true\n"
            f"persistence true\npersistence_location {folder}/\n"
        )
        self._tool = tool

    def start(self) -> None:
        self.process = subprocess.Popen(
            [self._tool, "-c", str(self._config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        host, _, port = self.address.rpartition(":")
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection((host, int(port)), timeout=1):
                return
        raise AssertionError("mosquitto did not start")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)
