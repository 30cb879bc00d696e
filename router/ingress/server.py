"""The gRPC server that hotspots connect to, and the streams it holds."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import sqlite3
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc

from chain.wire import packet_router_pb2 as wire
from chain.wire import packet_router_pb2_grpc
from router.ingress.hotspots import HotspotDirectory
from router.ingress.stream_session import Refused, StreamSession, compute_packet_hash
from router.ingress.token_bucket import TokenBucket
from router.network.values import Reception

#: Long-run rate and burst of packets read from one hotspot (a busy 8-channel concentrator hears a few a
#: second).
PACKETS_PER_S = 200
BURST = 600
#: Packets of one stream that wait for their receipt; more are not read until some have theirs.
MAX_UNANSWERED = 256
#: Messages waiting to go out on one stream; a hotspot that doesn't read is cut off, it keeps its packets.
MAX_OUTGOING = 1024
MAX_STREAMS = 5_000
REGISTER_TIMEOUT_S = 10.0

TakePacket = Callable[[bytes, Reception], Awaitable[bool]]
TakeResult = Callable[[bytes, wire.downlink_result_v1], None]
Greet = Callable[[bytes], None]


class Stream:
    """One hotspot's stream: what is still to be said to it and which packets it waits for."""

    def __init__(self) -> None:
        self.session = StreamSession()
        self.outgoing: asyncio.Queue[wire.envelope_down_v1 | None] = asyncio.Queue(MAX_OUTGOING)
        self.unanswered: set[bytes] = set()
        self.may_read = asyncio.Event()
        self.may_read.set()
        self.is_registered = asyncio.Event()
        self.last_payload_hash = b""
        self.peer = ""
        self.end_reason = ""

    def send(self, envelope: wire.envelope_down_v1) -> bool:
        """Queue a message; False if the stream is over or its hotspot doesn't read."""
        if self.end_reason:
            return False
        try:
            self.outgoing.put_nowait(envelope)
        except asyncio.QueueFull:
            self.end(f"{MAX_OUTGOING} messages unread")
            return False
        return True

    def end(self, reason: str) -> None:
        """Close the stream after (at best) what is queued."""
        if self.end_reason:
            return
        self.end_reason = reason
        while self.outgoing.full():
            self.outgoing.get_nowait()
        self.outgoing.put_nowait(None)
        self.may_read.set()


