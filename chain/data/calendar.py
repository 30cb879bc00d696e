"""What is due when for which channel, so that a block with nothing due looks at one row.

Times are rounded up to a 24th of an epoch: channels that end close together share an entry, and the one row
that lists the times stays short (at most `channel_max_epochs` x 24 and a bit). Nothing is ever due earlier
than asked for; it is done in the first block at or after its time, in order of time and channel id, and as
much of it as a block has room for.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator

from chain.data.tables import CALENDAR, DUE, Calendar, Due
from chain.ledger.parameters import Parameters
from chain.ledger.state import State
from chain.ledger.tables import ONLY

_TIME_BYTES = 8
_PARTS_OF_EPOCH = 24


def compute_due_time(time_ms: int, parameters: Parameters) -> int:
    """Return the first time at or after `time_ms` at which the calendar has an entry."""
    step_ms = max(parameters.epoch_ms // _PARTS_OF_EPOCH, 1)
    return -(-time_ms // step_ms) * step_ms


def schedule(state: State, channel_id: bytes, due_ms: int) -> None:
    """Note that something is due for a channel at a time of `compute_due_time`."""
    times = list(_get_times(state))
    if due_ms not in times:
        insort(times, due_ms)
        state.put(CALENDAR, ONLY, Calendar(tuple(times)))
    state.put(DUE, _get_key(due_ms, channel_id), Due())


def cancel(state: State, channel_id: bytes, due_ms: int) -> None:
    """Forget what was scheduled. The time's own entry stays until it comes."""
    state.delete(DUE, _get_key(due_ms, channel_id))


def is_time_due(state: State, time_ms: int) -> bool:
    """Whether the calendar has an entry for `time_ms` or earlier."""
    times = _get_times(state)
    return bool(times) and times[0] <= time_ms


def iterate_due(state: State, time_ms: int) -> Iterator[tuple[int, bytes]]:
    """Yield (time, channel id) of what is due at `time_ms`, oldest first. Who has done it calls `cancel`."""
    for due_ms in _get_times(state):
        if due_ms > time_ms:
            return
        for key, _ in state.iterate(DUE, due_ms.to_bytes(_TIME_BYTES, "big")):
            yield due_ms, key[_TIME_BYTES:]


def drop_empty_times(state: State, time_ms: int) -> None:
    """Take times that are past and have nothing left to do off the calendar."""
    times = _get_times(state)
    left = tuple(
        due_ms
        for due_ms in times
        if due_ms > time_ms or any(True for _ in state.iterate(DUE, due_ms.to_bytes(_TIME_BYTES, "big")))
    )
    if left != times:
        state.put(CALENDAR, ONLY, Calendar(left))


def _get_times(state: State) -> tuple[int, ...]:
    calendar = state.get(CALENDAR, ONLY)
    return () if calendar is None else calendar.times_ms


def _get_key(due_ms: int, channel_id: bytes) -> bytes:
    return due_ms.to_bytes(_TIME_BYTES, "big") + channel_id
