"""Two programs on one folder: a router, a hotspot or a node twice would sign against itself."""

import asyncio
from pathlib import Path

import pytest

from chain.event_lines import EventLines
from chain.store.lock_file import FolderTaken, LockFile
from hotspot_host.service import LOCK_FILE, HotspotService, RunOptions
from hotspot_host.settings import Settings
from router.service import Options, RouterService


def test_the_second_is_refused_until_the_first_lets_go(tmp_path: Path) -> None:
    first = LockFile(tmp_path / "inside" / "x.lock", "node")
    with pytest.raises(FolderTaken, match=f"another node runs on {tmp_path / 'inside'}: stop it first"):
        LockFile(tmp_path / "inside" / "x.lock", "node")
    first.close()
    LockFile(tmp_path / "inside" / "x.lock", "node").close()


def test_a_router_takes_its_folder(tmp_path: Path) -> None:
    lock = LockFile(tmp_path / "router.lock", "router")
    service = RouterService(Options(tmp_path, "http://127.0.0.1:9"), EventLines("router", "router", True))
    with pytest.raises(FolderTaken):
        asyncio.run(service.run())
    assert not (tmp_path / "router.db").exists()
    lock.close()


def test_a_hotspot_takes_its_folder(tmp_path: Path) -> None:
    lock = LockFile(tmp_path / LOCK_FILE, "hotspot")
    settings = Settings(
        port="/dev/null",
        latitude=46.9,
        longitude=7.4,
        gain_dbi=2.0,
        elevation_m=10,
        chain="http://127.0.0.1:9",
        chain_grpc="127.0.0.1:9",
        owner_key=str(tmp_path / "owner.key"),
        region="EU868",
    )
    with pytest.raises(FolderTaken):
        HotspotService(tmp_path, settings, RunOptions())
    lock.close()
