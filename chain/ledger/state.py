"""The ledger's state: typed tables over a key-value store, with an overlay that a failed operation leaves
untouched.

    store (committed)  <-  overlay of the block  <-  undo journal of the running operation

Rules see only `get`, `put`, `delete` and `iterate` on tables of frozen structs. `with state.operation():`
undoes everything that an operation wrote when it raises, so that an invalid transaction changes nothing. A
block's changes come out sorted; what they make of the state root that a header carries is
`chain/ledger/state_tree.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from operator import itemgetter
from typing import Any, Generic, Protocol, TypeVar

import msgspec

Row = TypeVar("Row", bound=msgspec.Struct)

#: Sorted (key, new value or None where the key is gone).
Changes = list[tuple[bytes, bytes | None]]

#: A state keeps at most so many rows that it read, besides those that it wrote.
MAX_CACHED_ROWS = 200_000


class KeyValueStore(Protocol):
    """What the state needs of a store."""

    def get(self, key: bytes) -> bytes | None: ...

    def get_many(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """The values of those keys that there are."""
        ...

    def iterate(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """All pairs whose key starts with `prefix`, in key order."""
        ...


class MemoryStore:
    """A store in memory: for tests and for building a genesis."""

    def __init__(self) -> None:
        self.pairs: dict[bytes, bytes] = {}

    def get(self, key: bytes) -> bytes | None:
        return self.pairs.get(key)

    def get_many(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        return {key: self.pairs[key] for key in keys if key in self.pairs}

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


class _Absent:
    """Stands for: the block hadn't written this key."""


_ABSENT = _Absent()


class _Part:
    """One table's share of a state: what the block wrote, and what it read of the store."""

    __slots__ = ("committed", "decode", "prefix", "rows", "written")

    def __init__(self, table: Table[Any]) -> None:
        self.prefix = table.prefix
        self.decode: Callable[[bytes], Any] = table.decoder.decode
        self.written: dict[bytes, bytes | None] = {}
        self.committed: dict[bytes, bytes | None] = {}
        """Values as the store has them, of the keys that were looked at."""
        self.rows: dict[bytes, Any] = {}
        """Decoded rows as they are now: rules look at the same few again and again."""


class _Operation:
    """`with state.operation():` A class rather than a generator: every transaction passes here."""

    __slots__ = ("_mark", "_state")

    def __init__(self, state: State) -> None:
        self._state = state
        self._mark = 0

    def __enter__(self) -> None:
        self._mark = len(self._state._journal)
        self._state._depth += 1

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        state = self._state
        state._depth -= 1
        if kind is not None:
            state._undo(self._mark)
        elif state._depth == 0:
            state._journal.clear()


