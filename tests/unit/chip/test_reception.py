"""Two and three chips on one air: what is received and what isn't, by the instants."""

from __future__ import annotations

import pytest

from hardware.lora.airtime import compute_time_on_air_us
from tests.unit.chip.bench import Air, Driver, VirtualScheduler, make_pair

SYMBOL_US = 1_024


def compute_rssi_dbm(driver: Driver) -> float:
    """As the data sheet tells a driver to."""
    snr_register = driver.read(0x19)
    snr_db = (snr_register - 256 if snr_register > 127 else snr_register) / 4
    register = driver.read(0x1A)
    return -157 + register + snr_db if snr_db < 0 else -157 + register * 16 / 15


def get_snr_db(driver: Driver) -> float:
    register = driver.read(0x19)
    return (register - 256 if register > 127 else register) / 4


def test_a_packet_arrives() -> None:
    scheduler, air, one, other = make_pair()
    other.receive()
    one.transmit(b"hello world")
    emission = air.emissions[0][1]
    lock_us = emission.start_us + 12_544
    scheduler.run_until(lock_us + 8 * SYMBOL_US - 1)
    assert other.get_flags() == 0
    assert other.read(0x18) & 0x0F == 0x07  # detected, synchronized, receiving; no header yet
    scheduler.run_until(lock_us + 8 * SYMBOL_US)
    assert other.get_flags() == 0x10
    assert other.read(0x1C) & 0x40  # the header says CRC
    scheduler.run_until(emission.end_us - 1)
    assert other.get_flags() == 0x10
    scheduler.run_until(emission.end_us)
    assert other.get_flags() == 0x50
    assert (0, 1, emission.end_us) in other.edges
    assert other.get_packet() == b"hello world"
    assert other.read(0x01) == 0x85
    assert abs(compute_rssi_dbm(other) - (14 - 100)) < 1
    assert get_snr_db(other) == 12  # saturated
    assert other.transfer(bytes([0x14, 0, 0, 0, 0]))[1:] == bytes([0, 1, 0, 1])
    assert one.chip.faults == other.chip.faults == []


@pytest.mark.parametrize("loss_db", [60, 100, 120, 130, 133, 137])
def test_signal_and_noise_are_read_as_they_are(loss_db: int) -> None:
    scheduler, air, one, other = make_pair()
    air.losses_cdb["one", "other"] = loss_db * 100
    other.receive()
    one.transmit(b"hello world")
    scheduler.run_for(100_000)
    assert other.get_packet() == b"hello world"
    assert abs(compute_rssi_dbm(other) - (14 - loss_db)) <= 1
    assert abs(get_snr_db(other) - min(14 - loss_db + 117.03, 12)) <= 0.25


def test_below_the_floor_nothing_arrives() -> None:
    scheduler, air, one, other = make_pair()
    air.losses_cdb["one", "other"] = 13_900  # SNR -7.97 dB: SF7 needs -7.5
    other.receive()
    one.transmit(b"hello world")
    scheduler.run_for(1_000_000)
    assert other.get_flags() == 0
    for driver in (one, other):
        driver.begin(factor=8)
    other.receive()
    one.transmit(b"hello world")
    scheduler.run_for(1_000_000)
    assert other.get_packet() == b"hello world"


@pytest.mark.parametrize(
    "change",
    [
        {"factor": 8},
        {"bandwidth_code": 8},
        {"sync_word": 0x12},
        {"frf": 0xD90666 + 3277},  # 200 kHz
        {"frf": 0xD90666 + 600},  # 36.6 kHz: more than a quarter of the bandwidth
    ],
)
def test_other_settings_hear_nothing(change: dict[str, int]) -> None:
    scheduler, _, one, other = make_pair()
    other.begin(**change)
    other.receive()
    one.transmit(b"hello world")
    scheduler.run_for(1_000_000)
    assert other.get_flags() == 0


def test_a_small_frequency_offset_is_heard_and_measured() -> None:
    scheduler, _, one, other = make_pair()
    other.begin(frf=0xD90666 - 164)  # 10 kHz below
    other.receive()
    one.transmit(b"hello world")
    scheduler.run_for(100_000)
    assert other.get_packet() == b"hello world"
    fei = int.from_bytes(other.transfer(bytes([0x28, 0, 0, 0]))[1:], "big")
    error_hz = fei * 2**24 / 32e6 * 125 / 500
    assert abs(error_hz - 10_010) < 20


@pytest.mark.parametrize("tx_inverted", [False, True])
@pytest.mark.parametrize("rx_inverted", [False, True])
def test_iq_must_match(tx_inverted: bool, rx_inverted: bool) -> None:
    scheduler, _, one, other = make_pair()
    one.set_iq(tx_inverted=tx_inverted)
    other.set_iq(rx_inverted=rx_inverted)
    other.receive()
    one.transmit(b"down")
    scheduler.run_for(100_000)
    assert bool(other.get_flags() & 0x40) == (tx_inverted == rx_inverted)
    assert one.chip.faults == other.chip.faults == []


