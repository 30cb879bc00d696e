"""Cayenne LPP: the format's own examples, round trips, and garbage."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.lorawan.cayenne_lpp import TYPES, decode_cayenne_lpp, encode_cayenne_lpp
from router.lorawan.errors import InvalidField, MalformedFrame
from tests.unit.lorawan import FUZZ


@pytest.mark.parametrize(
    ("payload", "decoded"),
    [
        ("03670110056700ff", {"temperatureSensor": {"3": 27.2, "5": 25.5}}),
        ("01 67 ff d7", {"temperatureSensor": {"1": -4.1}}),
        ("06 71 04 d2 fb 2e 00 00", {"accelerometer": {"6": {"x": 1.234, "y": -1.234, "z": 0.0}}}),
        (
            "01 88 06 76 5f f2 96 0a 00 03 e8",
            {"gpsLocation": {"1": {"latitude": 42.3519, "longitude": -87.9094, "altitude": 10.0}}},
        ),
        (
            "01 00 ff 02 01 00 03 02 ff 9c 04 65 ff ff 05 66 01 06 68 a0 07 73 27 94",
            {
                "digitalInput": {"1": 255},
                "digitalOutput": {"2": 0},
                "analogInput": {"3": -1.0},
                "illuminanceSensor": {"4": 65535},
                "presenceSensor": {"5": 1},
                "humiditySensor": {"6": 80.0},
                "barometer": {"7": 1013.2},
            },
        ),
        ("", {}),
    ],
)
def test_known_payloads_both_ways(payload: str, decoded: dict[str, object]) -> None:
    data = bytes.fromhex(payload)
    assert decode_cayenne_lpp(data) == decoded
    assert decode_cayenne_lpp(encode_cayenne_lpp(decoded)) == decoded
    assert len(encode_cayenne_lpp(decoded)) == len(data)


@FUZZ
@given(st.lists(st.tuples(st.sampled_from(TYPES), st.integers(0, 255), st.binary(min_size=9, max_size=9))))
def test_what_is_decoded_is_encoded_again(entries: list[tuple[object, int, bytes]]) -> None:
    by_place = {}
    for lpp_type, channel, data in entries:
        assert isinstance(lpp_type, type(TYPES[0]))
        by_place[lpp_type.number, channel] = bytes((channel, lpp_type.number)) + data[: lpp_type.size]
    payload = b"".join(by_place[place] for place in sorted(by_place))
    decoded = decode_cayenne_lpp(payload)
    assert encode_cayenne_lpp(json.loads(json.dumps(decoded))) == payload


@FUZZ
@given(st.binary(max_size=60))
def test_any_bytes_are_decoded_or_refused(payload: bytes) -> None:
    try:
        decoded = decode_cayenne_lpp(payload)
    except MalformedFrame as error:
        assert error.rule in ("lpp_type", "lpp_truncated")
        return
    encode_cayenne_lpp(decoded)


@pytest.mark.parametrize("payload", ["01", "0167", "016701", "01ff00", "0388", "0000ff00"])
def test_truncated_and_unknown_are_refused(payload: str) -> None:
    with pytest.raises(MalformedFrame):
        decode_cayenne_lpp(bytes.fromhex(payload))


@pytest.mark.parametrize(
    "values",
    [
        {"flux": {"1": 1}},
        {"temperatureSensor": 5},
        {"temperatureSensor": {"256": 1}},
        {"temperatureSensor": {"-1": 1}},
        {"temperatureSensor": {"٣": 1}},
        {"temperatureSensor": {"9" * 5000: 1}},
        {"temperatureSensor": {"1": "warm"}},
        {"temperatureSensor": {"1": None}},
        {"temperatureSensor": {"1": True}},
        {"temperatureSensor": {"1": 3276.8}},
        {"temperatureSensor": {"1": float("nan")}},
        {"temperatureSensor": {"1": float("inf")}},
        {"humiditySensor": {"1": -1}},
        {"gpsLocation": {"1": {"latitude": 1, "longitude": 2}}},
        {"gpsLocation": {"1": 5}},
        {"gpsLocation": {"1": {"latitude": 1000, "longitude": 2, "altitude": 0}}},
    ],
)
def test_values_that_do_not_fit_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(InvalidField):
        encode_cayenne_lpp(values)


def test_values_are_rounded_to_their_step_and_flags_are_numbers() -> None:
    assert encode_cayenne_lpp({"temperatureSensor": {"1": 27.24}}) == bytes.fromhex("01670110")
    assert encode_cayenne_lpp({"digitalOutput": {1: True}}) == bytes.fromhex("010101")
