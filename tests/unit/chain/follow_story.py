"""A node that follows a history, for tests that kill it on the way: a story for `tests/power_cut/stage.py`.

The history is a file named by HEXHAUL_HISTORY: genesis, then (block, bundle) of each height. The node tells
the outside each block that it has committed, with its state root.
"""

import os
from pathlib import Path

import msgspec

from chain.blocks.bundle import check_bundle
from chain.blocks.engine import SingleProducer
from chain.blocks.genesis import decode_genesis
from chain.blocks.header import decode_block
from chain.store.chain_store import ChainStore
from tests.power_cut.stage import Outside


class History(msgspec.Struct, array_like=True):
    """What another node made."""

    genesis: bytes
    blocks: list[tuple[bytes, bytes]]


def run(disk: Path, outside: Outside) -> None:
    """Go on where the store is, to the history's end."""
    history = msgspec.msgpack.decode(Path(os.environ["HEXHAUL_HISTORY"]).read_bytes(), type=History)
    store = ChainStore(disk / "chain.db")
    engine = SingleProducer(decode_genesis(history.genesis), store)
    outside.tell("opened", height=engine.head.height, root=engine.head.state_root.hex())
    for raw, raw_bundle in history.blocks[engine.head.height :]:
        block = decode_block(raw)
        applied = engine.apply(block, check_bundle(raw_bundle, block.header.bundle_root))
        engine.commit(applied)
        outside.tell("committed", height=applied.head.height, root=applied.head.state_root.hex())
    store.close()
