"""What would come of a transaction now: the rules run on the state that the next block will most likely have,
and all is undone.

For wallets' dry runs: whoever signs sees the real costs and balances, and what is wrong before anything is
sent. A missing signature isn't an error here, so that a transaction can be tried before its keys are fetched;
one that is there must be right.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from chain import api
from chain.keys.address import encode_address
from chain.keys.public_key import PUBLIC_KEY_BYTES
from chain.ledger.context import BlockContext
from chain.ledger.events import Event, render_event_fields
from chain.ledger.process_transaction import process_transaction
from chain.ledger.state import State
from chain.ledger.tables import Account, get_account
from chain.transactions.encoding import compute_transaction_id, decode_transaction
from chain.transactions.fees import compute_required_fee
from chain.transactions.reasons import InvalidTransaction
from chain.transactions.signing import get_signers, verify_given_signatures
from chain.transactions.types import TransactionBody


class _Undo(Exception):
    """Ends a rehearsal: nothing of it stays."""


def rehearse(state: State, raw: bytes, context: BlockContext) -> api.TransactionCheck:
    """Try a transaction on `state`, which is the same afterwards.

    Raises InvalidTransaction only where the bytes are no transaction; what the rules say stands in the
    answer.
    """
    signed = decode_transaction(raw)
    body = signed.body
    signers = get_signers(body)
    answer = api.TransactionCheck(
        id=compute_transaction_id(context.chain_id, body).hex(),
        is_valid=False,
        missing_signatures=[
            encode_address(key) for key, given in zip(signers, signed.signatures, strict=False) if not given
        ],
        fee=body.fee,
        required_fee=compute_required_fee(body, context.parameters),
        hxt_price=context.hxt_price,
    )
    try:
        verify_given_signatures(context.chain_id, signed)
        events, after = _apply(state, body, context)
    except InvalidTransaction as error:
        return msgspec.structs.replace(answer, code=error.code, reason=error.message)
    before = {key: get_account(state, key) for key in after}
    return msgspec.structs.replace(
        answer,
        is_valid=True,
        fee_hxt=sum(event.fields["hxt"] for event in events if event.kind == "fee_paid"),
        accounts=[_view_change(key, before[key], after[key]) for key in after if before[key] != after[key]],
        events=[{"event": event.kind, **render_event_fields(event)} for event in events],
    )


def _apply(
    state: State, body: TransactionBody, context: BlockContext
) -> tuple[list[Event], dict[bytes, Account]]:
    events: list[Event] = []
    after: dict[bytes, Account] = {}
    try:
        with state.operation():
            events = process_transaction(state, body, context)
            involved = [*get_signers(body), *_iterate_keys([event.fields for event in events])]
            after = {key: get_account(state, key) for key in involved}
            raise _Undo
    except _Undo:
        return events, after


def _iterate_keys(value: Any) -> Iterator[bytes]:
    """All public keys within the fields of events (nothing else there is 33 bytes long)."""
    if isinstance(value, bytes):
        if len(value) == PUBLIC_KEY_BYTES:
            yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _iterate_keys(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _iterate_keys(item)


def _view_change(key: bytes, before: Account, after: Account) -> api.AccountChange:
    return api.AccountChange(
        address=encode_address(key),
        hxt_before=before.hxt,
        hxt_after=after.hxt,
        data_credits_before=before.data_credits,
        data_credits_after=after.data_credits,
    )
