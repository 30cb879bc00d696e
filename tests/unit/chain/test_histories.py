"""Random histories: valid and invalid transactions, restarts, odd times. The books hold and replay agrees."""

from __future__ import annotations

import contextlib
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import h3.api.basic_int as h3
import pytest
from msgspec.structs import replace

from chain.blocks.application import get_open_round
from chain.blocks.bundle import EMPTY_BUNDLE, check_bundle, encode_bundle
from chain.blocks.header import decode_block, encode_block
from chain.blocks.reports import BEACON, WITNESS, ReceivedReport, sign_arrival
from chain.data.voucher import SignedVoucher, Voucher, sign_voucher
from chain.ledger.balances import get_supply
from chain.ledger.conservation import recount
from chain.ledger.process_transaction import process_transaction
from chain.ledger.tables import (
    CHANNEL_CLAIMS,
    CHANNELS,
    DATA_CREDITS,
    HOTSPOTS,
    HXT,
    ROUTERS,
    DevAddrRange,
    EuiFilter,
    get_account,
)
from chain.transactions import (
    Burn,
    ChannelClaim,
    ChannelOpen,
    HotspotAdd,
    InvalidTransaction,
    LocationAssert,
    Payee,
    Payment,
    RouterRegister,
    RouterUpdate,
    TransactionBody,
    encode_transaction,
    get_signers,
    sign_transaction,
    with_required_fee,
)
from tests.unit.chain.home import FAUCET, PRODUCER, Home
from tests.unit.chain.world import make_key

PEOPLE = [FAUCET, *(make_key(n) for n in range(1, 6))]
HOTSPOT_KEYS = [make_key(n) for n in range(11, 15)]
KEYS = {pair.public_key.binary: pair for pair in (*PEOPLE, *HOTSPOT_KEYS)}
CELLS = [0, 1, *(h3.latlng_to_cell(52.5, 13.4 + n / 100, 12) for n in range(3)), h3.latlng_to_cell(1, 1, 9)]


class Author:
    """Makes up transactions: mostly plausible ones, many of them wrong in one way or another."""

    def __init__(self, home: Home, random: Random) -> None:
        self.home = home
        self.random = random
        self.ahead = home.state
        """The state as it will be after what was made up so far."""
        self.context = home.chain.get_context(
            home.state, home.engine.head.height + 1, home.now_ms + 1, get_open_round(home.state)
        )

    def somebody(self) -> bytes:
        return self.random.choice(PEOPLE).public_key.binary

    def some_hotspot(self) -> bytes:
        return self.random.choice(HOTSPOT_KEYS).public_key.binary

    def amount(self) -> int:
        return self.random.choice([0, 1, 999, 1_000, 10**6, 10**9, 10**11, 2**62])

    def make_body(self) -> TransactionBody:
        random = self.random
        payer = random.choice([FAUCET.public_key.binary, self.somebody()])
        head: dict[str, Any] = {"payer": payer, "nonce": 1, "fee": 0}
        owner = random.choice([payer, payer, self.somebody()])
        router: dict[str, Any] = {
            "owner": owner,
            "voucher_key": self.somebody(),
            "grpc": random.choice(["h:1", "h:2", "no address"]),
            "dev_addr_ranges": (DevAddrRange(random.choice([0, 9]), 5),),
            "eui_filters": (EuiFilter(0, 0),),
        }
        match random.randrange(8):
            case 0:
                payees = tuple(Payee(self.somebody(), self.amount()) for _ in range(random.randrange(4)))
                return Payment(**head, payees=payees)
            case 1:
                return Burn(**head, payee=self.somebody(), hxt=self.amount())
            case 2:
                return HotspotAdd(**head, owner=owner, hotspot=self.some_hotspot())
            case 3:
                hotspot = self.some_hotspot()
                row = self.ahead.get(HOTSPOTS, hotspot)
                return LocationAssert(
                    **head,
                    owner=owner if row is None else random.choice([owner, row.owner]),
                    hotspot=hotspot,
                    location=random.choice(CELLS),
                    gain_ddbi=random.choice([0, 12, 200]),
                    elevation_m=random.randrange(100),
                )
            case 4:
                return RouterRegister(**head, **router)
            case 5:
                return RouterUpdate(**head, **router)
            case 6:
                return ChannelOpen(**head, router=owner, data_credits=random.choice([0, 50, 300, 10**5]))
            case _:
                return ChannelClaim(**head, hotspot=self.some_hotspot(), voucher=self.make_voucher())

    def make_voucher(self) -> SignedVoucher:
        random = self.random
        channels = list(self.ahead.iterate(CHANNELS))
        channel_id, key = bytes(32), self.somebody()
        if channels:
            channel_id, channel = random.choice(channels)
            key = random.choice([channel.voucher_key] * 9 + [key])
        voucher = Voucher(
            chain_id=random.choice([self.home.chain.chain_id] * 5 + ["other"]),
            channel_id=channel_id,
            hotspot=self.some_hotspot(),
            sequence=random.randrange(1, 50),
            total_data_credits=random.randrange(100),
            total_packets=random.randrange(50),
        )
        return sign_voucher(voucher, KEYS[key])

    def make_transaction(self) -> bytes:
        body = with_required_fee(self.make_body(), self.home.chain.genesis_parameters)
        if self.random.random() < 0.05:
            body = replace(body, fee=self.random.choice([0, 2**62]))
        nonce = get_account(self.ahead, body.payer).nonce + 1
        if self.random.random() < 0.05:
            nonce += self.random.choice([1, 5]) if nonce == 1 else -1
        body = replace(body, nonce=nonce)
        with contextlib.suppress(InvalidTransaction):
            process_transaction(self.ahead, body, self.context)
        signers = [KEYS[key] for key in get_signers(body)]
        return encode_transaction(sign_transaction(self.home.chain.chain_id, body, signers))

    def make_report(self) -> ReceivedReport:
        kind = self.random.choice([BEACON, WITNESS])
        return sign_arrival(
            self.home.chain.chain_id,
            kind,
            self.random.randbytes(self.random.randrange(60)),
            self.home.now_ms + self.random.randrange(2_000),
            PRODUCER,
        )


