"""Verdicts as events: what the explorer, the API and the hotspot's owner read.

Every rejected report is in one, with its reason, what was measured and where the limit was; every accepted
one with what was ordered, when it was claimed and when told, so that a reader can judge it again.
"""

from typing import Any

import msgspec

from chain.blocks.reports import BEACON, CLAIM, ReceivedReport
from chain.coverage.challenges import Challenge
from chain.coverage.checks.outcome import Verdict
from chain.coverage.reasons import Reason
from chain.coverage.reports import BeaconReport, WitnessReport
from chain.coverage.tables import StoredReport
from chain.ledger.events import Event

KINDS = {BEACON: "beacon_verdict", CLAIM: "claim_verdict"}


class BeaconTally(msgspec.Struct, frozen=True):
    """What an accepted beacon came to."""

    witnesses: int = 0
    """Valid ones."""
    selected: int = 0
    """Rewarded ones."""
    units: int = 0
    """Reward units x 10^4."""


def _build_verdict_fields(verdict: Verdict) -> dict[str, Any]:
    fields = {
        "ok": verdict.ok,
        "reason": verdict.reason.label,
        "reason_code": int(verdict.reason),
        "measured": verdict.measured,
        "limit": verdict.limit,
    }
    return fields | {"evidence": verdict.evidence} if verdict.evidence else fields


def _build_arrival_fields(stored: StoredReport) -> dict[str, Any]:
    """``received_at_ms`` is what the rules went by; ``told_at_ms`` when the report itself came."""
    return {
        "received_at_ms": stored.arrived_at_ms,
        "told_at_ms": stored.received_at_ms,
        "claimed": stored.is_claimed,
    }


def build_refusal_event(received: ReceivedReport, hotspot: bytes, round: int, verdict: Verdict) -> Event:
    """The verdict on a claim or report that wasn't stored. ``hotspot`` is who it claims to be from; it is
    empty where the bytes are no report, and unproved where the signature is what failed."""
    kind = KINDS.get(received.kind, "witness_verdict")
    fields = {
        "hotspot": hotspot,
        "round": round,
        "received_at_ms": received.received_at_ms,
        **_build_verdict_fields(verdict),
    }
    if kind == "witness_verdict":
        fields |= {"beaconer": b"", "selected": False, "units": 0}
    elif kind == "beacon_verdict":
        fields |= {"witnesses": 0, "selected": 0, "units": 0}
    return Event(kind, fields)


def build_unopened_event(hotspot: bytes, commitment: bytes, claimed_at_ms: int, round: int) -> Event:
    """A claim that nobody opened: public, and without consequence for others."""
    return Event(
        "claim_unopened",
        {
            "hotspot": hotspot,
            "round": round,
            "received_at_ms": claimed_at_ms,
            "commitment": commitment,
            **_build_verdict_fields(Verdict(Reason.CLAIM_UNOPENED)),
        },
    )


def build_beacon_event(
    report: BeaconReport,
    stored: StoredReport,
    challenge: Challenge | None,
    round: int,
    verdict: Verdict,
    tally: BeaconTally,
    is_weak: bool,
    is_ordered: bool,
) -> Event:
    """The verdict on a stored beacon report."""
    return Event(
        "beacon_verdict",
        {
            "hotspot": report.hotspot,
            "round": round,
            **_build_arrival_fields(stored),
            **_build_verdict_fields(verdict),
            "witnesses": tally.witnesses,
            "selected": tally.selected,
            "units": tally.units,
            "weak": is_weak,
            "ordered": is_ordered,
            "location": stored.location,
            "frequency_hz": report.frequency_hz,
            "spreading_factor": report.spreading_factor,
            "conducted_power_dbm": report.conducted_power_dbm,
            "ordered_power_dbm": challenge.conducted_power_dbm if challenge else 0,
            "slot_at_ms": challenge.at_ms if challenge and is_ordered else 0,
            "data": report.data,
        },
    )


def build_witness_event(
    report: WitnessReport,
    stored: StoredReport,
    challenge: Challenge | None,
    round: int,
    beaconer: bytes,
    verdict: Verdict,
    selection: Reason | None,
    units: int,
    is_weak: bool,
    distance_m: int,
) -> Event:
    """The verdict on a stored witness report. ``beaconer`` is empty where nobody reported such a beacon; a
    valid witness that isn't rewarded has the reason in ``unselected``. Distances are the smallest that the
    cells allow, 0 where there is no beaconer."""
    is_selected = selection is Reason.NONE
    unselected = "" if selection is None or is_selected else selection.label
    return Event(
        "witness_verdict",
        {
            "hotspot": report.hotspot,
            "beaconer": beaconer,
            "round": round,
            **_build_arrival_fields(stored),
            **_build_verdict_fields(verdict),
            "selected": is_selected,
            "unselected": unselected,
            "units": units,
            "weak": is_weak,
            "location": stored.location,
            "distance_m": distance_m,
            "signal_ddbm": report.signal_ddbm,
            "snr_ddb": report.snr_ddb,
            "frequency_hz": report.frequency_hz,
            "spreading_factor": report.spreading_factor,
            "ordered_power_dbm": challenge.conducted_power_dbm if challenge else 0,
            "data": report.data,
        },
    )
