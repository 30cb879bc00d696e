"""Merging what several hotspots heard of one transmission (ChirpStack: uplink/mod.rs, 200 ms window).

Two reports belong together if PHYPayload, frequency and data rate are equal, no concentrator is in it twice,
and the times they were heard at agree. A concentrator that reports the same bytes with another tick heard
another transmission: however fast a recording is replayed, repeats stay apart.
"""

from __future__ import annotations

from collections import deque
from enum import StrEnum

from router.network.values import SAME_TRANSMISSION_MS, Reception, Transmission


class Added(StrEnum):
    OPENED = "opened"
    MERGED = "merged"
    AGAIN = "again"  # this very reception is in an open window already
    FULL = "full"  # too many open windows: not taken, the hotspot offers it again


class _Open:
    __slots__ = ("due_ms", "key", "payload", "receptions", "repeats")

    def __init__(
        self, payload: bytes, key: tuple[bytes, int, str], reception: Reception, due_ms: int
    ) -> None:
        self.payload = payload
        self.key = key
        self.receptions = [reception]
        self.repeats: list[Reception] = []
        self.due_ms = due_ms


class DedupWindow:
    """Open transmissions, closed in the order in which their first report came. Times are milliseconds
    of any one clock.
    """

    def __init__(self, window_ms: int = 200, capacity: int = 8192) -> None:
        self.window_ms = window_ms
        self.capacity = capacity
        self._order: deque[_Open] = deque()
        self._by_key: dict[tuple[bytes, int, str], list[_Open]] = {}

    def __len__(self) -> int:
        return len(self._order)

    def add(self, payload: bytes, reception: Reception, now_ms: int) -> Added:
        """Take one report in; `OPENED` starts a window that is due `window_ms` later."""
        key = (payload, reception.frequency_hz, reception.data_rate)
        siblings = self._by_key.get(key, [])
        for sibling in reversed(siblings):
            same = [other for other in sibling.receptions if other.concentrator == reception.concentrator]
            if any(other.tick == reception.tick for other in same):
                if all(other.packet_hash != reception.packet_hash for other in (*same, *sibling.repeats)):
                    sibling.repeats.append(reception)
                return Added.AGAIN
            if same:
                continue
            if abs(sibling.receptions[0].heard_at_ms - reception.heard_at_ms) <= SAME_TRANSMISSION_MS:
                sibling.receptions.append(reception)
                return Added.MERGED
        if len(self._order) >= self.capacity:
            return Added.FULL
        opened = _Open(payload, key, reception, now_ms + self.window_ms)
        self._order.append(opened)
        self._by_key.setdefault(key, []).append(opened)
        return Added.OPENED

    @property
    def next_due_ms(self) -> int | None:
        return self._order[0].due_ms if self._order else None

    def close_due(self, now_ms: int) -> list[Transmission]:
        """The transmissions whose window has passed, oldest first; they are forgotten here."""
        closed = []
        while self._order and self._order[0].due_ms <= now_ms:
            group = self._order.popleft()
            siblings = self._by_key[group.key]
            siblings.remove(group)
            if not siblings:
                del self._by_key[group.key]
            closed.append(
                Transmission(
                    payload=group.payload, receptions=tuple(group.receptions), repeats=tuple(group.repeats)
                )
            )
        return closed


def is_same_transmission(earlier: tuple[Reception, ...], later: tuple[Reception, ...]) -> bool:
    """Whether `later`, which came after the window had closed, is a late copy of `earlier` (same bytes)."""
    first, other = earlier[0], later[0]
    ticks = {reception.concentrator: reception.tick for reception in earlier}
    known = [reception for reception in later if reception.concentrator in ticks]
    if known:
        return all(ticks[reception.concentrator] == reception.tick for reception in known)
    same_channel = (first.frequency_hz, first.data_rate) == (other.frequency_hz, other.data_rate)
    return same_channel and abs(first.heard_at_ms - other.heard_at_ms) <= SAME_TRANSMISSION_MS
