"""A virtual board inside the test's process, running a program of the test's own."""

import contextlib
import os
import select
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from hardware.boards import load_board
from hardware.virtual.board.analog import AnalogSignal
from hardware.virtual.board.device import Device
from hardware.virtual.board.scheduler import Scheduler
from hardware.virtual.event_lines import EventLines

PATIENCE_S = 20.0
BOARD = load_board("devkit_rfm95")


class EchoChip:
    """Stands where the radio is: remembers frames, answers bytes by their complement, drives DIO lines."""

    def __init__(self) -> None:
        self.on_dio: Callable[[int, int, int], None] | None = None
        self.frames: list[bytes] = []
        self.resets: list[int] = []

    def nss(self, level: int) -> None:
        if level == 0:
            self.frames.append(b"")

    def nreset(self, level: int) -> None:
        self.resets.append(level)

    def spi_transfer(self, mosi: bytes) -> bytes:
        self.frames[-1] += mosi
        return bytes(byte ^ 0xFF for byte in mosi)


class RecordedLines(EventLines):
    """Event lines, kept instead of printed."""

    def __init__(self) -> None:
        super().__init__("board")
        self.lines: list[tuple[str, str, dict[str, object]]] = []

    def say(self, event: str, text: str, **fields: object) -> None:
        self.lines.append((event, text, fields))

    def get_texts(self, event: str) -> list[str]:
        return [text for name, text, _ in self.lines if name == event]


class Rig:
    """The board, its serial port as its host sees it, and its surroundings."""

    def __init__(self, folder: Path, program: str, signals: list[AnalogSignal], chip: Any) -> None:
        self.flash = folder / "flash"
        self.flash.mkdir(exist_ok=True)
        (self.flash / "main.py").write_text(program)
        self.link = folder / "port"
        self.chip = chip
        self.events = RecordedLines()
        self.scheduler = Scheduler()
        self.device = Device(
            "rig", BOARD, self.flash, self.link, self.scheduler, self.chip, signals, self.events
        )
        self.device.pause_after_failure_s = 0.2
        self._host = os.open(self.link, os.O_RDWR | os.O_NOCTTY)
        self._thread = threading.Thread(target=self.scheduler.run)
        self._thread.start()
        self._unread = b""
        self.said = b""
        self.device.start()

    def send(self, data: bytes) -> None:
        os.write(self._host, data)

    def read_until(self, wanted: bytes, patience_s: float = PATIENCE_S) -> bytes:
        """What the board has sent up to and including ``wanted``."""
        until = time.monotonic() + patience_s
        while wanted not in self._unread:
            left = until - time.monotonic()
            assert left > 0, f"no {wanted!r} in {self._unread!r}; events {self.events.lines}"
            if select.select([self._host], [], [], left)[0]:
                data = os.read(self._host, 65536)
                self.said += data
                self._unread += data
        end = self._unread.index(wanted) + len(wanted)
        taken, self._unread = self._unread[:end], self._unread[end:]
        return taken

    def read_line(self, start: str) -> str:
        """The rest of the first line that begins with ``start``."""
        self.read_until(b"\n" + start.encode())
        return self.read_until(b"\r").decode().strip()  # the next line begins with the newline

    def drive(self, dio: int, level: int, at_us: int | None = None) -> None:
        with self.scheduler.lock:
            assert self.chip.on_dio is not None
            self.chip.on_dio(dio, level, self.scheduler.now_us() if at_us is None else at_us)

    def close(self) -> None:
        self.device.stop()
        self.scheduler.stop()
        self._thread.join(5)
        assert not self._thread.is_alive()
        self.scheduler.close()
        os.close(self._host)


@contextlib.contextmanager
def run_program(
    folder: Path, program: str, signals: list[AnalogSignal] | None = None, chip: Any = None
) -> Iterator[Rig]:
    rig = Rig(folder, program, signals or [], EchoChip() if chip is None else chip)
    try:
        yield rig
    finally:
        rig.close()
