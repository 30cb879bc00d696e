"""The HTTP API (Litestar): reads the last committed state, takes transactions in. OpenAPI (JSON) at /schema.

Errors are `{"error": {"code", "message"}}`: 400 for what can't be parsed, 404 for what isn't there, 422 for a
transaction that the rules refuse, 429 and 503 for try again later. Bodies over 64 KiB are refused.
"""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any, cast

from litestar import Litestar, Request, Response, Router, get, post
from litestar.config.cors import CORSConfig
from litestar.datastructures import State as AppState
from litestar.exceptions import HTTPException
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.params import Parameter

from chain import api
from chain.blocks.application import get_open_round
from chain.blocks.header import decode_block
from chain.coverage.tables import get_challenges
from chain.explorer.explorer import Explorer
from chain.explorer.routes import create_explorer_routes
from chain.keys.public_key import InvalidPublicKey, PublicKey
from chain.ledger.balances import get_supply
from chain.ledger.events import render_event
from chain.ledger.parameters import Parameters
from chain.ledger.tables import CHANNELS, DATA_CREDITS, HOTSPOTS, HXT, ROUTERS, get_account
from chain.node.faucet import Faucet, FaucetRefused
from chain.node.node import Node, NodeFailed, get_time_ms
from chain.node.proof_routes import get_proof_routes
from chain.node.transaction_routes import ONBOARDING_ROUTES, check_transaction
from chain.node.views import (
    view_block,
    view_channel,
    view_hotspot,
    view_network,
    view_round,
    view_route,
    view_supply,
)
from chain.transactions.reasons import InvalidTransaction, Reason

MAX_BODY_BYTES = 64 * 1024
MAX_LIMIT = 1_000

Limit = Annotated[int, Parameter(ge=1, le=MAX_LIMIT, description="At most so many.")]

_TRY_LATER = frozenset({Reason.MEMPOOL_FULL, Reason.ACCOUNT_LIMIT})


class NotThere(Exception):
    """What was asked for doesn't exist."""


class BadRequest(Exception):
    """A value that can't be parsed."""


def _node(state: AppState) -> Node:
    return cast(Node, state.node)


def _key(address: str) -> PublicKey:
    try:
        return PublicKey.from_address(address)
    except InvalidPublicKey as error:
        raise BadRequest(str(error)) from error


def _hash(text: str) -> bytes:
    try:
        raw = bytes.fromhex(text)
    except ValueError as error:
        raise BadRequest(f"{text!r} is not hex") from error
    if len(raw) != 32:
        raise BadRequest(f"id of {len(raw)} bytes: must be 32")
    return raw


@get("/status")
async def get_status(state: AppState) -> api.Status:
    """Where the chain is."""
    node = _node(state)
    head, ledger = node.get_head(), node.get_state()
    round = get_open_round(ledger)
    context = node.chain.get_context(ledger, head.height, head.time_ms, round)
    return api.Status(
        chain_id=node.chain.chain_id,
        height=head.height,
        block_hash=head.hash.hex(),
        block_time_ms=head.time_ms,
        state_root=head.state_root.hex(),
        round=round.round,
        round_ends_at_ms=context.get_round_end_ms(),
        epoch=round.epoch,
        epoch_ends_at_ms=context.get_epoch_end_ms(),
        time_ms=get_time_ms(),
        pending_transactions=node.mempool.transactions,
        pending_reports=node.mempool.reports,
        hotspots=sum(1 for _ in ledger.iterate(HOTSPOTS)),
        routers=sum(1 for _ in ledger.iterate(ROUTERS)),
        producer=node.chain.producer.address,
    )


@get("/network")
async def get_network(state: AppState) -> api.Network:
    """Which network this is."""
    node = _node(state)
    return view_network(node.chain, node.seeds)


@get("/parameters")
async def get_parameters(state: AppState) -> Parameters:
    """The network's parameters."""
    return _node(state).parameters


@get("/accounts/{address:str}")
async def get_account_view(state: AppState, address: str) -> api.Account:
    """Balances and nonces of an account."""
    node, key = _node(state), _key(address)
    account = get_account(node.get_state(), key.binary)
    return api.Account(
        address=key.address,
        hxt=account.hxt,
        data_credits=account.data_credits,
        nonce=account.nonce,
        next_nonce=node.mempool.get_next_nonce(key.binary),
    )


