"""MAC commands: every class both ways, streams of them, and what ends a stream."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.lorawan.bit_fields import (
    BitStruct,
    Flag,
    Frequency,
    Negative,
    Octets,
    Signed,
    Uint,
    decode_frequency,
    encode_frequency,
    get_fields,
)
from router.lorawan.errors import InvalidField, MalformedFrame
from router.lorawan.frames import Direction
from router.lorawan.mac_command_stream import (
    COMMAND_BY_CID,
    decode_mac_command,
    encode_mac_command,
    encode_mac_commands,
    parse_mac_commands,
)
from router.lorawan.mac_commands import (
    DevStatusAns,
    DevStatusReq,
    LinkAdrAns,
    LinkAdrReq,
    LinkCheckReq,
    MacCommand,
    NewChannelReq,
    RxParamSetupReq,
)
from router.lorawan.relay_frames import (
    ForwardUplink,
    RelayMetadata,
    encode_forward_uplink,
    parse_forward_uplink,
)
from router.lorawan.relay_mac_commands import FilterListReq, NotifyNewEndDeviceReq
from tests.unit.lorawan import FUZZ

CLASSES = sorted(COMMAND_BY_CID.values(), key=lambda cls: cls.__name__)
FREQUENCIES = st.one_of(
    st.integers(0, 11_999_999).map(lambda n: n * 100),
    st.integers(12_000_000, 0xFF_FFFF).map(lambda n: n * 200),
)


def values_for(place: Any) -> st.SearchStrategy[Any]:
    if isinstance(place, Flag):
        return st.booleans()
    if isinstance(place, Signed):
        return st.integers(-(1 << place.width - 1), (1 << place.width - 1) - 1)
    if isinstance(place, Negative):
        return st.integers(place.highest - (1 << place.width) + 1, place.highest)
    if isinstance(place, Frequency):
        return FREQUENCIES
    if isinstance(place, Octets):
        return st.binary(min_size=place.size, max_size=place.size)
    assert isinstance(place, Uint)
    return st.integers(place.offset, place.offset + (1 << place.width) - 1)


def structs_of(cls: type[BitStruct]) -> st.SearchStrategy[Any]:
    if cls is FilterListReq:
        return st.builds(FilterListReq, st.integers(0, 15), st.integers(0, 3), st.binary(max_size=16))
    return st.fixed_dictionaries({name: values_for(place) for name, place in get_fields(cls)}).map(
        lambda fields: cls(**fields)
    )


COMMANDS = st.one_of([structs_of(cls) for cls in CLASSES])


@FUZZ
@given(COMMANDS)
def test_every_command_survives_encoding(command: MacCommand) -> None:
    encoded = encode_mac_command(command)
    assert encoded[0] == command.cid
    assert decode_mac_command(encoded, command.direction) == command


@FUZZ
@given(
    st.lists(st.one_of([structs_of(cls) for cls in CLASSES if cls.direction is Direction.DOWN]), max_size=6)
)
def test_a_stream_of_commands_survives(commands: list[MacCommand]) -> None:
    read = parse_mac_commands(encode_mac_commands(commands), Direction.DOWN)
    assert (list(read.commands), read.unread) == (commands, b"")


@FUZZ
@given(st.binary(max_size=40), st.sampled_from(Direction))
def test_any_bytes_are_a_stream(data: bytes, direction: Direction) -> None:
    read = parse_mac_commands(data, direction)
    sizes = sum(len(encode_mac_command(command)) for command in read.commands)
    assert sizes + len(read.unread) == len(data)


def test_no_two_fields_share_a_bit_and_all_lie_in_the_payload() -> None:
    classes: list[type[BitStruct]] = [*CLASSES, RelayMetadata]
    for cls in classes:
        if cls is FilterListReq:
            continue
        taken = 0
        for name, place in get_fields(cls):
            width = {Flag: 1, Frequency: 24}.get(type(place)) or getattr(place, "width", 0) or 8 * place.size
            bits = (1 << width) - 1 << place.start
            assert not bits & taken, (cls, name)
            taken |= bits
        assert taken < 1 << 8 * cls.size, cls


def test_what_comes_before_an_unknown_command_counts() -> None:
    data = encode_mac_commands([LinkCheckReq(), LinkAdrAns(True, False, True)])
    for rest in (b"\x80\1\2", b"\x06\1", b"\x03", b"\x00"):
        read = parse_mac_commands(data + rest, Direction.UP)
        assert read.commands == (LinkCheckReq(), LinkAdrAns(True, False, True))
        assert read.unread == rest


def test_the_direction_decides() -> None:
    assert parse_mac_commands(b"\x06\xff\x20", Direction.UP).commands == (DevStatusAns(255, -32),)
    read = parse_mac_commands(b"\x06\xff\x20", Direction.DOWN)
    assert (read.commands, read.unread) == ((DevStatusReq(),), b"\xff\x20")


def test_rfu_bits_are_ignored() -> None:
    assert decode_mac_command(b"\x03\xf8", Direction.UP) == LinkAdrAns(False, False, False)
    assert decode_mac_command(b"\x06\x00\xe2", Direction.UP) == DevStatusAns(0, -30)
    assert not LinkAdrAns(True, True, False).is_accepted and LinkAdrAns(True, True, True).is_accepted


@pytest.mark.parametrize(
    "command",
    [
        LinkAdrReq(16, 0, 0),
        LinkAdrReq(0, 16, 0),
        LinkAdrReq(0, 0, 1 << 16),
        LinkAdrReq(0, 0, 0, 8),
        LinkAdrReq(0, 0, 0, 0, -1),
        DevStatusAns(0, 32),
        DevStatusAns(256, 0),
        NewChannelReq(3, 868_100_050, 0, 5),
        NewChannelReq(3, 1_800_000_000, 0, 5),
        NewChannelReq(3, -100, 0, 5),
        RxParamSetupReq(4_000_000_000, 0),
        FilterListReq(16, 0),
        FilterListReq(0, 0, bytes(17)),
        NotifyNewEndDeviceReq(bytes(3), 0, -80),
        NotifyNewEndDeviceReq(bytes(4), 12, -80),
        NotifyNewEndDeviceReq(bytes(4), 0, -14),
    ],
)
def test_values_that_do_not_fit_are_refused(command: MacCommand) -> None:
    with pytest.raises(InvalidField):
        encode_mac_command(command)


@pytest.mark.parametrize(
    "data", [b"", b"\x02\x02", b"\x99", b"\x42", b"\x42\x11\x00", b"\x42\x1f\x00" + bytes(31)]
)
def test_what_is_not_exactly_one_command_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedFrame):
        decode_mac_command(data, Direction.DOWN)


@FUZZ
@given(FREQUENCIES)
def test_frequencies_survive(frequency_hz: int) -> None:
    assert decode_frequency(encode_frequency("f", frequency_hz)) == frequency_hz


@FUZZ
@given(structs_of(RelayMetadata), st.binary(min_size=1, max_size=100))
def test_a_relayed_frame_survives(metadata: RelayMetadata, phy_payload: bytes) -> None:
    forward = ForwardUplink(metadata, phy_payload)
    assert parse_forward_uplink(encode_forward_uplink(forward)) == forward


@FUZZ
@given(st.binary(max_size=20))
def test_any_relay_payload_is_read_or_refused(data: bytes) -> None:
    try:
        forward = parse_forward_uplink(data)
    except MalformedFrame as error:
        assert error.rule == "forward_uplink_length" and len(data) < 7
        return
    assert forward.phy_payload == data[6:]
