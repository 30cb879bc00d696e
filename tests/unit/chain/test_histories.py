"""Random histories: valid and invalid transactions, restarts, odd times. The books hold and replay agrees."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random

import pytest

from chain.blocks.bundle import EMPTY_BUNDLE, Bundle, check_bundle, encode_bundle
from chain.blocks.header import decode_block, encode_block
from chain.ledger.balances import get_supply
from chain.ledger.conservation import recount
from chain.ledger.state_tree import StateTree
from chain.ledger.tables import (
    CHANNEL_CLAIMS,
    CHANNELS,
    DATA_CREDITS,
    HXT,
)
from tests.unit.chain.author import Author, fund_everybody, make_history_genesis
from tests.unit.chain.home import Home


def check_books(home: Home) -> None:
    recount(home.state)
    for token in (HXT, DATA_CREDITS):
        supply = get_supply(home.state, token)
        assert supply.minted == supply.burnt + supply.held + supply.locked
    for channel_id, channel in home.state.iterate(CHANNELS):
        claims = sum(row.total_data_credits for _, row in home.state.iterate(CHANNEL_CLAIMS, channel_id))
        assert claims == channel.claimed_data_credits <= channel.data_credits


def count_outcomes(home: Home) -> tuple[int, Counter[str]]:
    """How many transactions got in, and why the others did not."""
    rows = home.store._reader.execute("SELECT position, code FROM outcome").fetchall()
    included = sum(position is not None for position, _ in rows)
    return included, Counter(code for position, code in rows if position is None)


def get_bundle(home: Home, root: bytes) -> Bundle:
    return check_bundle(home.store.get_bundle(root) or encode_bundle(EMPTY_BUNDLE), root)


@pytest.mark.parametrize("seed", range(12))
def test_random_history(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    genesis = make_history_genesis()
    home = Home(tmp_path, genesis)
    bundles: list[Bundle] = []
    fund_everybody(home)
    bundles += [EMPTY_BUNDLE] * home.engine.head.height
    for _ in range(25):
        author = Author(home, random)
        transactions = [author.make_transaction() for _ in range(random.randrange(50))]
        reports = [author.make_report() for _ in range(random.randrange(3))]
        if random.random() < 0.15:
            home.propose(*transactions, after_ms=random.choice([1, 500]))  # made, then lost in a crash
            home.reopen()
        after_ms = random.choice([1, 1_000, 1_000, 10_000, 45_000])
        applied = home.make_block(*transactions, reports=reports, after_ms=after_ms)
        bundles.append(applied.bundle)
        assert get_bundle(home, applied.block.header.bundle_root) == applied.bundle
        check_books(home)
    assert home.engine.head.state_root == StateTree.build(home.store.readable.iterate(b"")).root
    happened = {event.kind for event in home.store.get_events(0, 10**6)}
    assert happened >= {"hotspot_added", "epoch_closed"}
    included, refused = count_outcomes(home)
    assert included > 40, "the history is too thin to mean anything"
    assert refused.total() > 20 and "internal_error" not in refused

    replayed = Home(tmp_path, genesis, is_producer=False, name="replayed")
    for height in range(1, home.engine.head.height + 1):
        raw = home.store.get_block(height)
        assert raw is not None
        applied = replayed.engine.apply(decode_block(raw), bundles[height - 1])
        assert encode_block(applied.block) == raw
        replayed.engine.commit(applied)
        if random.random() < 0.1:
            replayed.reopen()
    assert replayed.engine.head == home.engine.head
    assert dict(replayed.store.readable.iterate(b"")) == dict(home.store.readable.iterate(b""))
    assert replayed.store.get_events(0, 10**6) == home.store.get_events(0, 10**6)
    home.store.close()
    replayed.store.close()


def test_histories_use_what_there_is(tmp_path: Path) -> None:
    """All kinds of transactions are made up, and what can succeed does so in some history."""
    random = Random(99)
    home = Home(tmp_path, make_history_genesis())
    fund_everybody(home)
    for _ in range(60):
        author = Author(home, random)
        home.make_block(
            *[author.make_transaction() for _ in range(60)], after_ms=random.choice([1_000, 9_000])
        )
    happened = {event.kind for event in home.store.get_events(0, 10**6)}
    included, refused = count_outcomes(home)
    assert happened >= {
        "burn", "channel_claimed", "channel_opened", "coverage_requested", "hotspot_added",
        "hotspot_transferred", "location_asserted", "parameters_changed", "payment", "price_reported",
        "reward_earned", "router_registered", "validator_staked",
    }  # fmt: skip
    assert included > 200
    assert len(refused) > 30 and "internal_error" not in refused and "not_in_force" not in refused
    home.store.close()
