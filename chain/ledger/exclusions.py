"""Exclusions in the state: of a hotspot, or of a pair of them, found from either hotspot of the pair.

A pair's row stands under both keys, the lower first, where Proof-of-Coverage looks. When a hotspot's key is
replaced its pairs must go with it, so a mark under the pair the other way round finds those in which it is
the higher one: the work is the hotspot's own exclusions, which nobody but the network's keys can add.
"""

from __future__ import annotations

import msgspec

from chain.keys.public_key import PUBLIC_KEY_BYTES
from chain.ledger.state import State, Table
from chain.ledger.tables import EXCLUSIONS, Exclusion


class ExcludedPair(msgspec.Struct, frozen=True, array_like=True):
    """A mark: key = the higher hotspot (33) || the lower one (33)."""


EXCLUDED_PAIRS = Table("excluded_pair", ExcludedPair)


def put_exclusion(state: State, hotspots: tuple[bytes, ...], exclusion: Exclusion | None) -> None:
    """Write or (None) lift the exclusion of one hotspot or of a pair, in any order."""
    key = b"".join(sorted(hotspots))
    mark = b"".join(sorted(hotspots, reverse=True))
    if exclusion is None:
        state.delete(EXCLUSIONS, key)
        state.delete(EXCLUDED_PAIRS, mark)
        return
    state.put(EXCLUSIONS, key, exclusion)
    if len(hotspots) > 1:
        state.put(EXCLUDED_PAIRS, mark, ExcludedPair())


def move_exclusions(state: State, hotspot: bytes, successor: bytes, epoch: int) -> None:
    """A hotspot's key was replaced: its exclusions and its pairs' hold for the new key. What has run out in
    `epoch` is dropped.
    """
    found = [(key, row) for key, row in state.iterate(EXCLUSIONS, hotspot)]
    for mark, _ in state.iterate(EXCLUDED_PAIRS, hotspot):
        key = mark[PUBLIC_KEY_BYTES:] + hotspot
        row = state.get(EXCLUSIONS, key)
        if row is not None:
            found.append((key, row))
    for key, row in found:
        others = tuple(part for part in _split(key) if part != hotspot)
        put_exclusion(state, (hotspot, *others), None)
        if row.until_epoch > epoch:
            put_exclusion(state, (successor, *others), row)


def _split(key: bytes) -> tuple[bytes, ...]:
    return tuple(key[at : at + PUBLIC_KEY_BYTES] for at in range(0, len(key), PUBLIC_KEY_BYTES))
