"""Claim equivocation: one hotspot claimed two different measurements of one beacon.

A claim says "I have a report" before anybody's can be read (chain/coverage/claims.py). Whoever claims
several for one beacon and opens the one that fits best has told nothing. Both claims and both openings,
signed, are the proof; a claim that was never opened is no proof of anything.

**Why honest software never signs two.** A board hears a beacon once; the host writes one report of it down
before it sends anything, and until the round is over takes no second one of the same 51 bytes, whatever its
radio hears. What remains is somebody who transmits the beacon's bytes again, later, to make an honest
hotspot contradict itself: once the round is over the host has forgotten them and may report what it hears.
So both measurements must be dated, by the signer's own clock, within the beacon's round. A cheat can date
one of them elsewhere; it thereby says itself that it wasn't heard then. Stock gateways report each frame
that their radios give them, and know no claims: without two signed claims there is no fault.

The beacon's secret, public since the round's end, ties its 51 bytes to the round's entropy, and that to this
chain and to a time.
"""

from __future__ import annotations

from chain.coverage.beacon import compute_beacon_data, is_local_entropy_well_formed
from chain.coverage.claims import Claim, get_commitment
from chain.coverage.reports import ReportEnvelope, WitnessReport
from chain.faults.evidence import check_order, open_claim, open_witness_report, refuse
from chain.faults.proven_fault import ProvenFault, check_is_fault, check_round
from chain.ledger.context import BlockContext
from chain.ledger.faults import compute_fault_id
from chain.ledger.past_rounds import PastRound
from chain.ledger.state import State
from chain.transactions.types import ClaimEquivocation

KIND = "claim_equivocation"

NS_PER_MS = 1_000_000


def get_measurement(report: WitnessReport) -> tuple[int, ...]:
    """What a radio measures of a beacon."""
    return (
        report.signal_ddbm,
        report.snr_ddb,
        report.frequency_hz,
        report.spreading_factor,
        report.bandwidth_hz,
    )


def is_claim_equivocation(one: WitnessReport, other: WitnessReport) -> bool:
    """Whether two signed reports of one hotspot measure one beacon differently."""
    return (
        one.hotspot == other.hotspot
        and one.data == other.data
        and get_measurement(one) != get_measurement(other)
    )


def is_claimed(envelope: ReportEnvelope, report: WitnessReport, claim: Claim) -> bool:
    """Whether this signed claim of the report's hotspot opens to it."""
    return (
        bool(envelope.nonce)
        and claim.hotspot == report.hotspot
        and claim.commitment == get_commitment(envelope)
    )


def is_dated_within(report: WitnessReport, round: PastRound) -> bool:
    """Whether its own clock puts the report into the round, both ends included."""
    return round.opened_at_ms <= report.timestamp_ns // NS_PER_MS <= round.closes_at_ms


def prove_claim_equivocation(state: State, evidence: ClaimEquivocation, context: BlockContext) -> ProvenFault:
    """Raises InvalidTransaction (malformed_evidence, no_fault, evidence_too_old)."""
    check_order(evidence.one, evidence.other)
    one, one_envelope = open_witness_report(evidence.one)
    other, other_envelope = open_witness_report(evidence.other)
    one_claim, other_claim = open_claim(evidence.one_claim), open_claim(evidence.other_claim)
    if not is_local_entropy_well_formed(evidence.local_entropy):
        raise refuse(f"a beacon's secret has no {len(evidence.local_entropy)} bytes")
    check_is_fault(
        is_claim_equivocation(one, other),
        "the reports must be of one hotspot about one beacon, with different measurements",
    )
    check_is_fault(
        is_claimed(one_envelope, one, one_claim) and is_claimed(other_envelope, other, other_claim),
        "each report needs the claim that its nonce opens, signed by the same hotspot",
    )
    round = check_round(state, evidence.public_entropy, context)
    data = compute_beacon_data(evidence.public_entropy, round.timestamp_s, evidence.local_entropy)
    check_is_fault(one.data == data, "the beacon isn't made from this entropy and secret")
    check_is_fault(
        is_dated_within(one, round) and is_dated_within(other, round),
        "a report is dated outside of the beacon's round: bytes that are heard again later prove nothing",
    )
    return ProvenFault(KIND, compute_fault_id(KIND, one.hotspot, one.data), one.hotspot)
