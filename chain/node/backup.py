"""Copying a node's data while it runs, and putting a copy back.

A copy is a folder with the database, genesis and network file: everything but keys, which are never copied
along and have their own backups. Putting it back checks every row against the last block's state root.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from pathlib import Path

from chain.blocks.engine import SingleProducer
from chain.node.data_dir import DataDir, DataDirError
from chain.store.chain_store import ChainStore, Head
from chain.store.durable_file import make_folder, write_file_durably

_PAGES_AT_ONCE = 1_000


def back_up(data_dir: DataDir, target: Path) -> int:
    """Copy a node's data into a new folder, also while the node runs; returns the database's size in bytes.

    What is committed meanwhile may or may not be in it; it is always the state after some block. Raises
    DataDirError where there is no network or the target is taken, OSError.
    """
    data_dir.load_chain()
    copy = DataDir(target)
    if copy.database.exists() or copy.genesis.exists():
        raise DataDirError(f"{target} holds a network already: give a new folder")
    if not data_dir.database.exists():
        raise DataDirError(f"{data_dir.folder} has no database yet: run the node first")
    make_folder(target)
    temporary = copy.database.with_suffix(".part")
    try:
        with (
            contextlib.closing(sqlite3.connect(f"{data_dir.database.as_uri()}?mode=ro", uri=True)) as source,
            contextlib.closing(sqlite3.connect(temporary)) as destination,
        ):
            source.backup(destination, pages=_PAGES_AT_ONCE)
    except sqlite3.Error as error:
        temporary.unlink(missing_ok=True)
        raise DataDirError(f"{data_dir.database}: {error}") from error
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.replace(copy.database)
    for original, place in ((data_dir.network, copy.network), (data_dir.genesis, copy.genesis)):
        if original.exists():
            write_file_durably(place, original.read_bytes())
    return copy.database.stat().st_size


def restore(source: Path, data_dir: DataDir) -> Head:
    """Put a copy into a data directory without a database, and check it; returns the block it stands at.

    Keys that are in the directory stay. Raises DataDirError, StoreError, BooksDontAddUp, OSError; then the
    directory is as before.
    """
    copy = DataDir(source)
    chain = copy.load_chain()
    if data_dir.database.exists():
        raise DataDirError(f"{data_dir.folder} has a database: move it away first, or give another directory")
    if data_dir.genesis.exists() and data_dir.load_chain().genesis_hash != chain.genesis_hash:
        raise DataDirError(f"{data_dir.folder} is another network's than the copy in {source}")
    make_folder(data_dir.folder)
    temporary = data_dir.folder / "restored.db"
    _remove_database(temporary)
    try:
        shutil.copyfile(copy.database, temporary)
        store = ChainStore(temporary)
        try:
            head = SingleProducer(chain, store).head
        finally:
            store.close()
        temporary.replace(data_dir.database)
    except FileNotFoundError as error:
        raise DataDirError(f"{source} holds no copy of a node: {error.filename} is missing") from error
    finally:
        _remove_database(temporary)
    for original, place in ((copy.network, data_dir.network), (copy.genesis, data_dir.genesis)):
        if original.exists() and not place.exists():
            write_file_durably(place, original.read_bytes())
    return head


def _remove_database(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    path.with_suffix(".lock").unlink(missing_ok=True)
