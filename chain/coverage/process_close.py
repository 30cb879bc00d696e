"""The close of a round: every stored report gets its verdict, accepted ones their reward units.

Beacons first, in order of arrival; then for each accepted one its witnesses, the draw among the valid ones,
and the units. Weaker evidence (no claim, no order, a short secret) earns ``weak_evidence_ppm`` of them.

Unsolicited beacons don't keep to rounds. Those that arrive within ``closing_margin_ms`` of the round's end
wait for the next close, with their witnesses, so that a beacon and who heard it are judged together.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import msgspec

from chain.coverage.beacon import BEACON_DATA_BYTES
from chain.coverage.challenges import Challenge
from chain.coverage.checks.beacon import BEACON_RULES, BeaconEvidence
from chain.coverage.checks.distance import compute_smallest_distance_m
from chain.coverage.checks.evidence import WitnessEvidence
from chain.coverage.checks.outcome import Verdict, compute_verdict
from chain.coverage.checks.unsolicited import (
    NEVER,
    UNSOLICITED_RULES,
    UnsolicitedEvidence,
    compute_allowed_power_dbm,
    get_stock_beacon,
)
from chain.coverage.checks.witness import WITNESS_RULES
from chain.coverage.parameters import CoverageParameters
from chain.coverage.reasons import Reason
from chain.coverage.reports import (
    BeaconReport,
    WitnessReport,
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
    CLAIMS,
    CONTRIBUTION,
    LAST_BEACONS,
    OPEN_ROUND,
    RECENT_ENTROPY,
    REPORT_COUNTS,
    UNSOLICITED,
    WITNESS_REPORTS,
    WITNESS_TOTALS,
    Active,
    BeaconTotal,
    Contribution,
    LastBeacon,
    OpenRound,
    StoredReport,
    WitnessTotal,
    get_epoch_key,
    get_open_round,
    get_pair_key,
)
from chain.coverage.verdict_events import (
    BeaconTally,
    build_beacon_event,
    build_unopened_event,
    build_witness_event,
)
from chain.keys.public_key import PUBLIC_KEY_BYTES
from chain.ledger.audits import mark_met_by_edge
from chain.ledger.context import BlockContext
from chain.ledger.events import Event
from chain.ledger.state import State, Table
from chain.ledger.tables import EXCLUSIONS, ONLY
from chain.rewards.reward_units import compute_beacon_units, compute_witness_units

PPM = 1_000_000

#: A witness's report and its row.
Heard = tuple[WitnessReport, StoredReport]


class JudgedBeacon(msgspec.Struct, frozen=True):
    """A beacon's report with its verdict."""

    report: BeaconReport
    stored: StoredReport
    verdict: Verdict
    challenge: Challenge | None
    """Its order; for one that nobody ordered, what it can have been at most."""
    is_ordered: bool

    @property
    def is_weak(self) -> bool:
        return not (self.is_ordered and self.stored.is_claimed)


def process_round_close(state: State, context: BlockContext) -> list[Event]:
    """Closes the open round. Units are booked to ``context.epoch``. The round's rows are gone afterwards; its
    verdicts are events, its accepted secrets wait in ``CONTRIBUTION`` for the next entropy.
    """
    opened = get_open_round(state)
    if opened is None:
        return []
    parameters = context.parameters.coverage
    beacons = _judge_beacons(state, opened, parameters)
    # Only secrets that were claimed before any was told: nobody chose one of those by what it makes of the
    # draw.
    contribution = compute_entropy_contribution(
        (beacon.report.hotspot, beacon.report.local_entropy)
        for beacon in beacons
        if beacon.verdict.ok and beacon.stored.is_claimed
    )
    state.put(CONTRIBUTION, ONLY, Contribution(opened.round, contribution))

    heard = _collect_heard(state)
    events: list[Event] = []
    for beacon in beacons:
        if not beacon.verdict.ok or beacon.challenge is None:
            events.append(_build_beacon_event(opened, beacon, BeaconTally()))
            continue
        seed = compute_selection_seed(opened.entropy, contribution, beacon.report.data)
        witnesses = heard.pop(beacon.report.data, [])
        events += _close_beacon(state, context, opened, beacon, beacon.challenge, witnesses, seed)
    judged = {beacon.report.data: beacon.report.hotspot for beacon in beacons}
    events += _close_orphans(opened, parameters, heard, judged)
    events += _close_claims(state, opened)
    _clear_round(state, opened, parameters, set(judged))
    return events


def _collect_heard(state: State) -> dict[bytes, list[Heard]]:
    """Stored witness reports by the beacon's 51 bytes, in order of the witnesses' keys."""
    heard: dict[bytes, list[Heard]] = defaultdict(list)
    for key, stored in state.iterate(WITNESS_REPORTS):
        heard[key[:BEACON_DATA_BYTES]].append((parse_witness_report(stored.report), stored))
    return heard


