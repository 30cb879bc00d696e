"""Accounts: balances, and what has happened to them."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import get, post
from litestar.datastructures import State as AppState
from litestar.params import JSONBody, QueryParameter

from chain import api
from chain.api_history import Page, RenderedEvent
from chain.index.find_history import find_events
from chain.ledger.tables import ACCOUNTS, get_account
from chain.node.faucet import Faucet
from chain.node.routes.asking import (
    PLACE,
    AddressPath,
    BadRequest,
    Cursor,
    Limit,
    NotThere,
    get_node,
    make_index_page,
    make_table_page,
    parse_key,
)
from chain.node.views import view_account


@get("/accounts", tags=["accounts"])
async def get_accounts(state: AppState, cursor: Cursor = None, limit: Limit = 100) -> Page[api.Account]:
    """All accounts that the ledger knows, by key."""
    mempool = get_node(state).mempool
    return await make_table_page(
        state,
        ACCOUNTS,
        {},
        cursor,
        limit,
        view=lambda _, key, row: view_account(key, row, mempool.get_next_nonce(key)),
    )


@get("/accounts/{address:str}", tags=["accounts"])
async def get_account_view(state: AppState, address: AddressPath) -> api.Account:
    """Balances and nonces of an account; one that nobody has paid yet is empty."""
    node, key = get_node(state), parse_key(address).binary
    return view_account(key, get_account(node.get_state(), key), node.mempool.get_next_nonce(key))


@get("/accounts/{address:str}/events", tags=["accounts"])
async def get_account_events(
    state: AppState,
    address: AddressPath,
    kind: Annotated[str | None, QueryParameter(description="Only of this kind, such as payment.")] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[RenderedEvent]:
    """Events that name this key, newest first; verdicts and rewards have lists of their own."""
    subject = parse_key(address).address
    return await make_index_page(
        state,
        "accounts/events",
        {"address": subject, "kind": kind},
        PLACE,
        cursor,
        lambda connection, after: find_events(connection, after, limit, subject, kind),
    )


@post("/faucet", status_code=202, tags=["accounts"])
async def ask_faucet(state: AppState, data: JSONBody[api.FaucetRequest]) -> api.FaucetAnswer:
    """First tokens for an account, on a test network."""
    faucet: Faucet | None = state.faucet
    if faucet is None:
        raise NotThere("this network has no faucet")
    node, key = get_node(state), parse_key(data.address)
    if key.network != node.chain.network:
        raise BadRequest(f"{data.address} is an address of another network")
    id = await faucet.pay(key)
    return api.FaucetAnswer(id=id.hex(), hxt=node.parameters.faucet_hxt)


ACCOUNT_ROUTES: list[Any] = [get_accounts, get_account_view, get_account_events, ask_faucet]
