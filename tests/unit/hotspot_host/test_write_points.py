"""The hotspot is killed at each of its write points on a disk that forgets what was not synced: nothing that
anybody was told is lost, nothing happens twice.
"""

import asyncio
import hashlib
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from chain.coverage.beacon import build_beacon_phy_payload
from chain.wire import packet_router_pb2 as wire
from hotspot_host.forwarder.packets import compute_data_credits
from hotspot_host.store.database import Database
from hotspot_host.store.reports import Reports
from hotspot_host.store.spool import Spool
from hotspot_host.store.vouchers import Vouchers
from tests.power_cut import get_missing_tool
from tests.power_cut.small_chain import CHAIN_ID, SmallChain
from tests.power_cut.stage import Stage, Trial
from tests.power_cut.write_points import find_write_points

from . import crash_story as story
from .fakes import CHANNEL_ID, FakeReportNode, FakeRouter, serialize_without

pytestmark = pytest.mark.skipif(get_missing_tool() is not None, reason=get_missing_tool() or "")

POINTS = sorted(point for point in find_write_points() if point.startswith("hotspot."))
#: In the mempool, and the hotspot does not know: not a commit of its own, but as good a moment to die.
MOMENTS = [*POINTS, "story.submitted.ChannelClaim", "story.submitted.ChannelDispute"]
#: What `list_losses` can find lost before anything is delivered.
KINDS = {"packet", "report", "airtime", "beacon round", "fact"}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Stage("tests.unit.hotspot_host.crash_story", tmp_path_factory.mktemp("stage")) as opened:
        yield opened


class Router(FakeRouter):
    """Gives the newest voucher with every copy too, as the real one does."""

    def __init__(self) -> None:
        super().__init__()
        self.chain_id = CHAIN_ID

    def _receipt(self, packet: wire.packet_router_packet_up_v1) -> wire.receipt_v1:
        if packet.payload in story.FRAUD.values():
            packet_hash = hashlib.sha256(serialize_without(packet, "signature", "hold_time")).digest()
            voucher = self.build_second_voucher(packet.gateway)
            return wire.receipt_v1(packet_hash=packet_hash, status=wire.UNWANTED, voucher=voucher)
        receipt = super()._receipt(packet)
        if receipt.status == wire.COPY:
            receipt.voucher = self.build_voucher(packet.gateway)
        return receipt


