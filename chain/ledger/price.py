"""What one HXT costs, in the state: the oracle's newest median, or the genesis price until there is one."""

from __future__ import annotations

import msgspec

from chain.ledger.parameters import Parameters
from chain.ledger.state import State, Table
from chain.ledger.tables import ONLY


class Price(msgspec.Struct, frozen=True, array_like=True):
    """The price in force."""

    hxt_price: int
    """USD per HXT x 10^8."""
    time_ms: int
    """Block time at which it was computed."""


PRICE = Table("price", Price)


def get_hxt_price(state: State, parameters: Parameters) -> int:
    """Return USD per HXT x 10^8."""
    row = state.get(PRICE, ONLY)
    return parameters.hxt_price if row is None else row.hxt_price
