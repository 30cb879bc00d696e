"""One claim or report of a block: stored until the round closes, or refused with a verdict that says why.

The arrival time's signature is the block's business; the report's own is checked here.
"""

from chain.blocks.reports import BEACON, CLAIM, ReceivedReport
from chain.coverage.beacon import STOCK_LOCAL_ENTROPY_BYTES
from chain.coverage.checks.intake import CLAIM_RULES, INTAKE_RULES, IntakeEvidence
from chain.coverage.checks.outcome import Verdict, compute_verdict
from chain.coverage.claims import get_commitment, parse_claim
from chain.coverage.parameters import CoverageParameters
from chain.coverage.reasons import Reason
from chain.coverage.reports import (
    BeaconReport,
    MalformedReport,
    ReportEnvelope,
    WitnessReport,
    decode_report,
    parse_beacon_report,
    parse_witness_report,
)
from chain.coverage.tables import (
    BEACON_REPORTS,
    CLAIMS,
    REPORT_COUNTS,
    UNSOLICITED,
    WITNESS_REPORTS,
    OpenRound,
    ReportCount,
    StoredClaim,
    StoredReport,
    get_open_round,
)
from chain.coverage.verdict_events import build_refusal_event
from chain.ledger.context import BlockContext
from chain.ledger.events import Event
from chain.ledger.state import State
from chain.ledger.tables import EXCLUSIONS, HOTSPOTS, ONLY, Hotspot

#: Refused for room or repetition: it was signed and costs its sender's share.
COUNTED = (Reason.NONE, Reason.DUPLICATE)
#: The claim has been opened, whatever came of it.
OPENED = (Reason.NONE, Reason.DUPLICATE, Reason.TOO_MANY_REPORTS)


def is_unsolicited(report: BeaconReport, envelope: ReportEnvelope, parameters: CoverageParameters) -> bool:
    """Whether a beacon report is one of a deployed gateway, which knows neither orders nor claims: by its 4
    bytes of local entropy."""
    return (
        parameters.accept_unsolicited_beacons
        and not envelope.nonce
        and len(report.local_entropy) == STOCK_LOCAL_ENTROPY_BYTES
    )


def process_report(state: State, context: BlockContext, received: ReceivedReport) -> list[Event]:
    """Takes one claim or report in. Returns the refusal, if any."""
    opened = get_open_round(state)
    if opened is None:
        return []
    try:
        envelope = decode_report(received.report_bytes)
        if received.kind == CLAIM:
            return _take_claim(state, context, opened, received, envelope)
        return _take_report(state, context, opened, received, envelope)
    except MalformedReport:
        return [build_refusal_event(received, b"", opened.round, Verdict(Reason.MALFORMED))]


def _take_claim(
    state: State, context: BlockContext, opened: OpenRound, received: ReceivedReport, envelope: ReportEnvelope
) -> list[Event]:
    claim = parse_claim(envelope.report)
    if envelope.nonce:
        raise MalformedReport("a claim comes without its nonce")
    key = claim.hotspot + claim.commitment
    own, everybody = _get_counts(state, claim.hotspot)
    evidence = _build_evidence(
        state,
        context,
        opened,
        received,
        envelope,
        claim.hotspot,
        opened.opened_at_ms,
        reports_of_hotspot=own.claims,
        reports_of_round=everybody.claims,
        is_repeated=state.get(CLAIMS, key) is not None,
        claimed_at_ms=None,
    )
    verdict = compute_verdict(CLAIM_RULES, evidence)
    if verdict.reason in COUNTED:
        state.put(REPORT_COUNTS, claim.hotspot, ReportCount(own.reports, own.claims + 1))
        state.put(REPORT_COUNTS, ONLY, ReportCount(everybody.reports, everybody.claims + 1))
    if not verdict.ok:
        return [build_refusal_event(received, claim.hotspot, opened.round, verdict)]
    state.put(CLAIMS, key, StoredClaim(received.received_at_ms, is_opened=False))
    return []


