"""The router's parts on one store, and all that ever writes to it: a story to be killed at any write point.

Real: store, flows, commands, outbox, API, purchaser, voucher desk. The hotspots' streams, the broker and the
chain are the outside. Whoever has no answer asks again, as hotspots, publishers and people do.
"""

import asyncio
import hashlib
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
from litestar import Litestar

from chain.api import Hotspot
from chain.keys import Keypair
from chain.wire import packet_router_pb2 as wire
from router.applications.chirpstack_json import compute_application_id
from router.applications.commands import CommandDesk
from router.applications.mqtt_link import BrokerAddress, MqttLink
from router.applications.outbox import StartGate, note_clean_stop, recover_after_crash
from router.console.app import create_app
from router.ingress.hotspots import HotspotDirectory
from router.live import LiveFeed
from router.network.values import Reception
from router.purchase.plan import Step, Wishes
from router.purchase.purchaser import Purchaser
from router.purchase.voucher_desk import VoucherDesk
from router.store.database import Database
from router.store.events import count_unpublished
from router.store.queue import get_item
from router.traffic.desk import REFUSED, Desk, Settings
from router.traffic.intake import Intake
from tests.power_cut.small_chain import SmallChain
from tests.power_cut.stage import Outside
from tests.unit.router.sensor import Sensor

HOTSPOTS = [Keypair(bytes([number]) * 32).public_key for number in (1, 2)]
OWNER, VOUCHER_KEY = Keypair(bytes([8]) * 32), Keypair(bytes([9]) * 32)
TOKEN = "token-of-the-story"
#: Three devices: by session keys, by joining, and one that is removed again.
METER, COLLAR, GONE = (f"00000000000000{number}" for number in ("0a", "0b", "0c"))
METER_KEYS = {"dev_addr": "01020304", "nwk_s_key": "0a" * 16, "app_s_key": "0b" * 16}
#: The session that the collar is given by hand, before it joins.
COLLAR_KEYS = {**METER_KEYS, "dev_addr": "01020305"}
APP_KEY = bytes(range(16))
SENT_COMMAND, WAITING_COMMAND, FLUSHED = (f"5600f2a5-9f0b-4b5f-8d2c-2a4b4bd7b1a{n}" for n in range(3))

#: Too little for all that the story delivers: the channel is used up, and the next one opened.
CHANNEL_DATA_CREDITS = 12
#: The uplink (f_cnt) that no longer fits in.
LAST_F_CNT = 15

Litestar([], logging_config=None)  # imports what it imports at its first use: once, and not in every fork


def run(disk: Path, outside: Outside) -> None:
    """Play the story from where the store stands."""
    asyncio.run(RouterStory(disk, outside).run())


def hash_name(name: str) -> bytes:
    """The packet hash of a report of the story."""
    return hashlib.sha256(name.encode()).digest()


def make_meter() -> Sensor:
    return Sensor.from_session(
        *(bytes.fromhex(METER_KEYS[name]) for name in ("dev_addr", "nwk_s_key", "app_s_key"))
    )


def make_collar(outside: Outside) -> Sensor:
    """The device that joins, as it stands: with a session once it has heard an accept."""
    sensor = Sensor(bytes.fromhex(COLLAR), bytes(8), APP_KEY)
    for line in outside.lines:
        if line["kind"] == "nonce":
            sensor.dev_nonce = line["nonce"]
        elif line["kind"] == "downlink" and line["what"] == "join":
            sensor.take_join_accept(bytes.fromhex(line["payload"]))
    return sensor


class Streams:
    """The hotspots' ends of their streams."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside

    def is_connected(self, hotspot: bytes) -> bool:
        return True

    def send_receipt(self, hotspot: bytes, receipt: wire.receipt_v1, payload: bytes = b"") -> None:
        self._outside.tell(
            "receipt", hotspot=hotspot.hex(), hash=receipt.packet_hash.hex(), status=receipt.status,
            data_credits=receipt.data_credits, voucher=receipt.voucher.hex(),
        )  # fmt: skip

    def send_downlink(self, hotspot: bytes, packet: wire.packet_router_packet_down_v1) -> bool:
        what = "join" if packet.payload[0] >> 5 == 1 else "data"
        self._outside.tell(
            "downlink", id=packet.downlink_id, hotspot=hotspot.hex(), what=what, payload=packet.payload.hex()
        )
        return True


class Broker:
    """Acknowledges what is published."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside

    async def publish(self, topic: str, payload: bytes, qos: int) -> None:
        body = json.loads(payload)
        self._outside.tell(
            "published", topic=topic, event=topic.rpartition("/")[2], f_cnt=body.get("fCnt"),
            id=body.get("deduplicationId"), dev_eui=body["deviceInfo"]["devEui"],
        )  # fmt: skip


class Source:
    async def hotspots(self) -> list[Hotspot]:
        return [
            Hotspot(
                address=key.address, name=key.name, owner=OWNER.public_key.address, gateway_eui="",
                location=None, gain_ddbi=20, elevation_m=10, added_height=1, location_height=0,
            )
            for key in HOTSPOTS
        ]  # fmt: skip


