"""One history on two stores: one that lives in peace, one that is killed again and again and loses its power.
At each height both have the same state root, and nothing that was committed is lost.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from random import Random

import msgspec
import pytest

from chain.blocks.bundle import encode_bundle
from chain.blocks.header import encode_block
from chain.store.chain_store import ChainStore
from tests.power_cut import get_missing_tool
from tests.power_cut.stage import Stage, Trial
from tests.unit.chain.author import Author, fund_everybody, make_history_genesis
from tests.unit.chain.follow_story import History
from tests.unit.chain.home import Home

pytestmark = pytest.mark.skipif(get_missing_tool() is not None, reason=get_missing_tool() or "")

#: Those of the first state; the block's own are passed at every block.
WRITE_POINTS = [
    "chain.state.before_commit",
    "chain.state.in_commit",
    "chain.state.after_commit",
]
BLOCK_POINTS = ["chain.block.before_commit", "chain.block.in_commit", "chain.block.after_commit"]
BLOCKS = 30


class Peaceful:
    """The history as the undisturbed node made it."""

    def __init__(self, folder: Path) -> None:
        self.random = Random(4)
        self.genesis = make_history_genesis()
        self.home = Home(folder, self.genesis)
        self.blocks: list[tuple[bytes, bytes]] = []
        self.roots = [self.home.engine.head.state_root.hex()]
        fund_everybody(self.home)
        for height in range(1, self.home.engine.head.height + 1):
            raw = self.home.store.get_block(height)
            assert raw is not None
            self.blocks.append((raw, b"\x91\x90"))
            self.roots.append(msgspec.msgpack.decode(raw)[0][9].hex())
        while len(self.blocks) < BLOCKS:
            self._make_block()
        self.path = folder / "history"
        self.path.write_bytes(msgspec.msgpack.encode(History(self.genesis, self.blocks)))

    def _make_block(self) -> None:
        author = Author(self.home, self.random)
        applied = self.home.make_block(
            *[author.make_transaction() for _ in range(20)],
            reports=[author.make_report() for _ in range(2)],
            after_ms=self.random.choice([1_000, 5_000, 12_000]),
        )
        self.blocks.append((encode_block(applied.block), encode_bundle(applied.bundle)))
        self.roots.append(applied.head.state_root.hex())


@pytest.fixture(scope="module")
def peaceful(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peaceful]:
    peaceful = Peaceful(tmp_path_factory.mktemp("peaceful"))
    yield peaceful
    peaceful.home.store.close()


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, peaceful: Peaceful) -> Iterator[Stage]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEXHAUL_HISTORY", str(peaceful.path))
        with Stage("tests.unit.chain.follow_story", tmp_path_factory.mktemp("stage")) as opened:
            yield opened


def check_told(trial: Trial, peaceful: Peaceful) -> None:
    """Every height that was told had its root, and after each start nothing told before was missing."""
    told = -1
    for line in trial.outside.lines:
        assert line["root"] == peaceful.roots[line["height"]]
        if line["kind"] == "opened":
            assert line["height"] >= told
        told = line["height"]


def check_end(trial: Trial, peaceful: Peaceful) -> None:
    check_told(trial, peaceful)
    store = ChainStore(trial.disk / "chain.db")
    with store.open_view() as view:
        assert view.head == peaceful.home.engine.head
        assert dict(view.iterate_all()) == dict(peaceful.home.store.readable.iterate(b""))
    assert [store.get_block(height) for height in range(1, BLOCKS + 1)] == [raw for raw, _ in peaceful.blocks]
    assert store.get_events(0, 10**6) == peaceful.home.store.get_events(0, 10**6)
    store.close()


@pytest.mark.parametrize("point", [*WRITE_POINTS, *(f"{point}:{BLOCKS // 2}" for point in BLOCK_POINTS)])
def test_killed_at_a_write_point(stage: Stage, peaceful: Peaceful, tmp_path: Path, point: str) -> None:
    trial = Trial(stage, tmp_path)
    assert trial.play(kill_at=point) == -signal.SIGKILL, trial.errors
    trial.cut_power()
    assert trial.play() == 0, trial.errors
    check_end(trial, peaceful)


@pytest.mark.parametrize("seed", range(4))
def test_killed_again_and_again(stage: Stage, peaceful: Peaceful, tmp_path: Path, seed: int) -> None:
    random, trial = Random(seed), Trial(stage, tmp_path)
    deaths = 0
    while True:
        point = f"{random.choice(BLOCK_POINTS)}:{random.randrange(1, 8)}"
        code = trial.play(kill_at=point)
        if code == 0:
            break
        assert code == -signal.SIGKILL, trial.errors
        deaths += 1
        trial.cut_power()
    assert deaths >= 3
    check_end(trial, peaceful)


def test_without_syncing_something_is_lost(stage: Stage, peaceful: Peaceful, tmp_path: Path) -> None:
    """Or the tests above would prove nothing."""
    trial = Trial(stage, tmp_path)
    assert trial.play(kill_at=f"chain.block.after_commit:{BLOCKS - 1}", sync=False) == -signal.SIGKILL
    assert trial.cut_power() > 0
    told = max(line["height"] for line in trial.outside.lines)
    trial.play()
    opened = [line["height"] for line in trial.outside.get("opened")]
    assert len(opened) == 1 or opened[1] < told
