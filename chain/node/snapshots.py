"""The snapshots that a node keeps: one at the start of each epoch, the last few of them.

A new node starts from the newest, and whoever recomputes an epoch begins with the one at its start. They are
written beside block making, from a view of the database that later blocks don't touch; a snapshot that fails
is said and left out, for nothing was acknowledged by it.

    GET /v1/snapshots            what there is, newest first
    GET /v1/snapshots/{epoch}    the file
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from pathlib import Path

import msgspec

from chain.blocks.application import get_open_round
from chain.blocks.engine import AppliedBlock
from chain.blocks.header import Header
from chain.ledger.state import State
from chain.store.chain_store import ChainStore, StateView
from chain.store.durable_file import make_folder
from chain.store.snapshot import BadSnapshot, write_snapshot

log = logging.getLogger(__name__)

DEFAULT_KEPT = 10
_NAME = re.compile(r"epoch-(\d{1,12})\.snapshot")


class KeptSnapshot(msgspec.Struct, frozen=True):
    """A snapshot's file."""

    epoch: int
    """The epoch that begins with it."""
    path: Path
    size: int
    """Bytes."""


class SnapshotKeeper:
    """Writes a snapshot after each block that closed an epoch, and deletes old ones. Used in the event
    loop."""

    def __init__(
        self, store: ChainStore, genesis_hash: bytes, folder: Path, kept: int = DEFAULT_KEPT
    ) -> None:
        """`kept`: how many files stay; 0 writes none."""
        self.folder = folder
        self._store = store
        self._genesis_hash = genesis_hash
        self._kept = kept
        self._writing: asyncio.Task[None] | None = None

    def on_block(self, applied: AppliedBlock) -> None:
        """Begin to write where the block opened an epoch; one at a time: an epoch whose predecessor is still
        being written goes without."""
        closed = [event.fields["epoch"] for event in applied.events if event.kind == "epoch_closed"]
        if not closed or not self._kept:
            return
        if self._writing is not None and not self._writing.done():
            log.warning("no snapshot at block %d: the last one is still being written", applied.head.height)
            return
        views = contextlib.ExitStack()
        view = views.enter_context(self._store.open_view())
        if view.head.height != applied.head.height:
            views.close()
            return
        self._writing = asyncio.create_task(self._write(views, view, applied.block.header))

    async def stop(self) -> None:
        """Wait for the file that is being written."""
        if self._writing is not None:
            await asyncio.gather(self._writing, return_exceptions=True)

    async def _write(self, views: contextlib.ExitStack, view: StateView, header: Header) -> None:
        try:
            await asyncio.to_thread(self._write_and_prune, view, header)
        except (OSError, BadSnapshot) as error:
            log.warning("no snapshot at block %d: %s", header.height, error)
        finally:
            views.close()

    def _write_and_prune(self, view: StateView, header: Header) -> None:
        make_folder(self.folder)
        epoch = get_epoch(view)
        write_snapshot(self.folder / f"epoch-{epoch}.snapshot", view, header, self._genesis_hash)
        for old in list_snapshots(self.folder)[self._kept :]:
            old.path.unlink(missing_ok=True)


def get_epoch(view: StateView) -> int:
    """The epoch that is open in a state."""
    return get_open_round(State(view)).epoch


def list_snapshots(folder: Path) -> list[KeptSnapshot]:
    """The files in a folder, newest epoch first."""
    if not folder.is_dir():
        return []
    found = []
    for path in folder.iterdir():
        match = _NAME.fullmatch(path.name)
        if match:
            with contextlib.suppress(FileNotFoundError):  # pruned meanwhile
                found.append(KeptSnapshot(int(match[1]), path, path.stat().st_size))
    return sorted(found, key=lambda kept: -kept.epoch)
