"""The page of a node that runs as its own process: transactions over HTTP, blocks by its own clock."""

from __future__ import annotations

import asyncio
from pathlib import Path

import h3.api.basic_int as h3
import pytest
from playwright.sync_api import expect

from chain.client import ChainClient
from chain.keys.keypair import Keypair
from chain.transactions import HotspotAdd, LocationAssert
from tests.browser.conftest import OpenPage, settle
from tests.browser.test_map import Screenshot, get_drawn
from tests.unit.chain.process import NodeProcess, init

pytestmark = pytest.mark.browser

PLACES = ((46.9480, 7.4474), (46.9560, 7.4380), (46.9385, 7.4360))


async def add_hotspots(url: str, keys: list[Keypair]) -> None:
    """Hotspots join and are placed, as `hexhaul hotspot setup` does it; the faucet pays."""
    async with ChainClient(url) as chain:
        network = await chain.network()
        owner = Keypair.generate(keys[0].public_key.network)
        assert network.has_faucet
        await chain.wait_included(await chain.faucet(owner.public_key.address))
        for key, (lat, lng) in zip(keys, PLACES, strict=True):
            head = {"payer": owner.public_key.binary, "nonce": 0, "fee": 0, "owner": owner.public_key.binary}
            add = HotspotAdd(**head, hotspot=key.public_key.binary)
            await chain.wait_included(await chain.send(add, [owner, key]))
            place = LocationAssert(
                **head,
                hotspot=key.public_key.binary,
                location=int(h3.latlng_to_cell(lat, lng, 12)),
                gain_ddbi=21,
                elevation_m=12,
            )
            await chain.wait_included(await chain.send(place, [owner]))


def run_apart(url: str, keys: list[Keypair]) -> None:
    """In a thread of its own: the browser's driver has this thread's event loop."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: asyncio.run(add_hotspots(url, keys))).result(60)


def test_a_real_node(tmp_path: Path, open_page: OpenPage, take_screenshot: Screenshot) -> None:
    folder = tmp_path / "chain"
    init(folder, "--round-seconds", "30", "--epoch-seconds", "120")
    from chain.keys.address import NETWORK_TEST

    keys = [Keypair.generate(NETWORK_TEST) for _ in PLACES]
    with NodeProcess(folder) as node:
        page = open_page(node.url)
        expect(page.locator("#notice")).to_contain_text("No hotspots yet")
        expect(page.locator("#connection")).to_have_text("live")
        run_apart(node.url, keys)
        expect(page.locator("#hotspots")).to_have_text("3")
        for key in keys:
            expect(page.locator("#live")).to_contain_text(f"hotspot {key.public_key.name} joined")
        page.locator("#tab-hotspots").click()
        expect(page.locator("#hotspot-list tbody tr")).to_have_count(3)
        settle(page)
        assert get_drawn(page, ["hotspots"], "address") == {key.public_key.address for key in keys}
        take_screenshot(page, "real_node")
        page.close()
        assert node.stop() == 0
    # A killed index goes on where it was; one that is gone is built anew from the chain.
    (folder / "index.db").unlink()
    with NodeProcess(folder) as node:
        page = open_page(node.url)
        expect(page.locator("#hotspots")).to_have_text("3")
        settle(page)
        assert get_drawn(page, ["hotspots"], "address") == {key.public_key.address for key in keys}
        page.close()
        node.stop()
