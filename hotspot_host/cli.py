"""`hexhaul hotspot ...` and `hexhaul replay ...`. Heavy modules are imported where they are used."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(no_args_is_help=True, help="Run a hotspot: set it up, place it on the map, earn.")
replay_app = typer.Typer(help="Feed recorded gateway traffic in, as the gateway that heard it would.")

DataDir = Annotated[Path, typer.Option("--data-dir", help="Where this hotspot keeps its key and state.")]


def fail(text: str, code: int = 1) -> typer.Exit:
    """One line on stderr, and the exit to raise."""
    typer.echo(text, err=True)
    return typer.Exit(code)


def get_default_data_dir() -> Path:
    """``$HEXHAUL_DATA`` or ``./.hexhaul``."""
    return Path(os.environ.get("HEXHAUL_DATA") or ".hexhaul")


@app.command()
def setup(
    port: Annotated[str, typer.Option(help="Serial port of the board, as /dev/ttyUSB0.")],
    location: Annotated[str, typer.Option(help="LAT,LNG of the antenna in degrees.")],
    chain: Annotated[str, typer.Option(help="HTTP API of a chain node.")],
    chain_grpc: Annotated[str, typer.Option(help="gRPC services of that node, HOST:PORT.")],
    data_dir: DataDir = get_default_data_dir() / "hotspot",
    gain_dbi: Annotated[float, typer.Option(help="Antenna gain, dBi.")] = 2.15,
    elevation_m: Annotated[int, typer.Option(help="Antenna height above ground, metres.")] = 10,
    region: Annotated[str, typer.Option(help="LoRaWAN region.")] = "EU868",
    owner_key: Annotated[
        Path | None, typer.Option(help="Key file of the owner; made new in the data directory if not given.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask before writing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Event lines as JSON.")] = False,
) -> None:
    """Make the hotspot's key and write down what it is and where it stands."""
    from chain.event_lines import EventLines
    from chain.keys import KeyFileError, Keypair
    from hotspot_host.service import KEY_FILE
    from hotspot_host.settings import BadSettings, Settings, parse_location, save_settings

    try:
        latitude, longitude = parse_location(location)
        settings = Settings(
            port=port,
            latitude=latitude,
            longitude=longitude,
            gain_dbi=gain_dbi,
            elevation_m=elevation_m,
            chain=chain,
            chain_grpc=chain_grpc,
            owner_key=str((owner_key or data_dir / "owner.key").absolute()),
            region=region,
        )
        settings.validate()
        if not yes and not as_json and sys.stdin.isatty():
            typer.confirm(
                f"A hotspot at {latitude}, {longitude}, {elevation_m} m up, antenna {gain_dbi} dBi. "
                "The location goes on the chain and costs its owner a fee. Write it down?",
                abort=True,
            )
        key = Keypair.load_or_create(data_dir / KEY_FILE).public_key
        owner = Keypair.load_or_create(Path(settings.owner_key)).public_key
        path = save_settings(data_dir, settings)
    except (BadSettings, KeyFileError, OSError) as error:
        raise fail(str(error)) from None
    EventLines("hotspot", key.name, as_json).say(
        "setup",
        f"hotspot {key.name} set up; start it with: hexhaul hotspot run --data-dir {path.parent}",
        hotspot=key.address,
        hotspot_name=key.name,
        gateway_eui=key.gateway_eui.hex(),
        owner=owner.address,
        location=settings.cell,
    )


