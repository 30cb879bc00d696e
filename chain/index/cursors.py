"""Cursors: where the next page of an answer begins, as text that only this API reads.

A cursor is base64url of a msgpack array: version, position, and a checksum over the chain, the question with
all its filters, and the position. So a cursor of another question, another network or one that somebody
changed is refused instead of answered with something else. It is no secret and no signature: it protects from
mistakes, and any node of the network can go on where another one stopped.

Positions are keys of rows, never counts of rows: new rows neither repeat nor skip what is already there.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Generic, NamedTuple, TypeVar

import msgspec

Position = tuple[int | str, ...]
"""Key of the last row of a page, column by column in the order of the list."""

Item = TypeVar("Item")

_VERSION = 1
_CHECKSUM_BYTES = 8
_MAX_CHARACTERS = 1_024

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(tuple[int, list[int | str], bytes])


class BadCursor(ValueError):
    """A cursor that this question never gave; the message says what to do."""


class Found(NamedTuple, Generic[Item]):
    """A part of an answer, and the position after which the next part begins (None: there is no more)."""

    items: list[Item]
    after: Position | None


class Question(NamedTuple):
    """What a cursor belongs to: the network, the resource and its filters."""

    genesis_hash: bytes
    resource: str
    filters: Mapping[str, int | str | bool | None]


def make_cursor(question: Question, after: Position) -> str:
    """The cursor that goes on after a position."""
    raw = _encoder.encode((_VERSION, after, _compute_checksum(question, after)))
    return base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=")


def read_cursor(question: Question, text: str, kinds: Sequence[type[int] | type[str]]) -> Position:
    """The position in a cursor of this question, whose columns have these ``kinds``. Raises BadCursor."""
    try:
        if len(text) > _MAX_CHARACTERS:
            raise ValueError
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        version, position, checksum = _decoder.decode(raw)
    except (ValueError, binascii.Error, msgspec.MsgspecError):
        raise BadCursor(
            f"{text[:40]!r} is no cursor: leave it out for the first page, or pass on the whole one"
        ) from None
    after = tuple(position)
    if version != _VERSION:
        raise BadCursor(f"cursor of version {version}, this node knows {_VERSION}: begin with the first page")
    if checksum != _compute_checksum(question, after) or [type(part) for part in after] != list(kinds):
        raise BadCursor(
            "this cursor was given for another question: ask with the same filters, or begin with the first "
            "page (without cursor)"
        )
    return after


def _compute_checksum(question: Question, after: Position) -> bytes:
    filters = sorted((name, value) for name, value in question.filters.items() if value is not None)
    said = _encoder.encode((question.genesis_hash, question.resource, filters, after))
    return sha256(b"hexhaul/cursor/1\x00" + said).digest()[:_CHECKSUM_BYTES]
