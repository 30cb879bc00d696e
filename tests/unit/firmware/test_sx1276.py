"""The SX1276 driver against the register-level model of the chip: what it sets, reads and survives."""

import random

import pytest

from hardware.lora.airtime import compute_time_on_air_us
from tests.unit.firmware.stand_in import Bench

HOME = (868_100_000, 125_000, 7, 5, 0x34, False)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_reset_leaves_a_calibrated_chip_in_lora_standby(bench: Bench) -> None:
    bench.make_radio()
    assert bench.chip.registers.is_lora
    assert bench.chip.registers.mode == 1
    assert bench.chip.faults == []


def test_another_chip_is_refused_by_name(bench: Bench) -> None:
    radio = bench.make_radio()
    bench.pins[18](1)
    real = bench.spi._exchange
    bench.spi._exchange = lambda out: bytes([0, 0x22]) if out[0] == 0x42 else real(out)  # type: ignore[method-assign]
    with pytest.raises(bench.modules["sx1276"].RadioError, match="version register is 22"):
        radio.reset()


@pytest.mark.parametrize("spreading_factor", range(7, 13))
@pytest.mark.parametrize("bandwidth_hz", [125_000, 250_000, 500_000])
@pytest.mark.parametrize("invert_iq", [False, True])
def test_listen_sets_what_is_asked(
    bench: Bench, spreading_factor: int, bandwidth_hz: int, invert_iq: bool
) -> None:
    radio = bench.make_radio()
    radio.listen(868_300_000, bandwidth_hz, spreading_factor, 5, 0x34, invert_iq)
    settings = bench.chip.settings
    assert abs(settings.frequency_hz - 868_300_000) <= 31
    assert settings.bandwidth_hz == bandwidth_hz
    assert settings.spreading_factor == spreading_factor
    assert settings.rx_inverted == invert_iq
    assert settings.sync_word == 0x34
    assert settings.low_data_rate == ((1 << spreading_factor) / bandwidth_hz > 0.016)
    assert bench.chip.registers.mode == 5
    assert bench.chip.faults == []
    # Errata 2.1 and 2.3.
    assert bench.get_register(0x36) == (0x02 if bandwidth_hz == 500_000 else 0x03)
    assert bench.get_register(0x31) == (0x83 if bandwidth_hz == 500_000 else 0x03)
    if bandwidth_hz == 500_000:
        assert bench.get_register(0x3A) == 0x64
    else:
        assert (bench.get_register(0x2F), bench.get_register(0x30)) == (0x40, 0x00)


def test_narrow_reception_is_tuned_up_by_the_errata_and_transmission_is_not(bench: Bench) -> None:
    radio = bench.make_radio()
    radio.listen(868_100_000, 41_667, 7, 5, 0x34, False)
    assert abs(bench.chip.settings.frequency_hz - 868_141_667) <= 31
    assert bench.get_register(0x2F) == 0x44
    radio.prepare_transmit(868_100_000, 41_667, 7, 5, 0x34, False, True, 8, 14, b"x")
    assert abs(bench.chip.settings.frequency_hz - 868_100_000) <= 31


def test_packets_of_all_lengths_come_out_whole_one_after_the_other(bench: Bench) -> None:
    """Continuous reception wraps round the FIFO: each packet must be read from where it was written."""
    source = random.Random(1)
    radio = bench.make_radio()
    radio.listen(*HOME)
    for length in [1, 255, 7, 52, 255, 128, 3, 33, 200, 31, 32, 64]:
        payload = source.randbytes(length)
        emission = bench.arrive(payload)
        bench.clock.pass_until(emission.end_us + 500)
        assert bench.flag.raised
        bench.flag.raised = False
        assert radio.read_events() & 0x40
        assert radio.read_packet()
        assert bytes(radio.data[: radio.length]) == payload
        assert radio.edge_us == emission.end_us % 2**30
        assert radio.crc_present
        assert radio.read_events() == 0
    assert bench.chip.faults == []


@pytest.mark.parametrize("rssi_dbm", [-40, -80, -100, -115, -120, -124])
def test_signal_strength_is_what_arrived(bench: Bench, rssi_dbm: int) -> None:
    radio = bench.make_radio()
    radio.listen(*HOME)
    emission = bench.arrive(b"hello", rssi_dbm=rssi_dbm)
    bench.clock.pass_until(emission.end_us + 500)
    assert radio.read_packet()
    assert abs(radio.compute_rssi_dbm() - rssi_dbm) <= 1
    # Noise of 125 kHz at 6 dB noise figure is about -117 dBm; the register ends at 12 dB or so.
    assert abs(radio.snr_x4 / 4 - min(rssi_dbm + 117, 12)) <= 1.5


@pytest.mark.parametrize("offset_hz", [-20_000, -3_000, 0, 61, 3_000, 20_000])
def test_frequency_error_is_measured(bench: Bench, offset_hz: int) -> None:
    radio = bench.make_radio()
    radio.listen(*HOME)
    emission = bench.arrive(b"hello", frequency_hz=868_100_000 + offset_hz)
    bench.clock.pass_until(emission.end_us + 500)
    assert radio.read_packet()
    assert abs(radio.compute_frequency_error_hz() - offset_hz) <= 65


def test_a_broken_packet_is_told_and_the_next_is_not_spoilt(bench: Bench) -> None:
    radio = bench.make_radio()
    radio.listen(*HOME)
    emission = bench.arrive(b"a" * 40)
    bench.arrive(b"b" * 40, start_us=emission.start_us + 40_000, rssi_dbm=-80)  # drowns the first's payload
    bench.clock.pass_until(emission.end_us + 500)
    assert not radio.read_packet()
    assert radio.crc_present
    bench.clock.pass_us(200_000)
    good = bench.arrive(b"c" * 40)
    bench.clock.pass_until(good.end_us + 500)
    assert radio.read_packet()
    assert bytes(radio.data[: radio.length]) == b"c" * 40


