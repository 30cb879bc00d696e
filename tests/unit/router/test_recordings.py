"""What others recorded: frames of a device with known keys, and a network whose keys nobody here has."""

import base64
import csv
import gzip
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.unit.router.conftest import RunningRouter, TestChain
from tests.unit.router.hotspot_client import HotspotClient
from tests.unit.router.processes import MosquittoSub

pytestmark = pytest.mark.usefixtures("mosquitto_tools")

PISA_EUI = bytes.fromhex("0000000000000b15")


def read_pisa(shared: Path) -> tuple[list[dict[str, Any]], list[dict[str, str]], dict[str, str]]:
    """CRC-good packets, what is expected of them, the keys."""
    folder = shared / "data" / "gwmp_pisa_known_keys"
    lines = (folder / "rxpk_first600.jsonl").read_text().splitlines()
    packets = [packet for line in lines for packet in json.loads(line)["rxpk"]]
    with (folder / "expected_first600.csv").open() as file:
        expected = [row for row in csv.DictReader(file) if row["stat"] == "1"]
    keys = json.loads((folder / "session_keys.json").read_text())
    return [packet for packet in packets if packet["stat"] == 1], expected, keys


def to_ms(text: str) -> int:
    return int(datetime.fromisoformat(text[:26].rstrip("Z") + "+00:00").timestamp() * 1000)


async def replay_pisa(hotspot: HotspotClient, packets: list[dict[str, Any]]) -> list[str]:
    """Send all as fast as they are taken; the receipts' states in the same order."""
    hashes = []
    for packet in packets:
        hashes.append(
            await hotspot.send(
                base64.b64decode(packet["data"]),
                timestamp=packet["tmst"],
                frequency=round(packet["freq"] * 1e6),
                datarate=packet["datr"],
                coding_rate=int(packet["codr"][-1]),
                rssi=packet["rssi"],
                snr=packet["lsnr"],
                channel=packet["chan"],
                gateway_eui=PISA_EUI,
                received_at=to_ms(packet["time"]),
            )
        )
    return [str((await hotspot.get_receipt(packet_hash, 30)).status) for packet_hash in hashes]


