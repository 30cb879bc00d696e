"""What a replay sends: for each datagram the gateway, the JSON and when it was heard."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

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


def parse_time(text: str | None) -> datetime | None:
    """An RFC 3339 time of any precision; None where it is none."""
    if not text:
        return None
    head, dot, fraction = text.rstrip("Z").partition(".")
    try:
        parsed = datetime.fromisoformat(f"{head}{dot}{fraction[:6].ljust(6, '0') if dot else ''}")
    except ValueError:
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
