"""What a new node needs of this one, beside blocks: the genesis and the snapshots.

GET /v1/genesis              the genesis file's bytes; their hash is in the network file
GET /v1/snapshots            which snapshots there are, newest first
GET /v1/snapshots/{epoch}    a snapshot's file
"""

from __future__ import annotations

from typing import cast

from litestar import Response, get
from litestar.datastructures import State as AppState
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.response import File

from chain import api
from chain.node.node import Node
from chain.node.snapshots import KeptSnapshot, list_snapshots
from chain.store.snapshot import BadSnapshot, Snapshot

_OCTETS = "application/octet-stream"


def _list(state: AppState) -> list[KeptSnapshot]:
    folder = cast(Node, state.node).snapshots_folder
    return [] if folder is None else list_snapshots(folder)


@get("/genesis", media_type="application/json", tags=["joining"])
async def get_genesis(state: AppState) -> Response[bytes]:
    """The genesis file, byte for byte: SHA-256 of it names the network."""
    return Response(cast(Node, state.node).genesis_raw, media_type="application/json")


@get("/snapshots", tags=["joining"], sync_to_thread=True)
def get_snapshots(state: AppState) -> list[api.SnapshotInfo]:
    """The states at the starts of the last epochs, newest first."""
    answer = []
    for kept in _list(state):
        try:
            head = Snapshot(kept.path).head
        except (BadSnapshot, OSError):
            continue  # deleted meanwhile, or damaged: no use to anybody
        answer.append(
            api.SnapshotInfo(
                epoch=kept.epoch, height=head.height, state_root=head.state_root.hex(), bytes=kept.size
            )
        )
    return answer


@get("/snapshots/{epoch:int}", tags=["joining"])
async def get_snapshot(state: AppState, epoch: int) -> File:
    """The file of one snapshot."""
    for kept in _list(state):
        if kept.epoch == epoch:
            return File(kept.path, filename=kept.path.name, media_type=_OCTETS)
    raise NotFoundException(f"no snapshot of epoch {epoch}: GET /v1/snapshots says which there are")


def get_joining_routes() -> list[HTTPRouteHandler]:
    """The handlers, for the router under /v1."""
    return [get_genesis, get_snapshots, get_snapshot]
