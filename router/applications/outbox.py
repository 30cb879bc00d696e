"""When stored events may go out.

An outside broker keeps what it has acknowledged; the embedded one forgets it when this process dies. So after
a start that wasn't preceded by a clean stop, the events published last are published again (same
deduplicationId), and after any restart the first publications wait a moment until as many subscriptions are
back as there were.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from router.store.database import Database, put_meta
from router.store.events import offer_recent_again

#: What was published in this span before the crash is published again.
AGAIN_SPAN_MS = 10_000
#: Longest wait for subscribers to come back.
PATIENCE_S = 5.0
_CLEAN = "clean_stop"
_SUBSCRIPTIONS = "subscriptions"


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
    """Closed while the embedded broker waits for its subscribers after a restart."""

    def __init__(
        self,
        database: Database,
        count_subscriptions: Callable[[], int],
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._count = count_subscriptions
        self._now_s = now_s
        self._known = int(database.get_meta(_SUBSCRIPTIONS) or 0)
        self._patience_until_s = now_s() + PATIENCE_S if self._known else 0.0

    def is_open(self) -> bool:
        """Whether to publish now. Once open, it remembers how many subscriptions there are."""
        count = self._count()
        if self._patience_until_s:
            if count < self._known and self._now_s() < self._patience_until_s:
                return False
            self._patience_until_s = 0.0
        if count != self._known:
            self._known = count
            with self._database.transaction("router.subscriptions") as tx:
                put_meta(tx, _SUBSCRIPTIONS, str(count))
        return True


def make_open_gate() -> Callable[[], bool]:
    """For an outside broker, which remembers for its subscribers."""
    return lambda: True
