"""The sensor's pure parts: cryptography and frames against the router's library, commands, counters,
readings.
"""

import itertools
import math
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.lorawan import aes
from router.lorawan.data_crypto import SessionKeys, build_downlink, decrypt_frm_payload, is_mic_valid_1_0
from router.lorawan.frames import DataFrame, Direction, JoinRequest, parse_phy_payload
from router.lorawan.join import (
    JoinAccept,
    build_join_accept,
    compute_join_request_mic,
    compute_session_keys_1_0,
)
from router.lorawan.mac_command_stream import encode_mac_commands, parse_mac_commands
from router.lorawan.mac_commands import (
    DevStatusAns,
    DevStatusReq,
    DlChannelAns,
    DlChannelReq,
    DutyCycleAns,
    DutyCycleReq,
    LinkAdrAns,
    LinkAdrReq,
    LinkCheckAns,
    NewChannelAns,
    NewChannelReq,
    RxParamSetupAns,
    RxParamSetupReq,
    RxTimingSetupAns,
    RxTimingSetupReq,
    TxParamSetupReq,
)
from tests.unit.firmware.stand_in import Bench, PowerCut, make_nvs

KEY = st.binary(min_size=16, max_size=16)
EUI = st.binary(min_size=8, max_size=8)
ADDR = st.binary(min_size=4, max_size=4)

BENCH = Bench()
AES_CMAC = BENCH.load("sensor/aes_cmac.py")
FRAMES = BENCH.load("sensor/lorawan_frames.py")
REGION = BENCH.load("sensor/region.py").get_region("EU868")
MAC = BENCH.load("sensor/mac_commands.py")
NMEA = BENCH.load("sensor/nmea.py")


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("", "bb1d6929e95937287fa37d129b756746"),
        ("6bc1bee22e409f96e93d7e117393172a", "070a16b46b4d4144f79bdd9dd04a287c"),
        (
            "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411",
            "dfa66747de9ae63030ca32611497c827",
        ),
        (
            "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
            "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710",
            "51f0bebf7e3b9d92fc49741779363cfe",
        ),
    ],
)
def test_cmac_of_rfc_4493(message: str, expected: str) -> None:
    key = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
    assert AES_CMAC.compute_cmac(key, bytes.fromhex(message)).hex() == expected


@given(KEY, st.binary(max_size=100))
def test_cmac_is_the_libraries(key: bytes, message: bytes) -> None:
    assert AES_CMAC.compute_cmac(key, message) == aes.compute_cmac(key, message)


@given(KEY, EUI, EUI, st.integers(0, 65535))
def test_join_request(key: bytes, join_eui: bytes, dev_eui: bytes, dev_nonce: int) -> None:
    frame = FRAMES.build_join_request(key, join_eui, dev_eui, dev_nonce)
    parsed = parse_phy_payload(frame)
    assert isinstance(parsed, JoinRequest)
    assert (parsed.join_eui, parsed.dev_eui, parsed.dev_nonce) == (join_eui, dev_eui, dev_nonce)
    assert parsed.mic == compute_join_request_mic(frame, key)


@given(
    KEY,
    st.integers(0, 2**24 - 1),
    st.binary(min_size=3, max_size=3),
    ADDR,
    st.integers(0, 5),
    st.integers(0, 15),
    st.integers(0, 15),
    st.integers(0, 65535),
    st.sampled_from([b"", bytes(16)]),
)
def test_join_accept(
    key: bytes,
    join_nonce: int,
    net_id: bytes,
    dev_addr: bytes,
    offset: int,
    rx2: int,
    delay: int,
    dev_nonce: int,
    cf_list: bytes,
) -> None:
    accept = JoinAccept(join_nonce, net_id, dev_addr, offset, rx2, rx_delay=delay, cf_list=cf_list)
    frame = build_join_accept(accept, enc_key=key)
    read = FRAMES.parse_join_accept(key, dev_nonce, frame)
    keys = compute_session_keys_1_0(key, join_nonce, net_id, dev_nonce)
    assert (read.nwk_s_key, read.app_s_key) == (keys.nwk_s_key, keys.app_s_key)
    assert read.dev_addr == dev_addr
    assert (read.rx1_offset, read.rx2_data_rate, read.rx_delay_s) == (offset, rx2, delay or 1)
    other = bytes([key[0] ^ 1]) + key[1:]
    assert FRAMES.parse_join_accept(other, dev_nonce, frame) is None
    assert FRAMES.parse_join_accept(key, dev_nonce, frame[:-1]) is None


