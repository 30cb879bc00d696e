"""The hotspot's whole service on one store, and all that ever writes to it: a story to be killed at any write
point.

The board, the chain, the router and the node that takes reports are the outside; the last two are real gRPC
servers in the test's own process. A board offers a packet again until it is acknowledged.
"""

import asyncio
import io
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from chain import api
from chain.client import ChainUnavailable
from chain.event_lines import EventLines
from chain.keys import PublicKey
from chain.transactions import HotspotAdd, LocationAssert
from chain.write_point import write_point
from hotspot_host import service as service_module
from hotspot_host.board_link import TransmitRefused, TransmitRequest, TransmitResult
from hotspot_host.clock import get_wall_ms
from hotspot_host.coverage.plan import compute_plan
from hotspot_host.service import HotspotService, RunOptions
from hotspot_host.settings import Settings
from tests.power_cut.small_chain import SmallChain
from tests.power_cut.stage import Outside
from tests.unit.hotspot_host.conftest import make_data_frame
from tests.unit.hotspot_host.fakes import CHANNEL_ID, FakeLink, make_packet, wait_for
from tests.unit.hotspot_host.test_coverage import make_challenge, make_round

PACKETS = {number: make_data_frame(number, length=20 * number) for number in (1, 2, 3)}
UNROUTED = {4: make_data_frame(4, dev_addr="ff000000")}
#: Its receipt carries a second voucher of one sequence.
FRAUD = {6: make_data_frame(6)}
BEACON_DATA = bytes(range(51))
HEARD_BEACON = {5: b"\xe0" + BEACON_DATA}
REFUSED_ROUND, SENT_ROUND = 5, 6
CHANNEL_DATA_CREDITS = 1000


def run(disk: Path, outside: Outside) -> None:
    """Play the story from where the store stands."""
    asyncio.run(HotspotStory(disk, outside).run())


class Board(FakeLink):
    """Tells what it was told."""

    def __init__(self, outside: Outside) -> None:
        super().__init__()
        self._outside = outside

    async def acknowledge(self, packet_id: int) -> None:
        self._outside.tell("acknowledged", packet=packet_id)

    async def transmit(self, request: TransmitRequest) -> TransmitResult:
        result = await super().transmit(request)
        self._outside.tell("on air", payload=request.payload.hex())
        return result


class HotspotChain(SmallChain):
    """With the router that the test runs, and its channel."""

    async def status(self) -> api.Status:
        raise ChainUnavailable("not asked in this story")

    async def poc_round(self) -> api.PocRound:
        raise ChainUnavailable("the story gives the rounds itself")

    async def routes(self) -> list[api.Route]:
        filters = [api.EuiFilter(join_eui="00" * 8, dev_eui="00" * 8)]
        return [
            api.Route(
                router=line["router"], grpc=line["grpc"], voucher_key=line["voucher_key"],
                dev_addr_ranges=[api.DevAddrRange(start="00000000", end="0fffffff")], eui_filters=filters,
                updated_height=1,
            )
            for line in self._outside.get("route")
        ]  # fmt: skip

    async def channel(self, channel_id: str) -> api.Channel | None:
        assert channel_id == CHANNEL_ID.hex()
        return api.Channel(
            id=channel_id, router=self._outside.get("route")[0]["router"], voucher_key="",
            data_credits=CHANNEL_DATA_CREDITS, claimed_data_credits=0, opened_height=1,
            claims=self.list_claims(channel_id),
            disputed_height=1 if self.is_disputed(channel_id) else None,
        )  # fmt: skip

    async def hotspot(self, address: str) -> api.Hotspot | None:
        bodies = [body for _, body in self.list_bodies("included")]
        added = [body for body in bodies if isinstance(body, HotspotAdd)]
        if not added:
            return None
        placed: Any = next((body for body in bodies if isinstance(body, LocationAssert)), None)
        return api.Hotspot(
            address=address, name="h", owner=PublicKey(added[0].owner).address, gateway_eui="",
            location=None if placed is None else f"{placed.location:x}",
            gain_ddbi=0 if placed is None else placed.gain_ddbi,
            elevation_m=0 if placed is None else placed.elevation_m, added_height=1, location_height=1,
        )  # fmt: skip


