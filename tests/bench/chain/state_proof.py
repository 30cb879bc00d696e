"""Start-up with a million hotspots, and proofs of their state: ``python -m tests.bench.chain.state_proof``.

A database with so many hotspots, their owners and bonds is written directly, then a node's engine opens it:
all rows are read, the state root is computed from nothing and compared with the last block's, the books are
counted. Then proofs of presence and absence are made and checked; their size is what goes over the wire.

Options: --hotspots 1000000
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import statistics
import tempfile
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import h3.api.basic_int as h3
import msgspec
from msgspec.structs import replace

from chain.blocks.engine import SingleProducer
from chain.blocks.genesis import Chain, decode_genesis, write_genesis_state
from chain.ledger.balances import get_supply
from chain.ledger.bonds import BONDS, Bond
from chain.ledger.state import MemoryStore, State
from chain.ledger.state_tree import StateTree, verify_state_proof
from chain.ledger.tables import ACCOUNTS, HOTSPOTS, HXT, SUPPLY, Account, Hotspot
from chain.store.chain_store import ChainStore, Head
from tests.unit.chain.home import make_genesis

HOTSPOTS_PER_OWNER = 3
PROOFS = 2_000


def make_state(chain: Chain, hotspots: int) -> Iterator[tuple[bytes, bytes]]:
    """All rows: genesis, owners, hotspots and their bonds."""
    rng = random.Random(1)
    encode = msgspec.msgpack.Encoder().encode
    owners = [b"\x11" + rng.randbytes(32) for _ in range(hotspots // HOTSPOTS_PER_OWNER + 1)]
    cell = h3.latlng_to_cell(52.5, 13.4, 12)
    memory = MemoryStore()
    state = State(memory)
    write_genesis_state(state, chain)
    supply = get_supply(state, HXT)
    held, locked = 10**8 * len(owners), 10**9 * hotspots
    state.put(
        SUPPLY,
        HXT,
        replace(supply, minted=supply.minted + held + locked, held=supply.held + held, locked=locked),
    )
    memory.write(state.get_changes())
    yield from memory.pairs.items()
    for owner in owners:
        yield ACCOUNTS.prefix + owner, encode(Account(hxt=10**8, nonce=rng.randrange(100)))
    for number in range(hotspots):
        key, owner = b"\x11" + rng.randbytes(32), owners[number % len(owners)]
        hotspot = Hotspot(
            owner=owner, added_height=number, location=cell, gain_ddbi=23, location_height=number
        )
        yield HOTSPOTS.prefix + key, encode(hotspot)
        yield BONDS.prefix + key, encode(Bond(funder=owner, hxt=10**9))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--hotspots", type=int, default=1_000_000)
    options = parser.parse_args()
    chain = decode_genesis(make_genesis())
    bits = chain.genesis_parameters.state_tree_bits
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "chain.db"
        pairs = sorted(make_state(chain, options.hotspots))
        some = [key for key, _ in random.Random(2).sample(pairs, PROOFS)]
        root = StateTree.build(pairs, bits).root
        store = ChainStore(path)
        store.write_state(chain.genesis_hash, Head(0, chain.genesis_hash, 0, root), pairs)
        store.close()
        rows = len(pairs)
        del pairs
        print(
            f"{options.hotspots:,} hotspots, {rows:,} rows, database {path.stat().st_size / 2**20:,.0f} MiB"
        )

        child = os.fork()
        if child == 0:  # in a process of its own, for its memory
            measure(chain, path, rows, some, bits)
            os._exit(0)
        os.waitpid(child, 0)


def measure(chain: Chain, path: Path, rows: int, some: list[bytes], bits: int) -> None:
    began = time.perf_counter()
    engine = SingleProducer(chain, ChainStore(path))
    took_s = time.perf_counter() - began
    print(f"start-up {took_s:.1f} s ({rows / took_s:,.0f} rows/s), root checked, books counted")

    sizes, made_us, checked_us = [], [], []
    for key in [*some, *(sha256(key).digest() for key in some)]:
        began = time.perf_counter()
        head, proof = engine.make_state_proof(key)
        made = time.perf_counter()
        verify_state_proof(head.state_root, bits, key, proof)
        checked_us.append((time.perf_counter() - made) * 1e6)
        made_us.append((made - began) * 1e6)
        sizes.append(len(msgspec.msgpack.encode(proof)))
    print(
        f"proof: {statistics.mean(sizes):,.0f} bytes (largest {max(sizes):,}), "
        f"made in {statistics.median(made_us):.0f} us, checked in {statistics.median(checked_us):.0f} us"
    )
    print(
        f"memory of the process at most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10:,.0f} MiB"
    )


if __name__ == "__main__":
    main()
