"""Approval: a decision about the network counts when enough of the keys that the state names have signed it.

The keys sign the transaction itself, all of them, so their signatures are checked like any signer's; here
only is counted. An approver that isn't named is refused instead of passed over: who lists a stranger has an
outdated list, or wants the decision to look better backed than it is. Keys come in ascending order, so that
each stands once and a decision has one form. Precedent: multi_keys and their threshold in Helium's vars_v1
(blockchain_txn_vars_v1.erl:247-345), which count whatever proofs verify.

A network whose genesis names no keys has nobody who could decide: its rules stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import msgspec

from chain.keys.public_key import PublicKey
from chain.ledger.state import State, Table
from chain.ledger.tables import ONLY
from chain.transactions.reasons import InvalidTransaction, Reason


class Governance(msgspec.Struct, frozen=True, array_like=True):
    """Who decides, and who says what HXT costs."""

    keys: tuple[bytes, ...] = ()
    """Named keys in ascending order."""
    threshold: int = 0
    """How many of them a decision needs."""
    price_reporters: tuple[bytes, ...] = ()
    """Keys in ascending order."""


GOVERNANCE = Table("governance", Governance)


def get_governance(state: State) -> Governance:
    """Return the named keys; nobody where the genesis names nobody."""
    return state.get(GOVERNANCE, ONLY) or Governance()


def put_governance(state: State, governance: Governance) -> None:
    """Write the named keys, which were checked."""
    state.put(GOVERNANCE, ONLY, governance)


def check_approved(state: State, approvers: Sequence[bytes]) -> None:
    """The keys that signed a decision must be enough of those that the state names.

    Raises InvalidTransaction (not_sorted, duplicate_key, not_approved).
    """
    check_ascending(approvers, "approvers")
    governance = get_governance(state)
    if not governance.keys:
        raise InvalidTransaction(
            Reason.NOT_APPROVED, "this network names no deciding keys: nothing of it can be changed"
        )
    for approver in approvers:
        if approver not in governance.keys:
            raise InvalidTransaction(
                Reason.NOT_APPROVED,
                f"{PublicKey.from_binary(approver).address} is none of the {len(governance.keys)} deciding "
                "keys: leave it out",
            )
    if len(approvers) < governance.threshold:
        raise InvalidTransaction(
            Reason.NOT_APPROVED,
            f"{len(approvers)} approvers: a decision needs {governance.threshold} of the "
            f"{len(governance.keys)} deciding keys",
        )


def check_ascending(keys: Sequence[bytes], what: str) -> None:
    """Keys stand in ascending order, each once. Raises InvalidTransaction (duplicate_key, not_sorted)."""
    for one, other in pairwise(keys):
        if one == other:
            raise InvalidTransaction(Reason.DUPLICATE_KEY, f"{what}: {one.hex()} stands twice")
        if one > other:
            raise InvalidTransaction(
                Reason.NOT_SORTED,
                f"{what} must be in ascending order of their bytes: move {one.hex()}",
            )