def _is_carried(stored: StoredReport, opened: OpenRound, parameters: CoverageParameters) -> bool:
    """Whether a report without a claim came so late that what belongs to it may still be on its way."""
    return (
        parameters.accept_unsolicited_beacons
        and not stored.is_claimed
        and stored.received_at_ms > opened.closes_at_ms - parameters.closing_margin_ms
    )


def _close_orphans(
    opened: OpenRound,
    parameters: CoverageParameters,
    heard: dict[bytes, list[Heard]],
    judged: dict[bytes, bytes],
) -> list[Event]:
    """Verdicts on witnesses whose beacon nobody reported, or whose beacon was refused."""
    events = []
    for data in sorted(heard):
        for witness, stored in heard[data]:
            if data not in judged and _is_carried(stored, opened, parameters):
                continue
            reason = Reason.BEACON_INVALID if data in judged else Reason.BEACON_UNKNOWN
            beaconer = judged.get(data, b"")
            is_weak = not stored.is_claimed
            events.append(
                build_witness_event(
                    witness, stored, None, opened.round, beaconer, Verdict(reason), None, 0, is_weak, 0
                )
            )
    return events


def _close_claims(state: State, opened: OpenRound) -> list[Event]:
    return [
        build_unopened_event(
            key[:PUBLIC_KEY_BYTES], key[PUBLIC_KEY_BYTES:], claim.received_at_ms, opened.round
        )
        for key, claim in state.iterate(CLAIMS)
        if not claim.is_opened
    ]


def _clear_round(state: State, opened: OpenRound, parameters: CoverageParameters, judged: set[bytes]) -> None:
    """Deletes the round's rows, but for reports that wait for the next close."""
    for key, stored in state.iterate(BEACON_REPORTS):
        if not (key.endswith(UNSOLICITED, PUBLIC_KEY_BYTES) and _is_carried(stored, opened, parameters)):
            state.delete(BEACON_REPORTS, key)
    for key, stored in state.iterate(WITNESS_REPORTS):
        if key[:BEACON_DATA_BYTES] in judged or not _is_carried(stored, opened, parameters):
            state.delete(WITNESS_REPORTS, key)
    tables: tuple[Table[Any], ...] = (CLAIMS, REPORT_COUNTS, CHALLENGES, OPEN_ROUND)
    for table in tables:
        for key, _ in state.iterate(table):
            state.delete(table, key)


def _judge_beacons(state: State, opened: OpenRound, parameters: CoverageParameters) -> list[JudgedBeacon]:
    """Every stored beacon report with its verdict, in order of arrival."""
    reports = sorted(
        (
            (parse_beacon_report(stored.report), stored, len(key) > PUBLIC_KEY_BYTES)
            for key, stored in state.iterate(BEACON_REPORTS)
        ),
        key=lambda found: (found[1].arrived_at_ms, found[0].hotspot),
    )
    taken: set[bytes] = set()
    judged = []
    for report, stored, is_unsolicited in reports:
        if is_unsolicited:
            if _is_carried(stored, opened, parameters):
                continue
            beacon = _judge_unsolicited(state, parameters, report, stored, report.data in taken)
        else:
            challenge = state.get(CHALLENGES, report.hotspot)
            evidence = BeaconEvidence(
                report=report,
                received_at_ms=stored.arrived_at_ms,
                challenge=challenge,
                entropy=opened.entropy,
                timestamp_s=opened.timestamp_s,
                is_data_taken=report.data in taken,
                parameters=parameters,
            )
            verdict = compute_verdict(BEACON_RULES, evidence)
            beacon = JudgedBeacon(report, stored, verdict, challenge, True)
        if beacon.verdict.ok:
            taken.add(report.data)
        judged.append(beacon)
    return judged


def _judge_unsolicited(
    state: State,
    parameters: CoverageParameters,
    report: BeaconReport,
    stored: StoredReport,
    is_data_taken: bool,
) -> JudgedBeacon:
    """A beacon that nobody ordered; its time counts for the schedule whatever comes of it."""
    entropy = state.get(RECENT_ENTROPY, report.public_entropy)
    last = state.get(LAST_BEACONS, report.hotspot)
    evidence = UnsolicitedEvidence(
        report=report,
        received_at_ms=stored.received_at_ms,
        location=stored.location,
        gain_ddbi=stored.gain_ddbi,
        timestamp_s=entropy.timestamp_s if entropy else None,
        last_beacon_at_ms=last.at_ms if last else NEVER,
        is_data_taken=is_data_taken,
        parameters=parameters,
    )
    verdict = compute_verdict(UNSOLICITED_RULES, evidence)
    state.put(LAST_BEACONS, report.hotspot, LastBeacon(stored.received_at_ms))
    table = get_stock_beacon(stored.location, parameters)
    challenge = None
    if table is not None:
        challenge = Challenge(
            hotspot=report.hotspot,
            at_ms=stored.received_at_ms,
            frequency_hz=report.frequency_hz,
            spreading_factor=report.spreading_factor,
            bandwidth_hz=report.bandwidth_hz,
            conducted_power_dbm=compute_allowed_power_dbm(stored.gain_ddbi, table.max_eirp_ddbm),
            location=stored.location,
            gain_ddbi=stored.gain_ddbi,
        )
    return JudgedBeacon(report, stored, verdict, challenge, False)


