"""Towards being able to pay: the order of steps, and debts that become vouchers."""

from pathlib import Path

import msgspec
import pytest

from chain.client import ChainClient
from chain.data.voucher import decode_voucher, is_signed_by
from chain.keys import Keypair
from router.purchase import purchaser as purchaser_module
from router.purchase.plan import SPARE_DATA_CREDITS, Standing, Step, Wishes, decide_next_step
from router.purchase.voucher_desk import CHAIN_ID, VoucherDesk
from router.store.database import Database, put_meta
from router.store.purchases import buy, put_channel, settle_debts
from tests.unit.router.conftest import RunningRouter, TestChain, run_router
from tests.unit.router.hotspot_client import HotspotClient
from tests.unit.router.sensor import Sensor

ROUTE = ("h:1", "key", ((0, 5),), True)
WISHES = Wishes(grpc="h:1", voucher_key="key", dev_addr_ranges=((0, 5),), channel_data_credits=1000)
RICH = Standing(
    hxt=0,
    data_credits=10_000,
    hxt_price=100_000_000,
    has_faucet=True,
    route=ROUTE,
    available=1000,
    register_fee=500,
    update_fee=9,
    channel_fee=7,
)


def decide(**fields: object) -> Step:
    return decide_next_step(WISHES, msgspec.structs.replace(RICH, **fields)).step


def test_steps_in_their_order() -> None:
    assert decide() is Step.NOTHING
    assert decide(route=None) is Step.REGISTER
    assert decide(route=None, data_credits=0, hxt=10**8) is Step.BURN
    assert decide(route=None, data_credits=0) is Step.ASK_FAUCET
    assert decide(route=None, data_credits=0, has_faucet=False) is Step.WAIT_FOR_TOKENS
    for other in (
        ("h:2", *ROUTE[1:]),
        (ROUTE[0], "old", *ROUTE[2:]),
        (*ROUTE[:2], ((0, 6),), True),
        (*ROUTE[:3], False),
    ):
        assert decide(route=other) is Step.UPDATE_ROUTE
    assert decide(available=249) is Step.OPEN_CHANNEL
    assert decide(available=250) is Step.NOTHING
    assert decide(available=0, data_credits=1006, hxt=10**8) is Step.BURN


def test_the_bond_is_there_before_the_router_registers() -> None:
    bond = 50 * 10**8
    assert decide(route=None, bond_hxt=bond) is Step.ASK_FAUCET
    assert decide(route=None, bond_hxt=bond, hxt=bond - 1) is Step.ASK_FAUCET
    assert decide(route=None, bond_hxt=bond, hxt=bond) is Step.REGISTER
    assert decide(route=None, bond_hxt=bond, hxt=bond, data_credits=0) is Step.ASK_FAUCET
    assert decide(route=None, bond_hxt=bond, hxt=bond + 10**8, data_credits=0) is Step.BURN
    missing = decide_next_step(
        WISHES, msgspec.structs.replace(RICH, route=None, bond_hxt=bond, hxt=7, has_faucet=False)
    )
    assert (missing.step, missing.hxt) == (Step.WAIT_FOR_TOKENS, bond - 7)


def test_what_is_set_aside_and_closed_comes_after_a_funded_channel() -> None:
    assert decide(allot_fee=9, close_fee=9) is Step.ALLOT
    assert decide(close_fee=9) is Step.CLOSE_CHANNEL
    assert decide(available=249, allot_fee=9, close_fee=9) is Step.OPEN_CHANNEL
    assert decide(allot_fee=10_001, hxt=10**8) is Step.BURN
    assert decide(close_fee=10_001) is Step.ASK_FAUCET


def test_a_router_that_has_left_or_cheated_does_nothing() -> None:
    for status in ("retired", "faulted"):
        assert decide(status=status, available=0, allot_fee=1, close_fee=1) is Step.OUT_OF_SERVICE


