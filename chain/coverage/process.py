"""Proof-of-Coverage on the ledger: a round opens, takes reports in, and closes with verdicts.

    open_round            entropy and challenges of the new round
    process_report        one report of a block: refused with a verdict, or stored
    process_round_close   joins witnesses to beacons, gives every stored report its verdict, adds up units

Everything here follows from the state and the block, so any node that applies the blocks comes to the same
verdicts.
"""

from collections import defaultdict
from typing import Any

from chain.blocks.reports import BEACON, ReceivedReport
from chain.coverage.beacon import BEACON_DATA_BYTES
from chain.coverage.challenges import Challenge, PlacedHotspot, compute_challenges
from chain.coverage.checks.beacon import BEACON_RULES, BeaconEvidence
from chain.coverage.checks.distance import compute_smallest_distance_m
from chain.coverage.checks.evidence import WitnessEvidence
from chain.coverage.checks.intake import INTAKE_RULES, IntakeEvidence
from chain.coverage.checks.outcome import Verdict, compute_verdict
from chain.coverage.checks.witness import WITNESS_RULES
from chain.coverage.parameters import CoverageParameters
from chain.coverage.reasons import Reason
from chain.coverage.reports import (
    BeaconReport,
    MalformedReport,
    WitnessReport,
    decode_report,
    parse_beacon_report,
    parse_witness_report,
)
from chain.coverage.selection import (
    compute_entropy_contribution,
    compute_selection_seed,
    select_witnesses,
)
from chain.coverage.slots import compute_slot_end_ms
from chain.coverage.tables import (
    ACTIVE,
    BEACON_REPORTS,
    BEACON_TOTALS,
    CHALLENGES,
    CONTRIBUTION,
    OPEN_ROUND,
    REPORT_COUNTS,
    WITNESS_REPORTS,
    WITNESS_TOTALS,
    Active,
    BeaconTotal,
    Contribution,
    OpenRound,
    ReportCount,
    StoredReport,
    WitnessTotal,
    get_epoch_key,
    get_open_round,
)
from chain.coverage.verdict_events import build_beacon_event, build_refusal_event, build_witness_event
from chain.ledger.context import BlockContext
from chain.ledger.events import Event
from chain.ledger.state import State, Table
from chain.ledger.tables import HOTSPOTS, ONLY
from chain.rewards.reward_units import compute_beacon_units, compute_witness_units


def open_round(state: State, context: BlockContext) -> list[Event]:
    """Opens ``context.round`` with its entropy: stores it and the challenges that follow from it."""
    opened = OpenRound(
        round=context.round,
        entropy=context.entropy,
        timestamp_s=context.time_ms // 1000,
        opened_at_ms=context.time_ms,
        closes_at_ms=min(context.get_round_end_ms(), context.get_epoch_end_ms()),
    )
    state.put(OPEN_ROUND, ONLY, opened)
    for key, _ in state.iterate(CHALLENGES):
        state.delete(CHALLENGES, key)
    placed = [
        PlacedHotspot(key, hotspot.location, hotspot.gain_ddbi, hotspot.elevation_m)
        for key, hotspot in state.iterate(HOTSPOTS)
        if hotspot.location
    ]
    challenges = compute_challenges(
        context.entropy, placed, context.parameters.coverage, opened.opened_at_ms, opened.closes_at_ms
    )
    for challenge in challenges:
        state.put(CHALLENGES, challenge.hotspot, challenge)
    return [
        Event(
            "round_opened",
            {
                "round": opened.round,
                "entropy": opened.entropy,
                "opened_at_ms": opened.opened_at_ms,
                "closes_at_ms": opened.closes_at_ms,
                "challenges": len(challenges),
            },
        )
    ]


