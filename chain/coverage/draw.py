"""Which of the placed hotspots beacon in a round: a seeded sample without replacement.

Every placed hotspot has a number, in the order of its first placement (``tables.py``, PLACED). A round
draws ``n / beacon_period_rounds`` of the ``n`` numbers by its entropy, the fraction by chance: each hotspot
once in so many rounds on average, and never foreseeable before the round opens. Only what is drawn is read:
a round of a million hotspots opens by some thousands of rows.

The sample is the first part of a Fisher-Yates shuffle that keeps only the places it moved, so that it is
exact and takes as many steps as it draws, however large the part.
"""

import hashlib

DRAW_DOMAIN = b"hexhaul draw 2"


def _compute_number(entropy: bytes, step: int, most: int) -> int:
    """A number below ``most``: of 256 bits, so that its bias is nothing."""
    digest = hashlib.sha256(DRAW_DOMAIN + entropy + step.to_bytes(8, "big")).digest()
    return int.from_bytes(digest, "big") % most


def compute_draw(entropy: bytes, placed: int, beacon_period_rounds: int) -> tuple[int, ...]:
    """The numbers that are drawn among ``0 .. placed - 1``, in the order of the draw."""
    period = max(beacon_period_rounds, 1)
    count, rest = divmod(placed, period)
    if rest and _compute_number(entropy, placed, period) < rest:
        count += 1
    moved: dict[int, int] = {}
    drawn = []
    for step in range(count):
        at = step + _compute_number(entropy, step, placed - step)
        drawn.append(moved.get(at, at))
        moved[at] = moved.pop(step, step)
    return tuple(drawn)
