"""H3 cells as ranges of numbers.

A cell's number holds its resolution, its base cell and three bits for each further resolution, from coarse to
fine; below its own resolution all bits are one. The cells of a resolution that lie in a parent therefore are
the numbers from the parent with zeros in these digits to the parent with sixes, and nothing else lies between
them. So "all rewards in this hexagon" is one range of an ordinary index, at any resolution.

Source of the layout: H3's documentation, "H3 Index Representations".
"""

from __future__ import annotations

import h3.api.basic_int as h3

LOCATION_RESOLUTION = 12
PUBLIC_RESOLUTION = 8
COARSEST_MAP_RESOLUTION = 2
_RESOLUTION_SHIFT = 52
_DIGIT_BITS = 3
_FINEST = 15


class BadCell(ValueError):
    """Text that is no H3 cell, or one too fine to ask for; the message says what is wrong with it."""


def parse_cell(text: str, finest: int = LOCATION_RESOLUTION) -> int:
    """A cell from its 15 hex digits. Raises BadCell."""
    try:
        cell = int(text, 16) if len(text) <= 16 else 0
    except ValueError:
        cell = 0
    if not cell or not h3.is_valid_cell(cell):
        raise BadCell(f"{text[:32]!r} is no H3 cell: write its 15 hex digits, such as 881f8d4b29fffff")
    resolution = h3.get_resolution(cell)
    if resolution > finest:
        raise BadCell(f"cell {text} has resolution {resolution}: at most {finest} can be asked for")
    return cell


def compute_children_range(cell: int, resolution: int) -> tuple[int, int]:
    """First and last number of the cells of ``resolution`` in ``cell``, both included.

    ``resolution`` is not coarser than the cell's own.
    """
    own = h3.get_resolution(cell)
    first = cell & ~(0xF << _RESOLUTION_SHIFT) | resolution << _RESOLUTION_SHIFT
    last = first
    for finer in range(own + 1, resolution + 1):
        shift = _DIGIT_BITS * (_FINEST - finer)
        first &= ~(0b111 << shift)
        last = last & ~(0b111 << shift) | 0b110 << shift
    return first, last


def compute_public_cell(location: int) -> int:
    """The resolution-8 cell that stands for a resolution-12 location on public maps."""
    return int(h3.cell_to_parent(location, PUBLIC_RESOLUTION))


def compute_parent(cell: int, resolution: int) -> int:
    """The cell itself or the one above it at a coarser ``resolution``."""
    return int(h3.cell_to_parent(cell, resolution))
