"""A town's node, served; shared by the tests of a file."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from chain.node.client_limits import Rates
from chain.node.http_api import ApiSettings
from tests.unit.explorer.stage import Stage


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    # One request a second from elsewhere: tests that want to be refused needn't be quick.
    settings = ApiSettings(rates=Rates(others=1))
    stage = Stage(tmp_path_factory.mktemp("chain"), rounds=4, settings=settings)
    yield stage
    stage.stop()


@pytest.fixture
def http(stage: Stage) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stage.url, trust_env=False, timeout=20) as client:
        yield client
