"""What is worth forwarding, and where to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain import api
from hotspot_host.forwarder.packets import Crc
from hotspot_host.forwarder.routes import Route, pick_route, read_route
from hotspot_host.forwarder.uplink_filter import Dropped, HeardBeacon, Uplink, judge, judge_payload

from .conftest import make_data_frame, make_join_request, make_reception


def test_data_frames_and_joins_are_uplinks() -> None:
    assert judge_payload(make_data_frame(1)) == Uplink(dev_addr=bytes.fromhex("01020304"))
    assert judge_payload(make_join_request()) == Uplink(join_eui=b"JJJJJJJJ", dev_eui=b"DDDDDDDD")
    assert Uplink(dev_addr=b"abcd").may_cost and not Uplink(dev_eui=b"DDDDDDDD").may_cost


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "malformed"),
        (b"\x40\x01", "malformed"),
        (b"\x41" + bytes(20), "malformed"),
        (b"\x60" + bytes(20), "downlink"),
        (b"\x20" + bytes(16), "downlink"),
        (b"\xe0" + bytes(50), "proprietary"),
    ],
)
def test_everything_else_is_dropped_with_its_reason(payload: bytes, reason: str) -> None:
    verdict = judge_payload(payload)
    assert isinstance(verdict, Dropped) and verdict.reason == reason


def test_a_bad_crc_goes_before_everything() -> None:
    for crc, reason in ((Crc.BAD, "crc_bad"), (Crc.MISSING, "crc_missing")):
        verdict = judge(make_reception(make_data_frame(1), crc=crc))
        assert isinstance(verdict, Dropped) and verdict.reason == reason


def test_52_proprietary_bytes_are_a_beacon() -> None:
    assert judge_payload(b"\xe0" + bytes(range(51))) == HeardBeacon(bytes(range(51)))


@given(st.binary(max_size=260))
def test_any_bytes_get_a_verdict(payload: bytes) -> None:
    assert isinstance(judge_payload(payload), Uplink | HeardBeacon | Dropped)


def make_route(
    name: str, *ranges: tuple[int, int], euis: tuple[tuple[bytes | None, bytes | None], ...] = ()
) -> Route:
    return Route(name, "h:1", "k", tuple(ranges), euis)


def test_the_narrowest_route_wins() -> None:
    wide, narrow = make_route("a", (0, 0xFFFFFFFF)), make_route("b", (0x01020300, 0x010203FF))
    uplink = Uplink(dev_addr=bytes.fromhex("01020304"))
    assert pick_route([wide, narrow], uplink) == narrow
    assert pick_route([narrow, wide], Uplink(dev_addr=bytes.fromhex("02000000"))) == wide
    assert pick_route([narrow], Uplink(dev_addr=bytes.fromhex("02000000"))) is None


def test_joins_go_by_eui_with_wildcards() -> None:
    all_devices = make_route("a", euis=((None, None),))
    one = make_route("b", euis=((b"J" * 8, b"D" * 8),))
    assert pick_route([all_devices, one], Uplink(join_eui=b"J" * 8, dev_eui=b"D" * 8)) == one
    assert pick_route([all_devices, one], Uplink(join_eui=b"J" * 8, dev_eui=b"E" * 8)) == all_devices
    assert pick_route([one], Uplink(join_eui=b"J" * 8, dev_eui=b"E" * 8)) is None


def test_routes_are_read_from_the_nodes_answer() -> None:
    entry = api.Route(
        router="r",
        grpc="h:1",
        voucher_key="k",
        dev_addr_ranges=[api.DevAddrRange("00000000", "ffffffff")],
        eui_filters=[api.EuiFilter("0" * 16, "0" * 16), api.EuiFilter("01" * 8, "0" * 16)],
        updated_height=1,
    )
    route = read_route(entry)
    assert route.dev_addr_ranges == ((0, 0xFFFFFFFF),)
    assert route.euis == ((None, None), (b"\x01" * 8, None))
