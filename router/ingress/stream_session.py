"""What one hotspot's stream may say, and when: register, session, packets. Pure.

Precedent: Helium packet router (hpr_packet_router_service.erl): register is signed by the gateway's key; a
capable gateway is offered a nonce and answers with a session key signed by its own; packets are signed by the
session key.
"""

from __future__ import annotations

import hashlib
import math
import re
from typing import Any

from chain.keys import InvalidPublicKey, PublicKey
from chain.wire import packet_router_pb2 as wire
from chain.wire import radio_pb2
from router.network.region_of import find_region_name
from router.network.values import Reception

MAX_PAYLOAD_BYTES = 255
NONCE_BYTES = 32
#: A gateway without sessions proves nothing fresh, so its clock must be about right.
MAX_CLOCK_DIFFERENCE_MS = 600_000
_LORA = re.compile(r"SF(\d+)BW(\d+)")


class Refused(Exception):
    """A message breaks a rule. `reason` is short and stable; `is_fatal` ends the stream."""

    def __init__(self, reason: str, text: str, is_fatal: bool = False) -> None:
        super().__init__(text)
        self.reason = reason
        self.is_fatal = is_fatal


def serialize_without(message: Any, *fields: str) -> bytes:
    """A protobuf message without some of its fields, in tag order: what is signed or hashed."""
    bare = type(message)()
    bare.CopyFrom(message)
    for field in fields:
        bare.ClearField(field)
    serialized: bytes = bare.SerializeToString(deterministic=True)
    return serialized


def compute_packet_hash(packet: wire.packet_router_packet_up_v1) -> bytes:
    """What a receipt names: SHA-256 of the packet without signature and hold_time."""
    return hashlib.sha256(serialize_without(packet, "signature", "hold_time")).digest()


class StreamSession:
    """The state of one stream."""

    def __init__(self) -> None:
        self.gateway: PublicKey | None = None
        self.session_key: PublicKey | None = None
        self.is_session_capable = False
        self.wants_receipts = False
        self.ack_interval_s = 0
        self._nonce = b""

    def process_register(self, message: wire.packet_router_register_v1, now_ms: int) -> PublicKey:
        """Check a registration. Raises Refused, always fatal."""
        if self.gateway is not None:
            raise Refused("registered_twice", "this stream has registered already", is_fatal=True)
        try:
            gateway = PublicKey.from_binary(message.gateway)
        except InvalidPublicKey as error:
            raise Refused("bad_key", str(error), is_fatal=True) from error
        if not gateway.verify(serialize_without(message, "signature"), message.signature):
            raise Refused(
                "bad_signature", f"the registration is not signed by {gateway.address}", is_fatal=True
            )
        if not message.session_capable and abs(message.timestamp - now_ms) > MAX_CLOCK_DIFFERENCE_MS:
            raise Refused(
                "clock",
                f"clock of {gateway.name} is {abs(message.timestamp - now_ms) // 1000} s off: set it",
                is_fatal=True,
            )
        self.gateway = gateway
        self.is_session_capable = message.session_capable
        self.wants_receipts = message.receipts
        self.ack_interval_s = message.packet_ack_interval
        return gateway

    def make_offer(self, nonce: bytes) -> wire.packet_router_session_offer_v1:
        """Offer a session with a fresh nonce of 32 bytes."""
        if len(nonce) != NONCE_BYTES:
            raise ValueError(f"nonce of {len(nonce)} bytes: must be {NONCE_BYTES}")
        self._nonce = nonce
        return wire.packet_router_session_offer_v1(nonce=nonce)

    def process_session_init(self, message: wire.packet_router_session_init_v1) -> None:
        """Take a session key. Raises Refused; a wrong nonce is no reason to end the stream."""
        gateway = self._get_gateway()
        if message.gateway != gateway.binary:
            raise Refused("wrong_gateway", "the session names another gateway than the registration")
        if not self._nonce or message.nonce != self._nonce:
            raise Refused("wrong_nonce", "the session answers another offer")
        if not gateway.verify(serialize_without(message, "signature"), message.signature):
            raise Refused("bad_signature", f"the session is not signed by {gateway.address}", is_fatal=True)
        try:
            self.session_key = PublicKey.from_binary(message.session_key)
        except InvalidPublicKey as error:
            raise Refused("bad_key", str(error), is_fatal=True) from error
        self._nonce = b""

    def process_packet(self, message: wire.packet_router_packet_up_v1, now_ms: int) -> Reception:
        """Check a packet and make it a reception. Raises Refused."""
        gateway = self._get_gateway()
        if message.gateway != gateway.binary:
            raise Refused("wrong_gateway", "the packet names another gateway than the registration")
        if self.is_session_capable and self.session_key is None:
            # gateway-rs of old ignores offers: its own key will do.
            signer = gateway
        else:
            signer = self.session_key or gateway
        if not signer.verify(serialize_without(message, "signature"), message.signature):
            raise Refused("bad_signature", "the packet is not signed by the stream's key")
        return parse_packet(message, now_ms)

    def _get_gateway(self) -> PublicKey:
        if self.gateway is None:
            raise Refused("not_registered", "the first message must be a registration", is_fatal=True)
        return self.gateway


def parse_packet(message: wire.packet_router_packet_up_v1, now_ms: int) -> Reception:
    """The reception that a packet reports. Raises Refused for values that cannot be."""
    if not 1 <= len(message.payload) <= MAX_PAYLOAD_BYTES:
        raise Refused(
            "payload_size", f"payload of {len(message.payload)} bytes: 1 to {MAX_PAYLOAD_BYTES} fit LoRa"
        )
    if len(message.gateway_eui) not in (0, 8):
        raise Refused("gateway_eui", f"gateway_eui of {len(message.gateway_eui)} bytes: must be 8 or absent")
    if not math.isfinite(message.snr) or not -200 <= message.rssi <= 100:
        raise Refused("signal", f"signal of {message.rssi} dBm, SNR {message.snr} dB: no radio gives that")
    try:
        data_rate = radio_pb2.data_rate.Name(message.datarate)
        declared = radio_pb2.region.Name(message.region).replace("_", "-")
    except ValueError as error:
        raise Refused("data_rate", f"unknown data rate or region: {error}") from error
    lora = _LORA.fullmatch(data_rate)
    return Reception(
        hotspot=message.gateway,
        gateway_eui=message.gateway_eui,
        packet_hash=compute_packet_hash(message),
        tick=message.timestamp & 0xFFFFFFFF,
        frequency_hz=message.frequency,
        data_rate=data_rate,
        spreading_factor=int(lora[1]) if lora else 0,
        bandwidth_hz=int(lora[2]) * 1000 if lora else 0,
        coding_rate=message.coding_rate or 5,
        rssi_dbm=message.rssi,
        snr_db=round(message.snr, 2),
        channel=message.channel,
        region=find_region_name(message.frequency, declared),
        received_at_ms=message.received_at if message.received_at < 2**53 else 0,
        arrived_at_ms=now_ms,
        hold_time_ms=min(message.hold_time, 2**52),
    )
