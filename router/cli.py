"""`hexhaul router` and `hexhaul device`: running a router, and talking to its API."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

app = typer.Typer(no_args_is_help=True, help="The LoRaWAN network server: sensors' packets in, MQTT out.")
device_app = typer.Typer(no_args_is_help=True, help="Your sensors at a router: add, look, send downlinks.")


def fail(message: str, code: int = 1) -> NoReturn:
    """One line for the user, and out."""
    print(message, file=sys.stderr)
    raise typer.Exit(code)


def get_data_dir() -> Path:
    return Path(os.environ.get("HEXHAUL_DATA") or ".hexhaul")


def parse_host_port(name: str, text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdigit() or int(port) > 65535:
        fail(f"{name} {text!r} must be HOST:PORT, such as 127.0.0.1:0", 2)
    return host.strip("[]"), int(port)


def parse_range(text: str) -> tuple[int, int]:
    first, dash, last = text.partition("-")
    try:
        start, end = int(first, 16), int(last if dash else first, 16)
    except ValueError:
        start, end = 1, 0
    if not 0 <= start <= end <= 0xFFFFFFFF:
        fail(f"--dev-addr-range {text!r} must be START-END in hex, such as 00000000-01ffffff", 2)
    return start, end


def parse_net_id(text: str) -> bytes:
    try:
        net_id = bytes.fromhex(text)
    except ValueError:
        net_id = b""
    if len(net_id) != 3:
        fail(f"--net-id {text!r} must be 6 hex digits, such as 000000", 2)
    return net_id


@app.command("run")
def run(
    chain: Annotated[str, typer.Option(help="URL of a chain node.")],
    data_dir: Annotated[Path | None, typer.Option(help="Where keys and store lie.")] = None,
    grpc: Annotated[str, typer.Option(help="HOST:PORT for hotspots.")] = "127.0.0.1:0",
    http: Annotated[str, typer.Option(help="HOST:PORT of console and API.")] = "127.0.0.1:0",
    mqtt: Annotated[str, typer.Option(help="HOST:PORT of the embedded MQTT broker.")] = "127.0.0.1:0",
    mqtt_broker: Annotated[
        str, typer.Option(help="Use this broker instead: mqtt://[user:password@]host:port")
    ] = "",
    mqtt_password_file: Annotated[
        Path | None, typer.Option(help="Users of the embedded broker (name:argon2).")
    ] = None,
    public_grpc: Annotated[
        str, typer.Option(help="HOST:PORT that hotspots reach --grpc by, if another.")
    ] = "",
    dev_addr_range: Annotated[
        list[str] | None, typer.Option(help="START-END in hex; may be repeated.")
    ] = None,
    net_id: Annotated[str, typer.Option(help="NetID, 6 hex digits; 000000 is for experiments.")] = "000000",
    channel_data_credits: Annotated[int, typer.Option(min=100, help="Data credits of a channel.")] = 50_000,
    name: Annotated[str, typer.Option(help="Name in the event lines.")] = "router",
    json_lines: Annotated[bool, typer.Option("--json", help="Event lines as JSON.")] = False,
) -> None:
    """Runs a router until it is stopped."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # before its import: what fails we say ourselves
    from chain.client import BadNodeUrl
    from chain.event_lines import EventLines
    from chain.keys import KeyFileError
    from router.applications.broker import BrokerError
    from router.applications.mqtt_link import BrokerUrlError, parse_broker_url
    from router.console.access import TokenError
    from router.service import Options, RouterService
    from router.store.database import StoreError
    from router.traffic.desk import Settings

    try:
        if not chain.startswith(("http://", "https://")):
            fail(f"--chain {chain!r} is no URL: write http://HOST:PORT", 2)
        if mqtt_broker:
            parse_broker_url(mqtt_broker)
        options = Options(
            data_dir=data_dir or get_data_dir() / "router",
            chain_url=chain,
            grpc=parse_host_port("--grpc", grpc),
            http=parse_host_port("--http", http),
            mqtt=parse_host_port("--mqtt", mqtt),
            mqtt_broker=mqtt_broker,
            mqtt_password_file=mqtt_password_file,
            public_grpc=public_grpc,
            dev_addr_ranges=tuple(parse_range(text) for text in dev_addr_range or ["00000000-ffffffff"]),
            channel_data_credits=channel_data_credits,
            settings=Settings(net_id=parse_net_id(net_id)),
        )
        asyncio.run(_serve(RouterService, options, EventLines("router", name, json_lines)))
    except (
        OSError, StoreError, KeyFileError, TokenError, BrokerError, BrokerUrlError, BadNodeUrl,
    ) as error:  # fmt: skip
        fail(f"router: {error}")