def test_half_duplex() -> None:
    scheduler, _, one, other = make_pair()
    other.transmit(bytes(20))
    one.transmit(bytes(20))
    scheduler.run_for(200_000)
    assert (one.get_flags(), other.get_flags()) == (0x08, 0x08)


def test_without_crc_the_flag_says_so_and_nothing_checks() -> None:
    scheduler, _, one, other = make_pair()
    one.write(0x1E, 0x70)
    other.receive()
    one.transmit(b"bare")
    scheduler.run_for(100_000)
    assert other.read(0x1C) & 0x40 == 0
    assert other.get_flags() == 0x50
    assert other.get_packet() == b"bare"


def test_packets_follow_each_other_in_the_fifo() -> None:
    scheduler, _, one, other = make_pair()
    other.receive()
    for index in range(5):
        one.transmit(bytes([index]) * 100)
        scheduler.run_for(300_000)
        assert other.read(0x10) == index * 100 % 256
        assert other.read(0x25) == (index * 100 + 99) % 256
        assert other.get_packet() == bytes([index]) * 100
    assert other.transfer(bytes([0x16, 0, 0]))[1:] == bytes([0, 5])
    other.receive()  # entering RX again starts at the base and clears the counters
    one.transmit(b"again")
    scheduler.run_for(300_000)
    assert other.read(0x10) == 0
    assert other.transfer(bytes([0x16, 0, 0]))[1:] == bytes([0, 1])


def test_flags_stay_until_they_are_cleared() -> None:
    scheduler, air, one, other = make_pair()
    other.receive()
    three = Driver(air, "three")
    three.begin()
    one.transmit(bytes(40))
    scheduler.run_for(40_000)
    three.transmit(bytes(40))
    scheduler.run_for(300_000)
    assert other.get_flags() == 0x70
    one.transmit(b"good")
    scheduler.run_for(100_000)
    assert other.get_flags() == 0x70  # the old CRC error is still there
    assert other.get_packet() == b"good"


def make_three(gap_cdb: int) -> tuple[VirtualScheduler, Air, Driver, Driver, Driver]:
    """`one` is heard by `middle` so much stronger than `two`."""
    scheduler = VirtualScheduler()
    air = Air(scheduler)
    one, two, middle = (Driver(air, name) for name in ("one", "two", "middle"))
    for driver in (one, two, middle):
        driver.begin()
    air.losses_cdb["one", "middle"] = 10_000
    air.losses_cdb["two", "middle"] = 10_000 + gap_cdb
    return scheduler, air, one, two, middle


@pytest.mark.parametrize(("gap_cdb", "survives"), [(0, False), (590, False), (600, True), (2_000, True)])
def test_capture_when_both_start_together(gap_cdb: int, survives: bool) -> None:
    scheduler, _, one, two, middle = make_three(gap_cdb)
    middle.receive()
    two.transmit(b"weak" * 5)
    one.transmit(b"strong" * 5)
    scheduler.run_for(300_000)
    if survives:
        assert middle.get_flags() == 0x50
        assert middle.get_packet() == b"strong" * 5
    else:
        assert middle.get_flags() == 0


def test_a_stronger_frame_during_the_payload_breaks_both() -> None:
    scheduler, _, one, two, middle = make_three(1_000)
    middle.receive()
    two.transmit(b"weak" * 10)
    scheduler.run_for(45_000)
    one.transmit(b"strong" * 5)
    scheduler.run_for(300_000)
    assert middle.get_flags() == 0x70
    broken = middle.get_packet()
    assert len(broken) == 40 and broken != b"weak" * 10
    assert middle.transfer(bytes([0x14, 0, 0, 0, 0]))[1:] == bytes([0, 1, 0, 0])


def test_a_stronger_frame_in_the_preamble_takes_over() -> None:
    scheduler, _, one, two, middle = make_three(1_000)
    middle.receive()
    two.transmit(b"weak" * 10)
    scheduler.run_for(6 * SYMBOL_US)
    one.transmit(b"strong" * 5)
    scheduler.run_for(300_000)
    assert middle.get_flags() == 0x50
    assert middle.get_packet() == b"strong" * 5


def test_a_weaker_frame_during_the_payload_does_no_harm_and_is_not_heard() -> None:
    scheduler, _, one, two, middle = make_three(1_000)
    middle.receive()
    one.transmit(b"strong" * 5)
    scheduler.run_for(45_000)
    two.transmit(b"weak" * 10)
    scheduler.run_for(300_000)
    assert middle.get_packet() == b"strong" * 5
    assert middle.transfer(bytes([0x16, 0, 0]))[1:] == bytes([0, 1])


