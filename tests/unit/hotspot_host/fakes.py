"""Stand-ins for what a host talks to: a router over real gRPC, a board without a serial port, a chain."""

import asyncio
import hashlib
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc

from chain.coverage.claims import compute_commitment
from chain.coverage.reports import ReportEnvelope
from chain.data.voucher import Voucher, encode_voucher, sign_voucher
from chain.keys import Keypair, PublicKey
from chain.wire import packet_router_pb2 as wire
from chain.wire import packet_router_pb2_grpc, poc_lora_pb2, poc_lora_pb2_grpc
from hotspot_host.board_link import (
    Hello,
    LinkEvent,
    ListenWindow,
    ReceiveConfig,
    ReceivedPacket,
    TickFix,
    TransmitRequest,
    TransmitResult,
)
from hotspot_host.clock import get_monotonic_us
from hotspot_host.forwarder.packets import compute_data_credits
from hotspot_host.forwarder.routes import Route

CHAIN_ID = "test-chain"
CHANNEL_ID = b"\x07" * 32


async def wait_for(condition: Callable[[], Any], timeout_s: float = 10.0) -> None:
    """Wait on a condition, not on a clock."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "condition not met in time"
        await asyncio.sleep(0.01)


def serialize_without(message: Any, *fields: str) -> bytes:
    bare = type(message)()
    bare.CopyFrom(message)
    for field in fields:
        bare.ClearField(field)
    return bytes(bare.SerializeToString(deterministic=True))


class FakeRouter(packet_router_pb2_grpc.packetServicer):
    """A router that checks every signature and buys whatever isn't told otherwise."""

    def __init__(self) -> None:
        self.owner = Keypair.generate()
        self.voucher_key = Keypair.generate()
        self.registers: list[wire.packet_router_register_v1] = []
        self.packets: list[wire.packet_router_packet_up_v1] = []
        self.results: list[wire.downlink_result_v1] = []
        self.problems: list[str] = []
        self.status: int = wire.BOUGHT
        self.voucher_every = 1
        self.answers = True
        self.offers = True
        self.port = 0
        self._server: grpc.aio.Server | None = None
        self._bought: dict[bytes, list[int]] = {}
        self._seen: set[bytes] = set()
        self.chain_id = CHAIN_ID
        self.channel_id = CHANNEL_ID
        self._sequence = 0
        self._outgoing: list[asyncio.Queue[wire.envelope_down_v1]] = []

    @property
    def route_entry(self) -> Route:
        return Route(
            router=self.owner.public_key.address,
            grpc=f"127.0.0.1:{self.port}",
            voucher_key=self.voucher_key.public_key.address,
            dev_addr_ranges=((0, 0xFFFFFFFF),),
            euis=((None, None),),
        )

    @property
    def payloads(self) -> list[bytes]:
        return [packet.payload for packet in self.packets]

    async def start(self) -> None:
        self._server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
        packet_router_pb2_grpc.add_packetServicer_to_server(self, self._server)
        self.port = self._server.add_insecure_port(f"127.0.0.1:{self.port}")
        await self._server.start()

    async def stop(self) -> None:
        if self._server is not None:
            await self._server.stop(0)
            self._server = None
        self._outgoing.clear()

    def send(self, **envelope: Any) -> None:
        """To every stream."""
        for queue in self._outgoing:
            queue.put_nowait(wire.envelope_down_v1(**envelope))

    def sign_downlink(self, packet: wire.packet_router_packet_down_v1) -> None:
        packet.signature = self.voucher_key.sign(serialize_without(packet, "signature"))

    def build_voucher(self, hotspot: bytes) -> bytes:
        self._sequence += 1
        packets, data_credits = self._bought.get(hotspot, [0, 0])
        voucher = Voucher(self.chain_id, self.channel_id, hotspot, self._sequence, data_credits, packets)
        return encode_voucher(sign_voucher(voucher, self.voucher_key))

    def build_second_voucher(self, hotspot: bytes) -> bytes:
        """Fraud: another voucher with the newest one's sequence."""
        packets, data_credits = self._bought.get(hotspot, [0, 0])
        voucher = Voucher(self.chain_id, self.channel_id, hotspot, self._sequence, data_credits + 1, packets)
        return encode_voucher(sign_voucher(voucher, self.voucher_key))

    async def route(self, request_iterator: Any, context: Any) -> AsyncIterator[wire.envelope_down_v1]:
        queue: asyncio.Queue[wire.envelope_down_v1] = asyncio.Queue()
        self._outgoing.append(queue)
        reader = asyncio.create_task(self._read(request_iterator, queue))
        try:
            while True:
                yield await queue.get()
        finally:
            reader.cancel()
            if queue in self._outgoing:
                self._outgoing.remove(queue)

    async def _read(self, requests: Any, queue: asyncio.Queue[wire.envelope_down_v1]) -> None:
        gateway: PublicKey | None = None
        signer: PublicKey | None = None
        nonce = b"n" * 32
        async for envelope in requests:
            kind = envelope.WhichOneof("data")
            message = getattr(envelope, kind)
            if kind == "register":
                gateway = signer = PublicKey.from_binary(message.gateway)
                self._check(gateway, message, "register")
                self.registers.append(message)
                if self.offers:
                    queue.put_nowait(
                        wire.envelope_down_v1(session_offer=wire.packet_router_session_offer_v1(nonce=nonce))
                    )
            elif kind == "session_init":
                assert gateway is not None
                self._check(gateway, message, "session_init")
                if message.nonce != nonce:
                    self.problems.append("session_init: nonce")
                signer = PublicKey.from_binary(message.session_key)
            elif kind == "downlink_result":
                self.results.append(message)
            else:
                assert signer is not None
                self._check(signer, message, "packet")
                self.packets.append(message)
                if self.answers:
                    queue.put_nowait(wire.envelope_down_v1(receipt=self._receipt(message)))

    def _receipt(self, packet: wire.packet_router_packet_up_v1) -> wire.receipt_v1:
        packet_hash = hashlib.sha256(serialize_without(packet, "signature", "hold_time")).digest()
        status = self.status
        if packet.payload[0] >> 5 == 0:
            status = wire.FREE
        elif packet_hash in self._seen:
            status = wire.COPY
        self._seen.add(packet_hash)
        price = compute_data_credits(packet.payload) if status == wire.BOUGHT else 0
        totals = self._bought.setdefault(packet.gateway, [0, 0])
        totals[0] += status == wire.BOUGHT
        totals[1] += price
        voucher = b""
        if price and self.voucher_every and totals[0] % self.voucher_every == 0:
            voucher = self.build_voucher(packet.gateway)
        return wire.receipt_v1(packet_hash=packet_hash, status=status, data_credits=price, voucher=voucher)

    def _check(self, signer: PublicKey, message: Any, what: str) -> None:
        if not signer.verify(serialize_without(message, "signature"), message.signature):
            self.problems.append(f"{what}: signature")


