"""The network: where it stands, its parameters, its books, its price, its figures."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import get
from litestar.datastructures import State as AppState
from litestar.params import PathParameter

from chain import api
from chain.api_history import Page, ParameterText, Period, Price, PriceRecord, Statistics
from chain.blocks.application import get_open_round
from chain.governance.producer import get_producer
from chain.index.find_history import find_prices
from chain.index.find_hotspots import count_hotspots
from chain.index.statistics import compute_statistics
from chain.keys.address import encode_address
from chain.ledger.balances import get_supply
from chain.ledger.parameters import Parameters
from chain.ledger.price import PRICE, get_hxt_price
from chain.ledger.tables import DATA_CREDITS, HXT, ONLY, ROUTERS
from chain.node.node import get_time_ms
from chain.node.parameter_texts import list_parameter_texts
from chain.node.routes.asking import (
    PLACE,
    Cursor,
    Limit,
    NotThere,
    ask_index,
    get_index,
    get_node,
    make_index_page,
)
from chain.node.views import view_network, view_supply


@get("/status", tags=["network"])
async def get_status(state: AppState) -> api.Status:
    """Where the chain is: last block, open round and epoch, the node's clock."""
    node = get_node(state)
    hotspots, _ = await ask_index(state, count_hotspots)
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
        hotspots=hotspots,
        routers=sum(1 for _ in ledger.iterate(ROUTERS)),
        producer=encode_address(get_producer(ledger).key),
    )


@get("/network", tags=["network"])
async def get_network(state: AppState) -> api.Network:
    """Which network this is: all that a new node, hotspot or router needs to join it."""
    node = get_node(state)
    return view_network(node.chain, node.seeds)


@get("/parameters", tags=["network"])
async def get_parameters(state: AppState) -> Parameters:
    """The network's parameters in force."""
    return get_node(state).parameters


@get("/parameters/texts", tags=["network"])
async def get_parameter_texts(state: AppState) -> Page[ParameterText]:
    """All parameters in force with what each means, its unit and precedent."""
    return Page(items=list_parameter_texts(get_node(state).parameters), cursor=None)


@get("/parameters/texts/{name:str}", tags=["network"])
async def get_parameter_text(
    state: AppState,
    name: Annotated[str, PathParameter(description="As in the list, a dot leads into a group.")],
) -> ParameterText:
    """One parameter with what it means."""
    for text in list_parameter_texts(get_node(state).parameters):
        if text.name == name:
            return text
    raise NotThere(f"no parameter {name[:64]!r}: GET /v1/parameters/texts lists them")


@get("/supply", tags=["network"])
async def get_supply_view(state: AppState) -> api.SupplyAnswer:
    """The books of both tokens: minted = burnt + held + locked."""
    node = get_node(state)
    ledger = node.get_state()
    return api.SupplyAnswer(
        height=node.get_head().height,
        hxt=view_supply(get_supply(ledger, HXT)),
        data_credits=view_supply(get_supply(ledger, DATA_CREDITS)),
    )


@get("/price", tags=["network"])
async def get_price(state: AppState) -> Price:
    """What one HXT costs: the price that burns and rewards of the next block go by."""
    node = get_node(state)
    ledger = node.get_state()
    row = ledger.get(PRICE, ONLY)
    return Price(
        hxt_price=get_hxt_price(ledger, node.parameters),
        source="genesis" if row is None else "oracle",
        time_ms=None if row is None else row.time_ms,
    )


@get("/price/history", tags=["network"])
async def get_price_history(state: AppState, cursor: Cursor = None, limit: Limit = 100) -> Page[PriceRecord]:
    """The price as blocks told it, newest first: when it changed, and at the close of each epoch."""
    return await make_index_page(
        state,
        "price/history",
        {},
        PLACE,
        cursor,
        lambda connection, after: find_prices(connection, after, limit),
        lambda row: PriceRecord(
            height=row["height"], index=row["number"], time_ms=row["time_ms"], hxt_price=row["hxt_price"]
        ),
    )


@get("/statistics", tags=["network"])
async def get_statistics(state: AppState) -> Statistics:
    """Figures: counts of everything, and what the last hour, day and week brought."""
    head = get_node(state).get_head()
    figures = await ask_index(state, lambda connection: compute_statistics(connection, head.time_ms))
    return Statistics(
        height=head.height,
        index_height=get_index(state).height,
        time_ms=head.time_ms,
        counts=figures["counts"],
        transactions_by_type=figures["transactions_by_type"],
        periods={name: Period(**period) for name, period in figures["periods"].items()},
    )


NETWORK_ROUTES: list[Any] = [
    get_status,
    get_network,
    get_parameters,
    get_parameter_texts,
    get_parameter_text,
    get_supply_view,
    get_price,
    get_price_history,
    get_statistics,
]
