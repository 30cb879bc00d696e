"""All ops by their names. An op takes a case's input and expectation and returns what the code under test
says.

The runner compares the answer with the expectation key by key; an op sees the expectation only to check the
inverse direction (decode what should have been encoded) or to know which keys are asked for.
"""

from collections.abc import Callable
from typing import Any

from tests.vectors import adr_ops, crypto_ops, frame_ops, gwmp_ops, mac_ops, region_ops

Op = Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]

OPS: dict[str, Op] = {
    **adr_ops.OPS,
    **crypto_ops.OPS,
    **frame_ops.OPS,
    **gwmp_ops.OPS,
    **mac_ops.OPS,
    **region_ops.OPS,
}
