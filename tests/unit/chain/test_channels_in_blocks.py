"""Data channels over whole blocks: what is due happens at a block's end, also of one that closes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from chain.ledger.bonds import BONDS
from chain.ledger.tables import CHANNELS, DevAddrRange, get_account
from chain.transactions import (
    Burn,
    ChannelClose,
    ChannelOpen,
    HotspotAdd,
    HotspotCredits,
    RouterRegister,
    RouterRetire,
)
from tests.unit.chain.home import FAUCET, Home, make_genesis, make_parameters
from tests.unit.chain.world import make_key

OWNER, HOTSPOT = make_key(1), make_key(2)
ME, BOX = FAUCET.public_key.binary, HOTSPOT.public_key.binary


def make_home(folder: Path, name: str = "chain", **changes: int) -> Home:
    return Home(folder, make_genesis(make_parameters(**changes)), name=name)


def open_channel(home: Home) -> bytes:
    """A router of the faucet's key, a hotspot, and a channel of 500."""
    head: dict[str, Any] = {"payer": ME, "nonce": 1, "fee": 0}
    home.make_block(home.build(Burn(**head, payee=ME, hxt=10**8), FAUCET))
    home.make_block(home.build(HotspotAdd(**head, owner=ME, hotspot=BOX, capability=1), FAUCET, HOTSPOT))
    register = RouterRegister(
        **head, owner=ME, voucher_key=ME, grpc="h:1", dev_addr_ranges=(DevAddrRange(0, 1),), eui_filters=()
    )
    home.make_block(home.build(register, FAUCET))
    home.make_block(home.build(ChannelOpen(**head, router=ME, data_credits=500), FAUCET))
    [(channel_id, _)] = home.state.iterate(CHANNELS)
    return channel_id


def get_kinds(home: Home, height: int) -> list[str]:
    return [event.kind for event in home.store.get_events(0, 10**6) if event.height == height]


def test_a_block_that_closes_no_round_settles_a_channel(tmp_path: Path) -> None:
    home = make_home(tmp_path, channel_claim_window_ms=2_000)
    channel_id = open_channel(home)
    before = get_account(home.state, ME).data_credits
    close = ChannelClose(
        payer=ME, nonce=1, fee=0, router=ME, channel_id=channel_id, counts=(HotspotCredits(BOX, 120, 60),)
    )
    home.make_block(home.build(close, FAUCET))
    fee = before - get_account(home.state, ME).data_credits
    row = home.state.get(CHANNELS, channel_id)
    assert row is not None
    while home.state.get(CHANNELS, channel_id) is not None:
        assert home.now_ms < row.closing_at_ms
        home.make_block(after_ms=1_000)
    kinds = get_kinds(home, home.engine.head.height)
    assert kinds[:2] == ["channel_counted", "channel_settled"]
    assert get_account(home.state, ME).data_credits == before - fee + 380
    home.store.close()


def test_counts_are_paid_into_the_epoch_that_ends(tmp_path: Path) -> None:
    """The block that settles it is also the first one of the next epoch: settled first, then paid."""
    home = make_home(tmp_path, channel_claim_window_ms=2_000)
    channel_id = open_channel(home)
    close = ChannelClose(
        payer=ME, nonce=1, fee=0, router=ME, channel_id=channel_id, counts=(HotspotCredits(BOX, 120, 60),)
    )
    home.make_block(home.build(close, FAUCET))
    home.make_block(after_ms=60_000)
    kinds = get_kinds(home, home.engine.head.height)
    assert kinds.index("channel_settled") < kinds.index("epoch_closed")
    [closed] = [event for event in home.store.get_events(0, 10**6) if event.kind == "epoch_closed"]
    assert closed.fields["data_credits"] == 120
    home.store.close()


def test_an_old_channel_closes_by_itself(tmp_path: Path) -> None:
    home = make_home(tmp_path, channel_claim_window_ms=2_000, channel_max_epochs=1)
    channel_id = open_channel(home)
    home.make_block(after_ms=31_250)
    assert "channel_closing" in get_kinds(home, home.engine.head.height)
    home.reopen()
    home.make_block(after_ms=3_250)
    assert "channel_settled" in get_kinds(home, home.engine.head.height)
    assert home.state.get(CHANNELS, channel_id) is None
    home.store.close()


def test_a_bond_comes_free_with_the_epoch(tmp_path: Path) -> None:
    home = make_home(
        tmp_path, channel_claim_window_ms=1_000, evidence_epochs=1, unbonding_epochs=4, router_bond_hxt=77
    )
    channel_id = open_channel(home)
    close = ChannelClose(payer=ME, nonce=1, fee=0, router=ME, channel_id=channel_id)
    home.make_block(home.build(close, FAUCET))
    home.make_block(after_ms=3_000)
    home.make_block(home.build(RouterRetire(payer=ME, nonce=1, fee=0, owner=ME), FAUCET))
    [bond] = [bond for _, bond in home.state.iterate(BONDS)]
    assert (bond.hxt, bond.free_epoch) == (77, 4)
    home.make_block(after_ms=90_000)
    assert list(home.state.iterate(BONDS))
    home.make_block(after_ms=30_000)
    assert not list(home.state.iterate(BONDS))
    assert "bond_released" in get_kinds(home, home.engine.head.height)
    home.store.close()
