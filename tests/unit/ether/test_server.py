"""The ether as a process of its own, with chips of three boards on real sockets and in real time."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hardware.virtual.board.scheduler import Scheduler
from hardware.virtual.chip.sx1276 import Sx1276
from hardware.virtual.ether.client import EtherClient
from hardware.virtual.ether.control import EtherControl, EtherRefused

ROOT = Path(__file__).resolve().parents[3]
NODES = {
    "one": {"lat": 47.0, "lng": 7.400, "alt_m": 500, "gain_dbi": 2.15},
    "two": {"lat": 47.0, "lng": 7.413, "alt_m": 500, "gain_dbi": 2.15},
    "three": {"lat": 47.009, "lng": 7.400, "alt_m": 500, "gain_dbi": 2.15},
}


class Board:
    """A chip with its client and a scheduler's thread, driven by SPI bytes."""

    def __init__(self, socket_path: Path, name: str, **options: Any) -> None:
        self.scheduler = Scheduler()
        self.links: list[tuple[bool, str]] = []
        self.client = EtherClient(
            socket_path,
            name,
            self.scheduler,
            on_link=lambda is_up, text: self.links.append((is_up, text)),
            **options,
        )
        self.edges: list[tuple[int, int, int]] = []
        self.chip = Sx1276(self.scheduler, self.client, on_dio=lambda *edge: self.edges.append(edge))
        self.client.on_signal = self.chip.on_signal
        self.thread = threading.Thread(target=self.scheduler.run, daemon=True)
        with self.scheduler.lock:
            self.client.start()
            for frame in (
                b"\x81\x00",
                b"\x81\x80",
                b"\x81\x81",
                b"\x86\xd9\x06\x66",
                b"\x89\x8c",
                b"\x8e\x00\x00",
            ):
                self.transfer(frame)
            for frame in (b"\x9d\x72\x74", b"\xb9\x34"):
                self.transfer(frame)
        self.thread.start()

    def close(self) -> None:
        with self.scheduler.lock:
            self.client.close()
            self.scheduler.call_at(self.scheduler.now_us(), self.scheduler.stop)
        self.thread.join(5)
        self.scheduler.close()

    def transfer(self, data: bytes) -> bytes:
        with self.scheduler.lock:
            self.chip.nss(0)
            answer = self.chip.spi_transfer(data)
            self.chip.nss(1)
        return answer

    def receive(self) -> None:
        for frame in (b"\x81\x81", b"\xc0\x00", b"\x92\xff", b"\x81\x85"):
            self.transfer(frame)

    def transmit(self, payload: bytes) -> None:
        for frame in (
            b"\x81\x81",
            b"\xc0\x40",
            b"\x92\xff",
            b"\x8d\x00",
            b"\x80" + payload,
            b"\xa2" + bytes([len(payload)]),
            b"\x81\x83",
        ):
            self.transfer(frame)

    def get_packet(self) -> bytes:
        """The packet that is there, taken."""
        if not self.transfer(b"\x12\x00")[1] & 0x40:
            return b""
        self.transfer(b"\x8d" + self.transfer(b"\x10\x00")[1:])
        payload = self.transfer(bytes(self.transfer(b"\x13\x00")[1] + 1))[1:]
        self.transfer(b"\x92\xff")
        return payload


async def wait_for(condition: Callable[[], Any], what: str, timeout_s: float = 20) -> Any:
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < deadline, f"in vain: {what}"
        await asyncio.sleep(0.005)
    return value


