"""Transactions: handing them in, what became of one, and those that blocks include."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any

from litestar import get, post
from litestar.datastructures import State as AppState
from litestar.params import JSONBody, QueryParameter

from chain import api
from chain.api_history import Page, TransactionRecord
from chain.index.find_history import find_transactions
from chain.index.rendering import get_kind_of
from chain.node.routes.asking import (
    PLACE,
    Address,
    BadRequest,
    Cursor,
    IdPath,
    Limit,
    NotThere,
    Number,
    get_node,
    make_index_page,
    parse_address,
    parse_id,
)
from chain.node.views import view_transaction
from chain.transactions.types import TransactionBody

#: All types, in the API's words.
KINDS: tuple[str, ...] = tuple(sorted(get_kind_of(body) for body in TransactionBody.__args__))


@post("/transactions", status_code=202, tags=["transactions"])
async def submit_transaction(state: AppState, data: JSONBody[api.SubmitRequest]) -> api.Submitted:
    """Hand in a signed transaction. The answer means that it is on disk and will be settled by a block."""
    try:
        raw = base64.b64decode(data.transaction, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadRequest("transaction is not base64") from error
    return api.Submitted(id=(await get_node(state).submit_transaction(raw)).hex())


@get("/transactions/{id:str}", tags=["transactions"])
async def get_transaction(state: AppState, id: IdPath) -> api.TransactionStatus:
    """What became of a transaction: it waits, a block includes it, or why it was rejected."""
    node, raw_id = get_node(state), parse_id(id)
    if node.mempool.has_transaction(raw_id):
        return api.TransactionStatus(id=id, status="pending")
    outcome = node.store.get_outcome(raw_id)
    if outcome is None:
        raise NotThere(f"no transaction {id}")
    return api.TransactionStatus(
        id=id,
        status="included" if outcome.included else "rejected",
        height=outcome.height,
        code=outcome.code,
        reason=outcome.reason,
    )


@get("/transactions", tags=["transactions"])
async def get_transactions(
    state: AppState,
    account: Address = None,
    role: Annotated[
        str | None,
        QueryParameter(
            description="As what the account is named: payer, owner, hotspot, account (a payee), ..."
        ),
    ] = None,
    hotspot: Address = None,
    type: Annotated[str | None, QueryParameter(description=f"One of {', '.join(KINDS)}.")] = None,
    height: Number = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[TransactionRecord]:
    """Transactions that blocks include, newest first: by a key that they name, by type, by block."""
    if type is not None and type not in KINDS:
        raise BadRequest(f"no transaction type {type[:40]!r}: write one of {', '.join(KINDS)}")
    if account is not None and hotspot is not None:
        raise BadRequest("ask for an account or for a hotspot, not for both at once")
    if role is not None and account is None:
        raise BadRequest("a role needs an account: /v1/transactions?account=ADDRESS&role=payer")
    if hotspot is not None:
        account, role = hotspot, "hotspot"
    address = parse_address(account)
    return await make_index_page(
        state,
        "transactions",
        {"address": address, "role": role, "type": type, "height": height},
        PLACE,
        cursor,
        lambda connection, after: find_transactions(connection, after, limit, address, role, type, height),
        view_transaction,
    )


TRANSACTION_ROUTES: list[Any] = [submit_transaction, get_transaction, get_transactions]
