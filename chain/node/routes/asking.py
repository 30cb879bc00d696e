"""What the routes share: the node they ask, parsing of addresses and ids, the index, pages.

Answers about history come from the index, which is a moment behind the ledger: a question waits for the block
that was the last when it came, so that who has just seen a transaction included finds it in every list.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated, Any, TypeVar, cast

from litestar.datastructures import State as AppState
from litestar.params import PathParameter, QueryParameter
from sqlalchemy import Connection

from chain.api_history import Page
from chain.index.cells import BadCell, parse_cell
from chain.index.cursors import BadCursor, Found, Position, Question, make_cursor, read_cursor
from chain.index.follower import ChainIndex
from chain.keys.public_key import InvalidPublicKey, PublicKey
from chain.ledger.state import State, Table
from chain.node.node import Node

Answer = TypeVar("Answer")
Row = TypeVar("Row")

MAX_LIMIT = 1_000
#: SQL's numbers have 64 bits; a height or time beyond is a question that makes no sense.
MAX_NUMBER = 2**62
ID_BYTES = 32
#: How long a question waits for the index, and how far behind that may be for it to wait at all.
INDEX_WAIT_S = 5.0
INDEX_WAIT_BLOCKS = 200

Limit = Annotated[int, QueryParameter(ge=1, le=MAX_LIMIT, description="At most so many items.")]
Cursor = Annotated[
    str | None, QueryParameter(description="The cursor of the page before, with the same question otherwise.")
]
Number = Annotated[int | None, QueryParameter(ge=0, le=MAX_NUMBER)]
Address = Annotated[str | None, QueryParameter(description="Address: base58check of a public key.")]
HexCell = Annotated[
    str | None, QueryParameter(description="H3 cell of any resolution up to 12, in its 15 hex digits.")
]
AddressPath = Annotated[str, PathParameter(description="Address: base58check of a public key.")]
IdPath = Annotated[str, PathParameter(description="32 bytes in hex.")]
PLACE: Sequence[type[int] | type[str]] = (int, int)
"""Position in a list by (height, number)."""


class NotThere(Exception):
    """What was asked for doesn't exist."""


class BadRequest(Exception):
    """A value that can't be parsed, or a question that makes no sense."""


def get_node(state: AppState) -> Node:
    """The node behind this application."""
    return cast(Node, state.node)


def get_index(state: AppState) -> ChainIndex:
    """Its index."""
    return cast(ChainIndex, state.index)


def parse_key(address: str) -> PublicKey:
    """A public key from its address. Raises BadRequest."""
    try:
        return PublicKey.from_address(address)
    except InvalidPublicKey as error:
        raise BadRequest(str(error)) from error


def parse_address(address: str | None) -> str | None:
    """An address, checked; None stays None. Raises BadRequest."""
    return None if address is None else parse_key(address).address


def parse_id(text: str) -> bytes:
    """32 bytes from hex: the id of a transaction or channel. Raises BadRequest."""
    try:
        raw = bytes.fromhex(text)
    except ValueError as error:
        raise BadRequest(f"{text[:80]!r} is not hex") from error
    if len(raw) != ID_BYTES:
        raise BadRequest(f"id of {len(raw)} bytes: must be {ID_BYTES}")
    return raw


def parse_hex_cell(text: str | None) -> int | None:
    """An H3 cell up to resolution 12; None stays None. Raises BadRequest."""
    try:
        return None if text is None else parse_cell(text)
    except BadCell as error:
        raise BadRequest(str(error)) from error


async def ask_index(state: AppState, question: Callable[[Connection], Answer]) -> Answer:
    """Answer a question from the index, up to date where it can be."""
    index, head = get_index(state), get_node(state).get_head()
    if index.height < head.height <= index.height + INDEX_WAIT_BLOCKS:
        await index.wait_for(head.height, INDEX_WAIT_S)
    return await index.ask(question)


async def make_page(
    state: AppState,
    resource: str,
    filters: Mapping[str, int | str | bool | None],
    kinds: Sequence[type[int] | type[str]],
    cursor: str | None,
    find: Callable[[Position | None], Awaitable[Found[Any]]],
    view: Callable[[Any], Any] | None = None,
) -> Page[Any]:
    """A page of what ``find(position)`` finds. ``filters`` are all parts of the question but the limit;
    ``kinds`` the types of a position's parts. Raises BadRequest for a cursor of another question.
    """
    question = Question(get_node(state).chain.genesis_hash, resource, filters)
    try:
        after = None if cursor is None else read_cursor(question, cursor, kinds)
    except BadCursor as error:
        raise BadRequest(str(error)) from error
    found = await find(after)
    return Page(
        items=found.items if view is None else [view(item) for item in found.items],
        cursor=None if found.after is None else make_cursor(question, found.after),
    )


async def make_index_page(
    state: AppState,
    resource: str,
    filters: Mapping[str, int | str | bool | None],
    kinds: Sequence[type[int] | type[str]],
    cursor: str | None,
    find: Callable[[Connection, Position | None], Found[Any]],
    view: Callable[[Any], Any] | None = None,
) -> Page[Any]:
    """A page of the index's answer."""
    return await make_page(
        state,
        resource,
        filters,
        kinds,
        cursor,
        lambda after: ask_index(state, lambda connection: find(connection, after)),
        view,
    )


async def make_table_page(
    state: AppState,
    table: Table[Any],
    filters: Mapping[str, int | str | bool | None],
    cursor: str | None,
    limit: int,
    is_wanted: Callable[[bytes, Any], bool] = lambda key, row: True,
    view: Callable[[State, bytes, Any], Any] = lambda ledger, key, row: row,
) -> Page[Any]:
    """A page of a table of the state, as of the last block, by key. For tables that stay small: it is walked
    through for each page.
    """
    ledger = get_node(state).get_state()

    async def find(after: Position | None) -> Found[Any]:
        last = bytes.fromhex(str(after[0])) if after else b""
        items: list[Any] = []
        for key, row in ledger.iterate(table):
            if key <= last or not is_wanted(key, row):
                continue
            if len(items) == limit:
                return Found(items, (last.hex(),))
            items.append(view(ledger, key, row))
            last = key
        return Found(items, None)

    return await make_page(state, table.name, filters, (str,), cursor, find)