def make_session(nwk: bytes, app: bytes, dev_addr: bytes) -> Any:
    return SimpleNamespace(nwk_s_key=nwk, app_s_key=app, dev_addr=dev_addr)


@given(
    KEY, KEY, ADDR, st.integers(0, 2**31), st.sampled_from([None, 0, 1, 223]), st.binary(max_size=60),
    st.binary(max_size=15), st.booleans(),
)  # fmt: skip
def test_uplink(
    nwk: bytes, app: bytes, addr: bytes, f_cnt: int, port: int | None, payload: bytes, f_opts: bytes,
    ack: bool,
) -> None:  # fmt: skip
    if port == 0:
        f_opts = b""
    keys = SessionKeys.from_1_0(nwk, app)
    frame = FRAMES.build_uplink(make_session(nwk, app, addr), f_cnt, port, payload, f_opts, ack)
    parsed = parse_phy_payload(frame)
    assert isinstance(parsed, DataFrame)
    assert is_mic_valid_1_0(frame, f_cnt, nwk)
    assert (parsed.dev_addr, parsed.f_cnt, parsed.f_port) == (addr, f_cnt & 0xFFFF, port)
    assert (parsed.f_opts, parsed.ack, parsed.is_confirmed) == (f_opts, ack, False)
    if port is not None:
        assert decrypt_frm_payload(parsed, f_cnt, keys) == payload


@given(
    KEY, KEY, ADDR, st.integers(0, 2**31), st.integers(1, 16384), st.sampled_from([None, 0, 1, 223]),
    st.binary(max_size=60), st.binary(max_size=15), st.booleans(), st.booleans(),
)  # fmt: skip
def test_downlink(
    nwk: bytes, app: bytes, addr: bytes, last: int, step: int, port: int | None, payload: bytes,
    f_opts: bytes, confirmed: bool, pending: bool,
) -> None:  # fmt: skip
    last -= 1  # -1: none yet
    if port == 0:
        f_opts = b""
    if port is None:
        payload = b""
    f_cnt = last + step
    keys = SessionKeys.from_1_0(nwk, app)
    frame = build_downlink(
        keys, dev_addr=addr, f_cnt=f_cnt, is_confirmed=confirmed, f_port=port, frm_payload=payload,
        f_opts=f_opts, f_pending=pending,
    )  # fmt: skip
    session = make_session(nwk, app, addr)
    read = FRAMES.parse_downlink(session, last, frame)
    assert (read.f_cnt, read.confirmed, read.pending, read.port) == (f_cnt, confirmed, pending, port)
    assert read.payload == payload
    assert read.commands == (payload if port == 0 else f_opts)
    # Not twice, not from too far ahead, not for others, not damaged.
    assert FRAMES.parse_downlink(session, f_cnt, frame) is None
    if f_cnt > 20_000:
        assert FRAMES.parse_downlink(session, f_cnt - 16_385, frame) is None
    assert FRAMES.parse_downlink(make_session(nwk, app, bytes([addr[0] ^ 1]) + addr[1:]), last, frame) is None
    for at in (0, 5, 6, len(frame) - 1):
        broken = bytearray(frame)
        broken[at] ^= 0x10
        assert FRAMES.parse_downlink(session, last, bytes(broken)) is None


