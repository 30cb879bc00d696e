"""Named write points: places right before and after a durable commit where a test may kill the process.

`HEXHAUL_KILL_AT=chain.block.before_commit` makes the process kill itself (SIGKILL: no handler, no flush)
the first time it passes that point, `...:3` the third time. Without the variable a write point costs one
dictionary look-up.
"""

from __future__ import annotations

import os
import signal

_hits: dict[str, int] = {}


def write_point(name: str) -> None:
    """Die here if HEXHAUL_KILL_AT names this point (`name` or `name:N` for the N-th hit)."""
    wanted = os.environ.get("HEXHAUL_KILL_AT")
    if not wanted:
        return
    wanted_name, _, nth = wanted.partition(":")
    if wanted_name != name:
        return
    _hits[name] = _hits.get(name, 0) + 1
    if _hits[name] >= (int(nth) if nth.isdigit() else 1):
        os.kill(os.getpid(), signal.SIGKILL)