async def _serve(service: Any, options: Any, lines: Any) -> None:
    await service(options, lines).run()


@app.command("mqtt-password")
def mqtt_password(user: str) -> None:
    """Prints a line for --mqtt-password-file; asks for the password."""
    from pwdlib import PasswordHash

    password = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    print(f"{user}:{PasswordHash.recommended().hash(password)}")


# --- hexhaul device ---------------------------------------------------------------------------------

RouterUrl = Annotated[
    str, typer.Option("--router", help="URL of the router's console; default: the running `hexhaul up`.")
]
TokenFile = Annotated[Path | None, typer.Option(help="File with the router's API token.")]
DataDir = Annotated[
    Path | None, typer.Option(help="Data folder of `hexhaul up` (default $HEXHAUL_DATA or ./.hexhaul).")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def call_api(
    method: str, path: str, router: str, token_file: Path | None, data_dir: Path | None, body: Any = None
) -> Any:
    """One request to the router's API; a failure is one line for the user."""
    import httpx

    folder = data_dir or get_data_dir()
    if not router:
        try:
            ready = json.loads((folder / "up.json").read_text())
            router = ready["router_api"].removesuffix("/api")
        except (OSError, ValueError, KeyError):
            fail(
                f"no running network under {folder}: start `hexhaul up`, or name the router with --router URL"
            )
    path_of_token = token_file or folder / "router" / "api.token"
    try:
        token = path_of_token.read_text(encoding="ascii").strip()
    except OSError as error:
        fail(f"API token {path_of_token}: {error.strerror}; name the file with --token-file")
    except ValueError:
        fail(f"API token {path_of_token} holds no token; name the router's api.token with --token-file")
    try:
        answer = httpx.request(
            method,
            f"{router.rstrip('/').removesuffix('/api')}/api{path}",
            headers={"Authorization": f"Bearer {token}"},
            json=body,
            timeout=20,
            trust_env=False,
        )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        fail(f"router {router} cannot be reached: {error}")
    try:
        content: Any = answer.json() if answer.content else None
        if answer.is_success:
            return content
        message = content["error"]["message"]
    except (ValueError, KeyError, TypeError):
        message = f"unexpected answer {answer.status_code}"
        content = None
    if content is None or (answer.status_code in (404, 405) and not message.startswith("no device")):
        fail(f"{router} answers, but as no router ({message}): give the URL of a router's console")
    fail(f"router: {message}")


@device_app.command("add")
def add(
    name: Annotated[str, typer.Option(help="A name for people.")],
    dev_eui: Annotated[str, typer.Option(help="DevEUI, 16 hex digits.")] = "",
    join_eui: Annotated[str, typer.Option(help="JoinEUI (AppEUI), 16 hex digits.")] = "",
    app_key: Annotated[str, typer.Option(help="AppKey, 32 hex digits: the device joins (OTAA).")] = "",
    dev_addr: Annotated[
        str, typer.Option(help="DevAddr, 8 hex digits: a device that doesn't join (ABP).")
    ] = "",
    nwk_s_key: Annotated[str, typer.Option(help="NwkSKey of an ABP device.")] = "",
    app_s_key: Annotated[str, typer.Option(help="AppSKey of an ABP device.")] = "",
    codec: Annotated[str, typer.Option(help="Payload codec: cayenne_lpp.")] = "",
    application: Annotated[str, typer.Option(help="Whose MQTT topics its messages get.")] = "demo",
    skip_f_cnt_check: Annotated[
        bool, typer.Option(help="For a device that forgets its frame counter.")
    ] = False,
    router: RouterUrl = "",
    token_file: TokenFile = None,
    data_dir: DataDir = None,
    json_output: Json = False,
) -> None:
    """Connects a sensor: with DevEUI and AppKey, or by session keys."""
    body = {
        "name": name, "dev_eui": dev_eui, "join_eui": join_eui, "app_key": app_key, "dev_addr": dev_addr,
        "nwk_s_key": nwk_s_key, "app_s_key": app_s_key, "codec": codec, "application": application,
        "skip_f_cnt_check": skip_f_cnt_check,
    }  # fmt: skip
    device = call_api("POST", "/devices", router, token_file, data_dir, body)
    if json_output:
        print(json.dumps(device))
        return
    print(f"device {device['name']} added, DevEUI {device['dev_eui']}")
    print(f"its messages: {device['topics']['events']}")
    print(f"send to it:   {device['topics']['down']}")


@device_app.command("list")
def list_devices(
    router: RouterUrl = "", token_file: TokenFile = None, data_dir: DataDir = None, json_output: Json = False
) -> None:
    """Lists the devices with what they said last."""
    devices = call_api("GET", "/devices", router, token_file, data_dir)
    if json_output:
        print(json.dumps(devices))
        return
    if not devices:
        print("no devices yet: hexhaul device add --name NAME --dev-eui EUI --app-key KEY")
    for device in devices:
        heard = device["last_heard_at"] or "not heard yet"
        reading = json.dumps(device["last_reading"] or {})
        print(f"{device['dev_eui']}  {device['name']:<20} {heard:<33} {reading}")


@device_app.command("show")
def show(
    dev_eui: str, router: RouterUrl = "", token_file: TokenFile = None, data_dir: DataDir = None
) -> None:
    """Shows a device with its sessions, queue and last events, as JSON."""
    device = call_api("GET", f"/devices/{dev_eui}", router, token_file, data_dir)
    device["queue"] = call_api("GET", f"/devices/{dev_eui}/queue", router, token_file, data_dir)
    device["events"] = call_api("GET", f"/devices/{dev_eui}/events?limit=5", router, token_file, data_dir)[
        "events"
    ]
    print(json.dumps(device, indent=2))


@device_app.command("remove")
def remove(
    dev_eui: str, router: RouterUrl = "", token_file: TokenFile = None, data_dir: DataDir = None
) -> None:
    """Removes a device with its keys and queue."""
    call_api("DELETE", f"/devices/{dev_eui}", router, token_file, data_dir)
    print(f"device {dev_eui} removed")


@device_app.command("down")
def down(
    dev_eui: str,
    payload: Annotated[str, typer.Argument(help="Bytes in hex.")],
    port: Annotated[int, typer.Option(help="FPort, 1 to 223.")] = 1,
    confirmed: Annotated[bool, typer.Option(help="Ask the device to acknowledge.")] = False,
    router: RouterUrl = "",
    token_file: TokenFile = None,
    data_dir: DataDir = None,
) -> None:
    """Queues a downlink; it goes out after the device's next uplink."""
    if not 1 <= port <= 223:
        fail(f"--port {port} is not an application's: use 1 to 223 (LoRaWAN 1.0.4, 4.3.2)", 2)
    body = {"f_port": port, "hex": payload, "confirmed": confirmed}
    item = call_api("POST", f"/devices/{dev_eui}/queue", router, token_file, data_dir, body)
    print(f"queued as {item['id']}: sent after the next uplink")