def test_amounts() -> None:
    burn = decide_next_step(WISHES, msgspec.structs.replace(RICH, available=0, data_credits=7, hxt=10**9))
    assert burn.hxt == (1000 + SPARE_DATA_CREDITS) * 1000  # 1 DC = 0.00001 USD = 1000 base units at 1 USD
    opening = decide_next_step(WISHES, msgspec.structs.replace(RICH, available=-300))
    assert opening.data_credits == 1300, "debts are covered on top"


def test_debts_become_vouchers(tmp_path: Path) -> None:
    database, key = Database(tmp_path / "r.db"), Keypair.generate()
    desk = VoucherDesk(database, key)
    hotspot = Keypair.generate().public_key.binary
    with database.transaction("t") as tx:
        put_meta(tx, CHAIN_ID, "c")
        buy(tx, hotspot, 3, 1)
    assert desk.get_newest(hotspot) == b""
    with database.transaction("t") as tx:
        put_channel(tx, "aa" * 32, 100, True, 1)
        assert settle_debts(tx) == 3
        buy(tx, hotspot, 2, 1)
    signed = decode_voucher(desk.get_newest(hotspot))
    assert is_signed_by(signed, key.public_key.binary)
    assert (signed.voucher.sequence, signed.voucher.total_data_credits, signed.voucher.total_packets) == (
        2,
        5,
        2,
    )
    with database.transaction("t") as tx:
        put_channel(tx, "bb" * 32, 100, True, 2)
        buy(tx, hotspot, 99, 1)
    assert [decode_voucher(raw).voucher.total_data_credits for raw in desk.get_all(hotspot)] == [5, 99]


async def test_a_hotspot_that_comes_back_gets_its_vouchers(router: RunningRouter, chain: TestChain) -> None:
    sensor = Sensor.from_session(bytes.fromhex("01020304"), b"\x0a" * 16, b"\x0b" * 16)
    await router.add_device(name="m", dev_addr="01020304", nwk_s_key="0a" * 16, app_s_key="0b" * 16)
    async with HotspotClient(chain.hotspots[2], router.grpc) as hotspot:
        await hotspot.deliver(sensor.build_uplink())
    async with HotspotClient(chain.hotspots[2], router.grpc) as hotspot:
        await router.log.wait_until(lambda: hotspot.get_promised() == 1)


async def test_a_used_up_channel_closes_and_pays_by_count(
    tmp_path: Path, chain: TestChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever delivers gets its part set aside; the next channel is there in time; the old one ends with what
    its hotspots are owed, claimed or not.
    """
    monkeypatch.setattr(purchaser_module, "LOOK_AGAIN_S", 0.2)
    sensor = Sensor.from_session(bytes.fromhex("01020304"), b"\x0a" * 16, b"\x0b" * 16)
    async with (
        run_router(tmp_path / "router", chain.url, channel_data_credits=40) as router,
        ChainClient(chain.url) as client,
    ):
        await router.log.wait_for("paying", ready=True)
        await router.add_device(name="m", dev_addr="01020304", nwk_s_key="0a" * 16, app_s_key="0b" * 16)
        async with HotspotClient(chain.hotspots[2], router.grpc) as box:
            await box.deliver(sensor.build_uplink(bytes(200), f_cnt=0))
            await router.log.wait_for("allotted")
            for f_cnt in range(1, 6):  # 9 data credits each
                await box.deliver(sensor.build_uplink(bytes(200), f_cnt=f_cnt))
            await router.log.wait_for("closing")
        opened = [entry for entry in router.log.entries if entry["event"] == "channel"]
        first, second = (entry["channel_id"] for entry in opened[:2])
        assert router.log.find("closing", channel_id=first)
        channel = await client.channel(first)
        assert channel is not None and channel.closing_at_ms is not None
        [part] = channel.claims
        assert part.hotspot == chain.hotspots[2].public_key.address
        assert part.allotted_data_credits == channel.allotted_data_credits > 0
        following = await client.channel(second)
        assert following is not None and following.closing_at_ms is None
