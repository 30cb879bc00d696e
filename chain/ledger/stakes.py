"""Stakes: HXT that owners lock behind validators' keys. The rows; what happens to them is in
`chain/governance`.

Key = the validator's key. A row is a stake, bonded or unbonding; where there is none, nothing is locked.
"""

from __future__ import annotations

import msgspec

from chain.ledger.state import Table


class Stake(msgspec.Struct, frozen=True, array_like=True):
    """What is locked behind one validator."""

    owner: bytes
    """Paid it and gets it back."""
    hxt: int
    """Base units."""
    staked_height: int
    free_epoch: int = 0
    """The epoch with whose opening it goes back; 0 while it is bonded."""


STAKES = Table("stake", Stake)
