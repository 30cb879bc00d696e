"""Snapshots that were changed, cut or made by somebody else are noticed."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from chain.blocks.header import decode_block
from chain.store.snapshot import BadSnapshot, Snapshot, write_snapshot
from tests.unit.chain.home import PRODUCER, Home
from tests.unit.chain.world import make_key


def write(home: Home, path: Path) -> Path:
    raw = home.store.get_block(home.engine.head.height)
    assert raw is not None
    with home.store.open_view() as view:
        write_snapshot(path, view, decode_block(raw).header, home.chain.genesis_hash)
    return path


def check(home: Home, path: Path) -> None:
    bits = home.chain.genesis_parameters.state_tree_bits
    Snapshot(path).check(home.chain.chain_id, home.chain.genesis_hash, PRODUCER.public_key, bits)


def test_whatever_is_changed_in_a_snapshot_is_noticed(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.make_block(home.build_payment(make_key(77).public_key.binary))
    path = write(home, tmp_path / "epoch-0.snapshot")
    check(home, path)
    raw = gzip.decompress(path.read_bytes())
    changed = tmp_path / "changed.snapshot"
    for at in [*range(60), *range(60, len(raw), 97)]:
        changed.write_bytes(gzip.compress(raw[:at] + bytes([raw[at] ^ 0x41]) + raw[at + 1 :], 1))
        with pytest.raises(BadSnapshot):
            check(home, changed)
    for end in (0, 10, 100, len(raw) - 1, len(raw) - 33):
        changed.write_bytes(gzip.compress(raw[:end], 1))
        with pytest.raises(BadSnapshot):
            check(home, changed)
    changed.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(BadSnapshot):
        check(home, changed)
    changed.write_bytes(b"no gzip at all")
    with pytest.raises(BadSnapshot):
        check(home, changed)
    with pytest.raises(BadSnapshot, match="isn't signed by"):
        Snapshot(path).check(home.chain.chain_id, home.chain.genesis_hash, make_key(5).public_key, 16)
    with pytest.raises(BadSnapshot, match="not of other"):
        Snapshot(path).check("other", home.chain.genesis_hash, PRODUCER.public_key, 16)
    home.store.close()