@asynccontextmanager
async def running_router() -> AsyncIterator[FakeRouter]:
    router = FakeRouter()
    await router.start()
    try:
        yield router
    finally:
        await router.stop()


class FakeReportNode(poc_lora_pb2_grpc.poc_loraServicer):
    """Takes coverage reports; refuses as told."""

    def __init__(self) -> None:
        self.beacons: list[poc_lora_pb2.lora_beacon_report_req_v1] = []
        self.witnesses: list[poc_lora_pb2.lora_witness_report_req_v1] = []
        self.claims: list[poc_lora_pb2.lora_claim_v1] = []
        self.problems: list[str] = []
        self.refuse: list[grpc.StatusCode] = []
        """For claims, one each."""
        self.refuse_openings: list[grpc.StatusCode] = []
        self.port = 0
        self._server: grpc.aio.Server | None = None

    async def start(self) -> None:
        self._server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
        poc_lora_pb2_grpc.add_poc_loraServicer_to_server(self, self._server)
        self.port = self._server.add_insecure_port(f"127.0.0.1:{self.port}")
        await self._server.start()

    async def stop(self) -> None:
        if self._server is not None:
            await self._server.stop(0)

    async def submit_lora_claim(self, request: Any, context: Any) -> Any:
        await self._maybe_refuse(context)
        self.claims.append(request)
        return poc_lora_pb2.lora_claim_resp_v1(id="c")

    async def submit_lora_opening(self, request: Any, context: Any) -> Any:
        if self.refuse_openings:
            await context.abort(self.refuse_openings.pop(0), "told to")
        which = request.WhichOneof("report")
        report = getattr(request, which)
        envelope = ReportEnvelope(report.SerializeToString(deterministic=True))
        claimed = {claim.commitment for claim in self.claims if claim.pub_key == report.pub_key}
        if compute_commitment(request.nonce, envelope) not in claimed:
            self.problems.append(f"{which} without its claim")
        (self.beacons if which == "beacon_report" else self.witnesses).append(report)
        return poc_lora_pb2.lora_opening_resp_v1(id="o")

    async def _maybe_refuse(self, context: Any) -> None:
        if self.refuse:
            await context.abort(self.refuse.pop(0), "told to")