def _build_beacon_event(opened: OpenRound, beacon: JudgedBeacon, tally: BeaconTally) -> Event:
    return build_beacon_event(
        beacon.report,
        beacon.stored,
        beacon.challenge,
        opened.round,
        beacon.verdict,
        tally,
        beacon.is_weak,
        beacon.is_ordered,
    )


def _compute_first_witness_ms(
    beacon: JudgedBeacon, challenge: Challenge, witnesses: Iterable[Heard], parameters: CoverageParameters
) -> int:
    """When the first witness's claim or report came that can start the clock for the others: not one's own,
    and none from before the beacon. The beaconer's own time where there is none."""
    earliest_ms = 0
    if beacon.is_ordered:
        earliest_ms = compute_slot_end_ms(challenge) - parameters.schedule_tolerance_ms
    arrivals_ms = (row.arrived_at_ms for witness, row in witnesses if witness.hotspot != challenge.hotspot)
    return min(
        (arrival_ms for arrival_ms in arrivals_ms if arrival_ms >= earliest_ms),
        default=beacon.stored.arrived_at_ms,
    )


def _close_beacon(
    state: State,
    context: BlockContext,
    opened: OpenRound,
    beacon: JudgedBeacon,
    challenge: Challenge,
    witnesses: list[Heard],
    seed: bytes,
) -> list[Event]:
    """Verdicts and reward units of one accepted beacon and of those who report to have heard it."""
    parameters = context.parameters.coverage
    first_witness_at_ms = _compute_first_witness_ms(beacon, challenge, witnesses, parameters)
    verdicts = [
        compute_verdict(
            WITNESS_RULES,
            WitnessEvidence(
                report=witness,
                received_at_ms=row.arrived_at_ms,
                location=row.location,
                gain_ddbi=row.gain_ddbi,
                beacon=beacon.report,
                beacon_received_at_ms=beacon.stored.arrived_at_ms,
                first_witness_at_ms=first_witness_at_ms,
                challenge=challenge,
                is_ordered=beacon.is_ordered,
                exclusion=state.get(EXCLUSIONS, get_pair_key(witness.hotspot, challenge.hotspot)),
                epoch=context.epoch,
                parameters=parameters,
            ),
        )
        for witness, row in witnesses
    ]
    valid = {
        witness.hotspot: row.location
        for (witness, row), verdict in zip(witnesses, verdicts, strict=True)
        if verdict.ok
    }
    selection = select_witnesses(seed, valid, parameters)
    selected = sum(reason is Reason.NONE for reason in selection.values())
    weak_ppm = parameters.weak_evidence_ppm
    beacon_units = compute_beacon_units(selected) * (weak_ppm if beacon.is_weak else PPM) // PPM

    epoch, hotspot = get_epoch_key(context.epoch), beacon.report.hotspot
    before = state.get(BEACON_TOTALS, epoch + hotspot) or BeaconTotal(0, 0, 0)
    state.put(
        BEACON_TOTALS,
        epoch + hotspot,
        BeaconTotal(before.units + beacon_units, before.beacons + 1, before.witnessed + bool(selected)),
    )
    if selected:
        _mark_active(state, epoch, hotspot, challenge.location)
    events = [_build_beacon_event(opened, beacon, BeaconTally(len(valid), selected, beacon_units))]
    for (witness, row), verdict in zip(witnesses, verdicts, strict=True):
        reason = selection.get(witness.hotspot) if verdict.ok else None
        is_weak = beacon.is_weak or not row.is_claimed
        units = 0
        if reason is Reason.NONE:
            units = compute_witness_units(selected) * (weak_ppm if is_weak else PPM) // PPM
            key = epoch + witness.hotspot + hotspot
            total = state.get(WITNESS_TOTALS, key) or WitnessTotal(0, 0)
            state.put(WITNESS_TOTALS, key, WitnessTotal(total.units + units, total.witnesses + 1))
            _mark_active(state, epoch, witness.hotspot, row.location)
            if not is_weak:  # what can be copied shows no meeting
                mark_met_by_edge(state, witness.hotspot, hotspot, context.epoch)
        distance_m = compute_smallest_distance_m(row.location, challenge.location)
        events.append(
            build_witness_event(
                witness, row, challenge, opened.round, hotspot, verdict, reason, units, is_weak, distance_m
            )
        )
    return events


def _mark_active(state: State, epoch: bytes, hotspot: bytes, location: int) -> None:
    if state.get(ACTIVE, epoch + hotspot) is None:
        state.put(ACTIVE, epoch + hotspot, Active(location))