@given(KEY, KEY, ADDR, st.binary(max_size=80))
def test_what_is_no_frame_is_nothing(nwk: bytes, app: bytes, addr: bytes, data: bytes) -> None:
    session = make_session(nwk, app, addr)
    for frame in (data, b"\x60" + addr[::-1] + data, b"\xa0" + addr[::-1] + data):
        assert FRAMES.parse_downlink(session, -1, frame) is None
    assert FRAMES.parse_join_accept(nwk, 0, b"\x20" + data) is None


# MAC commands


def make_mac() -> tuple[Any, Any]:
    bench = Bench()
    bench.modules["esp32"] = make_nvs({})  # type: ignore[assignment]
    session = bench.load("sensor/store.py").Session(REGION)
    return MAC.MacCommands(REGION, session), session


def ask(mac: Any, *commands: Any) -> tuple[bool, tuple[Any, ...]]:
    changed = mac.process(encode_mac_commands(commands), 7, 200)
    parsed = parse_mac_commands(mac.get_answers(), Direction.UP)
    assert parsed.unread == b""
    return changed, parsed.commands


def test_link_adr_is_one_block_and_all_or_nothing() -> None:
    mac, session = make_mac()
    good = LinkAdrReq(data_rate=3, tx_power_index=2, ch_mask=0b111, ch_mask_cntl=0, nb_trans=2)
    assert ask(mac, good) == (True, (LinkAdrAns(True, True, True),))
    assert (session.data_rate, session.power_index, session.channel_mask, session.repeats) == (3, 2, 0b111, 2)
    for bad, answer in (
        ({"ch_mask": 0b1000}, (False, False, True)),  # a channel that isn't defined
        ({"ch_mask": 0}, (False, False, True)),
        ({"data_rate": 6}, (True, False, True)),  # no channel has it
        ({"tx_power_index": 9}, (True, True, False)),
    ):
        values = {"data_rate": 3, "tx_power_index": 2, "ch_mask": 0b001, **bad}
        changed, (reply,) = ask(mac, LinkAdrReq(**values))
        assert not changed
        assert (reply.ch_mask_ack, reply.data_rate_ack, reply.tx_power_ack) == answer
        assert (session.data_rate, session.channel_mask) == (3, 0b111)
    # Two requests, two equal answers; the last one's rate, power and repeats.
    first = LinkAdrReq(data_rate=0, tx_power_index=0, ch_mask=0b001, ch_mask_cntl=0, nb_trans=1)
    last = LinkAdrReq(data_rate=15, tx_power_index=15, ch_mask=0b011, ch_mask_cntl=0, nb_trans=3)
    assert ask(mac, first, last) == (True, (LinkAdrAns(True, True, True),) * 2)
    assert (session.data_rate, session.power_index, session.channel_mask, session.repeats) == (3, 2, 0b011, 3)


def test_new_channels_come_and_go_but_the_default_ones_stay() -> None:
    mac, session = make_mac()

    def new(index: int, frequency_hz: int, low: int = 0, high: int = 5) -> Any:
        return NewChannelReq(index, frequency_hz, low, high)

    assert ask(mac, new(3, 867_100_000)) == (True, (NewChannelAns(True, True),))
    assert session.channels[3] == (867_100_000, 867_100_000, 0, 5)
    assert session.channel_mask == 0b1001
    assert ask(mac, new(3, 0)) == (True, (NewChannelAns(True, True),))
    assert session.channels[3] is None
    assert session.channel_mask == 0b0001
    for index, frequency_hz, high, answer in (
        (0, 867_100_000, 5, (False, False)),
        (16, 867_100_000, 5, (False, False)),
        (4, 433_000_000, 5, (False, True)),
        (4, 868_650_000, 5, (False, True)),  # between two sub-bands: nobody may send there
        (4, 867_100_000, 9, (True, False)),
    ):
        changed, (reply,) = ask(mac, new(index, frequency_hz, 0, high))
        assert not changed
        assert (reply.channel_frequency_ok, reply.data_rate_range_ok) == answer