def check_books(home: Home) -> None:
    recount(home.state)
    for token in (HXT, DATA_CREDITS):
        supply = get_supply(home.state, token)
        assert supply.minted == supply.burnt + supply.held + supply.locked
    for channel_id, channel in home.state.iterate(CHANNELS):
        claims = sum(row.total_data_credits for _, row in home.state.iterate(CHANNEL_CLAIMS, channel_id))
        assert claims == channel.claimed_data_credits <= channel.data_credits


def count_accepted(home: Home) -> Counter[bool]:
    rows = home.store._reader.execute("SELECT position FROM outcome").fetchall()
    return Counter(position is not None for (position,) in rows)


@pytest.mark.parametrize("seed", range(12))
def test_random_history(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    home = Home(tmp_path)
    for pair in PEOPLE[1:]:  # everybody begins with something
        home.make_block(home.build_payment(pair.public_key.binary, 50 * 10**8))
        burn = Burn(
            payer=pair.public_key.binary, nonce=1, fee=0, payee=pair.public_key.binary, hxt=10 * 10**8
        )
        home.make_block(home.build(burn, pair))
    for _ in range(25):
        author = Author(home, random)
        transactions = [author.make_transaction() for _ in range(random.randrange(50))]
        reports = [author.make_report() for _ in range(random.randrange(3))]
        if random.random() < 0.15:
            home.propose(*transactions, after_ms=random.choice([1, 500]))  # made, then lost in a crash
            home.reopen()
        after_ms = random.choice([1, 1_000, 1_000, 10_000, 45_000])
        home.make_block(*transactions, reports=reports, after_ms=after_ms)
        check_books(home)
    happened = {event.kind for event in home.store.get_events(0, 10**6)}
    assert happened >= {"channel_claimed", "location_asserted", "router_updated", "epoch_closed"}
    accepted = count_accepted(home)
    assert accepted[True] > 40, "the history is too thin to mean anything"
    assert accepted[False] > 20
    assert list(home.state.iterate(HOTSPOTS)) and list(home.state.iterate(ROUTERS))

    replayed = Home(tmp_path, is_producer=False, name="replayed")
    for height in range(1, home.engine.head.height + 1):
        raw = home.store.get_block(height)
        block = decode_block(raw)
        root = block.header.bundle_root
        bundle = check_bundle(home.store.get_bundle(root) or encode_bundle(EMPTY_BUNDLE), root)
        applied = replayed.engine.apply(block, bundle)
        assert encode_block(applied.block) == raw
        replayed.engine.commit(applied)
        if random.random() < 0.1:
            replayed.reopen()
    assert replayed.engine.head == home.engine.head
    assert dict(replayed.store.readable.iterate(b"")) == dict(home.store.readable.iterate(b""))
    assert replayed.store.get_events(0, 10**6) == home.store.get_events(0, 10**6)
    home.store.close()
    replayed.store.close()
