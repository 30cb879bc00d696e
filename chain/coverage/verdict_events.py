"""Verdicts as events: what the explorer, the API and the hotspot's owner read.

Every rejected report is in one, with its reason, what was measured and where the limit was.
"""

from typing import Any

from chain.blocks.reports import BEACON, ReceivedReport
from chain.coverage.checks.outcome import Verdict
from chain.coverage.reports import BeaconReport, WitnessReport
from chain.coverage.tables import StoredReport
from chain.ledger.events import Event


def _build_verdict_fields(verdict: Verdict) -> dict[str, Any]:
    return {
        "ok": verdict.ok,
        "reason": verdict.reason.label,
        "reason_code": int(verdict.reason),
        "measured": verdict.measured,
        "limit": verdict.limit,
    }


def build_refusal_event(received: ReceivedReport, hotspot: bytes, round: int, verdict: Verdict) -> Event:
    """The verdict on a report that wasn't stored. ``hotspot`` is who the report claims to be from; it is
    empty where the bytes are no report, and unproved where the signature is what failed."""
    kind = "beacon_verdict" if received.kind == BEACON else "witness_verdict"
    fields = {
        "hotspot": hotspot,
        "round": round,
        "received_at_ms": received.received_at_ms,
        **_build_verdict_fields(verdict),
    }
    if kind == "witness_verdict":
        fields |= {"beaconer": b"", "selected": False, "units": 0}
    else:
        fields |= {"witnesses": 0, "selected": 0, "units": 0}
    return Event(kind, fields)


def build_beacon_event(
    report: BeaconReport,
    stored: StoredReport,
    round: int,
    verdict: Verdict,
    witnesses: int,
    selected: int,
    units: int,
) -> Event:
    """The verdict on a stored beacon report. ``witnesses`` counts the valid ones, ``selected`` the rewarded;
    ``units`` are reward units x 10^4."""
    return Event(
        "beacon_verdict",
        {
            "hotspot": report.hotspot,
            "round": round,
            "received_at_ms": stored.received_at_ms,
            **_build_verdict_fields(verdict),
            "witnesses": witnesses,
            "selected": selected,
            "units": units,
            "location": stored.location,
            "frequency_hz": report.frequency_hz,
            "spreading_factor": report.spreading_factor,
            "conducted_power_dbm": report.conducted_power_dbm,
            "data": report.data,
        },
    )


def build_witness_event(
    report: WitnessReport,
    stored: StoredReport,
    round: int,
    beaconer: bytes,
    verdict: Verdict,
    selected: bool,
    units: int,
    distance_m: int,
) -> Event:
    """The verdict on a stored witness report. ``beaconer`` is empty where nobody reported such a beacon; a
    valid witness that isn't ``selected`` was left out by the draw."""
    return Event(
        "witness_verdict",
        {
            "hotspot": report.hotspot,
            "beaconer": beaconer,
            "round": round,
            "received_at_ms": stored.received_at_ms,
            **_build_verdict_fields(verdict),
            "selected": selected,
            "units": units,
            "location": stored.location,
            "distance_m": distance_m,
            "signal_ddbm": report.signal_ddbm,
            "snr_ddb": report.snr_ddb,
            "frequency_hz": report.frequency_hz,
            "data": report.data,
        },
    )
