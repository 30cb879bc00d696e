"""A network started by ``hexhaul up`` as a user would, and what the tests ask of it."""

import asyncio
import contextlib
import json
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import psutil

ROOT = Path(__file__).resolve().parents[2]
Check = Callable[[dict[str, Any]], bool]
UP_TIMEOUT_S = 120.0


class Network:
    """One running ``hexhaul up``: its event lines, addresses and processes."""

    def __init__(self, process: asyncio.subprocess.Process, data_dir: Path) -> None:
        self.process = process
        self.data_dir = data_dir
        self.lines: list[dict[str, Any]] = []
        self.ready: dict[str, str] = {}
        self._changed = asyncio.Condition()
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stdout
        while raw := await self.process.stdout.readline():
            async with self._changed:
                self.lines.append(json.loads(raw))
                self._changed.notify_all()
        async with self._changed:
            self.lines.append({"event": "ended", "text": "hexhaul up has ended"})
            self._changed.notify_all()

    def find(self, event: str, **fields: Any) -> list[dict[str, Any]]:
        return [
            line
            for line in self.lines
            if line.get("event") == event and all(line.get(key) == value for key, value in fields.items())
        ]

    async def wait_for(
        self, event: str, timeout_s: float = 60, after: int = 0, is_it: Check | None = None
    ) -> dict[str, Any]:
        """The first line of that event from line number ``after`` on.

        Raises:
            AssertionError: none came in time, or the network ended; the last lines are quoted.
        """

        def find() -> dict[str, Any] | None:
            for line in self.lines[after:]:
                if line.get("event") == event and (is_it is None or is_it(line)):
                    return line
            return None

        def is_over() -> bool:
            return find() is not None or bool(self.lines and self.lines[-1]["event"] == "ended")

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s), self._changed:
                await self._changed.wait_for(is_over)
        found = find()
        assert found is not None, f"no {event!r} in {timeout_s} s; last lines:\n" + "\n".join(
            str(line.get("text")) for line in self.lines[-25:]
        )
        return found

    def get_process(self, name: str) -> psutil.Process:
        """The process of that name: chain, router, ether, hotspot-1, hotspot-1-host, collar-1 ..."""
        words = {
            "chain": ["chain", "run"],
            "router": ["router", "run"],
            "ether": ["virtual", "ether"],
        }.get(name)
        if words is None and name.endswith("-host"):
            words = ["hotspot", "run", str(self.data_dir / "hotspots" / name.removesuffix("-host"))]
        elif words is None:
            words = ["virtual", "board", name]
        for child in psutil.Process(self.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                if all(word in child.cmdline() for word in words):
                    return child
        raise AssertionError(f"{name} does not run")

    async def kill(self, name: str) -> None:
        """kill -9, and waits until it is up again."""
        mark = len(self.lines)
        self.get_process(name).kill()
        await self.wait_for("process_died", after=mark, is_it=lambda line: line["process"] == name)
        await self.wait_for("process_restarted", after=mark, is_it=lambda line: line["process"] == name)

    async def stop(self) -> int:
        """Ctrl-C, and waits for the end."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGINT)
        try:
            await asyncio.wait_for(self.process.wait(), 20)
        except TimeoutError:
            self.process.kill()
            raise
        finally:
            await self._reader
        assert self.process.returncode is not None
        return self.process.returncode

    @property
    def chain(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.ready["chain_api"], timeout=10)

    @property
    def router(self) -> httpx.AsyncClient:
        token = (self.data_dir / "router" / "api.token").read_text().strip()
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.AsyncClient(base_url=self.ready["router_api"], headers=headers, timeout=10)

    @property
    def mqtt(self) -> tuple[str, int]:
        host, _, port = self.ready["mqtt"].rpartition(":")
        return host, int(port)


def give_free_ports(data_dir: Path, hotspots: int = 5) -> None:
    """Other networks may start in this moment: ports of one's own, remembered as if from an earlier run."""
    memory = data_dir / "ports.json"
    if memory.exists():
        return
    names = ["map", "console", "mqtt", "chain-grpc", "router-grpc"]
    names += [f"{name}-{i}" for i in range(hotspots) for name in ("gwmp", "hotspot-http")]
    probes = {name: socket.socket() for name in names}
    for probe in probes.values():
        probe.bind(("127.0.0.1", 0))
    data_dir.mkdir(parents=True, exist_ok=True)
    memory.write_text(json.dumps({name: probe.getsockname()[1] for name, probe in probes.items()}))
    for probe in probes.values():
        probe.close()


async def start_network(data_dir: Path, *options: str, environment: dict[str, str] | None = None) -> Network:
    """Starts ``hexhaul up`` on free ports and waits until all is up."""
    give_free_ports(data_dir)
    ready_file = data_dir.with_name(data_dir.name + ".ready.json")
    ready_file.unlink(missing_ok=True)
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(ROOT / "hexhaul.py"), "up", "--json",
        "--data-dir", str(data_dir), "--ready-file", str(ready_file), *options,
        stdout=asyncio.subprocess.PIPE, env=environment, limit=1 << 20,
    )  # fmt: skip
    network = Network(process, data_dir)
    try:
        await network.wait_for("up", UP_TIMEOUT_S)
        network.ready = json.loads(ready_file.read_text())
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        raise
    return network


@contextlib.asynccontextmanager
async def running(data_dir: Path, *options: str, **more: Any) -> AsyncIterator[Network]:
    network = await start_network(data_dir, *options, **more)
    try:
        yield network
    finally:
        await network.stop()
