"""The generated gRPC code is what ``make protos`` makes of the definitions, and the paths are the field's."""

import subprocess
import sys
from pathlib import Path

from chain.wire import iot_config_pb2, packet_router_pb2, poc_entropy_pb2, poc_lora_pb2

ROOT = Path(__file__).resolve().parents[3]


def test_generated_code_is_fresh(tmp_path: Path) -> None:
    protos = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "chain/wire").glob("*.proto"))
    out = [f"--{kind}_out={tmp_path}" for kind in ("python", "grpc_python", "pyi")]
    command = [sys.executable, "-m", "grpc_tools.protoc", "-I.", *out, *protos]
    subprocess.run(command, cwd=ROOT, check=True)
    made = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*.py*"))
    assert len(made) == 3 * len(protos)
    stale = [str(path) for path in made if (tmp_path / path).read_text() != (ROOT / path).read_text()]
    assert stale == [], "run `make protos`"


def test_service_paths_are_those_of_deployed_gateways() -> None:
    modules = (packet_router_pb2, poc_lora_pb2, poc_entropy_pb2, iot_config_pb2)
    paths = {
        f"/{service.full_name}/{method.name}"
        for module in modules
        for service in module.DESCRIPTOR.services_by_name.values()
        for method in service.methods
    }
    ours = {"/helium.poc_lora.poc_lora/submit_lora_claim", "/helium.poc_lora.poc_lora/submit_lora_opening"}
    assert paths - ours == {
        "/helium.packet_router.packet/route",
        "/helium.poc_lora.poc_lora/submit_lora_beacon",
        "/helium.poc_lora.poc_lora/submit_lora_witness",
        "/helium.poc_lora.poc_lora/stream_requests",
        "/helium.poc_entropy.poc_entropy/entropy",
        "/helium.iot_config.gateway/region_params",
    }


def test_our_own_fields_stand_clear_of_the_field_numbers_of_others() -> None:
    theirs = {
        "packet_router_register_v1": 5,
        "packet_router_packet_up_v1": 10,
        "packet_router_packet_down_v1": 3,
        "envelope_up_v1": 3,
        "envelope_down_v1": 3,
    }
    for name, last in theirs.items():
        numbers = [field.number for field in packet_router_pb2.DESCRIPTOR.message_types_by_name[name].fields]
        assert [number for number in numbers if number < 100] == list(range(1, last + 1))
