"""Join-requests: who gets in, with which address and keys."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.lorawan.frames import JoinRequest, parse_phy_payload
from router.network.join import JoinRefusal, check_join_request, choose_dev_addr, process_join
from router.network.values import Device
from tests.unit.router.sensor import Sensor

KEY = bytes(range(16))
DEVICE = Device(dev_eui=b"\1" * 8, name="d", join_eui=b"\2" * 8, app_key=KEY)


def request_of(sensor: Sensor) -> tuple[bytes, JoinRequest]:
    payload = sensor.build_join_request()
    request = parse_phy_payload(payload)
    assert isinstance(request, JoinRequest)
    return payload, request


def refuse(device: Device | None, sensor: Sensor) -> JoinRefusal | None:
    return check_join_request(*request_of(sensor), device)


def test_who_may_join() -> None:
    sensor = Sensor(DEVICE.dev_eui, DEVICE.join_eui, KEY)
    assert refuse(DEVICE, sensor) is None
    assert refuse(None, sensor) is JoinRefusal.UNKNOWN_DEVICE
    assert refuse(Device(dev_eui=b"\1" * 8, name="d", app_key=KEY), sensor) is None, (
        "no JoinEUI given: any will do"
    )
    assert (
        refuse(Device(dev_eui=b"\1" * 8, name="d", join_eui=b"\3" * 8, app_key=KEY), sensor)
        is JoinRefusal.WRONG_JOIN_EUI
    )
    assert refuse(Device(dev_eui=b"\1" * 8, name="d"), sensor) is JoinRefusal.NO_APP_KEY
    assert refuse(DEVICE, Sensor(DEVICE.dev_eui, DEVICE.join_eui, bytes(16))) is JoinRefusal.MIC_FAILED
    spent = Device(dev_eui=b"\1" * 8, name="d", join_eui=b"\2" * 8, app_key=KEY, join_nonce=0xFFFFFF)
    assert refuse(spent, sensor) is JoinRefusal.JOIN_NONCES_SPENT


def test_both_ends_derive_the_same_session() -> None:
    sensor = Sensor(DEVICE.dev_eui, DEVICE.join_eui, KEY)
    _, request = request_of(sensor)
    joined = process_join(
        request, DEVICE, net_id=bytes(3), dev_addr=b"\0\1\2\3", rx1_delay_s=5, rx2_data_rate=0, now_ms=9
    )
    assert sensor.take_join_accept(joined.accept) == 5
    assert sensor.keys is not None
    assert (sensor.dev_addr, joined.join_nonce) == (joined.session.dev_addr, 1)
    assert (sensor.keys.nwk_s_key, sensor.keys.app_s_key) == (
        joined.session.nwk_s_key,
        joined.session.app_s_key,
    )
    assert joined.session.is_pending


@given(st.integers(0, 2**32 - 1))
def test_addresses_lie_under_the_net_id(random_32: int) -> None:
    assert choose_dev_addr(bytes(3), random_32, frozenset())[0] & 0xFE == 0
    taken = frozenset([choose_dev_addr(b"\x00\x00\x13", random_32, frozenset())])
    second = choose_dev_addr(b"\x00\x00\x13", random_32, taken)
    assert second not in taken
    assert second[0] >> 1 == 0x13


def test_a_full_net_id_says_so() -> None:
    net_id = b"\xe0\x00\x00"  # type 7: 128 addresses
    taken: set[bytes] = set()
    for _ in range(128):
        taken.add(choose_dev_addr(net_id, 5, frozenset(taken)))
    with pytest.raises(ValueError, match="all 128 DevAddrs"):
        choose_dev_addr(net_id, 5, frozenset(taken))