def process_report(state: State, context: BlockContext, received: ReceivedReport) -> list[Event]:
    """Takes one report in: stored until the round closes, or refused with a verdict that says why.

    The arrival time's signature is the block's business; the report's own is checked here.
    """
    opened = get_open_round(state)
    if opened is None:
        return []
    report: BeaconReport | WitnessReport
    try:
        envelope = decode_report(received.report_bytes)
        is_beacon = received.kind == BEACON
        report = parse_beacon_report(envelope.report) if is_beacon else parse_witness_report(envelope.report)
        hotspot = state.get(HOTSPOTS, report.hotspot)
        table, key = (
            (BEACON_REPORTS, report.hotspot) if is_beacon else (WITNESS_REPORTS, report.data + report.hotspot)
        )
        own, all_reports = state.get(REPORT_COUNTS, report.hotspot), state.get(REPORT_COUNTS, ONLY)
        evidence = IntakeEvidence(
            kind=received.kind,
            envelope=envelope,
            is_hotspot_known=hotspot is not None,
            location=hotspot.location if hotspot else 0,
            received_at_ms=received.received_at_ms,
            opened_at_ms=opened.opened_at_ms,
            closes_at_ms=opened.closes_at_ms,
            reports_of_hotspot=own.reports if own else 0,
            reports_of_round=all_reports.reports if all_reports else 0,
            is_repeated=state.get(table, key) is not None,
            parameters=context.parameters.coverage,
        )
        verdict = compute_verdict(INTAKE_RULES, evidence)
    except MalformedReport:
        return [build_refusal_event(received, b"", opened.round, Verdict(Reason.MALFORMED))]
    if verdict.ok or verdict.reason is Reason.DUPLICATE:
        state.put(REPORT_COUNTS, report.hotspot, ReportCount(evidence.reports_of_hotspot + 1))
        state.put(REPORT_COUNTS, ONLY, ReportCount(evidence.reports_of_round + 1))
    if not verdict.ok or hotspot is None:
        return [build_refusal_event(received, report.hotspot, opened.round, verdict)]
    state.put(
        table,
        key,
        StoredReport(envelope.report, received.received_at_ms, hotspot.location, hotspot.gain_ddbi),
    )
    return []


def process_round_close(state: State, context: BlockContext) -> list[Event]:
    """Closes the open round: every stored report gets its verdict, accepted ones their reward units.

    Units are booked to ``context.epoch``. The round's rows are gone afterwards; its verdicts are events, its
    accepted secrets wait in ``CONTRIBUTION`` for the next entropy.
    """
    opened = get_open_round(state)
    if opened is None:
        return []
    parameters = context.parameters.coverage
    beacons = _judge_beacons(state, opened, parameters)
    accepted = [(report, stored) for report, stored, verdict in beacons if verdict.ok]
    contribution = compute_entropy_contribution(
        (report.hotspot, report.local_entropy) for report, _ in accepted
    )
    state.put(CONTRIBUTION, ONLY, Contribution(opened.round, contribution))

    heard: dict[bytes, list[tuple[WitnessReport, StoredReport]]] = defaultdict(list)
    for key, stored in state.iterate(WITNESS_REPORTS):
        heard[key[:BEACON_DATA_BYTES]].append((parse_witness_report(stored.report), stored))

    events: list[Event] = []
    for report, stored, verdict in beacons:
        challenge = state.get(CHALLENGES, report.hotspot)
        if not verdict.ok or challenge is None:
            events.append(build_beacon_event(report, stored, opened.round, verdict, 0, 0, 0))
            continue
        witnesses = heard.pop(report.data, [])
        seed = compute_selection_seed(opened.entropy, contribution, report.data)
        events += _close_beacon(state, context, opened, report, stored, challenge, witnesses, seed)

    refused = {report.data: report.hotspot for report, _, verdict in beacons if not verdict.ok}
    for data in sorted(heard):
        reason = Reason.BEACON_INVALID if data in refused else Reason.BEACON_UNKNOWN
        for witness, stored in heard[data]:
            events.append(
                build_witness_event(
                    witness, stored, opened.round, refused.get(data, b""), Verdict(reason), False, 0, 0
                )
            )
    _clear_round(state)
    return events


def _clear_round(state: State) -> None:
    tables: tuple[Table[Any], ...] = (BEACON_REPORTS, WITNESS_REPORTS, REPORT_COUNTS, CHALLENGES, OPEN_ROUND)
    for table in tables:
        for key, _ in state.iterate(table):
            state.delete(table, key)


