"""Our messages against ChirpStack's examples: same fields in the same places, all of them written."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.applications.chirpstack_json import (
    CommandError,
    build_ack_event,
    build_join_event,
    build_log_event,
    build_rx_info,
    build_status_event,
    build_topic,
    build_txack_event,
    build_uplink_event,
    compute_application_id,
    encode,
    format_time,
    parse_downlink_command,
)
from router.applications.codec import decode_payload, find_position
from router.network.values import Device, HotspotPlace, QueueItem, TransmitWindow
from tests.unit.router.values import make_reception

EUI = bytes.fromhex("0101010101010101")
DEVICE = Device(
    dev_eui=EUI, name="sensor-1", application="parking", app_key=bytes(16), tags={"zone": "north"}
)
PLACE = HotspotPlace(
    address="1abc", name="jolly-amber-otter", gateway_eui=b"\7" * 8, latitude=52.37, longitude=4.89
)
ITEM = QueueItem(
    item_id="5600f2a5-9f0b-4b5f-8d2c-2a4b4bd7b1a9",
    dev_eui=EUI,
    confirmed=True,
    f_port=1,
    data=b"",
    f_cnt_down=4,
)
WINDOW = TransmitWindow(
    tick=7_000_000,
    delay_s=5,
    frequency_hz=868_100_000,
    data_rate="SF7BW125",
    spreading_factor=7,
    bandwidth_hz=125_000,
    power_dbm=16,
)
HEARD = make_reception(1, received_at_ms=1_772_368_496_789, channel=2)


def get_shape(value: Any) -> Any:
    """Names and JSON types, without values."""
    if isinstance(value, dict):
        return {name: get_shape(part) for name, part in value.items()}
    if isinstance(value, list):
        return [get_shape(part) for part in value]
    return {bool: "bool", int: "number", float: "number", str: "string"}[type(value)]


def make_uplink(**fields: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "deduplication_id": "3ac7e3c4-4401-4b8d-9386-a5c902f9202d",
        "dev_addr": b"\0\x18\x94\x40",
        "adr": True,
        "dr": 5,
        "f_cnt": 4,
        "f_port": 1,
        "confirmed": False,
        "data": b"\1\2\3",
        "decoded": {"temperature": 21.5},
        "receptions": (HEARD,),
        "places": {HEARD.hotspot: PLACE},
        "ns_time_ms": 1_772_368_496_800,
    }
    return build_uplink_event(DEVICE, **{**values, **fields})


OURS = {
    "up": make_uplink(),
    "join": build_join_event(DEVICE, "3ac7e3c4-4401-4b8d-9386-a5c902f9202d", b"\0\x18\x94\x40", HEARD),
    "ack": build_ack_event(DEVICE, "3ac7e3c4-4401-4b8d-9386-a5c902f9202d", ITEM, True, HEARD),
    "txack": build_txack_event(
        DEVICE, downlink_id=3, item=ITEM, gateway_id=b"\1" * 8, window=WINDOW, region="EU868", now_ms=1
    ),
    "log": build_log_event(
        DEVICE,
        level="ERROR",
        code="UPLINK_CODEC",
        description="x",
        context={"deduplication_id": "y"},
        region="EU868",
        now_ms=1,
    ),
    "status": build_status_event(DEVICE, "x", battery=191, margin=14, heard=HEARD),
}


@pytest.mark.parametrize("name", OURS)
def test_fields_are_chirpstacks(shared: Path, name: str) -> None:
    example = json.loads((shared / "vectors" / "chirpstack_messages" / f"{name}.json").read_text())
    ours = json.loads(encode(OURS[name]))
    for message in (example, ours):
        for info in message.get(
            "rxInfo", []
        ):  # what a gateway may know and ours doesn't, and our own metadata
            for field in ("timeSinceGpsEpoch", "rfChain"):
                info.pop(field, None)
            info.get("location", {}).pop("altitude", None)
            for field in ("hotspot", "hotspot_name"):
                info["metadata"].pop(field, None)
    assert get_shape(ours) == get_shape(example)
    assert list(ours) == list(example)


def test_integration_fields_are_written_also_when_empty() -> None:
    event = make_uplink(data=b"", decoded=None, f_cnt=0, f_port=0, adr=False, dr=0)
    assert event["data"] == ""
    assert (event["fCnt"], event["fPort"], event["adr"], event["dr"], event["confirmed"]) == (
        0,
        0,
        False,
        0,
        False,
    )
    assert "object" not in event


def test_gateway_fields_are_left_out_when_zero() -> None:
    info = build_rx_info(make_reception(1, snr_db=0.0, channel=0), HotspotPlace("1a", "b", b"\7" * 8), 5)
    assert {"snr", "channel", "location"} & info.keys() == set()
    assert info["gatewayId"] == "0707070707070707"
    assert base64.b64decode(info["context"]) == (1_000_000).to_bytes(4, "big")
    behind = build_rx_info(make_reception(1, gateway_eui=b"\xaa" * 8), PLACE, 5)
    assert behind["gatewayId"] == "aa" * 8
    assert behind["metadata"] == {
        "region_config_id": "eu868",
        "region_common_name": "EU868",
        "hotspot": "1abc",
        "hotspot_name": "jolly-amber-otter",
    }


def test_ids_and_topics_never_change() -> None:
    assert compute_application_id("demo") == "29b1f80f-a922-5ecc-b5f7-1f7b55913c5e"
    assert build_topic("demo", EUI, "up") == (
        "application/29b1f80f-a922-5ecc-b5f7-1f7b55913c5e/device/0101010101010101/event/up"
    )
    assert format_time(1_772_368_496_789) == "2026-03-01T12:34:56.789000+00:00"


def test_battery_of_a_status() -> None:
    def status(battery: int) -> dict[str, Any]:
        return build_status_event(DEVICE, "x", battery=battery, margin=0, heard=HEARD)

    assert status(0)["externalPowerSource"] is True
    assert status(255)["batteryLevelUnavailable"] is True
    assert status(254)["batteryLevel"] == 100


def test_commands(shared: Path) -> None:
    folder = shared / "vectors" / "chirpstack_messages"
    item = parse_downlink_command((folder / "command_down.json").read_bytes(), EUI, ITEM.item_id)
    assert (item.f_port, item.data, item.confirmed, item.item_id) == (10, b"\1\2\3", True, ITEM.item_id)
    with pytest.raises(CommandError, match="object"):
        parse_downlink_command((folder / "command_down_object.json").read_bytes(), EUI, ITEM.item_id)
    expiring = b'{"fPort":1,"data":"AQ==","expiresAt":"2026-03-02T00:00:00Z"}'
    assert parse_downlink_command(expiring, EUI, ITEM.item_id).expires_at_ms == 1_772_409_600_000


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_command_is_an_item_or_one_clear_error(payload: bytes) -> None:
    try:
        parse_downlink_command(payload, EUI, ITEM.item_id)
    except CommandError as error:
        assert str(error)


def test_codec_and_position() -> None:
    decoded, problem = decode_payload("cayenne_lpp", bytes.fromhex("0167010e028806765ff2960a0003e8"))
    assert problem == ""
    position = find_position(decoded)
    assert position is not None
    assert round(position["latitude"], 4) == 42.3519
    assert decode_payload("", b"x") == (None, "")
    assert decode_payload("cayenne_lpp", b"\1\xfe")[1].startswith("cayenne_lpp: ")
    assert find_position({"gpsLocation": {}}) is None
    assert find_position(None) is None
