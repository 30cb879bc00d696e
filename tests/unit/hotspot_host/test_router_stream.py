"""The stream to a router, over real gRPC."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from msgspec.structs import replace

from chain.data.voucher import decode_voucher, encode_voucher, sign_voucher
from chain.keys import Keypair
from chain.wire import packet_router_pb2 as wire
from hardware.lora.regions import get_region
from hotspot_host.clock import get_wall_us
from hotspot_host.forwarder import router_stream as stream_module
from hotspot_host.forwarder.downlinks import DownlinkActor
from hotspot_host.forwarder.receipts import BadVoucher, check_voucher
from hotspot_host.forwarder.router_stream import RouterStream
from hotspot_host.forwarder.routers import RouterPool
from hotspot_host.forwarder.routes import Route

from .conftest import Parts, make_data_frame, make_join_request, make_reception
from .fakes import CHAIN_ID, CHANNEL_ID, FakeRouter, running_router, wait_for
from .test_downlinks import FakeRadio, make_downlink


class Post:
    """A pool with its streams, as the service has it."""

    def __init__(self, parts: Parts, float_limit: int = 100, receipt_timeout_s: float = 20.0) -> None:
        self.parts = parts
        self.radio = FakeRadio()
        self.vouchers_came = 0
        self.downlinks = DownlinkActor(
            get_region("EU868"), 20, parts.airtime, lambda _: self.radio, parts.tally, get_wall_us
        )
        self.float_limit = float_limit
        self.receipt_timeout_s = receipt_timeout_s
        self.uncovered_limit = stream_module.UNCOVERED_LIMIT
        self.pool = RouterPool(parts.database, parts.spool, parts.tally, self.make_stream)
        parts.intake.on_spooled = self.pool.on_spooled

    def make_stream(self, route: Route) -> RouterStream:
        return RouterStream(
            route, self.parts.key, lambda: CHAIN_ID, self.parts.vouchers, self.downlinks, self.parts.tally,
            self.float_limit, self.count_voucher, self.receipt_timeout_s, self.uncovered_limit,
        )  # fmt: skip

    def count_voucher(self) -> None:
        self.vouchers_came += 1

    def take(self, *numbers: int) -> None:
        self.parts.intake.take([make_reception(make_data_frame(number), number) for number in numbers])


@asynccontextmanager
async def running_post(post: Post, *routes: Route) -> AsyncIterator[Post]:
    tasks = [asyncio.create_task(post.pool.run()), asyncio.create_task(post.downlinks.run())]
    if routes:
        post.pool.set_routes(routes)
    try:
        yield post
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture(autouse=True)
def quick_back_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "BACK_OFF_FIRST_S", 0.05)
    monkeypatch.setattr(stream_module, "BACK_OFF_LAST_S", 0.2)


async def test_packets_arrive_in_order_signed_by_the_session_and_leave_the_spool(parts: Parts) -> None:
    async with running_router() as router, running_post(Post(parts), router.route_entry) as post:
        post.take(*range(1, 101))
        await wait_for(lambda: len(parts.spool) == 0)
        assert router.payloads == [make_data_frame(number) for number in range(1, 101)]
        assert router.problems == []
        register = router.registers[0]
        assert register.session_capable and register.receipts
        assert register.gateway == parts.key.public_key.binary
        assert parts.vouchers.get_balance(router.owner.public_key.address).bought_packets == 100
        assert post.vouchers_came == 100


async def test_a_router_without_sessions_gets_packets_signed_by_the_hotspot(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_module, "OFFER_TIMEOUT_S", 0.1)
    async with running_router() as router:
        router.offers = False
        async with running_post(Post(parts), router.route_entry) as post:
            post.take(1)
            await wait_for(lambda: len(parts.spool) == 0)
            assert router.problems == []


async def test_unanswered_packets_are_sent_again_after_the_router_restarts(parts: Parts) -> None:
    async with running_router() as router:
        router.answers = False
        async with running_post(Post(parts), router.route_entry) as post:
            post.take(1, 2, 3)
            await wait_for(lambda: len(router.packets) == 3)
            await router.stop()
            await wait_for(lambda: "lost" in parts.said.getvalue())
            post.take(4)
            assert len(parts.spool) == 4
            router.answers = True
            await router.start()
            await wait_for(lambda: len(parts.spool) == 0)
            assert router.payloads[3:] == [make_data_frame(number) for number in (1, 2, 3, 4)]
            assert router.problems == []


async def test_a_stream_without_receipts_is_given_up_and_made_anew(parts: Parts) -> None:
    async with running_router() as router:
        router.answers = False
        async with running_post(Post(parts, receipt_timeout_s=0.2), router.route_entry) as post:
            post.take(1)
            await wait_for(lambda: len(router.packets) >= 2)
            router.answers = True
            await wait_for(lambda: len(parts.spool) == 0)
            assert len(router.registers) >= 2
            assert set(router.payloads) == {make_data_frame(1)}


async def test_what_was_spooled_before_a_restart_goes_out_by_the_kept_routes(parts: Parts) -> None:
    async with running_router() as router:
        async with running_post(Post(parts), router.route_entry) as post:
            post.take(1)
            await wait_for(lambda: len(parts.spool) == 0)
        await router.stop()
        post.take(2)
        parts.reopen()
        await router.start()
        async with running_post(Post(parts)):  # the chain is away
            await wait_for(lambda: len(router.packets) == 2)


async def test_packets_that_no_router_wants_are_dropped_only_by_a_fresh_table(parts: Parts) -> None:
    async with running_post(Post(parts)) as post:
        post.take(1)
        await asyncio.sleep(0)
        assert len(parts.spool) == 1
        post.pool.set_routes([])
        await wait_for(lambda: len(parts.spool) == 0)
        assert parts.drops == {"no_route": 1}


@pytest.mark.parametrize(
    ("status", "count"), [(wire.UNWANTED, "unwanted"), (wire.REFUSED, "refused_by_router")]
)
async def test_receipts_say_why_a_packet_ends(parts: Parts, status: int, count: str) -> None:
    async with running_router() as router:
        router.status = status
        async with running_post(Post(parts), router.route_entry) as post:
            post.take(1)
            await wait_for(lambda: len(parts.spool) == 0)
            assert parts.drops == {count: 1}
            assert parts.vouchers.get_balance(router.owner.public_key.address).bought_packets == 0


async def test_forwarding_pauses_at_the_float_limit_and_goes_on_with_a_voucher(parts: Parts) -> None:
    async with running_router() as router:
        router.voucher_every = 0
        name = router.owner.public_key.address
        async with running_post(Post(parts, float_limit=5), router.route_entry) as post:
            post.take(*range(1, 21))
            await wait_for(lambda: "owes vouchers for 5 packets" in parts.said.getvalue())
            assert parts.vouchers.get_balance(name).unvouchered_packets == 5
            parts.intake.take([make_reception(make_join_request(), 99)])  # joins are free and go on
            await wait_for(lambda: make_join_request() in router.payloads)
            assert len(router.packets) == 6
            assert post.pool.get_states()[0]["paused"]
            router.voucher_every = 1
            voucher = router.build_voucher(parts.key.public_key.binary)
            router.send(receipt=wire.receipt_v1(voucher=voucher))
            await wait_for(lambda: post.vouchers_came == 1)
            parts.vouchers.set_funds(CHANNEL_ID.hex(), 1000)  # as the chain actor does
            await wait_for(lambda: len(parts.spool) == 0)
            assert "forwarding again" in parts.said.getvalue()
            assert len(router.packets) == 21


async def test_forwarding_pauses_while_too_much_is_promised_without_cover(parts: Parts) -> None:
    async with running_router() as router:
        post = Post(parts)
        post.uncovered_limit = 5
        parts.vouchers.settle(router.owner.public_key.address, b"", 0, None)
        async with running_post(post, router.route_entry):
            post.take(*range(1, 6))
            await wait_for(lambda: post.vouchers_came == 5)
            parts.vouchers.set_funds(CHANNEL_ID.hex(), 1000)
            post.take(*range(6, 21))
            await wait_for(lambda: "that aren't set aside" in parts.said.getvalue())
            assert len(parts.spool) > 0
            parts.vouchers.set_funds(CHANNEL_ID.hex(), 1000, 100)
            await wait_for(lambda: len(parts.spool) == 0)
            assert "is covered: forwarding again" in parts.said.getvalue()


async def test_a_router_that_signs_one_sequence_twice_is_caught_and_gets_nothing_more(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_module, "PROBE_INTERVAL_S", 0.0)
    async with running_router() as router:
        hotspot = parts.key.public_key.binary
        async with running_post(Post(parts), router.route_entry) as post:
            post.take(1, 2)
            await wait_for(lambda: post.vouchers_came == 2)
            forged = router.build_second_voucher(hotspot)
            router.send(receipt=wire.receipt_v1(voucher=forged))
            await wait_for(lambda: parts.vouchers.get_unreported())
            [dispute] = parts.vouchers.get_unreported()
            kept = parts.vouchers.get(CHANNEL_ID.hex())
            assert kept is not None
            assert (dispute.one, dispute.other) == (kept.voucher, forged)
            assert post.vouchers_came == 3, "whoever reports is told"
            post.take(3)
            parts.intake.take([make_reception(make_join_request(), 99)])  # costs nothing, and goes on
            await wait_for(lambda: make_join_request() in router.payloads)
            assert len(parts.spool) == 1
            assert "gets nothing to pay for any more" in parts.said.getvalue()
        parts.reopen()
        async with running_post(Post(parts), router.route_entry) as post:
            post.pool.on_spooled()
            await wait_for(lambda: any(state["paused"] for state in post.pool.get_states()))
            assert len(router.packets) == 3, "not after a restart either"


async def test_while_paused_one_packet_asks_whether_the_router_pays_again(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_module, "PROBE_INTERVAL_S", 0.5)
    async with running_router() as router:
        router.voucher_every = 0
        async with running_post(Post(parts, float_limit=2), router.route_entry) as post:
            began_s = time.monotonic()
            post.take(*range(1, 21))
            await wait_for(lambda: len(router.packets) >= 3)
            probes = (time.monotonic() - began_s) // 0.5 + 1
            assert len(router.packets) <= 2 + probes
            assert (
                parts.vouchers.get_balance(router.owner.public_key.address).unvouchered_packets <= 2 + probes
            )


async def test_signed_downlinks_are_sent_and_reported(parts: Parts) -> None:
    async with running_router() as router, running_post(Post(parts), router.route_entry) as post:
        await wait_for(lambda: router.registers and post.pool.get_states()[0]["state"] == "connected")
        forged = make_downlink(1)
        forged.signature = Keypair.generate().sign(b"x")
        router.send(packet=forged)
        packet = make_downlink(2)
        router.sign_downlink(packet)
        router.send(packet=packet)
        await wait_for(lambda: router.results)
        assert [(result.downlink_id, result.status) for result in router.results] == [(2, wire.SENT)]
        assert len(post.radio.sent) == 1
        assert parts.drops == {"downlink_bad_signature": 1}


async def test_a_new_address_of_a_router_takes_its_packets_along(parts: Parts) -> None:
    async with running_router() as router, running_router() as moved:
        router.answers = False
        async with running_post(Post(parts), router.route_entry) as post:
            post.take(1, 2)
            await wait_for(lambda: len(router.packets) == 2)
            moved.owner, moved.voucher_key = router.owner, router.voucher_key
            post.pool.set_routes([moved.route_entry])
            await wait_for(lambda: len(parts.spool) == 0)
            assert moved.payloads == [make_data_frame(1), make_data_frame(2)]


async def test_a_router_that_is_away_costs_one_line(parts: Parts) -> None:
    router = FakeRouter()
    router.port = 9  # discard: nobody listens there
    async with running_post(Post(parts), router.route_entry):
        await wait_for(lambda: "lost" in parts.said.getvalue(), timeout_s=20)
        await asyncio.sleep(0.5)
        assert parts.said.getvalue().count("lost") == 1


def make_second_voucher(router: FakeRouter, raw: bytes) -> bytes:
    """Another voucher with the sequence of this one."""
    voucher = decode_voucher(raw).voucher
    more = replace(voucher, total_data_credits=voucher.total_data_credits + 1)
    return encode_voucher(sign_voucher(more, router.voucher_key))


def test_vouchers_must_be_this_routers_for_this_hotspot_and_never_fall(parts: Parts) -> None:
    router = FakeRouter()
    hotspot, route = parts.key.public_key.binary, router.route_entry
    router._bought[hotspot] = [3, 7]
    kept = check_voucher(router.build_voucher(hotspot), route, hotspot, CHAIN_ID, None)
    assert kept is not None and (kept.sequence, kept.total_packets, kept.total_data_credits) == (1, 3, 7)
    assert check_voucher(kept.voucher, route, hotspot, CHAIN_ID, kept) is None
    router._bought[hotspot] = [4, 6]
    bad = {
        "total_fell": (router.build_voucher(hotspot), CHAIN_ID, hotspot),
        "wrong_chain": (router.build_voucher(hotspot), "other", hotspot),
        "wrong_hotspot": (router.build_voucher(router.owner.public_key.binary), CHAIN_ID, hotspot),
        "malformed": (b"\x00", CHAIN_ID, hotspot),
        "bad_signature": (FakeRouter().build_voucher(hotspot), CHAIN_ID, hotspot),
        "fraud": (make_second_voucher(router, kept.voucher), CHAIN_ID, hotspot),
    }
    for reason, (raw, chain_id, whose) in bad.items():
        with pytest.raises(BadVoucher) as error:
            check_voucher(raw, route, whose, chain_id, kept)
        assert error.value.reason == reason