def test_sticky_answers_are_repeated_until_a_downlink() -> None:
    mac, session = make_mac()
    setup = RxParamSetupReq(rx1_dr_offset=1, rx2_data_rate=3, rx2_frequency_hz=869_525_000)
    changed, answers = ask(mac, setup, RxTimingSetupReq(delay_s=0), DlChannelReq(0, 869_100_000))
    expected = (RxParamSetupAns(True, True, True), RxTimingSetupAns(), DlChannelAns(True, True))
    assert changed
    assert answers == expected
    assert (session.rx1_offset, session.rx2_data_rate, session.rx_delay_s) == (1, 3, 1)
    assert session.channels[0][:2] == (868_100_000, 869_100_000)
    assert parse_mac_commands(mac.get_answers(), Direction.UP).commands == expected
    assert ask(mac) == (False, ())


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (RxParamSetupReq(869_525_000, 0, 6), (True, True, False)),
        (RxParamSetupReq(869_525_000, 9, 0), (True, False, True)),
        (RxParamSetupReq(433_000_000, 0, 0), (False, True, True)),
    ],
)
def test_wrong_window_settings_change_nothing(request_: Any, expected: tuple[bool, bool, bool]) -> None:
    mac, session = make_mac()
    changed, (reply,) = ask(mac, request_)
    assert not changed
    assert (reply.channel_ack, reply.rx2_data_rate_ack, reply.rx1_dr_offset_ack) == expected
    assert (session.rx1_offset, session.rx2_data_rate, session.rx2_frequency) == (0, 0, 869_525_000)


def test_status_duty_cycle_and_what_needs_no_answer() -> None:
    mac, session = make_mac()
    quiet = (LinkCheckAns(margin_db=3, gateway_count=2), TxParamSetupReq(max_eirp_index=5))
    changed, answers = ask(mac, *quiet, DevStatusReq(), DutyCycleReq(7))
    assert changed
    assert answers == (DevStatusAns(battery=200, margin_db=7), DutyCycleAns())
    assert session.duty_exponent == 7
    assert mac.link_checked


@pytest.mark.parametrize("snr", [-40, -32, -1, 0, 31, 50])
def test_the_margin_fits_its_six_bits(snr: int) -> None:
    mac, _ = make_mac()
    mac.process(encode_mac_commands([DevStatusReq()]), snr, 255)
    (answer,) = parse_mac_commands(mac.get_answers(), Direction.UP).commands
    assert isinstance(answer, DevStatusAns)
    assert answer.margin_db == max(-32, min(31, snr))


@given(st.binary(max_size=60))
def test_any_bytes_leave_a_session_that_still_works(data: bytes) -> None:
    mac, session = make_mac()
    mac.process(data, 0, 255)
    answers = mac.get_answers()
    assert len(answers) <= 15
    assert parse_mac_commands(answers, Direction.UP).unread == b""
    assert 1 <= session.rx_delay_s <= 15
    assert session.channel_mask
    assert 0 <= session.rx2_data_rate < len(REGION.data_rates)
    usable = [
        channel
        for index, channel in enumerate(session.channels)
        if session.channel_mask >> index & 1 and channel is not None
    ]
    assert usable
    assert all(REGION.find_band(channel[0]) >= 0 for channel in usable)


# Counters and power cuts


def test_no_counter_is_used_twice_whenever_the_power_goes() -> None:
    """The power goes in every commit in turn, then the device goes on; what it used before never comes
    again.
    """
    for cut in range(60):
        values: dict[str, Any] = {}
        nonces: list[int] = []
        frames: list[tuple[bytes, int]] = []
        for boot in range(3):
            bench = Bench()
            bench.modules["esp32"] = make_nvs(values, cut if boot == 0 else None)  # type: ignore[assignment]
            module = bench.load("sensor/store.py")
            session = module.Session(REGION)
            try:
                store = module.Store(bytes(8))
                joined = store.load_session(session)
                for step in range(200):
                    if not joined or step == 100:
                        nonces.append(store.take_dev_nonce())
                        session.app_s_key = len(nonces).to_bytes(16, "big")
                        store.begin_session(session)
                        joined = True
                    frames.append((session.app_s_key, store.take_f_cnt()))
                    if step % 20 == 0:
                        store.set_f_cnt_down(store.f_cnt_down + 1)
            except PowerCut:
                continue
        assert len(nonces) == len(set(nonces)), cut
        assert nonces == sorted(nonces)
        assert len(frames) == len(set(frames)), cut


