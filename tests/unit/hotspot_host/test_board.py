"""The board actor: packets in, transmissions out, ticks against clocks."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from hardware.lora.modulation import DataRate
from hotspot_host.board import BoardActor
from hotspot_host.board_link import LinkDown, LinkEvent, ReceiveConfig, TransmitRefused
from hotspot_host.clock import get_wall_ms, get_wall_us
from hotspot_host.forwarder.radio import Downlink, RadioRefused
from hotspot_host.forwarder.windows import compute_ahead_us

from .conftest import Parts, make_data_frame
from .fakes import FakeLink, make_packet, wait_for

HOME = ReceiveConfig(868_100_000, 7)
DOWNLINK = Downlink(b"\x60payload", 5, 868_100_000, DataRate(7, 125_000), 14)


@asynccontextmanager
async def running_board(parts: Parts, link: FakeLink) -> AsyncIterator[BoardActor]:
    actor = BoardActor(link.open, HOME, parts.intake, parts.tally)
    task = asyncio.create_task(actor.run())
    try:
        await wait_for(lambda: actor.get_tick() is not None or task.done())
        yield actor
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_packets_are_durable_before_they_are_acknowledged(parts: Parts) -> None:
    link = FakeLink()
    async with running_board(parts, link):
        assert link.config == HOME
        link.hear(make_packet(7, make_data_frame(1), tick=(link.tick - 2_000_000) % (1 << 32)))
        await wait_for(lambda: link.acknowledged == [7])
        packet = parts.spool.read_after(0, 1)[0].parse()
        assert packet.payload == make_data_frame(1)
        assert (packet.rssi, packet.snr, packet.gateway_eui) == (-80, 7.5, b"")
        assert abs(get_wall_ms() - 2000 - packet.received_at) < 500  # heard two seconds ago


async def test_dropped_packets_are_acknowledged_too(parts: Parts) -> None:
    link = FakeLink()
    async with running_board(parts, link):
        link.hear(make_packet(1, make_data_frame(1), crc_ok=False))
        link.hear(make_packet(2, make_data_frame(1), has_crc=False))
        await wait_for(lambda: link.acknowledged == [1, 2])
        assert len(parts.spool) == 0 and parts.drops == {"crc_bad": 1, "crc_missing": 1}


async def test_what_cannot_be_written_is_not_acknowledged(parts: Parts) -> None:
    link = FakeLink()
    async with running_board(parts, link):
        parts.database.connection.execute("DROP TABLE spool")
        link.hear(make_packet(1, make_data_frame(1)))
        await wait_for(lambda: "cannot write" in parts.said.getvalue())
        assert link.acknowledged == []


async def test_a_beacon_goes_to_coverage(parts: Parts) -> None:
    link = FakeLink()
    async with running_board(parts, link):
        link.hear(make_packet(1, b"\xe0" + bytes(51)))
        await wait_for(lambda: link.acknowledged == [1])
        assert [data for _, data in parts.beacons] == [bytes(51)]


async def test_downlinks_have_inverted_iq_and_no_crc_beacons_the_reverse(parts: Parts) -> None:
    link = FakeLink()
    async with running_board(parts, link) as actor:
        await actor.send(DOWNLINK)
        await actor.send_beacon(9, 868_100_000, DataRate(8, 125_000), 14, b"\xe0" + bytes(51))
        downlink, beacon = link.sent
        assert (downlink.tick, downlink.invert_iq, downlink.crc, downlink.power_dbm) == (5, True, False, 14)
        assert (beacon.tick, beacon.invert_iq, beacon.crc, beacon.spreading_factor) == (9, False, True, 8)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (TransmitRefused("too_late", "x"), "too_late"),
        (TransmitRefused("too_early", "x"), "too_early"),
        (TransmitRefused("collision", "x"), "collision"),
        (TransmitRefused("radio_failed", "x"), "radio_failed"),
        (TransmitRefused("invalid", "x"), "radio_failed"),
        (LinkDown("x"), "radio_failed"),
    ],
)
async def test_refusals_keep_their_reason(parts: Parts, error: Exception, reason: str) -> None:
    link = FakeLink()
    async with running_board(parts, link) as actor:
        link.refusals.append(error)
        with pytest.raises(RadioRefused) as refused:
            await actor.send(DOWNLINK)
        assert refused.value.reason == reason
        assert refused.value.maybe_sent == isinstance(error, LinkDown)


async def test_without_a_link_nothing_was_sent(parts: Parts) -> None:
    link = FakeLink()
    async with running_board(parts, link) as actor:
        link.is_up = False
        with pytest.raises(RadioRefused) as refused:
            await actor.send(DOWNLINK)
        assert not refused.value.maybe_sent


@pytest.mark.parametrize("offset_us", [0, (1 << 32) - 1_000_000, 3_000_000_000])
async def test_wall_clock_instants_become_ticks(parts: Parts, offset_us: int) -> None:
    link = FakeLink(tick_offset_us=offset_us)
    async with running_board(parts, link) as actor:
        tick = await actor.get_tick_at(get_wall_us() + 2_000_000)
        assert abs(compute_ahead_us(tick, link.tick) - 2_000_000) < 50_000
        assert 0 <= tick < 1 << 32


@pytest.mark.parametrize("comes", [True, False])
async def test_a_missing_board_is_told_only_when_it_stays_away(
    parts: Parts, monkeypatch: pytest.MonkeyPatch, comes: bool
) -> None:
    monkeypatch.setattr("hotspot_host.board.NO_BOARD_AFTER_S", 60 if comes else 0.05)
    link = FakeLink()
    link.is_up = False
    actor = BoardActor(link.open, HOME, parts.intake, parts.tally)
    task = asyncio.create_task(actor.run())
    try:
        if comes:
            link.tell(LinkEvent(True, "a board"))
        await wait_for(lambda: "board " in parts.said.getvalue())
        said = parts.said.getvalue()
        assert said == ("board up: a board\n" if comes else "board down: no board yet\n")
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