def test_a_packet_without_crc_says_so(bench: Bench) -> None:
    radio = bench.make_radio()
    radio.listen(*HOME)
    emission = bench.arrive(b"no check", crc=False, coding_rate=7)
    bench.clock.pass_until(emission.end_us + 500)
    assert radio.read_packet()
    assert not radio.crc_present
    assert radio.coding_rate == 7


@pytest.mark.parametrize("power_dbm", range(2, 21))
def test_power_is_the_power_asked_for(bench: Bench, power_dbm: int) -> None:
    radio = bench.make_radio()
    radio.prepare_transmit(868_100_000, 125_000, 7, 5, 0x34, True, False, 8, power_dbm, b"x")
    radio.start_transmit()
    assert bench.air.emissions[0].power_cdbm == power_dbm * 100
    assert bench.get_register(0x0B) == (0x31 if power_dbm > 17 else 0x2B)
    assert bench.chip.faults == []


def test_the_20_dbm_mode_ends_with_its_transmission(bench: Bench) -> None:
    radio = bench.make_radio()
    for power_dbm in (20, 14):
        radio.prepare_transmit(868_100_000, 125_000, 7, 5, 0x34, True, False, 8, power_dbm, b"x")
        radio.start_transmit()
        bench.clock.pass_us(100_000)
    assert [emission.power_cdbm for emission in bench.air.emissions] == [2000, 1400]
    assert bench.get_register(0x4D) == 0x84


@pytest.mark.parametrize("spreading_factor", [7, 10, 11, 12])
@pytest.mark.parametrize("invert_iq", [False, True])
def test_a_transmission_is_as_asked_and_ends_when_it_must(
    bench: Bench, spreading_factor: int, invert_iq: bool
) -> None:
    payload = bytes(range(52))
    radio = bench.make_radio()
    radio.listen(*HOME)
    radio.prepare_transmit(
        868_500_000, 125_000, spreading_factor, 6, 0x34, invert_iq, not invert_iq, 10, 14, payload
    )
    radio.start_transmit()
    (emission,) = bench.air.emissions
    assert emission.payload == payload
    assert abs(emission.frequency_hz - 868_500_000) <= 31
    assert (emission.spreading_factor, emission.coding_rate) == (spreading_factor, 6)
    assert (emission.invert_iq, emission.crc, emission.preamble_symbols) == (invert_iq, not invert_iq, 10)
    expected_us = compute_time_on_air_us(52, spreading_factor, 125_000, 6, 10, True, not invert_iq)
    assert emission.time_on_air_us == expected_us
    module = bench.modules["sx1276"]
    assert module.compute_time_on_air_us(52, spreading_factor, 125_000, 6, 10, not invert_iq) == expected_us
    bench.clock.pass_until(emission.end_us + 10)
    assert bench.flag.raised
    assert radio.edge_us == emission.end_us % 2**30
    assert radio.read_events() == 0x08
    # And back to receiving with nothing left over.
    radio.listen(*HOME)
    assert radio.read_events() == 0
    assert bench.chip.settings.preamble_symbols == 8
    assert bench.chip.settings.rx_inverted is False
    assert bench.chip.faults == []


def test_single_reception_times_out_after_its_symbols(bench: Bench) -> None:
    radio = bench.make_radio()
    radio.listen_once(868_100_000, 125_000, 7, 0x34, True, 208)
    began_us = bench.clock.us
    bench.clock.pass_us(300_000)
    assert bench.flag.raised
    assert radio.read_events() == 0x80
    assert bench.chip.registers.mode == 1
    assert bench.chip.faults == []
    assert bench.chip.settings.symbol_timeout == 208
    assert began_us < bench.clock.us


def test_single_reception_catches_a_downlink(bench: Bench) -> None:
    radio = bench.make_radio()
    radio.listen_once(868_100_000, 125_000, 7, 0x34, True, 208)
    emission = bench.arrive(b"downlink", start_us=bench.clock.us + 100_000, invert_iq=True, crc=False)
    bench.clock.pass_until(emission.end_us + 500)
    assert radio.read_events() & 0x40
    assert radio.read_packet()
    assert bytes(radio.data[: radio.length]) == b"downlink"
    assert bench.chip.registers.mode == 1


def test_a_chip_that_lost_its_mode_is_noticed(bench: Bench) -> None:
    radio = bench.make_radio()
    radio.listen(*HOME)
    assert radio.is_as_left()
    bench.power_cycle()
    assert not radio.is_as_left()
    radio.reset()
    radio.listen(*HOME)
    assert radio.is_as_left()
    assert bench.chip.faults == []


def test_bands_and_powers_of_the_module(bench: Bench) -> None:
    radio = bench.make_radio()
    assert radio.is_in_band(868_100_000)
    assert not radio.is_in_band(433_000_000)
    assert not radio.is_in_band(2_400_000_000)
    assert [power for power in range(-10, 30) if radio.is_power(power)] == list(range(2, 21))


def test_between_interrupt_and_read_out_few_frames_pass_on_the_bus(bench: Bench) -> None:
    """The time a packet takes to read out is what its successor has to wait: keep it few and short."""
    radio = bench.make_radio()
    radio.listen(*HOME)
    emission = bench.arrive(bytes(255))
    bench.clock.pass_until(emission.end_us + 500)
    before_us = bench.clock.us
    radio.read_packet()
    assert bench.clock.us - before_us < 1000
