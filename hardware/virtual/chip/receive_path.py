"""The running receiver: which signals are known, since when the modem listens, and what happens next.

It applies the rules of `receiver` in time: whenever a signal becomes known or a timer fires, whatever is due
by the instants happens in their order. RXSINGLE waits a little longer than its deadline, in effect but not
in the stamp, for a signal that began in time and is told late.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from hardware.virtual.chip.receiver import Listening, Reception, compute_receptions, is_match
from hardware.virtual.chip.settings import ModemSettings
from hardware.virtual.ether.emission import Signal

#: Signals kept: for so long after their end, at most so many (the oldest gives way).
SIGNAL_MEMORY_US = 10_000_000
SIGNAL_LIMIT = 256
HISTORY_LIMIT = 16


class Scheduler(Protocol):
    """The board's clock and timers (`hardware.virtual.board.scheduler`)."""

    def now_us(self) -> int: ...
    def call_at(self, at_us: int, call: Callable[[], None], /) -> Any: ...
    def cancel(self, handle: Any, /) -> None: ...


class Modem(Protocol):
    """Who is told what the receiver hears, with the instant at which silicon shows it."""

    def on_header(self, reception: Reception) -> None: ...
    def on_packet(self, reception: Reception, listening: Listening, at_us: int) -> None: ...
    def on_timeout(self, at_us: int) -> None: ...


class ReceivePath:
    """Signals in, receptions out. `rx_done_late_us`: from a packet's end to RxDone at 125 kHz, SF7 to
    SF12."""

    def __init__(
        self, scheduler: Scheduler, modem: Modem, rx_done_late_us: tuple[int, ...], grace_us: int
    ) -> None:
        self._scheduler = scheduler
        self._modem = modem
        self._rx_done_late_us = rx_done_late_us
        self._grace_us = grace_us
        self._timer: Any = None
        self._due_us = 0
        self._history: deque[Listening] = deque(maxlen=HISTORY_LIMIT)
        self._told: set[tuple[str, int]] = set()  # whose header was told
        self._busy_until_us = 0
        self.signals: deque[Signal] = deque()
        self.listening: Listening | None = None
        self.late_signals = 0
        """Signals told so late that the receiver had moved on, though it would have received them."""

    def start(self, start_us: int, settings: ModemSettings, *, single: bool) -> None:
        """Listen from `start_us` on."""
        self.listening = Listening(start_us, settings, single)
        self._told.clear()
        self._busy_until_us = start_us
        self._advance()

    def stop(self, at_us: int) -> None:
        """Listen no more; what was under way is lost."""
        self._cancel_timer()
        listening, self.listening = self.listening, None
        if listening is not None:
            self._history.append(Listening(listening.start_us, listening.settings, listening.single, at_us))

    def catch_up(self, now_us: int) -> None:
        """Make happen what is due though its timer is late."""
        if self._timer is not None and self._due_us <= now_us:
            self._advance()

    def on_signal(self, signal: Signal) -> None:
        """A frame arrives, or one that is known has been cut off."""
        self._forget(self._scheduler.now_us() - SIGNAL_MEMORY_US)
        for index, known in enumerate(self.signals):
            if known.key == signal.key:
                self.signals[index] = signal
                break
        else:
            self.signals.append(signal)
            self._count_if_late(signal)
        if self.listening is not None:
            self._advance()

    def _forget(self, before_us: int) -> None:
        while self.signals and (self.signals[0].end_us < before_us or len(self.signals) >= SIGNAL_LIMIT):
            self._told.discard(self.signals.popleft().key)

    def _count_if_late(self, signal: Signal) -> None:
        for listening in self._history:
            if (
                listening.end_us is not None
                and signal.end_us <= listening.end_us
                and is_match(listening.settings, signal)
                and compute_receptions(listening, [signal])
            ):
                self.late_signals += 1

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._scheduler.cancel(self._timer)
            self._timer = None

    def _advance(self) -> None:
        """Make happen, in order of their instants, what is due; set the timer for the rest."""
        self._cancel_timer()
        now_us = self._scheduler.now_us()
        while self.listening is not None:
            due = self._find_next(self.listening)
            if due is None:
                return
            due_us, happen = due
            if due_us > now_us:
                self._due_us = due_us
                self._timer = self._scheduler.call_at(due_us, self._advance)
                return
            happen()

    def _find_next(self, listening: Listening) -> tuple[int, Callable[[], None]] | None:
        """When the next event is due, and what it is."""
        # A signal told late can't take the place of one that has been given to the driver.
        for reception in compute_receptions(listening, self.signals, self._busy_until_us):
            key = reception.signal.key
            if not reception.header_ok:
                continue
            if listening.settings.explicit_header and key not in self._told:
                return reception.header_us, partial(self._tell_header, reception)
            done_us = self._compute_done_us(reception)
            return done_us, partial(self._tell_packet, reception, listening, done_us)
        deadline_us = listening.deadline_us
        if deadline_us is None:
            return None
        return deadline_us + self._grace_us, partial(self._tell_timeout, deadline_us)

    def _compute_done_us(self, reception: Reception) -> int:
        emission = reception.signal.emission
        index = emission.spreading_factor - 7
        late_us = self._rx_done_late_us[index] if 0 <= index < len(self._rx_done_late_us) else 0
        return reception.end_us + late_us * 125_000 // emission.bandwidth_hz

    def _tell_header(self, reception: Reception) -> None:
        self._told.add(reception.signal.key)
        self._modem.on_header(reception)

    def _tell_packet(self, reception: Reception, listening: Listening, done_us: int) -> None:
        self._busy_until_us = reception.end_us
        if listening.single:
            self.stop(done_us)
        self._modem.on_packet(reception, listening, done_us)

    def _tell_timeout(self, deadline_us: int) -> None:
        self.stop(deadline_us)
        self._modem.on_timeout(deadline_us)