def _judge_beacons(
    state: State, opened: OpenRound, parameters: CoverageParameters
) -> list[tuple[BeaconReport, StoredReport, Verdict]]:
    """Every stored beacon report with its verdict, in order of arrival."""
    reports = sorted(
        ((parse_beacon_report(stored.report), stored) for _, stored in state.iterate(BEACON_REPORTS)),
        key=lambda pair: (pair[1].received_at_ms, pair[0].hotspot),
    )
    taken: set[bytes] = set()
    judged = []
    for report, stored in reports:
        evidence = BeaconEvidence(
            report=report,
            received_at_ms=stored.received_at_ms,
            challenge=state.get(CHALLENGES, report.hotspot),
            entropy=opened.entropy,
            timestamp_s=opened.timestamp_s,
            is_data_taken=report.data in taken,
            parameters=parameters,
        )
        verdict = compute_verdict(BEACON_RULES, evidence)
        if verdict.ok:
            taken.add(report.data)
        judged.append((report, stored, verdict))
    return judged


def _close_beacon(
    state: State,
    context: BlockContext,
    opened: OpenRound,
    beacon: BeaconReport,
    stored: StoredReport,
    challenge: Challenge,
    witnesses: list[tuple[WitnessReport, StoredReport]],
    seed: bytes,
) -> list[Event]:
    """Verdicts and reward units of one accepted beacon and of those who report to have heard it."""
    parameters = context.parameters.coverage
    # One's own report, or one from before the beacon, must not start the clock for the others.
    earliest_ms = compute_slot_end_ms(challenge) - parameters.schedule_tolerance_ms
    arrivals_ms = (row.received_at_ms for witness, row in witnesses if witness.hotspot != beacon.hotspot)
    first_witness_at_ms = min(
        (arrival_ms for arrival_ms in arrivals_ms if arrival_ms >= earliest_ms),
        default=stored.received_at_ms,
    )
    verdicts = []
    for witness, row in witnesses:
        evidence = WitnessEvidence(
            report=witness,
            received_at_ms=row.received_at_ms,
            location=row.location,
            gain_ddbi=row.gain_ddbi,
            beacon=beacon,
            beacon_received_at_ms=stored.received_at_ms,
            first_witness_at_ms=first_witness_at_ms,
            challenge=challenge,
            parameters=parameters,
        )
        verdicts.append(compute_verdict(WITNESS_RULES, evidence))
    valid = [witness.hotspot for (witness, _), verdict in zip(witnesses, verdicts, strict=True) if verdict.ok]
    selected = select_witnesses(seed, valid, parameters.maximum_witnesses)
    beacon_units = compute_beacon_units(len(selected))
    witness_units = compute_witness_units(len(selected))

    epoch = get_epoch_key(context.epoch)
    before = state.get(BEACON_TOTALS, epoch + beacon.hotspot) or BeaconTotal(0, 0, 0)
    state.put(
        BEACON_TOTALS,
        epoch + beacon.hotspot,
        BeaconTotal(before.units + beacon_units, before.beacons + 1, before.witnessed + bool(selected)),
    )
    if selected:
        _mark_active(state, epoch, beacon.hotspot, challenge.location)
    events = [
        build_beacon_event(
            beacon, stored, opened.round, Verdict(Reason.NONE), len(valid), len(selected), beacon_units
        )
    ]
    for (witness, row), verdict in zip(witnesses, verdicts, strict=True):
        is_selected = witness.hotspot in selected
        if is_selected:
            key = epoch + witness.hotspot + beacon.hotspot
            total = state.get(WITNESS_TOTALS, key) or WitnessTotal(0, 0)
            state.put(WITNESS_TOTALS, key, WitnessTotal(total.units + witness_units, total.witnesses + 1))
            _mark_active(state, epoch, witness.hotspot, row.location)
        distance_m = compute_smallest_distance_m(row.location, challenge.location)
        units = witness_units if is_selected else 0
        events.append(
            build_witness_event(
                witness, row, opened.round, beacon.hotspot, verdict, is_selected, units, distance_m
            )
        )
    return events


def _mark_active(state: State, epoch: bytes, hotspot: bytes, location: int) -> None:
    if state.get(ACTIVE, epoch + hotspot) is None:
        state.put(ACTIVE, epoch + hotspot, Active(location))