class State:
    """The state as the running block sees it, on a store that doesn't change meanwhile. Not for use from two
    threads.
    """

    def __init__(self, store: KeyValueStore) -> None:
        self._store = store
        self._parts: dict[str, _Part] = {}
        self._journal: list[tuple[_Part, bytes, bytes | _Absent | None]] = []
        self._depth = 0
        self._cached = 0
        self._encode = msgspec.msgpack.Encoder().encode

    def get(self, table: Table[Row], key: bytes) -> Row | None:
        """Return the row, or None."""
        part = self._parts.get(table.name) or self._add_part(table)
        try:
            return part.rows[key]  # type: ignore[no-any-return]
        except KeyError:
            raw = part.written[key] if key in part.written else self._get_committed_raw(part, key)
            row = part.rows[key] = None if raw is None else part.decode(raw)
            return row

    def get_committed(self, table: Table[Row], key: bytes) -> Row | None:
        """Return the row as it was before this block, or None."""
        part = self._parts.get(table.name) or self._add_part(table)
        raw = self._get_committed_raw(part, key)
        return None if raw is None else table.decoder.decode(raw)

    def prefetch(self, table: Table[Any], keys: Iterable[bytes]) -> None:
        """Read rows that will be asked for, all at once: for a block of many transactions."""
        part = self._parts.get(table.name) or self._add_part(table)
        missing = [key for key in set(keys) if key not in part.committed]
        self._make_room(len(missing))
        prefix = part.prefix
        found = self._store.get_many([prefix + key for key in missing])
        for key in missing:
            part.committed[key] = found.get(prefix + key)

    def put(self, table: Table[Row], key: bytes, row: Row) -> None:
        """Write a row."""
        if type(row) is not table.row_type:
            raise TypeError(f"table {table.name} holds {table.row_type.__name__}, not {type(row).__name__}")
        part = self._parts.get(table.name) or self._add_part(table)
        self._set_raw(part, key, self._encode(row))
        part.rows[key] = row

    def delete(self, table: Table[Any], key: bytes) -> None:
        """Remove a row; nothing happens where there is none."""
        if self.get(table, key) is not None:
            part = self._parts[table.name]
            self._set_raw(part, key, None)
            part.rows[key] = None

    def iterate(self, table: Table[Row], key_prefix: bytes = b"") -> Iterator[tuple[bytes, Row]]:
        """Yield (key, row) in key order, only keys that start with `key_prefix`.

        A snapshot: rows written while iterating are not seen, so a rule may change the table as it goes.
        """
        start, decode = len(table.prefix), table.decoder.decode
        committed = self._store.iterate(table.prefix + key_prefix)
        part = self._parts.get(table.name)
        written = {} if part is None else part.written
        changed = {key: value for key, value in written.items() if key.startswith(key_prefix)}
        if not changed:
            for key, raw in committed:
                yield key[start:], decode(raw)
            return
        pairs: dict[bytes, bytes | None] = {key[start:]: raw for key, raw in committed}
        pairs |= changed
        for key in sorted(pairs):
            value = pairs[key]
            if value is not None:
                yield key, decode(value)

    def operation(self) -> AbstractContextManager[None]:
        """Undo all writes made inside when the body raises. May be nested."""
        return _Operation(self)

    def get_changes(self) -> Changes:
        """Return what the block changed so far, sorted, without writes that left a value as it was."""
        changes = [
            (part.prefix + key, value)
            for part in self._parts.values()
            for key, value in part.written.items()
            if self._get_committed_raw(part, key) != value
        ]
        changes.sort(key=itemgetter(0))
        return changes

    def iterate_changed(self, table: Table[Row]) -> Iterator[tuple[bytes, Row | None, Row | None]]:
        """Yield (key, committed row, new row) of the table's rows that the block wrote."""
        part = self._parts.get(table.name)
        if part is None:
            return
        for key in list(part.written):
            before = self._get_committed_raw(part, key)
            yield key, None if before is None else table.decoder.decode(before), self.get(table, key)

    def discard_changes(self) -> None:
        """Forget the overlay: the state is the committed one again, as it is now."""
        self._parts.clear()
        self._journal.clear()
        self._cached = 0

    def _add_part(self, table: Table[Any]) -> _Part:
        part = self._parts[table.name] = _Part(table)
        return part

    def _get_committed_raw(self, part: _Part, key: bytes) -> bytes | None:
        try:
            return part.committed[key]
        except KeyError:
            self._make_room(1)
            raw = part.committed[key] = self._store.get(part.prefix + key)
            return raw

    def _make_room(self, rows: int) -> None:
        """What was only read is forgotten once there is too much of it: a state may live long."""
        self._cached += rows
        if self._cached > MAX_CACHED_ROWS:
            self._cached = rows
            for part in self._parts.values():
                part.committed.clear()
                part.rows.clear()

    def _set_raw(self, part: _Part, key: bytes, value: bytes | None) -> None:
        if self._depth:
            self._journal.append((part, key, part.written.get(key, _ABSENT)))
        part.written[key] = value

    def _undo(self, mark: int) -> None:
        while len(self._journal) > mark:
            part, key, previous = self._journal.pop()
            part.rows.pop(key, None)
            if isinstance(previous, _Absent):
                del part.written[key]
            else:
                part.written[key] = previous
