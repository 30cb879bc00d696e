"""What a proof comes to before anything is taken: who did what; and the checks that all kinds share."""

from __future__ import annotations

import msgspec

from chain.ledger.context import BlockContext
from chain.ledger.past_rounds import PastRound, find_past_round
from chain.ledger.state import State
from chain.transactions.reasons import InvalidTransaction, Reason


class ProvenFault(msgspec.Struct, frozen=True):
    """A fault that signatures prove."""

    kind: str
    fault_id: bytes
    """The same for every proof of it (`chain/ledger/faults.py`)."""
    culprit: bytes
    """The key that signed, which may have been replaced since."""


def check_is_fault(is_fault: bool, needs: str) -> None:
    """Raises InvalidTransaction (no_fault)."""
    if not is_fault:
        raise InvalidTransaction(Reason.NO_FAULT, f"these signatures prove no fault: {needs}")


def check_round(state: State, entropy: bytes, context: BlockContext) -> PastRound:
    """The round of this entropy. Raises InvalidTransaction (evidence_too_old)."""
    epochs = context.parameters.evidence_epochs
    round = find_past_round(state, entropy, context.epoch, epochs)
    if round is None:
        raise InvalidTransaction(
            Reason.EVIDENCE_TOO_OLD,
            f"no round of this chain in this epoch or the {epochs} before it had this entropy: the proof "
            "comes too late, or belongs to another network",
        )
    return round
