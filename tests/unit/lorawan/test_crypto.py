"""MIC, encryption and joining: round trips, tampering, published frames, and the counters between."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.lorawan import aes
from router.lorawan.data_crypto import (
    MacVersion,
    SessionKeys,
    build_data_frame,
    build_downlink,
    compute_downlink_mic_1_1,
    compute_mic_1_0,
    compute_uplink_mic_1_1,
    crypt_f_opts,
    decrypt_f_opts,
    decrypt_frm_payload,
    is_mic_valid_1_0,
)
from router.lorawan.errors import InvalidField, MalformedFrame
from router.lorawan.frame_counter import (
    CounterVerdict,
    classify_f_cnt,
    compute_full_f_cnt,
    get_f_cnt_candidates,
)
from router.lorawan.frames import DataFrame, EncryptedJoinAccept, MType, parse_phy_payload
from router.lorawan.join import (
    JoinAccept,
    build_join_accept,
    build_join_request,
    build_rejoin_request,
    compute_join_accept_mic,
    compute_join_request_mic,
    compute_session_keys_1_0,
    decrypt_join_accept,
    encode_join_accept_payload,
    parse_join_accept_plain,
)
from router.lorawan.key_wrap import unwrap_key, wrap_key
from tests.unit.lorawan import FUZZ

KEYS = SessionKeys(b"F" * 16, b"S" * 16, b"E" * 16, b"A" * 16)
KEYS_1_0 = SessionKeys.from_1_0(b"N" * 16, b"A" * 16)
UP_AND_DOWN = st.sampled_from(
    (MType.UNCONFIRMED_UP, MType.UNCONFIRMED_DOWN, MType.CONFIRMED_UP, MType.CONFIRMED_DOWN)
)


def read(phy_payload: bytes) -> DataFrame:
    frame = parse_phy_payload(phy_payload)
    assert isinstance(frame, DataFrame)
    return frame


@FUZZ
@given(UP_AND_DOWN, st.integers(0, 0xFFFF_FFFF), st.integers(0, 255), st.binary(max_size=200), st.data())
def test_a_frame_is_opened_with_its_keys_and_counter_only(
    m_type: MType, f_cnt: int, f_port: int, plaintext: bytes, data: st.DataObject
) -> None:
    f_opts = b"" if f_port == 0 else data.draw(st.binary(max_size=15))
    phy_payload = build_data_frame(
        KEYS_1_0,
        m_type=m_type,
        dev_addr=b"\1\2\3\4",
        f_cnt=f_cnt,
        f_port=f_port,
        frm_payload=plaintext,
        f_opts=f_opts,
    )
    frame = read(phy_payload)
    assert (frame.f_cnt, frame.f_opts) == (f_cnt & 0xFFFF, f_opts)
    assert is_mic_valid_1_0(phy_payload, f_cnt, KEYS_1_0.nwk_s_key)
    assert decrypt_frm_payload(frame, f_cnt, KEYS_1_0) == plaintext
    assert not is_mic_valid_1_0(phy_payload, f_cnt ^ 0x1_0000, KEYS_1_0.nwk_s_key)
    assert not is_mic_valid_1_0(phy_payload, f_cnt, KEYS_1_0.app_s_key)
    flipped = data.draw(st.integers(0, 8 * len(phy_payload) - 1))
    tampered = bytearray(phy_payload)
    tampered[flipped // 8] ^= 1 << flipped % 8
    assert not is_mic_valid_1_0(bytes(tampered), f_cnt, KEYS_1_0.nwk_s_key)


@FUZZ
@given(UP_AND_DOWN, st.integers(0, 0xFFFF_FFFF), st.sampled_from((None, 0, 1, 223)), st.binary(max_size=15))
def test_a_1_1_frame_is_opened(m_type: MType, f_cnt: int, f_port: int | None, f_opts: bytes) -> None:
    f_opts = b"" if f_port == 0 else f_opts
    plaintext = b"" if f_port is None else b"payload"
    bound: dict[str, Any] = {"conf_f_cnt": 7, "tx_data_rate": 5, "tx_channel": 2}
    phy_payload = build_data_frame(
        KEYS,
        m_type=m_type,
        dev_addr=b"\1\2\3\4",
        f_cnt=f_cnt,
        f_port=f_port,
        frm_payload=plaintext,
        f_opts=f_opts,
        ack=True,
        mac_version=MacVersion.V1_1,
        **bound,
    )
    frame = read(phy_payload)
    assert decrypt_f_opts(frame, f_cnt, KEYS.nwk_s_enc_key) == f_opts
    assert decrypt_frm_payload(frame, f_cnt, KEYS) == plaintext
    if frame.is_uplink:
        assert frame.mic == compute_uplink_mic_1_1(phy_payload, f_cnt, KEYS, **bound)
        assert frame.mic != compute_uplink_mic_1_1(phy_payload, f_cnt, KEYS, **bound | {"tx_channel": 3})
        assert frame.mic != compute_uplink_mic_1_1(phy_payload, f_cnt, KEYS, **bound | {"conf_f_cnt": 8})
    else:
        key = KEYS.s_nwk_s_int_key
        assert frame.mic == compute_downlink_mic_1_1(phy_payload, f_cnt, key, conf_f_cnt=7)
        assert frame.mic != compute_downlink_mic_1_1(phy_payload, f_cnt, key, conf_f_cnt=8)


def test_without_ack_the_confirmed_counter_does_not_matter() -> None:
    phy_payload = build_data_frame(
        KEYS, m_type=MType.UNCONFIRMED_UP, dev_addr=bytes(4), f_cnt=1, mac_version=MacVersion.V1_1
    )
    assert compute_uplink_mic_1_1(phy_payload, 1, KEYS, conf_f_cnt=99) == phy_payload[-4:]


def test_f_opts_streams_differ_by_direction_and_counter_kind() -> None:
    streams = {
        crypt_f_opts(b"E" * 16, direction, bytes(4), 1, bytes(15), f_port)
        for direction, f_port in ((0, None), (1, None), (1, 1))
    }
    assert len(streams) == 3
    assert crypt_f_opts(b"E" * 16, 0, bytes(4), 1, b"x", 1) == crypt_f_opts(
        b"E" * 16, 0, bytes(4), 1, b"x", 0
    )


def test_network_ports_are_under_the_network_key() -> None:
    for f_port, key in ((0, b"N" * 16), (226, b"N" * 16), (1, b"A" * 16)):
        frame = read(
            build_downlink(KEYS_1_0, dev_addr=bytes(4), f_cnt=0, f_port=f_port, frm_payload=b"hello")
        )
        assert decrypt_frm_payload(frame, 0, SessionKeys.from_1_0(key, key)) == b"hello"


def test_a_downlink_has_what_was_asked_for() -> None:
    phy_payload = build_downlink(
        KEYS_1_0,
        dev_addr=b"\1\2\3\4",
        f_cnt=70_000,
        is_confirmed=True,
        ack=True,
        f_pending=True,
        f_opts=b"\2\1\1",
    )
    frame = read(phy_payload)
    assert (frame.m_type, frame.f_port, frame.f_opts) == (MType.CONFIRMED_DOWN, None, b"\2\1\1")
    assert frame.adr and frame.ack and frame.f_pending and not frame.is_uplink
    assert is_mic_valid_1_0(phy_payload, 70_000, b"N" * 16)


@pytest.mark.parametrize(
    "wrong", [{"m_type": MType.JOIN_REQUEST}, {"f_cnt": 1 << 32}, {"f_cnt": -1}, {"dev_addr": bytes(5)}]
)
def test_unfit_values_are_refused(wrong: dict[str, Any]) -> None:
    arguments: dict[str, Any] = {"m_type": MType.UNCONFIRMED_UP, "f_cnt": 0, "dev_addr": bytes(4)} | wrong
    with pytest.raises(InvalidField):
        build_data_frame(KEYS_1_0, **arguments)


def test_mic_functions_refuse_what_is_no_frame_or_no_counter() -> None:
    phy_payload = build_downlink(KEYS_1_0, dev_addr=bytes(4), f_cnt=0)
    for data, f_cnt in ((b"", 0), (phy_payload[:11], 0), (phy_payload, 1 << 32), (phy_payload, -1)):
        with pytest.raises(InvalidField):
            compute_mic_1_0(data, f_cnt, b"N" * 16)
        with pytest.raises(InvalidField):
            compute_uplink_mic_1_1(data, f_cnt, KEYS)
        with pytest.raises(InvalidField):
            compute_downlink_mic_1_1(data, f_cnt, b"N" * 16)


def test_a_key_of_the_wrong_length_is_refused_and_not_shown() -> None:
    secret = b"secret-but-short"[:15]
    with pytest.raises(InvalidField) as caught:
        aes.compute_cmac(secret, b"")
    assert "15 bytes" in str(caught.value) and secret.decode() not in str(caught.value)
    assert "A" not in repr(KEYS).replace("...", "").replace("SessionKeys", "")


def test_cached_contexts_do_not_leak_between_messages() -> None:
    first = aes.apply_ctr(b"k" * 16, bytes(16), bytes(40))
    assert aes.apply_ctr(b"k" * 16, b"\1" * 16, bytes(3)) != first[:3]
    assert aes.apply_ctr(b"k" * 16, bytes(16), bytes(40)) == first
    tag = aes.compute_cmac(b"k" * 16, b"message")
    aes.compute_cmac(b"k" * 16, b"another")
    assert aes.compute_cmac(b"k" * 16, b"message") == tag


# --- joining --------------------------------------------------------------------------------------

ACCEPTS = st.builds(
    JoinAccept,
    join_nonce=st.integers(0, 0xFF_FFFF),
    net_id=st.binary(min_size=3, max_size=3),
    dev_addr=st.binary(min_size=4, max_size=4),
    rx1_dr_offset=st.integers(0, 7),
    rx2_data_rate=st.integers(0, 15),
    opt_neg=st.booleans(),
    rx_delay=st.integers(0, 15),
    cf_list=st.one_of(st.just(b""), st.binary(min_size=16, max_size=16)),
)


@FUZZ
@given(ACCEPTS)
def test_a_join_accept_is_opened_by_the_device(accept: JoinAccept) -> None:
    bound: dict[str, Any] = {"join_eui": b"JoinEUI!", "dev_nonce": 258}
    phy_payload = build_join_accept(accept, enc_key=b"K" * 16, mic_key=b"M" * 16, **bound)
    frame = parse_phy_payload(phy_payload)
    assert isinstance(frame, EncryptedJoinAccept)
    opened = decrypt_join_accept(frame, b"K" * 16)
    payload = encode_join_accept_payload(opened)
    assert payload == encode_join_accept_payload(accept)
    mic = compute_join_accept_mic(payload, b"M" * 16, opt_neg=accept.opt_neg, **bound)
    assert opened.mic == mic


@FUZZ
@given(st.binary(max_size=40))
def test_any_join_accept_parses_or_names_the_rule(plain: bytes) -> None:
    try:
        accept = parse_join_accept_plain(plain)
    except MalformedFrame as error:
        assert error.rule == "join_accept_length"
        return
    assert len(encode_join_accept_payload(accept)) == len(plain) - 4


@pytest.mark.parametrize(
    "wrong",
    [
        {"join_nonce": 1 << 24},
        {"rx1_dr_offset": 8},
        {"rx2_data_rate": 16},
        {"rx_delay": 16},
        {"cf_list": bytes(15)},
        {"net_id": bytes(4)},
    ],
)
def test_join_accept_values_that_do_not_fit_are_refused(wrong: dict[str, Any]) -> None:
    fields: dict[str, Any] = {"join_nonce": 0, "net_id": bytes(3), "dev_addr": bytes(4)} | wrong
    with pytest.raises(InvalidField):
        build_join_accept(JoinAccept(**fields), enc_key=bytes(16))


def test_join_and_rejoin_requests_end_with_their_mic() -> None:
    phy_payload = build_join_request(b"JoinEUI!", b"DevEUI!!", 1, b"K" * 16)
    assert compute_join_request_mic(phy_payload, b"K" * 16) == phy_payload[-4:]
    assert compute_join_request_mic(phy_payload, b"L" * 16) != phy_payload[-4:]
    for rejoin_type, identifier in ((0, b"Net"), (1, b"JoinEUI!"), (2, b"Net")):
        again = build_rejoin_request(rejoin_type, identifier, b"DevEUI!!", 1, b"K" * 16)
        assert compute_join_request_mic(again, b"K" * 16) == again[-4:]


def test_published_frames(shared: Path) -> None:
    published = shared / "data" / "lorawan_known_answer_frames" / "frames.json"
    if not published.is_file():
        pytest.skip(f"no {published}")
    checked = 0
    for case in json.loads(published.read_text()):
        expect = case["expect"]
        if case["kind"] == "data":
            phy_payload = bytes.fromhex(case["phy_hex"])
            frame = read(phy_payload)
            f_cnt = frame.f_cnt | case["fcnt_msb"] << 16
            nwk_s_key = bytes.fromhex(case["nwk_s_key"])
            assert is_mic_valid_1_0(phy_payload, f_cnt, nwk_s_key) == expect["mic_ok"], case["id"]
            assert (frame.dev_addr.hex(), frame.f_port) == (expect["devaddr"], expect["fport"])
            if case["app_s_key"] and "plaintext" in expect:
                keys = SessionKeys.from_1_0(nwk_s_key, bytes.fromhex(case["app_s_key"]))
                assert decrypt_frm_payload(frame, f_cnt, keys).hex() == expect["plaintext"], case["id"]
        elif case["kind"] == "otaa_1.0":
            check_published_join(case)
        else:
            continue
        checked += 1
    assert checked >= 6


def check_published_join(case: dict[str, Any]) -> None:
    expect: dict[str, Any] = case["expect"]
    key = bytes.fromhex(case["app_key"])
    request = bytes.fromhex(case["join_request_hex"])
    assert compute_join_request_mic(request, key) == request[-4:]
    frame = parse_phy_payload(bytes.fromhex(case["join_accept_hex"]))
    assert isinstance(frame, EncryptedJoinAccept)
    accept = decrypt_join_accept(frame, key)
    assert compute_join_accept_mic(encode_join_accept_payload(accept), key) == accept.mic
    assert (f"{accept.join_nonce:06x}", accept.net_id.hex()) == (expect["appnonce"], expect["netid"])
    assert (accept.dev_addr.hex(), accept.cf_list.hex()) == (expect["devaddr"], expect["cflist"])
    dev_nonce = int.from_bytes(request[17:19], "little")
    keys = compute_session_keys_1_0(key, accept.join_nonce, accept.net_id, dev_nonce)
    assert (keys.nwk_s_key.hex(), keys.app_s_key.hex()) == (expect["nwkskey"], expect["appskey"])


# --- counters and key envelopes -------------------------------------------------------------------


@FUZZ
@given(st.integers(0, 0xFFFF_FFFF), st.integers(0, 0xFFFF))
def test_the_full_counter_keeps_its_low_bits_and_lies_ahead_or_just_behind(expected: int, low: int) -> None:
    full = compute_full_f_cnt(expected, low)
    assert 0 <= full <= 0xFFFF_FFFF and full & 0xFFFF == low
    ahead = (full - expected) & 0xFFFF_FFFF
    assert ahead < 0x1_0000 or full == expected - 1
    candidates = get_f_cnt_candidates(expected, low)
    assert candidates[0] == full and set(candidates) == {full, low}


@pytest.mark.parametrize(
    ("expected", "full", "verdict"),
    [
        (10, 10, CounterVerdict.NEW),
        (10, 500, CounterVerdict.NEW),
        (10, 9, CounterVerdict.RETRANSMISSION),
        (10, 8, CounterVerdict.RESET),
        (0, 0, CounterVerdict.NEW),
    ],
)
def test_counters_are_classified(expected: int, full: int, verdict: CounterVerdict) -> None:
    assert classify_f_cnt(expected, full) is verdict


def test_a_wrapped_key_opens_under_its_kek_only() -> None:
    wrapped = wrap_key(b"K" * 16, b"secret secret 16")
    assert unwrap_key(b"K" * 16, wrapped) == b"secret secret 16"
    for kek, data in ((b"L" * 16, wrapped), (b"K" * 16, wrapped[:-1]), (b"K" * 16, b"")):
        with pytest.raises(MalformedFrame):
            unwrap_key(kek, data)
    for kek, key in ((b"K" * 15, bytes(16)), (b"K" * 16, bytes(15))):
        with pytest.raises(InvalidField):
            wrap_key(kek, key)
