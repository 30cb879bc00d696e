"""The stream to one router: register, session, packets out of the spool, receipts, downlinks.

A packet goes out again after every reconnect until its receipt has come. Precedent: gateway-rs (radio facts
6.3 and 6.5), which forgets its packets after a minute and reads no acknowledgements.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import sqlite3
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc

from chain.keys import Keypair, PublicKey
from chain.wire import packet_router_pb2 as wire
from chain.wire import packet_router_pb2_grpc
from hotspot_host.clock import get_monotonic_us, get_wall_ms
from hotspot_host.forwarder.downlinks import DownlinkActor, DownlinkOrder, is_signed_by
from hotspot_host.forwarder.packets import compute_data_credits
from hotspot_host.forwarder.receipts import BadVoucher, Fraud, check_voucher, get_channel_id
from hotspot_host.forwarder.routes import Route
from hotspot_host.forwarder.uplink_filter import Uplink, judge_payload
from hotspot_host.store.spool import SpooledPacket
from hotspot_host.store.vouchers import Dispute, KeptVoucher, RouterBalance, Vouchers
from hotspot_host.tally import Tally

CONNECT_TIMEOUT_S = 10.0
#: A router that offers no session in this time gets packets signed by the hotspot's own key.
OFFER_TIMEOUT_S = 5.0
#: A packet without a receipt for so long means that the stream is dead, whatever TCP says.
RECEIPT_TIMEOUT_S = 20.0
BACK_OFF_FIRST_S = 0.5
BACK_OFF_LAST_S = 30.0
#: Packets sent and not answered for. Keeps the float bounded and the router's queues short.
IN_FLIGHT_LIMIT = 32
#: Results of downlinks waiting for the stream; the oldest are the least use.
RESULT_LIMIT = 64
#: While the router owes vouchers, one packet in so many seconds asks whether it pays again.
PROBE_INTERVAL_S = 30.0
#: Data credits that a router may have promised beyond what the chain sets aside for this hotspot, unclaimed.
UNCOVERED_LIMIT = 1_000
#: Notices within seconds that the other end is gone without a word.
CHANNEL_OPTIONS = (
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.max_receive_message_length", 64 * 1024),
    ("grpc.initial_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 5_000),
)


@dataclass
class _Sent:
    packet: SpooledPacket
    may_cost: bool
    sent_at_us: int


class StreamFailed(Exception):
    """The stream is over; the text says why."""


class RouterStream:
    """One router. ``offer`` and ``withdraw`` say which spooled packets are for it."""

    def __init__(
        self,
        route: Route,
        key: Keypair,
        chain_id: Callable[[], str | None],
        vouchers: Vouchers,
        downlinks: DownlinkActor,
        tally: Tally,
        float_limit: int,
        on_voucher: Callable[[], None],
        receipt_timeout_s: float = RECEIPT_TIMEOUT_S,
        uncovered_limit: int = UNCOVERED_LIMIT,
    ) -> None:
        self.route = route
        self.state = "connecting"
        self.paused = False
        self._key = key
        self._chain_id = chain_id
        self._vouchers = vouchers
        self._downlinks = downlinks
        self._tally = tally
        self._float_limit = float_limit
        self._on_voucher = on_voucher
        self._receipt_timeout_s = receipt_timeout_s
        self._uncovered_limit = uncovered_limit
        self._is_disputed = vouchers.is_disputed(route.router)
        self._pending: OrderedDict[int, SpooledPacket] = OrderedDict()
        self._in_flight: OrderedDict[bytes, _Sent] = OrderedDict()
        self._results: deque[wire.downlink_result_v1] = deque(maxlen=RESULT_LIMIT)
        self._wake = asyncio.Event()
        self._session_key: Keypair | None = None
        self._write_lock = asyncio.Lock()
        self._next_probe_us = 0
        self._went_ready = False

    @property
    def waiting(self) -> int:
        """Packets without a receipt."""
        return len(self._pending) + len(self._in_flight)

    def offer(self, packet: SpooledPacket) -> None:
        """This packet is for this router."""
        self._pending[packet.id] = packet
        self._wake.set()

    def forget_before(self, packet_id: int) -> None:
        """The spool was full and has dropped what is older than this."""
        for old in [pending for pending in self._pending if pending < packet_id]:
            del self._pending[old]

    def withdraw(self) -> list[SpooledPacket]:
        """Take back everything that has no receipt: the router is gone from the chain."""
        packets = [sent.packet for sent in self._in_flight.values()] + list(self._pending.values())
        self._in_flight.clear()
        self._pending.clear()
        return packets

    async def run(self) -> None:
        """Keep a stream until cancelled."""
        back_off_s = BACK_OFF_FIRST_S
        while True:
            self._went_ready = False
            try:
                await self._hold_stream()
            except (StreamFailed, TimeoutError, grpc.aio.AioRpcError, grpc.aio.UsageError) as error:
                text = _describe(error)
            except sqlite3.Error as error:
                text = f"a receipt can't be written down: {error}"  # so it doesn't count; ask again later
            finally:
                self._requeue()
            self.state = "disconnected"
            self._say(("down", text), f"router {self.route.grpc} lost: {text}", up=False)
            back_off_s = BACK_OFF_FIRST_S if self._went_ready else min(back_off_s * 2, BACK_OFF_LAST_S)
            await asyncio.sleep(back_off_s * random.uniform(0.75, 1.25))

    def _say(self, state: object, text: str, up: bool) -> None:
        router = self.route.router
        self._tally.say_change("router", state, text, of=router, router=router, up=up)

    def _requeue(self) -> None:
        """What has no receipt is sent again, in the old order."""
        again = sorted([sent.packet for sent in self._in_flight.values()], key=lambda packet: packet.id)
        self._in_flight.clear()
        for packet in reversed(again):
            self._pending[packet.id] = packet
            self._pending.move_to_end(packet.id, last=False)
        self._session_key = None

    async def _hold_stream(self) -> None:
        async with grpc.aio.insecure_channel(self.route.grpc, options=CHANNEL_OPTIONS) as channel:
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT_S):
                    await channel.channel_ready()
            except TimeoutError:
                raise StreamFailed(f"no connection within {CONNECT_TIMEOUT_S:.0f} s") from None
            call = packet_router_pb2_grpc.packetStub(channel).route()  # type: ignore[no-untyped-call]
            tasks: list[asyncio.Task[None]] = []
            try:
                await self._write(call, wire.envelope_up_v1(register=self._build_register()))
                offered = asyncio.Event()
                tasks = [
                    asyncio.create_task(self._read(call, offered)),
                    asyncio.create_task(self._send(call, offered)),
                ]
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
                raise StreamFailed("the router closed the stream")
            finally:
                for task in tasks:
                    task.cancel()
                call.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _write(self, call: Any, envelope: wire.envelope_up_v1) -> None:
        async with self._write_lock:
            try:
                await call.write(envelope)
            except asyncio.InvalidStateError as error:
                raise StreamFailed("the router closed the stream") from error

    def _build_register(self) -> wire.packet_router_register_v1:
        register = wire.packet_router_register_v1(
            timestamp=get_wall_ms(),
            gateway=self._key.public_key.binary,
            session_capable=True,
            packet_ack_interval=0,
            receipts=True,
        )
        register.signature = self._key.sign(register.SerializeToString(deterministic=True))
        return register

    # From the router

    async def _read(self, call: Any, offered: asyncio.Event) -> None:
        async for envelope in call:
            kind = envelope.WhichOneof("data")
            if kind == "session_offer":
                await self._start_session(call, envelope.session_offer.nonce)
                offered.set()
            elif kind == "receipt":
                self._settle(envelope.receipt)
            elif kind == "packet":
                self._take_downlink(envelope.packet)

    async def _start_session(self, call: Any, nonce: bytes) -> None:
        session_key = Keypair.generate(self._key.public_key.network)
        init = wire.packet_router_session_init_v1(
            gateway=self._key.public_key.binary, nonce=nonce, session_key=session_key.public_key.binary
        )
        init.signature = self._key.sign(init.SerializeToString(deterministic=True))
        await self._write(call, wire.envelope_up_v1(session_init=init))
        self._session_key = session_key

    def _settle(self, receipt: wire.receipt_v1) -> None:
        sent = self._in_flight.pop(receipt.packet_hash, None)
        data_credits = receipt.data_credits if receipt.status == wire.BOUGHT else 0
        voucher, dispute = self._read_voucher(receipt.voucher) if receipt.voucher else (None, None)
        known = self._vouchers.settle(self.route.router, receipt.packet_hash, data_credits, voucher, dispute)
        self._is_disputed |= dispute is not None
        if voucher is not None:
            self._tally.add("vouchers")
        if voucher is not None or dispute is not None:
            self._on_voucher()
        if known:
            status = wire.receipt_status.Name(receipt.status).lower()
            self._tally.add(f"receipts_{status}")
            if receipt.status == wire.REFUSED:
                self._tally.drop("refused_by_router", "packet refused by the router")
            elif receipt.status == wire.UNWANTED:
                self._tally.drop("unwanted", "packet forwarded, but its device isn't at the router")
            elif receipt.status == wire.BOUGHT and sent is not None:
                price = compute_data_credits(sent.packet.parse().payload)
                if data_credits < price:
                    text = f"router pays {data_credits} data credits for a packet worth {price}"
                    self._tally.say_change("underpaid", True, text, of=self.route.router)
        self._wake.set()

    def _read_voucher(self, raw: bytes) -> tuple[KeptVoucher | None, Dispute | None]:
        """What to keep of a receipt's voucher: itself, or the proof that it makes with the kept one."""
        chain_id = self._chain_id()
        if chain_id is None:
            return None, None
        try:
            kept = self._vouchers.get(get_channel_id(raw))
            return check_voucher(raw, self.route, self._key.public_key.binary, chain_id, kept), None
        except BadVoucher as error:
            self._tally.drop(f"voucher_{error.reason}", f"voucher not kept: {error}")
            return None, error.dispute if isinstance(error, Fraud) else None

    def _take_downlink(self, packet: wire.packet_router_packet_down_v1) -> None:
        if not is_signed_by(packet, PublicKey.from_address(self.route.voucher_key)):
            self._tally.drop("downlink_bad_signature", "downlink dropped: not signed by the router's key")
            return
        self._tally.add("downlinks")
        self._downlinks.order(DownlinkOrder(self.route.router, packet, self._report))

    def _report(self, result: wire.downlink_result_v1) -> None:
        self._results.append(result)
        self._wake.set()

    # To the router

    async def _send(self, call: Any, offered: asyncio.Event) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(OFFER_TIMEOUT_S):
                await offered.wait()
        self._went_ready = True
        self.state = "connected"
        self._say("up", f"router {self.route.grpc} connected", up=True)
        while True:
            self._wake.clear()
            while self._results:
                await self._write(call, wire.envelope_up_v1(downlink_result=self._results[0]))
                self._results.popleft()
            while (packet := self._pick()) is not None:
                await self._send_packet(call, packet)
            self._check_receipts()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._wake.wait()

    def _pick(self) -> tuple[SpooledPacket, bool] | None:
        """The next packet that may go out now, and whether it may cost."""
        if len(self._in_flight) >= IN_FLIGHT_LIMIT:
            return None
        is_over = self._is_over_float()
        for packet in self._pending.values():
            verdict = judge_payload(packet.parse().payload)
            may_cost = isinstance(verdict, Uplink) and verdict.may_cost
            if may_cost and is_over:
                if self._is_disputed:
                    continue
                if get_monotonic_us() < self._next_probe_us or self._in_flight:
                    continue
                self._next_probe_us = get_monotonic_us() + int(PROBE_INTERVAL_S * 1e6)
            del self._pending[packet.id]
            return packet, may_cost
        return None

    def _is_over_float(self) -> bool:
        balance = self._vouchers.get_balance(self.route.router)
        at_risk = balance.unvouchered_packets + sum(sent.may_cost for sent in self._in_flight.values())
        why = self._find_reason_to_pause(balance)
        was_paused, self.paused = self.paused, why is not None
        if self.paused != was_paused:
            if self.paused:
                self._next_probe_us = get_monotonic_us() + int(PROBE_INTERVAL_S * 1e6)
            self._tally.lines.say(
                "float",
                why or f"router {self.route.grpc} has signed and is covered: forwarding again",
                router=self.route.router,
                paused=self.paused,
                unvouchered_packets=balance.unvouchered_packets,
                uncovered_data_credits=balance.uncovered_data_credits,
            )
        return self.paused or at_risk >= self._float_limit

    def _find_reason_to_pause(self, balance: RouterBalance) -> str | None:
        """Why nothing more that the router would have to pay should go there now."""
        router = f"router {self.route.grpc}"
        if self._is_disputed:
            return f"{router} has signed two vouchers of one sequence: it gets nothing to pay for any more"
        if balance.unvouchered_packets >= self._float_limit:
            return (
                f"{router} owes vouchers for {balance.unvouchered_packets} packets: nothing more that it "
                f"would have to pay goes there until it signs (limit {self._float_limit})"
            )
        if balance.uncovered_data_credits >= self._uncovered_limit:
            return (
                f"{router} has promised {balance.uncovered_data_credits} data credits that aren't set aside: "
                f"nothing more goes there until they are, or are claimed (limit {self._uncovered_limit})"
            )
        return None

    async def _send_packet(self, call: Any, picked: tuple[SpooledPacket, bool]) -> None:
        spooled, may_cost = picked
        self._in_flight[spooled.packet_hash] = _Sent(spooled, may_cost, get_monotonic_us())
        packet = spooled.parse()
        packet.hold_time = max(get_wall_ms() - spooled.received_at_ms, 0)
        signer = self._session_key or self._key
        packet.signature = signer.sign(packet.SerializeToString(deterministic=True))
        await self._write(call, wire.envelope_up_v1(packet=packet))
        self._tally.add("packets_sent")

    def _check_receipts(self) -> None:
        if not self._in_flight:
            return
        oldest = next(iter(self._in_flight.values()))
        if get_monotonic_us() - oldest.sent_at_us > self._receipt_timeout_s * 1e6:
            raise StreamFailed(f"no receipt within {self._receipt_timeout_s:.0f} s")


def _describe(error: BaseException) -> str:
    if isinstance(error, grpc.aio.AioRpcError):
        return f"{error.code().name}: {error.details()}"
    return str(error) or type(error).__name__