@app.command()
def run(
    data_dir: DataDir = get_default_data_dir() / "hotspot",
    port: Annotated[str | None, typer.Option(help="Serial port of the board, if not as set up.")] = None,
    chain: Annotated[str | None, typer.Option(help="HTTP API of a node, if not as set up.")] = None,
    chain_grpc: Annotated[str | None, typer.Option(help="gRPC of that node, if not as set up.")] = None,
    gwmp: Annotated[
        str, typer.Option(help="Semtech-UDP port for concentrators, HOST:PORT.")
    ] = "127.0.0.1:1700",
    gwmp_allow: Annotated[
        str, typer.Option(help='EUIs of your concentrators, comma-separated; "any" on loopback only.')
    ] = "any",
    http: Annotated[str, typer.Option(help="Status page, HOST:PORT.")] = "127.0.0.1:4467",
    float_limit: Annotated[
        int, typer.Option(help="Packets that a router may owe vouchers for.", min=1)
    ] = 100,
    claim_seconds: Annotated[
        float | None, typer.Option(help="Claim so often; default: once per epoch.", min=1)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Event lines as JSON.")] = False,
) -> None:
    """Run the hotspot until Ctrl-C."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # before its import: what fails we say ourselves
    from chain.keys import KeyFileError
    from hotspot_host.service import HotspotService, RunOptions
    from hotspot_host.settings import BadSettings, check_host_port, load_settings

    try:
        given = {"port": port, "chain": chain, "chain_grpc": chain_grpc}
        settings = load_settings(data_dir).with_changes(
            {name: value for name, value in given.items() if value is not None}
        )
        gwmp_host, gwmp_port = check_host_port(gwmp)
        http_host, http_port = check_host_port(http)
        options = RunOptions(
            gwmp_host=gwmp_host,
            gwmp_port=gwmp_port,
            gwmp_allow=gwmp_allow,
            http_host=http_host,
            http_port=http_port,
            float_limit=float_limit,
            claim_interval_s=claim_seconds,
        )
        run_until_signal(lambda stop: HotspotService(data_dir, settings, options, as_json).run(stop))
    except (BadSettings, KeyFileError, OSError, ValueError, sqlite3.Error) as error:
        raise fail(f"hotspot: {error}") from None
    except BaseExceptionGroup as group:
        first = group.exceptions[0]
        if not isinstance(first, sqlite3.Error):
            raise
        raise fail(f"hotspot: cannot write to {data_dir}: {first}") from None


@app.command()
def status(
    url: Annotated[
        str,
        typer.Option(
            "--url",
            "--http",
            help="A hotspot's status page; default: all of the running `hexhaul up`, else port 4467.",
        ),
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, one line per hotspot.")] = False,
) -> None:
    """Show how the running hotspots fare."""
    import json

    from hotspot_host.status_client import NoHotspot, collect_statuses, describe_status

    try:
        contents = collect_statuses(url, get_default_data_dir())
    except NoHotspot as error:
        raise fail(str(error)) from None
    if as_json:
        for content in contents:
            typer.echo(json.dumps(content))
    else:
        typer.echo("\n\n".join("\n".join(describe_status(content)) for content in contents))


@replay_app.callback(
    # A group without commands, so that it can be mounted by name: options may follow the path.
    invoke_without_command=True,
    subcommand_metavar="",
    context_settings={"allow_interspersed_args": True},
)
def replay(
    path: Annotated[Path, typer.Argument(help="A recording, or a folder with one.")],
    gwmp: Annotated[
        str | None,
        typer.Option(help="The hotspot's Semtech-UDP port; default: from the running `hexhaul up`."),
    ] = None,
    chain: Annotated[
        str | None, typer.Option(help="HTTP API of the node; default: that of `hexhaul up`.")
    ] = None,
    speed: Annotated[str, typer.Option(help='How many times faster than recorded, or "max".')] = "max",
    gateway_eui: Annotated[
        str, typer.Option(help="For recordings that don't name their gateway.")
    ] = "aa555a0000000101",
    as_json: Annotated[bool, typer.Option("--json", help="Summary as JSON.")] = False,
) -> None:
    """Replay a recording; its kind is recognised by content."""
    from chain.event_lines import EventLines
    from hotspot_host.replay.recordings import BadRecording, recognise
    from hotspot_host.replay.run import ReplayOptions, describe
    from hotspot_host.replay.run import replay as replay_recording
    from hotspot_host.settings import BadSettings, check_host_port

    try:
        up = read_up_file(get_default_data_dir())
        gwmp = gwmp or up.get("gwmp")
        options = ReplayOptions(
            gwmp=check_host_port(gwmp) if gwmp else None,
            chain=(chain or up.get("chain_api", "")).rstrip("/").removesuffix("/v1") or None,
            speed=parse_speed(speed),
            gateway_eui=parse_eui(gateway_eui),
        )
        lines = EventLines("replay", path.name, as_json)
        summary = asyncio.run(replay_recording(recognise(path), options, lines.say))
    except (BadRecording, BadSettings, OSError, ValueError) as error:
        raise fail(f"replay: {error}") from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    if as_json:
        lines.say("replayed", " ".join(describe(summary)), **summary)
    else:
        for line in describe(summary):
            typer.echo(line)
    if summary.get("push_data_acknowledged", 0) < summary.get("push_data_sent", 0):
        raise fail("replay: not all datagrams were acknowledged: was the hotspot stopped?")


def read_up_file(data_dir: Path) -> dict[str, str]:
    """The addresses that a running `hexhaul up` has written; empty where there is none."""
    import json

    try:
        content = json.loads((data_dir / "up.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def parse_speed(text: str) -> float | None:
    """A positive number, or None for "max". ValueError."""
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < 1e9:
        raise ValueError(f'--speed {text!r}: write a positive number, or "max"')
    return speed


def parse_eui(text: str) -> bytes:
    """16 hex digits. ValueError."""
    try:
        eui = bytes.fromhex(text)
    except ValueError:
        eui = b""
    if len(eui) != 8:
        raise ValueError(f"gateway EUI {text!r}: write 16 hex digits, as aa555a0000000101")
    return eui


def run_until_signal(make: Callable[[asyncio.Event], Coroutine[Any, Any, None]]) -> None:
    """Run a service until SIGTERM or SIGINT."""

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        await make(stop)

    asyncio.run(main())
