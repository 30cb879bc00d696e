"""The index of a real node: killed at each of its write points, dropped, rebuilt, without its server."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from chain.index.database import IndexDatabase
from tests.unit.chain.process import NodeProcess, init, run_cli
from tests.unit.chain.test_crash import Disk
from tests.unit.index.answers import dump
from tests.unit.index.postgres import run_cluster

WRITE_POINTS = [
    "index.blocks.before_commit:3",
    "index.blocks.in_commit:3",
    "index.blocks.after_commit:3",
]


def wait_until(is_so: Callable[[], Any], what: str) -> None:
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline, f"not after a minute: {what}"
        time.sleep(0.05)


def ask(node: NodeProcess, path: str) -> Any:
    answer = httpx.get(f"{node.url}/v1{path}", trust_env=False, timeout=20)
    assert answer.status_code == 200, answer.text
    return answer.json()


def has_indexed(node: NodeProcess, blocks: int) -> bool:
    figures = ask(node, "/statistics")
    return bool(figures["index_height"] == figures["height"] >= blocks)


def read(url: str) -> dict[str, Any]:
    database = IndexDatabase(url)
    database.open()
    try:
        return dump(database)
    finally:
        database.close()


def environ(url: str, *more: dict[str, str] | None) -> dict[str, str]:
    found = {**os.environ, "HEXHAUL_INDEX": url}
    for environment in more:
        found |= environment or {}
    return found


def pay_some(node: NodeProcess) -> None:
    """Something to index: first tokens for some accounts."""
    from chain.keys import Keypair

    for _ in range(3):
        body = {"address": Keypair.generate().public_key.address}
        assert httpx.post(f"{node.url}/v1/faucet", json=body, trust_env=False).status_code == 202


@pytest.mark.parametrize("point", WRITE_POINTS)
def test_killed_between_it_goes_on(tmp_path: Path, url: str, point: str) -> None:
    """And what it then says is what an index says that was built from the blocks at once."""
    disk = Disk(tmp_path)
    init(disk.folder, "--round-seconds", "1", "--epoch-seconds", "2")
    environment = environ(url, disk.environment)
    with NodeProcess(disk.folder, kill_at=point, environment=environment) as node:
        node.wait_ready()
        assert node.wait_dead() == -signal.SIGKILL
    disk.cut_power()
    with NodeProcess(disk.folder, environment=environ(url)) as node:
        pay_some(node)
        wait_until(lambda: has_indexed(node, 6), "six blocks in the index")
        assert node.stop() == 0
    before = read(url)
    assert len(before["transactions"]) == 3
    done = run_cli("index", "rebuild", "--data-dir", str(disk.folder), HEXHAUL_INDEX=url)
    assert done.returncode == 0, done.stderr
    assert f"{before['height']:,} blocks" in done.stdout
    assert read(url) == before


def test_dropped_under_a_running_node(tmp_path: Path, url: str) -> None:
    init(tmp_path / "chain", "--round-seconds", "1", "--epoch-seconds", "2")
    words = ("--data-dir", str(tmp_path / "chain"))
    with NodeProcess(tmp_path / "chain", environment=environ(url)) as node:
        pay_some(node)
        wait_until(lambda: has_indexed(node, 5), "five blocks in the index")
        blocks, transactions = ask(node, "/blocks")["items"], ask(node, "/transactions")["items"]
        busy = run_cli("index", "rebuild", *words, HEXHAUL_INDEX=url)
        assert busy.returncode == 1 and "rebuilds by itself" in busy.stderr
        done = run_cli("index", "drop", *words, HEXHAUL_INDEX=url)
        assert "the node that runs fills it again" in done.stdout
        wait_until(lambda: has_indexed(node, blocks[0]["height"]), "all blocks in the index again")
        again = [block for block in ask(node, "/blocks")["items"] if block["height"] <= blocks[0]["height"]]
        assert again == blocks
        assert ask(node, "/transactions")["items"] == transactions
        status = run_cli("index", "status", *words, "--json", HEXHAUL_INDEX=url)
        assert '"is_of_this_chain": true' in status.stdout
        assert node.stop() == 0
    done = run_cli("index", "drop", *words, HEXHAUL_INDEX=url)
    assert "builds it anew when it starts" in done.stdout
    with NodeProcess(tmp_path / "chain", environment=environ(url)) as node:
        wait_until(lambda: has_indexed(node, blocks[0]["height"]), "the index built anew")
        assert ask(node, "/transactions")["items"] == transactions


def test_a_server_that_goes_and_comes_back(tmp_path: Path) -> None:
    """Without its database the index is late and says so; the chain goes on."""
    init(tmp_path / "chain", "--round-seconds", "1", "--epoch-seconds", "2")
    with (
        run_cluster() as cluster,
        NodeProcess(tmp_path / "chain", environment=environ(cluster.url)) as node,
    ):
        wait_until(lambda: has_indexed(node, 2), "two blocks in the index")
        cluster.stop()
        height = ask(node, "/producer") and ask(node, "/supply")["height"]
        wait_until(lambda: ask(node, "/supply")["height"] > height + 1, "more blocks without the index")
        answer = httpx.get(f"{node.url}/v1/blocks", trust_env=False, timeout=30)
        assert answer.status_code == 503
        assert answer.json()["error"]["code"] == "index_unavailable"
        assert "secret" not in answer.text and "Traceback" not in answer.text
        cluster.start()
        wait_until(lambda: _answers(node) and has_indexed(node, height + 2), "the index caught up")
        assert node.stop() == 0


def _answers(node: NodeProcess) -> bool:
    answer = httpx.get(f"{node.url}/v1/statistics", trust_env=False, timeout=30)
    return answer.status_code == 200


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "--index", "mysql://x/y"), "mysql is not known here"),
        (("run", "--index", "postgresql://me:secret@127.0.0.1:9/x"), "index postgresql"),
        (("index", "status", "--index", "/proc/no/index.db"), "unable to open"),
        (("index", "rebuild",), "has no chain yet"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_line(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    init(tmp_path)
    ports = ("--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0") if words[0] == "run" else ()
    done = run_cli(*words, "--data-dir", str(tmp_path), *ports)
    assert done.returncode == 1
    assert said in done.stderr
    assert "secret" not in done.stderr and "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_no_network_is_said(tmp_path: Path) -> None:
    for word in ("status", "drop", "rebuild"):
        done = run_cli("index", word, "--data-dir", str(tmp_path / "nothing"))
        assert done.returncode == 1
        assert "holds no network" in done.stderr
