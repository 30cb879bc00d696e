"""API and page: who may, what is said when something is wrong, and what Chromium shows of it."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.unit.router.conftest import RunningRouter, TestChain
from tests.unit.router.hotspot_client import HotspotClient
from tests.unit.router.processes import HEXHAUL, ROOT, find_tool
from tests.unit.router.sensor import Sensor

OTAA = {
    "name": "collar-1",
    "dev_eui": "70B3D57ED0000001",
    "join_eui": "0000000000000001",
    "app_key": "0c" * 16,
}
ABP = {"name": "garden-1", "dev_addr": "01020304", "nwk_s_key": "0a" * 16, "app_s_key": "0b" * 16}
LPP = bytes.fromhex("0167010e028806765ff2960a0003e8")


async def test_the_token_opens_the_api_and_nothing_else(router: RunningRouter) -> None:
    async with httpx.AsyncClient(base_url=router.http, trust_env=False) as stranger:
        for path in ("/api/devices", "/api/frames", "/api/positions", "/api/live", "/api/status"):
            answer = await stranger.get(path)
            assert answer.status_code == 401
            assert answer.json()["error"]["code"] == "unauthorized"
            assert (await stranger.get(path, headers={"Authorization": "Bearer wrong"})).status_code == 401
        page = await stranger.get("/")
        assert page.status_code == 200
        assert "default-src 'self'" in page.headers["content-security-policy"]
        described = (await stranger.get("/schema/openapi.json")).json()
        assert "/api/devices/{dev_eui}/queue" in described["paths"]
        origin = {"Origin": "http://map.example", "Authorization": f"Bearer {router.token}"}
        allowed = await stranger.get("/api/positions", headers=origin)
        assert allowed.headers["access-control-allow-origin"] == "*"
    assert (router.folder / "api.token").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({**OTAA, "dev_eui": "70b3"}, "dev_eui '70b3' must be 16 hex digits"),
        ({**OTAA, "app_key": "zz"}, "app_key must be 32 hex digits"),
        ({**OTAA, "name": " "}, "name must have"),
        ({**OTAA, "codec": "lua"}, "codec 'lua' is unknown"),
        ({**OTAA, **ABP}, "give either app_key"),
        ({"name": "x"}, "give either app_key"),
        ({**ABP, "nwk_s_key": ""}, "nwk_s_key must be"),
        ({**OTAA, "colour": "red"}, "colour"),
        ({"dev_eui": "00"}, "name"),
    ],
)
async def test_wrong_devices_are_explained(router: RunningRouter, body: dict[str, str], text: str) -> None:
    answer = await router.api.post("/devices", json=body)
    assert answer.status_code == 400
    assert text in answer.json()["error"]["message"]
    assert await router.ask("/devices") == []


async def test_devices_and_downlinks(router: RunningRouter) -> None:
    device = await router.add_device(**OTAA)
    assert (device["dev_eui"], device["activation"], device["sessions"]) == ("70b3d57ed0000001", "otaa", [])
    assert "0c0c" not in json.dumps(await router.ask("/devices/70b3d57ed0000001")), "keys never leave"
    assert (await router.api.post("/devices", json=OTAA)).status_code == 409
    assert (await router.api.get("/devices/70b3d57ed0000009")).status_code == 404
    assert (await router.api.get("/devices/zz")).status_code == 400
    path = "/devices/70b3d57ed0000001/queue"
    for body, text in (
        ({"f_port": 0, "hex": "00"}, "fPort 0"),
        ({"f_port": 224, "hex": "00"}, "fPort 224"),
        ({"f_port": 1, "hex": "0"}, "hex cannot be read"),
        ({"f_port": 1, "hex": "00", "data": "AA=="}, "not both"),
        ({"f_port": 1, "hex": "00" * 243}, "243 bytes"),
    ):
        answer = await router.api.post(path, json=body)
        assert answer.status_code == 400
        assert text in answer.json()["error"]["message"]
    for number in range(64):
        assert (await router.api.post(path, json={"f_port": 1, "hex": f"{number:02x}"})).status_code == 201
    full = await router.api.post(path, json={"f_port": 1, "hex": "ff"})
    assert (full.status_code, "64 downlinks are waiting" in full.text) == (409, True)
    assert (await router.api.delete(path)).json() == {"removed": 64}
    activation = {"dev_addr": "0a0b0c0d", "nwk_s_key": "01" * 16, "app_s_key": "02" * 16, "f_cnt_up": 7}
    activated = (await router.api.post("/devices/70b3d57ed0000001/activation", json=activation)).json()
    assert (activated["sessions"][0]["dev_addr"], activated["sessions"][0]["f_cnt_up"]) == ("0a0b0c0d", 7)
    assert (await router.api.delete("/devices/70b3d57ed0000001")).status_code == 204
    assert await router.ask("/devices") == []


async def test_a_device_that_forgets_its_counter(router: RunningRouter, chain: TestChain) -> None:
    strict = await router.add_device(**ABP)
    sensor = Sensor.from_session(bytes.fromhex("01020304"), b"\x0a" * 16, b"\x0b" * 16)
    path = f"/devices/{strict['dev_eui']}"
    async with HotspotClient(chain.hotspots[0], router.grpc) as hotspot:
        assert await hotspot.deliver(sensor.build_uplink(b"1", f_cnt=500)) == "BOUGHT"
        assert await hotspot.deliver(sensor.build_uplink(b"2", f_cnt=0)) == "COPY"
        keys = {name: ABP[name] for name in ("dev_addr", "nwk_s_key", "app_s_key")}
        await router.api.post(f"{path}/activation", json={**keys, "f_cnt_up": 501, "skip_f_cnt_check": True})
        assert await hotspot.deliver(sensor.build_uplink(b"3", f_cnt=0)) == "BOUGHT"
        assert await hotspot.deliver(sensor.build_uplink(b"3", f_cnt=0), frequency=868_300_000) == "COPY"
        ups = (await router.ask(f"{path}/events?kind=up"))["events"]
        assert [event["body"]["fCnt"] for event in ups] == [500, 0]


async def test_the_live_feed(router: RunningRouter, chain: TestChain) -> None:
    await router.add_device(**ABP)
    sensor = Sensor.from_session(bytes.fromhex("01020304"), b"\x0a" * 16, b"\x0b" * 16)
    kinds: list[str] = []

    async def listen() -> None:
        async with router.api.stream("GET", "/live") as answer:
            async for line in answer.aiter_lines():
                if line.startswith("event: "):
                    kinds.append(line.removeprefix("event: "))
                if {"hello", "frame", "uplink"} <= set(kinds):
                    return

    listener = asyncio.create_task(listen())
    await router.log.wait_until(lambda: "hello" in kinds)
    async with HotspotClient(chain.hotspots[0], router.grpc) as hotspot:
        await hotspot.deliver(sensor.build_uplink())
        await asyncio.wait_for(listener, 10)


async def run_cli(*words: str, environment: dict[str, str] | None = None) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *HEXHAUL, *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=environment
    )
    output, errors = await asyncio.wait_for(process.communicate(), 30)
    return process.returncode or 0, output.decode(), errors.decode()


async def test_the_command_line(router: RunningRouter, chain: TestChain, tmp_path: Path) -> None:
    ready = {"router_api": f"{router.http}/api"}
    (tmp_path / "up.json").write_text(
        json.dumps(ready)
    )  # as `hexhaul up` leaves it beside the router's folder
    environment = {**os.environ, "HEXHAUL_DATA": str(tmp_path)}
    add = [
        "device",
        "add",
        "--name",
        "g",
        "--dev-addr",
        "01020304",
        "--nwk-s-key",
        "0a" * 16,
        "--app-s-key",
        "0b" * 16,
    ]
    code, output, errors = await run_cli(*add, environment=environment)
    assert (code, errors) == (0, "")
    [device] = await router.ask("/devices")
    assert device["dev_eui"] in output
    code, output, _ = await run_cli("device", "list", environment=environment)
    assert "not heard yet" in output
    code, output, _ = await run_cli(
        "device", "down", device["dev_eui"], "01ff", "--port", "7", environment=environment
    )
    assert code == 0
    [item] = await router.ask(f"/devices/{device['dev_eui']}/queue")
    assert (item["f_port"], item["data"]) == (7, "Af8=")
    code, _, errors = await run_cli(
        "device", "down", device["dev_eui"], "01ff", "--port", "224", environment=environment
    )
    assert (code, errors.count("\n"), "--port 224" in errors) == (2, 1, True)
    code, output, _ = await run_cli("device", "show", device["dev_eui"], environment=environment)
    assert json.loads(output)["queue"][0]["f_port"] == 7
    code, _, errors = await run_cli(*add, environment=environment)
    assert (code, errors.count("\n")) == (1, 1)
    assert "is there already" in errors
    code, _, errors = await run_cli(
        "device", "list", environment={**os.environ, "HEXHAUL_DATA": str(tmp_path / "x")}
    )
    assert (code, errors.count("\n")) == (1, 1)
    assert "start `hexhaul up`" in errors
    token = ["--token-file", str(tmp_path / "router/api.token")]
    for url in (chain.url, f"{router.http}/elsewhere"):
        code, _, errors = await run_cli("device", "list", "--router", url, *token)
        assert (code, errors.count("\n")) == (1, 1)
        assert f"{url} answers, but as no router" in errors
    code, _, errors = await run_cli("device", "list", "--router", f"{router.http}/api", *token)
    assert (code, errors) == (0, "")
    code, _, errors = await run_cli("device", "remove", "01" * 8, "--router", router.http, *token)
    assert (code, errors) == (1, f"router: no device {'01' * 8}: add it first\n")
    code, _, errors = await run_cli("router", "run", "--chain", "http://127.0.0.1:9", "--grpc", "nowhere")
    assert (code, "--grpc 'nowhere' must be HOST:PORT" in errors) == (2, True)
    code, _, errors = await run_cli(
        "router",
        "run",
        "--chain",
        "http://127.0.0.1:9",
        "--mqtt",
        "0.0.0.0:0",
        "--data-dir",
        str(tmp_path / "open"),
    )
    assert (code, "--mqtt-password-file" in errors) == (1, True)


@pytest.mark.browser
async def test_the_page(router: RunningRouter, chain: TestChain) -> None:
    """An owner's way: empty page, add a device, see it heard, queue a downlink."""
    chromium = find_tool("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    from playwright.async_api import async_playwright

    problems: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium)
        page = await browser.new_page(viewport={"width": 1380, "height": 1000})
        page.on("pageerror", lambda error: problems.append(str(error)))
        requested: list[str] = []
        page.on("request", lambda request: requested.append(request.url))
        await page.goto(f"{router.http}/")
        await page.wait_for_selector("#token-form")
        await page.fill("#token-form input", "not the token")
        await page.click("#token-form button")
        await wait_for_text(page, "#token-error", "not the router")

        await page.goto(f"{router.http}/#token={router.token}")
        await page.reload()
        await page.wait_for_selector("#devices-empty:not([hidden])")
        assert "hexhaul device add" in await page.inner_text("#devices-empty")
        assert router.token not in page.url
        await page.click("#show-add")
        await page.check("input[value=abp]")
        for name in ("name", "dev_addr", "nwk_s_key"):
            await page.fill(f"#add-form input[name={name}]", ABP[name])
        await page.select_option("#add-form select[name=codec]", "cayenne_lpp")
        await page.click("#add-form .buttons button:first-child")
        await wait_for_text(page, "#add-form .error", "app_s_key")
        await page.fill("#add-form input[name=app_s_key]", ABP["app_s_key"])
        await page.click("#add-form .buttons button:first-child")
        await page.wait_for_selector("#device-card:not([hidden])")

        sensor = Sensor.from_session(bytes.fromhex("01020304"), b"\x0a" * 16, b"\x0b" * 16)
        async with HotspotClient(chain.hotspots[0], router.grpc) as hotspot:
            await hotspot.deliver(sensor.build_uplink(LPP, f_port=2))
            await page.wait_for_selector("#frames tbody tr")
            await wait_for_text(page, "#devices tbody", "27 °C")
            await page.wait_for_selector("#events details")
            await page.fill("#down-form input[name=hex]", "c0 ff ee")
            await page.click("#down-form button")
            await wait_for_text(page, "#queue", "c0 ff ee")
            await hotspot.deliver(sensor.build_uplink(LPP, f_port=2))
            downlink = await hotspot.get_downlink()
            await hotspot.answer_downlink(downlink.downlink_id)
            assert sensor.read_downlink(downlink.payload, 0)[1] == bytes.fromhex("c0ffee")
            await wait_for_text(page, "#queue", "Nothing waits")
        await check_page_against_api(page, router)
        pictures = ROOT / "tests" / "output"
        pictures.mkdir(exist_ok=True)
        await page.screenshot(path=pictures / "console.png", full_page=True)
        await browser.close()
    assert problems == []
    assert all(url.startswith((router.http, "data:")) for url in requested), "works offline"


async def wait_for_text(page: Any, selector: str, text: str) -> None:
    await page.locator(selector, has_text=text).first.wait_for(state="attached")


async def check_page_against_api(page: Any, router: RunningRouter) -> None:
    frames = (await router.ask("/frames"))["frames"]
    assert await page.locator("#frames tbody tr").count() == len(frames)
    assert await page.locator("#devices tbody tr").count() == len(await router.ask("/devices"))
    await wait_for_text(page, "#gateways tbody", "disconnected")
    credits = await router.ask("/data-credits")
    left = f"{credits['available']:,}"
    await wait_for_text(page, "#credits", f"{left} of")
