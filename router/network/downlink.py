"""What goes down after an uplink: which hotspot, which windows, which frame (ChirpStack: downlink/data.rs).

RX1 opens the session's delay after the end of the uplink, RX2 a second later; both are named in the counter
of the concentrator that is to send, modulo 2^32.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from hardware.lora.modulation import DataRate
from hardware.lora.regions import Region, get_region
from router.lorawan.data_crypto import SessionKeys, build_downlink
from router.lorawan.regional import RX2_AFTER_RX1_S, compute_rx1_data_rate
from router.lorawan.regional_payloads import get_max_frm_payload_bytes
from router.network.values import QueueItem, Reception, Session, Transmission, TransmitWindow

#: A host needs so long before the tick: its board must have the frame 40 to 50 ms ahead, the network takes
#: its part.
LEAD_TIME_MS = 400


class Windows(msgspec.Struct, frozen=True, kw_only=True):
    """Where to send and when; a window that cannot be met any more is None. `max_bytes` is N of the
    first one.
    """

    reception: Reception
    region: Region
    rx1: TransmitWindow | None
    rx2: TransmitWindow | None
    rx1_max_bytes: int
    rx2_max_bytes: int


def choose_windows(
    transmission: Transmission, *, rx1_delay_s: int, now_ms: int, is_connected: Callable[[Reception], bool]
) -> Windows | None:
    """The best reception (SNR, then RSSI) whose hotspot is connected and in time for a window; None if
    there is none.
    """
    by_signal = sorted(transmission.receptions, key=lambda r: (r.snr_db, r.rssi_dbm), reverse=True)
    for reception in by_signal:
        if not is_connected(reception):
            continue
        windows = compute_windows(reception, rx1_delay_s=rx1_delay_s, now_ms=now_ms)
        if windows is not None and (windows.rx1 or windows.rx2):
            return windows
    return None


def compute_windows(reception: Reception, *, rx1_delay_s: int, now_ms: int) -> Windows | None:
    """Both windows after an uplink, in the region that its frequency lies in; None for no LoRa or no
    known region.
    """
    try:
        region = get_region(reception.region)
        uplink = DataRate(reception.spreading_factor, reception.bandwidth_hz)
    except ValueError:
        return None
    age_ms = now_ms - (reception.arrived_at_ms - reception.hold_time_ms)
    rx1 = rx2 = None
    rx1_max_bytes = rx2_max_bytes = 0
    uplink_index = region.get_uplink_data_rate_index(uplink)
    if uplink_index is not None and age_ms + LEAD_TIME_MS <= rx1_delay_s * 1000:
        try:
            index = compute_rx1_data_rate(region, uplink_index, 0)
            frequency_hz = region.compute_rx1_frequency_hz(reception.frequency_hz)
            rx1 = make_window(region, reception, rx1_delay_s, frequency_hz, index)
            rx1_max_bytes = get_max_frm_payload_bytes(region, index)
        except (ValueError, KeyError):
            rx1 = None  # no RX1 frequency there, or FSK: RX2 is left
    rx2_delay_s = rx1_delay_s + RX2_AFTER_RX1_S
    if age_ms + LEAD_TIME_MS <= rx2_delay_s * 1000:
        rx2 = make_window(region, reception, rx2_delay_s, region.rx2_frequency_hz, region.rx2_data_rate_index)
        rx2_max_bytes = get_max_frm_payload_bytes(region, region.rx2_data_rate_index)
    return Windows(
        reception=reception,
        region=region,
        rx1=rx1,
        rx2=rx2,
        rx1_max_bytes=rx1_max_bytes,
        rx2_max_bytes=rx2_max_bytes,
    )


def make_window(
    region: Region, reception: Reception, delay_s: int, frequency_hz: int, index: int
) -> TransmitWindow:
    """A window `delay_s` after the end of `reception`; raises KeyError for a data rate that is not LoRa."""
    data_rate = region.downlink_data_rates[index]
    return TransmitWindow(
        tick=(reception.tick + delay_s * 1_000_000) & 0xFFFFFFFF,
        delay_s=delay_s,
        frequency_hz=frequency_hz,
        data_rate=str(data_rate),
        spreading_factor=data_rate.spreading_factor,
        bandwidth_hz=data_rate.bandwidth_hz,
        power_dbm=region.compute_downlink_eirp_dbm(frequency_hz),
    )


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to send: an item or none, items to give up with the reason, and whether more is waiting."""

    item: QueueItem | None
    expired: tuple[QueueItem, ...]
    too_long: tuple[QueueItem, ...]
    f_pending: bool
    is_needed: bool


def plan_downlink(
    items: list[QueueItem], windows: Windows, *, answers: bytes, must_answer: bool, now_ms: int
) -> Plan:
    """Choose the next item: the first queued one that has not expired and fits a window beside the MAC
    answers.
    """
    limit = max(windows.rx1_max_bytes, windows.rx2_max_bytes) - len(answers)
    waiting = [item for item in items if item.state == "queued"]
    expired = tuple(item for item in waiting if item.expires_at_ms and item.expires_at_ms <= now_ms)
    alive = [item for item in waiting if item not in expired]
    too_long = tuple(item for item in alive if len(item.data) > limit)
    fitting = [item for item in alive if item not in too_long]
    # One confirmed item is under way at a time: its acknowledgement must not be mistaken for another's.
    if any(item.state == "awaiting_ack" or (item.state == "in_flight" and item.confirmed) for item in items):
        fitting = [item for item in fitting if not item.confirmed]
    item = fitting[0] if fitting else None
    return Plan(
        item=item,
        expired=expired,
        too_long=too_long,
        f_pending=len(fitting) > 1,
        is_needed=item is not None or bool(answers) or must_answer,
    )


def fit_windows(windows: Windows, payload_bytes: int) -> tuple[TransmitWindow | None, TransmitWindow | None]:
    """The windows whose data rate carries so many bytes of FRMPayload and FOpts."""
    rx1 = windows.rx1 if payload_bytes <= windows.rx1_max_bytes else None
    rx2 = windows.rx2 if payload_bytes <= windows.rx2_max_bytes else None
    return rx1, rx2


def build_frame(
    session: Session, f_cnt_down: int, *, item: QueueItem | None, answers: bytes, ack: bool, f_pending: bool
) -> bytes:
    """The PHYPayload: MAC answers in FOpts, the item, ACK, FPending; the ADR bit is left to the time
    ADR is there.
    """
    return build_downlink(
        SessionKeys.from_1_0(session.nwk_s_key, session.app_s_key),
        dev_addr=session.dev_addr,
        f_cnt=f_cnt_down,
        is_confirmed=item is not None and item.confirmed,
        f_port=None if item is None else item.f_port,
        frm_payload=b"" if item is None else item.data,
        f_opts=answers,
        adr=False,
        ack=ack,
        f_pending=f_pending,
    )
