"""GPIO of the ESP32: levels, who drives them, and edges as interrupts for the guest."""

from collections import deque
from collections.abc import Callable

#: GPIOs of the package that aren't bonded to the flash chip; 34 and up can't drive.
VALID_PINS = frozenset({*range(6), *range(12, 20), *range(21, 24), *range(25, 28), *range(32, 40)})
INPUT_ONLY_PINS = frozenset(range(34, 40))
MODE_INPUT, MODE_OUTPUT, MODE_OPEN_DRAIN = 1, 3, 7
PULL_UP = 2
RISING, FALLING = 1, 2
#: MicroPython's scheduler holds eight callbacks; further ones are lost.
MAX_WAITING_EVENTS = 8
EVENT_PIN, EVENT_TIMER, EVENT_KEYBOARD = 1, 2, 3


class Events:
    """Interrupts that wait for the guest: (kind, pin or timer number, instant in us). Bounded; counts what
    it loses.
    """

    def __init__(self, on_event: Callable[[], None]) -> None:
        self._on_event = on_event
        self._waiting: deque[tuple[int, int, int]] = deque()
        self._keyboard = False
        self.lost = 0

    def __bool__(self) -> bool:
        return self._keyboard or bool(self._waiting)

    def put(self, kind: int, number: int, at_us: int) -> None:
        if kind == EVENT_KEYBOARD:
            self._keyboard = True
        elif len(self._waiting) < MAX_WAITING_EVENTS:
            self._waiting.append((kind, number, at_us))
        else:
            self.lost += 1
            return
        self._on_event()

    def take(self) -> tuple[int, int, int] | None:
        """The next event; the keyboard's goes first, as MicroPython's pending exception does."""
        if self._keyboard:
            self._keyboard = False
            return (EVENT_KEYBOARD, 0, 0)
        return self._waiting.popleft() if self._waiting else None

    def clear(self) -> None:
        self._keyboard = False
        self._waiting.clear()


class Pins:
    """Levels of all GPIOs. Peripherals drive inputs by ``drive``, and see outputs by ``on_output``."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self._mode: dict[int, int] = {}
        self._pull: dict[int, int] = {}
        self._output: dict[int, int] = {}
        self._driven: dict[int, int] = {}  # by a peripheral
        self._trigger: dict[int, int] = {}
        self._seen: dict[int, int] = {}  # what peripherals were told of our outputs
        self.on_output: dict[int, Callable[[int], None]] = {}

    def reset(self) -> None:
        """As after a reset of the microcontroller: all inputs, no pulls, no interrupts; peripherals drive
        on.
        """
        self._mode.clear()
        self._pull.clear()
        self._output.clear()
        self._trigger.clear()
        for pin in self.on_output:
            self._tell(pin)

    def configure(self, pin: int, mode: int, pull: int, value: int) -> None:
        """-1 leaves mode, pull or value as it is. Raises ValueError for an output on an input-only pin."""
        if mode in (MODE_OUTPUT, MODE_OPEN_DRAIN) and pin in INPUT_ONLY_PINS:
            raise ValueError(f"GPIO {pin} is an input only")
        if value >= 0:
            self._output[pin] = value
        if mode >= 0:
            self._mode[pin] = mode
        if pull >= 0:
            self._pull[pin] = pull
        self._tell(pin)

    def set_output(self, pin: int, level: int) -> None:
        self._output[pin] = level
        self._tell(pin)

    def get_level(self, pin: int) -> int:
        """What the pin's input buffer sees."""
        own = self._get_own_level(pin)
        if own is not None:
            return own
        if pin in self._driven:
            return self._driven[pin]
        return 1 if self._pull.get(pin) == PULL_UP or self._mode.get(pin) == MODE_OPEN_DRAIN else 0

    def set_trigger(self, pin: int, trigger: int) -> None:
        """RISING | FALLING, 0 for none."""
        self._trigger[pin] = trigger

    def drive(self, pin: int, level: int, at_us: int) -> None:
        """A peripheral drives the line from ``at_us`` on."""
        before = self._driven.get(pin, 0)
        self._driven[pin] = level
        if level != before and self._trigger.get(pin, 0) & (RISING if level else FALLING):
            self._events.put(EVENT_PIN, pin, at_us)

    def _get_own_level(self, pin: int) -> int | None:
        mode = self._mode.get(pin, MODE_INPUT)
        level = self._output.get(pin, 0)
        if mode == MODE_OUTPUT or (mode == MODE_OPEN_DRAIN and level == 0):
            return level
        return None

    def _tell(self, pin: int) -> None:
        call = self.on_output.get(pin)
        if call is None:
            return
        own = self._get_own_level(pin)
        level = 1 if own is None else own  # select and reset lines have pull-ups
        if self._seen.get(pin) != level:
            self._seen[pin] = level
            call(level)