def _take_report(
    state: State, context: BlockContext, opened: OpenRound, received: ReceivedReport, envelope: ReportEnvelope
) -> list[Event]:
    parameters = context.parameters.coverage
    report: BeaconReport | WitnessReport
    earliest_ms = opened.opened_at_ms
    if received.kind == BEACON:
        report = parse_beacon_report(envelope.report)
        table, key = BEACON_REPORTS, report.hotspot
        if is_unsolicited(report, envelope, parameters):
            key += UNSOLICITED
            # These don't belong to a round: one that arrived just before this one counts in this.
            earliest_ms -= parameters.closing_margin_ms
    else:
        report = parse_witness_report(envelope.report)
        table, key = WITNESS_REPORTS, report.data + report.hotspot
        if parameters.accept_unsolicited_beacons and not envelope.nonce:
            earliest_ms -= parameters.closing_margin_ms
    commitment = get_commitment(envelope)
    claim_key = report.hotspot + commitment
    claim = state.get(CLAIMS, claim_key) if commitment else None
    hotspot = state.get(HOTSPOTS, report.hotspot)
    own, everybody = _get_counts(state, report.hotspot)
    evidence = _build_evidence(
        state,
        context,
        opened,
        received,
        envelope,
        report.hotspot,
        earliest_ms,
        reports_of_hotspot=own.reports,
        reports_of_round=everybody.reports,
        is_repeated=state.get(table, key) is not None,
        claimed_at_ms=claim.received_at_ms if claim else None,
    )
    verdict = compute_verdict(INTAKE_RULES, evidence)
    if verdict.reason in COUNTED:
        state.put(REPORT_COUNTS, report.hotspot, ReportCount(own.reports + 1, own.claims))
        state.put(REPORT_COUNTS, ONLY, ReportCount(everybody.reports + 1, everybody.claims))
    if claim and verdict.reason in OPENED:
        state.put(CLAIMS, claim_key, StoredClaim(claim.received_at_ms, is_opened=True))
    if not verdict.ok or hotspot is None:
        return [build_refusal_event(received, report.hotspot, opened.round, verdict)]
    state.put(
        table,
        key,
        StoredReport(
            report=envelope.report,
            received_at_ms=received.received_at_ms,
            location=hotspot.location,
            gain_ddbi=hotspot.gain_ddbi,
            claimed_at_ms=claim.received_at_ms if claim else 0,
        ),
    )
    return []


def _get_counts(state: State, hotspot: bytes) -> tuple[ReportCount, ReportCount]:
    """What this hotspot, and all together, have sent in the round."""
    own, everybody = state.get(REPORT_COUNTS, hotspot), state.get(REPORT_COUNTS, ONLY)
    return own or ReportCount(0), everybody or ReportCount(0)


def _build_evidence(
    state: State,
    context: BlockContext,
    opened: OpenRound,
    received: ReceivedReport,
    envelope: ReportEnvelope,
    key: bytes,
    earliest_ms: int,
    *,
    reports_of_hotspot: int,
    reports_of_round: int,
    is_repeated: bool,
    claimed_at_ms: int | None,
) -> IntakeEvidence:
    hotspot: Hotspot | None = state.get(HOTSPOTS, key)
    return IntakeEvidence(
        kind=received.kind,
        envelope=envelope,
        is_hotspot_known=hotspot is not None,
        capability=hotspot.capability if hotspot else 0,
        status=hotspot.status if hotspot else 0,
        location=hotspot.location if hotspot else 0,
        exclusion=state.get(EXCLUSIONS, key),
        epoch=context.epoch,
        received_at_ms=received.received_at_ms,
        opened_at_ms=earliest_ms,
        openings_from_ms=opened.openings_from_ms,
        closes_at_ms=opened.closes_at_ms,
        claimed_at_ms=claimed_at_ms,
        reports_of_hotspot=reports_of_hotspot,
        reports_of_round=reports_of_round,
        is_repeated=is_repeated,
        parameters=context.parameters.coverage,
    )
