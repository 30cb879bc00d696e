"""The board's one clock and one thread for everything that isn't the guest: timers and file descriptors.

All callbacks run under the board's lock, so models need none of their own. Time is CLOCK_MONOTONIC in
microseconds: the same for every process of the machine, which is how boards and ether agree on instants.
"""

import heapq
import itertools
import os
import select
import threading
import time
from collections.abc import Callable


class Handle:
    """A pending timer."""

    __slots__ = ("at_us", "call", "order")

    def __init__(self, at_us: int, order: int, call: Callable[[], None] | None) -> None:
        self.at_us = at_us
        self.order = order
        self.call = call

    def __lt__(self, other: "Handle") -> bool:
        return (self.at_us, self.order) < (other.at_us, other.order)


class Scheduler:
    """Timers and readers of one board, run by ``run()`` in one thread until ``stop()``.

    ``lock`` is the board's: whoever touches models or this object from another thread holds it.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._timers: list[Handle] = []
        self._order = itertools.count()
        self._readers: dict[int, Callable[[], None]] = {}
        self._writers: dict[int, Callable[[], None]] = {}
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self._sleeping_until_us: int | None = 0
        self._stopped = False

    @staticmethod
    def now_us() -> int:
        return time.monotonic_ns() // 1000

    def call_at(self, at_us: int, call: Callable[[], None]) -> Handle:
        """Call once at (never before) ``at_us``."""
        with self.lock:
            handle = Handle(at_us, next(self._order), call)
            heapq.heappush(self._timers, handle)
            if self._sleeping_until_us is None or at_us < self._sleeping_until_us:
                self.wake()
            return handle

    def cancel(self, handle: Handle) -> None:
        """Drop a timer; one that has run or was cancelled before is ignored."""
        with self.lock:
            handle.call = None

    def add_reader(self, descriptor: int, call: Callable[[], None]) -> None:
        """Call whenever ``descriptor`` is readable."""
        with self.lock:
            self._readers[descriptor] = call
            self.wake()

    def remove_reader(self, descriptor: int) -> None:
        with self.lock:
            self._readers.pop(descriptor, None)

    def add_writer(self, descriptor: int, call: Callable[[], None]) -> None:
        """Call whenever ``descriptor`` takes more."""
        with self.lock:
            self._writers[descriptor] = call
            self.wake()

    def remove_writer(self, descriptor: int) -> None:
        with self.lock:
            self._writers.pop(descriptor, None)

    def wake(self) -> None:
        """End the current sleep (async-signal-safe enough for a Python signal handler)."""
        try:
            os.write(self._wake_write, b"\0")
        except BlockingIOError:
            return  # the pipe is full of wake-ups already

    def stop(self) -> None:
        self._stopped = True
        self.wake()

    def run(self) -> None:
        """Serve timers and readers until ``stop()``."""
        while not self._stopped:
            with self.lock:
                self._run_due()
                until_us = self._get_next_us()
                self._sleeping_until_us = until_us
                readers, writers = [self._wake_read, *self._readers], [*self._writers]
            timeout_s = None if until_us is None else max(0.0, (until_us - self.now_us()) / 1e6)
            readable, writable, _ = select.select(readers, writers, [], timeout_s)
            with self.lock:
                self._sleeping_until_us = 0
                for descriptor in readable:
                    if descriptor == self._wake_read:
                        os.read(self._wake_read, 4096)
                    elif descriptor in self._readers:
                        self._readers[descriptor]()
                for descriptor in writable:
                    if descriptor in self._writers:
                        self._writers[descriptor]()

    def close(self) -> None:
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _get_next_us(self) -> int | None:
        while self._timers and self._timers[0].call is None:
            heapq.heappop(self._timers)
        return self._timers[0].at_us if self._timers else None

    def _run_due(self) -> None:
        while (at_us := self._get_next_us()) is not None and at_us <= self.now_us():
            call = heapq.heappop(self._timers).call
            if call is not None:
                call()
