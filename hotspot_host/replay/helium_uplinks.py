"""Records of Helium's Console: field testers' positions become observations, repeated frames are counted.

An observation is where a device with GPS was when a hotspot heard it. Records without a position from the
device's own payload (no fix yet, or a device without GPS) give none: where somebody says that a device is,
isn't a measurement. Source: CampusIoT datasets; positions there are rounded to geohash 6, about 600 m.
"""

from __future__ import annotations

import binascii
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hardware.lora.modulation import DataRate, parse_data_rate
from hotspot_host.replay.recordings import BadRecording, decode_object, iterate_lines
from hotspot_host.replay.repeats import FrameRecord


@dataclass
class HeliumRecords:
    """What was found; ``left_out`` says why records gave no observation."""

    observations: list[dict[str, Any]] = field(default_factory=list)
    frames: list[FrameRecord] = field(default_factory=list)
    records: int = 0
    left_out: Counter[str] = field(default_factory=Counter)


def read_records(paths: Iterable[Path]) -> HeliumRecords:
    """Read recordings. BadRecording names the line that can't be."""
    found = HeliumRecords()
    for path in paths:
        for number, line in iterate_lines(path):
            record = decode_object(path, number, line)
            found.records += 1
            try:
                _read_record(record, path.name.partition(".")[0], found)
            except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError, OSError) as error:
                raise BadRecording(f"{path}, line {number}: {type(error).__name__} {error}") from None
    return found


def _read_record(record: dict[str, Any], source: str, found: HeliumRecords) -> None:
    position = _get_position(record)
    raw_packet = record.get("raw_packet")
    for hotspot in record["hotspots"]:
        rate = parse_data_rate(hotspot["spreading"])
        frequency_hz = round(float(hotspot["frequency"]) * 10_000) * 100
        if raw_packet:
            found.frames.append(_read_frame(hotspot, binascii.a2b_base64(raw_packet), rate, frequency_hz))
        if position is None:
            found.left_out["no_position_from_the_device"] += 1
            continue
        heard_at_ms = int(hotspot["reported_at"]) - int(hotspot["hold_time"])
        observed_at = datetime.fromtimestamp(heard_at_ms / 1000, UTC).isoformat().replace("+00:00", "Z")
        found.observations.append(
            {
                "observed_at": observed_at,
                "latitude": position[0],
                "longitude": position[1],
                "hotspot": str(hotspot["id"]),
                "hotspot_latitude": float(hotspot["lat"]),
                "hotspot_longitude": float(hotspot["long"]),
                "rssi_dbm": round(hotspot["rssi"]),
                "snr_db": round(float(hotspot["snr"]), 1),
                "frequency_hz": frequency_hz,
                "spreading_factor": rate.spreading_factor,
                "source": source,
            }
        )


def _get_position(record: dict[str, Any]) -> tuple[float, float] | None:
    """Where the device's own payload says that it was."""
    payload = (record.get("decoded") or {}).get("payload") or {}
    latitude, longitude = payload.get("latitude"), payload.get("longitude")
    if not isinstance(latitude, int | float) or not isinstance(longitude, int | float):
        return None
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180) or (latitude, longitude) == (0, 0):
        return None
    return float(latitude), float(longitude)


def _read_frame(
    hotspot: dict[str, Any], phy_payload: bytes, rate: DataRate, frequency_hz: int
) -> FrameRecord:
    return FrameRecord(
        phy_payload=phy_payload,
        hotspot=str(hotspot["id"]),
        frequency_hz=frequency_hz,
        data_rate=rate,
        rssi_dbm=float(hotspot["rssi"]),
        snr_db=float(hotspot["snr"]),
        reported_at_ms=int(hotspot["reported_at"]),
        hold_time_ms=int(hotspot["hold_time"]),
    )


def iterate_batches(observations: list[dict[str, Any]], size: int) -> Iterator[list[dict[str, Any]]]:
    """The observations in lists of at most ``size``."""
    for start in range(0, len(observations), size):
        yield observations[start : start + size]
