"""kill -9 at each write point: nothing that was acknowledged is lost, nothing is counted twice."""

import asyncio
import os
import socket
import sqlite3
import sys
from pathlib import Path

import msgspec
import pytest

from hotspot_host.store.database import Database
from hotspot_host.store.spool import Spool
from hotspot_host.store.vouchers import Vouchers
from tests.power_cut import PowerCut, get_missing_tool

from .conftest import make_data_frame
from .fakes import FakeRouter, running_router, wait_for
from .test_gwmp_server import Gateway, make_rxpk

ROOT = Path(__file__).resolve().parents[3]
PACKETS = 8


class Host:
    """The process, and what it has acknowledged."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.port = 0
        self.acknowledged: set[int] = set()
        self.reader = asyncio.create_task(self._read())

    @classmethod
    async def start(
        cls,
        folder: Path,
        router: FakeRouter,
        packets: int,
        kill_at: str = "",
        disk: dict[str, str] | None = None,
    ) -> "Host":
        """``disk``: the environment of a disk that forgets what isn't synced."""
        environment = os.environ | (disk or {}) | {"HEXHAUL_KILL_AT": kill_at, "PYTHONPATH": str(ROOT)}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.unit.hotspot_host.crash_host", str(folder),
            msgspec.json.encode(router.route_entry).decode(), str(packets),
            cwd=ROOT, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        return cls(process)

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            word, number = line.split()
            if word == b"port":
                self.port = int(number)
            else:
                self.acknowledged.add(int(number))

    async def wait_killed(self) -> None:
        assert await asyncio.wait_for(self.process.wait(), 20) == -9
        await self.reader

    async def stop(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()
        await self.reader


def read_left(folder: Path) -> int:
    database = Database(folder / "hotspot.sqlite")
    left = len(Spool(database))
    database.close()
    return left


@pytest.mark.parametrize(
    "kill_at",
    [
        f"hotspot.{point}.{side}_commit:{hit}"
        for point in ("spool", "receipt")
        for side in ("before", "after")
        for hit in (1, 4)
    ],
)
async def test_board_packets_survive_a_kill(tmp_path: Path, kill_at: str) -> None:
    async with running_router() as router:
        host = await Host.start(tmp_path, router, PACKETS, kill_at)
        await host.wait_killed()
        acknowledged = {make_data_frame(number) for number in host.acknowledged}
        # The board offers again only what it has no acknowledgement for; here: nothing.
        host = await Host.start(tmp_path, router, 0)
        try:
            await wait_for(lambda: read_left(tmp_path) == 0)
            assert acknowledged <= set(router.payloads)
            assert router.problems == []
        finally:
            await host.stop()


@pytest.mark.skipif(get_missing_tool() is not None, reason=get_missing_tool() or "")
@pytest.mark.parametrize("sync", [True, False])
async def test_acknowledged_packets_survive_a_power_cut_because_they_are_synced(
    tmp_path: Path, sync: bool
) -> None:
    """The second case takes the sync out: then the test must see packets lost."""
    folder = tmp_path / "disk"
    folder.mkdir()
    disk = PowerCut(folder, tmp_path / "work")
    async with running_router() as router:
        router.answers = False
        environment = disk.get_environment(sync)
        kill_at = f"hotspot.spool.before_commit:{PACKETS}"
        host = await Host.start(folder, router, PACKETS, kill_at, environment)
        await host.wait_killed()
        assert len(host.acknowledged) == PACKETS - 1
        disk.apply()
        try:
            left = read_left(folder)
        except (sqlite3.DatabaseError, ValueError):
            left = 0
        assert (left == len(host.acknowledged)) is sync


async def test_a_packet_offered_again_after_a_kill_is_not_forwarded_again(tmp_path: Path) -> None:
    async with running_router() as router:
        host = await Host.start(tmp_path, router, PACKETS, f"hotspot.receipt.after_commit:{PACKETS}")
        await host.wait_killed()
        host = await Host.start(tmp_path, router, PACKETS)
        try:
            await wait_for(lambda: len(host.acknowledged) == PACKETS)
            assert sorted(router.payloads) == sorted(make_data_frame(n) for n in range(1, PACKETS + 1))
            database = Database(tmp_path / "hotspot.sqlite")
            balance = Vouchers(database, Spool(database)).get_balance(router.owner.public_key.address)
            database.close()
            assert balance.bought_packets == PACKETS
        finally:
            await host.stop()


async def test_the_voucher_of_a_receipt_is_on_the_disk_with_it(tmp_path: Path) -> None:
    async with running_router() as router:
        host = await Host.start(tmp_path, router, 1, "hotspot.receipt.after_commit")
        await host.wait_killed()
        database = Database(tmp_path / "hotspot.sqlite")
        unclaimed = Vouchers(database, Spool(database)).get_unclaimed()
        database.close()
        assert [kept.total_packets for kept in unclaimed] == [1]


@pytest.mark.parametrize("side", ["before", "after"])
async def test_push_data_is_acknowledged_only_after_its_commit(tmp_path: Path, side: str) -> None:
    async with running_router() as router:
        router.answers = False
        host = await Host.start(tmp_path, router, 0, f"hotspot.spool.{side}_commit")
        await wait_for(lambda: host.port)
        gateway = Gateway(host.port)
        gateway.push(1, make_rxpk(make_data_frame(1)))
        await host.wait_killed()
        with pytest.raises((BlockingIOError, ConnectionRefusedError, TimeoutError)):
            gateway.udp.settimeout(0.1)
            gateway.udp.recv(100)
        assert read_left(tmp_path) == (side == "after")
        assert gateway.udp.type == socket.SOCK_DGRAM
