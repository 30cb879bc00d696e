"""The hotspot's use of the radio against the chip model: what goes wrong on silicon, and the heap at the
start.
"""

import shutil
import struct
from pathlib import Path
from typing import Any

import pytest

from firmware import link
from hotspot_host.board_link import BoardLink
from tests.unit.firmware.stand_in import FIRMWARE, Bench
from tests.unit.firmware.town_rig import PATIENCE_S, Console, Town, send_soon, within

HOME = (868_100_000, 125_000, 7, 5, 0x34, False)
LIMIT_US = 1000


class Desk:
    """An ``Air`` on a bench, and what it says."""

    def __init__(self) -> None:
        self.bench = Bench()
        radio = self.bench.make_radio()
        self.bench.load("link.py")
        self.packets: list[bytes] = []
        self.sent: list[tuple[int, int, int]] = []
        self.air = self.bench.load("hotspot/air.py").Air(
            radio, self.bench.flag, 120, LIMIT_US, self._take, lambda *values: self.sent.append(values)
        )
        self._radio = radio
        assert self.air.configure(HOME) == link.OK

    def _take(self, edge_us: int, settings: Any, good: bool) -> None:
        self.packets.append(bytes(self._radio.data[: self._radio.length]))

    def transmit(self, ahead_us: int, payload: bytes = b"hello", sequence: int = 1) -> int:
        return int(
            self.air.transmit(sequence, ahead_us, HOME, 14, 8, True, bytearray(payload), 0, len(payload))
        )

    def run_for(self, us: int) -> None:
        """The loop, as the station turns it: sleeping until the next deadline or interrupt."""
        clock = self.bench.clock
        until_us = clock.us + us
        while clock.us < until_us:
            self.air.run()
            next_us = self.air.compute_next_us()
            limit_us = until_us
            if next_us is not None:
                ahead_us = (next_us - clock.us + 2**29) % 2**30 - 2**29
                limit_us = min(limit_us, clock.us + max(ahead_us, 1))
            while clock.us < limit_us and not self.bench.flag.raised:
                clock.pass_us(min(200, limit_us - clock.us))


def test_a_transmission_starts_on_time_and_reception_goes_on() -> None:
    desk = Desk()
    began_us = desk.bench.clock.us
    assert desk.transmit(300_000) == link.OK
    desk.run_for(600_000)
    (emission,) = desk.bench.air.emissions
    assert abs(emission.start_us - (began_us + 300_000)) < 200
    ((sequence, result, started_us),) = desk.sent
    assert (sequence, result) == (1, link.OK)
    assert abs(started_us - emission.start_us) < 100
    packet = desk.bench.arrive(b"after it")
    desk.run_for(packet.end_us - desk.bench.clock.us + 2000)
    assert desk.packets == [b"after it"]
    assert desk.bench.chip.faults == []


def test_a_packet_just_before_a_transmission_is_not_lost() -> None:
    desk = Desk()
    began_us = desk.bench.clock.us
    assert desk.transmit(300_000) == link.OK
    # It ends while the loop is about to take the radio away.
    packet = desk.bench.arrive(b"in time", start_us=began_us + 300_000 - 20_000 - 36_096 - 300)
    assert packet.end_us < began_us + 280_000
    desk.run_for(600_000)
    assert desk.packets == [b"in time"]
    assert len(desk.bench.air.emissions) == 1


def test_a_transmission_that_does_not_end_resets_the_chip() -> None:
    """LoRaMac-node knows TxDones that never come: the chip starts anew and the host is told."""
    desk = Desk()
    on_dio, desk.bench.chip.on_dio = desk.bench.chip.on_dio, None
    real = desk.bench.spi._exchange
    # Reads of the interrupt flags find none.
    desk.bench.spi._exchange = lambda out: bytes(2) if out[0] == 0x12 else real(out)  # type: ignore[method-assign]
    assert desk.transmit(100_000) == link.OK
    desk.run_for(500_000)
    assert desk.sent == [(1, link.RADIO_FAILED, 0)]
    assert desk.air.radio_resets == 1
    desk.bench.chip.on_dio = on_dio
    desk.bench.spi._exchange = real  # type: ignore[method-assign]
    packet = desk.bench.arrive(b"it hears again")
    desk.run_for(packet.end_us - desk.bench.clock.us + 2000)
    assert desk.packets == [b"it hears again"]
    assert desk.transmit(100_000, sequence=2) == link.OK
    desk.run_for(500_000)
    assert desk.sent[-1][:2] == (2, link.OK)


