"""BoardLink: the API's promises, over good lines, bad lines and boards that come and go."""

import asyncio
import os
import random
import tty
from pathlib import Path

import pytest

from firmware import link as frames
from hotspot_host.board_link import (
    BoardLink,
    LinkDown,
    ListenWindow,
    ReceiveConfig,
    ReceivedPacket,
    RequestRefused,
    TransmitRefused,
    TransmitRequest,
    inbox,
    requests,
)
from hotspot_host.board_link import link as link_module
from tests.unit.board_link.fake_board import FakeBoard, Line

HOME = ReceiveConfig(868_100_000, 7)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same rules at a pace for tests."""
    monkeypatch.setattr(requests, "RETRY_S", 0.05)
    monkeypatch.setattr(link_module, "RETRY_S", 0.05)
    monkeypatch.setattr(link_module, "_KEEPALIVE_S", 0.1)
    monkeypatch.setattr(link_module, "_RECONNECT_S", (0.01,))


async def open_link(board: FakeBoard, timeout_s: float | None = 5.0) -> BoardLink:
    return await BoardLink.open_over(board.connect, timeout_s=timeout_s)


async def take(link: BoardLink, count: int, timeout_s: float = 5.0) -> list[ReceivedPacket]:
    packets: list[ReceivedPacket] = []

    async def read() -> None:
        async for packet in link.packets():
            packets.append(packet)
            if len(packets) == count:
                return

    await asyncio.wait_for(read(), timeout_s)
    return packets


async def until(condition: object, timeout_s: float = 5.0) -> None:
    async def wait() -> None:
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0.005)

    await asyncio.wait_for(wait(), timeout_s)


async def test_hello_configure_listen_status_and_time() -> None:
    board = FakeBoard()
    async with await open_link(board) as link:
        assert link.is_up
        assert link.hello.board == "fake"
        assert link.hello.firmware_version == "1.2.3"
        assert link.hello.boot_id == 7
        assert link.hello.tick_width_bits == 32
        await link.configure(HOME)
        assert board.configured[-1] == (868_100_000, 125_000, 7, 5, 0x34, 0)
        await link.listen(ListenWindow(2**32 + 5, 200_000, 868_300_000, 8, invert_iq=True))
        assert board.listened == [(5, 200_000, 868_300_000, 125_000, 8, 5, 0x34, frames.INVERT_IQ)]
        assert (await link.status()).heap_free_bytes == len(frames.STATUS_FIELDS) - 1
        fix = await link.tick_now()
        assert 0 <= fix.tick < 2**32
        assert 0 <= fix.error_us < 1_000_000


async def test_transmit_returns_the_tick_it_began_at() -> None:
    board = FakeBoard()
    board.transmit_delay_s = 0.05
    async with await open_link(board) as link:
        result = await link.transmit(TransmitRequest(5_000_000, 868_100_000, 7, b"hello", power_dbm=-1))
        assert result.tick_started == 5_000_000
        assert board.transmitted == [
            (frames.INVERT_IQ, 5_000_000, 868_100_000, 125_000, 7, 5, 0x34, -1, 8, b"hello")
        ]


@pytest.mark.parametrize("reason", ["too_late", "too_early", "collision", "radio_failed", "invalid"])
async def test_a_refused_transmission_says_why(reason: str) -> None:
    board = FakeBoard()
    board.transmit_result = frames.RESULT_NAMES.index(reason)
    async with await open_link(board) as link:
        with pytest.raises(TransmitRefused) as error:
            await link.transmit(TransmitRequest(1, 868_100_000, 7, b"hello"))
        assert error.value.reason == reason
        assert reason in str(error.value)


@pytest.mark.parametrize("size", [0, 256])
async def test_a_payload_that_no_frame_holds_never_reaches_the_board(size: int) -> None:
    board = FakeBoard()
    async with await open_link(board) as link:
        with pytest.raises(TransmitRefused, match="1 to 255"):
            await link.transmit(TransmitRequest(1, 868_100_000, 7, bytes(size)))
        assert board.transmitted == []


async def test_a_refused_request_says_why() -> None:
    async with await open_link(FakeBoard()) as link:
        with pytest.raises(RequestRefused) as error:
            await link.listen(ListenWindow(0, 31_000_000, 868_100_000, 7))
        assert error.value.reason == "invalid"
        with pytest.raises(RequestRefused) as error:
            await link.reboot()  # the fake board doesn't know it
        assert error.value.reason == "unknown_request"


async def test_packets_are_given_once_and_again_until_acknowledged() -> None:
    board = FakeBoard()
    async with await open_link(board) as link:
        board.add_packet(1, b"one")
        board.offer()
        board.offer()
        (packet,) = await take(link, 1)
        assert packet == ReceivedPacket(
            7 << 32 | 1, 123_456, 868_100_000, 7, 125_000, 5, -97, -10, 250, True, True, b"one"
        )
        board.add_packet(2, b"two", flags=0)
        board.offer()
        (packet,) = await take(link, 1)
        assert (packet.payload, packet.has_crc, packet.crc_ok) == (b"two", False, False)
        await link.acknowledge(7 << 32 | 1)
        await until(lambda: list(board.packets) == [2])
        # An acknowledgement that got lost is repeated when the board offers the packet again.
        board.add_packet(1, b"one")
        board.offer()
        await until(lambda: list(board.packets) == [2])
        assert link._inbox.get_count() == 0


async def test_a_packet_that_nobody_acknowledges_is_given_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "GIVE_AGAIN_S", 0.2)
    board = FakeBoard()
    async with await open_link(board) as link:
        board.add_packet(1, b"one")
        board.offer()
        (first,) = await take(link, 1)
        began = asyncio.get_running_loop().time()

        async def offer_on() -> None:
            while True:
                board.offer()
                await asyncio.sleep(0.01)

        offering = asyncio.create_task(offer_on())
        assert await take(link, 1) == [first]
        assert asyncio.get_running_loop().time() - began > 0.19
        await link.acknowledge(first.packet_id)
        await until(lambda: not board.packets)
        offering.cancel()


async def test_a_new_host_gets_what_the_old_one_did_not_acknowledge() -> None:
    board = FakeBoard()
    async with await open_link(board) as link:
        for number in (1, 2, 3):
            board.add_packet(number, b"packet %d" % number)
        board.offer()
        first = await take(link, 3)
        await link.acknowledge(first[1].packet_id)
        await until(lambda: len(board.packets) == 2)
    async with await open_link(board) as link:
        again = await take(link, 2)
        assert [packet.packet_id for packet in again] == [first[0].packet_id, first[2].packet_id]


async def test_after_a_lost_port_the_config_is_pushed_and_waiting_requests_fail() -> None:
    board = FakeBoard()
    board.transmit_delay_s = 60
    async with await open_link(board) as link:
        await link.configure(HOME)
        waiting = asyncio.create_task(link.transmit(TransmitRequest(1, 868_100_000, 7, b"hello")))
        await until(lambda: board.transmitted)
        board.unplug()
        with pytest.raises(LinkDown, match="unplugged"):
            await asyncio.wait_for(waiting, 2)
        assert not link.is_up
        with pytest.raises(LinkDown):
            await link.status()
        other = ReceiveConfig(868_300_000, 9)
        with pytest.raises(LinkDown):
            await link.configure(other)  # remembered all the same
        board.configured.clear()
        board.plug_in()
        await asyncio.wait_for(link.wait_up(), 5)
        assert board.configured == [(868_300_000, 125_000, 9, 5, 0x34, 0)]
        events = [await anext(link.events()) for _ in range(3)]
        assert [event.up for event in events] == [True, False, True]
        assert not events[2].rebooted


async def test_a_reboot_is_noticed_and_the_board_configured_anew() -> None:
    board = FakeBoard()
    async with await open_link(board) as link:
        await link.configure(HOME)
        board.add_packet(1, b"old")
        board.offer()
        (old,) = await take(link, 1)
        board.reboot()
        board.add_packet(1, b"new")
        (new,) = await take(link, 1)
        assert new.payload == b"new"
        assert new.packet_id == 8 << 32 | 1 != old.packet_id
        await until(lambda: board.configured == [(868_100_000, 125_000, 7, 5, 0x34, 0)])
        await asyncio.wait_for(link.wait_up(), 5)
        # The old boot's packet can't be confused with the new one's.
        await link.acknowledge(old.packet_id)
        await link.status()
        assert board.acknowledged == []
        events = [await anext(link.events()) for _ in range(3)]
        assert [event.up for event in events] == [True, False, True]
        assert [event.rebooted for event in events] == [False, False, True]


async def test_a_silent_board_is_a_link_that_is_down() -> None:
    board = FakeBoard()
    async with await open_link(board) as link:
        board.is_silent = True
        await until(lambda: not link.is_up)
        board.is_silent = False
        await asyncio.wait_for(link.wait_up(), 5)


async def test_no_board_is_said_in_one_clear_error() -> None:
    board = FakeBoard()
    board.is_silent = True
    with pytest.raises(LinkDown, match="does not answer"):
        await open_link(board, timeout_s=0.3)
    board.is_reachable = False
    with pytest.raises(LinkDown, match="no such port"):
        await open_link(board, timeout_s=0.1)
    with pytest.raises(LinkDown, match="No such file"):
        await BoardLink.open("/nonexistent/port", timeout_s=0.1)


async def test_another_version_is_a_clear_error() -> None:
    board = FakeBoard()
    board.version = 2
    with pytest.raises(LinkDown, match="speaks link version 2, this host 1: update"):
        await open_link(board, timeout_s=0.3)


async def test_a_board_at_its_repl_is_started_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "_NUDGE_AFTER_S", 0.2)
    board = FakeBoard()
    board.is_silent = True
    async with await open_link(board, timeout_s=0) as link:
        await until(lambda: board.heard_text.endswith(b"\r\x02\x03\x03\x04"))
        board.is_silent = False
        await asyncio.wait_for(link.wait_up(), 5)


async def test_the_fast_speed_is_used_and_found_again() -> None:
    board = FakeBoard()
    board.capabilities |= frames.CAN_CHANGE_BAUD
    async with await open_link(board) as link:
        assert board.baud == link_module.FAST_BAUD
        await link.status()
    # The board stays there until it misses the hellos; a new host must find it.
    async with await open_link(board) as link:
        await link.status()


async def test_a_slow_consumer_leaves_packets_with_the_board() -> None:
    board = FakeBoard()
    async with await open_link(board) as link:
        for number in range(1, 101):
            board.add_packet(number, b"%d" % number)
        board.offer()
        await until(lambda: link._inbox.get_count() == 64)
        got = []
        while len(got) < 100:
            for packet in await take(link, min(64, 100 - len(got))):
                got.append(packet.payload)
                await link.acknowledge(packet.packet_id)
            board.offer()
        assert sorted(got, key=int) == [b"%d" % number for number in range(1, 101)]
        await until(lambda: not board.packets)


@pytest.mark.parametrize(
    "line",
    [
        Line(piece=1),
        Line(lose=0.15, source=random.Random(2)),
        Line(garble=0.2, source=random.Random(3)),
        Line(insert=0.5, source=random.Random(4)),
        Line(lose=0.05, garble=0.1, insert=0.2, piece=3, source=random.Random(5)),
    ],
    ids=["one byte at a time", "lossy", "garbled", "with garbage", "all of it"],
)
async def test_everything_works_over_a_bad_line(line: Line) -> None:
    board = FakeBoard(line)
    async with await open_link(board, timeout_s=20) as link:

        async def insist(call: object) -> object:
            """A bad line may break the link; then it comes back."""
            while True:
                try:
                    return await call()  # type: ignore[operator]
                except LinkDown:
                    await asyncio.wait_for(link.wait_up(), 20)

        await insist(lambda: link.configure(HOME))
        assert board.configured[-1] == (868_100_000, 125_000, 7, 5, 0x34, 0)
        for number in range(1, 21):
            board.add_packet(number, b"packet %d" % number)
        seen: set[bytes] = set()
        while board.packets:
            board.offer()
            await asyncio.sleep(0.01)
            while link._inbox.get_count() > 0:
                packet = await link._inbox.get()
                assert packet.payload not in seen  # a packet is given out once
                seen.add(packet.payload)
                await link.acknowledge(packet.packet_id)
        assert seen == {b"packet %d" % number for number in range(1, 21)}
        for tick in range(10):
            request = TransmitRequest(10_000 + tick, 868_100_000, 7, b"tx %d" % tick)
            try:
                assert (await link.transmit(request)).tick_started == 10_000 + tick
            except LinkDown:
                await asyncio.wait_for(link.wait_up(), 20)
        # However often frames were repeated, none went on the air twice.
        payloads = [values[-1] for values in board.transmitted]
        assert len(payloads) == len(set(payloads))


async def test_many_requests_at_once_each_get_their_own_answer() -> None:
    board = FakeBoard()
    board.transmit_delay_s = 0.02
    async with await open_link(board) as link:
        results = await asyncio.gather(
            *(link.transmit(TransmitRequest(tick, 868_100_000, 7, b"x")) for tick in range(1, 61)),
            *(link.tick_now() for _ in range(20)),
        )
        assert [result.tick_started for result in results[:60]] == list(range(1, 61))  # type: ignore[union-attr]


async def test_a_real_pty_and_a_board_that_comes_back_at_the_same_link(tmp_path: Path) -> None:
    """The serial port: hang-up, and a symlink that points to another pty afterwards."""
    port = tmp_path / "board.tty"
    board = FakeBoard()
    loop = asyncio.get_running_loop()

    def make_pty() -> int:
        ours, theirs = os.openpty()
        tty.setraw(theirs)
        port.unlink(missing_ok=True)
        port.symlink_to(os.ttyname(theirs))
        os.close(theirs)
        board.connect(board.baud, lambda data: os.write(ours, data) and None, lambda text: None)
        loop.add_reader(ours, lambda: board.hear(os.read(ours, 4096), board.baud))
        return ours

    def drop_pty(ours: int) -> None:
        loop.remove_reader(ours)
        os.close(ours)

    first = make_pty()
    async with await BoardLink.open(str(port)) as link:
        await link.configure(HOME)
        drop_pty(first)
        await until(lambda: not link.is_up)
        second = make_pty()
        await asyncio.wait_for(link.wait_up(), 5)
        assert board.configured[-1] == (868_100_000, 125_000, 7, 5, 0x34, 0)
        await link.status()
    drop_pty(second)
