"""The hotspot's firmware on the real interpreter, two boards on one air, their hosts on the ptys."""

import asyncio
import contextlib
import os
import random
import time
from collections.abc import Iterator

import pytest

from hardware.lora.airtime import compute_time_on_air_us
from hotspot_host.board_link import (
    BoardLink,
    ListenWindow,
    ReceiveConfig,
    RequestRefused,
    TransmitRefused,
    TransmitRequest,
)
from tests.unit.firmware.town_rig import (
    HOME,
    LATE_LIMIT_US,
    PATIENCE_S,
    Town,
    is_quiet,
    send_soon,
    take,
    until,
    within,
)

pytestmark = pytest.mark.timeout(300)
TICKS = 2**32


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    town = Town(tmp_path_factory.mktemp("town"))
    try:
        town.start_hotspot("one")
        town.start_hotspot("two")
        yield town
    finally:
        town.close()


async def open_both(town: Town) -> tuple[BoardLink, BoardLink]:
    links = []
    for name in ("one", "two"):
        link = await BoardLink.open(str(town.folder / f"{name}.tty"), timeout_s=PATIENCE_S)
        await link.configure(HOME)
        while (await link.status()).packets_unacknowledged:
            await take(link)  # what the test before left
        links.append(link)
    return links[0], links[1]


