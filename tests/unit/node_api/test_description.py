"""The OpenAPI description says of each route what it does, what it answers and how it fails."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from chain.ledger.parameters import Parameters
from chain.node.parameter_texts import list_parameter_texts
from tests.unit.explorer.stage import Stage

#: Answers that are no JSON: streams of events, raw bytes.
OTHER_ANSWERS = ("/v1/live", "/v1/events/stream", "/v1/blocks/{height}/raw", "/v1/bundles/{root}")


@pytest.fixture(scope="module")
def schema(stage: Stage) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{stage.url}/schema", trust_env=False).json()
    return found


def list_operations(schema: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
        if method in ("get", "post", "put", "delete", "patch")
    ]


def test_each_route_is_described(schema: dict[str, Any]) -> None:
    operations = list_operations(schema)
    assert len(operations) > 50
    for path, method, operation in operations:
        what = f"{method} {path}"
        assert operation["summary"].endswith("."), what
        assert len(operation["summary"]) > 8, what
        good = [answer for status, answer in operation["responses"].items() if status.startswith("2")]
        assert len(good) == 1, what
        if path not in OTHER_ANSWERS and "snapshots" not in path:
            shape = good[0]["content"]["application/json"]["schema"]
            assert shape.get("$ref") or shape.get("type"), what
        bad = {status for status in operation["responses"] if status[0] in "45"}
        assert {"429", "503"} <= bad, what
        if "{" in path:
            assert "404" in bad, what
        if operation.get("parameters") or operation.get("requestBody"):
            assert "400" in bad, what
        for status in bad:
            content = operation["responses"][status]["content"]["application/json"]["schema"]
            assert content["$ref"].endswith("ErrorResponse"), (what, status)


def test_all_resources_are_there(schema: dict[str, Any]) -> None:
    words = (
        "blocks transactions accounts hotspots witnesses rewards hexes routers channels parameters price "
        "poc/entropy poc/challenges poc/verdicts proofs/state statistics events/stream supply claims "
        "governance validators bonds coverage-requests exclusions epochs"
    )
    for word in words.split():
        assert f"/v1/{word}" in schema["paths"], word


def test_each_list_is_a_page(schema: dict[str, Any]) -> None:
    lists = 0
    for path, _, operation in list_operations(schema):
        names = {parameter["name"] for parameter in operation.get("parameters", ())}
        if "cursor" not in names:
            continue
        lists += 1
        assert "limit" in names, path
        shape = operation["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
        component = schema["components"]["schemas"][shape.rsplit("/", 1)[1]]
        assert set(component["properties"]) == {"items", "cursor"}, path
    assert lists > 20


def test_parameters_say_what_they_mean(http: httpx.Client) -> None:
    texts = http.get("/v1/parameters/texts").json()
    assert texts["cursor"] is None
    by_name = {text["name"]: text for text in texts["items"]}
    values = http.get("/v1/parameters").json()
    flat = {
        **{name: value for name, value in values.items() if not isinstance(value, dict)},
        **{f"coverage.{name}": value for name, value in values["coverage"].items()},
    }
    assert {name: text["value"] for name, text in by_name.items()} == flat
    assert "Helium" in by_name["coverage.round_ms"]["text"]
    assert by_name["coverage.round_ms"]["value"] == 60_000
    one = http.get("/v1/parameters/texts/coverage.round_ms").json()
    assert one == by_name["coverage.round_ms"]
    missing = http.get("/v1/parameters/texts/coverage.nothing")
    assert missing.status_code == 404
    assert "/v1/parameters/texts lists them" in missing.json()["error"]["message"]


def test_every_parameter_has_a_text() -> None:
    bare = [text.name for text in list_parameter_texts(Parameters()) if not text.text]
    assert bare == []
