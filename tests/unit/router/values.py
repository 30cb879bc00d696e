"""Receptions and transmissions for tests of the rules."""

from typing import Any

from router.network.values import Reception, Transmission


def make_reception(hotspot: int = 1, **fields: Any) -> Reception:
    defaults: dict[str, Any] = {
        "hotspot": bytes([hotspot]) * 33,
        "packet_hash": bytes([hotspot]) * 32,
        "tick": 1_000_000,
        "frequency_hz": 868_100_000,
        "data_rate": "SF7BW125",
        "spreading_factor": 7,
        "bandwidth_hz": 125_000,
        "rssi_dbm": -80,
        "snr_db": 5.0,
        "region": "EU868",
        "received_at_ms": 1_000_000,
        "arrived_at_ms": 1_000_050,
    }
    return Reception(**{**defaults, **fields})


def make_transmission(*receptions: Reception, payload: bytes = b"\x40payload") -> Transmission:
    return Transmission(payload=payload, receptions=receptions or (make_reception(),))
