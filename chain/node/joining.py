"""Joining a network with a new node: the genesis by its hash, and the newest snapshot whose signature and
root are right, or nothing, and then every block since the genesis."""

from __future__ import annotations

from pathlib import Path

import msgspec

from chain import api
from chain.blocks.genesis import Chain
from chain.keys.public_key import PublicKey
from chain.node.data_dir import DataDir
from chain.node.seed_client import SeedClient
from chain.store.chain_store import ChainStore, Head
from chain.store.snapshot import BadSnapshot, Snapshot, load_snapshot


class Joined(msgspec.Struct, frozen=True):
    """What a new node begins with."""

    chain: Chain
    head: Head | None
    """The block after which its state stands; None where it begins with the genesis."""
    rows: int


async def join(
    data_dir: DataDir, network: api.Network, seeds: SeedClient, is_from_genesis: bool = False
) -> Joined:
    """Write a new node's data directory. Raises DataDirError, SeedUnavailable, BadSnapshot, OSError; a
    directory that isn't complete can be joined again once its files are deleted."""
    chain = data_dir.join(await seeds.get("/v1/genesis"), network)
    snapshots = [] if is_from_genesis else await seeds.list_snapshots()
    if not snapshots:
        return Joined(chain, None, 0)
    newest = max(snapshots, key=lambda info: info.epoch)
    path = data_dir.folder / "joining.snapshot"
    try:
        await seeds.download_snapshot(newest.epoch, path)
        return _load(data_dir, chain, network, path)
    except BadSnapshot:
        data_dir.genesis.unlink(missing_ok=True)  # so that joining again is possible
        raise
    finally:
        path.unlink(missing_ok=True)


def _load(data_dir: DataDir, chain: Chain, network: api.Network, path: Path) -> Joined:
    snapshot = Snapshot(path)
    bits = chain.genesis_parameters.state_tree_bits
    snapshot.check(chain.chain_id, chain.genesis_hash, PublicKey.from_address(network.producer), bits)
    store = ChainStore(data_dir.database)
    try:
        load_snapshot(store, snapshot)
    finally:
        store.close()
    return Joined(chain, snapshot.head, sum(1 for _ in snapshot.iterate_rows()))
