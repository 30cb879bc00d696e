"""One hotspot's service: makes the actors, runs them together, stops them together."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chain.client import ChainClient
from chain.event_lines import EventLines
from chain.keys import Keypair
from chain.store.lock_file import LockFile
from hardware.lora.regions import get_region
from hotspot_host.board import BoardActor, OpenLink, make_open_link
from hotspot_host.board_link import ReceiveConfig
from hotspot_host.chain_actor import ChainActor
from hotspot_host.clock import get_wall_us
from hotspot_host.coverage.rounds import CoverageActor
from hotspot_host.coverage.sender import ReportSender
from hotspot_host.forwarder.downlinks import DownlinkActor
from hotspot_host.forwarder.packets import Reception
from hotspot_host.forwarder.radio import Radio
from hotspot_host.forwarder.router_stream import RouterStream
from hotspot_host.forwarder.routers import RouterPool
from hotspot_host.forwarder.routes import Route
from hotspot_host.forwarder.uplinks import UplinkIntake
from hotspot_host.gwmp.server import GwmpServer, parse_allow_list
from hotspot_host.registration import Registration
from hotspot_host.settings import Settings
from hotspot_host.status_http import StatusServer
from hotspot_host.store.airtime import AirtimeLedger
from hotspot_host.store.database import Database
from hotspot_host.store.reports import Reports
from hotspot_host.store.spool import Spool
from hotspot_host.store.vouchers import Vouchers
from hotspot_host.tally import Tally

KEY_FILE = "hotspot.key"
DATABASE_FILE = "hotspot.sqlite"
LOCK_FILE = "hotspot.lock"


@dataclass(frozen=True)
class RunOptions:
    """What belongs to one run, not to the hotspot."""

    gwmp_host: str = "127.0.0.1"
    gwmp_port: int = 1700
    gwmp_allow: str = "any"
    http_host: str = "127.0.0.1"
    http_port: int = 0
    float_limit: int = 100
    """Packets that a router may owe vouchers for."""
    spool_limit: int = 1000
    claim_interval_s: float | None = None


class HotspotService:
    """``open_link`` is another than the serial port's in tests only."""

    def __init__(
        self,
        data_dir: Path,
        settings: Settings,
        options: RunOptions,
        as_json: bool = False,
        open_link: OpenLink | None = None,
        lines: EventLines | None = None,
    ) -> None:
        self.settings = settings
        self.options = options
        self.lock = LockFile(data_dir / LOCK_FILE, "hotspot")
        self.key = Keypair.load_or_create(data_dir / KEY_FILE)
        self.owner = Keypair.load_or_create(Path(settings.owner_key))
        name = self.key.public_key.name
        self.lines = lines or EventLines("hotspot", name, as_json)
        self.tally = Tally(self.lines)
        allow = parse_allow_list(options.gwmp_allow, options.gwmp_host)
        region = get_region(settings.region)

        self.database = Database(data_dir / DATABASE_FILE)
        self.spool = Spool(self.database, options.spool_limit)
        self.vouchers = Vouchers(self.database, self.spool)
        self.airtime = AirtimeLedger(self.database, region)
        self.reports = Reports(self.database)
        self.chain = ChainClient(settings.chain)

        self.intake = UplinkIntake(
            self.key.public_key.binary,
            region.name,
            self.spool,
            self.tally,
            self._take_beacon,
            self._on_spooled,
        )
        rate = region.home_data_rate
        home = ReceiveConfig(region.home_frequency_hz, rate.spreading_factor, rate.bandwidth_hz)
        self.board = BoardActor(open_link or make_open_link(settings.port), home, self.intake, self.tally)
        self.gwmp = GwmpServer(self.intake, allow, self.tally)
        self.downlinks = DownlinkActor(
            region, settings.gain_ddbi, self.airtime, self._get_radio, self.tally, get_wall_us
        )
        self.routers = RouterPool(self.database, self.spool, self.tally, self._make_stream)
        registration = Registration(self.chain, settings, self.key, self.owner, self.lines.say)
        self.chain_actor = ChainActor(
            self.chain,
            registration,
            self.key,
            self.owner,
            self.routers,
            self.vouchers,
            self.database,
            self.tally,
            options.claim_interval_s,
            self._on_registered,
        )
        self.sender = ReportSender(
            settings.chain_grpc, self.reports, self.tally, lambda: self.coverage.get_openings()
        )
        self.coverage = CoverageActor(
            self.key,
            self.chain,
            self.board,
            settings.gain_ddbi,
            self.airtime,
            self.reports,
            self.database,
            self.tally,
            lambda: settings.cell if self.chain_actor.is_registered else None,
            self.sender.wake,
        )
        self.status_server = StatusServer(self.get_status)

    def _take_beacon(self, reception: Reception, data: bytes) -> None:
        self.coverage.take_beacon(reception, data)

    def _on_spooled(self) -> None:
        self.routers.on_spooled()

    def _on_registered(self) -> None:
        self.tally.say_change("registration", True, "on the chain", hotspot=self.key.public_key.address)

    def _get_radio(self, gateway_eui: bytes) -> Radio | None:
        return self.gwmp.get_concentrator(gateway_eui) if gateway_eui else self.board

    def _make_stream(self, route: Route) -> RouterStream:
        return RouterStream(
            route,
            self.key,
            lambda: self.chain_actor.chain_id,
            self.vouchers,
            self.downlinks,
            self.tally,
            self.options.float_limit,
            self.chain_actor.on_voucher,
        )

    async def _run_routers(self) -> None:
        await self.chain_actor.joined.wait()
        await self.routers.run()

    async def run(self, stop: asyncio.Event) -> None:
        """Until ``stop`` is set. OSError where a port is taken. An actor that fails ends the service: its
        supervisor starts it anew from what is on the disk."""
        options = self.options
        try:
            gwmp_host, gwmp_port = self.gwmp.bind(options.gwmp_host, options.gwmp_port)
        except OSError as error:
            address = f"{options.gwmp_host}:{options.gwmp_port}"
            raise OSError(f"--gwmp {address}: {error.strerror}; choose another port") from error
        try:
            http_host, http_port = await self.status_server.start(options.http_host, options.http_port)
        except OSError as error:
            address = f"{options.http_host}:{options.http_port}"
            raise OSError(f"--http {address}: {error.strerror}; choose another port") from error
        key = self.key.public_key
        self.lines.say(
            "ready",
            f"hotspot {key.name} runs; concentrators at {gwmp_host}:{gwmp_port}, "
            f"status at http://{http_host}:{http_port}/status",
            http=f"{http_host}:{http_port}",
            gwmp=f"{gwmp_host}:{gwmp_port}",
            hotspot=key.address,
            hotspot_name=key.name,
            gateway_eui=key.gateway_eui.hex(),
        )
        actors = [
            self.board.run(),
            self.gwmp.run(),
            self.downlinks.run(),
            self._run_routers(),
            self.chain_actor.run(),
            self.sender.run(),
            self.coverage.run(),
        ]
        tasks = [asyncio.create_task(actor) for actor in actors]
        stopping = asyncio.create_task(stop.wait())
        try:
            done, _ = await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in [stopping, *tasks]:
                task.cancel()
            await asyncio.gather(stopping, *tasks, return_exceptions=True)
            await self.status_server.stop()
            await self.chain.close()
            self.database.close()
            self.lock.close()

    def get_status(self) -> dict[str, Any]:
        """What ``GET /status`` answers."""
        key = self.key.public_key
        now_us = get_wall_us()
        return {
            "hotspot": key.address,
            "name": key.name,
            "gateway_eui": key.gateway_eui.hex(),
            "owner": self.owner.public_key.address,
            "registered": self.chain_actor.is_registered,
            "location": self.settings.cell,
            "board": {"up": self.board.is_up, "text": self.board.description},
            "routers": [
                state | {"balance": self._get_balance(state["router"])} for state in self.routers.get_states()
            ],
            "concentrators": self.gwmp.get_states(),
            "round": self.coverage.round,
            "spool": {"packets": len(self.spool), "limit": self.spool.limit},
            "counts": self.tally.get_totals(),
            "data_credits_claimed": self.vouchers.get_claimed_data_credits(),
            "duty_cycle": {
                radio: [
                    {
                        "start_hz": use.start_hz,
                        "end_hz": use.end_hz,
                        "used_us": use.used_us,
                        "budget_us": use.budget_us,
                    }
                    for use in self.airtime.get_use(radio, now_us)
                ]
                for radio in self.airtime.get_radios()
            },
        }

    def _get_balance(self, router: str) -> dict[str, int]:
        balance = self.vouchers.get_balance(router)
        return {
            "bought_packets": balance.bought_packets,
            "bought_data_credits": balance.bought_data_credits,
            "vouchered_packets": balance.vouchered_packets,
            "vouchered_data_credits": balance.vouchered_data_credits,
            "unvouchered_packets": balance.unvouchered_packets,
            "uncovered_data_credits": balance.uncovered_data_credits,
        }
