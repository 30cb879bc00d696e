"""What a file or folder holds, recognised by content and never by name."""

from __future__ import annotations

import gzip
import itertools
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import msgspec

#: Longest line that is read: a decompression bomb of one line must not fill the memory.
MAX_LINE_BYTES = 1 << 20
#: Files of a folder that are looked into.
MAX_FILES = 1000


class Kind(Enum):
    """The recordings that can be replayed."""

    RXPK_LINES = "packet forwarder log (rxpk, one PUSH_DATA a line)"
    TTN_EVENTS = "The Things Stack live data"
    HELIUM_UPLINKS = "Helium Console uplinks"


class BadRecording(ValueError):
    """Nothing to replay, or something in it can't be; the message names the file (and line) and the rule."""


@dataclass(frozen=True)
class Recording:
    """One kind of recording, in one or more files."""

    kind: Kind
    paths: tuple[Path, ...]


def iterate_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Line numbers (from 1) and lines of a text file, gzip or plain; empty ones are left out.
    BadRecording.
    """
    try:
        with path.open("rb") as raw:
            is_gzip = raw.read(2) == b"\x1f\x8b"
        with gzip.open(path, "rb") if is_gzip else path.open("rb") as file:
            for number in itertools.count(1):
                line = file.readline(MAX_LINE_BYTES + 1)
                if not line:
                    return
                if len(line) > MAX_LINE_BYTES:
                    raise BadRecording(f"{path}, line {number}: longer than {MAX_LINE_BYTES} bytes")
                if line.strip():
                    yield number, line.strip()
    except (OSError, EOFError, zlib.error) as error:
        raise BadRecording(f"{path} can't be read: {error}") from None


def decode_object(path: Path, number: int, line: bytes) -> dict[str, Any]:
    """A line as a JSON object. BadRecording."""
    try:
        value = msgspec.json.decode(line)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise BadRecording(f"{path}, line {number} is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise BadRecording(f"{path}, line {number} is a JSON {type(value).__name__}, not an object")
    return value


def recognise_file(path: Path) -> Kind | None:
    """What a file is by its first line, None for anything else."""
    try:
        number, line = next(iterate_lines(path))
        first = decode_object(path, number, line)
    except (StopIteration, BadRecording):
        return None
    if isinstance(first.get("rxpk"), list):
        return Kind.RXPK_LINES
    if isinstance(first.get("hotspots"), list) and "dev_eui" in first:
        return Kind.HELIUM_UPLINKS
    if isinstance(first.get("name"), str) and "identifiers" in first and "unique_id" in first:
        return Kind.TTN_EVENTS
    return None


def recognise(path: Path) -> Recording:
    """The recording at a path: a file, or a folder whose recognised files are all of one kind.
    BadRecording.
    """
    if not path.exists():
        raise BadRecording(f"{path} doesn't exist")
    if path.is_file():
        kind = recognise_file(path)
        if kind is None:
            raise BadRecording(f"{path} is no recording that can be replayed: {_list_kinds()}")
        return Recording(kind, (path,))
    files = sorted(itertools.islice((file for file in path.iterdir() if file.is_file()), MAX_FILES))
    found = {file: kind for file in files if (kind := recognise_file(file)) is not None}
    kinds = set(found.values())
    if not kinds:
        raise BadRecording(f"{path} holds no recording that can be replayed: {_list_kinds()}")
    if len(kinds) > 1:
        names = ", ".join(f"{file.name} ({kind.value})" for file, kind in found.items())
        raise BadRecording(f"{path} holds several kinds of recordings, name one of them: {names}")
    return Recording(kinds.pop(), tuple(found))


def _list_kinds() -> str:
    return "known are " + "; ".join(kind.value for kind in Kind)
