"""Rewards and the epochs that pay them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from litestar import get
from litestar.datastructures import State as AppState
from litestar.params import FromPath, QueryParameter

from chain.api_history import Page, RenderedEvent, RewardSum
from chain.index import find_history
from chain.index.cells import LOCATION_RESOLUTION
from chain.index.find_rewards import TIME_BUCKETS, RewardFilter, find_rewards, sum_rewards
from chain.node.routes.asking import (
    MAX_NUMBER,
    PLACE,
    Address,
    BadRequest,
    Cursor,
    HexCell,
    Limit,
    NotThere,
    Number,
    ask_index,
    make_index_page,
    parse_address,
    parse_hex_cell,
)

Kind = Annotated[str | None, QueryParameter(description="What for: beacon, witness, data, ...")]
From = Annotated[int | None, QueryParameter(ge=0, le=MAX_NUMBER, description="From this Unix time (ms) on.")]
Until = Annotated[int | None, QueryParameter(ge=0, le=MAX_NUMBER, description="Before this Unix time (ms).")]
By = Literal["hour", "day", "week", "epoch", "hotspot", "owner", "reward", "hex"]


def _read_filter(
    hotspot: str | None,
    owner: str | None,
    hex: str | None,
    epoch: int | None,
    reward: str | None,
    from_ms: int | None,
    until_ms: int | None,
) -> RewardFilter:
    return RewardFilter(
        hotspot=parse_address(hotspot),
        owner=parse_address(owner),
        cell=parse_hex_cell(hex),
        epoch=epoch,
        reward=reward,
        from_ms=from_ms,
        until_ms=until_ms,
    )


def _list_filters(wanted: RewardFilter) -> dict[str, int | str | bool | None]:
    return {name: getattr(wanted, name) for name in wanted.__struct_fields__}


@get("/rewards", tags=["rewards"])
async def get_rewards(
    state: AppState,
    hotspot: Address = None,
    owner: Address = None,
    hex: HexCell = None,
    epoch: Number = None,
    reward: Kind = None,
    from_ms: From = None,
    until_ms: Until = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[RenderedEvent]:
    """Payments to hotspots with what they were computed from, newest first. All filters given must hold; a
    hotspot counts to the hexagon where it stood when it was paid.
    """
    wanted = _read_filter(hotspot, owner, hex, epoch, reward, from_ms, until_ms)
    return await make_index_page(
        state,
        "rewards",
        _list_filters(wanted),
        PLACE,
        cursor,
        lambda connection, after: find_rewards(connection, wanted, after, limit),
    )


@get("/rewards/sums", tags=["rewards"])
async def get_reward_sums(
    state: AppState,
    by: Annotated[By, QueryParameter(description="What to add up by. Hours, days and ISO weeks are UTC's.")],
    resolution: Annotated[
        int | None, QueryParameter(ge=0, le=LOCATION_RESOLUTION, description="Of the hexagons; default 8.")
    ] = None,
    hotspot: Address = None,
    owner: Address = None,
    hex: HexCell = None,
    epoch: Number = None,
    reward: Kind = None,
    from_ms: From = None,
    until_ms: Until = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[RewardSum]:
    """Payments added up by time, epoch, hotspot, owner, kind or hexagon; times newest first. Times and epochs
    in which nothing was paid are left out.
    """
    if resolution is not None and by != "hex":
        raise BadRequest("a resolution goes with by=hex")
    resolution = 8 if by == "hex" and resolution is None else resolution
    wanted = _read_filter(hotspot, owner, hex, epoch, reward, from_ms, until_ms)
    is_number = by in (*TIME_BUCKETS, "epoch", "hex")
    return await make_index_page(
        state,
        "rewards/sums",
        {**_list_filters(wanted), "by": by, "resolution": resolution},
        (int,) if is_number else (str,),
        cursor,
        lambda connection, after: sum_rewards(connection, wanted, by, after, limit, resolution),
        lambda row: RewardSum(**row),
    )


@get("/epochs", tags=["rewards"])
async def get_epochs(state: AppState, cursor: Cursor = None, limit: Limit = 100) -> Page[RenderedEvent]:
    """What closed epochs minted and paid, newest first."""
    return await make_index_page(
        state,
        "epochs",
        {},
        (int,),
        cursor,
        lambda connection, after: find_history.find_epochs(connection, after, limit),
    )


@get("/epochs/{epoch:int}", tags=["rewards"])
async def get_epoch(state: AppState, epoch: FromPath[int]) -> RenderedEvent:
    """One closed epoch. Its payments: GET /v1/rewards?epoch=."""
    found = None
    if 0 <= epoch <= MAX_NUMBER:
        found = await ask_index(state, lambda connection: find_history.get_epoch(connection, epoch))
    if found is None:
        raise NotThere(f"epoch {epoch} is not closed (or passed without a block)")
    return found


REWARD_ROUTES: list[Any] = [get_rewards, get_reward_sums, get_epochs, get_epoch]
