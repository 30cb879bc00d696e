"""The HTTP API (Litestar): reads the last committed state and the index, takes transactions in. OpenAPI
(JSON) at /schema, figures for monitoring at /metrics, the map at /.

Errors are `{"error": {"code", "message"}}`: 400 for what can't be parsed, 404 for what isn't there, 422 for a
transaction that the rules refuse, 429 and 503 for try again later. Bodies over 64 KiB are refused. Lists are
`{"items", "cursor"}`. The routes stand by topic in `chain/node/routes/`.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from litestar import Litestar, Request, Response, Router
from litestar.config.cors import CORSConfig
from litestar.datastructures import State as AppState
from litestar.exceptions import HTTPException
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin

from chain import api
from chain.explorer.explorer import Explorer
from chain.explorer.routes import create_explorer_routes
from chain.index.database import DEFAULT_FILE, IndexDatabase, IndexUnavailable
from chain.index.follower import ChainIndex
from chain.index.taking_in import DEFAULT_VERDICTS_KEPT_MS
from chain.node.api_description import describe_routes
from chain.node.client_limits import ClientLimits, Rates, limit_clients
from chain.node.event_stream import EventStreams, TooManyStreams
from chain.node.faucet import Faucet, FaucetRefused
from chain.node.joining_routes import get_joining_routes
from chain.node.metrics import NodeMetrics, create_metrics_route
from chain.node.node import Node, NodeFailed
from chain.node.proof_routes import get_proof_routes
from chain.node.routes.accounts import ACCOUNT_ROUTES
from chain.node.routes.asking import BadRequest, NotThere
from chain.node.routes.blocks import BLOCK_ROUTES
from chain.node.routes.coverage import COVERAGE_ROUTES
from chain.node.routes.governance import GOVERNANCE_ROUTES
from chain.node.routes.hotspots import HOTSPOT_ROUTES
from chain.node.routes.locked import LOCKED_ROUTES
from chain.node.routes.network import NETWORK_ROUTES
from chain.node.routes.rewards import REWARD_ROUTES
from chain.node.routes.routers import ROUTER_ROUTES
from chain.node.routes.transactions import TRANSACTION_ROUTES
from chain.node.transaction_routes import ONBOARDING_ROUTES, check_transaction
from chain.transactions.reasons import InvalidTransaction, Reason

MAX_BODY_BYTES = 64 * 1024

_TRY_LATER = frozenset({Reason.MEMPOOL_FULL, Reason.ACCOUNT_LIMIT})


class ApiSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What whoever runs a node may choose about its HTTP API."""

    index: str | None = None
    """The index's database: a path or a URL; None = index.db beside the node's store."""
    verdicts_kept_ms: int = DEFAULT_VERDICTS_KEPT_MS
    """How long the index keeps verdicts; 0 = for good."""
    rates: Rates = Rates()
    is_metrics_public: bool = False


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


def _on_index(_: Request[Any, Any, Any], error: IndexUnavailable) -> Response[api.ErrorResponse]:
    return _answer_error(503, "index_unavailable", f"the node's index can't be asked now: {error}")


def _on_streams(_: Request[Any, Any, Any], error: TooManyStreams) -> Response[api.ErrorResponse]:
    return _answer_error(503, "too_many_streams", str(error))


def _on_http(_: Request[Any, Any, Any], error: HTTPException) -> Response[api.ErrorResponse]:
    details = f": {error.extra}" if error.extra else ""
    return _answer_error(error.status_code, f"http_{error.status_code}", f"{error.detail}{details}")


def create_app(node: Node, faucet: Faucet | None, settings: ApiSettings | None = None) -> Litestar:
    """Return the ASGI application: the API under /v1, the explorer with its page, the metrics.

    Raises IndexUnavailable for an index that can't be one.
    """
    settings = settings or ApiSettings()
    database = IndexDatabase(settings.index or node.store.path.parent / DEFAULT_FILE)
    index = ChainIndex(
        database, node, node.chain.chain_id, node.chain.genesis_hash, settings.verdicts_kept_ms
    )
    streams = EventStreams()
    explorer = Explorer(node, index)
    metrics = NodeMetrics(node, index, streams)
    v1 = Router(
        "/v1",
        route_handlers=[
            *NETWORK_ROUTES,
            *ACCOUNT_ROUTES,
            *TRANSACTION_ROUTES,
            check_transaction,
            *ONBOARDING_ROUTES,
            *HOTSPOT_ROUTES,
            *REWARD_ROUTES,
            *ROUTER_ROUTES,
            *COVERAGE_ROUTES,
            *BLOCK_ROUTES,
            *GOVERNANCE_ROUTES,
            *LOCKED_ROUTES,
            *get_proof_routes(),
            *get_joining_routes(),
        ],
    )

    @contextlib.asynccontextmanager
    async def run_index(_: Litestar) -> AsyncIterator[None]:
        async with index.run():
            yield

    app = Litestar(
        route_handlers=[
            v1,
            *create_explorer_routes(explorer),
            create_metrics_route(metrics, settings.is_metrics_public),
        ],
        lifespan=[run_index, explorer.run],
        state=AppState(
            {
                "node": node,
                "faucet": faucet,
                "explorer": explorer,
                "index": index,
                "streams": streams,
                "metrics": metrics,
            }
        ),
        request_max_body_size=MAX_BODY_BYTES,
        cors_config=CORSConfig(allow_origins=["*"]),
        openapi_config=OpenAPIConfig(
            title="hexhaul chain node",
            version="1",
            description=__doc__,
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
            IndexUnavailable: _on_index,
            TooManyStreams: _on_streams,
            HTTPException: _on_http,
        },
    )
    describe_routes(app)
    limits = ClientLimits(settings.rates)
    app.asgi_handler = metrics.count_requests(limit_clients(app.asgi_handler, limits))
    return app


def close_streams(app: Litestar) -> None:
    """End all open streams, so that a server that stops needn't cut them off."""
    app.state.explorer.live.close()
    app.state.streams.close()
