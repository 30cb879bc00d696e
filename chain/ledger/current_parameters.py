"""The parameters in force: a row of the state, so that a change is part of the history like everything else.

The genesis writes it; a parameter change replaces it at its activation height, before anything else in that
block. Rules read them from the block's context, which is made from this row as of the block's start.
"""

from __future__ import annotations

from functools import lru_cache

import msgspec

from chain.ledger.parameters import Parameters
from chain.ledger.state import State, Table
from chain.ledger.tables import ONLY


class StoredParameters(msgspec.Struct, frozen=True, array_like=True):
    """All parameters, and the version of the rules."""

    json: bytes
    protocol_version: int = 1


PARAMETERS = Table("parameters", StoredParameters)

_encoder = msgspec.json.Encoder(order="deterministic")


@lru_cache(maxsize=8)
def _decode(raw: bytes) -> Parameters:
    return msgspec.json.decode(raw, type=Parameters)


def get_parameters(state: State) -> Parameters:
    """Return the parameters in force. Raises LookupError where no genesis was written."""
    return _decode(_get_row(state).json)


def get_protocol_version(state: State) -> int:
    """Return the version of the rules in force."""
    return _get_row(state).protocol_version


def put_parameters(state: State, parameters: Parameters, protocol_version: int) -> None:
    """Write the parameters in force; they were validated."""
    state.put(PARAMETERS, ONLY, StoredParameters(_encoder.encode(parameters), protocol_version))


def _get_row(state: State) -> StoredParameters:
    row = state.get(PARAMETERS, ONLY)
    if row is None:
        raise LookupError("the state has no parameters: it wasn't made by a genesis")
    return row
