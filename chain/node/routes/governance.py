"""Who decides about the network, who makes and checks its blocks, who audits, who was found out."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import get
from litestar.datastructures import State as AppState

from chain.api_history import Page
from chain.api_state import (
    AuditorRecord,
    ExclusionRecord,
    FaultRecord,
    Governance,
    Producer,
    ScheduledDecision,
    Validator,
)
from chain.governance.approval import get_governance
from chain.governance.producer import get_producer
from chain.governance.schedule import SCHEDULED, Scheduled
from chain.keys.address import encode_address
from chain.keys.public_key import PUBLIC_KEY_BYTES
from chain.ledger.audits import AUDITED_HOTSPOT
from chain.ledger.current_parameters import get_protocol_version
from chain.ledger.faults import FAULTS
from chain.ledger.stakes import STAKES
from chain.ledger.tables import AUDITORS, EXCLUSIONS
from chain.node.routes.asking import Cursor, Limit, get_node, make_table_page

_HEIGHT_BYTES = 8


@get("/governance", tags=["governance"])
async def get_governance_view(state: AppState) -> Governance:
    """Who decides about the network: named keys and their threshold, price reporters, rules in force."""
    ledger = get_node(state).get_state()
    row = get_governance(ledger)
    return Governance(
        keys=[encode_address(key) for key in row.keys],
        threshold=row.threshold,
        price_reporters=[encode_address(key) for key in row.price_reporters],
        protocol_version=get_protocol_version(ledger),
    )


def _view_decision(key: bytes, row: Scheduled) -> ScheduledDecision:
    return ScheduledDecision(
        activation_height=int.from_bytes(key[:_HEIGHT_BYTES], "big"),
        decided_height=row.decided_height,
        changes={change.name: msgspec.json.decode(change.value) for change in row.changes},
        protocol_version=row.protocol_version or None,
    )


@get("/governance/scheduled", tags=["governance"])
async def get_scheduled(
    state: AppState, cursor: Cursor = None, limit: Limit = 100
) -> Page[ScheduledDecision]:
    """Changes of parameters and upgrades of the rules that wait for their height, by height."""
    return await make_table_page(
        state, SCHEDULED, {}, cursor, limit, view=lambda _, key, row: _view_decision(key, row)
    )


@get("/producer", tags=["governance"])
async def get_producer_view(state: AppState) -> Producer:
    """Whose key makes blocks, since when, and who follows."""
    row = get_producer(get_node(state).get_state())
    return Producer(
        producer=encode_address(row.key),
        since_height=row.since_height,
        next_producer=encode_address(row.next_key) if row.next_key else None,
    )


@get("/validators", tags=["governance"])
async def get_validators(state: AppState, cursor: Cursor = None, limit: Limit = 100) -> Page[Validator]:
    """Stakes behind validators' keys, also those that are on their way back."""
    return await make_table_page(
        state,
        STAKES,
        {},
        cursor,
        limit,
        view=lambda _, key, row: Validator(
            validator=encode_address(key),
            owner=encode_address(row.owner),
            hxt=row.hxt,
            staked_height=row.staked_height,
            free_epoch=row.free_epoch or None,
        ),
    )


@get("/exclusions", tags=["governance"])
async def get_exclusions(state: AppState, cursor: Cursor = None, limit: Limit = 100) -> Page[ExclusionRecord]:
    """Hotspots, and pairs of them, that Proof-of-Coverage doesn't count, with the hash of the evidence."""
    return await make_table_page(
        state,
        EXCLUSIONS,
        {},
        cursor,
        limit,
        view=lambda _, key, row: ExclusionRecord(
            hotspots=[
                encode_address(key[start : start + PUBLIC_KEY_BYTES])
                for start in range(0, len(key), PUBLIC_KEY_BYTES)
            ],
            until_epoch=row.until_epoch,
            code=row.code,
            evidence_hash=row.evidence_hash.hex(),
        ),
    )


@get("/auditors", tags=["governance"])
async def get_auditors(state: AppState, cursor: Cursor = None, limit: Limit = 100) -> Page[AuditorRecord]:
    """Audited hotspots and field testers: what they have met earns."""
    return await make_table_page(
        state,
        AUDITORS,
        {},
        cursor,
        limit,
        view=lambda _, key, row: AuditorRecord(
            key=encode_address(key),
            kind="hotspot" if row.kind == AUDITED_HOTSPOT else "field_tester",
            until_epoch=row.until_epoch,
        ),
    )


@get("/faults", tags=["governance"])
async def get_faults(state: AppState, cursor: Cursor = None, limit: Limit = 100) -> Page[FaultRecord]:
    """Proven faults, and what they cost."""
    return await make_table_page(
        state,
        FAULTS,
        {},
        cursor,
        limit,
        view=lambda _, key, row: FaultRecord(
            id=key.hex(),
            kind=row.kind,
            height=row.height,
            reporter=encode_address(row.reporter),
            hxt_taken=row.hxt_taken,
        ),
    )


GOVERNANCE_ROUTES: list[Any] = [
    get_governance_view,
    get_scheduled,
    get_producer_view,
    get_validators,
    get_exclusions,
    get_auditors,
    get_faults,
]
