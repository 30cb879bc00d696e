"""What a block has room for, by class, so that nothing starves anything.

A block's bytes are divided in fixed parts: reports, ordinary transactions, governance. Reports come from
every hotspot every round and would fill any block; ordinary transactions can be bought; prices, parameters,
upgrades and evidence must get through when all else is jammed. No class may use another's part, also where
that is empty: a limit that depends on what else is in the block is one more thing to play with.

    bytes of a block = reports (block_report_share_ppm) + transactions
    transactions     = governance (block_governance_share_ppm of it) + ordinary

Rounding: the shares of reports and governance are rounded down, the remainder is the other part's.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from chain.ledger.parameters import PPM, Parameters
from chain.transactions.types import (
    AuditorSet,
    ChannelDispute,
    ExclusionSet,
    FaultEvidence,
    GovernanceChange,
    ParameterChange,
    PriceReport,
    ProducerRotate,
    RuleUpgrade,
    TransactionBody,
)


class TransactionClass(StrEnum):
    """Which part of a block a transaction takes room from."""

    ORDINARY = "ordinary"
    GOVERNANCE = "governance"


class Room(msgspec.Struct):
    """What is left of one class's part."""

    bytes: int
    items: int

    def has(self, size: int) -> bool:
        """Whether one more of `size` bytes fits."""
        return self.items > 0 and self.bytes >= size

    def take(self, size: int) -> None:
        """Use room for one of `size` bytes."""
        self.bytes -= size
        self.items -= 1


#: Bodies of the class governance; all others are ordinary.
_GOVERNANCE: tuple[type[Any], ...] = (
    PriceReport,
    ParameterChange,
    RuleUpgrade,
    GovernanceChange,
    ProducerRotate,
    ExclusionSet,
    AuditorSet,
    FaultEvidence,
    ChannelDispute,
)


def get_class(body: TransactionBody) -> TransactionClass:
    """Return the class of a transaction: by what it does alone, never by who sends it."""
    return TransactionClass.GOVERNANCE if isinstance(body, _GOVERNANCE) else TransactionClass.ORDINARY


def compute_report_room(parameters: Parameters) -> Room:
    """Room for reports in one block."""
    return Room(_compute_report_bytes(parameters), parameters.max_block_reports)


def compute_transaction_rooms(parameters: Parameters) -> dict[TransactionClass, Room]:
    """Room for transactions in one block, by class."""
    all_bytes = parameters.max_block_bytes - _compute_report_bytes(parameters)
    governance_bytes = all_bytes * parameters.block_governance_share_ppm // PPM
    return {
        TransactionClass.ORDINARY: Room(all_bytes - governance_bytes, parameters.max_block_transactions),
        TransactionClass.GOVERNANCE: Room(governance_bytes, parameters.max_block_governance_transactions),
    }


def _compute_report_bytes(parameters: Parameters) -> int:
    return parameters.max_block_bytes * parameters.block_report_share_ppm // PPM