class FakeLink:
    """A board as ``BoardLink`` shows it; its tick is this host's clock plus an offset."""

    def __init__(self, tick_offset_us: int = 123_456) -> None:
        self.is_up = True
        self.hello = Hello("1.0.0", "fake", "SX1276", True, 0, 1, 32, 16)
        self.config: ReceiveConfig | None = None
        self.sent: list[TransmitRequest] = []
        self.listened: list[ListenWindow] = []
        self.acknowledged: list[int] = []
        self.refusals: deque[Exception] = deque()
        self.tick_offset_us = tick_offset_us
        self._packets: asyncio.Queue[ReceivedPacket] = asyncio.Queue()
        self._events: asyncio.Queue[LinkEvent] = asyncio.Queue()

    async def open(self) -> Any:
        return self

    @property
    def tick(self) -> int:
        return (get_monotonic_us() + self.tick_offset_us) % (1 << 32)

    def hear(self, packet: ReceivedPacket) -> None:
        self._packets.put_nowait(packet)

    def tell(self, event: LinkEvent) -> None:
        self._events.put_nowait(event)

    async def configure(self, config: ReceiveConfig) -> None:
        self.config = config

    async def listen(self, window: ListenWindow) -> None:
        self.listened.append(window)

    async def transmit(self, request: TransmitRequest) -> TransmitResult:
        if self.refusals:
            raise self.refusals.popleft()
        self.sent.append(request)
        return TransmitResult(self.tick if request.tick is None else request.tick)

    async def tick_now(self) -> TickFix:
        return TickFix(self.tick, get_monotonic_us(), 50)

    async def wait_up(self) -> None:
        while not self.is_up:
            await asyncio.sleep(0.01)

    async def acknowledge(self, packet_id: int) -> None:
        self.acknowledged.append(packet_id)

    async def packets(self) -> AsyncIterator[ReceivedPacket]:
        while True:
            yield await self._packets.get()

    async def events(self) -> AsyncIterator[LinkEvent]:
        while True:
            yield await self._events.get()

    async def close(self) -> None:
        self.is_up = False


def make_packet(
    packet_id: int, payload: bytes, tick: int = 1000, crc_ok: bool = True, has_crc: bool = True
) -> ReceivedPacket:
    return ReceivedPacket(
        packet_id=packet_id,
        tick=tick,
        frequency_hz=868_100_000,
        spreading_factor=7,
        bandwidth_hz=125_000,
        coding_rate=5,
        rssi_dbm=-80,
        snr_db_x4=30,
        frequency_error_hz=0,
        crc_ok=crc_ok,
        has_crc=has_crc,
        payload=payload,
    )
