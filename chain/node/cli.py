"""The commands about a node beside running it: join a network, copy its data and put it back, check an epoch.

`register` puts them under `hexhaul chain`.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from chain import api
    from chain.verification.epoch import EpochVerification

NetworkOption = Annotated[
    str, typer.Option("--network", help="The network file: a path, a URL, or a node (http://HOST:PORT).")
]
DataDirOption = Annotated[Path, typer.Option("--data-dir", help="Where the node keeps its files.")]
SeedOption = Annotated[
    list[str] | None, typer.Option("--seed", help="URL of a node to ask; default: those of the network file.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="For programs: JSON instead of text.")]


def register(app: typer.Typer) -> None:
    """Mount the commands."""
    for name, command in (
        ("join", join_command),
        ("backup", backup_command),
        ("restore", restore_command),
        ("verify-epoch", verify_epoch_command),
        ("check-bundle", check_bundle_command),
    ):
        app.command(name)(command)


def join_command(
    network: NetworkOption,
    data_dir: DataDirOption = Path(".hexhaul/node"),
    seed: SeedOption = None,
    from_genesis: Annotated[
        bool, typer.Option("--from-genesis", help="Apply every block since the genesis, take no snapshot.")
    ] = False,
) -> None:
    """Set up a node that follows a network: genesis by its hash, state by a signed snapshot."""
    from chain.node.data_dir import DataDir
    from chain.node.joining import join
    from chain.node.seed_client import SeedClient

    read = _read_network(network, seed)

    async def work() -> None:
        async with SeedClient(read.seeds) as seeds:
            joined = await join(DataDir(data_dir), read, seeds, from_genesis)
        if joined.head is None:
            print(f"{data_dir} follows {read.chain_id} from its genesis on")
        else:
            print(
                f"{data_dir} stands after block {joined.head.height} of {read.chain_id}: {joined.rows} rows "
                f"that give the state root which the producer signed"
            )
        print(f"run it: hexhaul chain run --data-dir {data_dir} --http 127.0.0.1:8081 --grpc 127.0.0.1:9081")

    _run(work)


def backup_command(
    target: Annotated[Path, typer.Argument(help="A new folder.")],
    data_dir: DataDirOption = Path(".hexhaul/chain"),
) -> None:
    """Copy a node's data, also while it runs: everything but keys."""
    from chain.node.backup import back_up
    from chain.node.data_dir import DataDir

    async def work() -> None:
        size = await asyncio.to_thread(back_up, DataDir(data_dir), target)
        print(f"{target} holds a copy ({size / 1e6:.1f} MB), without keys: those are files of {data_dir}")
        print(f"put it back: hexhaul chain restore {target} --data-dir DIRECTORY")

    _run(work)


def restore_command(
    source: Annotated[Path, typer.Argument(help="The folder that `backup` wrote.")],
    data_dir: DataDirOption = Path(".hexhaul/chain"),
) -> None:
    """Put a copy back into a directory without a database, once its rows give the signed state root."""
    from chain.node.backup import restore
    from chain.node.data_dir import DataDir

    async def work() -> None:
        head = await asyncio.to_thread(restore, source, DataDir(data_dir))
        print(f"{data_dir} stands after block {head.height}; run it: hexhaul chain run --data-dir {data_dir}")

    _run(work)


def verify_epoch_command(
    epoch: Annotated[int, typer.Argument(min=0, help="Number of a closed epoch.")],
    network: Annotated[
        str | None,
        typer.Option("--network", help="The network file that you trust; default: what the node says it is."),
    ] = None,
    url: Annotated[
        str, typer.Option("--url", envvar="HEXHAUL_CHAIN", help="The node to check; default: `hexhaul up`'s.")
    ] = "",
    json: JsonOption = False,
) -> None:
    """Do an epoch again from blocks and bundles, and compare each payment with what the node says it paid."""
    from chain.cli import get_default_url
    from chain.node.seed_client import SeedClient
    from chain.verification.epoch import verify_epoch

    node = (url or get_default_url()).rstrip("/")
    read = _read_network(network or node, [node])

    def say(line: str) -> None:
        if not json:
            print(line, file=sys.stderr)

    async def work() -> None:
        if network is None:
            say(f"taking the node's word for which network this is, {read.chain_id}: better --network FILE")
        async with SeedClient([node]) as seeds:
            result = await verify_epoch(seeds, read, epoch, say)
        _show_verification(result, json)
        if result.findings:
            raise typer.Exit(1)

    _run(work)


def check_bundle_command(
    file: Annotated[Path, typer.Argument(help="The bundle's bytes, as /v1/bundles/{root} gives them.")],
    root: Annotated[str, typer.Argument(help="Its root in hex, from the block's header.")],
) -> None:
    """Check that a bundle's reports are those that a block's header names."""
    from chain.blocks.bundle import check_bundle

    async def work() -> None:
        bundle = check_bundle(file.read_bytes(), bytes.fromhex(root))
        print(f"{len(bundle.reports)} reports, all of them those that the root {root[:16]}... names")

    _run(work)


def _show_verification(result: EpochVerification, as_json: bool) -> None:
    import msgspec

    if as_json:
        print(msgspec.json.encode(result).decode())
        return
    from chain.keys.animal_names import compute_animal_name
    from chain.node.event_texts import format_hxt_exactly

    for payment in result.payments:
        why = ", ".join(f"{name} {value}" for name, value in payment["why"].items())
        name = compute_animal_name(payment["hotspot"])
        print(f"{name}: {format_hxt_exactly(payment['hxt'])} for {payment['reward']} ({why})")
    if result.findings:
        print(f"epoch {result.epoch} is WRONG:")
        for finding in result.findings:
            print(f"  {finding}")
        return
    total = sum(payment["hxt"] for payment in result.payments)
    print(
        f"epoch {result.epoch} is right: {len(result.payments)} payments, {format_hxt_exactly(total)}, "
        f"from blocks {result.first_height} to {result.last_height} with {result.reports} reports; "
        f"{result.proven_rows} escrow rows proven under the node's last header, {result.released_rows} "
        "proven to be paid out or taken"
    )


def _read_network(source: str, seeds: list[str] | None) -> api.Network:
    from msgspec.structs import replace

    from chain.wallet.network_file import InvalidNetworkFile, check_seed, read_network_file

    try:
        network = read_network_file(source)
        if seeds:
            network = replace(network, seeds=[check_seed(seed) for seed in seeds])
        elif source.startswith("http") and not network.seeds:
            network = replace(network, seeds=[source])
    except InvalidNetworkFile as error:
        _fail(error)
    if not network.seeds:
        _fail("the network file names no seed: say --seed http://HOST:PORT")
    return network


def _run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a command; what can go wrong outside of it ends in one line."""
    from chain.blocks.bundle import BadBundle
    from chain.ledger.conservation import BooksDontAddUp
    from chain.node.data_dir import DataDirError
    from chain.node.seed_client import SeedUnavailable
    from chain.store.chain_store import StoreError
    from chain.store.snapshot import BadSnapshot
    from chain.verification.epoch import CannotVerify

    try:
        asyncio.run(work())
    except (
        BadBundle,
        BadSnapshot,
        BooksDontAddUp,
        CannotVerify,
        DataDirError,
        OSError,
        SeedUnavailable,
        StoreError,
        ValueError,
    ) as error:
        _fail(error)


def _fail(reason: object) -> NoReturn:
    """One line on stderr, exit code 1."""
    print(f"hexhaul chain: {reason}", file=sys.stderr)
    raise typer.Exit(1)
