"""Counts by reason, for the status page, with an event line for the first of each kind."""

from __future__ import annotations

from collections import Counter
from typing import Any

from chain.event_lines import EventLines


class Tally:
    """How often what happened. Totals since the start of the process."""

    def __init__(self, lines: EventLines) -> None:
        self.lines = lines
        self._counts: Counter[str] = Counter()
        self._said: dict[str, object] = {}

    def add(self, what: str, count: int = 1) -> None:
        self._counts[what] += count

    def drop(self, reason: str, text: str, **fields: Any) -> None:
        """Count something that goes no further. The first of each reason is said; the rest is in the
        totals.
        """
        key = f"dropped.{reason}"
        self._counts[key] += 1
        if self._counts[key] == 1:
            self.lines.say("dropped", f"{text} (further ones are only counted)", reason=reason, **fields)

    def say_change(self, event: str, state: object, text: str, of: str = "", **fields: Any) -> bool:
        """Say it only when ``state`` differs from the last time for this event (of one of several things)."""
        key = f"{event} {of}"
        if self._said.get(key, self) == state:
            return False
        self._said[key] = state
        self.lines.say(event, text, **fields)
        return True

    def forget(self, event: str, of: str = "") -> None:
        """The next ``say_change`` of this event is said whatever its state."""
        self._said.pop(f"{event} {of}", None)

    def was_said(self, event: str, of: str = "") -> bool:
        """Whether ``say_change`` has said this event before."""
        return f"{event} {of}" in self._said

    def get(self, what: str) -> int:
        return self._counts[what]

    def get_totals(self) -> dict[str, Any]:
        """{"uplinks": 3, "dropped": {"crc_bad": 2}}"""
        totals: dict[str, Any] = {"dropped": {}}
        for key, count in sorted(self._counts.items()):
            group, _, reason = key.partition(".")
            if group == "dropped":
                totals["dropped"][reason] = count
            else:
                totals[key] = count
        return totals