def test_a_lost_interrupt_loses_neither_packet_nor_transmission() -> None:
    desk = Desk()
    desk.bench.chip.on_dio = None  # the line is cut
    packet = desk.bench.arrive(b"unannounced")
    desk.run_for(packet.end_us - desk.bench.clock.us + 2000)
    assert desk.packets == []
    desk.air.check_radio()
    assert desk.packets == [b"unannounced"]
    assert desk.transmit(100_000) == link.OK
    desk.run_for(600_000)
    assert desk.sent[-1][:2] == (1, link.OK)
    assert desk.air.radio_resets == 0


def test_a_chip_that_lost_its_supply_is_set_up_again() -> None:
    desk = Desk()
    desk.bench.power_cycle()
    desk.air.check_radio()
    assert desk.air.radio_resets == 1
    packet = desk.bench.arrive(b"back")
    desk.run_for(packet.end_us - desk.bench.clock.us + 2000)
    assert desk.packets == [b"back"]


def test_a_radio_that_is_gone_refuses_and_is_tried_again() -> None:
    desk = Desk()
    real = desk.bench.spi._exchange
    desk.bench.spi._exchange = lambda out: bytes([0xFF] * len(out))  # type: ignore[method-assign]
    desk.air.check_radio()
    assert not desk.air.radio_ok
    assert "version register is ff" in desk.air.problem
    assert desk.transmit(100_000) == link.RADIO_FAILED
    assert desk.air.configure(HOME) == link.RADIO_FAILED
    desk.run_for(10_000)
    desk.bench.spi._exchange = real  # type: ignore[method-assign]
    desk.air.check_radio()
    assert desk.air.radio_ok
    assert desk.transmit(100_000) == link.OK


def test_a_start_that_comes_too_late_is_not_made() -> None:
    desk = Desk()
    real = desk.bench.modules["gc"] = type(  # the collection takes longer than there is time
        "gc", (), {"collect": staticmethod(lambda: desk.bench.clock.pass_us(25_000))}
    )
    desk.bench.modules["air"].gc = real  # type: ignore[attr-defined]
    assert desk.transmit(100_000) == link.OK
    desk.run_for(400_000)
    assert desk.sent == [(1, link.TOO_LATE, 0)]
    assert desk.bench.air.emissions == []
    packet = desk.bench.arrive(b"hears on")
    desk.run_for(packet.end_us - desk.bench.clock.us + 2000)
    assert desk.packets == [b"hears on"]


def test_transmissions_keep_apart() -> None:
    desk = Desk()
    length = len(b"hello")
    assert desk.transmit(500_000) == link.OK
    airtime_us = desk.bench.modules["sx1276"].compute_time_on_air_us(length, 7, 125_000, 5, 8, True)  # type: ignore[attr-defined]
    for ahead_us in range(500_000 - airtime_us - 21_000, 500_000 + airtime_us + 21_000, 3000):
        assert desk.transmit(ahead_us, sequence=2) == link.COLLISION
    assert desk.transmit(500_000 + airtime_us + 23_000, sequence=3) == link.OK
    assert desk.transmit(500_000 - airtime_us - 23_000, sequence=4) == link.OK
    desk.run_for(1_000_000)
    assert [values[:2] for values in desk.sent] == [(4, link.OK), (1, link.OK), (3, link.OK)]


def test_a_full_plan_refuses() -> None:
    desk = Desk()
    results = [desk.transmit(1_000_000 * number, sequence=number) for number in range(1, 10)]
    assert results == [link.OK] * 8 + [link.COLLISION]