@pytest.mark.parametrize(("gap_cdb", "survives"), [(-700, True), (-900, False)])
def test_other_spreading_factors_disturb_only_when_much_stronger(gap_cdb: int, survives: bool) -> None:
    scheduler, _, one, two, middle = make_three(gap_cdb)
    two.begin(factor=8)
    middle.receive()
    two.transmit(bytes(60))
    one.transmit(b"wanted" * 5)
    scheduler.run_for(500_000)
    assert bool(middle.get_flags() & 0x40) == survives


def test_another_channel_never_disturbs() -> None:
    scheduler, _, one, two, middle = make_three(-6_000)
    two.begin(frf=0xD90666 + 3277)
    middle.receive()
    two.transmit(bytes(60))
    one.transmit(b"wanted" * 5)
    scheduler.run_for(500_000)
    assert middle.get_packet() == b"wanted" * 5


def test_receiver_that_comes_late_into_the_preamble() -> None:
    """Four symbols of preamble are enough, three aren't."""
    for late_symbols, heard in ((3, True), (5, False)):
        scheduler, _, one, other = make_pair()
        one.transmit(b"hello")
        scheduler.run_for(late_symbols * SYMBOL_US)
        other.receive()
        scheduler.run_for(200_000)
        assert bool(other.get_flags() & 0x40) == heard


def test_leaving_rx_loses_the_packet() -> None:
    scheduler, _, one, other = make_pair()
    other.receive()
    one.transmit(b"hello")
    scheduler.run_for(15_000)
    other.write(0x01, 0x81)
    scheduler.run_for(200_000)
    assert other.get_flags() & 0x40 == 0


def test_single_reception_ends_in_standby() -> None:
    scheduler, air, one, other = make_pair()
    other.receive(single_symbols=100)
    one.transmit(b"hello")
    scheduler.run_for(200_000)
    assert other.read(0x01) == 0x81
    assert other.get_flags() == 0x50
    assert (0, 1, air.emissions[0][1].end_us) in other.edges
    one.transmit(b"unheard")
    scheduler.run_for(200_000)
    assert other.get_packet() == b"hello"


@pytest.mark.parametrize("symbols", [4, 100, 1023])
def test_single_reception_times_out(symbols: int) -> None:
    scheduler, _, _, other = make_pair()
    other.receive(single_symbols=symbols)
    deadline_us = scheduler.now_us() + 101 + symbols * SYMBOL_US
    scheduler.run_until(deadline_us + 39_999)
    assert (other.read(0x01), other.get_flags()) == (0x86, 0)
    scheduler.run_until(deadline_us + 40_000)
    assert (other.read(0x01), other.get_flags()) == (0x81, 0x80)
    assert other.edges[-1] == (1, 1, deadline_us)  # the stamp is silicon's


def test_a_preamble_that_begins_in_time_holds_the_window_open() -> None:
    """A frame outlasts the symbol timeout; one that begins after it isn't heard."""
    for begin_symbols, heard in ((10, True), (30, False)):
        scheduler, _, one, other = make_pair()
        other.receive(single_symbols=20)
        scheduler.run_for(begin_symbols * SYMBOL_US)
        one.transmit(bytes(100))
        scheduler.run_for(400_000)
        assert other.get_flags() == (0x50 if heard else 0x80)


def test_messages_that_come_late_change_nothing() -> None:
    """Told 30 ms late, the same packet is received with the same stamp, also in a window that was closing."""
    stamps = []
    for delay_us in (0, 30_000):
        scheduler, air, one, other = make_pair()
        air.delay_us = delay_us
        other.receive(single_symbols=12)
        one.transmit(b"hi")
        scheduler.run_for(300_000)
        assert other.get_packet() == b"hi"
        stamps.append([at_us for number, level, at_us in other.edges if (number, level) == (0, 1)])
    assert stamps[0] == stamps[1]


def test_messages_out_of_order_make_the_same_collision() -> None:
    results = []
    for delays_us in ((0, 9_000), (9_000, 0)):
        scheduler, air, one, two, middle = make_three(1_000)
        middle.receive()
        air.delay_us = delays_us[0]
        two.transmit(b"weak" * 10)
        scheduler.run_for(6 * SYMBOL_US)
        air.delay_us = delays_us[1]
        one.transmit(b"strong" * 5)
        scheduler.run_for(300_000)
        results.append((middle.get_flags(), middle.get_packet()))
    assert results[0] == results[1] == (0x50, b"strong" * 5)


def test_a_message_much_too_late_is_counted() -> None:
    scheduler, air, one, other = make_pair()
    air.delay_us = 500_000
    other.receive()
    one.transmit(b"hello")
    scheduler.run_for(200_000)
    other.write(0x01, 0x81)
    scheduler.run_for(500_000)
    assert other.get_flags() == 0
    assert other.chip.late_signals == 1


