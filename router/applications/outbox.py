"""When stored events may go out.

An outside broker keeps what it has acknowledged; the embedded one forgets it when this process dies. So after
a start that wasn't preceded by a clean stop, the events published last are published again (same
deduplicationId), and the first publications wait a moment until subscribers are back.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from router.store.database import Database, put_meta
from router.store.events import count_unpublished, offer_recent_again

#: What was published in this span before the crash is published again.
AGAIN_SPAN_MS = 10_000
#: Longest wait for subscribers to come back.
PATIENCE_S = 5.0
_CLEAN = "clean_stop"


def recover_after_crash(database: Database, is_embedded: bool) -> int:
    """Run at start: put recent events back if the last stop was not clean; how many."""
    again = 0
    with database.transaction("router.outbox_recovery") as tx:
        row = tx.get("SELECT value FROM meta WHERE key = ?", (_CLEAN,))
        if is_embedded and row is not None and row["value"] != "yes":
            again = offer_recent_again(tx, AGAIN_SPAN_MS)
        put_meta(tx, _CLEAN, "no")
    return again


def note_clean_stop(database: Database) -> None:
    with database.transaction("router.outbox_stop") as tx:
        put_meta(tx, _CLEAN, "yes")


class StartGate:
    """Closed while the embedded broker waits for its subscribers after a restart with events to publish."""

    def __init__(
        self,
        database: Database,
        has_subscribers: Callable[[], bool],
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._has_subscribers = has_subscribers
        self._now_s = now_s
        self._open_at_s = now_s() + PATIENCE_S if count_unpublished(database.read()) else 0.0

    def is_open(self) -> bool:
        if self._open_at_s and (self._has_subscribers() or self._now_s() >= self._open_at_s):
            self._open_at_s = 0.0
        return not self._open_at_s
