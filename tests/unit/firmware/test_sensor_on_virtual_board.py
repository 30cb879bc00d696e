"""The sensor's firmware on the real interpreter: joins, readings, both windows, and power cuts.

The other end is a hotspot's board, the LoRaWAN library and this file's hands. Everything takes the air's
own time.
"""

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from hardware.virtual.board.flash import collect_firmware, install
from hotspot_host.board_link import BoardLink
from router.lorawan.cayenne_lpp import decode_cayenne_lpp
from router.lorawan.frames import Direction, JoinRequest, parse_phy_payload
from router.lorawan.mac_command_stream import encode_mac_commands, parse_mac_commands
from router.lorawan.mac_commands import DevStatusAns, DevStatusReq, RxTimingSetupAns, RxTimingSetupReq
from tests.unit.firmware.town_rig import (
    APP_KEY,
    DEV_EUI,
    HOME,
    JOIN_EUI,
    PATIENCE_S,
    Console,
    Network,
    Town,
    take,
)
from tests.unit.virtual.board_rig import BOARD, run_program

pytestmark = pytest.mark.timeout(300)
CONFIG = {
    "name": "collar-1",
    "dev_eui": DEV_EUI.hex(),
    "join_eui": JOIN_EUI.hex(),
    "app_key": APP_KEY.hex(),
    "region": "EU868",
    "interval_s": 5,  # the duty cycle makes it 7
    "kind": "collar",
    "rx_error_us": 100_000,
}
COLLAR = ("--walk", "45.071,7.682,50,1.3,1", "--analog", "35=1950000")
GARDEN = ("--analog", "36=1650000", "--analog", "39=1900000")


Scenarios = dict[str, Future[None]]


def play(scenario: Callable[[Town], Awaitable[None]], folder: Path) -> None:
    """One scenario in a town of its own."""
    town = Town(folder)
    try:
        town.start_hotspot("one")
        asyncio.run(scenario(town))  # type: ignore[arg-type]
    finally:
        town.close()


@pytest.fixture(scope="module")
def scenarios(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenarios]:
    """All of them side by side: each takes a minute of the air's own time and next to none of the
    processor's.
    """
    with ThreadPoolExecutor() as pool:
        yield {
            scenario.__name__: pool.submit(play, scenario, tmp_path_factory.mktemp(scenario.__name__))
            for scenario in (join_report_and_obey, survive_power_cuts, ask_within_the_law)
        }


def test_a_collar_joins_reports_and_obeys_in_both_windows(scenarios: Scenarios) -> None:
    scenarios["join_report_and_obey"].result()


def test_a_power_cut_reuses_no_counter_and_keeps_the_session(scenarios: Scenarios) -> None:
    scenarios["survive_power_cuts"].result()


def test_a_sensor_that_nobody_answers_asks_again_within_the_law(scenarios: Scenarios) -> None:
    scenarios["ask_within_the_law"].result()


async def open_network(town: Town) -> Network:
    link = await BoardLink.open(str(town.folder / "one.tty"), timeout_s=PATIENCE_S)
    await link.configure(HOME)
    return Network(link)


async def join_report_and_obey(town: Town) -> None:
    network = await open_network(town)
    console = Console(town.start("sensor", "sensor", dict(CONFIG), *COLLAR))
    async with network.link:
        packet, frame, payload = await network.await_uplink()
        await console.find("joined")
        await console.find("uplink 0")
        assert network.dev_nonces == [0]
        assert (frame.f_cnt, frame.f_port, frame.ack) == (0, 1, False)
        values = decode_cayenne_lpp(payload)
        assert values["analogInput"]["2"] == pytest.approx(3.9, abs=0.02)
        position = values["gpsLocation"]["1"]
        assert position["latitude"] == pytest.approx(45.071, abs=0.002)
        assert position["longitude"] == pytest.approx(7.682, abs=0.002)

        # RX1: a confirmed downlink with a MAC command.
        request = encode_mac_commands([DevStatusReq()])
        await network.answer(packet, f_port=5, frm_payload=b"\x01\xfe", is_confirmed=True, f_opts=request)
        assert await console.find("downlink") == "downlink port 5 01fe"
        packet, frame, _ = await network.await_uplink()
        assert frame.ack
        (answer,) = parse_mac_commands(frame.f_opts, Direction.UP).commands
        assert isinstance(answer, DevStatusAns)
        assert 1 <= answer.battery <= 254

        # RX2, at SF12 on 869.525 MHz. RXTimingSetup's answer is repeated until a downlink comes.
        request = encode_mac_commands([RxTimingSetupReq(delay_s=2)])
        await network.answer(packet, delay_s=3, f_port=7, frm_payload=b"in the second", f_opts=request)
        assert await console.find("downlink") == "downlink port 7 " + b"in the second".hex()
        for _ in range(2):
            packet, frame, _ = await network.await_uplink()
            assert not frame.ack
            assert parse_mac_commands(frame.f_opts, Direction.UP).commands == (RxTimingSetupAns(),)
        await network.answer(packet)
        packet, frame, _ = await network.await_uplink()
        assert frame.f_opts == b""

        # What was obeyed once is not obeyed again, nor what is for another, nor what is not proven.
        network.f_cnt_down -= 1
        await network.answer(packet, f_port=5, frm_payload=b"again")
        packet, _, _ = await network.await_uplink()
        await network.answer(packet, f_port=5, frm_payload=b"fresh")
        assert await console.find("downlink") == "downlink port 5 " + b"fresh".hex()
        assert network.f_cnts == list(range(len(network.f_cnts)))
    console.close()
    assert town.get_events("sensor", "fault") == []
    emissions = town.get_emissions("sensor")
    assert {emission["spreading_factor"] for emission in emissions} == {7}
    # 1 % of the time at every moment: the pause after each is 99 times its length.
    for one, two in itertools.pairwise(emissions):
        assert two["at_us"] - one["at_us"] >= 100 * one["time_on_air_us"] - 1000


