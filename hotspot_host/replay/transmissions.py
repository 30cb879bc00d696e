"""What a replay sends: for each datagram the gateway, the JSON and when it was heard."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from hotspot_host.forwarder.uplink_filter import Dropped, judge
from hotspot_host.gwmp.server import read_rxpk
from router.lorawan.gwmp import Rxpk


@dataclass(frozen=True)
class Push:
    """One PUSH_DATA. ``heard_at_s``: seconds since the recording's first, for pacing; ``rxpks`` are what
    ``body`` (JSON) holds. Pushes with one ``group`` are copies of one transmission and go out back to
    back.
    """

    gateway_eui: bytes
    body: bytes
    rxpks: tuple[Rxpk, ...]
    heard_at_s: float
    group: int


def count_expected_drops(push: Push) -> list[str]:
    """Reasons why a hotspot will drop packets of this push, by its own rule."""
    reasons = []
    for rxpk in push.rxpks:
        reception = read_rxpk(push.gateway_eui, rxpk, 0)
        verdict = Dropped("not_lora", "") if reception is None else judge(reception)
        if isinstance(verdict, Dropped):
            reasons.append(verdict.reason)
    return reasons


_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?(Z|[+-]\d\d:\d\d)?", re.ASCII)


def parse_time(text: object) -> datetime | None:
    """An RFC 3339 time of any precision, UTC where it names no zone; None where it is none."""
    match = _TIME.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return None
    seconds, fraction, zone = match[1], (match[2] or "0").ljust(6, "0")[:6], match[3] or "Z"
    try:
        return datetime.fromisoformat(f"{seconds}.{fraction}{'+00:00' if zone == 'Z' else zone}")
    except ValueError:
        return None
