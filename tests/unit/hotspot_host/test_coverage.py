"""Beacons at their instant, listening for the others, reports until they are taken."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import grpc
import h3
import pytest

from chain import api
from chain.client import ChainUnavailable
from chain.coverage.beacon import build_beacon_phy_payload, compute_beacon_data
from chain.coverage.reports import decode_report, encode_report, is_report_signed
from chain.keys import Keypair
from hardware.lora.duty_cycle import Transmission
from hotspot_host.board import BoardActor
from hotspot_host.clock import get_wall_ms, get_wall_us
from hotspot_host.coverage import rounds as rounds_module
from hotspot_host.coverage.plan import LEAST_WINDOWS, compute_plan
from hotspot_host.coverage.rounds import CoverageActor
from hotspot_host.coverage.sender import ReportSender, compute_opening_ms
from hotspot_host.forwarder.windows import compute_ahead_us
from hotspot_host.store.reports import Reports

from .conftest import Parts
from .fakes import FakeLink, FakeReportNode, make_packet, wait_for
from .test_board import HOME

CELL = h3.latlng_to_cell(48.2, 16.37, 12)
ENTROPY = bytes(range(32))


def make_challenge(hotspot: str, at_ms: int, cell: str = CELL) -> api.Challenge:
    return api.Challenge(
        hotspot=hotspot, name="n", at_ms=at_ms, frequency_hz=868_100_000, spreading_factor=8,
        bandwidth_hz=125_000, conducted_power_dbm=14, location=cell,
    )  # fmt: skip


def make_round(
    *challenges: api.Challenge, number: int = 5, length_ms: int = 30_000, air_ms: int | None = None
) -> api.PocRound:
    """A round that opens now, with its claims opened after ``air_ms``."""
    now_ms = get_wall_ms()
    return api.PocRound(
        round=number, entropy=ENTROPY.hex(), timestamp_s=now_ms // 1000, opens_at_ms=now_ms,
        openings_from_ms=now_ms + (length_ms * 2 // 3 if air_ms is None else air_ms),
        closes_at_ms=now_ms + length_ms, challenges=list(challenges),
    )  # fmt: skip


class FakeChain:
    """Rounds, or none."""

    def __init__(self) -> None:
        self.rounds: list[api.PocRound] = []
        self.is_away = False

    async def poc_round(self) -> api.PocRound:
        if self.is_away or not self.rounds:
            raise ChainUnavailable("away")
        return self.rounds[-1]


class Watch:
    """A board, a coverage actor, a report sender and the node that takes reports."""

    def __init__(self, parts: Parts, node: FakeReportNode) -> None:
        self.chain = FakeChain()
        self.link = FakeLink()
        self.reports = Reports(parts.database)
        self.sender = ReportSender(
            f"127.0.0.1:{node.port}", self.reports, parts.tally, lambda: self.actor.get_openings()
        )
        self.board = BoardActor(self.link.open, HOME, parts.intake, parts.tally)
        self.cell: str | None = CELL
        chain: Any = self.chain
        self.actor = CoverageActor(
            parts.key, chain, self.board, 20, parts.airtime, self.reports, parts.database, parts.tally,
            lambda: self.cell, self.sender.wake,
        )  # fmt: skip
        parts.intake.on_beacon = self.actor.take_beacon

    async def open_round(self, air_ms: int = 600, length_ms: int = 3_000, number: int = 5) -> api.PocRound:
        """A round without orders, known to the hotspot on return."""
        poc_round = make_round(number=number, length_ms=length_ms, air_ms=air_ms)
        self.chain.rounds.append(poc_round)
        await wait_for(lambda: self.actor.round == number)
        return poc_round


@asynccontextmanager
async def running_watch(parts: Parts) -> AsyncIterator[tuple[Watch, FakeReportNode]]:
    node = FakeReportNode()
    await node.start()
    watch = Watch(parts, node)
    tasks = [asyncio.create_task(run) for run in (watch.board.run(), watch.actor.run(), watch.sender.run())]
    try:
        yield watch, node
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await node.stop()


@pytest.fixture(autouse=True)
def quick_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds_module, "POLL_S", 0.05)


async def test_a_challenge_becomes_a_beacon_at_its_instant_and_a_signed_report(parts: Parts) -> None:
    address = parts.key.public_key.address
    async with running_watch(parts) as (watch, node):
        at_ms = get_wall_ms() + 2500
        poc_round = make_round(make_challenge(address, at_ms), length_ms=5_000, air_ms=3_500)
        watch.chain.rounds.append(poc_round)
        await wait_for(lambda: node.claims)
        assert get_wall_ms() < poc_round.openings_from_ms and node.beacons == []
        await wait_for(lambda: node.beacons)
        assert poc_round.openings_from_ms <= get_wall_ms() and node.problems == []
        sent = watch.link.sent[0]
        instant_us = get_wall_us() + compute_ahead_us(sent.tick or 0, watch.link.tick)
        assert abs(instant_us - at_ms * 1000) < 20_000
        assert (sent.frequency_hz, sent.spreading_factor, sent.power_dbm) == (868_100_000, 8, 14)
        assert (sent.invert_iq, sent.crc) == (False, True)
        report = node.beacons[0]
        assert report.remote_entropy == ENTROPY and len(report.local_entropy) == 16
        assert report.data == compute_beacon_data(ENTROPY, poc_round.timestamp_s, report.local_entropy)
        assert sent.payload == build_beacon_phy_payload(report.data)
        assert (report.tx_power, report.datarate, report.frequency) == (14, 4, 868_100_000)
        envelope = decode_report(encode_report(report.SerializeToString(deterministic=True)))
        assert is_report_signed(envelope, "beacon")


async def test_a_restart_in_the_same_round_does_not_beacon_again(parts: Parts) -> None:
    parts.database.put_fact("beaconed_round", b"5")
    async with running_watch(parts) as (watch, node):
        at_ms = get_wall_ms() + 300
        watch.chain.rounds.append(make_round(make_challenge(parts.key.public_key.address, at_ms)))
        await wait_for(lambda: get_wall_ms() > at_ms + 200)
        assert watch.link.sent == [] and node.beacons == []


async def test_no_airtime_no_beacon(parts: Parts) -> None:
    spent = Transmission(get_wall_us() - 1_000_000_000, 35_900_000, 868_100_000)
    parts.airtime.reserve("board", spent, 100, get_wall_us())
    async with running_watch(parts) as (watch, _):
        watch.chain.rounds.append(
            make_round(make_challenge(parts.key.public_key.address, get_wall_ms() + 300))
        )
        await wait_for(lambda: "not sent" in parts.said.getvalue())
        assert watch.link.sent == [] and parts.drops == {"beacon_duty_cycle": 1}


async def test_nobody_beacons_before_it_is_placed(parts: Parts) -> None:
    async with running_watch(parts) as (watch, _):
        watch.cell = None
        at_ms = get_wall_ms() + 200
        watch.chain.rounds.append(make_round(make_challenge(parts.key.public_key.address, at_ms)))
        await wait_for(lambda: get_wall_ms() > at_ms + 200)
        assert watch.link.sent == []


async def test_the_board_retunes_around_anothers_beacon(parts: Parts) -> None:
    other = Keypair.generate().public_key.address
    async with running_watch(parts) as (watch, _):
        at_ms = get_wall_ms() + 1000
        watch.chain.rounds.append(make_round(make_challenge(other, at_ms)))
        await wait_for(lambda: watch.link.listened)
        window = watch.link.listened[0]
        starts_us = get_wall_us() + compute_ahead_us(window.start_tick, watch.link.tick)
        assert abs(starts_us - (at_ms - 60) * 1000) < 20_000
        assert window.spreading_factor == 8
        assert window.duration_us == 184_832 + 120_000  # 52 bytes at SF8 and both margins


async def test_a_heard_beacon_is_claimed_within_a_second_and_told_in_the_opening_part(parts: Parts) -> None:
    async with running_watch(parts) as (watch, node):
        poc_round = await watch.open_round(air_ms=1_500, length_ms=4_000)
        data = bytes(range(51))
        began = time.monotonic()
        watch.link.hear(make_packet(3, b"\xe0" + data))
        await wait_for(lambda: node.claims)
        assert time.monotonic() - began < 1
        assert node.witnesses == [] and get_wall_ms() < poc_round.openings_from_ms
        claim = node.claims[0]
        assert claim.pub_key == parts.key.public_key.binary
        claimed = encode_report(claim.SerializeToString(deterministic=True))
        assert is_report_signed(decode_report(claimed), "claim")
        await wait_for(lambda: node.witnesses)
        assert poc_round.openings_from_ms <= get_wall_ms() < poc_round.closes_at_ms
        report = node.witnesses[0]
        assert (report.data, report.signal, report.snr) == (data, -800, 75)
        assert report.pub_key == parts.key.public_key.binary
        envelope = decode_report(encode_report(report.SerializeToString(deterministic=True)))
        assert is_report_signed(envelope, "witness")
        watch.link.hear(make_packet(4, b"\xe0" + data))
        await wait_for(lambda: watch.link.acknowledged == [3, 4])
        assert len(node.witnesses) == len(node.claims) == 1 and parts.tally.get("beacons_heard_again") == 1
        assert node.problems == []


async def test_what_is_heard_before_a_round_is_known_is_claimed_at_once(parts: Parts) -> None:
    async with running_watch(parts) as (watch, node):
        watch.link.hear(make_packet(3, b"\xe0" + bytes(51)))
        await wait_for(lambda: node.claims)
        await watch.open_round()
        watch.sender.wake()
        await wait_for(lambda: node.witnesses)
        assert node.problems == []


async def test_claims_and_reports_are_retried_until_accepted(parts: Parts) -> None:
    async with running_watch(parts) as (watch, node):
        node.refuse = [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED]
        node.refuse_openings = [grpc.StatusCode.ABORTED, grpc.StatusCode.UNAVAILABLE]
        await watch.open_round(air_ms=1_500, length_ms=6_000)
        watch.link.hear(make_packet(1, b"\xe0" + bytes(51)))
        await wait_for(lambda: len(node.witnesses) == 1)
        await wait_for(lambda: watch.reports.pending() == [])
        assert len(node.claims) == 1 and node.problems == []
        assert "takes no reports" in parts.said.getvalue() and "reports again" in parts.said.getvalue()


@pytest.mark.parametrize("what", ["claim", "report"])
async def test_what_is_refused_is_said_and_not_sent_again(parts: Parts, what: str) -> None:
    async with running_watch(parts) as (watch, node):
        (node.refuse if what == "claim" else node.refuse_openings).append(grpc.StatusCode.INVALID_ARGUMENT)
        await watch.open_round()
        watch.link.hear(make_packet(1, b"\xe0" + bytes(51)))
        await wait_for(lambda: parts.drops == {f"witness_{what}_refused": 1})
        assert watch.reports.pending() == [] and "told to" in parts.said.getvalue()


async def test_a_report_whose_claim_nobody_took_in_time_is_given_up(parts: Parts) -> None:
    async with running_watch(parts) as (watch, node):
        node.refuse = [grpc.StatusCode.UNAVAILABLE] * 100
        await watch.open_round(air_ms=600)
        watch.link.hear(make_packet(1, b"\xe0" + bytes(51)))
        await wait_for(lambda: parts.drops == {"claim_late": 1})
        assert watch.reports.pending() == [] and node.claims == node.witnesses == []


async def test_reports_of_a_closed_round_are_given_up(parts: Parts) -> None:
    async with running_watch(parts) as (watch, node):
        node.refuse_openings = [grpc.StatusCode.UNAVAILABLE] * 100
        await watch.open_round(air_ms=300, length_ms=1_000)
        watch.link.hear(make_packet(1, b"\xe0" + bytes(51)))
        await wait_for(lambda: "given up" in parts.said.getvalue())
        assert watch.reports.pending() == [] and node.witnesses == []
        assert parts.tally.get("reports_expired") == 1


async def test_a_restart_between_claim_and_opening_opens_the_same_claim(parts: Parts) -> None:
    async with running_watch(parts) as (watch, node):
        await watch.open_round(air_ms=2_500, length_ms=8_000)
        watch.link.hear(make_packet(1, b"\xe0" + bytes(51)))
        await wait_for(lambda: parts.tally.get("witness_claims") == 1)
        (claim,) = node.claims
        (kept,) = watch.reports.pending()
        assert kept.is_claimed
    parts.reopen()
    async with running_watch(parts) as (watch, node):
        node.claims.append(claim)  # what the chain has
        # Heard again after the restart: the same beacon has its claim already.
        watch.link.hear(make_packet(2, b"\xe0" + bytes(51)))
        await wait_for(lambda: len(node.witnesses) == 1)
        assert node.claims == [claim] and node.problems == []


async def test_a_restart_before_the_claim_was_taken_sends_the_same_one(parts: Parts) -> None:
    async with running_watch(parts) as (watch, node):
        await watch.open_round(air_ms=3_000, length_ms=8_000)
        await node.stop()
        watch.link.hear(make_packet(1, b"\xe0" + bytes(51)))
        await wait_for(lambda: watch.link.acknowledged == [1])
    parts.reopen()
    (kept,) = Reports(parts.database).pending()
    assert not kept.is_claimed
    async with running_watch(parts) as (_, node):
        await wait_for(lambda: len(node.witnesses) == 1)
        assert [claim.SerializeToString(deterministic=True) for claim in node.claims] == [kept.claim]
        assert node.problems == []


def test_openings_are_spread_over_the_first_part_of_their_time() -> None:
    openings_from_ms, closes_at_ms = 1_000_000, 1_010_000
    instants = sorted(
        compute_opening_ms(nonce * 32, (openings_from_ms, closes_at_ms)) - openings_from_ms
        for nonce in (b"\x00", b"\x40", b"\x80", b"\xff")
    )
    assert instants[0] == 300 and 3_000 < instants[-1] < 3_300
    assert all(later - sooner > 700 for sooner, later in pairwise(instants))
    assert compute_opening_ms(b"\xff" * 32, (closes_at_ms, closes_at_ms)) == closes_at_ms


async def test_the_chain_may_be_away(parts: Parts) -> None:
    async with running_watch(parts) as (watch, _):
        await wait_for(lambda: "no rounds" in parts.said.getvalue())
        other = Keypair.generate().public_key.address
        watch.chain.rounds.append(make_round(make_challenge(other, get_wall_ms() + 500)))
        await wait_for(lambda: watch.link.listened)
        assert "rounds from the chain again" in parts.said.getvalue()


def test_a_plan_listens_to_near_hotspots_for_a_small_part_of_the_round() -> None:
    me, cell = "me", CELL
    far = h3.latlng_to_cell(52.5, 13.4, 12)
    near = [make_challenge(f"h{number}", 10_000 + number * 2000) for number in range(20)]
    poc_round = make_round(*near, make_challenge("far", 9000, far), make_challenge(me, 8000))
    plan = compute_plan(poc_round, me, cell)
    assert plan.beacon is not None and plan.beacon.at_ms == 8000
    assert len(plan.listens) == LEAST_WINDOWS
    assert {order.hotspot for order in plan.listens} <= {challenge.hotspot for challenge in near}
    assert [order.start_us for order in plan.listens] == sorted(order.start_us for order in plan.listens)
    long_round = make_round(*near, length_ms=600_000)
    assert len(compute_plan(long_round, me, cell).listens) == 20  # 2 % of ten minutes is 12 s
    assert compute_plan(poc_round, "another", cell).listens != plan.listens  # others listen to others
