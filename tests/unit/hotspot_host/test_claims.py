"""The hotspot's money at the chain: when vouchers are claimed, what is given up, how fraud is reported."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from chain import api
from chain.client import ChainUnavailable, TransactionRefused
from chain.data.voucher import Voucher, encode_voucher, sign_voucher
from chain.keys import Keypair
from chain.ledger.parameters import Parameters
from chain.transactions import ChannelClaim, ChannelDispute
from hotspot_host import claims as claims_module
from hotspot_host.claims import CLAIM_ABOVE, ClaimActor
from hotspot_host.clock import get_wall_ms
from hotspot_host.registration import CannotRegister
from hotspot_host.store.vouchers import Dispute, KeptVoucher

from .conftest import Parts
from .fakes import CHAIN_ID, CHANNEL_ID, wait_for

OWNER, VOUCHER_KEY = Keypair(b"\x01" * 32), Keypair(b"\x02" * 32)
ROUTER = Keypair(b"\x03" * 32).public_key.address
ID = CHANNEL_ID.hex()


class StubChain:
    """One channel, as the test wants it."""

    def __init__(self) -> None:
        self.channels: dict[str, api.Channel] = {}
        self.paid = 0
        self.allotted = 0
        self.most = 10**9
        self.block_time_ms = get_wall_ms()
        self.closing_at_ms: int | None = None
        self.disputed_height: int | None = None
        self.is_known = True
        self.is_away = False
        self.hotspot = ""

    async def channel(self, channel_id: str) -> api.Channel | None:
        if self.is_away:
            raise ChainUnavailable("away")
        if not self.is_known:
            return None
        own = api.ChannelClaim(
            hotspot=self.hotspot, sequence=1, total_data_credits=self.paid, total_packets=1,
            allotted_data_credits=self.allotted,
        )  # fmt: skip
        return api.Channel(
            id=channel_id, router=ROUTER, voucher_key="", data_credits=10**6, claimed_data_credits=0,
            opened_height=1, claims=[own], closing_at_ms=self.closing_at_ms,
            disputed_height=self.disputed_height,
        )  # fmt: skip

    async def status(self) -> Any:
        times = {"block_time_ms": self.block_time_ms, "epoch_ends_at_ms": 2**50, "time_ms": 0}
        return type("Status", (), times)

    async def parameters(self) -> Parameters:
        return Parameters()

    async def hxt_price(self) -> int:
        return 100_000_000


class StubRegistration:
    """Sends; refuses as told."""

    def __init__(self, chain: StubChain) -> None:
        self._chain = chain
        self.sent: list[ChannelClaim | ChannelDispute] = []
        self.refusals: list[Exception] = []

    async def ensure_fee(self) -> None:
        """The owner is rich."""

    async def send(self, body: ChannelClaim | ChannelDispute) -> None:
        if self.refusals:
            raise self.refusals.pop(0)
        self.sent.append(body)
        if isinstance(body, ChannelClaim):
            self._chain.paid = min(body.voucher.voucher.total_data_credits, self._chain.most)


class Desk:
    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.vouchers = parts.vouchers
        self.chain = StubChain()
        self.chain.hotspot = parts.key.public_key.address
        self.registration = StubRegistration(self.chain)
        self.is_registered = True
        self.troubles: list[str] = []
        self.actor = ClaimActor(
            self.chain, self.registration, parts.key, OWNER, parts.vouchers, parts.tally,  # type: ignore[arg-type]
            None, lambda: self.is_registered, self.troubles.append,
        )  # fmt: skip

    def keep(self, total: int, sequence: int = 1) -> None:
        raw = self.make_voucher(total, sequence)
        self.vouchers.settle(ROUTER, b"", 0, KeptVoucher(ID, ROUTER, sequence, total, total, raw))
        self.actor.on_voucher()

    def make_voucher(self, total: int, sequence: int = 1) -> bytes:
        hotspot = self.parts.key.public_key.binary
        voucher = Voucher(CHAIN_ID, CHANNEL_ID, hotspot, sequence, total, total)
        return encode_voucher(sign_voucher(voucher, VOUCHER_KEY))

    def meet_fraud(self) -> None:
        proof = Dispute(ID, ROUTER, self.make_voucher(5), self.make_voucher(6))
        self.vouchers.settle(ROUTER, b"", 0, None, proof)
        self.actor.on_voucher()

    @property
    def said(self) -> str:
        return self.parts.said.getvalue()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.actor.run())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


@pytest.fixture
def desk(parts: Parts) -> Desk:
    return Desk(parts)


async def be_quiet(desk: Desk, condition: Callable[[], bool]) -> None:
    """Wait until something else has happened that comes later, then see that nothing was sent."""
    await wait_for(condition)
    for _ in range(20):
        await asyncio.sleep(0)
    assert desk.registration.sent == []


async def test_a_small_promise_waits_for_the_epochs_end(desk: Desk) -> None:
    desk.keep(CLAIM_ABOVE - 1)
    async with desk.running():
        await be_quiet(desk, lambda: not desk.vouchers.get_unfunded())


async def test_a_large_promise_that_is_set_aside_waits_too(desk: Desk) -> None:
    desk.chain.allotted = 10 * CLAIM_ABOVE
    desk.keep(10 * CLAIM_ABOVE)
    async with desk.running():
        await be_quiet(desk, lambda: not desk.vouchers.get_unfunded())


async def test_a_large_promise_without_cover_is_claimed_at_once(desk: Desk) -> None:
    desk.keep(CLAIM_ABOVE)
    async with desk.running():
        await wait_for(lambda: desk.vouchers.get_claimed_data_credits() == CLAIM_ABOVE)
    assert len(desk.registration.sent) == 1
    assert desk.vouchers.get_balance(ROUTER).uncovered_data_credits == 0


async def test_a_closing_channel_is_claimed_at_once(desk: Desk) -> None:
    desk.chain.closing_at_ms = 2**45
    desk.keep(3)
    async with desk.running():
        await wait_for(lambda: desk.vouchers.get_claimed_data_credits() == 3)


async def test_nothing_is_sent_before_the_hotspot_has_joined(desk: Desk) -> None:
    desk.is_registered = False
    desk.chain.closing_at_ms = 2**45
    desk.keep(3)
    desk.meet_fraud()
    async with desk.running():
        await be_quiet(desk, lambda: desk.vouchers.get_closing_at_ms(ID) > 0)


async def test_what_is_paid_already_is_not_claimed_again(desk: Desk) -> None:
    desk.keep(50)
    desk.chain.paid = 50
    await desk.actor.claim_all()
    assert desk.registration.sent == []
    assert desk.vouchers.get_unclaimed() == []


async def test_an_overdrawn_channel_pays_what_it_has_and_that_is_told(desk: Desk) -> None:
    desk.chain.most = 30
    desk.keep(50)
    await desk.actor.claim_all()
    assert "20 data credits more were promised" in desk.said
    assert desk.vouchers.get_unclaimed() == [], "there is nothing to get by asking again"
    assert desk.parts.tally.get("data_credits_claimed") == 30


@pytest.mark.parametrize("code", ["voucher_stale", "voucher_claims_nothing", "channel_overdrawn"])
async def test_a_claim_that_can_never_succeed_is_given_up(desk: Desk, code: str) -> None:
    desk.keep(50)
    desk.registration.refusals = [TransactionRefused(code, "no")]
    await desk.actor.claim_all()
    assert desk.vouchers.get_unclaimed() == []
    assert "pays nothing more" in desk.said


@pytest.mark.parametrize("code", ["channel_closed", "unknown_channel"])
async def test_a_settled_channel_is_given_up(desk: Desk, code: str) -> None:
    desk.keep(50)
    desk.chain.is_known = False
    desk.registration.refusals = [TransactionRefused(code, "no")]
    await desk.actor.claim_all()
    assert desk.vouchers.get_unclaimed() == []
    assert desk.vouchers.get_claimed_data_credits() == 0
    assert "was settled before" in desk.said


async def test_a_node_that_lags_behind_is_not_believed(desk: Desk) -> None:
    desk.keep(50)
    desk.chain.is_known = False
    desk.chain.block_time_ms -= 2 * claims_module.STALE_NODE_MS
    await desk.actor.claim_all()
    assert desk.registration.sent == []
    assert len(desk.vouchers.get_unclaimed()) == 1


@pytest.mark.parametrize(
    "error",
    [TransactionRefused("fee_not_covered", "no"), CannotRegister("no tokens"), ChainUnavailable("away")],
)
async def test_other_refusals_are_tried_again(desk: Desk, error: Exception) -> None:
    desk.keep(50)
    desk.registration.refusals = [error]
    await desk.actor.claim_all()
    assert len(desk.vouchers.get_unclaimed()) == 1
    assert "claim refused" in desk.said or desk.troubles == ["away"]
    await desk.actor.claim_all()
    assert desk.vouchers.get_unclaimed() == []


# Fraud


async def test_fraud_is_reported_with_both_vouchers(desk: Desk) -> None:
    async with desk.running():
        desk.meet_fraud()
        await wait_for(lambda: not desk.vouchers.get_unreported())
    [body] = desk.registration.sent
    assert isinstance(body, ChannelDispute)
    assert [signed.voucher.total_data_credits for signed in (body.one, body.other)] == [5, 6]
    assert body.payer == OWNER.public_key.binary


async def test_what_the_chain_knows_is_not_reported(desk: Desk) -> None:
    desk.chain.disputed_height = 7
    desk.meet_fraud()
    async with desk.running():
        await wait_for(lambda: not desk.vouchers.get_unreported())
    assert desk.registration.sent == []


@pytest.mark.parametrize("code", ["fault_known", "unknown_channel", "not_equivocation"])
async def test_a_report_that_is_of_no_use_ends(desk: Desk, code: str) -> None:
    desk.meet_fraud()
    desk.registration.refusals = [TransactionRefused(code, "no")]
    async with desk.running():
        await wait_for(lambda: not desk.vouchers.get_unreported())


async def test_a_report_waits_for_the_chain(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims_module, "RETRY_S", 0.01)
    desk.chain.is_away = True
    desk.meet_fraud()
    async with desk.running():
        await wait_for(lambda: len(desk.troubles) > 2)
        assert desk.vouchers.get_unreported()
        desk.chain.is_away = False
        await wait_for(lambda: not desk.vouchers.get_unreported())
