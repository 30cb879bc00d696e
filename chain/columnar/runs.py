"""Runs of equal values in a sorted column."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from chain.columnar.places import Ints


def find_runs(column: NDArray[Any]) -> tuple[Ints, Ints]:
    """Return where each run begins and where it ends (one past it); nothing of an empty column."""
    if not len(column):
        none = np.zeros(0, dtype=np.int64)
        return none, none
    starts = np.flatnonzero(np.r_[True, column[1:] != column[:-1]])
    return starts, np.r_[starts[1:], len(column)]