class RouterStory:
    def __init__(self, disk: Path, outside: Outside) -> None:
        self.outside = outside
        self.database = Database(disk / "router.db")
        vouchers = VoucherDesk(self.database, VOUCHER_KEY)
        self.directory = HotspotDirectory(Source(), self.database, self._say)
        self.desk = Desk(
            database=self.database,
            hotspots=self.directory,
            # Nothing waits; a downlink that nothing was heard of is overdue at the next start.
            settings=Settings(dedup_window_ms=0, answer_wait_ms=0, downlink_timeout_ms=-60_000),
            live=LiveFeed(),
            say=self._say,
            get_voucher=vouchers.get_newest,
            sign=vouchers.sign,
            wake_outbox=lambda: self.link.wake(),
        )
        self.desk.wire = self.streams = Streams(outside)
        self.intake = Intake(self.desk)
        self.commands = CommandDesk(self.desk)
        address = BrokerAddress("story", 1883)
        self.link = MqttLink(self.desk, self.commands, address, "story", lambda: True)
        self.chain = SmallChain(outside)
        wishes = Wishes(
            grpc="127.0.0.1:1",
            voucher_key=VOUCHER_KEY.public_key.address,
            dev_addr_ranges=((0, 2**32 - 1),),
            channel_data_credits=CHANNEL_DATA_CREDITS,
        )
        self.purchaser = Purchaser(
            self.chain, self.database, OWNER, wishes, VOUCHER_KEY.public_key.binary, self._say, self._greet
        )
        self._vouchers = vouchers
        self._api: httpx.AsyncClient | None = None  # made when asked first: it takes longer than the rest

    def _say(self, *_: object, **__: object) -> None:
        """Event lines are not what counts here."""

    def _greet(self) -> None:
        for hotspot in HOTSPOTS:
            for voucher in self._vouchers.get_all(hotspot.binary):
                receipt = wire.receipt_v1(packet_hash=bytes(32), status=wire.FREE, voucher=voucher)
                self.streams.send_receipt(hotspot.binary, receipt)

    async def run(self) -> None:
        recover_after_crash(self.database, is_embedded=not self.outside.get("outside broker"))
        publishing = self.link._publish(Broker(self.outside))  # type: ignore[arg-type]
        workers = (self.intake.run(), self.intake.downlinks.run(), publishing)
        tasks = [asyncio.create_task(worker) for worker in workers]
        await asyncio.sleep(0)
        for name, step in self.list_steps():
            if not self.outside.get("done", step=name):
                await step()
                self.outside.tell("done", step=name)
        await self.wait(lambda: not count_unpublished(self.database.read()))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        note_clean_stop(self.database)
        self.outside.tell("stopped")
        self.database.close()

    def list_steps(self) -> list[tuple[str, Callable[[], Awaitable[None]]]]:
        """One after the other; a step that was not done to its end is done again."""

        def uplink(f_cnt: int, size: int) -> Callable[[], Awaitable[None]]:
            return lambda: self.deliver(f"meter {f_cnt}", make_meter().build_uplink(bytes(size), f_cnt=f_cnt))

        unwanted = Sensor.from_session(b"\x0f\x0f\x0f\x0f", bytes(16), bytes(16)).build_uplink()
        bad_join = Sensor(bytes.fromhex(COLLAR), bytes(8), bytes(16)).build_join_request()
        second = make_meter().build_uplink(bytes(30), f_cnt=1)
        return [
            ("hotspots", self.directory.refresh),
            *[(f"add {eui}", lambda eui=eui: self.add_device(eui)) for eui in (METER, COLLAR, GONE)],
            ("remove", lambda: self.ask("DELETE", f"/devices/{GONE}", (204, 404))),
            ("activate", lambda: self.ask("POST", f"/devices/{COLLAR}/activation", (201,), COLLAR_KEYS)),
            ("bought on credit", uplink(0, 20)),
            ("get ready to pay", self.get_ready_to_pay),
            ("bought", uplink(1, 30)),
            ("late copy", lambda: self.deliver("late copy", second, hotspot=1)),
            ("repeated", lambda: self.deliver("repeated", second, after_ms=10_000)),
            ("other", lambda: self.deliver("other", b"\xe0" + bytes(20))),
            ("unwanted", lambda: self.deliver("unwanted", unwanted)),
            ("bad join", lambda: self.deliver("bad join", bad_join)),
            ("join", self.join),
            ("collar's uplink", self.send_collar_uplink),
            ("command", lambda: self.command(METER, SENT_COMMAND)),
            ("bad command", lambda: self.publish(METER, b"{")),
            ("downlink fails", lambda: self.exchange(wire.TOO_LATE)),
            ("downlink is sent", lambda: self.exchange(wire.SENT)),
            ("queue", self.queue_by_api),
            ("flush", lambda: self.ask("DELETE", f"/devices/{COLLAR}/queue", (200,))),
            ("waiting command", lambda: self.command(COLLAR, WAITING_COMMAND)),
            ("more than the channel has", uplink(LAST_F_CNT, 222)),
            ("get ready again", self.get_ready_to_pay),
            ("subscriptions", self.note_subscriptions),
        ]  # fmt: skip

    async def wait(self, condition: Callable[[], Any]) -> None:
        while not condition():
            await asyncio.sleep(0)

    async def deliver(self, name: str, payload: bytes, *, hotspot: int = 0, after_ms: int = 0) -> None:
        """A hotspot's report, offered until it has its receipt."""
        if not self.outside.get("packet", name=name):
            heard_at_ms = int(time.time() * 1000) - 60_000 + after_ms
            if name == "late copy":
                heard_at_ms = self.outside.get("packet", name="meter 1")[0]["heard_at_ms"]
            self.outside.tell("packet", name=name, heard_at_ms=heard_at_ms)
        packet_hash = hash_name(name)
        await self.intake.take(
            payload,
            Reception(
                hotspot=HOTSPOTS[hotspot].binary, packet_hash=packet_hash,
                tick=int.from_bytes(packet_hash[:4], "big"), frequency_hz=868_100_000, data_rate="SF7BW125",
                spreading_factor=7, bandwidth_hz=125_000, rssi_dbm=-80, snr_db=7.5, region="EU868",
                received_at_ms=self.outside.get("packet", name=name)[0]["heard_at_ms"],
                arrived_at_ms=int(time.time() * 1000),
            ),
        )  # fmt: skip
        await self.wait(lambda: self.outside.get("receipt", hash=packet_hash.hex()))
        assert self.outside.get("receipt", hash=packet_hash.hex())[-1]["status"] != REFUSED
        await asyncio.gather(*self.intake.downlinks._tasks)

    async def ask(self, method: str, path: str, good: tuple[int, ...], body: Any = None) -> None:
        if self._api is None:
            app = create_app(self.desk, self.commands, TOKEN, dict)
            self._api = httpx.AsyncClient(
                transport=httpx.ASGITransport(app), base_url="http://story/api", trust_env=False,
                verify=False, headers={"Authorization": f"Bearer {TOKEN}"},
            )  # fmt: skip
        answer = await self._api.request(method, path, json=body)
        assert answer.status_code in good, answer.text

    async def add_device(self, eui: str) -> None:
        keys = {"app_key": APP_KEY.hex()} if eui == COLLAR else METER_KEYS
        await self.ask("POST", "/devices", (201, 409), {"name": eui, "dev_eui": eui, **keys})

    async def get_ready_to_pay(self) -> None:
        while (await self.purchaser.take_step()).step is not Step.NOTHING:
            pass

    async def join(self) -> None:
        """With a new DevNonce each time, until there is an accept."""
        while not self.outside.get("downlink", what="join"):
            nonces = [line["nonce"] for line in self.outside.get("nonce")]
            is_open = nonces and not self.outside.get("receipt", hash=hash_name(f"join {nonces[-1]}").hex())
            nonce = nonces[-1] if is_open else len(nonces) + 1
            if not is_open:
                self.outside.tell("nonce", nonce=nonce)
            sensor = Sensor(bytes.fromhex(COLLAR), bytes(8), APP_KEY)
            sensor.dev_nonce = nonce - 1
            await self.deliver(f"join {nonce}", sensor.build_join_request())
        self.answer_downlink(wire.SENT)

    async def send_collar_uplink(self) -> None:
        await self.deliver("collar 0", make_collar(self.outside).build_uplink(b"here", f_cnt=0))

    def answer_downlink(self, status: int) -> None:
        asked = self.outside.get("downlink")[-1]
        result = wire.downlink_result_v1(downlink_id=asked["id"], status=status, window=1)  # type: ignore[arg-type]
        self.intake.downlinks.take_result(bytes.fromhex(asked["hotspot"]), result)

    async def exchange(self, status: int) -> None:
        """Uplinks until one is answered by a downlink, of which the hotspot reports `status`."""
        if status == wire.SENT and get_item(self.database.read(), SENT_COMMAND) is None:
            return
        before = len(self.outside.get("downlink"))
        while len(self.outside.get("downlink")) == before:
            f_cnt = 2 + len(self.outside.get("exchange"))
            self.outside.tell("exchange", f_cnt=f_cnt)
            await self.deliver(f"meter {f_cnt}", make_meter().build_uplink(bytes(5), f_cnt=f_cnt))
        self.answer_downlink(status)

    async def publish(self, dev_eui: str, payload: bytes) -> None:
        topic = f"application/{compute_application_id('demo')}/device/{dev_eui}/command/down"
        self.commands.take_message(topic, payload)

    async def command(self, dev_eui: str, item_id: str) -> None:
        """Published until the broker has acknowledged it."""
        await self.publish(dev_eui, json.dumps({"id": item_id, "fPort": 5, "data": "vu8="}).encode())
        self.outside.tell("puback", id=item_id)

    async def queue_by_api(self) -> None:
        body = {"id": FLUSHED, "f_port": 6, "hex": "00"}
        await self.ask("POST", f"/devices/{COLLAR}/queue", (200, 201), body)

    async def note_subscriptions(self) -> None:
        assert StartGate(self.database, lambda: 1).is_open()
