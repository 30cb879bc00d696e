"""Repeated frames of a Helium recording, by class. Pure.

The Console gives a record for each purchased packet; a frame (the same PHYPayload, byte for byte) that comes
a second time is one of these:

- ``late_copy``: one transmission that another hotspot delivered again. Spreading factor and frequency (in
  steps of 100 kHz) are those of a record before it, and the reception, reckoned as ``reported_at -
  hold_time``, is nearer than 95 % of the shortest time after which the device may send again. A hotspot hears
  a transmission once, so a second record of one hotspot is a late copy only where RSSI and SNR are the same
  too. ``declared`` late copies say so by a hold time of at least a second.
- ``retransmission_other_frequency``: the frame on a frequency on which it hadn't been heard: the device has
  sent it again (confirmed uplinks hop to a random channel, LoRaWAN 1.0.4 section 18.4).
- ``retransmission_same_frequency``: sent again on a frequency used before, as every third is with three
  channels.
- ``stale``: the same bytes more than an hour after the first. Seven retransmissions end after 23 minutes.

The shortest time is 100 times the frame's time on air: at 1 % duty cycle a device is silent for 99 times as
long as it has sent. That is 197.4 s for the recording's 36 bytes at SF12; measured gaps between receptions
cluster at 197.5 s and, on one frequency, below 5 s, with little in between (hotspots that held a frame for a
minute).

What this can't tell: one hotspot of the recording declares 210 s whatever it really held. Its receptions are
reckoned too late, so a frame that it and another hotspot heard on one frequency may be counted as sent again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from hardware.lora.airtime import compute_time_on_air_us
from hardware.lora.modulation import DataRate

CLASSES = ("late_copy", "retransmission_other_frequency", "retransmission_same_frequency", "stale")

STALE_AFTER_MS = 3_600_000
DECLARED_HOLD_MS = 1000
CHANNEL_STEP_HZ = 100_000


@dataclass(frozen=True)
class FrameRecord:
    """One record: a frame as one hotspot delivered it."""

    phy_payload: bytes
    hotspot: str
    frequency_hz: int
    data_rate: DataRate
    rssi_dbm: float
    snr_db: float
    reported_at_ms: int
    hold_time_ms: int

    @property
    def channel(self) -> int:
        return round(self.frequency_hz / CHANNEL_STEP_HZ)

    @property
    def heard_at_ms(self) -> int:
        return self.reported_at_ms - self.hold_time_ms


@dataclass
class _Transmission:
    channel: int
    data_rate: DataRate
    records: list[FrameRecord] = field(default_factory=list)


@dataclass(frozen=True)
class RepeatCounts:
    """``frames`` distinct ones in ``records``; ``repeats`` (records - frames) by class."""

    records: int
    frames: int
    frames_repeated: int
    frames_through_several_hotspots: int
    classes: dict[str, int]
    late_copies_declared: int

    @property
    def repeats(self) -> int:
        return self.records - self.frames


def compute_resend_gap_ms(record: FrameRecord) -> int:
    """The shortest time from the start of a transmission to that of the next at 1 % duty cycle."""
    rate = record.data_rate
    return (
        compute_time_on_air_us(len(record.phy_payload), rate.spreading_factor, rate.bandwidth_hz)
        * 100
        // 1000
    )


def count_repeats(records: Iterable[FrameRecord]) -> RepeatCounts:
    """Class of each record but the first of a frame, in the order of the records."""
    frames: dict[bytes, list[_Transmission]] = {}
    hotspots: dict[bytes, set[str]] = {}
    times: Counter[bytes] = Counter()
    classes: Counter[str] = Counter()
    declared = total = 0
    for record in records:
        total += 1
        times[record.phy_payload] += 1
        hotspots.setdefault(record.phy_payload, set()).add(record.hotspot)
        known = frames.setdefault(record.phy_payload, [])
        if not known:
            known.append(_Transmission(record.channel, record.data_rate, [record]))
            continue
        kind = _classify(record, known)
        classes[kind] += 1
        declared += kind == "late_copy" and record.hold_time_ms >= DECLARED_HOLD_MS
    return RepeatCounts(
        records=total,
        frames=len(frames),
        frames_repeated=sum(count > 1 for count in times.values()),
        frames_through_several_hotspots=sum(len(names) > 1 for names in hotspots.values()),
        classes={name: classes[name] for name in CLASSES},
        late_copies_declared=declared,
    )


def _classify(record: FrameRecord, known: list[_Transmission]) -> str:
    """The class of a repeated record, which is added to its transmission or starts a new one."""
    if record.reported_at_ms - known[0].records[0].reported_at_ms > STALE_AFTER_MS:
        return "stale"
    same_channel = [
        sent for sent in known if sent.channel == record.channel and sent.data_rate == record.data_rate
    ]
    gap_ms = compute_resend_gap_ms(record) * 95 // 100
    for sent in same_channel:
        first = sent.records[0]
        if abs(record.heard_at_ms - first.heard_at_ms) >= gap_ms:
            continue
        by_same = [heard for heard in sent.records if heard.hotspot == record.hotspot]
        if all((heard.rssi_dbm, heard.snr_db) == (record.rssi_dbm, record.snr_db) for heard in by_same):
            sent.records.append(record)
            return "late_copy"
    known.append(_Transmission(record.channel, record.data_rate, [record]))
    return "retransmission_same_frequency" if same_channel else "retransmission_other_frequency"