async def test_pisa_comes_out_with_its_plaintext_once(
    router: RunningRouter, chain: TestChain, shared: Path
) -> None:
    packets, expected, keys = read_pisa(shared)
    device = await router.add_device(
        name="waspmote", dev_addr=keys["devaddr"], nwk_s_key=keys["nwk_s_key"], app_s_key=keys["app_s_key"]
    )
    async with (
        MosquittoSub(router.mqtt) as subscriber,
        HotspotClient(chain.hotspots[0], router.grpc) as hotspot,
    ):
        assert await replay_pisa(hotspot, packets) == ["0"] * 241  # all bought
        ups = await subscriber.wait_count("up", 241, 60)
        assert [base64.b64decode(up["data"]).hex() for up in ups] == [
            row["plaintext_hex"] for row in expected
        ]
        assert [up["fCnt"] for up in ups] == [int(row["fcnt"]) for row in expected]
        assert [up["fPort"] for up in ups] == [int(row["fport"]) for row in expected]
        assert len({up["deduplicationId"] for up in ups}) == 241
        assert ups[0]["time"].startswith("2015-03-01T20:47:37")
        assert ups[0]["rxInfo"][0]["gatewayId"] == PISA_EUI.hex()
        rates = {up["txInfo"]["modulation"]["lora"]["spreadingFactor"] for up in ups}
        assert rates == {7, 8, 9, 10, 11, 12}

        hotspot.receipts.clear()
        assert await replay_pisa(hotspot, packets) == ["0"] * 241  # the same reports: the same answers
        later = [
            {**packet, "time": "2016-01-01T00:00:00.000000Z", "tmst": packet["tmst"] ^ 1}
            for packet in packets
        ]
        assert await replay_pisa(hotspot, later) == ["1"] * 241  # the same bytes on the air again: copies
        events = await router.ask(f"/devices/{device['dev_eui']}/events?kind=up&limit=1000&after=0")
        assert len(events["events"]) == 241
        price = sum(-(-packet["size"] // 24) for packet in packets)
        assert hotspot.get_promised() == price


async def test_binghamton_is_seen_without_keys(router: RunningRouter, chain: TestChain, shared: Path) -> None:
    path = shared / "data" / "ttn_live_binghamton" / "ttn_events.jsonl.gz"
    with gzip.open(path, "rt") as file:
        events = [json.loads(line) for line in file]
    ups = [event["data"] for event in events if event["name"] in ("ns.up.data.process", "ns.up.join.process")]
    async with HotspotClient(chain.hotspots[0], router.grpc) as hotspot:
        hashes = []
        for up in ups:
            lora = up["settings"]["data_rate"]["lora"]
            for heard in up["rx_metadata"]:
                hashes.append(
                    await hotspot.send(
                        base64.b64decode(up["raw_payload"]),
                        timestamp=heard["timestamp"],
                        frequency=int(up["settings"]["frequency"]),
                        datarate=f"SF{lora['spreading_factor']}BW{lora['bandwidth'] // 1000}",
                        rssi=heard["rssi"],
                        snr=heard["snr"],
                        gateway_eui=bytes.fromhex(heard["gateway_ids"]["eui"]),
                        received_at=to_ms(heard["received_at"]),
                        region="EU868",
                    )
                )
        for packet_hash in hashes:
            assert (await hotspot.get_receipt(packet_hash, 30)).status in (1, 3)  # COPY, UNWANTED
    frames = (await router.ask("/frames?limit=1000"))["frames"]
    assert len(frames) == len(ups)
    first_of: dict[str, str] = {}
    for frame, up in zip(frames, ups, strict=True):
        check_frame(frame, up)
        repeated = first_of.setdefault(up["raw_payload"], frame["heard_at"]) != frame["heard_at"]
        assert frame["class"] == ("retransmission" if repeated else "new")
    assert sum(frame["class"] == "retransmission" for frame in frames) == 65
    assert sum(frame["kind"] == "join_request" for frame in frames) == 9


def check_frame(frame: dict[str, Any], up: dict[str, Any]) -> None:
    """All parsed fields equal those that The Things Stack found."""
    payload = up["payload"]
    assert frame["region"] == "US915"
    assert frame["frequency_hz"] == int(up["settings"]["frequency"])
    assert base64.b64decode(payload["mic"]).hex() == frame["mic"]
    heard = {(entry["gateway_id"], entry["rssi_dbm"]) for entry in frame["receptions"]}
    assert heard == {(meta["gateway_ids"]["eui"].lower(), meta["rssi"]) for meta in up["rx_metadata"]}
    if "join_request_payload" in payload:
        request = payload["join_request_payload"]
        assert (frame["join_eui"], frame["dev_eui"]) == (
            request["join_eui"].lower(),
            request["dev_eui"].lower(),
        )
        assert frame["dev_nonce"] == int(request["dev_nonce"], 16)
        return
    mac = payload["mac_payload"]
    header = mac["f_hdr"]
    control = header.get("f_ctrl", {})
    assert frame["dev_addr"] == header["dev_addr"].lower()
    assert frame["f_cnt"] == header.get("f_cnt", 0)
    assert (frame["f_port"] or 0) == mac.get("f_port", 0)
    assert frame["confirmed"] == (payload["m_hdr"].get("m_type") == "CONFIRMED_UP")
    assert frame["adr"] == control.get("adr", False)
    assert frame["ack"] == control.get("ack", False)
    assert frame["adr_ack_req"] == control.get("adr_ack_req", False)
    assert frame["f_opts"] == base64.b64decode(header.get("f_opts", "")).hex()
    assert frame["frm_payload"] == base64.b64decode(mac.get("frm_payload", "")).hex()
