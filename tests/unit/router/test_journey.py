"""A sensor's way through a real router: join, uplink by two hotspots, downlink, acknowledgement, all
over the wire.
"""

import base64
import json

import pytest

from chain.data.voucher import decode_voucher, is_signed_by
from chain.keys import PublicKey
from tests.unit.router.conftest import RunningRouter, TestChain
from tests.unit.router.hotspot_client import HotspotClient
from tests.unit.router.processes import MosquittoSub, publish
from tests.unit.router.sensor import Sensor

pytestmark = pytest.mark.usefixtures("mosquitto_tools")

COLLAR = Sensor(bytes.fromhex("70b3d57ed0000001"), bytes.fromhex("0000000000000001"), bytes(range(16)))
READING = bytes.fromhex("0167010e 0288 06765f f2960a 0003e8".replace(" ", ""))  # 27.0 C and a position


def make_sensor() -> Sensor:
    return Sensor(COLLAR.dev_eui, COLLAR.join_eui, COLLAR.app_key)


async def add_sensor(router: RunningRouter, sensor: Sensor, **more: str) -> dict[str, object]:
    return await router.add_device(
        name="collar-1",
        dev_eui=sensor.dev_eui.hex(),
        join_eui=sensor.join_eui.hex(),
        app_key=sensor.app_key.hex(),
        **more,
    )


async def join(sensor: Sensor, *hotspots: HotspotClient) -> None:
    """Join through the first hotspot, the others hear it too."""
    request = sensor.build_join_request()
    hashes = [(hotspot, await hotspot.send(request, snr=9 - i)) for i, hotspot in enumerate(hotspots)]
    for hotspot, packet_hash in hashes:
        assert (await hotspot.get_receipt(packet_hash)).status == 2  # FREE
    accept = await hotspots[0].get_downlink()
    await hotspots[0].answer_downlink(accept.downlink_id)
    assert sensor.take_join_accept(accept.payload) == 5


async def test_join_uplink_downlink_ack(router: RunningRouter, chain: TestChain) -> None:
    sensor = make_sensor()
    device = await add_sensor(router, sensor, codec="cayenne_lpp")
    first, second = chain.hotspots[:2]
    async with (
        MosquittoSub(router.mqtt) as subscriber,
        HotspotClient(first, router.grpc) as near,
        HotspotClient(second, router.grpc) as far,
    ):
        await join(sensor, near, far)
        [joined] = await subscriber.wait_count("join", 1)
        assert joined["devAddr"] == sensor.dev_addr.hex()
        assert joined["deviceInfo"]["devEui"] == sensor.dev_eui.hex()

        topic = f"application/{device['application_id']}/device/{sensor.dev_eui.hex()}/command/down"
        command = {"devEui": sensor.dev_eui.hex(), "confirmed": True, "fPort": 10, "data": "AQID"}
        await publish(router.mqtt, topic, json.dumps(command))
        assert [item["state"] for item in await router.ask(f"/devices/{sensor.dev_eui.hex()}/queue")] == [
            "queued"
        ]

        uplink = sensor.build_uplink(READING, f_port=2)
        hash_far = await far.send(uplink, snr=-3.25, rssi=-110)
        hash_near = await near.send(uplink, snr=8.0, rssi=-70, timestamp=2**32 - 1_000_000)
        bought, copy = await far.get_receipt(hash_far), await near.get_receipt(hash_near)
        assert (bought.status, bought.data_credits, copy.status, copy.data_credits) == (0, 2, 1, 0)

        [up] = await subscriber.wait_count("up", 1)
        assert [info["snr"] for info in up["rxInfo"]] == [-3.25, 8.0]
        assert up["object"]["temperatureSensor"] == {"1": 27.0}
        assert base64.b64decode(up["data"]) == READING
        assert (up["fCnt"], up["fPort"], up["dr"], up["confirmed"], up["regionConfigId"]) == (
            0,
            2,
            5,
            False,
            "eu868",
        )

        downlink = await near.get_downlink()
        assert far.downlinks.empty(), "the hotspot with the better SNR sends"
        assert downlink.rx1.timestamp == 4_000_000  # the counter wraps
        assert (downlink.rx1.frequency, downlink.rx2.frequency) == (868_100_000, 869_525_000)
        assert downlink.rx2.timestamp == 5_000_000
        frame, plain = sensor.read_downlink(downlink.payload, 0)
        assert (plain, frame.f_port, frame.is_confirmed) == (b"\1\2\3", 10, True)
        await near.answer_downlink(downlink.downlink_id, window=2)
        [sent] = await subscriber.wait_count("txack", 1)
        assert (sent["downlinkId"], sent["fCntDown"]) == (downlink.downlink_id, 0)
        assert sent["gatewayId"] == first.public_key.gateway_eui.hex()
        assert sent["txInfo"]["frequency"] == 869_525_000
        assert sent["txInfo"]["timing"] == {"delay": {"delay": "6s"}}

        assert await near.deliver(sensor.build_uplink(b"", f_port=None, ack=True)) == "BOUGHT"
        [acknowledged] = await subscriber.wait_count("ack", 1)
        assert acknowledged["acknowledged"] is True
        assert acknowledged["queueItemId"] == sent["queueItemId"]
        assert await router.ask(f"/devices/{sensor.dev_eui.hex()}/queue") == []

        status = await router.ask("/status")
        voucher = decode_voucher(near.vouchers[-1])
        key = PublicKey.from_address(status["purchase"]["standing"]["route"][1])
        assert is_signed_by(voucher, key.binary)
        assert far.get_promised() == 2
        assert near.get_promised() == 1
        positions = await router.ask("/positions")
        assert [position["name"] for position in positions] == ["collar-1"]


