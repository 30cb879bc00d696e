"""iot_config over a socket: the signed parameters of every region of Helium's file, EU433 put right."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import grpc
import pytest

from chain.coverage.reports import compute_signed_bytes, is_message_signed
from chain.keys.keypair import Keypair
from chain.node.coverage_services import add_coverage_services
from chain.wire import iot_config_pb2, iot_config_pb2_grpc, radio_pb2
from hardware.lora.regions import REGIONS
from tests.unit.coverage.test_services import RememberingNode
from tests.unit.coverage.town import Town, change_coverage

CONFIGURATION = Keypair(sha256(b"configuration").digest())


async def ask(region: str) -> iot_config_pb2.gateway_region_params_res_v1:
    """What a stock gateway of a network in ``region`` is told."""
    town = Town(parameters=change_coverage(region=region))
    town.open()
    server = grpc.aio.server()
    add_coverage_services(server, RememberingNode(town), CONFIGURATION)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    key = town.keys[0]
    request = iot_config_pb2.gateway_region_params_req_v1(
        region=radio_pb2.US915, address=key.public_key.binary
    )
    request.signature = key.sign(compute_signed_bytes(request))
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            stub: Any = iot_config_pb2_grpc.gatewayStub(channel)  # type: ignore[no-untyped-call]
            answer: iot_config_pb2.gateway_region_params_res_v1 = await stub.region_params(request)
            return answer
    finally:
        await server.stop(None)


async def test_each_region_of_the_file(shared: Path) -> None:
    regions = json.loads((shared / "vectors/chain/region_params.json").read_text())["regions"]
    assert len(regions) == 16
    for name, channels in regions.items():
        answer = await ask(name)
        assert radio_pb2.region.Name(answer.region) == name.replace("-", "_")
        assert answer.signer == CONFIGURATION.public_key.binary
        assert is_message_signed(answer, answer.signer)
        # Upstream all three of EU433's frequencies lack a digit: 43.3175 MHz is a military band.
        missing = 10 if name == "EU433" else 1
        assert [param.channel_frequency for param in answer.params.region_params] == [
            channel["freq"] * missing for channel in channels
        ]
        for param, channel in zip(answer.params.region_params, channels, strict=True):
            assert (param.bandwidth, param.max_eirp) == (channel["bw"], channel["max_eirp_ddBm"])
            assert [
                [iot_config_pb2.region_spreading.Name(one.region_spreading), one.max_packet_size]
                for one in param.spreading.tagged_spreading
            ] == channel["spreading"]


async def test_eu433_is_in_its_band() -> None:
    answer = await ask("EU433")
    frequencies = [param.channel_frequency for param in answer.params.region_params]
    assert frequencies == [433_175_000, 433_375_000, 433_575_000]


async def test_a_changed_answer_is_not_signed() -> None:
    answer = await ask("EU868")
    for change in (
        lambda: setattr(answer, "gain", answer.gain + 1),
        lambda: setattr(answer.params.region_params[3], "max_eirp", 300),
        lambda: answer.params.region_params.add(channel_frequency=868_100_000),
    ):
        before = answer.SerializeToString()
        change()
        assert not is_message_signed(answer, answer.signer)
        answer.ParseFromString(before)
        assert is_message_signed(answer, answer.signer)


@pytest.mark.parametrize("name", [region.name for region in REGIONS])
def test_each_region_has_its_place_in_the_protocol(name: str) -> None:
    """One that the protocol has no number for couldn't be told to a gateway."""
    assert name.replace("-", "_") in radio_pb2.region.DESCRIPTOR.values_by_name
