"""A town's history by the real rules, and databases to index it in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from chain.index.database import IndexDatabase
from chain.index.follower import read_blocks
from chain.index.rows import IndexedBlock
from tests.unit.explorer.history import History
from tests.unit.index.postgres import run_cluster

BEGIN_MS = 1_700_000_000_000
GENESIS = b"g" * 32


@pytest.fixture(scope="session")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    history = History(tmp_path_factory.mktemp("chain"), BEGIN_MS)
    history.add_hotspots()
    history.play_rounds(6)
    return history


@pytest.fixture(scope="session")
def blocks(history: History) -> list[IndexedBlock]:
    home = history.home
    found: list[IndexedBlock] = []
    while more := read_blocks(home.store, home.chain.chain_id, len(found)):
        found += more
    assert [block.height for block in found] == list(range(1, home.engine.head.height + 1))
    return found


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    with run_cluster() as cluster:
        yield cluster.url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return str(tmp_path / "index.db")
    found: str = request.getfixturevalue("postgres")
    database = IndexDatabase(found)
    with database.engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE; CREATE SCHEMA public"))
    database.close()
    return found


@pytest.fixture
def database(url: str) -> Iterator[IndexDatabase]:
    database = IndexDatabase(url)
    database.open()
    database.clear(GENESIS)
    yield database
    database.close()
