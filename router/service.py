"""The router as a process: opens what it needs in order, runs until told to stop, closes in the other
order.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import signal
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chain.client import ChainClient
from chain.event_lines import EventLines
from chain.keys import Keypair
from chain.store.lock_file import LockFile
from chain.wire import packet_router_pb2 as wire
from router.applications.broker import OWN_USER, EmbeddedBroker
from router.applications.commands import CommandDesk
from router.applications.mqtt_link import BrokerAddress, MqttLink, parse_broker_url
from router.applications.outbox import StartGate, make_open_gate, note_clean_stop, recover_after_crash
from router.console.access import load_or_create_token
from router.console.app import WebServer, create_app
from router.ingress.hotspots import HotspotDirectory
from router.ingress.server import IngressServer
from router.live import LiveFeed
from router.purchase.plan import Wishes
from router.purchase.purchaser import Purchaser, describe_standing
from router.purchase.voucher_desk import VoucherDesk
from router.store.database import Database
from router.traffic.desk import FREE, Desk, Settings
from router.traffic.intake import Intake


@dataclass(frozen=True)
class Options:
    """What `hexhaul router run` was told. Addresses are (host, port); port 0 takes any free one."""

    data_dir: Path
    chain_url: str
    grpc: tuple[str, int] = ("127.0.0.1", 0)
    http: tuple[str, int] = ("127.0.0.1", 0)
    mqtt: tuple[str, int] = ("127.0.0.1", 0)
    mqtt_broker: str = ""
    mqtt_password_file: Path | None = None
    #: Address on the chain where it differs from the one listened on (behind NAT).
    public_grpc: str = ""
    dev_addr_ranges: tuple[tuple[int, int], ...] = ((0, 0xFFFFFFFF),)
    channel_data_credits: int = 50_000
    settings: Settings = field(default_factory=Settings)


class RouterService:
    """All parts of one router."""

    def __init__(self, options: Options, lines: EventLines) -> None:
        self._options = options
        self._lines = lines
        self._stop = asyncio.Event()

    def request_stop(self) -> None:
        self._stop.set()

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT. Raises OSError, StoreError, KeyFileError... before anything is
        served.
        """
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, self.request_stop)
        async with contextlib.AsyncExitStack() as stack:
            await self._serve(stack)

    async def _serve(self, stack: contextlib.AsyncExitStack) -> None:
        options, say = self._options, self._lines.say
        stack.callback(LockFile(options.data_dir / "router.lock", "router").close)
        owner = Keypair.load_or_create(options.data_dir / "owner.key")
        voucher_key = Keypair.load_or_create(options.data_dir / "voucher.key")
        token = load_or_create_token(options.data_dir)
        database = Database(options.data_dir / "router.db")
        stack.callback(database.close)
        chain = await stack.enter_async_context(ChainClient(options.chain_url))
        vouchers = VoucherDesk(database, voucher_key)
        live = LiveFeed()
        stack.callback(live.close)
        directory = HotspotDirectory(chain, database, say)
        links: list[MqttLink] = []

        def wake_outbox() -> None:
            for link in links:
                link.wake()

        desk = Desk(
            database=database,
            hotspots=directory,
            settings=options.settings,
            live=live,
            say=say,
            get_voucher=vouchers.get_newest,
            sign=vouchers.sign,
            wake_outbox=wake_outbox,
        )
        intake = Intake(desk)

        def greet(hotspot: bytes) -> None:
            """Every voucher the hotspot may have missed; it keeps what is new."""
            for voucher in vouchers.get_all(hotspot):
                receipt = wire.receipt_v1(packet_hash=bytes(32), status=FREE, voucher=voucher)  # type: ignore[arg-type]
                ingress.send_receipt(hotspot, receipt)

        ingress = IngressServer(directory, intake.take, intake.downlinks.take_result, greet, say)
        desk.wire = ingress
        commands = CommandDesk(desk)

        again = recover_after_crash(database, is_embedded=not options.mqtt_broker)
        stack.callback(note_clean_stop, database)
        if again:
            say("outbox", f"{again} events published just before the crash are published again", events=again)
        address, gate = await self._start_broker(stack, desk, commands)
        client_id = f"hexhaul-router-{owner.public_key.binary[1:9].hex()}"
        link = MqttLink(desk, None if not options.mqtt_broker else commands, address, client_id, gate)
        links.append(link)

        grpc_port = await ingress.start(f"{options.grpc[0]}:{options.grpc[1]}")
        stack.push_async_callback(ingress.stop)
        stack.push_async_callback(intake.downlinks.stop)
        grpc_address = f"{options.grpc[0]}:{grpc_port}"
        wishes = Wishes(
            grpc=options.public_grpc or grpc_address,
            voucher_key=voucher_key.public_key.address,
            dev_addr_ranges=options.dev_addr_ranges,
            channel_data_credits=options.channel_data_credits,
        )

        def send_vouchers() -> None:
            for hotspot in ingress.list_connected():
                greet(hotspot)

        purchaser = Purchaser(
            chain, database, owner, wishes, voucher_key.public_key.binary, say, on_settled=send_vouchers
        )

        def get_status() -> dict[str, Any]:
            return {
                "address": owner.public_key.address,
                "name": owner.public_key.name,
                "grpc": wishes.grpc,
                "mqtt": str(address),
                "is_mqtt_connected": link.is_connected,
                "is_mqtt_embedded": not options.mqtt_broker,
                "is_chain_reachable": directory.is_chain_reachable,
                "hotspots_on_chain": len(directory),
                "hotspots_connected": len(ingress.list_connected()),
                "refusals": dict(ingress.refusals),
                "purchase": describe_standing(purchaser),
            }

        web = WebServer(create_app(desk, commands, token, get_status), *options.http)
        workers: list[Awaitable[None]] = [
            directory.run(), purchaser.run(), intake.run(), intake.downlinks.run(), link.run(), web.run(),
        ]  # fmt: skip
        tasks = [asyncio.ensure_future(worker) for worker in workers]
        stack.push_async_callback(self._end, tasks, web, live)
        http_address = f"{options.http[0]}:{web.port}"
        text = f"router: hotspots on {grpc_address}, console on http://{http_address}/, MQTT on {address}"
        me = owner.public_key.address
        say("ready", text, grpc=grpc_address, http=http_address, mqtt=str(address), address=me)
        stopped = asyncio.ensure_future(self._stop.wait())
        done, _ = await asyncio.wait([stopped, *tasks], return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        for task in done:
            if task is not stopped:
                task.result()  # a worker that ends has failed: let the process fail with it

    async def _start_broker(
        self, stack: contextlib.AsyncExitStack, desk: Desk, commands: CommandDesk
    ) -> tuple[BrokerAddress, Callable[[], bool]]:
        options = self._options
        if options.mqtt_broker:
            return parse_broker_url(options.mqtt_broker), make_open_gate()
        password = secrets.token_urlsafe(24)
        host, port = options.mqtt
        broker = EmbeddedBroker(
            host, port, password, commands.take_message, desk.wake_outbox, options.mqtt_password_file
        )
        bound = await broker.start()
        stack.push_async_callback(broker.stop)
        address = BrokerAddress(host=host, port=bound, username=OWN_USER, password=password)
        return address, StartGate(desk.database, broker.count_subscriptions).is_open

    @staticmethod
    async def _end(tasks: Sequence[asyncio.Future[None]], web: WebServer, live: LiveFeed) -> None:
        live.close()
        web.stop()
        await asyncio.wait(tasks[-1:], timeout=1.0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
