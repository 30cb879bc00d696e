"""Payment: HXT from one account to up to `max_payees` others.

Each payee is named once and isn't the payer, so that the sum is what it looks like; nobody is paid nothing.
Paying an account makes it exist. Precedent: payment_v2 (blockchain_txn_payment_v2.erl:334-355,511-527).
"""

from __future__ import annotations

from chain.ledger.accepted_key import check_key
from chain.ledger.balances import InsufficientFunds, credit_hxt, debit_hxt
from chain.ledger.context import BlockContext
from chain.ledger.events import Event
from chain.ledger.state import State
from chain.transactions.reasons import InvalidTransaction, Reason
from chain.transactions.types import Payment


def process_payment(state: State, body: Payment, context: BlockContext) -> list[Event]:
    """Move the amounts. Raises InvalidTransaction."""
    if not body.payees:
        raise InvalidTransaction(Reason.NO_PAYEES, "a payment needs at least one payee")
    if len(body.payees) > context.parameters.max_payees:
        raise InvalidTransaction(
            Reason.TOO_MANY_PAYEES, f"{len(body.payees)} payees: at most {context.parameters.max_payees}"
        )
    accounts = {payee.account for payee in body.payees}
    if len(accounts) != len(body.payees):
        raise InvalidTransaction(Reason.DUPLICATE_PAYEE, "a payee is named twice: add the amounts up")
    if body.payer in accounts:
        raise InvalidTransaction(Reason.PAYS_ITSELF, "the payer is among the payees")
    for payee in body.payees:
        check_key(payee.account, context)
        if payee.hxt == 0:
            raise InvalidTransaction(Reason.ZERO_AMOUNT, "a payee is paid 0 HXT")
    events = []
    for payee in body.payees:
        try:
            debit_hxt(state, body.payer, payee.hxt)
        except InsufficientFunds as error:
            raise InvalidTransaction(Reason.INSUFFICIENT_HXT, str(error)) from error
        credit_hxt(state, payee.account, payee.hxt)
        events.append(
            Event(
                "payment",
                {"payer": body.payer, "payee": payee.account, "hxt": payee.hxt, "memo": body.memo},
            )
        )
    return events
