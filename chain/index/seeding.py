"""The hotspots of a node that began with a snapshot: it has no blocks from before, in which they joined.

The ledger says which there are and where they stand; what they did before isn't known here. The blocks that
follow then change them as usual. Written only into an index that is empty.
"""

from __future__ import annotations

from sqlalchemy import insert

from chain.index.cells import compute_public_cell
from chain.index.database import IndexDatabase
from chain.index.rendering import Row, get_address
from chain.index.rows import ACTIVE, FAULTED, RETIRED, SUMS
from chain.index.schema import HOTSPOT
from chain.keys.public_key import PublicKey
from chain.ledger.state import State
from chain.ledger.tables import HOTSPOTS, Hotspot

#: By the numbers in `Hotspot.status`.
_STATES = (ACTIVE, RETIRED, FAULTED)
_ROWS_AT_ONCE = 5_000


def list_hotspots(state: State) -> list[Row]:
    """All hotspots of the ledger as rows of the index, with empty sums."""
    return [_make_row(key, row) for key, row in state.iterate(HOTSPOTS)]


def _make_row(key: bytes, row: Hotspot) -> Row:
    return {
        "address": get_address(key),
        "name": PublicKey(key).name,
        "owner": get_address(row.owner),
        "state": _STATES[row.status],
        "added_height": row.added_height,
        "added_ms": 0,
        "location": row.location or None,
        "location_height": row.location_height or None,
        "cell": compute_public_cell(row.location) if row.location else None,
        "gain_ddbi": row.gain_ddbi if row.location else None,
        "elevation_m": row.elevation_m if row.location else None,
        "last_ms": 0,
        **dict.fromkeys(SUMS, 0),
    }


def write_hotspots(database: IndexDatabase, rows: list[Row]) -> None:
    """Write them into an index that has no block yet; nothing happens where it has.

    Raises IndexUnavailable.
    """
    with database.writing() as connection:
        if database.get_standing(connection).height:
            return
        connection.execute(HOTSPOT.delete())
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            connection.execute(insert(HOTSPOT), rows[start : start + _ROWS_AT_ONCE])
