#!/usr/bin/env python3
"""hexhaul, the one command: mounts each folder's commands and holds ``up``, a whole network on this machine.

``up`` starts every part as its own process, talking over the real protocols: the ether (the air between
virtual boards), the chain node, the router, and for each hotspot a board and its host; each sensor is a
board of its own. It waits until each is ready, restarts what dies and says so, and passes on the event
lines of all of them. Nothing but this file and the tests starts ``hardware.virtual``.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from hardware.virtual.town.processes import Child

MAX_PACE = 1.5  # beyond, beacons (184 832 us at SF8) would break the 1 % of their sub-band
JOIN_EUI = "68786861756c0001"
#: Coverage earns for so many epochs after the audited hotspot has heard it.
AUDIT_EPOCHS = 30
#: The demonstration's audited hotspot stays one.
AUDITED_UNTIL_EPOCH = 1_000_000_000
#: A new hotspot gets its first tokens, joins and is placed: four blocks.
JOINING_S = 60
#: Event lines that only --verbose shows: another part says the same, or it happens every few seconds.
DETAILS = frozenset(
    {
        ("hotspot", event)
        for event in ("faucet", "burnt", "registration", "hotspot_added", "location_asserted")
    }
    | {
        ("hotspot", event)
        for event in ("beacon", "witness", "report", "claim", "chain", "router", "downlink")
    }
    | {("router", event) for event in ("faucet", "burn", "registered", "channel", "paying")}
    | {("chain", "payment"), ("chain", "burn"), ("ether", "node_joined"), ("board", "ether_up")}
)


@dataclass(frozen=True)
class Plan:
    """The options of one ``up``; everything else follows from them."""

    data_dir: Path
    hotspots: int
    sensors: int
    lat: float
    lng: float
    region: str
    pace: float
    host: str
    ports: dict[str, int]
    mqtt_broker: str | None
    as_json: bool
    ready_file: Path | None
    verbose: bool

    @property
    def round_s(self) -> int:
        return round(30 / self.pace)

    @property
    def epoch_s(self) -> int:
        return self.round_s * 4

    @property
    def sensor_interval_s(self) -> int:
        return max(10, round(15 / self.pace))


def flags(**options: object) -> list[str]:
    """Command-line options from keywords; None leaves one out."""
    return [
        word
        for name, value in options.items()
        if value is not None
        for word in (f"--{name.replace('_', '-')}", str(value))
    ]


class Network:
    """Brings up all parts in order and keeps them up until stopped."""

    def __init__(self, plan: Plan) -> None:
        from hardware.virtual.town.places import compute_offset, compute_spiral
        from hardware.virtual.town.processes import Printer, Supervisor
        from hardware.virtual.town.run_files import choose_ports

        usual = {"map": 8080, "console": 8081, "mqtt": 1883, "chain-grpc": 9080, "router-grpc": 9081}
        usual |= {f"gwmp-{i}": 1700 + i for i in range(plan.hotspots)}
        usual |= {f"hotspot-http-{i}": 4467 + i for i in range(plan.hotspots)}
        self.plan = plan
        self.ports = choose_ports(plan.data_dir / "ports.json", plan.host, usual, plan.ports)
        self.printer = Printer(plan.as_json, frozenset() if plan.verbose else DETAILS)
        self.supervisor = Supervisor([sys.executable, __file__], plan.data_dir / "logs", self.printer)
        self.ether_socket = plan.data_dir / "ether.sock"
        self.boards = plan.data_dir / "boards"
        self.hotspots = {
            f"hotspot-{i + 1}": place
            for i, place in enumerate(compute_spiral(plan.lat, plan.lng, plan.hotspots))
        }
        self.sensors = {
            f"{('collar', 'garden')[i % 2]}-{i // 2 + 1}": compute_offset(
                plan.lat, plan.lng, 150 + 90 * (i // 2), 60 + 170 * i
            )
            for i in range(plan.sensors)
        }

    def at(self, port: str) -> str:
        return f"{self.plan.host}:{self.ports[port]}"

    def url(self, port: str) -> str:
        return f"http://{self.at(port)}"

    async def bring_up(self) -> None:
        await asyncio.gather(self.start_ether(), self.start_chain())
        await self.start_router()
        await asyncio.gather(*(self.start_hotspot(i, name) for i, name in enumerate(self.hotspots)))
        sensors = (self.start_sensor(i, name) for i, name in enumerate(self.sensors))
        await asyncio.gather(self.name_audited_hotspot(), *sensors)
        self.announce()

    async def start(self, name: str, words: str, **options: object) -> Child:
        return await self.supervisor.start(name, *words.split(), *flags(**options), "--json")

    async def start_ether(self) -> None:
        """Writes who stands where, unless a file of an earlier run says so, and starts the air."""
        from hardware.virtual.town.run_files import write_file

        path = self.plan.data_dir / "ether.json"
        config: dict[str, Any] = {
            "propagation": {
                "exponent": 3.0,
                "reference_loss_db": 31.2,
                "shadowing_db": 3,
                "seed": 1,
                "extra_loss_db": 0,
            }
        }
        with contextlib.suppress(OSError, ValueError):
            config = json.loads(path.read_text())
        nodes: dict[str, Any] = {}
        for name, (lat, lng) in self.hotspots.items():
            nodes[name] = {"lat": lat, "lng": lng, "alt_m": 12, "gain_dbi": 2.0}
        for name, (lat, lng) in self.sensors.items():
            nodes[name] = {"lat": lat, "lng": lng, "alt_m": 1, "gain_dbi": 0.0}
        config["nodes"] = nodes | config.get("nodes", {})
        write_file(path, json.dumps(config, indent=1))
        log = self.plan.data_dir / "logs" / "air.jsonl"
        log.parent.mkdir(parents=True, exist_ok=True)
        await self.start("ether", "virtual ether", socket=self.ether_socket, config=path, log=log)

    async def start_chain(self) -> None:
        folder = self.plan.data_dir / "chain"
        if not (folder / "network.json").exists():
            pace = flags(epoch_seconds=self.plan.epoch_s, round_seconds=self.plan.round_s, block_seconds=2)
            init = flags(data_dir=folder, region=self.plan.region, seed=self.url("map"))
            await self.supervisor.run_once("chain", "init", *init, *pace)
        await self.start(
            "chain", "chain run", data_dir=folder, http=self.at("map"), grpc=self.at("chain-grpc")
        )

    async def start_router(self) -> None:
        outside = self.plan.mqtt_broker
        await self.start(
            "router",
            "router run",
            data_dir=self.plan.data_dir / "router",
            grpc=self.at("router-grpc"),
            http=self.at("console"),
            chain=self.url("map"),
            dev_addr_range="00000000-ffffffff",
            mqtt=None if outside else self.at("mqtt"),
            mqtt_broker=outside,
        )

    async def start_hotspot(self, index: int, name: str) -> None:
        from hardware.virtual.town.run_files import write_file

        port, flash = self.boards / f"{name}.tty", self.boards / name
        # This machine's scheduler is tens of milliseconds late at times; silicon isn't.
        write_file(flash / "config.json", json.dumps({"tx_late_limit_us": 60_000}), mode=0o644)
        await self.start_board(name, "hotspot")
        folder = self.plan.data_dir / "hotspots" / name
        chain = {"chain": self.url("map"), "chain_grpc": self.at("chain-grpc")}
        if not (folder / "hotspot.json").exists():
            lat, lng = self.hotspots[name]
            place = flags(location=f"{lat},{lng}", gain_dbi=2.0, elevation_m=12, **chain)
            await self.supervisor.run_once(
                "hotspot", "setup", *flags(data_dir=folder, port=port), *place, "--yes"
            )
        await self.start(
            f"{name}-host",
            "hotspot run",
            data_dir=folder,
            port=port,
            gwmp=self.at(f"gwmp-{index}"),
            gwmp_allow="any" if self.plan.host.startswith("127.") else None,
            http=self.at(f"hotspot-http-{index}"),
            **chain,
        )

    async def name_audited_hotspot(self) -> None:
        """Coverage earns once an audited hotspot has heard it: here the first one counts as audited, by the
        network's deciding key, which is on this machine."""
        import httpx

        from chain.keys import read_public_key
        from hardware.virtual.town import TownError

        name = next(iter(self.hotspots), None)
        key = self.plan.data_dir / "chain" / "governance.key"
        if name is None or not key.exists():
            return
        hotspot = read_public_key(self.plan.data_dir / "hotspots" / name / "hotspot.key")[0].address
        chain = flags(url=self.url("map"))
        named = flags(until_epoch=AUDITED_UNTIL_EPOCH, key=key)
        try:
            async with (
                httpx.AsyncClient(base_url=f"{self.url('map')}/v1", timeout=20) as client,
                asyncio.timeout(JOINING_S),
            ):
                if (await client.get("/auditors")).json()["items"]:
                    return
                while (await client.get(f"/hotspots/{hotspot}")).status_code != 200:
                    await asyncio.sleep(0.5)
            await self.supervisor.run_once("chain", "faucet", str(key), *chain)
            await self.supervisor.run_once("wallet", "auditor", "name", hotspot, *named, *chain, "--commit")
        except (TownError, TimeoutError, httpx.HTTPError) as error:
            self.printer.say("up", f"no hotspot is audited, so coverage earns nothing yet: {error}")

    async def start_board(self, name: str, firmware: str, *more: str) -> None:
        board = flags(name=name, firmware=firmware, flash=self.boards / name, ether=self.ether_socket)
        port = flags(port_link=self.boards / f"{name}.tty")
        await self.supervisor.start(name, "virtual", "board", *board, *port, *more, "--json")

    async def start_sensor(self, index: int, name: str) -> None:
        keys = self.get_or_make_device_keys(name)
        await self.register_device(name, keys)
        lat, lng = self.sensors[name]
        more = ["--analog", "35=1950000:150000:7200"]  # half of a lithium cell's voltage, in microvolts
        if name.startswith("collar"):
            more += flags(walk=f"{lat},{lng},250,1.3,{index + 1}")
        else:
            more += ["--analog", "36=1650000:200000:3600", "--analog", "39=1900000:300000:5400"]
        await self.start_board(name, "sensor", *more)

    def get_or_make_device_keys(self, name: str) -> dict[str, Any]:
        """The sensor's identity lives in its flash, as on a real one; the router is told the same."""
        from hardware.virtual.town.run_files import write_file

        path = self.boards / name / "config.json"
        keys = {"dev_eui": secrets.token_hex(8), "join_eui": JOIN_EUI, "app_key": secrets.token_hex(16)}
        with contextlib.suppress(OSError, ValueError):
            stored = json.loads(path.read_text())
            keys = {key: stored[key] for key in keys}
        config: dict[str, Any] = {
            "name": name,
            "kind": name.split("-")[0],
            "region": self.plan.region,
            **keys,
        }
        config |= {"interval_s": self.plan.sensor_interval_s, "rx_error_us": 100_000}
        write_file(path, json.dumps(config, indent=1))
        return keys

    async def register_device(self, name: str, keys: dict[str, Any]) -> None:
        import httpx

        from hardware.virtual.town import TownError

        headers = {"Authorization": f"Bearer {self.get_router_token()}"}
        async with httpx.AsyncClient(base_url=self.url("console"), headers=headers, timeout=20) as client:
            known = await client.get(f"/api/devices/{keys['dev_eui']}")
            if known.status_code == 200:
                return
            body = {"name": name, **keys, "codec": "cayenne_lpp", "application": "demo"}
            answer = await client.post("/api/devices", json=body)
            if answer.status_code >= 300:
                raise TownError(f"the router did not take device {name}: {answer.text[:300]}")

    def get_router_token(self) -> str:
        return (self.plan.data_dir / "router" / "api.token").read_text().strip()

    def announce(self) -> None:
        """Says where everything is, and writes it for programs."""
        from hardware.virtual.town.run_files import write_file

        token = self.get_router_token()
        mqtt = self.plan.mqtt_broker or self.at("mqtt")
        ready = {
            "map": f"{self.url('map')}/",
            "console": f"{self.url('console')}/#token={token}",
            "chain_api": f"{self.url('map')}/v1",
            "router_api": f"{self.url('console')}/api",
            "mqtt": mqtt.removeprefix("mqtt://"),
            "gwmp": self.at("gwmp-0"),
            "data_dir": str(self.plan.data_dir),
        }
        write_file(self.plan.data_dir / "up.json", json.dumps(ready, indent=1))
        if self.plan.ready_file:
            write_file(self.plan.ready_file, json.dumps(ready, indent=1))
        host, _, port = ready["mqtt"].rpartition(":")
        hint = (
            f"mosquitto_sub -h {host} -p {port} -t 'application/#'"
            if host and port.isdigit()
            else ready["mqtt"]
        )
        owner_map = f"{ready['map']}#router={self.url('console')}&token={token}"
        self.printer.say("up", f"map       {ready['map']}", **ready)
        if not self.plan.as_json:
            self.printer.say("up", f"          with your own sensors: {owner_map}")
            self.printer.say("up", f"console   {ready['console']}")
            self.printer.say("up", f"MQTT      {ready['mqtt']}   try: {hint}")
            self.printer.say(
                "up",
                f"packets   {ready['gwmp']} takes Semtech UDP; all boards listen on 868.1 MHz SF7",
            )
            self.printer.say("up", "Ctrl-C ends everything; the next run goes on from here")

    async def run(self) -> None:
        """Until SIGINT, SIGTERM, or nobody reads the lines any more."""
        stop = asyncio.Event()
        self.printer.on_closed = stop.set
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        bring_up = asyncio.create_task(self.bring_up())
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({bring_up, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if bring_up.done():
                bring_up.result()
                await stopped
        finally:
            bring_up.cancel()
            stopped.cancel()
            self.printer.say("stopping", "stopping all processes")
            await self.supervisor.stop()
            await asyncio.gather(bring_up, stopped, return_exceptions=True)


def get_default_data_dir() -> Path:
    return Path(os.environ.get("HEXHAUL_DATA", ".hexhaul"))


def run_up(plan: Plan) -> int:
    from hardware.virtual.town import TownError
    from hardware.virtual.town.run_files import lock_data_dir, write_file

    try:
        with lock_data_dir(plan.data_dir):
            if plan.ready_file:
                # That of an earlier run would deceive who waits for it; better fail now than when all is up.
                write_file(plan.ready_file, "")
                plan.ready_file.unlink()
            write_file(plan.data_dir / "town.json", json.dumps({"where": [plan.lat, plan.lng]}))
            asyncio.run(Network(plan).run())
    except TownError as error:
        print(f"hexhaul up: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"hexhaul up: {error}; choose another path", file=sys.stderr)
        return 1
    return 0


app = typer.Typer(no_args_is_help=True, add_completion=False, help="A LoRaWAN network that grows by itself.")


@app.command()
def up(
    hotspots: Annotated[int, typer.Option(min=1, max=30, help="How many hotspots.")] = 3,
    sensors: Annotated[
        int, typer.Option(min=0, max=30, help="How many sensors: dog collars and garden sensors in turn.")
    ] = 2,
    where: Annotated[
        str | None,
        typer.Option(
            metavar="LAT,LNG", help="The middle of the town; default: as before, at first 46.948,7.4474."
        ),
    ] = None,
    region: Annotated[
        str, typer.Option(help="Radio region; the sensors' firmware speaks EU868 so far.")
    ] = "EU868",
    data_dir: Annotated[
        Path | None, typer.Option(help="Where all is kept; default $HEXHAUL_DATA or ./.hexhaul.")
    ] = None,
    pace: Annotated[
        float,
        typer.Option(
            min=0.1, max=MAX_PACE, help="1 = beacons every 30 s, epochs of 2 minutes; the law caps it."
        ),
    ] = 1.0,
    host: Annotated[str, typer.Option(help="Address to bind to.")] = "127.0.0.1",
    map_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Map and chain API; 0 = the usual one, else a free one.")
    ] = 0,
    console_port: Annotated[int, typer.Option(min=0, max=65535, help="Console and router API.")] = 0,
    mqtt_port: Annotated[int, typer.Option(min=0, max=65535, help="Embedded MQTT broker.")] = 0,
    gwmp_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Semtech UDP port of the first hotspot.")
    ] = 0,
    mqtt_broker: Annotated[
        str | None,
        typer.Option(metavar="mqtt://HOST:PORT", help="An outside broker instead of the embedded one."),
    ] = None,
    ready_file: Annotated[
        Path | None, typer.Option(help="Written once all is up: one JSON object with the addresses.")
    ] = None,
    json_lines: Annotated[bool, typer.Option("--json", help="Event lines as JSON.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Every event line of every part.")] = False,
) -> None:
    """Runs a whole network on this machine: ether, chain, router, hotspots, sensors, map."""
    from hardware.virtual.town import TownError
    from hardware.virtual.town.run_files import choose_place

    folder = (data_dir or get_default_data_dir()).absolute()
    try:
        lat, lng = choose_place(folder, where)
        if region.upper() != "EU868":
            raise TownError(f"--region {region}: the sensors' firmware speaks EU868 only so far")
    except TownError as error:
        print(f"hexhaul up: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    ports = {"map": map_port, "console": console_port, "mqtt": mqtt_port, "gwmp-0": gwmp_port}
    plan = Plan(
        folder,
        hotspots,
        sensors,
        lat,
        lng,
        region.upper(),
        pace,
        host,
        ports,
        mqtt_broker,
        json_lines,
        ready_file,
        verbose,
    )
    raise typer.Exit(run_up(plan))


def mount() -> None:
    """Mounts each folder's commands."""
    from chain.cli import app as chain_app
    from chain.wallet.cli import app as wallet_app
    from hardware.virtual.cli import app as virtual_app
    from hotspot_host.cli import app as hotspot_app
    from hotspot_host.cli import replay_app
    from router.cli import app as router_app
    from router.cli import device_app

    app.add_typer(hotspot_app, name="hotspot", help="Hotspots: set up, run, look.")
    app.add_typer(device_app, name="device", help="Sensors: add, list, show.")
    app.add_typer(router_app, name="router", help="The LoRaWAN network server.")
    app.add_typer(chain_app, name="chain", help="The chain: node, accounts, rewards.")
    app.add_typer(wallet_app, name="wallet", help="Keys and money of an owner.")
    app.add_typer(replay_app, name="replay", help="Feed recorded gateway traffic into a hotspot.")
    app.add_typer(virtual_app, name="virtual", hidden=True)


def main() -> int:
    mount()
    app(prog_name="hexhaul")
    return 0


if __name__ == "__main__":
    sys.exit(main())
