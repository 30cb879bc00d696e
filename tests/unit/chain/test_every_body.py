"""No body without its rule: what can be signed and sent can be applied."""

from __future__ import annotations

from typing import get_args

from chain.ledger.process_transaction import PROCESSES
from chain.transactions.types import ChannelOpen, TransactionBody


def test_every_body_has_a_rule() -> None:
    assert {*PROCESSES, ChannelOpen} == set(get_args(TransactionBody))
