"""Questions about blocks, transactions, events, rounds, epochs, claims and prices. Newest first."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, and_, select

from chain.index.cursors import Found, Position
from chain.index.paging import find_page, read_body
from chain.index.rendering import Row
from chain.index.schema import BLOCK, CLAIM, EPOCH, EVENT, PARTY, PRICE, ROUND, SUBJECT, TRANSACTION


def find_blocks(connection: Connection, after: Position | None, limit: int) -> Found[Row]:
    """Blocks: hash, time, producer, and how much is in them. Position: (height,)."""
    return find_page(connection, select(BLOCK), [BLOCK.c.height], after, limit)


def find_block_at(connection: Connection, time_ms: int) -> Row | None:
    """The last block that is not after a time."""
    query = select(BLOCK).where(BLOCK.c.time_ms <= time_ms).order_by(BLOCK.c.time_ms.desc()).limit(1)
    row = connection.execute(query).mappings().first()
    return None if row is None else dict(row)


def find_transactions(
    connection: Connection,
    after: Position | None,
    limit: int,
    address: str | None = None,
    role: str | None = None,
    kind: str | None = None,
    height: int | None = None,
) -> Found[Row]:
    """Transactions that blocks include, by a key that they name (as what: ``role``), by type, by block.

    Position: (height, number).
    """
    query = select(TRANSACTION)
    order = [TRANSACTION.c.height, TRANSACTION.c.number]
    if address is not None:
        named = select(PARTY.c.height, PARTY.c.number).where(PARTY.c.address == address)
        if role is not None:
            named = named.where(PARTY.c.role == role)
        party = named.distinct().subquery()
        query = query.join(
            party,
            and_(party.c.height == TRANSACTION.c.height, party.c.number == TRANSACTION.c.number),
        )
    if kind is not None:
        query = query.where(TRANSACTION.c.kind == kind)
    if height is not None:
        query = query.where(TRANSACTION.c.height == height)
    return find_page(connection, query, order, after, limit, view=_view_transaction)


def get_transaction(connection: Connection, id: str) -> Row | None:
    """A transaction by its id (hex)."""
    row = connection.execute(select(TRANSACTION).where(TRANSACTION.c.id == id)).mappings().first()
    return None if row is None else _view_transaction(dict(row))


def _view_transaction(row: Row) -> Row:
    return {**row, "body": read_body(row)}


def find_events(
    connection: Connection,
    after: Position | None,
    limit: int,
    subject: str | None = None,
    kind: str | None = None,
) -> Found[Row]:
    """Events, by a key or channel that they name, by kind; verdicts and rewards have their own questions.

    Position: (height, number).
    """
    query = select(EVENT)
    if subject is not None:
        query = query.join(
            SUBJECT,
            and_(
                SUBJECT.c.height == EVENT.c.height,
                SUBJECT.c.number == EVENT.c.number,
                SUBJECT.c.subject == subject,
            ),
        )
    if kind is not None:
        query = query.where(EVENT.c.kind == kind)
    return find_page(connection, query, [EVENT.c.height, EVENT.c.number], after, limit, view=read_body)


def find_rounds(connection: Connection, after: Position | None, limit: int) -> Found[Row]:
    """Entropy rounds. Position: (round,)."""
    return find_page(connection, select(ROUND), [ROUND.c.round], after, limit)


def get_round(connection: Connection, round: int) -> Row | None:
    """One round's entropy and times."""
    row = connection.execute(select(ROUND).where(ROUND.c.round == round)).mappings().first()
    return None if row is None else dict(row)


def find_epochs(connection: Connection, after: Position | None, limit: int) -> Found[Row]:
    """Closed epochs: what they minted and paid. Position: (epoch,)."""
    return find_page(connection, select(EPOCH), [EPOCH.c.epoch], after, limit, view=read_body)


def get_epoch(connection: Connection, epoch: int) -> Row | None:
    """One closed epoch."""
    row = connection.execute(select(EPOCH).where(EPOCH.c.epoch == epoch)).mappings().first()
    return None if row is None else read_body(dict(row))


def find_claims(
    connection: Connection,
    after: Position | None,
    limit: int,
    channel: str | None = None,
    hotspot: str | None = None,
    router: str | None = None,
) -> Found[Row]:
    """What hotspots claimed of data channels. Position: (height, number)."""
    query = select(CLAIM)
    for column, value in ((CLAIM.c.channel, channel), (CLAIM.c.hotspot, hotspot), (CLAIM.c.router, router)):
        if value is not None:
            query = query.where(column == value)
    return find_page(connection, query, [CLAIM.c.height, CLAIM.c.number], after, limit)


def find_prices(connection: Connection, after: Position | None, limit: int) -> Found[Row]:
    """The price of one HXT as blocks told it. Position: (height, number)."""
    order: list[Any] = [PRICE.c.height, PRICE.c.number]
    return find_page(connection, select(PRICE), order, after, limit)
