"""Burn: HXT becomes data credits of the payee at the oracle price, rounded down.

The only way data credits come into the world. What the rounding leaves (less than one data credit's worth)
burns too; a burn too small for a single data credit is refused. Precedent: token_burn_v1 (which rounds up).
"""

from __future__ import annotations

from chain.ledger.accepted_key import check_key
from chain.ledger.amounts import compute_data_credits_for_hxt
from chain.ledger.balances import InsufficientFunds, burn_hxt, mint_data_credits
from chain.ledger.context import BlockContext
from chain.ledger.events import Event
from chain.ledger.state import State
from chain.transactions.reasons import InvalidTransaction, Reason
from chain.transactions.types import Burn


def process_burn(state: State, body: Burn, context: BlockContext) -> list[Event]:
    """Burn and mint. Raises InvalidTransaction."""
    check_key(body.payee, context)
    if body.hxt == 0:
        raise InvalidTransaction(Reason.ZERO_AMOUNT, "a burn of 0 HXT")
    data_credits = compute_data_credits_for_hxt(body.hxt, context.hxt_price)
    if data_credits == 0:
        raise InvalidTransaction(
            Reason.BURNS_TO_NOTHING, f"{body.hxt} base units of HXT are worth less than one data credit"
        )
    try:
        burn_hxt(state, body.payer, body.hxt)
    except InsufficientFunds as error:
        raise InvalidTransaction(Reason.INSUFFICIENT_HXT, str(error)) from error
    mint_data_credits(state, body.payee, data_credits, body.hxt)
    return [
        Event(
            "burn",
            {"payer": body.payer, "payee": body.payee, "hxt": body.hxt, "data_credits": data_credits},
        )
    ]