def test_a_session_comes_back_as_it_was_saved() -> None:
    values: dict[str, Any] = {}
    bench = Bench()
    bench.modules["esp32"] = make_nvs(values)  # type: ignore[assignment]
    module = bench.load("sensor/store.py")
    store = module.Store(bytes(8))
    session = module.Session(REGION)
    assert not store.load_session(session)
    session.dev_addr, session.nwk_s_key, session.app_s_key = b"\1\2\3\4", b"n" * 16, b"a" * 16
    session.rx_delay_s, session.rx2_frequency, session.channel_mask = 5, 869_525_000, 0b1001
    session.channels[3] = (867_100_000, 867_300_000, 1, 4)
    store.begin_session(session)
    store.set_f_cnt_down(41)

    again = module.Store(bytes(8))
    loaded = module.Session(REGION)
    assert again.load_session(loaded)
    assert vars(loaded) == vars(session)
    assert again.f_cnt_down == 41
    # Another identity on this board has nothing of it.
    other = module.Store(b"otherone")
    assert not other.load_session(module.Session(REGION))
    assert other.take_dev_nonce() == 0


def test_flash_is_written_rarely_and_nonces_end_with_a_clear_word() -> None:
    values: dict[str, Any] = {}
    commits = itertools.count()
    bench = Bench()
    nvs = make_nvs(values)
    original = nvs.NVS.commit

    def commit(self: Any) -> None:
        next(commits)
        original(self)

    nvs.NVS.commit = commit
    bench.modules["esp32"] = nvs  # type: ignore[assignment]
    module = bench.load("sensor/store.py")
    store = module.Store(bytes(8))
    before = next(commits)
    for _ in range(1000):
        store.take_f_cnt()
    assert next(commits) - before <= 18
    values["nonce_end"] = 65_536
    with pytest.raises(module.OutOfNonces, match="new AppKey and DevEUI"):
        module.Store(bytes(8)).take_dev_nonce()


def test_the_duty_cycle_is_kept_at_every_moment() -> None:
    bench = Bench()
    duty = bench.load("sensor/duty_cycle.py").DutyCycle(REGION)
    assert duty.compute_wait_ms(868_100_000) == 0
    duty.add(868_100_000, 61_696)
    assert duty.compute_wait_ms(868_100_000) in (6108, 6109)
    assert duty.compute_wait_ms(868_500_000) in (6108, 6109)  # the same sub-band
    assert duty.compute_wait_ms(869_525_000) == 0
    duty.add(869_525_000, 100_000)
    assert duty.compute_wait_ms(869_525_000) in (899, 900, 901)
    duty.add(868_100_000, 61_696, 10_000)  # the tenth hour of joining
    assert duty.compute_wait_ms(868_100_000) // 1000 == 616
    bench.clock.pass_us(617_000_000)
    assert duty.compute_wait_ms(868_100_000) == 0
    duty.most_share = 128
    duty.add(868_100_000, 100_000)
    assert duty.compute_wait_ms(869_525_000) // 1000 == 12
    # A deadline that half the millisecond counter has passed by is no deadline.
    bench.clock.pass_us(7 * 86_400 * 1_000_000)
    assert duty.compute_wait_ms(868_100_000) == 0


# Readings


def make_sentence(body: str) -> bytes:
    checksum = 0
    for byte in body.encode():
        checksum ^= byte
    return f"${body}*{checksum:02X}\r\n".encode()