class HotspotStory:
    def __init__(self, disk: Path, outside: Outside) -> None:
        self.outside = outside
        self.board = Board(outside)
        service_module.ChainClient = lambda _: HotspotChain(outside)  # type: ignore[assignment,misc]
        settings = Settings(
            port="none", latitude=48.2, longitude=16.37, gain_dbi=2.0, elevation_m=10, chain="story",
            chain_grpc=outside.get("route")[0]["node"], owner_key=str(disk.parent / "owner.key"),
        )  # fmt: skip
        options = RunOptions(gwmp_port=0, claim_interval_s=0.01)
        lines = EventLines("hotspot", stream=io.StringIO())
        self.service = HotspotService(disk, settings, options, open_link=self.board.open, lines=lines)

    async def run(self) -> None:
        stop = asyncio.Event()
        running = asyncio.create_task(self.service.run(stop))
        try:
            for name, step in self.list_steps():
                if not self.outside.get("done", step=name):
                    telling = asyncio.create_task(step())
                    await asyncio.wait([telling, running], return_when=asyncio.FIRST_COMPLETED)
                    assert not running.done(), running.exception()
                    telling.result()
                    self.outside.tell("done", step=name)
        finally:
            stop.set()
            await running

    def list_steps(self) -> list[tuple[str, Callable[[], Awaitable[None]]]]:
        """One after the other; a step that was not done to its end is done again."""
        service = self.service
        return [
            ("register", self.register),
            ("packets", lambda: self.hear(PACKETS)),
            ("refused beacon", lambda: self.beacon(REFUSED_ROUND)),
            ("beacon", lambda: self.beacon(SENT_ROUND)),
            ("witness", lambda: self.hear(HEARD_BEACON)),
            ("settle", self.settle),
            ("fraud", self.meet_fraud),
            ("unrouted packet", lambda: self.hear(UNROUTED)),
            ("spool is empty", lambda: self.wait(lambda: not len(service.spool))),
            ("expire", self.expire),
        ]

    async def register(self) -> None:
        await self.wait(lambda: self.service.chain_actor.is_registered and self.service.board.is_up)

    async def wait(self, condition: Callable[[], Any]) -> None:
        await wait_for(condition, 25)

    async def hear(self, packets: dict[int, bytes]) -> None:
        for number, payload in packets.items():
            if not self.outside.get("acknowledged", packet=number):
                self.board.hear(make_packet(number, payload))
                await self.wait(lambda number=number: self.outside.get("acknowledged", packet=number))

    async def beacon(self, number: int) -> None:
        """The order of a round, as often as the host is started in it."""
        address = self.service.key.public_key.address
        poc_round = make_round(make_challenge(address, get_wall_ms() + 1500), number=number)
        # The story says when claims are opened, however often it is interrupted before.
        poc_round = replace(poc_round, openings_from_ms=0)
        if number == REFUSED_ROUND:
            self.board.refusals.append(TransmitRefused("collision", "busy"))
        plan = compute_plan(poc_round, address, self.service.settings.cell)
        assert plan.beacon is not None
        await self.service.coverage._carry_out_beacon(poc_round, plan.beacon)

    async def settle(self) -> None:
        """All is delivered, paid for and claimed, all reports are taken."""
        write_point("story.nothing_delivered")
        service = self.service
        await self.wait(lambda: all(kept.is_claimed for kept in service.reports.pending()))
        service.coverage._round = make_round(number=SENT_ROUND, air_ms=0, length_ms=10_000)
        service.sender.wake()
        router = self.outside.get("route")[0]["router"]
        wanted = sum(-(-len(payload) // 24) for payload in PACKETS.values())

        def is_settled() -> bool:
            return (
                not len(service.spool)
                and not service.reports.pending()
                and service.vouchers.get_balance(router).vouchered_data_credits == wanted
                and service.vouchers.get_claimed_data_credits() == wanted
            )

        await self.wait(is_settled)

    async def meet_fraud(self) -> None:
        """The router signs a sequence twice; the chain is told."""
        await self.hear(FRAUD)
        await self.wait(lambda: SmallChain(self.outside).is_disputed(CHANNEL_ID.hex()))
        await self.wait(lambda: not self.service.vouchers.get_unreported())

    async def expire(self) -> None:
        self.service.reports.forget_before(get_wall_ms() + 3_600_000)