async def survive_power_cuts(town: Town) -> None:
    network = await open_network(town)
    config = {**CONFIG, "kind": "garden"}
    console = Console(town.start("sensor", "sensor", config, *GARDEN))
    async with network.link:
        # Cut between join request and answer: the next one has a new nonce.
        packet = await take(network.link)
        first = parse_phy_payload(packet.payload)
        assert isinstance(first, JoinRequest)
        town.kill("sensor")
        console.close()
        console = Console(town.start("sensor", "sensor", config, *GARDEN))
        packet, frame, payload = await network.await_uplink()
        assert network.dev_nonces[0] > first.dev_nonce
        values = decode_cayenne_lpp(payload)
        assert values["temperatureSensor"]["1"] == pytest.approx(25.0, abs=0.1)
        assert values["humiditySensor"]["2"] == pytest.approx(50.0, abs=0.5)
        await network.answer(packet, f_port=3, frm_payload=b"once")
        await console.find("downlink port 3")
        replay = network.f_cnt_down - 1

        # Cut in the session: no join, a higher counter, and the old downlink stays refused.
        town.kill("sensor")
        console.close()
        console = Console(town.start("sensor", "sensor", config, *GARDEN))
        packet, frame, _ = await network.await_uplink()
        assert len(network.dev_nonces) == 1
        assert 0 < frame.f_cnt <= 64
        network.f_cnt_down = replay
        await network.answer(packet, f_port=3, frm_payload=b"once")
        packet, _, _ = await network.await_uplink()
        await network.answer(packet, f_port=3, frm_payload=b"new")
        assert await console.find("downlink") == "downlink port 3 " + b"new".hex()
        assert network.f_cnts == sorted(set(network.f_cnts))
    console.close()
    assert town.get_events("sensor", "fault") == []


async def ask_within_the_law(town: Town) -> None:
    network = await open_network(town)
    console = Console(town.start("sensor", "sensor", dict(CONFIG), *COLLAR))
    async with network.link:
        nonces = []
        for _ in range(2):
            frame = parse_phy_payload((await take(network.link)).payload)
            assert isinstance(frame, JoinRequest)
            nonces.append(frame.dev_nonce)
        assert nonces == [0, 1]
        # An answer in the second window, 6 s after the request.
        packet = await take(network.link)
        frame = parse_phy_payload(packet.payload)
        assert isinstance(frame, JoinRequest)
        await network.answer_join(packet, frame, delay_s=6)
        await console.find("joined")
    console.close()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"app_key": "00"}, "app_key must be 32 hex digits"),
        ({"dev_eui": None}, "dev_eui must be 16 hex digits"),
        ({"region": "XX123"}, "region XX123 is unknown; use EU868"),
        ({"kind": "toaster"}, "kind toaster is unknown; use collar or garden"),
        ({"interval_s": 1}, "interval_s is 1; it must be 5 to 86400"),
        ({"rx_error_us": "much"}, "rx_error_us is much"),
    ],
)
async def test_a_wrong_config_is_said_in_one_line(
    tmp_path: Path, change: dict[str, object], words: str
) -> None:
    flash = tmp_path / "flash"
    flash.mkdir()
    (flash / "config.json").write_text(json.dumps({**CONFIG, **change}))
    files = collect_firmware("sensor")
    program = files.pop("main.py").decode()
    install(flash, files)
    (flash / "board.json").write_text(BOARD.to_firmware_json())
    with run_program(tmp_path, program) as rig:
        said = await asyncio.to_thread(rig.read_until, words.encode())
    assert b"Traceback" not in said
    assert APP_KEY.hex().encode() not in said
