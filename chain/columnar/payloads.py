"""The bytes of many beacons at once: ChaCha12 over columns of words, as `coverage/chacha12.py` has it for
one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from chain.coverage.beacon import BEACON_DATA_BYTES, compute_beacon_seed
from chain.coverage.chacha12 import CONSTANTS, QUARTERS, ROUNDS, SEED_BYTES

Words = NDArray[np.uint32]

#: Beacons that are worked on together: their words fit into a core's cache.
CHUNK = 4_096
WORDS_A_BLOCK = 16


def compute_beacon_payloads(secrets: Sequence[tuple[bytes, int, bytes]]) -> NDArray[np.uint8]:
    """The 51 bytes of each beacon, one a row. `secrets`: (public entropy, its time in s, local entropy).

    Raises ValueError as `compute_beacon_seed`.
    """
    payloads = np.empty((len(secrets), BEACON_DATA_BYTES), dtype=np.uint8)
    for start in range(0, len(secrets), CHUNK):
        part = secrets[start : start + CHUNK]
        seeds = b"".join(compute_beacon_seed(*secret) for secret in part)
        keys = np.frombuffer(seeds, dtype="<u4").reshape(len(part), SEED_BYTES // 4).T.astype(np.uint32)
        for block, first in enumerate(range(0, BEACON_DATA_BYTES, WORDS_A_BLOCK)):
            words = compute_chacha12_blocks(keys, block)
            width = min(WORDS_A_BLOCK, BEACON_DATA_BYTES - first)
            payloads[start : start + len(part), first : first + width] = words[:width].T & 0xFF
    return payloads


def compute_chacha12_blocks(keys: Words, counter: int) -> Words:
    """One block for each key: 8 rows of key words in, 16 rows of output words out."""
    beacons = keys.shape[1]
    start = np.zeros((WORDS_A_BLOCK, beacons), dtype=np.uint32)
    start[:4] = np.array(CONSTANTS, dtype=np.uint32)[:, None]
    start[4:12] = keys
    start[12] = counter
    x = start.copy()
    turned = np.empty(beacons, dtype=np.uint32)
    for _ in range(ROUNDS // 2):
        for a, b, c, d in QUARTERS:
            _mix(x, a, b, d, 16, turned)
            _mix(x, c, d, b, 12, turned)
            _mix(x, a, b, d, 8, turned)
            _mix(x, c, d, b, 7, turned)
    return x + start


def _mix(x: Words, into: int, add: int, turn: int, by: int, scratch: Words) -> None:
    """x[into] += x[add]; x[turn] = (x[turn] ^ x[into]) turned left by `by` bits."""
    x[into] += x[add]
    x[turn] ^= x[into]
    np.right_shift(x[turn], 32 - by, out=scratch)
    x[turn] <<= by
    x[turn] |= scratch
