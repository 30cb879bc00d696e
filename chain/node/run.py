"""Running a node as a process: from data directory and addresses to event lines, until a signal."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import uvicorn

from chain.blocks.engine import AppliedBlock, SingleProducer
from chain.event_lines import EventLines
from chain.index.database import IndexUnavailable
from chain.ledger.events import Event, StoredEvent, render_event
from chain.node.data_dir import DataDir
from chain.node.event_texts import describe_event
from chain.node.faucet import Faucet
from chain.node.following import follow_forever, forward_to
from chain.node.grpc_server import start_grpc_server
from chain.node.http_api import ApiSettings, close_streams, create_app
from chain.node.node import Node
from chain.node.seed_client import SeedClient
from chain.node.snapshots import DEFAULT_KEPT, SnapshotKeeper
from chain.store.chain_store import ChainStore

_GRACE_S = 1


class _QuietServer(uvicorn.Server):
    """uvicorn without its signal handlers: this process has its own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def run_node(
    data_dir: Path,
    http: str,
    grpc: str,
    lines: EventLines,
    settings: ApiSettings | None = None,
    snapshots: int = DEFAULT_KEPT,
) -> None:
    """Serve until SIGTERM or SIGINT. Without the producer's key it follows the network's seeds; of the states
    at the starts of epochs it keeps the last so many `snapshots`.

    Raises DataDirError, StoreError, IndexUnavailable, BooksDontAddUp or OSError where it can't start,
    NodeFailed where it had to stop.
    """
    folder = DataDir(data_dir)
    chain = folder.load_chain()
    http_socket = bind(http)
    store = ChainStore(folder.database)
    if folder.is_producer:
        key, links = folder.load_producer(), folder.load_links()
        node = Node(SingleProducer(chain, store, key, links), store, key)
        folder.check_producer(key, node.get_state())
    else:
        key = folder.load_node_key(chain)
        verifiers = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="chain-verify")
        node = Node(SingleProducer(chain, store, verifiers=verifiers), store, key)
    node.genesis_raw = folder.genesis.read_bytes()
    node.snapshots_folder = folder.snapshots
    keeper = SnapshotKeeper(store, chain.genesis_hash, folder.snapshots, snapshots)
    node.on_block(keeper.on_block)
    node.configuration_key = folder.load_configuration_key(chain) or key
    node.seeds = folder.load_seeds()
    seeds = None if folder.is_producer else SeedClient(node.seeds)
    if seeds is not None:
        forward_to(node, seeds)
    node.on_block(lambda applied: say_block(lines, applied))
    faucet_key = folder.load_faucet(chain)
    app = create_app(node, None if faucet_key is None else Faucet(node, faucet_key), settings)
    try:
        await asyncio.to_thread(app.state.index.database.open)
    except IndexUnavailable:
        store.close()
        raise
    server = _QuietServer(
        uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            lifespan="on",
            server_header=False,
            timeout_graceful_shutdown=_GRACE_S,
            limit_concurrency=1_000,
        )
    )
    await node.start()
    if seeds is not None:
        node.run(follow_forever(node, seeds), "chain-follow")
    grpc_server, grpc_port = await start_grpc_server(node, grpc)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    serving = asyncio.create_task(server.serve(sockets=[http_socket]))
    try:
        while not server.started and not serving.done():
            await asyncio.sleep(0.01)
        head = node.get_head()
        lines.say(
            "ready",
            f"chain node at height {head.height} serves http://{describe(http_socket)}",
            http=describe(http_socket),
            grpc=f"{grpc.rpartition(':')[0]}:{grpc_port}",
            height=head.height,
            chain_id=chain.chain_id,
        )
        waiting = [
            asyncio.ensure_future(stopped.wait()),
            asyncio.ensure_future(node.wait_failed()),
            serving,
        ]
        done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting[:2]:
            if task not in done:
                task.cancel()
        for task in done:
            task.result()
    finally:
        close_streams(app)
        server.should_exit = True
        await grpc_server.stop(_GRACE_S / 2)
        await asyncio.gather(serving, return_exceptions=True)
        await keeper.stop()
        await node.stop()
        if seeds is not None:
            await seeds.close()


def bind(address: str) -> socket.socket:
    """Open a listening socket on "host:port", port 0 for any free one. Raises OSError naming the address."""
    host, _, port = address.rpartition(":")
    if not port.isdigit() or int(port) > 65535:
        raise OSError(f"address {address!r} is not host:port")
    host = host.strip("[]") or "127.0.0.1"
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, int(port)))
    except OSError as error:
        listening.close()
        raise OSError(f"address {address}: {error.strerror}: choose another port with --http") from error
    return listening


def describe(listening: socket.socket) -> str:
    """The bound address as "host:port"."""
    host, port = listening.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def say_block(lines: EventLines, applied: AppliedBlock) -> None:
    """Say what a block changed, one line per event worth a person's look, and what it refused."""
    for index, event in enumerate(applied.events):
        text = describe_event(event)
        if text is not None:
            lines.say(event.kind, text, **_render(applied, index, event))
    for outcome in applied.outcomes:
        if not outcome.included:
            lines.say(
                "transaction_rejected",
                f"transaction {outcome.id.hex()[:12]} rejected: {outcome.reason}",
                id=outcome.id,
                code=outcome.code,
            )


def _render(applied: AppliedBlock, index: int, event: Event) -> dict[str, object]:
    stored = StoredEvent(height=applied.head.height, index=index, time_ms=applied.head.time_ms, event=event)
    fields = render_event(stored)
    del fields["event"], fields["index"]
    return fields
