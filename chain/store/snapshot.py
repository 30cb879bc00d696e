"""A whole state in one file, so that a new node need not apply every block since the genesis.

    gzip of: magic, header and genesis hash, then frames of rows in key order, an empty frame, a digest

The file proves itself: the header is signed by the producer and names the state root, and the rows either
give that root or the file is refused. Whoever loads one trusts the producer's signature for everything before
that block, and nobody else. Written while blocks go on, row by row, so that a large state takes no memory.
"""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, cast

import msgspec

from chain.blocks.header import Header, compute_block_hash, is_header_signed
from chain.keys.public_key import PublicKey
from chain.ledger.state_tree import StateTree
from chain.store.chain_store import ChainStore, Head, StateView
from chain.write_point import write_point

_MAGIC = b"hexhaul/snapshot/1\n"
_ROWS_A_FRAME = 500
#: Larger than any frame of ours: rows are a few hundred bytes.
_MAX_FRAME_BYTES = 16 * 1024 * 1024
#: Fast: most of a state is keys and hashes, which nothing makes smaller.
_COMPRESSION = 1

Row = tuple[bytes, bytes]


class BadSnapshot(ValueError):
    """The file isn't a state that the network's producer signed; the message says what is wrong."""


class _Start(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The first frame."""

    header: Header
    genesis_hash: bytes


_encoder = msgspec.msgpack.Encoder()
_start_decoder = msgspec.msgpack.Decoder(_Start)
_rows_decoder = msgspec.msgpack.Decoder(list[Row])


def write_snapshot(path: Path, view: StateView, header: Header, genesis_hash: bytes) -> int:
    """Write the view's state, which is the one after the header's block; returns the file's size in bytes.

    Durable, and in place all at once. Raises BadSnapshot where the header is another block's, OSError.
    """
    if view.head.hash != compute_block_hash(header):
        raise BadSnapshot(f"the state is that of block {view.head.height}, the header is {header.height}'s")
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    write_point("chain.snapshot.before_write")
    try:
        with temporary.open("wb") as file:
            with gzip.GzipFile("", "wb", _COMPRESSION, file, mtime=0) as out:
                _write_frames(cast(BinaryIO, out), view, _Start(header, genesis_hash))
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
        write_point("chain.snapshot.before_rename")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    write_point("chain.snapshot.after_write")
    return size


def _write_frames(out: BinaryIO, view: StateView, start: _Start) -> None:
    digest = sha256()

    def write(frame: bytes) -> None:
        raw = len(frame).to_bytes(4, "big") + frame
        digest.update(raw)
        out.write(raw)

    out.write(_MAGIC)
    write(_encoder.encode(start))
    rows: list[Row] = []
    for row in view.iterate_all():
        rows.append(row)
        if len(rows) == _ROWS_A_FRAME:
            write(_encoder.encode(rows))
            rows = []
    if rows:
        write(_encoder.encode(rows))
    write(b"")
    out.write(digest.digest())


class Snapshot:
    """A snapshot's file, opened; nothing in it is believed before `check`."""

    def __init__(self, path: Path) -> None:
        """Read its first frame. Raises BadSnapshot, OSError."""
        self.path = path
        with gzip.open(path) as file:
            start = self._read_start(cast(BinaryIO, file))
        self.header = start.header
        self.genesis_hash = start.genesis_hash

    @property
    def head(self) -> Head:
        """The block after which the state stands."""
        header = self.header
        return Head(header.height, compute_block_hash(header), header.time_ms, header.state_root)

    def check(self, chain_id: str, genesis_hash: bytes, producer: PublicKey, state_tree_bits: int) -> None:
        """Check signature, digest and state root. Raises BadSnapshot with what is wrong."""
        if (self.header.chain_id, self.genesis_hash) != (chain_id, genesis_hash):
            raise BadSnapshot(f"{self.path}: a snapshot of network {self.header.chain_id}, not of {chain_id}")
        if self.header.producer != producer.binary or not is_header_signed(self.header):
            raise BadSnapshot(
                f"{self.path}: block {self.header.height} isn't signed by {producer.address}; where that key "
                "was replaced, get the network file anew or start from the genesis"
            )
        root = StateTree.build(self.iterate_rows(), state_tree_bits).root
        if root != self.header.state_root:
            raise BadSnapshot(
                f"{self.path}: its rows give state root {root.hex()}, block {self.header.height} says "
                f"{self.header.state_root.hex()}: get it from another node"
            )

    def iterate_rows(self) -> Iterator[Row]:
        """Yield (key, value) in ascending order of keys. Raises BadSnapshot at what is damaged."""
        try:
            with gzip.open(self.path) as file:
                yield from self._iterate_frames(cast(BinaryIO, file))
        except (OSError, EOFError, zlib.error) as error:
            raise BadSnapshot(f"{self.path} is damaged: {error}: get it again") from error

    def _iterate_frames(self, file: BinaryIO) -> Iterator[Row]:
        digest = sha256()
        self._read_magic(file)
        self._read_frame(file, digest.update)
        last = b""
        while frame := self._read_frame(file, digest.update):
            try:
                rows = _rows_decoder.decode(frame)
            except msgspec.MsgspecError as error:
                raise BadSnapshot(f"{self.path} is damaged: {error}: get it again") from error
            for key, value in rows:
                if key <= last:
                    raise BadSnapshot(f"{self.path}: its rows aren't in order: get it from another node")
                last = key
                yield key, value
        if file.read(64) != digest.digest():
            raise BadSnapshot(f"{self.path} is damaged: its digest is wrong: get it again")

    def _read_start(self, file: BinaryIO) -> _Start:
        try:
            self._read_magic(file)
            return _start_decoder.decode(self._read_frame(file))
        except (msgspec.MsgspecError, OSError, EOFError, zlib.error) as error:
            raise BadSnapshot(f"{self.path} is no snapshot: {error}") from error

    def _read_magic(self, file: BinaryIO) -> None:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise BadSnapshot(f"{self.path} is no snapshot of a hexhaul state")

    def _read_frame(self, file: BinaryIO, take: Callable[[bytes], None] | None = None) -> bytes:
        length = file.read(4)
        size = int.from_bytes(length, "big")
        frame = file.read(size) if size <= _MAX_FRAME_BYTES else b""
        if len(length) != 4 or len(frame) != size:
            raise BadSnapshot(f"{self.path} is cut short or damaged: get it again")
        if take is not None:
            take(length + frame)
        return frame


def load_snapshot(store: ChainStore, snapshot: Snapshot) -> None:
    """Write a checked snapshot into a new database. Raises StoreError where there is a state already."""
    store.write_state(snapshot.genesis_hash, snapshot.head, snapshot.iterate_rows())
