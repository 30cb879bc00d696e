"""Beacon equivocation: one hotspot, one round, two secrets.

A beaconer's secret goes into the entropy of later rounds, and into its own beacon. Whoever may report one of
several can look at what each makes of the draw, and at which of them was heard best, before choosing. So a
round knows one secret of a hotspot, and a report of a second one, signed, is the proof. Precedent: a
proposer's two blocks of one slot (`is_slashable_attestation_data` and its kin in Ethereum's
consensus-specs).

**Why honest software never signs two.** The host writes down that it beacons in a round before it draws its
secret, durably (`hotspot_host/coverage/rounds.py`); after a restart it sits the round out. Two hosts that
run on one key do it, as two validators on one key would: one key, one host.

Stock gateways are out of it: they know no rounds, may begin anew after a restart within the same minute, and
their 4-byte secrets count for nothing that could be chosen. The entropy ties both reports to this chain and
to a round (`chain/ledger/past_rounds.py`): what a key signed for another network proves nothing here.
"""

from __future__ import annotations

from chain.coverage.beacon import MINIMUM_LOCAL_ENTROPY_BYTES
from chain.coverage.reports import BeaconReport
from chain.faults.evidence import check_order, open_beacon_report
from chain.faults.proven_fault import ProvenFault, check_is_fault, check_round
from chain.ledger.context import BlockContext
from chain.ledger.faults import compute_fault_id
from chain.ledger.state import State
from chain.transactions.types import BeaconEquivocation

KIND = "beacon_equivocation"


def is_beacon_equivocation(one: BeaconReport, other: BeaconReport) -> bool:
    """Whether two signed reports of one hotspot name one round's entropy and two secrets of ours (not a stock
    gateway's)."""
    return (
        one.hotspot == other.hotspot
        and one.public_entropy == other.public_entropy
        and one.local_entropy != other.local_entropy
        and min(len(one.local_entropy), len(other.local_entropy)) >= MINIMUM_LOCAL_ENTROPY_BYTES
    )


def prove_beacon_equivocation(
    state: State, evidence: BeaconEquivocation, context: BlockContext
) -> ProvenFault:
    """Raises InvalidTransaction (malformed_evidence, no_fault, evidence_too_old)."""
    check_order(evidence.one, evidence.other)
    one, other = open_beacon_report(evidence.one), open_beacon_report(evidence.other)
    check_is_fault(
        is_beacon_equivocation(one, other),
        "the reports must be of one hotspot and one round's entropy, with two secrets of 16 bytes or more",
    )
    check_round(state, one.public_entropy, context)
    fault_id = compute_fault_id(KIND, one.hotspot, one.public_entropy)
    return ProvenFault(KIND, fault_id, one.hotspot)
