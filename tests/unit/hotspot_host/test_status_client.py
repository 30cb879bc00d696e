"""`hexhaul hotspot status`: which hotspots are asked, and what is said of them."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from hotspot_host import status_client
from hotspot_host.cli import app
from hotspot_host.status_http import StatusServer


def make_status(name: str) -> dict[str, Any]:
    return {
        "hotspot": f"address-of-{name}", "name": name, "registered": True, "location": "8c1f",
        "board": {"up": True, "text": "a board"}, "routers": [], "concentrators": [],
        "spool": {"packets": 0, "limit": 1000}, "counts": {"uplinks": 3, "dropped": {"crc_bad": 2}},
    }  # fmt: skip


@asynccontextmanager
async def running_hotspot(status: dict[str, Any]) -> AsyncIterator[int]:
    server = StatusServer(lambda: status)
    _, port = await server.start("127.0.0.1", 0)
    try:
        yield port
    finally:
        await server.stop()


async def run_status(*words: str) -> tuple[int, str]:
    result = await asyncio.to_thread(CliRunner().invoke, app, ["status", *words])
    return result.exit_code, result.output


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HEXHAUL_DATA", str(tmp_path))
    monkeypatch.setattr(status_client, "DEFAULT_URL", "http://127.0.0.1:9")
    return tmp_path


async def test_all_hotspots_of_the_town_that_answer(town: Path) -> None:
    async with running_hotspot(make_status("one-two")) as first, running_hotspot(make_status("six")) as last:
        ports = {"hotspot-http-10": last, "hotspot-http-1": 9, "hotspot-http-0": first, "map": first}
        (town / "ports.json").write_text(json.dumps(ports))
        code, output = await run_status("--json")
        assert (code, [json.loads(line)["name"] for line in output.splitlines()]) == (0, ["one-two", "six"])
        code, output = await run_status()
        assert code == 0 and "one-two (address-of-one-two)" in output and "dropped, crc_bad: 2" in output
        for option in ("--url", "--http"):
            for url in (f"http://127.0.0.1:{last}", f"127.0.0.1:{last}", f"http://127.0.0.1:{last}/status"):
                code, output = await run_status(option, url, "--json")
                assert (code, json.loads(output)["name"]) == (0, "six")


@pytest.mark.parametrize(
    "content", [None, "no JSON", "[]", '{"hotspot-http-0": null}', '{"hotspot-http-x": 1}']
)
async def test_without_a_town_it_is_the_usual_port(
    content: str | None, town: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if content is not None:
        (town / "ports.json").write_text(content)
    code, output = await run_status()
    assert code == 1 and output.startswith("no hotspot answers at http://127.0.0.1:9")
    assert len(output.splitlines()) == 1
    async with running_hotspot(make_status("lone")) as port:
        monkeypatch.setattr(status_client, "DEFAULT_URL", f"http://127.0.0.1:{port}")
        assert "lone" in (await run_status())[1]


@pytest.mark.parametrize("answer", [[], {"status": "fine"}])
async def test_another_service_is_no_hotspot(town: Path, answer: Any) -> None:
    async with running_hotspot(answer) as port:
        code, output = await run_status("--url", f"http://127.0.0.1:{port}")
    assert code == 1 and "is no hotspot" in output


@pytest.mark.parametrize("url", ["http://h:99999", "http://[::", "ftp://h"])
async def test_a_bad_url_is_one_line(town: Path, url: str) -> None:
    code, output = await run_status("--url", url)
    assert code == 1 and url in output
    assert len(output.splitlines()) == 1
