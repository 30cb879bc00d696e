"""One town for all tests that only look, so that the suite stays short."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.integration.network import Network, running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Network]:
    """Three hotspots and two sensors at the fastest lawful pace: rounds of 20 s, epochs of 80 s."""
    data_dir: Path = tmp_path_factory.mktemp("town") / "data"
    async with running(data_dir, "--pace", "1.5") as network:
        yield network
