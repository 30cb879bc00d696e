"""This router's channels: what the chain says of them, and what it is asked to do with them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from chain import api
from chain.client import TransactionRefused
from chain.keys import Keypair, PublicKey
from chain.ledger.parameters import Parameters
from chain.transactions.types import ChannelAllot, ChannelClose
from router.purchase.channels import ChannelKeeper
from router.purchase.plan import Step, Wishes
from router.purchase.purchaser import Purchaser
from router.store.database import Database
from router.store.purchases import (
    Channel,
    buy,
    get_allotted,
    list_channels,
    list_totals,
    put_channel,
    stop_buying,
)

OWNER = Keypair(b"\x08" * 32)
HOTSPOTS = [Keypair(bytes([n]) * 32).public_key for n in (1, 2, 3)]
ID = "aa" * 32


class StubChain:
    """Channels as the test wants them; time stands where it is put."""

    def __init__(self) -> None:
        self.listed: list[api.Channel] = []
        self.block_time_ms = 1000
        self.looks = 0

    async def channels(self, router: str | None = None) -> list[api.Channel]:
        assert router == OWNER.public_key.address
        self.looks += 1
        return self.listed

    async def status(self) -> Any:
        return type("Status", (), {"block_time_ms": self.block_time_ms})


def make_channel(id: str = ID, **changes: Any) -> api.Channel:
    channel = api.Channel(
        id=id, router=OWNER.public_key.address, voucher_key="", data_credits=1000, claimed_data_credits=0,
        opened_height=1, claims=[],
    )  # fmt: skip
    return replace(channel, **changes)


def make_claim(hotspot: PublicKey, claimed: int = 0, allotted: int = 0) -> api.ChannelClaim:
    return api.ChannelClaim(
        hotspot=hotspot.address, sequence=1, total_data_credits=claimed, total_packets=claimed,
        allotted_data_credits=allotted,
    )  # fmt: skip


class Desk:
    def __init__(self, folder: Path) -> None:
        self.database = Database(folder / "r.db")
        self.chain = StubChain()
        self.keeper = ChannelKeeper(self.chain, self.database, OWNER.public_key, lambda *_, **__: None)
        with self.database.transaction("t") as tx:
            put_channel(tx, ID, 1000, True, 1)
            buy(tx, HOTSPOTS[0].binary, 5, 2)
        self.chain.listed = [make_channel()]

    async def look(self) -> None:
        self.keeper.look_soon()
        await self.keeper.look()

    @property
    def channels(self) -> list[Channel]:
        return list_channels(self.database.read())


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.database.close()


async def test_it_allots_where_it_buys_and_learns_from_the_chain_that_it_did(desk: Desk) -> None:
    await desk.look()
    body = desk.keeper.make_allotment()
    assert body is not None
    assert [(part.hotspot, part.data_credits) for part in body.allotments] == [(HOTSPOTS[0].binary, 25)]
    assert desk.keeper.make_allotment() == body, "not sent, or not known to be: the same once more"
    desk.chain.listed = [make_channel(claims=[make_claim(HOTSPOTS[0], allotted=25)])]
    await desk.look()
    assert get_allotted(desk.database.read(), ID) == {HOTSPOTS[0].binary: 25}
    assert desk.keeper.make_allotment() is None


async def test_it_does_not_ask_all_the_time(desk: Desk) -> None:
    for _ in range(5):
        await desk.keeper.look()
    assert desk.chain.looks == 1


async def test_a_used_up_channel_is_closed_with_counts_for_who_has_not_claimed(desk: Desk) -> None:
    with desk.database.transaction("t") as tx:
        buy(tx, HOTSPOTS[1].binary, 7, 3)
    desk.chain.listed = [make_channel(claims=[make_claim(HOTSPOTS[0], claimed=5)])]
    await desk.look()
    assert desk.keeper.make_close() is None
    with desk.database.transaction("t") as tx:
        stop_buying(tx, ID)
    body = desk.keeper.make_close()
    assert body is not None
    assert [(part.hotspot, part.data_credits, part.packets) for part in body.counts] == [
        (HOTSPOTS[1].binary, 7, 3)
    ]
    desk.chain.listed = [make_channel(closing_at_ms=5000)]
    await desk.look()
    assert desk.keeper.make_close() is None
    assert [channel.closing_at_ms for channel in desk.channels] == [5000]


async def test_a_channel_that_closes_by_itself_gets_no_more_promises(desk: Desk) -> None:
    desk.chain.listed = [make_channel(closing_at_ms=5000)]
    await desk.look()
    assert [channel.is_open for channel in desk.channels] == [False]
    assert desk.keeper.make_allotment() is None


async def test_a_settled_channel_is_forgotten_but_not_one_that_the_node_does_not_know_yet(desk: Desk) -> None:
    desk.chain.listed = []
    desk.chain.block_time_ms = 10**12
    await desk.look()
    assert [channel.is_open for channel in desk.channels] == [False], "no promises on what isn't there"
    assert list_totals(desk.database.read()), "but what was promised is not forgotten"
    desk.chain.listed = [make_channel(closing_at_ms=10**12 + 5)]
    await desk.look()
    desk.chain.listed = []
    await desk.look()
    assert desk.channels, "its time isn't over"
    desk.chain.block_time_ms += 5
    await desk.look()
    assert not desk.channels and not list_totals(desk.database.read())


async def test_channels_of_which_the_chain_knows_nothing_are_neither_allotted_nor_closed(desk: Desk) -> None:
    desk.chain.listed = [make_channel("bb" * 32)]
    await desk.look()
    assert desk.keeper.make_allotment() is None
    assert desk.keeper.make_close() is None


async def test_one_refused_hotspot_does_not_stop_the_others(desk: Desk) -> None:
    with desk.database.transaction("t") as tx:
        for hotspot in HOTSPOTS[1:]:
            buy(tx, hotspot.binary, 5, 2)
    await desk.look()
    retired = sorted(key.binary for key in HOTSPOTS)[0]
    allotted: set[bytes] = set()
    for _ in range(8):
        body = desk.keeper.make_allotment()
        if body is None:
            break
        parts = {part.hotspot: part.data_credits for part in body.allotments}
        if retired in parts:
            desk.keeper.note_refused(body)
            continue
        allotted |= set(parts)
        had = desk.chain.listed[0].claims
        more = [make_claim(PublicKey(hotspot), allotted=amount) for hotspot, amount in parts.items()]
        desk.chain.listed = [make_channel(claims=[*had, *more])]
        await desk.look()
    assert allotted == {key.binary for key in HOTSPOTS} - {retired}


async def test_a_refused_close_waits_for_the_next_look(desk: Desk) -> None:
    await desk.look()
    with desk.database.transaction("t") as tx:
        stop_buying(tx, ID)
    body = desk.keeper.make_close()
    assert body is not None
    desk.keeper.note_refused(body)
    assert desk.keeper.make_close() is None


class RefusingChain(StubChain):
    """Takes nothing of this router's; its route says why, or not."""

    def __init__(self, status: str) -> None:
        super().__init__()
        self.route = api.Route(
            router=OWNER.public_key.address, grpc="h:1", voucher_key="key", dev_addr_ranges=[],
            eui_filters=[api.EuiFilter(join_eui="00" * 8, dev_eui="00" * 8)], updated_height=1,
            status=status,  # type: ignore[arg-type]
        )  # fmt: skip
        self.listed = [make_channel()]

    async def network(self) -> Any:
        return type("Network", (), {"chain_id": "c", "has_faucet": False})

    async def parameters(self) -> Parameters:
        return Parameters()

    async def hxt_price(self) -> int:
        return 100_000_000

    async def account(self, address: str) -> api.Account:
        return api.Account(address=address, hxt=10**12, data_credits=10**9, nonce=0, next_nonce=1)

    async def routes(self) -> list[api.Route]:
        return [self.route]

    async def send(self, body: object, *_: object, **__: object) -> str:
        assert isinstance(body, ChannelAllot | ChannelClose)
        raise TransactionRefused("hotspot_retired", "no")


@pytest.mark.parametrize(
    ("status", "steps"),
    [
        ("active", [Step.ALLOT, Step.NOTHING]),
        ("retired", [Step.OUT_OF_SERVICE]),
        ("faulted", [Step.OUT_OF_SERVICE]),
    ],
)
async def test_a_router_that_is_refused_goes_on(tmp_path: Path, status: str, steps: list[Step]) -> None:
    database, chain, said = Database(tmp_path / "r.db"), RefusingChain(status), []
    wishes = Wishes(grpc="h:1", voucher_key="key", dev_addr_ranges=(), channel_data_credits=1000)
    purchaser = Purchaser(
        chain, database, OWNER, wishes, OWNER.public_key.binary,  # type: ignore[arg-type]
        lambda kind, text, **_: said.append((kind, text)), lambda: None,
    )  # fmt: skip
    purchaser._note_chain("c")
    with database.transaction("t") as tx:
        put_channel(tx, ID, 1000, True, 1)
        buy(tx, HOTSPOTS[0].binary, 5, 2)
    assert [(await purchaser.take_step()).step for _ in steps] == steps
    assert said
    database.close()