@pytest.mark.parametrize("factor", range(7, 13))
def test_rx_done_is_as_late_as_on_silicon(factor: int) -> None:
    scheduler, air, one, other = make_pair()
    for driver in (one, other):
        driver.begin(factor=factor)
    other.receive()
    one.transmit(bytes(12))
    scheduler.run_for(4_000_000)
    emission = air.emissions[0][1]
    assert emission.time_on_air_us == compute_time_on_air_us(12, factor, 125_000)
    late_us = (0, 1_648, 3_265, 7_049, 13_641, 31_189)[factor - 7]
    assert (0, 1, emission.end_us + late_us) in other.edges
    assert other.get_packet() == bytes(12)
    assert one.chip.faults == other.chip.faults == []


def test_low_data_rate_must_agree() -> None:
    scheduler, _, one, other = make_pair()
    other.write(0x26, 0x0C)
    other.receive()
    one.transmit(b"hello")
    scheduler.run_for(200_000)
    assert other.get_flags() == 0x70
    assert other.chip.faults != []


def test_max_payload_length_filters() -> None:
    scheduler, _, one, other = make_pair()
    other.write(0x23, 10)
    other.receive()
    one.transmit(bytes(11))
    scheduler.run_for(200_000)
    assert other.get_flags() == 0
    one.transmit(bytes(10))
    scheduler.run_for(200_000)
    assert other.get_flags() == 0x50


def test_implicit_header() -> None:
    scheduler, _, one, other = make_pair()
    for driver in (one, other):
        driver.write(0x1D, 0x73)
    other.write(0x22, 6)
    other.receive()
    one.transmit(b"beacon")
    scheduler.run_for(200_000)
    assert other.get_flags() == 0x40
    assert other.get_packet() == b"beacon"
    one.transmit(b"longer than that")
    scheduler.run_for(200_000)
    assert other.get_flags() == 0x60
    assert len(other.get_packet()) == 6


def test_instant_rssi_shows_noise_and_signal() -> None:
    scheduler, _, one, other = make_pair()
    other.receive()
    assert other.read(0x1B) - 157 in (-117, -118)
    one.transmit(bytes(100))
    scheduler.run_for(50_000)
    assert abs(other.read(0x1B) - 157 - (14 - 100)) <= 1


def test_channel_activity_detection() -> None:
    for with_signal in (False, True):
        scheduler, _, one, other = make_pair()
        if with_signal:
            one.transmit(bytes(20))
        scheduler.run_for(1_000)
        other.write(0x40, 0x80)  # DIO0: CadDone
        other.write(0x01, 0x87)
        done_us = scheduler.now_us() + (128 + 32) * 8 + 921
        scheduler.run_until(done_us - 1)
        assert (other.read(0x01), other.get_flags()) == (0x87, 0)
        scheduler.run_until(done_us)
        assert (other.read(0x01), other.get_flags()) == (0x81, 0x05 if with_signal else 0x04)
        assert (0, 1, done_us) in other.edges


def test_a_day_of_packets_keeps_memory_bounded() -> None:
    scheduler, _, one, other = make_pair()
    other.receive()
    for _ in range(600):
        one.transmit(b"x")
        scheduler.run_for(100_000)
        assert other.get_packet() == b"x"
    path = other.chip._receive_path
    assert len(path.signals) <= 256
    assert len(path._told) <= 512


def test_a_late_timer_is_made_up_for_by_the_next_access() -> None:
    """The board's timers run late at times; what a driver then reads is what silicon would show."""
    scheduler, air, one, other = make_pair()
    other.receive()
    one.transmit(b"hello")
    end_us = air.emissions[0][1].end_us
    scheduler.run_until(end_us - 1)
    scheduler._now_us = end_us + 5_000  # no timer has run
    assert (one.read(0x01), one.get_flags()) == (0x81, 0x08)
    assert other.get_packet() == b"hello"
    assert (0, 1, end_us) in one.edges and (0, 1, end_us) in other.edges


def test_narrow_bands_are_received_as_the_errata_say() -> None:
    """Below 62.5 kHz with a fixed IF the receiver is tuned one bandwidth higher than the sender."""
    for shift_hz, heard in ((20_833, True), (0, False)):
        scheduler, _, one, other = make_pair()
        for driver in (one, other):
            driver.begin(bandwidth_code=3)
            driver.write(0x31, 0x43)
            driver.write(0x2F, 0x44, 0x00)
        frf = (868_099_976 + shift_hz) * 16_384 // 1_000_000
        other.write(0x06, frf >> 16, frf >> 8 & 0xFF, frf & 0xFF)
        other.receive()
        one.transmit(b"narrow")
        scheduler.run_for(1_000_000)
        assert bool(other.get_flags() & 0x40) == heard
        assert one.chip.faults == other.chip.faults == []
