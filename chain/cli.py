"""`hexhaul chain ...`: make a network, run its node, look at it, pay."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from chain.index.cli import app as index_app
from chain.node.cli import register

if TYPE_CHECKING:
    from chain.client import ChainClient

app = typer.Typer(no_args_is_help=True, help="The chain: a network's node and ledger.")
register(app)
app.add_typer(index_app, name="index")

DataDirOption = Annotated[Path, typer.Option("--data-dir", help="Where the node keeps its files.")]
UrlOption = Annotated[
    str,
    typer.Option(
        "--url",
        envvar="HEXHAUL_CHAIN",
        help="The node's HTTP API; default: that of the running `hexhaul up`.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="For programs: JSON instead of a table.")]

DEFAULT_DATA_DIR = Path(".hexhaul/chain")
DEFAULT_URL = "http://127.0.0.1:8080"


@app.command("init")
def init_command(
    data_dir: DataDirOption = DEFAULT_DATA_DIR,
    name: Annotated[str, typer.Option(help="First part of the chain id.")] = "hexhaul-test",
    epoch_seconds: Annotated[int | None, typer.Option(help="Length of a reward epoch.")] = None,
    round_seconds: Annotated[int | None, typer.Option(help="Length of an entropy round.")] = None,
    block_seconds: Annotated[float | None, typer.Option(help="Least time between two blocks.")] = None,
    beacon_period_rounds: Annotated[
        int | None, typer.Option(help="A hotspot beacons once in so many rounds; 1 with --round-seconds.")
    ] = None,
    region: Annotated[str, typer.Option(help="LoRaWAN region, such as EU868.")] = "EU868",
    allow_min_distance: Annotated[
        int | None, typer.Option(help="Least distance of a witness, H3 cells of resolution 11.")
    ] = None,
    faucet_hxt: Annotated[int, typer.Option(help="Whole HXT that the faucet gives at once; 0 = none.")] = 100,
    escrow_epochs: Annotated[
        int | None, typer.Option(help="Epochs that rewards wait until they are paid; 2 with --epoch-seconds.")
    ] = None,
    audit_epochs: Annotated[
        int,
        typer.Option(help="Epochs that coverage earns after somebody trusted met it; 0 = it earns without."),
    ] = 0,
    seed: Annotated[
        list[str] | None,
        typer.Option(
            help="HTTP URL at which others find a node of this network, for network.json; repeat it."
        ),
    ] = None,
) -> None:
    """Make a new test network: keys, genesis.json, and network.json, all that others need to join."""
    from msgspec.structs import replace

    from chain.ledger.amounts import HXT_UNITS
    from chain.ledger.parameters import InvalidParameters, Parameters
    from chain.node.data_dir import DataDir, DataDirError
    from chain.node.radio_plan import UnknownRegion, apply_region
    from chain.wallet.network_file import InvalidNetworkFile, check_seed

    changes = {
        "epoch_ms": None if epoch_seconds is None else epoch_seconds * 1000,
        # Two epochs, as hotspots claim once in each.
        "channel_claim_window_ms": None if epoch_seconds is None else epoch_seconds * 2_000,
        "block_interval_ms": None if block_seconds is None else round(block_seconds * 1000),
        "escrow_epochs": escrow_epochs,
        "audit_period_epochs": audit_epochs,
        "faucet_hxt": faucet_hxt * HXT_UNITS,
        "genesis_allocation_hxt": FAUCET_ALLOCATION_HXT * HXT_UNITS if faucet_hxt else 0,
        # Test tokens are free; a first gift from the faucet bonds a router or several hotspots.
        "hotspot_bond_hxt": faucet_hxt * HXT_UNITS // 100 if faucet_hxt else None,
        "router_bond_hxt": faucet_hxt * HXT_UNITS // 10 if faucet_hxt else None,
    }
    if round_seconds is not None and beacon_period_rounds is None:
        beacon_period_rounds = 1  # a network that runs fast is there to be watched
    if epoch_seconds is not None and escrow_epochs is None:
        changes["escrow_epochs"] = 2  # for the same reason: money should be seen to arrive
    coverage_changes = {
        "round_ms": None if round_seconds is None else round_seconds * 1000,
        # A fast round opens its claims in its last quarter, so that some beacons fit before it; one data rate
        # keeps its pace lawful.
        "opening_ms": None if round_seconds is None else min(round_seconds * 250, 10_000),
        "closing_margin_ms": None if round_seconds is None else min(round_seconds * 100, 6_000),
        "beacon_spreading_factors": None if round_seconds is None else (8,),
        "beacon_period_rounds": beacon_period_rounds,
        "minimum_distance_cells": allow_min_distance,
    }
    try:
        parameters = replace(Parameters(), **{k: v for k, v in changes.items() if v is not None})
        coverage = replace(
            parameters.coverage, **{k: v for k, v in coverage_changes.items() if v is not None}
        )
        parameters = apply_region(replace(parameters, coverage=coverage), region)
        seeds = [check_seed(url) for url in seed or [DEFAULT_URL]]
        chain = DataDir(data_dir).create(name, time.time_ns() // 1_000_000, parameters, seeds)
    except (DataDirError, InvalidNetworkFile, InvalidParameters, UnknownRegion, OSError) as error:
        _fail(error)
    print(f"network {chain.chain_id} is in {data_dir}; run it: hexhaul chain run --data-dir {data_dir}")


#: Whole HXT minted to the faucet of a test network: enough for a hundred thousand first payments.
FAUCET_ALLOCATION_HXT = 10_000_000


@app.command("run")
def run_command(
    data_dir: DataDirOption = DEFAULT_DATA_DIR,
    http: Annotated[str, typer.Option(help="host:port of the HTTP API and the map.")] = "127.0.0.1:8080",
    grpc: Annotated[str, typer.Option(help="host:port of the gRPC services.")] = "127.0.0.1:9080",
    json: Annotated[bool, typer.Option("--json", help="Event lines as JSON.")] = False,
    index: Annotated[
        str | None,
        typer.Option(
            envvar="HEXHAUL_INDEX", help="The index: path or PostgreSQL URL; default: in the data directory."
        ),
    ] = None,
    index_keep_days: Annotated[
        int, typer.Option(min=0, help="Days that the index keeps verdicts on reports; 0 = for good.")
    ] = 30,
    rate_limit: Annotated[
        int, typer.Option(min=0, help="HTTP requests a second from one address; 0 = any number.")
    ] = 50,
    rate_limit_local: Annotated[
        int, typer.Option(min=0, help="The same for programs on this machine.")
    ] = 2_000,
    metrics_public: Annotated[
        bool, typer.Option("--metrics-public", help="Let other machines read /metrics, too.")
    ] = False,
) -> None:
    """Run the node in the foreground; Ctrl-C stops it."""
    import logging

    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # before its import: what fails we say ourselves
    from chain.event_lines import EventLines
    from chain.index.database import IndexUnavailable
    from chain.ledger.conservation import BooksDontAddUp
    from chain.node.client_limits import Rates
    from chain.node.data_dir import DataDirError
    from chain.node.http_api import ApiSettings
    from chain.node.node import NodeFailed
    from chain.node.run import run_node
    from chain.store.chain_store import StoreError

    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s", stream=sys.stderr)
    try:
        settings = ApiSettings(
            index=index,
            verdicts_kept_ms=index_keep_days * 24 * 3_600_000,
            rates=Rates(others=rate_limit, this_machine=rate_limit_local),
            is_metrics_public=metrics_public,
        )
        asyncio.run(run_node(data_dir, http, grpc, EventLines("chain", "chain", as_json=json), settings))
    except (DataDirError, StoreError, IndexUnavailable, OSError) as error:
        _fail(error)
    except BooksDontAddUp as error:
        _fail(f"the books of {data_dir} don't add up, nothing was changed: {error}")
    except NodeFailed as error:
        _fail(f"the node stopped itself: {error}")


@app.command("status")
def status_command(url: UrlOption = "", json: JsonOption = False) -> None:
    """Height, round, epoch, hotspots."""
    _show(url, lambda chain: chain.status(), json)


@app.command("supply")
def supply_command(url: UrlOption = "", json: JsonOption = False) -> None:
    """The books: minted = burnt + held + locked, for each token."""
    import msgspec

    from chain.node.event_texts import format_hxt_exactly

    supply = _ask(url, lambda chain: chain.supply())
    if json:
        _print_json(supply)
        return
    rows = []
    for column in ("minted", "burnt", "held", "locked"):
        hxt, data_credits = getattr(supply.hxt, column), getattr(supply.data_credits, column)
        rows.append((column, format_hxt_exactly(hxt), f"{hxt:,}", f"{data_credits:,}"))
    _print_table(f"Supply at height {supply.height}", ("", "HXT", "base units", "data credits"), rows)
    for token, books in msgspec.structs.asdict(supply).items():
        if token != "height" and books.minted != books.burnt + books.held + books.locked:
            _fail(f"{token}: minted is not burnt + held + locked")


@app.command("account")
def account_command(
    address: Annotated[str, typer.Argument(help="Address, or the path of a key file.")],
    url: UrlOption = "",
    json: JsonOption = False,
) -> None:
    """Balances of an account."""
    wanted = _get_address(address)
    _show(url, lambda chain: chain.account(wanted), json)


@app.command("rewards")
def rewards_command(
    hotspot: Annotated[str | None, typer.Option(help="Address of one hotspot; default all.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many payments.")] = 20,
    url: UrlOption = "",
    json: JsonOption = False,
) -> None:
    """The newest payments to hotspots, and what each was for."""
    from chain.keys.animal_names import compute_animal_name
    from chain.node.event_texts import format_hxt_exactly

    rewards = _ask(url, lambda chain: chain.rewards(hotspot, limit))
    if json:
        _print_json(rewards)
        return
    rows = [
        (
            str(reward["epoch"]),
            compute_animal_name(reward["hotspot"]),
            reward["reward"],
            format_hxt_exactly(reward["hxt"]),
        )
        for reward in rewards
    ]
    _print_table("Rewards", ("epoch", "hotspot", "for", "HXT"), rows)


@app.command("faucet")
def faucet_command(
    address: Annotated[str, typer.Argument(help="Address, or the path of a key file.")],
    url: UrlOption = "",
) -> None:
    """Get the first tokens, on a test network."""
    wanted = _get_address(address)

    async def ask(chain: ChainClient) -> str:
        transaction_id = await chain.faucet(wanted)
        status = await chain.wait_included(transaction_id)
        return f"paid in block {status.height}"

    print(_ask(url, ask))


def _get_address(text: str) -> str:
    """An address, or the address of the key in a file, which may be encrypted."""
    from chain.keys import InvalidPublicKey, KeyFileError, PublicKey, read_public_key

    try:
        if Path(text).is_file():
            return read_public_key(text)[0].address
        return PublicKey.from_address(text).address
    except (InvalidPublicKey, KeyFileError) as error:
        _fail(error)


def get_default_url() -> str:
    """The node of the `hexhaul up` with data in ``$HEXHAUL_DATA`` or ``./.hexhaul``, else the usual one."""
    import json

    folder = Path(os.environ.get("HEXHAUL_DATA") or ".hexhaul")
    try:
        return str(json.loads((folder / "up.json").read_text(encoding="utf-8"))["chain_api"]).removesuffix(
            "/v1"
        )
    except (OSError, ValueError, KeyError, TypeError):
        return DEFAULT_URL


def _ask(url: str, question: Any) -> Any:
    """Run `question(client)` and return its answer, or end with one line that says what went wrong."""
    from chain.client import ChainClient, ChainUnavailable, RequestRefused

    async def ask() -> Any:
        async with ChainClient(url or get_default_url()) as chain:
            answer: Coroutine[Any, Any, Any] = question(chain)
            return await answer

    try:
        return asyncio.run(ask())
    except (ChainUnavailable, RequestRefused, TimeoutError) as error:
        _fail(error)


def _show(url: str, question: Any, as_json: bool) -> None:
    import msgspec

    answer = _ask(url, question)
    if as_json:
        _print_json(answer)
        return
    for name, value in msgspec.structs.asdict(answer).items():
        print(f"{name:22} {value}")


def _print_json(answer: Any) -> None:
    import msgspec

    print(msgspec.json.encode(answer).decode())


def _print_table(title: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title)
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index == 0 else "right")
    for row in rows:
        table.add_row(*row)
    Console().print(table)


def _fail(reason: object) -> NoReturn:
    """One line on stderr, exit code 1."""
    print(f"hexhaul chain: {reason}", file=sys.stderr)
    raise typer.Exit(1)