def compute_apart_us(one: int, two: int) -> int:
    return abs((one - two + TICKS // 2) % TICKS - TICKS // 2)


async def test_what_one_board_sends_the_other_boards_host_gets(town: Town) -> None:
    one, two = await open_both(town)
    async with one, two:
        assert one.hello.board == "devkit_rfm95"
        assert one.hello.radio_ok
        assert one.hello.boot_id != two.hello.boot_id
        payload = random.Random(1).randbytes(52)
        fix_one, fix_two = await one.tick_now(), await two.tick_now()
        result = await send_soon(one, payload)
        packet = await take(two)
        assert packet.payload == payload
        assert packet.has_crc and packet.crc_ok
        assert (packet.frequency_hz, packet.spreading_factor) == (868_100_000, 7)
        assert packet.bandwidth_hz == 125_000
        assert packet.coding_rate == 5
        assert -110 < packet.rssi_dbm < -60
        assert packet.snr_db_x4 > 0
        assert abs(packet.frequency_error_hz) < 100
        # The receiver's tick is the end of the packet; both boards' clocks are this machine's.
        began_us = fix_one.host_monotonic_us + (result.tick_started - fix_one.tick) % TICKS
        ended_us = fix_two.host_monotonic_us + (packet.tick - fix_two.tick) % TICKS
        slack_us = fix_one.error_us + fix_two.error_us + 1000
        assert abs(ended_us - began_us - compute_time_on_air_us(52, 7, 125_000)) < slack_us


@pytest.mark.parametrize("spreading_factor", [8, 10])
async def test_the_late_interrupt_of_slow_packets_is_taken_off(town: Town, spreading_factor: int) -> None:
    one, two = await open_both(town)
    async with one, two:
        await two.configure(ReceiveConfig(868_100_000, spreading_factor))
        fix_one, fix_two = await one.tick_now(), await two.tick_now()
        result = await send_soon(one, b"slow", spreading_factor=spreading_factor)
        packet = await take(two)
        began_us = fix_one.host_monotonic_us + (result.tick_started - fix_one.tick) % TICKS
        ended_us = fix_two.host_monotonic_us + (packet.tick - fix_two.tick) % TICKS
        airtime_us = compute_time_on_air_us(4, spreading_factor, 125_000)
        assert abs(ended_us - began_us - airtime_us) < fix_one.error_us + fix_two.error_us + 1000


async def test_transmissions_start_at_their_tick(town: Town) -> None:
    one, two = await open_both(town)
    async with one, two:
        for _ in range(5):
            fix = await one.tick_now()
            tick = (fix.tick + 150_000) % TICKS
            result = await one.transmit(TransmitRequest(tick, 868_100_000, 7, b"on time", invert_iq=False))
            # The air's own record, against the tick by this host's clock: start, not report.
            emission = town.get_emissions("one")[-1]
            planned_us = fix.host_monotonic_us + 150_000
            assert abs(emission["at_us"] - planned_us) < LATE_LIMIT_US + fix.error_us
            assert compute_apart_us(result.tick_started, tick) < LATE_LIMIT_US
            started_us = fix.host_monotonic_us + (result.tick_started - fix.tick) % TICKS
            assert abs(emission["at_us"] - started_us) < fix.error_us + 500


async def test_what_cannot_be_sent_is_refused_with_the_reason(town: Town) -> None:
    one, two = await open_both(town)
    async with one, two:
        fix = await one.tick_now()

        async def get_reason(ahead_us: int, **fields: object) -> str:
            values = {"frequency_hz": 868_100_000, "spreading_factor": 7, "payload": b"x", **fields}
            with pytest.raises(TransmitRefused) as error:
                await one.transmit(TransmitRequest(tick=(fix.tick + ahead_us) % TICKS, **values))  # type: ignore[arg-type]
            return error.value.reason

        before = len(town.get_emissions("one"))
        assert await get_reason(-1_000_000) == "too_late"
        assert await get_reason(1000) == "too_late"
        assert await get_reason(200_000_000) == "too_early"
        assert await get_reason(2**31 - 1) == "too_early"
        assert await get_reason(1_000_000, frequency_hz=433_000_000) == "invalid"
        assert await get_reason(1_000_000, power_dbm=21) == "invalid"
        assert await get_reason(1_000_000, spreading_factor=6) == "invalid"
        assert await get_reason(1_000_000, preamble_symbols=3) == "invalid"
        planned_us = ((await one.tick_now()).tick - fix.tick) % TICKS + 3_000_000
        first = asyncio.create_task(send_soon(one, bytes(50), ahead_us=planned_us, fix=fix))
        await asyncio.sleep(0)
        await one.status()  # behind it on the line
        # 97 ms on the air: before, within, and too close behind.
        for offset_us in (-80_000, 0, 50_000, 110_000):
            assert await get_reason(planned_us + offset_us, payload=bytes(50)) == "collision"
        await within(PATIENCE_S, first)
        status = await one.status()
        assert status.transmissions_refused >= 10
        await until(lambda: len(town.get_emissions("one")) == before + 1)


async def test_several_planned_transmissions_all_go_out_in_order(town: Town) -> None:
    one, two = await open_both(town)
    async with one, two:
        payloads = [bytes([number]) * 10 for number in range(5)]
        fix = await one.tick_now()
        sending = [
            asyncio.create_task(send_soon(one, payload, ahead_us=1_000_000 + 120_000 * number, fix=fix))
            for number, payload in reversed(list(enumerate(payloads)))
        ]
        got = [(await take(two)).payload for _ in payloads]
        assert got == payloads
        await asyncio.gather(*sending)


async def test_a_rendezvous_is_kept_and_the_board_comes_home(town: Town) -> None:
    one, two = await open_both(town)
    async with one, two:
        fix_two = await two.tick_now()
        window = ListenWindow((fix_two.tick + 500_000) % TICKS, 900_000, 868_500_000, 8)
        await two.listen(window)
        with pytest.raises(RequestRefused) as error:
            await two.listen(ListenWindow((fix_two.tick + 1_300_000) % TICKS, 900_000, 867_100_000, 9))
        assert error.value.reason == "collision"
        with pytest.raises(RequestRefused) as error:
            await two.listen(ListenWindow((fix_two.tick - 1_000_000) % TICKS, 900_000, 867_100_000, 9))
        assert error.value.reason == "too_late"
        start_us = fix_two.host_monotonic_us + 500_000

        def ahead_us(after_start_us: int) -> int:
            return start_us + after_start_us - time.monotonic_ns() // 1000

        away = {"frequency_hz": 868_500_000, "spreading_factor": 8}
        # Before the window (unheard elsewhere), at home, in the window on both, after it on both.
        await send_soon(one, b"home before", ahead_us=ahead_us(-200_000))
        await send_soon(one, b"rendezvous", ahead_us=ahead_us(200_000), **away)
        await send_soon(one, b"home, unheard", ahead_us=ahead_us(600_000))
        await send_soon(one, b"too late for it", ahead_us=ahead_us(1_000_000), **away)
        await send_soon(one, b"home after", ahead_us=ahead_us(1_300_000))
        packets = [await take(two) for _ in range(3)]
        assert [packet.payload for packet in packets] == [b"home before", b"rendezvous", b"home after"]
        assert [packet.spreading_factor for packet in packets] == [7, 8, 7]
        assert [packet.frequency_hz for packet in packets] == [868_100_000, 868_500_000, 868_100_000]


async def test_a_host_that_was_away_gets_what_came_meanwhile(town: Town) -> None:
    one, two = await open_both(town)
    async with one:
        async with two:
            await send_soon(one, b"seen, not acknowledged")
            seen = await within(PATIENCE_S, anext(two.packets()))
        for number in range(3):
            await send_soon(one, b"while away %d" % number)
        again = await BoardLink.open(str(town.folder / "two.tty"), timeout_s=PATIENCE_S)
        async with again:
            packets = [await take(again) for _ in range(4)]
            assert packets[0] == seen
            assert [packet.payload for packet in packets[1:]] == [b"while away %d" % n for n in range(3)]
            assert len({packet.packet_id for packet in packets}) == 4
        last = await BoardLink.open(str(town.folder / "two.tty"), timeout_s=PATIENCE_S)
        async with last:
            assert await is_quiet(last, 1.5)  # longer than the board waits before it offers again


async def test_other_iq_sync_word_or_channel_is_not_heard(town: Town) -> None:
    one, two = await open_both(town)
    async with one, two:
        await send_soon(one, b"a downlink", invert_iq=True, crc=False)
        await send_soon(one, b"private", sync_word=0x12)
        await send_soon(one, b"elsewhere", frequency_hz=868_300_000)
        await send_soon(one, b"slower", spreading_factor=9)
        await send_soon(one, b"heard")
        assert (await take(two)).payload == b"heard"
        await send_soon(one, b"no crc", crc=False)
        packet = await take(two)
        assert (packet.payload, packet.has_crc, packet.crc_ok) == (b"no crc", False, False)


async def test_garbage_on_the_line_does_no_harm(town: Town) -> None:
    one, two = await open_both(town)
    source = random.Random(7)
    async with one, two:
        boot_id = one.hello.boot_id
        port = os.open(town.folder / "one.tty", os.O_WRONLY | os.O_NOCTTY)
        for _ in range(10):
            os.write(port, source.randbytes(300) + b"\x03")  # with a Ctrl-C that nobody pressed
            await send_soon(one, b"still here")
            assert (await take(two)).payload == b"still here"
        os.close(port)
        assert one.hello.boot_id == boot_id
        status = await one.status()
        assert status.frames_bad > 0
        assert status.radio_resets == 0


async def test_no_hello_gives_the_console_back_and_ctrl_c_ends_the_program(town: Town) -> None:
    link = await BoardLink.open(str(town.folder / "one.tty"), timeout_s=PATIENCE_S)
    boot_id = link.hello.boot_id
    await link.close()
    port = os.open(town.folder / "one.tty", os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    heard = bytearray()

    def hear() -> bytearray:
        with contextlib.suppress(BlockingIOError):
            heard.extend(os.read(port, 4096))
        return heard

    try:
        await until(lambda: b"no host; Ctrl-C leaves to the REPL" in hear())
        os.write(port, b"\x03")
        # A virtual board has no REPL: it boots again.
        await until(lambda: b"hexhaul hotspot board" in hear())
    finally:
        os.close(port)
    async with await BoardLink.open(str(town.folder / "one.tty"), timeout_s=PATIENCE_S) as again:
        assert again.hello.boot_id != boot_id


async def test_reboot_and_the_config_after_it(town: Town) -> None:
    one, two = await open_both(town)
    async with one, two:
        boot_id = two.hello.boot_id
        await two.reboot()
        await until(lambda: not two.is_up)
        await within(PATIENCE_S, two.wait_up())
        assert two.hello.boot_id != boot_id
        await send_soon(one, b"after the reboot")
        assert (await take(two)).payload == b"after the reboot"


async def test_memory_stays_over_a_burst_of_packets(town: Town) -> None:
    """As many packets as a demo's hour: what the collector finds afterwards is what it found before."""
    one, two = await open_both(town)
    async with one, two:
        await send_soon(one, bytes(255))
        await take(two)
        before = await one.status(), await two.status()
        for number in range(120):
            payload = bytes([number]) * (1 + number % 24)
            request = TransmitRequest(
                None, HOME.frequency_hz, HOME.spreading_factor, payload, invert_iq=False, crc=True
            )
            await one.transmit(request)
            assert (await take(two)).payload[:1] == bytes([number])
        after = await one.status(), await two.status()
    for early, late in zip(before, after, strict=True):
        assert late.heap_free_bytes > early.heap_free_bytes - 1024
        assert late.packets_dropped == 0
        assert late.radio_resets == 0
    print(
        f"heap free before {[status.heap_free_bytes for status in before]}, after 120 packets "
        f"{[status.heap_free_bytes for status in after]}; latest start {after[0].transmission_latest_us} us, "
        f"slowest turn {[status.loop_slowest_us for status in after]} us"
    )


def test_the_radio_was_never_misused(town: Town) -> None:
    """Last: whatever the tests before had the driver do, the chip model found no fault."""
    for name in ("one", "two"):
        assert town.get_events(name, "fault") == []