class EtherProcess:
    """The ether as `hexhaul virtual ether` starts it."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "ether.sock"
        self.config = folder / "ether.json"
        self.log = folder / "air.jsonl"
        if not self.config.exists():
            self.config.write_text(
                json.dumps({"propagation": {"shadowing_db": 2, "seed": 5}, "nodes": NODES})
            )
        self.process: asyncio.subprocess.Process
        self.events: list[dict[str, Any]] = []
        self._reading: asyncio.Task[None]

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "hardware.virtual", "ether",
            "--socket", self.socket, "--config", self.config, "--log", self.log, "--json",
            cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        self._reading = asyncio.create_task(self._read())
        await self.wait_event("ready")

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.events.append(json.loads(line))

    async def wait_event(self, event: str, **fields: Any) -> None:
        def is_there() -> bool:
            return any(
                entry["event"] == event and all(entry.get(key) == value for key, value in fields.items())
                for entry in self.events
            )

        await wait_for(is_there, f"{event} {fields} in {self.events}")

    async def end(self, number: int) -> int:
        self.process.send_signal(number)
        code = await asyncio.wait_for(self.process.wait(), 10)
        await self._reading
        return code

    def read_log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]


@asynccontextmanager
async def run_ether(folder: Path) -> AsyncIterator[EtherProcess]:
    ether = EtherProcess(folder)
    await ether.start()
    try:
        yield ether
    finally:
        if ether.process.returncode is None:
            await ether.end(signal.SIGKILL)


@contextmanager
def run_boards(ether: EtherProcess, *names: str) -> Iterator[list[Board]]:
    boards = [Board(ether.socket, name) for name in names]
    try:
        yield boards
        assert [board.chip.faults for board in boards] == [[] for _ in boards]
    finally:
        for board in boards:
            board.close()


async def send_and_see(sender: Board, receivers: list[Board], payload: bytes) -> list[bytes]:
    """Transmit once; what each receiver has when the frame is over and its message must have come."""
    for board in receivers:
        board.receive()
    sender.transmit(payload)
    await wait_for(lambda: sender.chip.dio(0), "TxDone")
    end = time.monotonic() + 0.3
    packets = [b""] * len(receivers)
    while time.monotonic() < end and not all(packets):
        packets = [packet or board.get_packet() for packet, board in zip(packets, receivers, strict=True)]
        await asyncio.sleep(0.005)
    return packets


async def test_frames_cross_the_air_with_exact_stamps(tmp_path: Path) -> None:
    async with run_ether(tmp_path) as ether:
        with run_boards(ether, "one", "two", "three") as (one, two, three):
            await ether.wait_event("node_joined", node="three")
            assert await send_and_see(one, [two, three], b"hello") == [b"hello", b"hello"]
            entry = ether.read_log()[0]
            assert (entry["node"], entry["spreading_factor"], entry["payload_bytes"]) == ("one", 7, 5)
            assert (entry["frequency_hz"], entry["power_cdbm"], entry["bandwidth_hz"]) == (
                868_099_976,
                1400,
                125_000,
            )
            assert [receiver["node"] for receiver in entry["receivers"]] == ["three", "two"]
            assert all(receiver["is_audible"] for receiver in entry["receivers"])
            end_us = entry["at_us"] + entry["time_on_air_us"]
            # All clocks are one: both chips' RxDone and the sender's TxDone bear the same instant.
            for board in (one, two, three):
                assert (0, 1, end_us) in board.edges
            async with EtherControl(ether.socket) as control:
                stats = await control.stats()
            assert stats["transmissions"] == 1
            assert stats["nodes"]["one"]["airtime_us"] == entry["time_on_air_us"]
        assert await ether.end(signal.SIGTERM) == 0
        assert not ether.socket.exists()


async def test_path_loss_and_places_decide(tmp_path: Path) -> None:
    async with run_ether(tmp_path) as ether, EtherControl(ether.socket) as control:
        with run_boards(ether, "one", "two") as (one, two):
            await ether.wait_event("node_joined", node="two")
            assert await send_and_see(one, [two], b"before") == [b"before"]
            await control.set_extra_loss(40)
            assert await send_and_see(one, [two], b"silence") == [b""]
            await control.set_extra_loss(0)
            assert await send_and_see(one, [two], b"after") == [b"after"]
            await control.set_position("two", 47.0, 8.4)  # 76 km
            assert await send_and_see(one, [two], b"too far") == [b""]
            strengths = [[row["rssi_cdbm"] for row in entry["receivers"]] for entry in ether.read_log()]
            assert strengths[0] == strengths[2]
            assert strengths[1] == [strengths[0][0] - 4000]


async def test_it_comes_back_from_a_kill_as_it_was(tmp_path: Path) -> None:
    ether = EtherProcess(tmp_path)
    await ether.start()
    with run_boards(ether, "one", "two") as (one, two):
        await ether.wait_event("node_joined", node="two")
        with two.scheduler.lock:
            two.client.set_position(47.0, 7.41, 505.0)
        async with EtherControl(ether.socket) as control:
            await control.set_extra_loss(3)
            await control.set_position("three", 47.5, 7.5)
        await ether.end(signal.SIGKILL)
        await wait_for(lambda: not one.client.is_connected and not two.client.is_connected, "clients see it")
        one.transmit(b"into the void")
        await wait_for(lambda: one.chip.dio(0), "TxDone without an ether")
        assert one.client.lost == 1
        ether.events.clear()
        await ether.start()
        await ether.wait_event("node_joined", node="one")
        await ether.wait_event("node_joined", node="two")
        async with EtherControl(ether.socket) as control:
            stats = await control.stats()
        assert stats["extra_loss_db"] == 3
        assert (stats["nodes"]["three"]["lat"], stats["nodes"]["three"]["alt_m"]) == (47.5, 500)
        assert (stats["nodes"]["two"]["lng"], stats["nodes"]["two"]["alt_m"]) == (7.41, 505.0)
        assert await send_and_see(one, [two], b"again") == [b"again"]
        assert [is_up for is_up, _ in one.links] == [True, False, True]
    await ether.end(signal.SIGTERM)


async def test_a_board_that_comes_before_the_ether_and_walks_in(tmp_path: Path) -> None:
    ether = EtherProcess(tmp_path)
    with run_boards(ether, "one") as (one,):
        walker = Board(ether.socket, "walker", position=(47.001, 7.401, 500.0), gain_dbi=0.0)
        try:
            await wait_for(lambda: walker.links, "told that there is no ether")
            assert walker.links[0][0] is False
            await ether.start()
            await ether.wait_event("node_joined", node="walker")
            await ether.wait_event("node_joined", node="one")
            assert await send_and_see(walker, [one], b"near") == [b"near"]
            with walker.scheduler.lock:
                walker.client.set_position(47.9, 7.4, 500.0)
            assert await send_and_see(walker, [one], b"far") == [b""]
        finally:
            walker.close()
    assert await ether.end(signal.SIGINT) == 0


async def test_a_node_of_one_name_is_one_node(tmp_path: Path) -> None:
    async with run_ether(tmp_path) as ether:
        first = Board(ether.socket, "one")
        await ether.wait_event("node_joined", node="one")
        with first.scheduler.lock:  # a board killed: its socket stays open for a while, nobody reads
            ether.events.clear()
            second = Board(ether.socket, "one")
            await ether.wait_event("node_joined", node="one")
        with run_boards(ether, "two") as (two,):
            await ether.wait_event("node_joined", node="two")
            first.close()
            assert await send_and_see(second, [two], b"second") == [b"second"]
            second.close()


async def test_refusals_are_answered(tmp_path: Path) -> None:
    async with run_ether(tmp_path) as ether, EtherControl(ether.socket) as control:
        for position in ((91.0, 7.0), (47.0, 181.0), (float("nan"), 7.0)):
            with pytest.raises(EtherRefused, match="lat"):
                await control.set_position("one", *position)
        with pytest.raises(EtherRefused, match="extra_loss_db"):
            await control.set_extra_loss(-1)
        for message, named in (
            ({"type": "transmit"}, "say hello first"),
            ({"type": "cut", "emission_id": 1}, "say hello first"),
            ({"type": "hello"}, "hello wants"),
            ({"type": "hello", "node": "stranger", "gain_dbi": 2}, "must say lat and lng"),
            ({"type": "dance"}, "unknown message"),
            ({"no": "type"}, "no object with"),
        ):
            with pytest.raises(EtherRefused, match=named):
                await control._ask(message)
        assert (await control.stats())["transmissions"] == 0


@pytest.mark.parametrize(
    ("config", "named"),
    [("{", "no JSON"), ('{"nodes": {"a": {"lat": 1}}}', "lacks lng"), (None, "can't be read")],
)
async def test_a_bad_configuration_is_one_line(tmp_path: Path, config: str | None, named: str) -> None:
    path = tmp_path / "config.json"
    if config is not None:
        path.write_text(config)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hardware.virtual", "ether", "--socket", tmp_path / "s", "--config", path,
        cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, errors = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 1
    assert named in errors.decode() and errors.decode().count("\n") == 1


async def test_two_ethers_do_not_share_a_socket(tmp_path: Path) -> None:
    async with run_ether(tmp_path) as ether:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "hardware.virtual", "ether", "--socket", ether.socket, "--config",
            ether.config, cwd=ROOT, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        _, errors = await asyncio.wait_for(process.communicate(), 30)
        assert process.returncode == 1 and b"at work" in errors


async def test_any_bytes_are_survived(tmp_path: Path) -> None:
    """Lines of rubbish, half lines, endless lines: the ether goes on for everybody else."""
    async with run_ether(tmp_path) as ether:

        async def send(data: bytes) -> None:
            _, writer = await asyncio.open_unix_connection(ether.socket)
            writer.write(data)
            try:
                await writer.drain()
                writer.close()
                await writer.wait_closed()
            except ConnectionError:
                return  # an endless line is cut off by the ether

        loop = asyncio.get_running_loop()

        @settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
        @given(
            st.one_of(
                st.binary(max_size=200),
                st.binary(max_size=100).map(lambda data: data + b"\n" + data + b"\n"),
                st.just(b"x" * 100_000),
                st.just(b"[" * 8_000 + b"\n"),
                st.dictionaries(
                    st.sampled_from(
                        ["type", "node", "emission", "lat", "lng", "emission_id", "extra_loss_db"]
                    ),
                    st.sampled_from(["hello", "transmit", "cut", "stats", "set_position"])
                    | st.none()
                    | st.floats()
                    | st.dictionaries(st.text(), st.text()),
                ).map(lambda value: json.dumps(value).encode() + b"\n"),
            )
        )
        def try_bytes(data: bytes) -> None:
            asyncio.run_coroutine_threadsafe(send(data), loop).result(10)

        await asyncio.to_thread(try_bytes)
        with run_boards(ether, "one", "two") as (one, two):
            await ether.wait_event("node_joined", node="two")
            assert await send_and_see(one, [two], b"alive") == [b"alive"]


async def test_an_idle_ether_costs_nothing(tmp_path: Path) -> None:
    async with run_ether(tmp_path) as ether:
        with run_boards(ether, "one", "two", "three"):
            await ether.wait_event("node_joined", node="three")
            path = Path(f"/proc/{ether.process.pid}/stat")
            ticks_before = sum(map(int, path.read_text().split()[13:15]))
            begin = time.monotonic()
            await asyncio.sleep(1)
            used_s = (sum(map(int, path.read_text().split()[13:15])) - ticks_before) / os.sysconf(
                "SC_CLK_TCK"
            )
            assert used_s / (time.monotonic() - begin) < 0.03
