"""PHYPayload: what parses, what does not and why, and that nothing is lost on the way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.lorawan.errors import InvalidField, LorawanError, MalformedFrame
from router.lorawan.frames import (
    DataFrame,
    Direction,
    EncryptedJoinAccept,
    JoinRequest,
    MType,
    Proprietary,
    RejoinRequest,
    encode_f_ctrl,
    encode_phy_payload,
    parse_phy_payload,
)
from tests.unit.lorawan import FUZZ

DATA = bytes.fromhex("40f17dbe4900020001954378762b11ff0d")


def test_a_data_frame_is_read() -> None:
    frame = parse_phy_payload(DATA)
    assert frame == DataFrame(
        dev_addr=bytes.fromhex("49be7df1"),
        f_cnt=2,
        f_port=1,
        frm_payload=bytes.fromhex("95437876"),
        mic=bytes.fromhex("2b11ff0d"),
    )
    assert isinstance(frame, DataFrame)
    assert (frame.m_type, frame.direction) == (MType.UNCONFIRMED_UP, Direction.UP)
    assert frame.is_uplink and not frame.is_confirmed


@pytest.mark.parametrize("mhdr", [0x60, 0xA0, 0x80])
def test_direction_and_confirmation_come_from_the_mhdr(mhdr: int) -> None:
    frame = parse_phy_payload(bytes((mhdr,)) + DATA[1:])
    assert isinstance(frame, DataFrame)
    assert frame.is_uplink == (mhdr == 0x80)
    assert frame.is_confirmed == (mhdr != 0x60)


@pytest.mark.parametrize(
    ("phy_payload", "rule"),
    [
        (b"", "phy_payload_empty"),
        (bytes(256), "phy_payload_too_long"),
        (b"\x41" + DATA[1:], "major"),
        (DATA[:11], "data_frame_length"),
        (DATA[:5] + b"\x06" + DATA[6:], "f_opts_len"),
        (bytes.fromhex("40f17dbe4901020002002b11ff0d"), "f_port_0_with_f_opts"),
        (bytes(22), "join_request_length"),
        (bytes(24), "join_request_length"),
        (b"\x20" + bytes(17), "join_accept_length"),
        (b"\xc0", "rejoin_request_length"),
        (b"\xc0\x03" + bytes(17), "rejoin_type"),
        (b"\xc0\x00" + bytes(18), "rejoin_request_length"),
        (b"\xc0\x01" + bytes(17), "rejoin_request_length"),
    ],
)
def test_a_broken_rule_is_named(phy_payload: bytes, rule: str) -> None:
    with pytest.raises(MalformedFrame) as caught:
        parse_phy_payload(phy_payload)
    assert caught.value.rule == rule


def test_the_shortest_frames_parse() -> None:
    frame = parse_phy_payload(bytes.fromhex("40f17dbe49000300") + bytes(4))
    assert isinstance(frame, DataFrame)
    assert (frame.f_port, frame.frm_payload) == (None, b"")
    assert parse_phy_payload(b"\xe0") == Proprietary(b"")
    assert parse_phy_payload(b"\xe3\x01") == Proprietary(b"\x01", mhdr=0xE3)


@FUZZ
@given(st.binary(max_size=260))
def test_any_bytes_parse_or_name_a_rule_and_nothing_is_lost(data: bytes) -> None:
    try:
        frame = parse_phy_payload(data)
    except MalformedFrame:
        return
    assert encode_phy_payload(frame) == data


@FUZZ
@given(st.sampled_from((0x00, 0x20, 0x40, 0x60, 0x80, 0xA0, 0xC0, 0xE0, 0x5C)), st.binary(max_size=40))
def test_bytes_that_look_like_frames_lose_nothing(mhdr: int, rest: bytes) -> None:
    data = bytes((mhdr,)) + rest
    try:
        frame = parse_phy_payload(data)
    except MalformedFrame:
        return
    assert encode_phy_payload(frame) == data


def eui() -> st.SearchStrategy[bytes]:
    return st.binary(min_size=8, max_size=8)


MICS = st.binary(min_size=4, max_size=4)
JOIN_REQUESTS = st.builds(JoinRequest, eui(), eui(), st.integers(0, 0xFFFF), MICS)
REJOIN_REQUESTS = st.one_of(
    st.builds(
        RejoinRequest,
        st.sampled_from((0, 2)),
        st.binary(min_size=3, max_size=3),
        eui(),
        st.integers(0, 0xFFFF),
        MICS,
    ),
    st.builds(RejoinRequest, st.just(1), eui(), eui(), st.integers(0, 0xFFFF), MICS),
)
JOIN_ACCEPTS = st.builds(
    EncryptedJoinAccept, st.one_of(st.binary(min_size=16, max_size=16), st.binary(min_size=32, max_size=32))
)


@st.composite
def data_frames(draw: st.DrawFn) -> DataFrame:
    f_port = draw(st.one_of(st.none(), st.integers(0, 255)))
    f_opts = b"" if f_port == 0 else draw(st.binary(max_size=15))
    return DataFrame(
        dev_addr=draw(st.binary(min_size=4, max_size=4)),
        f_cnt=draw(st.integers(0, 0xFFFF)),
        f_port=f_port,
        frm_payload=b"" if f_port is None else draw(st.binary(max_size=220)),
        f_opts=f_opts,
        f_ctrl=draw(st.sampled_from((0x00, 0x10, 0x20, 0x80, 0xF0))) | len(f_opts),
        mhdr=draw(st.sampled_from((2, 3, 4, 5))) << 5,
        mic=draw(MICS),
    )


@FUZZ
@given(st.one_of(JOIN_REQUESTS, REJOIN_REQUESTS, JOIN_ACCEPTS, data_frames()))
def test_values_survive_encoding(frame: JoinRequest) -> None:
    assert parse_phy_payload(encode_phy_payload(frame)) == frame


@pytest.mark.parametrize(
    "frame",
    [
        DataFrame(dev_addr=bytes(3), f_cnt=0),
        DataFrame(dev_addr=bytes(4), f_cnt=65_536),
        DataFrame(dev_addr=bytes(4), f_cnt=0, f_opts=bytes(16)),
        DataFrame(dev_addr=bytes(4), f_cnt=0, frm_payload=b"x"),
        DataFrame(dev_addr=bytes(4), f_cnt=0, f_port=0, f_opts=b"x"),
        DataFrame(dev_addr=bytes(4), f_cnt=0, f_port=1, frm_payload=bytes(243)),
        DataFrame(dev_addr=bytes(4), f_cnt=0, mic=bytes(3)),
        JoinRequest(bytes(7), bytes(8), 0),
        JoinRequest(bytes(8), bytes(8), -1),
        RejoinRequest(3, bytes(3), bytes(8), 0),
        RejoinRequest(1, bytes(3), bytes(8), 0),
        EncryptedJoinAccept(bytes(17)),
        Proprietary(bytes(255)),
    ],
)
def test_what_does_not_fit_is_refused(frame: DataFrame) -> None:
    with pytest.raises(InvalidField):
        encode_phy_payload(frame)


def test_f_ctrl_and_errors_say_what_was_wrong() -> None:
    assert encode_f_ctrl(adr=True, ack=True, f_opts_len=3) == 0xA3
    with pytest.raises(LorawanError, match="f_opts_len: 16"):
        encode_f_ctrl(f_opts_len=16)