class IngressServer(packet_router_pb2_grpc.packetServicer):
    """Serves `/helium.packet_router.packet/route`. `take_packet` gets each checked report and answers
    later.
    """

    def __init__(
        self,
        directory: HotspotDirectory,
        take_packet: TakePacket,
        take_result: TakeResult,
        greet: Greet,
        say: Callable[..., None],
    ) -> None:
        self._directory = directory
        self._take_packet = take_packet
        self._take_result = take_result
        self._greet = greet
        self._say = say
        self._streams: dict[bytes, Stream] = {}
        self._open = 0
        self._server: grpc.aio.Server | None = None
        self.refusals: Counter[str] = Counter()

    async def start(self, address: str) -> int:
        """Listen on "host:port" (port 0: any free); returns the port. Raises OSError."""
        options = (
            ("grpc.so_reuseport", 0),
            ("grpc.keepalive_time_ms", 30_000),
            ("grpc.keepalive_timeout_ms", 10_000),
            ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
            ("grpc.max_receive_message_length", 64 * 1024),
        )
        self._server = grpc.aio.server(options=options)
        packet_router_pb2_grpc.add_packetServicer_to_server(self, self._server)  # type: ignore[no-untyped-call]
        try:
            port = self._server.add_insecure_port(address)
        except RuntimeError:
            port = 0
        if port == 0:
            raise OSError(f"cannot listen on {address}: is it taken? choose another with --grpc")
        await self._server.start()
        return port

    async def stop(self) -> None:
        for stream in list(self._streams.values()):
            stream.end("the router stops")
        if self._server is not None:
            await self._server.stop(0.5)

    def is_connected(self, hotspot: bytes) -> bool:
        return hotspot in self._streams

    def list_connected(self) -> list[bytes]:
        return list(self._streams)

    def send_downlink(self, hotspot: bytes, packet: wire.packet_router_packet_down_v1) -> bool:
        """Hand a downlink to its hotspot; False if that isn't connected."""
        stream = self._streams.get(hotspot)
        return stream is not None and stream.send(wire.envelope_down_v1(packet=packet))

    def send_receipt(self, hotspot: bytes, receipt: wire.receipt_v1, payload: bytes = b"") -> None:
        """Answer a report. A stream that has gone gets its answer when the hotspot asks again."""
        stream = self._streams.get(hotspot)
        if stream is None:
            return
        stream.unanswered.discard(receipt.packet_hash)
        if len(stream.unanswered) < MAX_UNANSWERED:
            stream.may_read.set()
        if payload:
            stream.last_payload_hash = hashlib.sha256(payload).digest()
        if stream.session.wants_receipts:
            stream.send(wire.envelope_down_v1(receipt=receipt))

    # gRPC

    async def route(
        self,
        request_iterator: AsyncIterator[wire.envelope_up_v1],
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> AsyncIterator[wire.envelope_down_v1]:
        """One hotspot's stream, until either end has enough."""
        if self._open >= MAX_STREAMS:
            await context.abort(
                grpc.StatusCode.RESOURCE_EXHAUSTED, f"{MAX_STREAMS} streams are open: try later"
            )
        stream = Stream()
        stream.peer = context.peer()
        self._open += 1
        tasks = [
            asyncio.create_task(self._read(stream, request_iterator)),
            asyncio.create_task(self._acknowledge(stream)),
        ]
        try:
            while (envelope := await stream.outgoing.get()) is not None:
                yield envelope
            if stream.end_reason:
                await context.abort(grpc.StatusCode.ABORTED, stream.end_reason)
        finally:
            self._open -= 1
            stream.end("closed")
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._forget(stream)

    async def _read(self, stream: Stream, requests: AsyncIterator[wire.envelope_up_v1]) -> None:
        bucket = TokenBucket(PACKETS_PER_S, BURST)
        try:
            async with asyncio.timeout(REGISTER_TIMEOUT_S):
                first = await anext(aiter(requests))
                await self._register(stream, first)
            async for envelope in requests:
                kind = envelope.WhichOneof("data")
                try:
                    if kind == "packet":
                        await asyncio.sleep(bucket.take(time.monotonic()))
                        await self._read_packet(stream, envelope.packet)
                    elif kind == "session_init":
                        stream.session.process_session_init(envelope.session_init)
                        self._admit(stream)
                    elif kind == "downlink_result" and stream.session.gateway is not None:
                        self._take_result(stream.session.gateway.binary, envelope.downlink_result)
                    elif kind == "register":
                        raise Refused("registered_twice", "this stream has registered already", is_fatal=True)
                except Refused as refused:
                    self._refuse(stream, envelope, refused)
                if stream.end_reason:
                    return
            stream.end("the hotspot closed the stream")
        except (StopAsyncIteration, asyncio.CancelledError):
            stream.end("the hotspot closed the stream")
            raise
        except TimeoutError:
            stream.end(f"no registration within {REGISTER_TIMEOUT_S:.0f} s")
        except (OSError, sqlite3.Error, RuntimeError, LookupError, ValueError) as error:
            logging.getLogger(__name__).error("a hotspot's stream failed", exc_info=error)
            stream.end("the router failed at a message; its log says why")
        except Refused as refused:
            self.refusals[refused.reason] += 1
            stream.end(str(refused))
            self._say("refused", f"hotspot refused: {refused}", reason=refused.reason, peer=stream.peer)

    async def _register(self, stream: Stream, envelope: wire.envelope_up_v1) -> None:
        if envelope.WhichOneof("data") != "register":
            raise Refused("not_registered", "the first message must be a registration", is_fatal=True)
        gateway = stream.session.process_register(envelope.register, int(time.time() * 1000))
        if not await self._directory.is_known(gateway.binary):
            raise Refused(
                "not_on_chain",
                f"{gateway.name} ({gateway.address}) is not on the chain: add it first",
                is_fatal=True,
            )
        stream.is_registered.set()
        if stream.session.is_session_capable:
            stream.send(wire.envelope_down_v1(session_offer=stream.session.make_offer(os.urandom(32))))
        else:
            self._admit(stream)

    def _admit(self, stream: Stream) -> None:
        """The other end holds the key: from now on this is the hotspot's stream."""
        assert stream.session.gateway is not None
        gateway = stream.session.gateway
        before = self._streams.get(gateway.binary)
        if before is stream:
            return
        self._streams[gateway.binary] = stream
        if before is not None:
            before.end("the hotspot has connected anew")
        else:
            self._say("hotspot_connected", f"hotspot {gateway.name} connected", hotspot=gateway.address)
        self._greet(gateway.binary)

    async def _read_packet(self, stream: Stream, packet: wire.packet_router_packet_up_v1) -> None:
        reception = stream.session.process_packet(packet, int(time.time() * 1000))
        if self._streams.get(reception.hotspot) is not stream:
            self._admit(stream)  # signed by the gateway's own key: an old gateway that ignores offers
        stream.unanswered.add(reception.packet_hash)
        if not await self._take_packet(packet.payload, reception):
            stream.end("the router is full: offer the packets again")
            return
        if len(stream.unanswered) >= MAX_UNANSWERED:
            stream.may_read.clear()
            await stream.may_read.wait()

    def _refuse(self, stream: Stream, envelope: wire.envelope_up_v1, refused: Refused) -> None:
        self.refusals[refused.reason] += 1
        name = stream.session.gateway.name if stream.session.gateway else stream.peer
        if self.refusals[refused.reason] == 1 or refused.is_fatal:
            self._say("refused", f"from hotspot {name}: {refused}", reason=refused.reason)
        if refused.is_fatal:
            stream.end(str(refused))
        elif envelope.WhichOneof("data") == "packet" and stream.session.wants_receipts:
            receipt = wire.receipt_v1(packet_hash=compute_packet_hash(envelope.packet), status=wire.REFUSED)
            stream.send(wire.envelope_down_v1(receipt=receipt))

    async def _acknowledge(self, stream: Stream) -> None:
        """For stock gateways that ask for it: every interval the hash of the last durable packet."""
        await stream.is_registered.wait()
        while stream.session.ack_interval_s and not stream.end_reason:
            await asyncio.sleep(stream.session.ack_interval_s)
            ack = wire.packet_router_packet_ack_v1(payload_hash=stream.last_payload_hash)
            stream.send(wire.envelope_down_v1(packet_ack=ack))

    def _forget(self, stream: Stream) -> None:
        gateway = stream.session.gateway
        if gateway is not None and self._streams.get(gateway.binary) is stream:
            del self._streams[gateway.binary]
            self._say(
                "hotspot_disconnected",
                f"hotspot {gateway.name} disconnected: {stream.end_reason}",
                hotspot=gateway.address,
            )
