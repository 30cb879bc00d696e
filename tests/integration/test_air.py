"""What a hotspot hears is decided by the air, not by what the programs tell each other."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from hardware.virtual.ether.control import EtherControl
from tests.integration.network import Network, running

pytestmark = [pytest.mark.network, pytest.mark.timeout(300)]


async def get_witness_verdicts(network: Network, after_round: int) -> list[dict[str, Any]]:
    """Verdicts on witnesses of the first round after ``after_round`` that closed with some, or of none."""
    async with network.chain as chain:
        answer = await chain.get("/poc/verdicts", params={"limit": 500})
        rows = [row for row in answer.json()["items"] if row["event"] == "witness_verdict"]
    return [row for row in rows if row["round"] > after_round]


def get_path_ddb(row: dict[str, Any]) -> int:
    """What is left of the ordered power at the witness, dB x 10: orders differ from beacon to beacon."""
    return int(row["signal_ddbm"]) - 10 * int(row["ordered_power_dbm"])


async def get_round(network: Network) -> int:
    async with network.chain as chain:
        return int((await chain.get("/poc/round")).json()["round"])


async def wait_for_round(network: Network, number: int) -> None:
    async with asyncio.timeout(90):
        while await get_round(network) < number:
            await asyncio.sleep(0.2)


async def test_forty_decibels_more_silence_the_network(tmp_path: Path) -> None:
    async with running(tmp_path / "data", "--pace", "1.5") as network:
        await network.wait_for("uplink", 90)
        await network.wait_for("witness", 60)
        async with EtherControl(network.data_dir / "ether.sock") as ether:
            await ether.set_extra_loss(40)
        # What was on the way is let through: the rest of this round, and its verdicts.
        await wait_for_round(network, await get_round(network) + 1)
        mark, quiet_from = len(network.lines), await get_round(network)
        await wait_for_round(network, quiet_from + 2)
        heard = [line for line in network.lines[mark:] if line["event"] in ("uplink", "join", "witness")]
        assert heard == []
        sent = [line for line in network.lines[mark:] if line["event"] == "beacon"]
        assert len(sent) >= 3, "the hotspots must have gone on sending"
        assert await get_witness_verdicts(network, quiet_from - 1) == []
        async with EtherControl(network.data_dir / "ether.sock") as ether:
            await ether.set_extra_loss(0)
        await network.wait_for("witness", 60, after=mark)


async def test_who_stands_elsewhere_changes_signals_and_verdicts(tmp_path: Path) -> None:
    """In near free space a signal tells the distance: who isn't where they say is found out."""
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    air = {"exponent": 2.03, "reference_loss_db": 31.2, "shadowing_db": 0, "seed": 1, "extra_loss_db": 0}
    (data_dir / "ether.json").write_text(json.dumps({"propagation": air, "nodes": {}}))
    async with running(data_dir, "--pace", "1.5") as network:
        await network.wait_for("beacon_verdict", 100, is_it=lambda line: line.get("witnesses", 0) == 2)
        await wait_for_round(network, await get_round(network) + 1)
        honest = await get_witness_verdicts(network, 0)
        assert honest and all(row["ok"] for row in honest)
        signals = {(row["beaconer"], row["hotspot"]): get_path_ddb(row) for row in honest}
        assert len(signals) == 6

        # Hotspot 2 says that it is far out, and stands a hundred metres from hotspot 1.
        nodes = json.loads((data_dir / "ether.json").read_text())["nodes"]
        beside = nodes["hotspot-1"]
        async with EtherControl(data_dir / "ether.sock") as ether:
            await ether.set_position("hotspot-2", beside["lat"] + 0.001, beside["lng"])
        moved_in = await get_round(network)
        await wait_for_round(network, moved_in + 2)
        after = await get_witness_verdicts(network, moved_in)
        # The rule grants every antenna 9 dBi, and every receiver 3 dB: beyond that nothing is left to say.
        louder = {
            (row["beaconer"], row["hotspot"])
            for row in after
            if get_path_ddb(row) >= signals[row["beaconer"], row["hotspot"]] + 120
        }
        refused = {(row["beaconer"], row["hotspot"]): row for row in after if not row["ok"]}
        assert louder and set(refused) == louder
        assert {row["reason"] for row in refused.values()} == {"bad_rssi"}
        assert all(row["measured"] > row["limit"] for row in refused.values())
        assert any(row["ok"] for row in after), "hotspots 1 and 3 are where they say"
