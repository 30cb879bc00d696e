"""The ledger's state: typed tables over a key-value store, with an overlay that a failed operation leaves
untouched.

    store (committed)  <-  overlay of the block  <-  undo journal of the running operation

Rules see only `get`, `put`, `delete` and `iterate` on tables of frozen structs. `with state.operation():`
undoes everything that an operation wrote when it raises, so that an invalid transaction changes nothing. A
block's changes come out sorted; what they make of the state root that a header carries is
`chain/ledger/state_tree.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Generic, Protocol, TypeVar

import msgspec

Row = TypeVar("Row", bound=msgspec.Struct)

#: Sorted (key, new value or None where the key is gone).
Changes = list[tuple[bytes, bytes | None]]


class KeyValueStore(Protocol):
    """What the state needs of a store."""

    def get(self, key: bytes) -> bytes | None: ...

    def iterate(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """All pairs whose key starts with `prefix`, in key order."""
        ...


class MemoryStore:
    """A store in memory: for tests and for building a genesis."""

    def __init__(self) -> None:
        self.pairs: dict[bytes, bytes] = {}

    def get(self, key: bytes) -> bytes | None:
        return self.pairs.get(key)

    def iterate(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        for key in sorted(key for key in self.pairs if key.startswith(prefix)):
            yield key, self.pairs[key]

    def write(self, changes: Changes) -> None:
        """Apply a block's changes."""
        for key, value in changes:
            if value is None:
                self.pairs.pop(key, None)
            else:
                self.pairs[key] = value


class Table(Generic[Row]):
    """A table: its name, which is part of every key, and the struct of its rows.

    Rows are frozen array-like structs of integers, bytes, text and tuples of those: their encoding is part
    of the state root, so floats and dictionaries have no place in them.
    """

    def __init__(self, name: str, row_type: type[Row]) -> None:
        if not row_type.__struct_config__.frozen:
            raise TypeError(f"rows of table {name} must be frozen: a changed row must pass through put()")
        self.name = name
        self.row_type = row_type
        self.prefix = name.encode("ascii") + b"\x00"
        self.decoder = msgspec.msgpack.Decoder(row_type)

    def __repr__(self) -> str:
        return f"Table({self.name})"


class State:
    """The state as the running block sees it. Not for use from two threads."""

    def __init__(self, store: KeyValueStore) -> None:
        self._store = store
        self._overlay: dict[bytes, bytes | None] = {}
        self._journal: list[tuple[bytes, bool, bytes | None]] = []
        self._depth = 0
        self._encoder = msgspec.msgpack.Encoder()

    def get(self, table: Table[Row], key: bytes) -> Row | None:
        """Return the row, or None."""
        raw = self._get_raw(table.prefix + key)
        return None if raw is None else table.decoder.decode(raw)

    def get_committed(self, table: Table[Row], key: bytes) -> Row | None:
        """Return the row as it was before this block, or None."""
        raw = self._store.get(table.prefix + key)
        return None if raw is None else table.decoder.decode(raw)

    def put(self, table: Table[Row], key: bytes, row: Row) -> None:
        """Write a row."""
        if type(row) is not table.row_type:
            raise TypeError(f"table {table.name} holds {table.row_type.__name__}, not {type(row).__name__}")
        self._set_raw(table.prefix + key, self._encoder.encode(row))

    def delete(self, table: Table[Any], key: bytes) -> None:
        """Remove a row; nothing happens where there is none."""
        if self._get_raw(table.prefix + key) is not None:
            self._set_raw(table.prefix + key, None)

    def iterate(self, table: Table[Row], key_prefix: bytes = b"") -> Iterator[tuple[bytes, Row]]:
        """Yield (key, row) in key order, only keys that start with `key_prefix`.

        A snapshot: rows written while iterating are not seen, so a rule may change the table as it goes.
        """
        prefix = table.prefix + key_prefix
        pairs = dict(self._store.iterate(prefix))
        for key, value in self._overlay.items():
            if key.startswith(prefix):
                if value is None:
                    pairs.pop(key, None)
                else:
                    pairs[key] = value
        start = len(table.prefix)
        for key in sorted(pairs):
            yield key[start:], table.decoder.decode(pairs[key])

    @contextmanager
    def operation(self) -> Iterator[None]:
        """Undo all writes made inside when the body raises. May be nested."""
        mark = len(self._journal)
        self._depth += 1
        try:
            yield
        except BaseException:
            while len(self._journal) > mark:
                key, was_there, previous = self._journal.pop()
                if was_there:
                    self._overlay[key] = previous
                else:
                    del self._overlay[key]
            raise
        finally:
            self._depth -= 1
            if self._depth == 0:
                self._journal.clear()

    def get_changes(self) -> Changes:
        """Return what the block changed so far, sorted, without writes that left a value as it was."""
        return sorted(
            ((key, value) for key, value in self._overlay.items() if self._store.get(key) != value),
            key=lambda change: change[0],
        )

    def iterate_changed(self, table: Table[Row]) -> Iterator[tuple[bytes, Row | None, Row | None]]:
        """Yield (key, committed row, new row) of the table's rows that the block wrote."""
        start = len(table.prefix)
        for key, value in self._overlay.items():
            if key.startswith(table.prefix):
                before = self._store.get(key)
                yield (
                    key[start:],
                    None if before is None else table.decoder.decode(before),
                    None if value is None else table.decoder.decode(value),
                )

    def discard_changes(self) -> None:
        """Forget the overlay: the state is the committed one again."""
        self._overlay.clear()
        self._journal.clear()

    def _get_raw(self, key: bytes) -> bytes | None:
        if key in self._overlay:
            return self._overlay[key]
        return self._store.get(key)

    def _set_raw(self, key: bytes, value: bytes | None) -> None:
        if self._depth:
            self._journal.append((key, key in self._overlay, self._overlay.get(key)))
        self._overlay[key] = value
