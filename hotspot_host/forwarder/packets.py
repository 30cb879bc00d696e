"""A reception as the radios give it, and the packet that a router gets of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from hashlib import sha256

from chain.wire import packet_router_pb2, radio_pb2
from hardware.lora.modulation import DataRate, parse_data_rate
from hotspot_host.store.spool import NewPacket

TICKS = 1 << 32


class Crc(Enum):
    """What the radio said about the packet's CRC; MISSING means that it was sent without one."""

    OK = "ok"
    BAD = "bad"
    MISSING = "missing"


@dataclass(frozen=True)
class Reception:
    """One packet heard by one radio.

    ``source_key`` names the reception so that the same one offered twice is recognised. ``tick`` is the
    radio's counter at the packet's end (microseconds modulo 2^32). ``gateway_eui`` is empty for the hotspot's
    own board.
    """

    source_key: str
    payload: bytes
    tick: int
    frequency_hz: int
    data_rate: DataRate
    coding_rate: int
    rssi_dbm: int
    snr_db: float
    crc: Crc
    received_at_ms: int
    gateway_eui: bytes = b""
    channel: int = 0


def get_data_rate_number(data_rate: DataRate) -> int:
    """The field's enum value. ValueError for a data rate that deployed gateways have no number for."""
    return radio_pb2.data_rate.Value(str(data_rate))


def get_data_rate(number: int) -> DataRate:
    """The LoRa data rate of an enum value. ValueError for FSK, LR-FHSS and unknown numbers."""
    return parse_data_rate(radio_pb2.data_rate.Name(number))


def compute_packet_hash(packet: packet_router_pb2.packet_router_packet_up_v1) -> bytes:
    """SHA-256 of the serialized packet without signature and hold_time: what a receipt names."""
    return sha256(strip_packet(packet)).digest()


def strip_packet(packet: packet_router_pb2.packet_router_packet_up_v1) -> bytes:
    """The packet without what changes from one sending to the next."""
    bare = packet_router_pb2.packet_router_packet_up_v1()
    bare.CopyFrom(packet)
    bare.ClearField("signature")
    bare.ClearField("hold_time")
    return bare.SerializeToString(deterministic=True)


def build_packet(reception: Reception, hotspot: bytes, region: str) -> NewPacket:
    """The packet to spool. ``hotspot`` is the public key, 33 bytes. ValueError for an unknown data rate or
    region.
    """
    packet = packet_router_pb2.packet_router_packet_up_v1(
        payload=reception.payload,
        timestamp=reception.tick % TICKS,
        rssi=reception.rssi_dbm,
        frequency=reception.frequency_hz,
        datarate=str(reception.data_rate),
        snr=reception.snr_db,
        region=region.replace("-", "_"),
        gateway=hotspot,
        gateway_eui=reception.gateway_eui,
        received_at=reception.received_at_ms,
        channel=reception.channel,
        coding_rate=reception.coding_rate,
    )
    stripped = strip_packet(packet)
    return NewPacket(
        source_key=reception.source_key,
        packet_hash=sha256(stripped).digest(),
        packet=stripped,
        received_at_ms=reception.received_at_ms,
    )


def compute_data_credits(payload: bytes) -> int:
    """Price of a data packet: one data credit for each 24 bytes begun."""
    return max(-(-len(payload) // 24), 1)
