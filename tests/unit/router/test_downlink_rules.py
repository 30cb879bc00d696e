"""Receive windows, the choice of hotspot and of what to send; MAC answers."""

from hypothesis import given
from hypothesis import strategies as st

from router.network.downlink import (
    LEAD_TIME_MS,
    Windows,
    choose_windows,
    compute_windows,
    fit_windows,
    plan_downlink,
)
from router.network.mac import process_mac_commands
from router.network.region_of import find_region_name
from router.network.values import QueueItem, Reception
from tests.unit.router.values import make_reception, make_transmission

ARRIVED = 1_000_050


def windows_of(now_ms: int = ARRIVED, rx1_delay_s: int = 5, **fields: object) -> Windows:
    windows = compute_windows(make_reception(1, **fields), rx1_delay_s=rx1_delay_s, now_ms=now_ms)
    assert windows is not None
    return windows


def test_eu868_windows_in_the_concentrators_counter() -> None:
    windows = windows_of(tick=2**32 - 2_000_000)
    assert windows.rx1 is not None
    assert windows.rx2 is not None
    assert (windows.rx1.tick, windows.rx1.frequency_hz, windows.rx1.data_rate) == (
        3_000_000,
        868_100_000,
        "SF7BW125",
    )
    assert (windows.rx2.tick, windows.rx2.frequency_hz, windows.rx2.data_rate) == (
        4_000_000,
        869_525_000,
        "SF12BW125",
    )
    assert (windows.rx1.power_dbm, windows.rx2.power_dbm) == (16, 29)
    assert (windows.rx1_max_bytes, windows.rx2_max_bytes) == (242, 51)


def test_us915_answers_on_its_downlink_channels() -> None:
    windows = windows_of(
        frequency_hz=903_900_000, region="US915", data_rate="SF10BW125", spreading_factor=10, rx1_delay_s=1
    )
    assert windows.rx1 is not None
    assert windows.rx2 is not None
    assert (windows.rx1.frequency_hz, windows.rx1.data_rate) == (923_300_000, "SF10BW500")
    assert (windows.rx2.frequency_hz, windows.rx2.data_rate) == (923_300_000, "SF12BW500")


def test_windows_that_cannot_be_met_are_left_out() -> None:
    late = windows_of(now_ms=ARRIVED + 5000 - LEAD_TIME_MS + 1)
    assert late.rx1 is None
    assert late.rx2 is not None
    held = windows_of(hold_time_ms=60_000)
    assert held.rx1 is None
    assert held.rx2 is None
    assert compute_windows(make_reception(1, region=""), rx1_delay_s=5, now_ms=ARRIVED) is None
    assert compute_windows(make_reception(1, spreading_factor=0), rx1_delay_s=5, now_ms=ARRIVED) is None


def test_the_best_connected_hotspot_in_time_sends() -> None:
    best = make_reception(1, snr_db=9.0)
    louder = make_reception(2, snr_db=4.0, rssi_dbm=-50)
    quieter = make_reception(3, snr_db=4.0, rssi_dbm=-90)
    transmission = make_transmission(quieter, louder, best)

    def choose(*connected: Reception) -> bytes | None:
        windows = choose_windows(
            transmission, rx1_delay_s=5, now_ms=ARRIVED, is_connected=lambda r: r in connected
        )
        return windows.reception.hotspot[:1] if windows else None

    assert choose(best, louder, quieter) == b"\1"
    assert choose(louder, quieter) == b"\2"
    assert choose(quieter) == b"\3"
    assert choose() is None


def make_item(number: int, size: int = 1, **fields: object) -> QueueItem:
    values: dict[str, object] = {"confirmed": False, "f_port": 1, **fields}
    return QueueItem(item_id=str(number), dev_eui=bytes(8), data=bytes(size), **values)  # type: ignore[arg-type]


def test_what_is_sent_next() -> None:
    windows = windows_of()
    items = [make_item(1, expires_at_ms=5), make_item(2, 243), make_item(3, 10), make_item(4)]
    plan = plan_downlink(items, windows, answers=b"", must_answer=False, now_ms=10)
    assert [item.item_id for item in plan.expired] == ["1"]
    assert [item.item_id for item in plan.too_long] == ["2"]
    assert plan.item is items[2]
    assert plan.f_pending
    alone = plan_downlink([], windows, answers=b"", must_answer=False, now_ms=10)
    assert not alone.is_needed
    assert plan_downlink([], windows, answers=b"\2\1\1", must_answer=False, now_ms=10).is_needed
    assert plan_downlink([], windows, answers=b"", must_answer=True, now_ms=10).is_needed


def test_one_confirmed_downlink_at_a_time() -> None:
    items = [make_item(1, confirmed=True, state="awaiting_ack"), make_item(2, confirmed=True), make_item(3)]
    plan = plan_downlink(items, windows_of(), answers=b"", must_answer=False, now_ms=10)
    assert plan.item is items[2]


def test_a_long_frame_goes_in_the_fast_window_only() -> None:
    windows = windows_of()
    assert fit_windows(windows, 51) == (windows.rx1, windows.rx2)
    assert fit_windows(windows, 52) == (windows.rx1, None)


def test_mac_answers() -> None:
    transmission = make_transmission(make_reception(1, snr_db=-3.0), make_reception(2, snr_db=6.2))
    outcome = process_mac_commands(b"\x02\x06\x7f\x14\x02", transmission)
    assert outcome.answers == b"\x02\x0d\x02" * 2  # 13 dB above -7.5, two hotspots
    assert outcome.status is not None
    assert (outcome.status.battery, outcome.status.margin_db) == (127, 20)
    assert process_mac_commands(b"\xff\x02", transmission).answers == b""
    assert len(process_mac_commands(b"\x02" * 15, transmission).answers) <= 15


def test_device_time_is_gps_time_at_the_end_of_the_uplink() -> None:
    at_ms = 1_700_000_000_500
    transmission = make_transmission(make_reception(1, arrived_at_ms=at_ms + 80, hold_time_ms=80))
    answer = process_mac_commands(b"\x0d", transmission).answers
    assert int.from_bytes(answer[1:5], "little") == 1_700_000_000 - 315_964_800 + 18
    assert answer[5] == 128


def test_the_region_comes_with_the_frequency() -> None:
    assert find_region_name(868_100_000, "EU868") == "EU868"
    assert find_region_name(905_300_000, "EU868") == "US915"
    assert find_region_name(868_300_000, "UNKNOWN") == "EU868"
    assert find_region_name(916_800_000, "AU915") == "AU915"
    assert find_region_name(100_000_000, "EU868") == ""


@given(st.binary(max_size=30))
def test_mac_answers_of_any_bytes_fit(commands: bytes) -> None:
    assert len(process_mac_commands(commands, make_transmission()).answers) <= 15