def test_a_window_waits_for_a_transmission_and_is_then_kept() -> None:
    desk = Desk()
    away = (868_300_000, 125_000, 9, 5, 0x34, False)
    assert desk.air.listen(200_000, 500_000, away) == link.OK
    assert desk.air.listen(200_000, 500_000, away) == link.OK  # asked again
    assert desk.transmit(190_000, bytes(50)) == link.OK
    desk.run_for(400_000)
    assert desk.bench.chip.settings.spreading_factor == 9
    desk.run_for(400_000)
    assert desk.bench.chip.settings.spreading_factor == 7
    assert desk.sent[0][:2] == (1, link.OK)
    assert desk.bench.chip.faults == []


@pytest.mark.parametrize(
    ("ahead_us", "duration_us", "settings", "result"),
    [
        (-1, 1000, HOME, link.TOO_LATE),
        (121_000_000, 1000, HOME, link.TOO_EARLY),
        (1000, 0, HOME, link.INVALID),
        (1000, 31_000_000, HOME, link.INVALID),
        (1000, 1000, (433_000_000, 125_000, 7, 5, 0x34, False), link.INVALID),
        (1000, 1000, (868_100_000, 123_000, 7, 5, 0x34, False), link.INVALID),
        (1000, 1000, (868_100_000, 125_000, 13, 5, 0x34, False), link.INVALID),
        (1000, 1000, (868_100_000, 125_000, 7, 9, 0x34, False), link.INVALID),
    ],
)
def test_windows_that_cannot_be_are_refused(
    ahead_us: int, duration_us: int, settings: Any, result: int
) -> None:
    assert Desk().air.listen(ahead_us, duration_us, settings) == result


LOCKED_MAIN = """
import json, time, micropython
import station
with open("/board.json") as file:
    board = json.load(file)
s = station.Station(board, {"tx_late_limit_us": 100000})
air = s._air
radio = s._radio
print("configured", air.configure((868100000, 125000, 7, 5, 0x34, False)))
while not s._flag.raised:
    time.sleep_ms(1)
def read_out():
    micropython.heap_lock()
    good = radio.read_packet()
    left = micropython.heap_unlock()
    print("read out", good, radio.length, left)
def start():
    at = time.ticks_add(time.ticks_us(), 20000)
    micropython.heap_lock()
    late = air._start_at(at)
    micropython.heap_unlock()
    print("started", late >= 0)
read_out()
radio.prepare_transmit(868100000, 125000, 7, 5, 0x34, False, True, 8, 14, b"from a locked heap")
start()
time.sleep_ms(1000)
print("over")
"""


@pytest.mark.timeout(180)
async def test_read_out_and_start_allocate_nothing(tmp_path: Path) -> None:
    """On the real interpreter with its heap locked: any allocation is a MemoryError."""
    program = tmp_path / "locked"
    shutil.copytree(FIRMWARE / "hotspot", program, ignore=shutil.ignore_patterns("main.py", "__pycache__"))
    (program / "main.py").write_text(LOCKED_MAIN)
    town = Town(tmp_path)
    try:
        console = Console(town.start("one", str(program), {}))
        await console.find("configured 0")
        link_two = await BoardLink.open(town.start_hotspot("two"), timeout_s=PATIENCE_S)
        async with link_two:
            from tests.unit.firmware.town_rig import HOME as HOME_CONFIG

            await link_two.configure(HOME_CONFIG)
            await send_soon(link_two, bytes(200))
            assert await console.find("read out") == "read out True 200 0"
            assert await console.find("started") == "started True"
            packet = await within(PATIENCE_S, anext(link_two.packets()))
            assert packet.payload == b"from a locked heap"
        console.close()
    finally:
        town.close()


def test_the_layout_of_requests_is_the_hosts() -> None:
    """A guard of the constants both ends count with."""
    assert struct.calcsize(link._TRANSMIT) == link.TRANSMIT_HEADER
    assert struct.calcsize(link._PACKET) == link.PACKET_HEADER