@post("/transactions", status_code=202)
async def submit_transaction(state: AppState, data: api.SubmitRequest) -> api.Submitted:
    """Hand in a signed transaction. The answer means that it is on disk and will be settled by a block."""
    try:
        raw = base64.b64decode(data.transaction, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadRequest("transaction is not base64") from error
    return api.Submitted(id=(await _node(state).submit_transaction(raw)).hex())


@get("/transactions/{id:str}")
async def get_transaction(state: AppState, id: str) -> api.TransactionStatus:
    """What became of a transaction."""
    node, raw_id = _node(state), _hash(id)
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


@get("/hotspots")
async def get_hotspots(state: AppState) -> list[api.Hotspot]:
    """All hotspots, by address bytes."""
    return [view_hotspot(key, row) for key, row in _node(state).get_state().iterate(HOTSPOTS)]


@get("/hotspots/{address:str}")
async def get_hotspot(state: AppState, address: str) -> api.Hotspot:
    """One hotspot."""
    key = _key(address)
    row = _node(state).get_state().get(HOTSPOTS, key.binary)
    if row is None:
        raise NotThere(f"no hotspot {address}")
    return view_hotspot(key.binary, row)


@get("/routes")
async def get_routes(state: AppState) -> list[api.Route]:
    """All routers and what they want."""
    return [view_route(key, row) for key, row in _node(state).get_state().iterate(ROUTERS)]


@get("/channels")
async def get_channels(state: AppState, router: str | None = None) -> list[api.Channel]:
    """Data channels, of one router or all."""
    ledger = _node(state).get_state()
    wanted = None if router is None else _key(router).binary
    return [
        view_channel(ledger, channel_id, row)
        for channel_id, row in ledger.iterate(CHANNELS)
        if wanted is None or row.router == wanted
    ]


@get("/channels/{id:str}")
async def get_channel(state: AppState, id: str) -> api.Channel:
    """One data channel."""
    ledger, raw_id = _node(state).get_state(), _hash(id)
    row = ledger.get(CHANNELS, raw_id)
    if row is None:
        raise NotThere(f"no channel {id}")
    return view_channel(ledger, raw_id, row)


@get("/poc/round")
async def get_poc_round(state: AppState) -> api.PocRound:
    """The open round: entropy and challenges."""
    node = _node(state)
    ledger = node.get_state()
    opened = node.get_open_round()
    if opened is None:
        raise NotThere("no round is open yet: ask again")
    return view_round(opened, get_challenges(ledger))


@get("/poc/verdicts")
async def get_verdicts(
    state: AppState, hotspot: str | None = None, round: int | None = None, limit: Limit = 100
) -> list[dict[str, Any]]:
    """Verdicts on beacons and witnesses with their reasons, newest first."""
    key = None if hotspot is None else _key(hotspot).binary
    found = _node(state).store.find_events(
        ("beacon_verdict", "witness_verdict"), limit, hotspot=key, round=round
    )
    return [render_event(stored) for stored in found]


@get("/epochs")
async def get_epochs(state: AppState, limit: Limit = 100) -> list[dict[str, Any]]:
    """What closed epochs paid, newest first."""
    return [render_event(stored) for stored in _node(state).store.find_events(("epoch_closed",), limit)]


@get("/epochs/{epoch:int}")
async def get_epoch(state: AppState, epoch: int) -> dict[str, Any]:
    """One closed epoch with all its payments."""
    store = _node(state).store
    closed = store.find_events(("epoch_closed",), 1, epoch=epoch)
    if not closed:
        raise NotThere(f"epoch {epoch} is not closed (or passed without a block)")
    block = store.get_events(closed[0].height, 1)
    rewards = [
        render_event(stored)
        for stored in block
        if stored.kind == "reward_earned" and stored.height == closed[0].height
    ]
    return {**render_event(closed[0]), "rewards": rewards}


@get("/rewards")
async def get_rewards(
    state: AppState, hotspot: str | None = None, limit: Limit = 100
) -> list[dict[str, Any]]:
    """Payments to hotspots with what they were computed from, newest first."""
    key = None if hotspot is None else _key(hotspot).binary
    found = _node(state).store.find_events(("reward_earned",), limit, hotspot=key)
    return [render_event(stored) for stored in found]


@get("/blocks/{height:int}")
async def get_block(state: AppState, height: int) -> api.Block:
    """A block. Height 0 is the genesis: it has none."""
    raw = _node(state).store.get_block(height)
    if raw is None:
        raise NotThere(f"no block {height}")
    return view_block(decode_block(raw))


@get("/events")
async def get_events(state: AppState, from_height: int = 0, limit: Limit = 1_000) -> api.EventPage:
    """Events of whole blocks from a height on; at least `limit` of them where there are so many."""
    node = _node(state)
    head = node.get_head().height
    events = node.store.get_events(from_height, limit)
    more = len(events) >= limit
    return api.EventPage(
        events=[render_event(stored) for stored in events],
        next_height=events[-1].height + 1 if more else max(head + 1, from_height),
    )


@get("/supply")
async def get_supply_view(state: AppState) -> api.SupplyAnswer:
    """The books: minted = burnt + held + locked."""
    node = _node(state)
    ledger = node.get_state()
    return api.SupplyAnswer(
        height=node.get_head().height,
        hxt=view_supply(get_supply(ledger, HXT)),
        data_credits=view_supply(get_supply(ledger, DATA_CREDITS)),
    )


@post("/faucet", status_code=202)
async def ask_faucet(state: AppState, data: api.FaucetRequest) -> api.FaucetAnswer:
    """First tokens for an account, on a test network."""
    faucet = cast(Faucet | None, state.faucet)
    if faucet is None:
        raise NotThere("this network has no faucet")
    node, key = _node(state), _key(data.address)
    if key.network != node.chain.network:
        raise BadRequest(f"{data.address} is an address of another network")
    id = await faucet.pay(key)
    return api.FaucetAnswer(id=id.hex(), hxt=node.parameters.faucet_hxt)


def _answer_error(status: int, code: str, message: str) -> Response[api.ErrorResponse]:
    return Response(api.ErrorResponse(api.ErrorBody(code, message)), status_code=status)


def _on_invalid(_: Request[Any, Any, Any], error: InvalidTransaction) -> Response[api.ErrorResponse]:
    return _answer_error(429 if error.code in _TRY_LATER else 422, error.code, error.message)


def _on_bad_request(_: Request[Any, Any, Any], error: BadRequest) -> Response[api.ErrorResponse]:
    return _answer_error(400, "bad_request", str(error))


def _on_not_there(_: Request[Any, Any, Any], error: NotThere) -> Response[api.ErrorResponse]:
    return _answer_error(404, "not_found", str(error))


def _on_faucet(_: Request[Any, Any, Any], error: FaucetRefused) -> Response[api.ErrorResponse]:
    return _answer_error(429, "faucet_limit", str(error))


def _on_failed(_: Request[Any, Any, Any], error: NodeFailed) -> Response[api.ErrorResponse]:
    return _answer_error(503, "node_failed", str(error))


def _on_http(_: Request[Any, Any, Any], error: HTTPException) -> Response[api.ErrorResponse]:
    details = f": {error.extra}" if error.extra else ""
    return _answer_error(error.status_code, f"http_{error.status_code}", f"{error.detail}{details}")


def create_app(node: Node, faucet: Faucet | None) -> Litestar:
    """Return the ASGI application: the API under /v1, and the explorer with its page."""
    explorer = Explorer(node)
    v1 = Router(
        "/v1",
        route_handlers=[
            get_status,
            get_network,
            get_parameters,
            get_account_view,
            submit_transaction,
            check_transaction,
            *ONBOARDING_ROUTES,
            get_transaction,
            get_hotspots,
            get_hotspot,
            get_routes,
            get_channels,
            get_channel,
            get_poc_round,
            get_verdicts,
            get_epochs,
            get_epoch,
            get_rewards,
            get_block,
            get_events,
            get_supply_view,
            ask_faucet,
            *get_proof_routes(),
        ],
    )
    return Litestar(
        route_handlers=[v1, *create_explorer_routes(explorer)],
        lifespan=[explorer.run],
        state=AppState({"node": node, "faucet": faucet, "explorer": explorer}),
        request_max_body_size=MAX_BODY_BYTES,
        cors_config=CORSConfig(allow_origins=["*"]),
        openapi_config=OpenAPIConfig(
            title="hexhaul chain node",
            version="1",
            path="/schema",
            # Only the description itself: the pages that render one load their scripts from elsewhere.
            render_plugins=[JsonRenderPlugin(path=["/", "/openapi.json"])],
        ),
        exception_handlers={
            InvalidTransaction: _on_invalid,
            BadRequest: _on_bad_request,
            NotThere: _on_not_there,
            FaucetRefused: _on_faucet,
            NodeFailed: _on_failed,
            HTTPException: _on_http,
        },
    )