class World:
    """One trial with the servers around it."""

    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        self.killed_at = ""
        self.router = Router()
        self.node = FakeReportNode()

    async def play(self, kill_at: str = "", sync: bool = True) -> int:
        return await asyncio.to_thread(self.trial.play, kill_at, sync)

    def list_losses(self) -> list[tuple[str, Any]]:
        """(kind, what) for all that the outside was told and the store does not know."""
        try:
            database = Database(self.trial.disk / "hotspot.sqlite")
        except (sqlite3.Error, ValueError):
            for file in self.trial.disk.glob("hotspot.sqlite*"):
                file.unlink()
            database = Database(self.trial.disk / "hotspot.sqlite")
        try:
            return list(self._find_losses(database))
        finally:
            database.close()

    def _find_losses(self, database: Database) -> Iterator[tuple[str, Any]]:
        outside = self.trial.outside
        if outside.get("done", step="register") and not (
            database.get_fact("joined") and database.get_fact("chain_id") and database.get_fact("routes")
        ):
            yield "fact", "joined"
        spool, reports = Spool(database), Reports(database)
        spooled = [packet.parse().payload for packet in spool.read_after(0, 100)]
        acknowledged = {line["packet"] for line in outside.get("acknowledged")}
        for number, payload in story.PACKETS.items():
            if number in acknowledged and payload not in (*spooled, *self.router.payloads):
                yield "packet", number
        waiting = {(kept.kind, kept.data) for kept in reports.pending()}
        taken = {("witness", report.data) for report in self.node.witnesses}
        taken |= {("beacon", report.data) for report in self.node.beacons}
        if 5 in acknowledged and ("witness", story.BEACON_DATA) not in waiting | taken:
            yield "report", "witness"
        on_air = outside.get("on air")
        beacons = {data for kind, data in waiting | taken if kind == "beacon"}
        reported = {build_beacon_phy_payload(data).hex() for data in beacons}
        if outside.get("done", step="beacon") and self._has_reported():
            yield from (("report", "beacon") for line in on_air if line["payload"] not in reported)
        (rows,) = database.connection.execute("SELECT count(*) FROM airtime").fetchone()
        if rows < len(on_air):
            yield "airtime", rows
        if on_air and database.get_fact("beaconed_round") != str(story.SENT_ROUND).encode():
            yield "beacon round", database.get_fact("beaconed_round")
        vouchers = Vouchers(database, spool)
        frauds = set(story.FRAUD.values())
        has_met = frauds & set(self.router.payloads) and not frauds & set(spooled)
        if has_met and not vouchers.is_disputed(self.router.owner.public_key.address):
            yield "proof of fraud", CHANNEL_ID
        kept = vouchers.get(CHANNEL_ID.hex())
        bought = {payload for payload in self.router.payloads if payload in story.PACKETS.values()}
        owed = sum(compute_data_credits(payload) for payload in bought - set(spooled))
        if owed > (0 if kept is None else kept.total_data_credits):
            yield "data credits", kept

    def _has_reported(self) -> bool:
        """Whether the beacon's report was written down. A host that dies between order and answer cannot know
        whether the beacon was on the air, and loses a report rather than to claim what may not be true."""
        return self.killed_at != "hotspot.report.before_commit"

    def check_end(self) -> None:
        """The story has been told to its end: everything happened, and nothing twice."""
        outside = self.trial.outside
        assert self.router.problems == []
        assert set(self.router.payloads) == {*story.PACKETS.values(), *story.FRAUD.values()}
        assert len(outside.get("on air")) <= 1
        assert {report.data for report in self.node.witnesses} == {story.BEACON_DATA}
        is_lost = not outside.get("on air") or not self._has_reported()
        assert len({report.data for report in self.node.beacons}) == (0 if is_lost else 1)
        assert self.node.problems == []
        commitments = {claim.commitment for claim in self.node.claims}
        assert len(commitments) == (1 if is_lost else 2)  # one for each beacon, whatever happened between
        claims = [claim.total_data_credits for claim in SmallChain(outside).list_claims(CHANNEL_ID.hex())]
        wanted = sum(compute_data_credits(payload) for payload in story.PACKETS.values())
        assert claims == sorted(set(claims)) and claims[-1] == wanted
        kinds = [type(body).__name__ for _, body in SmallChain(outside).list_bodies()]
        assert "ChannelDispute" in kinds
        assert kinds.count("HotspotAdd") == kinds.count("LocationAssert") == 1


@asynccontextmanager
async def open_world(stage: Stage, folder: Path) -> AsyncIterator[World]:
    world = World(Trial(stage, folder))
    await world.router.start()
    await world.node.start()
    route = world.router.route_entry
    world.trial.outside.tell(
        "route", router=route.router, grpc=route.grpc, voucher_key=route.voucher_key,
        node=f"127.0.0.1:{world.node.port}",
    )  # fmt: skip
    try:
        yield world
    finally:
        await world.router.stop()
        await world.node.stop()


@pytest.mark.parametrize("kill_at", MOMENTS)
async def test_kill_and_power_cut(stage: Stage, tmp_path: Path, kill_at: str) -> None:
    async with open_world(stage, tmp_path) as world:
        world.killed_at = kill_at
        assert await world.play(kill_at) == -9, f"the story does not come by {kill_at}: {world.trial.errors}"
        world.trial.cut_power()
        assert world.list_losses() == []
        assert await world.play() == 0, world.trial.errors
        assert world.list_losses() == []
        world.check_end()


async def test_without_the_sync_everything_is_missed(stage: Stage, tmp_path: Path) -> None:
    """The checks above would notice: with the syncs taken out each of them finds its loss."""
    async with open_world(stage, tmp_path) as world:
        await world.router.stop()
        await world.node.stop()
        assert await world.play("story.nothing_delivered", sync=False) == -9, world.trial.errors
        assert world.list_losses() == []  # kill -9 alone takes nothing
        assert world.trial.cut_power()
        assert {kind for kind, _ in world.list_losses()} == KINDS


async def test_without_the_sync_data_credits_are_lost(stage: Stage, tmp_path: Path) -> None:
    async with open_world(stage, tmp_path) as world:
        assert await world.play("hotspot.report_expired.after_commit", sync=False) == -9, world.trial.errors
        assert world.list_losses() == []
        assert world.trial.cut_power()
        assert "data credits" in {kind for kind, _ in world.list_losses()}
