"""Fault evidence: somebody proves by signatures that a key did what honest software never does.

Each kind says what proves it, why the honest can't meet it, and what ties it to this chain and to the last
`evidence_epochs` (`beacon_equivocation`, `claim_equivocation`, `header_equivocation`). A fault is punished
once, whoever proves it again and however; what is taken and where it goes is in `slash`. The proof needs
nobody's judgement: The Graph's disputes are decided by an arbitrator, with a deposit against false
accusations; here a false one is refused by every node and never stands in a block.

The hotspot is the one that the key stands for now: neither a new key nor a new owner leaves a fault behind.
"""

from __future__ import annotations

from chain.faults.beacon_equivocation import prove_beacon_equivocation
from chain.faults.claim_equivocation import prove_claim_equivocation
from chain.faults.header_equivocation import prove_header_equivocation
from chain.faults.proven_fault import ProvenFault
from chain.faults.slash import slash_hotspot, slash_producer
from chain.ledger.context import BlockContext
from chain.ledger.events import Event
from chain.ledger.faults import Fault, check_fault_is_new, put_fault
from chain.ledger.state import State
from chain.transactions.types import (
    BeaconEquivocation,
    ClaimEquivocation,
    FaultEvidence,
    HeaderEquivocation,
)


def process_fault_evidence(state: State, body: FaultEvidence, context: BlockContext) -> list[Event]:
    """Check the proof, take what is at stake, write the fault down. Raises InvalidTransaction."""
    fault = prove_fault(state, body.evidence, context)
    check_fault_is_new(state, fault.fault_id)
    slash = slash_producer if isinstance(body.evidence, HeaderEquivocation) else slash_hotspot
    taken, event = slash(state, fault.culprit, body.payer, fault.kind, context)
    put_fault(state, fault.fault_id, Fault(fault.kind, context.height, body.payer, taken))
    return [event]


def prove_fault(
    state: State,
    evidence: BeaconEquivocation | ClaimEquivocation | HeaderEquivocation,
    context: BlockContext,
) -> ProvenFault:
    """What it proves. Raises InvalidTransaction (malformed_evidence, no_fault, evidence_too_old)."""
    match evidence:
        case BeaconEquivocation():
            return prove_beacon_equivocation(state, evidence, context)
        case ClaimEquivocation():
            return prove_claim_equivocation(state, evidence, context)
        case HeaderEquivocation():
            return prove_header_equivocation(evidence, context)
