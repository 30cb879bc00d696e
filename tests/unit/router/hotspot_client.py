"""A hotspot as the router sees it: a real gRPC client that registers, signs, sends and keeps what it is
told.
"""

import asyncio
import contextlib
import hashlib
import time
from typing import Any

import grpc

from chain.data.voucher import decode_voucher
from chain.keys import Keypair
from chain.wire import packet_router_pb2 as wire
from chain.wire import packet_router_pb2_grpc
from chain.wire.packet_router_pb2 import receipt_status
from router.ingress.stream_session import compute_packet_hash, serialize_without


class HotspotClient:
    """Connects like our own host does (`is_stock`: like a gateway that knows neither sessions nor
    receipts).
    """

    def __init__(self, key: Keypair, grpc_address: str, is_stock: bool = False) -> None:
        self.key = key
        self.is_stock = is_stock
        self.receipts: dict[bytes, wire.receipt_v1] = {}
        self.vouchers: list[bytes] = []
        self.downlinks: asyncio.Queue[wire.packet_router_packet_down_v1] = asyncio.Queue()
        self.acks: asyncio.Queue[bytes] = asyncio.Queue()
        self.ended = asyncio.Event()
        self.end_text = ""
        self._address = grpc_address
        self._signer = key
        self._ready = asyncio.Event()
        self._changed = asyncio.Event()
        self._tick = int.from_bytes(key.public_key.binary[-3:], "big")

    async def __aenter__(self) -> "HotspotClient":
        self._channel = grpc.aio.insecure_channel(self._address)
        self._call: Any = packet_router_pb2_grpc.packetStub(self._channel).route()
        register = wire.packet_router_register_v1(
            timestamp=int(time.time() * 1000),
            gateway=self.key.public_key.binary,
            session_capable=not self.is_stock,
            receipts=not self.is_stock,
            packet_ack_interval=1 if self.is_stock else 0,
        )
        register.signature = self.key.sign(serialize_without(register, "signature"))
        await self._call.write(wire.envelope_up_v1(register=register))
        self._reader = asyncio.create_task(self._read())
        if not self.is_stock:
            await asyncio.wait(
                [asyncio.ensure_future(self._ready.wait()), asyncio.ensure_future(self.ended.wait())],
                timeout=10,
                return_when=asyncio.FIRST_COMPLETED,
            )
        return self

    async def __aexit__(self, *_: object) -> None:
        self._reader.cancel()
        self._call.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)
        await self._channel.close()

    async def _read(self) -> None:
        try:
            async for envelope in self._call:
                kind = envelope.WhichOneof("data")
                if kind == "session_offer":
                    await self._start_session(envelope.session_offer.nonce)
                elif kind == "receipt":
                    self.receipts[envelope.receipt.packet_hash] = envelope.receipt
                    if envelope.receipt.voucher:
                        self.vouchers.append(envelope.receipt.voucher)
                elif kind == "packet":
                    self.downlinks.put_nowait(envelope.packet)
                elif kind == "packet_ack":
                    self.acks.put_nowait(envelope.packet_ack.payload_hash)
                self._changed.set()
        except grpc.aio.AioRpcError as error:
            self.end_text = error.details() or error.code().name
        finally:
            self.ended.set()
            self._changed.set()

    async def _start_session(self, nonce: bytes) -> None:
        session_key = Keypair.generate()
        init = wire.packet_router_session_init_v1(
            gateway=self.key.public_key.binary, nonce=nonce, session_key=session_key.public_key.binary
        )
        init.signature = self.key.sign(serialize_without(init, "signature"))
        await self._call.write(wire.envelope_up_v1(session_init=init))
        self._signer = session_key
        self._ready.set()

    def build_packet(self, payload: bytes, **values: Any) -> wire.packet_router_packet_up_v1:
        """A signed packet; without values: EU868, 868.1 MHz, SF7, good signal, heard just now."""
        self._tick = (self._tick + 1_000_003) & 0xFFFFFFFF
        defaults: dict[str, Any] = {
            "timestamp": self._tick,
            "rssi": -60,
            "snr": 9.5,
            "frequency": 868_100_000,
            "datarate": "SF7BW125",
            "region": "EU868",
            "received_at": int(time.time() * 1000),
            "coding_rate": 5,
        }
        packet = wire.packet_router_packet_up_v1(
            payload=payload, gateway=self.key.public_key.binary, **{**defaults, **values}
        )
        packet.signature = self._signer.sign(serialize_without(packet, "signature"))
        return packet

    async def send(self, payload: bytes, **values: Any) -> bytes:
        """Send a packet; returns the hash its receipt will name."""
        packet = self.build_packet(payload, **values)
        await self.send_packet(packet)
        return compute_packet_hash(packet)

    async def send_packet(self, packet: wire.packet_router_packet_up_v1) -> None:
        await self._call.write(wire.envelope_up_v1(packet=packet))

    async def get_receipt(self, packet_hash: bytes, timeout_s: float = 10) -> wire.receipt_v1:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while packet_hash not in self.receipts and not self.ended.is_set():
                    self._changed.clear()
                    await self._changed.wait()
        assert packet_hash in self.receipts, f"no receipt within {timeout_s} s {self.end_text}"
        return self.receipts[packet_hash]

    async def deliver(self, payload: bytes, **values: Any) -> str:
        """Send and wait; returns the receipt's status name."""
        receipt = await self.get_receipt(await self.send(payload, **values))
        return receipt_status.Name(receipt.status)

    async def get_downlink(self, timeout_s: float = 10) -> wire.packet_router_packet_down_v1:
        return await asyncio.wait_for(self.downlinks.get(), timeout_s)

    async def answer_downlink(self, downlink_id: int, status: str = "SENT", window: int = 1) -> None:
        result = wire.downlink_result_v1(
            downlink_id=downlink_id,
            status=wire.downlink_status.Value(status),
            window=window if status == "SENT" else 0,
        )
        await self._call.write(wire.envelope_up_v1(downlink_result=result))

    def get_promised(self) -> int:
        """Highest total of data credits over all vouchers seen."""
        return max((decode_voucher(raw).voucher.total_data_credits for raw in self.vouchers), default=0)


def hash_payload(payload: bytes) -> bytes:
    return hashlib.sha256(payload).digest()
