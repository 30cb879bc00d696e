"""The frozen values that the network's rules take and give."""

from __future__ import annotations

import hashlib
import uuid
from enum import StrEnum

import msgspec

#: Names our own uuid5 identifiers; never change it, deduplicationIds derive from it.
NAMESPACE = uuid.UUID("6f2d7f0e-5c1f-5a53-9a38-0d5c3a1f6b11")
NO_EUI = bytes(8)
#: Clocks of two hotspots that heard one transmission differ by less; a device repeats a frame later than
#: this.
SAME_TRANSMISSION_MS = 2_000


class Reception(msgspec.Struct, frozen=True, kw_only=True):
    """One transmission as one concentrator heard it.

    `hotspot` is the 33-byte public key, `gateway_eui` the EUI-64 of the concentrator behind it (empty: its
    own board), `tick` the concentrator's counter in microseconds modulo 2^32, `packet_hash` identifies this
    very report. `received_at_ms` is what the hotspot's clock said (0: it didn't say), `arrived_at_ms` what
    ours said.
    """

    hotspot: bytes
    gateway_eui: bytes = b""
    packet_hash: bytes
    tick: int
    frequency_hz: int
    data_rate: str  # "SF7BW125", as in rxpk.datr
    spreading_factor: int = 0  # 0: not LoRa
    bandwidth_hz: int = 0
    coding_rate: int = 5  # denominator of 4/x
    rssi_dbm: int
    snr_db: float
    channel: int = 0
    region: str  # "EU868"; empty: unknown
    received_at_ms: int = 0
    arrived_at_ms: int
    hold_time_ms: int = 0

    @property
    def concentrator(self) -> tuple[bytes, bytes]:
        return self.hotspot, self.gateway_eui

    @property
    def heard_at_ms(self) -> int:
        """Unix time of the reception in milliseconds, from the hotspot's clock or else from ours."""
        return self.received_at_ms or self.arrived_at_ms - self.hold_time_ms


class Transmission(msgspec.Struct, frozen=True, kw_only=True):
    """One PHYPayload on the air once, with everybody who heard it; the first to deliver comes first."""

    payload: bytes
    receptions: tuple[Reception, ...]
    #: Further reports of a concentrator about the very reception it has reported already.
    repeats: tuple[Reception, ...] = ()

    @property
    def payload_hash(self) -> bytes:
        return hashlib.sha256(self.payload).digest()

    @property
    def first(self) -> Reception:
        return self.receptions[0]

    @property
    def best(self) -> Reception:
        """The reception with the best SNR, then RSSI."""
        return max(self.receptions, key=lambda reception: (reception.snr_db, reception.rssi_dbm))


class FrameClass(StrEnum):
    """What a transmission is to those before it."""

    NEW = "new"
    COPY = "copy"  # the same transmission, heard elsewhere or delivered again
    RETRANSMISSION = "retransmission"  # the same bytes on the air again


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """A registered device. EUIs are 8 bytes in the order people write them; keys 16 bytes or empty."""

    dev_eui: bytes
    name: str
    join_eui: bytes = NO_EUI
    app_key: bytes = b""
    application: str = "demo"
    codec: str = ""  # "" or "cayenne_lpp"
    skip_f_cnt_check: bool = False
    created_at_ms: int = 0
    join_nonce: int = 0  # the last one given out
    tags: dict[str, str] = {}


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A LoRaWAN 1.0.x session. `f_cnt_up` is the next expected, `f_cnt_down` the next to use.

    Bit i of `seen_mask` tells that counter f_cnt_up-1-i has been accepted: a frame that a hotspot held back
    (its router was away) is still taken once when later ones have arrived before it.
    """

    session_id: int = 0
    dev_eui: bytes
    dev_addr: bytes  # 4 bytes, as people write it
    nwk_s_key: bytes
    app_s_key: bytes
    f_cnt_up: int = 0
    f_cnt_down: int = 0
    seen_mask: int = 0
    started_at_ms: int
    rx1_delay_s: int = 5
    is_pending: bool = False  # a join-accept was sent, no uplink under the new keys yet
    last_heard_at_ms: int = 0


class QueueItem(msgspec.Struct, frozen=True, kw_only=True):
    """A downlink that an application wants sent."""

    item_id: str
    dev_eui: bytes
    confirmed: bool
    f_port: int
    data: bytes
    expires_at_ms: int = 0  # 0: never
    state: str = "queued"  # queued | in_flight | awaiting_ack
    f_cnt_down: int = 0  # of the last attempt
    downlink_id: int = 0
    attempts: int = 0


class TransmitWindow(msgspec.Struct, frozen=True, kw_only=True):
    """When and how a hotspot may send: `tick` in its concentrator's counter, power as EIRP in dBm."""

    tick: int
    delay_s: int
    frequency_hz: int
    data_rate: str
    spreading_factor: int
    bandwidth_hz: int
    power_dbm: int


class HotspotPlace(msgspec.Struct, frozen=True):
    """What is public about a hotspot: addresses, name, and the centre of its resolution-8 cell if it
    has asserted one.
    """

    address: str
    name: str
    gateway_eui: bytes
    latitude: float | None = None
    longitude: float | None = None


class Downlink(msgspec.Struct, frozen=True, kw_only=True):
    """A frame ready to be sent by one concentrator in one of two windows."""

    downlink_id: int = 0
    dev_eui: bytes
    hotspot: bytes
    gateway_eui: bytes
    region: str
    payload: bytes
    rx1: TransmitWindow | None
    rx2: TransmitWindow | None
    f_cnt_down: int = 0
    queue_item_id: str = ""
    kind: str = "data"  # data | mac | join


def compute_deduplication_id(dev_eui: bytes, started_at_ms: int, f_cnt: int, payload: bytes) -> str:
    """The id shared by all events of one uplink: the same (device, session, counter, frame) has always
    the same.
    """
    digest = hashlib.sha256(payload).hexdigest()
    return str(uuid.uuid5(NAMESPACE, f"{dev_eui.hex()}/{started_at_ms}/{f_cnt}/{digest}"))


def compute_stable_id(kind: str, name: str) -> str:
    """A uuid for a named thing (tenant, application, device profile) that never changes."""
    return str(uuid.uuid5(NAMESPACE, f"{kind}:{name}"))
