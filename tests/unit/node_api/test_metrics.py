"""The figures at /metrics, read as Prometheus reads them."""

from __future__ import annotations

from typing import Any

import grpc
import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from chain.keys.keypair import Keypair
from chain.node.coverage_services import add_coverage_services
from chain.wire import poc_lora_pb2, poc_lora_pb2_grpc
from tests.unit.explorer.stage import Stage


def read(http: httpx.Client) -> dict[tuple[str, ...], float]:
    """(name, values of labels by the labels' names) -> value"""
    answer = http.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_standing_and_requests(http: httpx.Client) -> None:
    status = http.get("/v1/status").json()
    http.get("/v1/hotspots/x")
    http.get("/no/such/thing")
    http.get("/wp-login.php")
    found = read(http)
    assert found["hexhaul_height",] == found["hexhaul_index_height",] == status["height"]
    assert found["hexhaul_block_time_seconds",] == status["block_time_ms"] / 1000
    assert found["hexhaul_index_failed",] == found["hexhaul_event_streams",] == 0
    assert found["hexhaul_mempool", "transaction"] == found["hexhaul_mempool", "report"] == 0
    for store in ("chain", "index", "observations"):
        assert found["hexhaul_store_bytes", store] > 10_000
    assert found["hexhaul_http_requests_total", "GET", "/v1/status", "200"] >= 1
    # One series for a route, whatever stands in its path, and one for all that is no route.
    assert found["hexhaul_http_requests_total", "GET", "/v1/hotspots/{address}", "400"] == 1
    assert found["hexhaul_http_requests_total", "GET", "none", "404"] == 2
    assert found["hexhaul_http_request_seconds_count", "/v1/status"] >= 1


def test_blocks_are_counted(http: httpx.Client, stage: Stage) -> None:
    before = read(http)
    applied = stage.history.home.make_block(after_ms=2_000)
    stage._app.state.metrics.count_block(applied)
    after = read(http)
    assert (
        after["hexhaul_block_interval_seconds_count",] == before["hexhaul_block_interval_seconds_count",] + 1
    )
    assert after["hexhaul_block_interval_seconds_sum",] >= 2
    kinds = {event.kind for event in applied.events}
    for kind in kinds:
        assert after["hexhaul_events_total", kind] >= 1


def test_they_are_for_this_machine_only(http: httpx.Client) -> None:
    answer = http.get("/metrics", headers={"X-Forwarded-For": "192.0.2.1"})
    assert answer.status_code == 403
    assert "--metrics-public" in answer.json()["error"]["message"]


async def test_reports_are_counted_by_what_they_were_answered(http: httpx.Client, stage: Stage) -> None:
    """Over gRPC, as hotspots send them; a stranger's are refused."""
    node = stage.node
    server = grpc.aio.server()
    node.report_counts = add_coverage_services(server, node, node.key).counts
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    stranger = Keypair(bytes(32))
    report = poc_lora_pb2.lora_witness_report_req_v1(pub_key=stranger.public_key.binary, data=b"x" * 51)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        reports: Any = poc_lora_pb2_grpc.poc_loraStub(channel)  # type: ignore[no-untyped-call]
        for _ in range(2):
            with pytest.raises(grpc.aio.AioRpcError):
                await reports.submit_lora_witness(report)
    await server.stop(None)
    assert node.report_counts == {("witness", "unauthenticated"): 2}
    assert read(http)["hexhaul_reports_total", "unauthenticated", "witness"] == 2