async def test_a_used_dev_nonce_is_refused(router: RunningRouter, chain: TestChain) -> None:
    sensor = make_sensor()
    await add_sensor(router, sensor)
    async with (
        MosquittoSub(router.mqtt) as subscriber,
        HotspotClient(chain.hotspots[0], router.grpc) as hotspot,
    ):
        await join(sensor, hotspot)
        sensor.dev_nonce -= 1
        assert await hotspot.deliver(sensor.build_join_request(), frequency=868_300_000) == "FREE"
        [log] = await subscriber.wait_count("log", 1)
        assert (log["code"], log["description"]) == ("OTAA", "DevNonce has already been used")
        assert hotspot.downlinks.empty()
        await router.api.delete(f"/devices/{sensor.dev_eui.hex()}")
        await add_sensor(router, sensor)
        sensor.dev_nonce -= 1
        assert await hotspot.deliver(sensor.build_join_request(), frequency=868_500_000) == "FREE"
        assert hotspot.downlinks.empty(), "removing and adding a device must not forget its DevNonces"


async def test_what_was_not_sent_goes_out_later_with_a_new_counter(
    router: RunningRouter, chain: TestChain
) -> None:
    sensor = make_sensor()
    await add_sensor(router, sensor)
    path = f"/devices/{sensor.dev_eui.hex()}/queue"
    async with (
        MosquittoSub(router.mqtt) as subscriber,
        HotspotClient(chain.hotspots[0], router.grpc) as hotspot,
    ):
        await join(sensor, hotspot)
        await router.api.post(path, json={"f_port": 3, "hex": "c0ffee"})
        await hotspot.deliver(sensor.build_uplink())
        missed = await hotspot.get_downlink()
        await hotspot.answer_downlink(missed.downlink_id, "TOO_LATE")
        [log] = await subscriber.wait_count("log", 1)
        assert log["code"] == "DOWNLINK_GATEWAY"
        assert [item["state"] for item in await router.ask(path)] == ["queued"]
        await hotspot.deliver(sensor.build_uplink())
        again = await hotspot.get_downlink()
        assert again.downlink_id != missed.downlink_id
        assert sensor.read_downlink(again.payload, 1)[1] == bytes.fromhex("c0ffee")
        await hotspot.answer_downlink(again.downlink_id)
        await subscriber.wait_count("txack", 1)
        assert await router.ask(path) == []


