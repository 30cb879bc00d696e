"""GWMP: the datagrams of deployed forwarders, their oddities, and garbage."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.lorawan.errors import InvalidField, MalformedFrame
from router.lorawan.gwmp import (
    AntennaSignal,
    CrcStatus,
    Datagram,
    DataRateFields,
    Kind,
    PullAck,
    PullData,
    PullResp,
    PushAck,
    PushData,
    Rxpk,
    Stat,
    TxAck,
    Txpk,
    decode_datagram,
    decode_header,
    encode_datagram,
)
from router.lorawan.gwmp_fields import FSK, LORA, LR_FHSS, format_datr, parse_datr
from router.lorawan.gwmp_values import encode_txpk
from tests.unit.lorawan import FUZZ

EUI = bytes.fromhex("aa555a0000000101")
RXPK: dict[str, Any] = {
    "tmst": 3512348611,
    "freq": 866.349812,
    "stat": 1,
    "modu": "LORA",
    "datr": "SF7BW125",
    "codr": "4/6",
    "rssi": -35,
    "lsnr": 5.1,
    "size": 3,
    "data": "AQID",
}


def push(body: Any, version: int = 2, trailing: bytes = b"") -> bytes:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return bytes((version,)) + b"\x34\x12\x00" + EUI + text + trailing


def read_rxpk(**changes: Any) -> Rxpk:
    value = decode_datagram(push({"rxpk": [RXPK | changes]}))
    assert isinstance(value, PushData) and not value.rejected, value
    return value.rxpks[0]


def test_a_packet_is_read() -> None:
    value = decode_datagram(push({"rxpk": [RXPK]}))
    assert isinstance(value, PushData)
    assert (value.token, value.gateway_eui, value.version, value.stat) == (0x1234, EUI, 2, None)
    assert value.rxpks == (
        Rxpk(
            phy_payload=b"\1\2\3",
            frequency_hz=866_349_812,
            data_rate=DataRateFields(LORA, spreading_factor=7, bandwidth_hz=125_000),
            coding_rate="4/6",
            tmst_us=3512348611,
            rssi_dbm=-35,
            snr_db=5.1,
        ),
    )


@pytest.mark.parametrize(
    ("changes", "field", "expected"),
    [
        ({"data": "AQIDBAU"}, "phy_payload", b"\1\2\3\4\5"),
        ({"data": "AQ"}, "phy_payload", b"\1"),
        ({"data": ""}, "phy_payload", b""),
        ({"freq": 868}, "frequency_hz", 868_000_000),
        ({"freq": 868.1}, "frequency_hz", 868_100_000),
        ({"freq": 867.10000000000002}, "frequency_hz", 867_100_000),
        ({"rssi": -107.0}, "rssi_dbm", -107),
        ({"tmst": 1e6}, "tmst_us", 1_000_000),
        ({"stat": -1}, "crc", CrcStatus.BAD),
        ({"stat": 0}, "crc", CrcStatus.NONE),
        ({"stat": None}, "crc", CrcStatus.OK),
        ({"tmst": None}, "tmst_us", None),
        ({"lsnr": None}, "snr_db", None),
        ({"codr": "OFF"}, "coding_rate", None),
        ({"modu": None}, "data_rate", DataRateFields(LORA, spreading_factor=7, bandwidth_hz=125_000)),
        ({"modu": "FSK", "datr": 50000}, "data_rate", DataRateFields(FSK, bitrate_bps=50_000)),
        (
            {"modu": "LR-FHSS", "datr": "M0CW336"},
            "data_rate",
            DataRateFields(LR_FHSS, channel_width_hz=336_000),
        ),
        ({"unknown": {"a": [1]}}, "channel", 0),
        ({"meta": "text"}, "meta", {}),
    ],
)
def test_deployed_oddities_are_understood(changes: dict[str, Any], field: str, expected: object) -> None:
    assert getattr(read_rxpk(**changes), field) == expected


@pytest.mark.parametrize("trailing", [b"\0", b"\0\0\0", b"\n\0", b" "])
def test_trailing_bytes_are_ignored(trailing: bytes) -> None:
    value = decode_datagram(push({"rxpk": [RXPK]}, trailing=trailing))
    assert isinstance(value, PushData) and len(value.rxpks) == 1


def test_version_1_is_understood() -> None:
    value = decode_datagram(push({"rxpk": [RXPK]}, version=1))
    assert isinstance(value, PushData) and value.version == 1
    assert encode_datagram(PushAck(token=value.token, version=value.version)) == b"\x01\x34\x12\x01"


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"data": "A"}, "gwmp_data"),
        ({"data": "A*ID"}, "gwmp_data"),
        ({"data": "A" * 400}, "gwmp_data"),
        ({"data": 7}, "gwmp_data"),
        ({"data": None}, "gwmp_data"),
        ({"freq": None}, "gwmp_freq"),
        ({"freq": -1}, "gwmp_freq"),
        ({"freq": 9e9}, "gwmp_freq"),
        ({"freq": "868.1"}, "gwmp_freq"),
        ({"datr": "SF4BW125"}, "gwmp_datr"),
        ({"datr": "SF13BW125"}, "gwmp_datr"),
        ({"datr": "SF7BW0"}, "gwmp_datr"),
        ({"datr": "SF٧BW125"}, "gwmp_datr"),
        ({"datr": 50000}, "gwmp_datr"),
        ({"datr": None}, "gwmp_datr"),
        ({"modu": "FSK"}, "gwmp_datr"),
        ({"tmst": 1 << 32}, "gwmp_tmst"),
        ({"tmst": 1 << 80}, "gwmp_tmst"),
        ({"tmst": -1}, "gwmp_tmst"),
        ({"tmst": 1.5}, "gwmp_tmst"),
        ({"tmst": True}, "gwmp_tmst"),
        ({"stat": 2}, "gwmp_stat"),
        ({"rsig": {}}, "gwmp_rsig"),
        ({"rsig": [1]}, "gwmp_rsig"),
        ({"time": 5}, "gwmp_time"),
    ],
)
def test_a_bad_packet_costs_only_itself(changes: dict[str, Any], rule: str) -> None:
    value = decode_datagram(push({"rxpk": [RXPK, RXPK | changes, "text", RXPK]}))
    assert isinstance(value, PushData)
    assert len(value.rxpks) == 2
    assert value.rejected[0].startswith(rule + ":")
    assert value.rejected[1].startswith("gwmp_rxpk:")


def test_antennas_and_time_are_read() -> None:
    rxpk = read_rxpk(
        tmms=600_000,
        ftime=999_999_999,
        foff=-1200,
        rssis=-40.5,
        hpw=8,
        mid=3,
        rsig=[{"ant": 1, "chan": 9, "rssic": -70, "lsnr": 6.6, "etime": "AgMEBQ=="}, {"rssic": -80}],
        meta={"network": "x"},
    )
    assert rxpk.signals == (AntennaSignal(1, 9, -70, 6.6, "AgMEBQ=="), AntennaSignal(rssi_dbm=-80))
    assert (rxpk.gps_time_ms, rxpk.fine_time_ns, rxpk.frequency_offset_hz) == (600_000, 999_999_999, -1200)
    assert (rxpk.signal_rssi_dbm, rxpk.grid_steps, rxpk.modem_id) == (-40.5, 8, 3)
    assert rxpk.meta == {"network": "x"}


def test_stat_is_read_with_and_without_packets() -> None:
    stat = {
        "time": "2014-01-12 08:59:28 GMT",
        "lati": 46.24,
        "long": 3.2523,
        "alti": 145,
        "rxnb": 2,
        "ackr": 100.0,
    }
    value = decode_datagram(push({"stat": stat, "rxpk": [RXPK]}))
    assert isinstance(value, PushData) and len(value.rxpks) == 1
    expected = Stat(
        time="2014-01-12 08:59:28 GMT",
        latitude=46.24,
        longitude=3.2523,
        altitude_m=145,
        rx_received=2,
        acknowledged_percent=100.0,
    )
    assert value.stat == expected
    broken = decode_datagram(push({"stat": {"lati": "north"}, "rxpk": [RXPK]}))
    assert isinstance(broken, PushData)
    assert (broken.stat, len(broken.rxpks), broken.rejected[0][:9]) == (None, 1, "gwmp_lati")


@pytest.mark.parametrize(
    ("body", "error", "is_accepted"),
    [
        (b"", None, True),
        (b"\0", None, True),
        (b'{"txpk_ack":{"error":"NONE"}}', "NONE", True),
        (b'{"txpk_ack":{"error":"TOO_LATE"}}', "TOO_LATE", False),
        (b'{"txpk_ack":{}}', None, True),
        (b"{}", None, True),
    ],
)
def test_tx_acks_of_all_kinds(body: bytes, error: str | None, is_accepted: bool) -> None:
    value = decode_datagram(b"\2\x34\x12\5" + EUI + body)
    assert value == TxAck(token=0x1234, gateway_eui=EUI, error=error)
    assert isinstance(value, TxAck) and value.is_accepted == is_accepted


@pytest.mark.parametrize(
    ("datagram", "rule"),
    [
        (b"", "gwmp_length"),
        (b"\2\0\0", "gwmp_length"),
        (b"\3\0\0\0" + EUI, "gwmp_version"),
        (b"\0\0\0\0" + EUI, "gwmp_version"),
        (b"\2\0\0\6" + EUI, "gwmp_kind"),
        (b"\2\0\0\0" + EUI[:7], "gwmp_length"),
        (push(b"{"), "gwmp_json"),
        (push(b"[]"), "gwmp_json"),
        (push(b"\xff"), "gwmp_json"),
        (push(b"NaN"), "gwmp_json"),
        (push(b'{"a":' + b"[" * 40_000), "gwmp_json"),
        (push({"rxpk": {}}), "gwmp_rxpk"),
        (push({"rxpk": [{}] * 257}), "gwmp_rxpk"),
        (b"\2\0\0\3{}", "gwmp_txpk"),
        (b"\2\0\0\5" + EUI + b'{"txpk_ack":1}', "gwmp_txpk_ack"),
        (b"\2\0\0\5" + EUI + b'{"txpk_ack":{"error":1}}', "gwmp_txpk_ack"),
    ],
)
def test_a_bad_datagram_names_the_rule(datagram: bytes, rule: str) -> None:
    with pytest.raises(MalformedFrame) as caught:
        decode_datagram(datagram)
    assert caught.value.rule == rule


@pytest.mark.parametrize("name", [*RXPK, "rsig", "meta"])
@pytest.mark.parametrize(
    "bad", ["[" * 900 + "]" * 900, '"' + "x" * 60_000 + '"', "9" * 6000, '{"a":' * 300 + "1" + "}" * 300]
)
def test_deep_and_large_values_stay_out_of_messages(name: str, bad: str) -> None:
    text = json.dumps({"rxpk": [RXPK | {name: "BAD"}]}).replace('"BAD"', bad)
    try:
        value = decode_datagram(push(text.encode()))
    except MalformedFrame as error:
        assert error.rule == "gwmp_json"
        return
    assert isinstance(value, PushData)
    assert all(len(reason) < 200 for reason in value.rejected)
    assert isinstance(decode_datagram(encode_datagram(value)), PushData)


def test_meta_keeps_plain_values_only() -> None:
    assert read_rxpk(meta={"a": "b", "n": 1, "deep": {"x": 1}, "list": [1]}).meta == {"a": "b", "n": 1}
    assert len(read_rxpk(meta={str(number): number for number in range(100)}).meta) == 32


@FUZZ
@given(st.binary(max_size=64), st.sampled_from(range(8)))
def test_any_bytes_are_read_or_refused(rest: bytes, kind: int) -> None:
    for datagram in (rest, b"\2\0\0" + bytes((kind,)) + EUI + rest, b"\2\0\0" + bytes((kind,)) + rest):
        try:
            value = decode_datagram(datagram)
        except MalformedFrame:
            continue
        assert decode_header(datagram)[0].token == value.token


JSON_VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=12),
        st.sampled_from(("LORA", "FSK", "SF7BW125", "AQID", "4/5")),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
RXPK_NAMES = (
    *RXPK,
    "time",
    "tmms",
    "ftime",
    "rsig",
    "chan",
    "rfch",
    "brd",
    "mid",
    "hpw",
    "foff",
    "meta",
    "aesk",
)
STAT_NAMES = ("time", "lati", "long", "alti", "rxnb", "ackr", "temp", "meta")


@FUZZ
@given(
    st.dictionaries(st.sampled_from(RXPK_NAMES), JSON_VALUES, max_size=4),
    st.dictionaries(st.sampled_from(STAT_NAMES), JSON_VALUES, max_size=3),
)
def test_any_values_in_the_right_places_are_read_or_refused(
    rxpk: dict[str, Any], stat: dict[str, Any]
) -> None:
    datagram = push({"rxpk": [RXPK | rxpk], "stat": stat})
    value = decode_datagram(datagram)
    assert isinstance(value, PushData)
    assert len(value.rxpks) + len(value.rejected) - (value.stat is None) == 1
    again = decode_datagram(encode_datagram(value))
    assert isinstance(again, PushData) and (again.rxpks, again.stat) == (
        value.rxpks,
        value.stat or again.stat,
    )


@FUZZ
@given(st.one_of(JSON_VALUES, st.dictionaries(st.sampled_from((*RXPK, "imme", "powe", "ipol")), JSON_VALUES)))
def test_any_txpk_is_read_or_refused(txpk: Any) -> None:
    datagram = b"\2\0\0\3" + json.dumps({"txpk": txpk}).encode()
    try:
        value = decode_datagram(datagram)
    except MalformedFrame:
        return
    assert isinstance(value, PullResp)


DATA_RATES = st.one_of(
    st.builds(
        DataRateFields,
        st.just(LORA),
        st.integers(5, 12),
        st.sampled_from((62_500, 125_000, 250_000, 500_000, 812_000)),
    ),
    st.builds(DataRateFields, st.just(FSK), bitrate_bps=st.integers(1, 250_000)),
    st.builds(
        DataRateFields, st.just(LR_FHSS), channel_width_hz=st.sampled_from((137_000, 336_000, 1_523_000))
    ),
)
UINT32 = st.integers(0, 0xFFFF_FFFF)
TENTHS = st.integers(-1500, 300).map(lambda tenths: tenths / 10)
RXPKS = st.builds(
    Rxpk,
    phy_payload=st.binary(max_size=255),
    frequency_hz=st.integers(1, 2_500_000_000),
    data_rate=DATA_RATES,
    crc=st.sampled_from(CrcStatus),
    coding_rate=st.sampled_from((None, "4/5", "4/8", "2/6")),
    tmst_us=st.one_of(st.none(), UINT32),
    time=st.sampled_from((None, "2022-01-01T00:00:00.000001Z")),
    gps_time_ms=st.one_of(st.none(), st.integers(0, 1 << 45)),
    fine_time_ns=st.one_of(st.none(), st.integers(0, 999_999_999)),
    rssi_dbm=TENTHS,
    signal_rssi_dbm=st.one_of(st.none(), TENTHS),
    snr_db=st.one_of(st.none(), TENTHS),
    frequency_offset_hz=st.one_of(st.none(), st.integers(-50_000, 50_000)),
    channel=st.integers(0, 80),
    rf_chain=st.integers(0, 3),
    board=st.integers(0, 3),
    signals=st.lists(
        st.builds(AntennaSignal, st.integers(0, 7), st.integers(0, 9), TENTHS, TENTHS), max_size=2
    ).map(tuple),
    meta=st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=2),
)
TXPKS = st.builds(
    Txpk,
    phy_payload=st.binary(max_size=255),
    frequency_hz=st.integers(1, 2_500_000_000),
    data_rate=DATA_RATES,
    power_dbm=st.integers(-10, 36),
    tmst_us=UINT32,
    coding_rate=st.sampled_from((None, "4/5")),
    invert_polarization=st.booleans(),
    preamble_symbols=st.one_of(st.none(), st.integers(6, 64)),
    no_crc=st.sampled_from((None, True, False)),
    rf_chain=st.integers(0, 1),
)
TOKENS = st.integers(0, 0xFFFF)
EUIS = st.binary(min_size=8, max_size=8)
STATS = st.builds(
    Stat, latitude=st.floats(-90, 90), longitude=st.floats(-180, 180), rx_ok=st.one_of(st.none(), UINT32)
)


@FUZZ
@given(
    st.one_of(
        st.builds(
            PushData,
            TOKENS,
            EUIS,
            st.lists(RXPKS, max_size=3).map(tuple),
            st.one_of(st.none(), STATS),
            version=st.sampled_from((1, 2)),
        ),
        st.builds(PushAck, TOKENS),
        st.builds(PullData, TOKENS, EUIS),
        st.builds(PullAck, TOKENS),
        st.builds(PullResp, TOKENS, TXPKS),
        st.builds(
            TxAck, TOKENS, EUIS, st.sampled_from((None, "TOO_LATE")), st.sampled_from((None, "TX_POWER"))
        ),
    )
)
def test_values_survive_encoding(value: Datagram) -> None:
    datagram = encode_datagram(value)
    assert decode_datagram(datagram) == value
    if isinstance(value, PushData | PullResp):
        json.loads(decode_header(datagram)[1])  # what a forwarder written in another language would read


def test_a_downlink_as_forwarders_want_it() -> None:
    txpk = Txpk(
        phy_payload=b"\x60\1\2",
        frequency_hz=869_525_000,
        data_rate=DataRateFields(LORA, spreading_factor=12, bandwidth_hz=125_000),
        power_dbm=27,
        tmst_us=4_000_000_000,
        coding_rate="4/5",
    )
    datagram = encode_datagram(PullResp(token=7, txpk=txpk))
    assert datagram[:4] == b"\2\7\0\3"
    assert json.loads(datagram[4:])["txpk"] == {
        "imme": False,
        "tmst": 4_000_000_000,
        "freq": 869.525,
        "rfch": 0,
        "powe": 27,
        "ant": 0,
        "brd": 0,
        "modu": "LORA",
        "datr": "SF12BW125",
        "codr": "4/5",
        "ipol": True,
        "size": 3,
        "data": "YAEC",
    }


def test_a_downlink_needs_exactly_one_moment() -> None:
    base = Txpk(b"", 868_100_000, DataRateFields(LORA, 7, 125_000), 14)
    for changes in ({}, {"tmst_us": 1, "is_immediate": True}, {"tmst_us": 1, "gps_time_ms": 1}):
        with pytest.raises(InvalidField, match="txpk_time"):
            encode_txpk(msgspec.structs.replace(base, **changes))
    with pytest.raises(InvalidField, match="data_rate"):
        format_datr(DataRateFields(LORA))
    with pytest.raises(InvalidField, match="256 bytes"):
        encode_txpk(msgspec.structs.replace(base, tmst_us=1, phy_payload=bytes(256)))


@FUZZ
@given(DATA_RATES)
def test_data_rates_survive_their_text(data_rate: DataRateFields) -> None:
    assert parse_datr(format_datr(data_rate), data_rate.modulation) == data_rate
    assert parse_datr(format_datr(data_rate), None) == data_rate


def test_encoding_refuses_what_no_datagram_carries() -> None:
    for value in (
        PushAck(token=65_536),
        PushAck(token=-1),
        PushAck(token=0, version=3),
        PullData(0, b"short"),
    ):
        with pytest.raises(InvalidField):
            encode_datagram(value)
    assert Kind(3) is Kind.PULL_RESP


def test_a_recorded_gateway(shared: Path) -> None:
    recording = shared / "data" / "gwmp_pisa_known_keys" / "rxpk_first600.jsonl"
    if not recording.is_file():
        pytest.skip(f"no {recording}")
    crcs = []
    for line in recording.read_bytes().splitlines():
        value = decode_datagram(push(line))
        assert isinstance(value, PushData) and not value.rejected
        assert decode_datagram(encode_datagram(value)) == value
        crcs += [rxpk.crc for rxpk in value.rxpks]
        sizes = [entry["size"] for entry in json.loads(line)["rxpk"]]
        assert [len(rxpk.phy_payload) for rxpk in value.rxpks] == sizes
    assert (len(crcs), crcs.count(CrcStatus.OK)) == (600, 241)
