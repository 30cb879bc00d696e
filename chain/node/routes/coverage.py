"""Proof-of-Coverage: entropy, challenges, verdicts."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from litestar import get
from litestar.datastructures import State as AppState
from litestar.params import FromPath, QueryParameter

from chain import api
from chain.api_history import EntropyRound, Page, RenderedEvent
from chain.blocks.application import get_open_round
from chain.coverage.tables import get_challenges
from chain.index import find_history
from chain.index.cursors import Found, Position
from chain.index.find_verdicts import VerdictFilter, find_verdicts
from chain.node.routes.asking import (
    MAX_NUMBER,
    PLACE,
    Address,
    Cursor,
    Limit,
    NotThere,
    Number,
    ask_index,
    get_node,
    make_index_page,
    make_page,
    parse_address,
)
from chain.node.views import view_challenge, view_entropy_round, view_round

#: What a verdict can be about, and its event.
KINDS = {
    "beacon": "beacon_verdict",
    "witness": "witness_verdict",
    "claim": "claim_verdict",
    "unopened": "claim_unopened",
}
ReportKind = Literal["beacon", "witness", "claim", "unopened"]


@get("/poc/round", tags=["coverage"])
async def get_poc_round(state: AppState) -> api.PocRound:
    """The open round: its entropy and who is challenged in it."""
    node = get_node(state)
    ledger = node.get_state()
    opened = node.get_open_round()
    if opened is None:
        raise NotThere("no round is open yet: ask again")
    return view_round(opened, get_challenges(ledger))


@get("/poc/challenges", tags=["coverage"])
async def get_open_challenges(
    state: AppState, cursor: Cursor = None, limit: Limit = 100
) -> Page[api.Challenge]:
    """Who beacons in the open round, when and how, by time. A cursor is good for its round."""
    ledger = get_node(state).get_state()
    round = get_open_round(ledger).round
    ordered = sorted(get_challenges(ledger), key=lambda challenge: (challenge.at_ms, challenge.hotspot))

    async def find(after: Position | None) -> Found[Any]:
        key = (0, b"") if after is None else (int(after[0]), bytes.fromhex(str(after[1])))
        rest = [challenge for challenge in ordered if (challenge.at_ms, challenge.hotspot) > key]
        page = rest[:limit]
        last = page[-1] if len(rest) > limit else None
        return Found(page, None if last is None else (last.at_ms, last.hotspot.hex()))

    return await make_page(state, "challenges", {"round": round}, (int, str), cursor, find, view_challenge)


@get("/poc/entropy", tags=["coverage"])
async def get_entropies(state: AppState, cursor: Cursor = None, limit: Limit = 100) -> Page[EntropyRound]:
    """The entropy of each round, newest first, the open one included."""
    return await make_index_page(
        state,
        "entropy",
        {},
        (int,),
        cursor,
        lambda connection, after: find_history.find_rounds(connection, after, limit),
        view_entropy_round,
    )


@get("/poc/entropy/{round:int}", tags=["coverage"])
async def get_entropy(state: AppState, round: FromPath[int]) -> EntropyRound:
    """The entropy of one round."""
    row = None
    if 0 <= round <= MAX_NUMBER:
        row = await ask_index(state, lambda connection: find_history.get_round(connection, round))
    if row is None:
        raise NotThere(f"round {round} has not opened (or passed without a block)")
    return view_entropy_round(row)


@get("/poc/verdicts", tags=["coverage"])
async def get_verdicts(
    state: AppState,
    hotspot: Address = None,
    beaconer: Address = None,
    round: Number = None,
    kind: Annotated[ReportKind | None, QueryParameter(description="Of which reports.")] = None,
    ok: Annotated[bool | None, QueryParameter(description="Only accepted, or only refused.")] = None,
    reason: Annotated[
        str | None, QueryParameter(description="Only with this reason, such as bad_rssi.")
    ] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[RenderedEvent]:
    """Verdicts on reports with their reasons, what was measured and where the limit is, newest first. All
    filters given must hold: `hotspot` is who reported, `beaconer` whose beacon a witness heard.
    """
    wanted = VerdictFilter(
        hotspot=parse_address(hotspot),
        beaconer=parse_address(beaconer),
        round=round,
        kind=None if kind is None else KINDS[kind],
        ok=ok,
        reason=reason,
    )
    return await make_index_page(
        state,
        "verdicts",
        {name: getattr(wanted, name) for name in wanted.__struct_fields__},
        PLACE,
        cursor,
        lambda connection, after: find_verdicts(connection, wanted, after, limit),
    )


COVERAGE_ROUTES: list[Any] = [
    get_poc_round,
    get_open_challenges,
    get_entropies,
    get_entropy,
    get_verdicts,
]
