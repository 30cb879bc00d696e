"""The chip by raw SPI bytes: identity, pages, modes, FIFO, flags, lines, misuse."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardware.lora.airtime import compute_time_on_air_us
from tests.unit.chip.bench import Air, Driver, VirtualScheduler, make_pair

HOME_HZ = 868_099_976  # 868.1 MHz in the synthesizer's steps


def make_one(**options: object) -> tuple[VirtualScheduler, Air, Driver]:
    scheduler = VirtualScheduler()
    air = Air(scheduler)
    return scheduler, air, Driver(air, "one", **options)


def test_after_reset_it_is_fsk_standby_with_its_version() -> None:
    _, _, one = make_one()
    one.reset()
    assert one.read(0x42) == 0x12
    assert one.read(0x01) == 0x09
    assert one.transfer(bytes([0x06, 0, 0, 0]))[1:] == bytes([0x6C, 0x80, 0x00])
    assert one.chip.faults == []


def test_reset_wants_its_times() -> None:
    scheduler, _, one = make_one()
    one.chip.nreset(0)
    assert one.read(0x42) == 0  # held in reset: nobody answers
    scheduler.run_for(50)
    one.chip.nreset(1)
    assert one.chip.faults == ["NRESET low for 50 us: 100 us at least"]
    one.read(0x42)
    assert one.chip.faults[1:] == ["SPI access within 5 ms after reset"]


def test_not_selected_nothing_happens() -> None:
    _, _, one = make_one()
    one.chip.nss(1)
    assert one.chip.spi_transfer(bytes([0x89, 0x12])) == bytes(2)
    assert one.read(0x09) == 0x4F


def test_one_frame_may_come_in_pieces_and_a_burst_walks_the_registers() -> None:
    _, _, one = make_one()
    one.chip.nss(0)
    one.chip.spi_transfer(bytes([0x86]))
    one.chip.spi_transfer(bytes([0xD9, 0x06]))
    one.chip.spi_transfer(bytes([0x66]))
    one.chip.nss(1)
    assert one.transfer(bytes([0x06, 0, 0, 0]))[1:] == bytes([0xD9, 0x06, 0x66])
    assert one.chip.settings.frequency_hz == HOME_HZ


def test_long_range_mode_changes_in_sleep_only() -> None:
    _, _, one = make_one()
    one.write(0x01, 0x81)  # from Standby
    assert one.read(0x01) == 0x01
    assert one.chip.faults == ["LongRangeMode changed in Standby: it changes in Sleep only, the bit stays"]
    one.write(0x01, 0x00)
    one.write(0x01, 0x80)
    one.write(0x01, 0x81)
    assert one.read(0x01) == 0x81
    one.write(0x01, 0x01)
    assert one.read(0x01) == 0x81
    assert len(one.chip.faults) == 2


def test_pages_are_apart() -> None:
    _, _, one = make_one()
    one.write(0x39, 0x34)  # too early: hits the FSK page
    assert "0x39 written in FSK mode" in one.chip.faults[0]
    one.begin()
    assert one.read(0x39) == 0x34
    one.write(0x01, 0x80)
    one.write(0x01, 0x00)
    one.write(0x01, 0x80)
    assert one.read(0x39) == 0x34
    one.reset()
    one.write(0x01, 0x00)
    one.write(0x01, 0x80)
    assert (one.read(0x39), one.read(0x1F), one.read(0x0E)) == (0x12, 0x64, 0x80)
    one.write(0x01, 0xC0)  # AccessSharedReg: the FSK page shows through
    assert one.read(0x39) == 0xF5


def test_read_only_registers_stay() -> None:
    _, _, one = make_one()
    one.begin()
    for address in (0x10, 0x13, 0x18, 0x19, 0x1A, 0x1B, 0x25, 0x28, 0x42):
        before = one.read(address)
        one.write(address, 0xFF)
        assert one.read(address) == before, hex(address)
    assert one.chip.faults == []


def test_fifo_pointer_walks_and_wraps() -> None:
    _, _, one = make_one()
    one.begin()
    one.write(0x0D, 0xFE)
    one.write(0x00, 1, 2, 3, 4)
    assert one.read(0x0D) == 2
    one.write(0x0D, 0xFE)
    assert one.transfer(bytes(5))[1:] == bytes([1, 2, 3, 4])


def test_fifo_is_closed_in_sleep_and_forgets() -> None:
    _, _, one = make_one()
    one.begin()
    one.write(0x0D, 0)
    one.write(0x00, 7)
    one.write(0x01, 0x80)
    one.write(0x0D, 0)
    assert one.read(0x00) == 0
    assert one.chip.faults == ["FIFO access in Sleep"]
    one.write(0x01, 0x81)
    one.write(0x0D, 0)
    assert one.read(0x00) == 0


def test_image_calibration_runs_and_ends() -> None:
    scheduler, _, one = make_one()
    one.reset()
    one.write(0x3B, 0x42)
    assert one.read(0x3B) == 0x22
    scheduler.run_for(10_000)
    assert one.read(0x3B) == 0x02
    one.begin()
    one.write(0x01, 0x80 | 0x40 | 0x01)
    one.write(0x3B, 0x42)
    assert one.chip.faults == ["ImageCalStart outside FSK Standby"]


def test_transmission_takes_its_time_on_air() -> None:
    scheduler, air, one = make_one()
    one.begin()
    one.edges.clear()
    one.transmit(b"hello")
    began_us = scheduler.now_us()
    assert one.read(0x01) == 0x83
    emission = air.emissions[0][1]
    assert (emission.start_us, emission.payload) == (began_us + 120, b"hello")
    assert (emission.frequency_hz, emission.power_cdbm) == (HOME_HZ, 1400)
    assert (emission.spreading_factor, emission.bandwidth_hz, emission.coding_rate) == (7, 125_000, 5)
    assert (emission.crc, emission.invert_iq, emission.sync_word, emission.preamble_symbols) == (
        True,
        False,
        0x34,
        8,
    )
    assert emission.time_on_air_us == compute_time_on_air_us(5, 7, 125_000)
    scheduler.run_until(emission.end_us - 1)
    assert (one.read(0x01), one.get_flags()) == (0x83, 0)
    scheduler.run_until(emission.end_us)
    assert (one.read(0x01), one.get_flags()) == (0x81, 0x08)
    assert one.chip.dio(0) == 1
    one.write(0x12, 0x08)
    assert one.chip.dio(0) == 0
    assert [edge for edge in one.edges if edge[0] == 0] == [
        (0, 1, emission.end_us),
        (0, 0, emission.end_us),
    ]
    assert one.chip.faults == []


def test_transmission_broken_off_is_told() -> None:
    scheduler, _, one, other = make_pair()
    other.receive()
    one.transmit(bytes(50))
    scheduler.run_for(40_000)
    one.write(0x01, 0x81)
    scheduler.run_for(200_000)
    assert one.get_flags() == 0
    assert other.get_flags() & 0x60 == 0x60  # the frame's end is missing: CRC error


def test_flags_masked_do_not_reach_the_lines() -> None:
    scheduler, _, one = make_one()
    one.begin()
    one.write(0x11, 0x08)
    one.transmit(b"x")
    scheduler.run_for(1_000_000)
    assert one.get_flags() == 0x08
    assert one.chip.dio(0) == 0
    one.write(0x11, 0x00)
    assert one.chip.dio(0) == 1
    one.write(0x40, 0x00)  # DIO0 back to RxDone
    assert one.chip.dio(0) == 0


def test_mode_ready_and_pll_lock() -> None:
    scheduler, _, one = make_one()
    one.begin()
    assert one.chip.dio(5) == 1
    one.write(0x41, 0x40)  # DIO4: PllLock
    assert one.chip.dio(4) == 0
    one.write(0x01, 0x82)
    assert one.chip.dio(4) == 1
    one.write(0x01, 0x80)
    assert (one.chip.dio(4), one.chip.dio(5)) == (0, 0)
    scheduler.run_for(1)


@pytest.mark.parametrize(
    ("registers", "power_cdbm"),
    [
        ({0x09: 0x80}, 200),
        ({0x09: 0x8F}, 1700),
        ({0x09: 0x8F, 0x4D: 0x87, 0x0B: 0x3B}, 2000),
        ({0x09: 0x85, 0x4D: 0x87}, 1000),
        ({0x09: 0x7F}, -4000),
    ],
)
def test_power(registers: dict[int, int], power_cdbm: int) -> None:
    _, air, one = make_one()
    one.begin()
    for address, value in registers.items():
        one.write(address, value)
    one.transmit(b"x")
    assert air.emissions[0][1].power_cdbm == power_cdbm
    assert bool(one.chip.faults) == (power_cdbm == -4000)


def test_rfo_gives_its_formula() -> None:
    _, air, one = make_one(amplifier="both")
    one.begin()
    one.write(0x09, 0x7E)
    one.transmit(b"x")
    assert air.emissions[0][1].power_cdbm == 1400
    assert one.chip.faults == []


@pytest.mark.parametrize(
    ("registers", "named"),
    [
        ({0x09: 0x4F}, "RFO is selected"),
        ({0x09: 0x8F, 0x4D: 0x87}, "RegOcp limits to 100 mA"),
        ({0x1E: 0xC4}, "LowDataRateOptimize is 0"),
        ({0x26: 0x0C}, "LowDataRateOptimize is 1"),
        ({0x3B: 0x19}, "RegInvertIQ2 is 0x19"),
        ({0x33: 0x26}, "RegInvertIQ2 is 0x1D with inverted"),
        ({0x22: 0x00}, "RegPayloadLength 0"),
        ({0x06: 0x6C}, "outside of the module's"),
        ({0x31: 0xC5}, "RegDetectOptimize 0xC5"),
        ({0x37: 0x0C}, "RegDetectionThreshold 0x0C"),
        ({0x1E: 0x64}, "SF6 with explicit header"),
        ({0x1E: 0x14}, "spreading factor code 1"),
        ({0x1D: 0xA2}, "bandwidth code 10"),
        ({0x1D: 0x70}, "coding rate code 0"),
        ({0x24: 0x01}, "frequency hopping"),
        ({0x21: 0x04}, "preamble of 4"),
        ({0x4D: 0x85}, "RegPaDac 0x85"),
        ({0x01: 0x89}, "LowFrequencyModeOn"),
    ],
)
def test_misuse_is_named(registers: dict[int, int], named: str) -> None:
    _, _, one = make_one()
    one.begin()
    one.write(0x22, 1)
    for address, value in registers.items():
        one.write(address, value)
    one.write(0x01, one.read(0x01) & 0xF8 | 3)
    assert any(named in fault for fault in one.chip.faults), one.chip.faults


def test_set_up_under_way_is_misuse() -> None:
    _, _, one = make_one()
    one.begin()
    one.receive()
    one.write(0x1E, 0x74)
    one.write(0x0D, 0)
    one.write(0x00, 1)
    assert one.chip.faults == [
        "register 0x1E written in RXCONTINUOUS",
        "FIFO written in RXCONTINUOUS: it is filled in Standby",
    ]


def test_transmit_without_payload_sends_nothing() -> None:
    scheduler, air, one = make_one()
    one.begin()
    one.write(0x22, 0)
    one.write(0x01, 0x83)
    scheduler.run_for(1_000_000)
    assert (air.emissions, one.read(0x01), one.get_flags()) == ([], 0x81, 0)


def test_faults_are_bounded() -> None:
    _, _, one = make_one()
    for _ in range(300):
        one.write(0x1D, 0)
    assert (len(one.chip.faults), one.chip.fault_count) == (100, 300)


def test_random_register_moves() -> None:
    _, _, one = make_one()
    one.begin()
    one.receive()
    assert len({one.read(0x2C) for _ in range(50)}) > 20


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.binary(min_size=1, max_size=12),
            st.integers(1, 50_000),
            st.sampled_from(["low", "high"]),
        ),
        max_size=60,
    )
)
def test_any_bytes_do_no_harm(steps: list[bytes | int | str]) -> None:
    """Whatever a driver sends, the chip goes on, and a reset brings it back."""
    scheduler, _, one, other = make_pair()
    other.receive()
    for step in steps:
        if isinstance(step, bytes):
            one.transfer(step)
        elif isinstance(step, int):
            scheduler.run_for(step)
        else:
            one.chip.nreset(int(step == "high"))
    one.chip.nreset(1)
    scheduler.run_for(20_000_000)
    one.begin()
    other.begin()
    other.receive()
    one.transmit(b"alive")
    scheduler.run_for(100_000)
    assert other.get_packet() == b"alive"
