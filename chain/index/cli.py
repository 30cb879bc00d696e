"""`hexhaul chain index ...`: look at a node's index, drop it, build it anew from the blocks."""

from __future__ import annotations

import json as json_format
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from chain.index.database import IndexDatabase

app = typer.Typer(no_args_is_help=True, help="The index beside the ledger: history for the API and the map.")

DataDirOption = Annotated[Path, typer.Option("--data-dir", help="Where the node keeps its files.")]
IndexOption = Annotated[
    str | None,
    typer.Option(
        "--index", envvar="HEXHAUL_INDEX", help="Path or PostgreSQL URL; default: in the data folder."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="For programs: JSON instead of lines.")]

DEFAULT_DATA_DIR = Path(".hexhaul/chain")


@app.command("status")
def status_command(
    data_dir: DataDirOption = DEFAULT_DATA_DIR, index: IndexOption = None, json: JsonOption = False
) -> None:
    """Where the index stands, its rows and size; also while the node runs."""
    from chain.index.database import IndexUnavailable
    from chain.index.statistics import count_rows

    database = _open(data_dir, index)
    try:
        with database.reading() as connection:
            standing, rows = database.get_standing(connection), count_rows(connection)
        answer = {
            "index": database.name,
            "height": standing.height,
            "genesis_hash": standing.genesis_hash.hex(),
            "is_of_this_chain": standing.genesis_hash == _read_genesis(data_dir)[1],
            "bytes": database.measure_bytes(),
            "rows": rows,
        }
    except IndexUnavailable as error:
        _fail(error)
    finally:
        database.close()
    if json:
        print(json_format.dumps(answer))
        return
    for name, value in answer.items():
        if isinstance(value, dict):
            for table, number in value.items():
                print(f"  {table:20} {number:>12,}")
        else:
            print(f"{name:22} {value}")


@app.command("drop")
def drop_command(data_dir: DataDirOption = DEFAULT_DATA_DIR, index: IndexOption = None) -> None:
    """Remove the index. The ledger doesn't need it: a node builds it anew from the blocks, at once where it
    runs.
    """
    from chain.index.database import IndexUnavailable
    from chain.store.lock_file import FolderTaken, LockFile

    database = _make(data_dir, index)
    try:
        try:
            lock = LockFile((data_dir / "chain.db").with_suffix(".lock"), "node")
        except FolderTaken:
            database.clear(b"")
            print(f"index {database.name} is empty; the node that runs fills it again with its next block")
            return
        try:
            database.drop()
        finally:
            lock.close()
        print(f"index {database.name} is dropped; the node builds it anew when it starts")
    except (IndexUnavailable, OSError) as error:
        _fail(error)
    finally:
        database.close()


@app.command("rebuild")
def rebuild_command(
    data_dir: DataDirOption = DEFAULT_DATA_DIR,
    index: IndexOption = None,
    keep_days: Annotated[int, typer.Option(min=0, help="Days that verdicts are kept; 0 = for good.")] = 30,
) -> None:
    """Drop the index and build it anew from the blocks, while the node is stopped."""
    from chain.index.database import IndexUnavailable
    from chain.index.follower import read_blocks
    from chain.index.seeding import list_hotspots, write_hotspots
    from chain.index.taking_in import take_in
    from chain.ledger.state import State
    from chain.store.chain_store import ChainStore, StoreError

    chain_id, genesis_hash = _read_genesis(data_dir)
    path = data_dir / "chain.db"
    if not path.is_file():
        _fail(f"{data_dir} has no chain yet: run the node once")
    try:
        store = ChainStore(path)
    except StoreError as error:
        _fail(f"{error}. Where a node runs, `hexhaul chain index drop` is enough: it rebuilds by itself")
    database = _open(data_dir, index)
    try:
        database.clear(genesis_hash)
        height = 0
        blocks = read_blocks(store, chain_id, height)
        if not blocks or blocks[0].height > 1:  # the node began with a snapshot
            write_hotspots(database, list_hotspots(State(store.readable)))
        while blocks := read_blocks(store, chain_id, height):
            take_in(database, blocks, keep_days * 24 * 3_600_000)
            height = blocks[-1].height
        print(f"index {database.name} is built: {height:,} blocks, {database.measure_bytes():,} bytes")
    except IndexUnavailable as error:
        _fail(error)
    finally:
        database.close()
        store.close()


def _read_genesis(data_dir: Path) -> tuple[str, bytes]:
    """Chain id and genesis hash of the network in a folder."""
    from chain.blocks.genesis import InvalidGenesis, decode_genesis

    try:
        chain = decode_genesis((data_dir / "genesis.json").read_bytes())
    except FileNotFoundError:
        _fail(f"{data_dir} holds no network: hexhaul chain init --data-dir {data_dir}")
    except (OSError, InvalidGenesis) as error:
        _fail(f"{data_dir / 'genesis.json'}: {error}")
    return chain.chain_id, chain.genesis_hash


def _make(data_dir: Path, index: str | None) -> IndexDatabase:
    from chain.index.database import DEFAULT_FILE, IndexDatabase, IndexUnavailable

    _read_genesis(data_dir)
    try:
        return IndexDatabase(index or data_dir / DEFAULT_FILE)
    except IndexUnavailable as error:
        _fail(error)


def _open(data_dir: Path, index: str | None) -> IndexDatabase:
    from chain.index.database import IndexUnavailable

    database = _make(data_dir, index)
    try:
        database.open()
    except IndexUnavailable as error:
        _fail(error)
    return database


def _fail(reason: object) -> NoReturn:
    """One line on stderr, exit code 1."""
    print(f"hexhaul chain index: {reason}", file=sys.stderr)
    raise typer.Exit(1)