def read_nmea(data: bytes) -> Any:
    reader = NMEA.NmeaReader()
    reader.feed(data, len(data))
    return reader


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("4504.2000,N,00740.8000,E,1,08,0.9,239.51,M", (450_700, 76_800, 23_951)),
        ("4504.2000,S,00740.8000,W,1,08,0.9,-12.5,M", (-450_700, -76_800, -1250)),
        ("0000.0030,N,00000.0029,E,1,08,0.9,0,M", (1, 0, 0)),  # half a ten-thousandth is rounded up
        ("8959.9999,N,17959.9999,E,2,04,2.0,8848.86,M", (900_000, 1_800_000, 884_886)),
        ("4504.2,N,00740.8,E,1,08,0.9,5.0,M", (450_700, 76_800, 500)),
    ],
)
def test_gga_positions(fields: str, expected: tuple[int, int, int]) -> None:
    reader = read_nmea(make_sentence(f"GPGGA,120000.00,{fields},47.0,M,,"))
    assert reader.has_fix
    assert (reader.latitude_e4, reader.longitude_e4, reader.altitude_cm) == expected


def test_sentences_that_are_wrong_or_say_nothing_change_nothing() -> None:
    good = make_sentence("GNGGA,120000.00,4504.2000,N,00740.8000,E,1,08,0.9,239.5,M,47.0,M,,")
    for bad in (
        good.replace(b"4504", b"4505"),  # its checksum no longer fits
        make_sentence("GPGGA,120000.00,4565.2000,N,00740.8000,E,1,08,0.9,239.5,M,,M,,"),
        make_sentence("GPGGA,120000.00,9504.2000,N,00740.8000,E,1,08,0.9,239.5,M,,M,,"),
        make_sentence("GPGGA,120000.00,x,N,y,E,1,08,0.9,239.5,M,,M,,"),
        make_sentence("GPGGA,1"),
        make_sentence("GPRMC,120000.00,A,4604.2000,N,00840.8000,E,0,0,010101,,,A"),
        b"$" * 500 + b"\n",
        bytes(range(256)),
    ):
        reader = read_nmea(good + bad)
        assert reader.has_fix
        assert (reader.latitude_e4, reader.longitude_e4) == (450_700, 76_800)
    lost = read_nmea(good + make_sentence("GPGGA,120000.00,,,,,0,00,99.9,,,,,,"))
    assert not lost.has_fix


@given(st.binary(max_size=400))
def test_no_bytes_upset_the_reader(data: bytes) -> None:
    reader = read_nmea(data + make_sentence("GPGGA,1,4504.2,N,00740.8,E,1,8,0.9,5.0,M,,M,,"))
    assert reader.has_fix or b"$" in data


def load_readings() -> Any:
    bench = Bench()
    bench.modules["machine"] = SimpleNamespace(ADC=None, UART=None, Pin=None)  # type: ignore[assignment]
    bench.load("sensor/nmea.py")
    return bench.load("sensor/readings.py")


def test_temperature_follows_the_thermistors_law() -> None:
    readings = load_readings()
    for tenths in range(-400, 850, 7):
        resistance = 10_000 * math.exp(3950 * (1 / (273.15 + tenths / 10) - 1 / 298.15))
        voltage_uv = int(3_300_000 * resistance / (resistance + 10_000))
        assert abs(readings.compute_temperature_d(voltage_uv, 3_300_000) - tenths) <= 5
    assert readings.compute_temperature_d(3_300_000, 3_300_000) == -400
    assert readings.compute_temperature_d(0, 3_300_000) == 850
    assert readings.compute_moisture_half_percent(1_900_000, 2_600_000, 1_200_000) == 100
    assert readings.compute_moisture_half_percent(3_000_000, 2_600_000, 1_200_000) == 0
    assert readings.compute_moisture_half_percent(0, 2_600_000, 1_200_000) == 200
    assert [readings.compute_battery_level(uv) for uv in (3_000_000, 3_300_000, 4_200_000, 4_500_000)] == [
        1, 1, 254, 254,
    ]  # fmt: skip


READINGS = load_readings()


@given(st.integers(-(2**23), 2**23 - 1))
def test_signed_fields_are_twos_complement(value: int) -> None:
    assert READINGS._signed(value, 3) == value.to_bytes(3, "big", signed=True)
