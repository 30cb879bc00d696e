"""Proven faults: what happened, once and for good, and how what is taken is divided.

A fault is known by what it is about: its kind, who did it and in which place (a channel and sequence, an
entropy round). The same one is punished once, whoever proves it again with other bytes.

The reporter's share is less than the whole, by the parameters' own check: whoever reports itself loses.
Precedent: The Graph pays a fisherman 50 %; HIP-56 burns all and lacks somebody who looks.
"""

from __future__ import annotations

from hashlib import sha256

import msgspec

from chain.ledger.balances import burn_locked_hxt, credit_hxt
from chain.ledger.parameters import PPM
from chain.ledger.state import State, Table
from chain.transactions.reasons import InvalidTransaction, Reason

_DOMAIN = b"hexhaul/fault/1\x00"


class Fault(msgspec.Struct, frozen=True, array_like=True):
    """One proven fault: key = `compute_fault_id`."""

    kind: str
    height: int
    """Block that took its proof."""
    reporter: bytes
    hxt_taken: int
    """Base units of bond and escrow that it cost."""


FAULTS = Table("fault", Fault)


def compute_fault_id(kind: str, subject: bytes, context: bytes) -> bytes:
    """Return the 32 bytes that one fault has, whichever bytes prove it.

    `subject` is the culprit's key, `context` the place in which it can commit this fault once only.
    """
    parts = (kind.encode("ascii"), subject, context)
    return sha256(_DOMAIN + b"".join(len(part).to_bytes(4, "big") + part for part in parts)).digest()


def check_fault_is_new(state: State, fault_id: bytes) -> None:
    """Raises InvalidTransaction (fault_known)."""
    known = state.get(FAULTS, fault_id)
    if known is not None:
        raise InvalidTransaction(
            Reason.FAULT_KNOWN, f"this {known.kind} was proven at height {known.height} already"
        )


def put_fault(state: State, fault_id: bytes, fault: Fault) -> None:
    """Write a fault down. Raises InvalidTransaction (fault_known)."""
    check_fault_is_new(state, fault_id)
    state.put(FAULTS, fault_id, fault)


def slash_locked_hxt(state: State, hxt: int, reporter: bytes, reporter_share_ppm: int) -> int:
    """Divide base units that the caller has taken out of a lock; returns the reporter's part.

    It is rounded down; all the rest burns.
    """
    reward = hxt * reporter_share_ppm // PPM
    credit_hxt(state, reporter, reward)
    burn_locked_hxt(state, hxt - reward)
    return reward
