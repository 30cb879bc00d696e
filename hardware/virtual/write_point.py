"""Named write points: where a crash test may kill this process, right before and after a durable commit.

Twin of ``chain.write_point`` (same environment variable, same rule), which nothing here may import.
"""

import os
import signal
from collections import Counter

_hits: Counter[str] = Counter()


def write_point(name: str) -> None:
    """Die here by SIGKILL if ``HEXHAUL_KILL_AT`` is ``name`` (first hit) or ``name:N`` (N-th hit)."""
    wanted = os.environ.get("HEXHAUL_KILL_AT", "")
    wanted_name, _, nth = wanted.partition(":")
    if wanted_name != name:
        return
    _hits[name] += 1
    if _hits[name] >= (int(nth) if nth.isdigit() else 1):
        os.kill(os.getpid(), signal.SIGKILL)
