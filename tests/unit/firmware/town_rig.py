"""Virtual boards on the air for tests: an ether and boards as processes, hosts by BoardLink, a network by
hand.
"""

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import serial

from hotspot_host.board_link import (
    BoardLink,
    ReceiveConfig,
    ReceivedPacket,
    TickFix,
    TransmitRequest,
    TransmitResult,
)
from router.lorawan.data_crypto import SessionKeys, build_downlink, decrypt_frm_payload, is_mic_valid_1_0
from router.lorawan.frames import DataFrame, JoinRequest, parse_phy_payload
from router.lorawan.join import (
    JoinAccept,
    build_join_accept,
    compute_join_request_mic,
    compute_session_keys_1_0,
)

ROOT = Path(__file__).resolve().parents[3]
HOME = ReceiveConfig(868_100_000, 7)
#: A machine that other things keep busy too: how late its boards may start, and its tests wait.
LATE_LIMIT_US = 60_000
PATIENCE_S = 60.0
PLACES = {
    "one": (45.070, 7.680),
    "two": (45.072, 7.683),
    "sensor": (45.071, 7.682),
}
APP_KEY = bytes(range(16))
DEV_EUI = bytes.fromhex("0011223344556677")
JOIN_EUI = bytes.fromhex("70b3d57ed0000001")
DEV_ADDR = bytes.fromhex("01020304")
NET_ID = bytes(3)

_T = TypeVar("_T")