async def test_mac_requests_are_answered(router: RunningRouter, chain: TestChain) -> None:
    sensor = make_sensor()
    await add_sensor(router, sensor)
    async with (
        HotspotClient(chain.hotspots[0], router.grpc) as near,
        HotspotClient(chain.hotspots[1], router.grpc) as far,
    ):
        await join(sensor, near, far)
        uplink = sensor.build_uplink(b"", f_port=None, f_opts=b"\x02\x0d")  # LinkCheckReq, DeviceTimeReq
        await far.send(uplink, snr=-5)
        await near.send(uplink, snr=2.5)
        downlink = await near.get_downlink()
        frame, _ = sensor.read_downlink(downlink.payload, 0)
        assert frame.f_opts[:3] == bytes([0x02, 10, 2])  # 2.5 dB is 10 above SF7's floor, two hotspots
        assert frame.f_opts[3] == 0x0D
        assert len(frame.f_opts) == 9


async def test_retransmissions_and_late_copies_give_no_second_event(
    router: RunningRouter, chain: TestChain
) -> None:
    sensor = make_sensor()
    await add_sensor(router, sensor)
    async with (
        MosquittoSub(router.mqtt) as subscriber,
        HotspotClient(chain.hotspots[0], router.grpc) as near,
        HotspotClient(chain.hotspots[1], router.grpc) as far,
    ):
        await join(sensor, near)
        uplink = sensor.build_uplink(confirmed=True)
        packet = near.build_packet(uplink, received_at=1_000_000)
        await near.send_packet(packet)
        assert (await near.get_downlink()).payload[0] >> 5 == 3  # the acknowledgement
        near.receipts.clear()
        await near.send_packet(packet)  # the same report again: answered as before
        assert await far.deliver(uplink, received_at=1_000_500) == "COPY"  # late
        assert await near.deliver(uplink, frequency=868_300_000, received_at=1_009_000) == "COPY"  # repeated
        assert (await near.get_downlink()).payload[0] >> 5 == 3  # acknowledged again
        assert await near.deliver(sensor.build_uplink()) == "BOUGHT"
        assert [up["fCnt"] for up in await subscriber.wait_count("up", 2)] == [0, 1]
        assert [log["code"] for log in subscriber.get("log")] == ["UPLINK_F_CNT_RETRANSMISSION"]
        frames = (await router.ask(f"/frames?dev_addr={sensor.dev_addr.hex()}"))["frames"]
        assert [frame["class"] for frame in frames] == ["new", "retransmission", "new"]
        assert len(frames[0]["receptions"]) == 2
        assert near.get_promised() == 2


async def test_a_frame_held_back_by_its_hotspot_is_not_lost(router: RunningRouter, chain: TestChain) -> None:
    sensor = make_sensor()
    await add_sensor(router, sensor)
    async with (
        MosquittoSub(router.mqtt) as subscriber,
        HotspotClient(chain.hotspots[0], router.grpc) as near,
        HotspotClient(chain.hotspots[1], router.grpc) as far,
    ):
        await join(sensor, near)
        held = sensor.build_uplink(b"held")
        await near.deliver(sensor.build_uplink(b"later"), received_at=2_000_000)
        assert await far.deliver(held, received_at=1_990_000, hold_time=60_000) == "BOUGHT"
        assert await far.deliver(held, received_at=1_990_000, timestamp=5) == "COPY"
        ups = await subscriber.wait_count("up", 2)
        assert [up["fCnt"] for up in ups] == [1, 0]
        assert near.downlinks.empty()
        assert far.downlinks.empty()