class Town:
    """An ether, and the boards that ``start`` puts into it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.air_log = folder / "air.jsonl"
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        nodes = {
            name: {"lat": lat, "lng": lng, "alt_m": 10, "gain_dbi": 2} for name, (lat, lng) in PLACES.items()
        }
        config = {
            "propagation": {
                "exponent": 2.7,
                "reference_loss_db": 31.2,
                "shadowing_db": 0,
                "seed": 1,
                "extra_loss_db": 0,
            },
            "nodes": nodes,
        }
        (folder / "ether.json").write_text(json.dumps(config))
        self._run("ether", "ether", "--socket", "ether.sock", "--config", "ether.json", "--log", "air.jsonl")

    def start(self, name: str, firmware: str, config: dict[str, object], *options: str) -> str:
        """Start a board; returns its port once it is there."""
        flash = self.folder / name
        flash.mkdir(exist_ok=True)
        (flash / "config.json").write_text(json.dumps(config))
        port = self.folder / f"{name}.tty"
        names = ("--name", name, "--firmware", firmware, "--flash", name, "--port-link", port.name)
        self._run(name, "board", *names, "--ether", "ether.sock", *options)
        return str(port)

    def start_hotspot(self, name: str) -> str:
        return self.start(name, "hotspot", {"tx_late_limit_us": LATE_LIMIT_US})

    def kill(self, name: str) -> None:
        process = self._processes.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def close(self) -> None:
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def get_events(self, name: str, event: str) -> list[dict[str, object]]:
        lines = (self.folder / f"{name}.log").read_text().splitlines()
        return [value for line in lines if (value := json.loads(line))["event"] == event]

    def get_emissions(self, node: str) -> list[dict[str, int]]:
        lines = self.air_log.read_text().splitlines() if self.air_log.exists() else []
        return [value for line in lines if (value := json.loads(line))["node"] == node]

    def _run(self, name: str, *words: str) -> None:
        log = self.folder / f"{name}.log"
        command = [sys.executable, "-m", "hardware.virtual", *words, "--json"]
        with log.open("ab") as out:
            offset = out.tell()
            process = subprocess.Popen(
                command, cwd=self.folder, stdout=out, stderr=subprocess.STDOUT, env={"PYTHONPATH": str(ROOT)}
            )
        self._processes[name] = process
        until = time.monotonic() + PATIENCE_S
        while b'"event": "ready"' not in log.read_bytes()[offset:]:
            assert process.poll() is None and time.monotonic() < until, log.read_text()
            time.sleep(0.02)


async def until(condition: Callable[[], object], patience_s: float = PATIENCE_S) -> None:
    async with asyncio.timeout(patience_s):
        while not condition():
            await asyncio.sleep(0.01)


async def take(link: BoardLink, patience_s: float = PATIENCE_S) -> ReceivedPacket:
    """The next packet, acknowledged."""
    async with asyncio.timeout(patience_s):
        packet = await anext(link.packets())
        await link.acknowledge(packet.packet_id)
        return packet


async def is_quiet(link: BoardLink, seconds: float) -> bool:
    """Whether no packet comes for so long: the one wait that nothing can shorten."""
    try:
        await take(link, seconds)
    except TimeoutError:
        return True
    return False


async def send_soon(
    link: BoardLink, payload: bytes, ahead_us: int = 200_000, fix: TickFix | None = None, **fields: object
) -> TransmitResult:
    """Transmit as a sensor would (normal IQ, CRC) unless told otherwise, so long after ``fix`` or now."""
    fix = fix or await link.tick_now()
    values = {
        "frequency_hz": HOME.frequency_hz,
        "spreading_factor": HOME.spreading_factor,
        "invert_iq": False,
        "crc": True,
        **fields,
    }
    request = TransmitRequest(tick=(fix.tick + ahead_us) % 2**32, payload=payload, **values)  # type: ignore[arg-type]
    return await link.transmit(request)


async def within(patience_s: float, awaitable: Awaitable[_T]) -> _T:
    async with asyncio.timeout(patience_s):
        return await awaitable


class Console:
    """What a sensor prints, line by line."""

    def __init__(self, port: str) -> None:
        self._serial = serial.Serial(port, 115_200, timeout=0)
        self._buffer = b""
        self.lines: list[str] = []

    def read(self) -> None:
        with contextlib.suppress(serial.SerialException):  # the board was killed
            self._buffer += self._serial.read(65536)
        *whole, self._buffer = self._buffer.split(b"\n")
        self.lines += [line.decode(errors="replace").strip() for line in whole]

    async def find(self, start: str, patience_s: float = PATIENCE_S) -> str:
        """The first line not found before that begins so; those before it are dropped."""
        async with asyncio.timeout(patience_s):
            while True:
                self.read()
                for index, line in enumerate(self.lines):
                    if line.startswith(start):
                        del self.lines[: index + 1]
                        return line
                await asyncio.sleep(0.02)

    def close(self) -> None:
        self._serial.close()


class Network:
    """The other end of a sensor: one hotspot, the library's cryptography, and answers by hand."""

    def __init__(self, link: BoardLink) -> None:
        self.link = link
        self.keys: SessionKeys | None = None
        self.dev_nonces: list[int] = []
        self.f_cnts: list[int] = []
        self.f_cnt_down = 0

    async def await_uplink(self) -> tuple[ReceivedPacket, DataFrame, bytes]:
        """The next proven uplink and its plaintext; joins on the way are answered."""
        while True:
            packet = await take(self.link)
            frame = parse_phy_payload(packet.payload)
            if isinstance(frame, JoinRequest):
                await self.answer_join(packet, frame)
            elif isinstance(frame, DataFrame) and self.keys is not None:
                f_cnt = frame.f_cnt
                assert is_mic_valid_1_0(packet.payload, f_cnt, self.keys.nwk_s_key)
                self.f_cnts.append(f_cnt)
                return packet, frame, decrypt_frm_payload(frame, f_cnt, self.keys)

    async def answer_join(self, packet: ReceivedPacket, frame: JoinRequest, delay_s: int = 5) -> None:
        assert (frame.join_eui, frame.dev_eui) == (JOIN_EUI, DEV_EUI)
        assert compute_join_request_mic(packet.payload, APP_KEY) == frame.mic
        self.dev_nonces.append(frame.dev_nonce)
        accept = JoinAccept(
            join_nonce=1, net_id=NET_ID, dev_addr=DEV_ADDR, rx1_dr_offset=0, rx2_data_rate=0, rx_delay=2
        )
        self.keys = compute_session_keys_1_0(APP_KEY, 1, NET_ID, frame.dev_nonce)
        self.f_cnt_down = 0
        await self.send(packet, build_join_accept(accept, enc_key=APP_KEY), delay_s)

    async def answer(self, packet: ReceivedPacket, delay_s: int = 2, **fields: object) -> None:
        """A downlink in RX1 (2 s after the uplink here) or RX2 (3 s)."""
        assert self.keys is not None
        payload = build_downlink(self.keys, dev_addr=DEV_ADDR, f_cnt=self.f_cnt_down, **fields)  # type: ignore[arg-type]
        self.f_cnt_down += 1
        await self.send(packet, payload, delay_s)

    async def send(self, packet: ReceivedPacket, payload: bytes, delay_s: int) -> None:
        is_rx2 = delay_s in (3, 6)
        await self.link.transmit(
            TransmitRequest(
                tick=(packet.tick + delay_s * 1_000_000) % 2**32,
                frequency_hz=869_525_000 if is_rx2 else packet.frequency_hz,
                spreading_factor=12 if is_rx2 else packet.spreading_factor,
                payload=payload,
            )
        )
