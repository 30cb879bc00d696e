# What stands between reset and main.py: the modules that an ESP32 has in ROM, and what its REPL does with
# errors.
import gc
import io
import select
import sys
import time

import _bridge
import cryptolib
import esp32
import machine
import micropython


def _set_interrupt_character(character):
    _bridge.box[1] = character
    _bridge.op("K")


class _Micropython:
    # The module as it is, with the console's interrupt character known to the board.
    def __init__(self):
        for name in dir(micropython):
            if not name.startswith("__"):
                setattr(self, name, getattr(micropython, name))
        self.__name__ = "micropython"
        self.schedule = _bridge.schedule
        self.kbd_intr = _set_interrupt_character


class _Console(machine.UART):
    # sys.stdin: the same bytes as UART(0), reads wait until all are there.
    def __init__(self, is_text):
        self.number = 0
        self._bit = 1
        self._timeout = self._timeout_char = 1 << 29
        self._is_text = is_text
        self.buffer = self

    def read(self, nbytes=1):
        data = super().read(nbytes)
        return data.decode() if self._is_text else data

    def readline(self):
        line = super().readline()
        return line.decode() if self._is_text else line


class _Sys:
    def __init__(self):
        for name in dir(sys):
            if not name.startswith("__"):
                setattr(self, name, getattr(sys, name))
        self.__name__ = "sys"
        self.platform = "esp32"
        self.stdin = _Console(True)
        self.stdin.buffer = _Console(False)


def _say(error):
    try:
        text = io.StringIO()
        sys.print_exception(error, text)
        for line in text.getvalue().split("\n"):
            if line and '"_boot.py"' not in line:
                print(line)
    except MemoryError:
        sys.print_exception(error)


def _run_main():
    # 0: ended or absent, 1: failed, 2: stopped by Ctrl-C
    try:
        with open("/main.py") as file:
            source = file.read()
    except OSError:
        return 0
    try:
        program = compile(source, "main.py", "exec")
        source = None
        gc.collect()
        exec(program, {"__name__": "__main__"})
        return 0
    except SystemExit:
        return 3
    except KeyboardInterrupt as error:
        _say(error)
        return 2
    except Exception as error:
        _say(error)
        return 1


sys.modules["micropython"] = _Micropython()
sys.modules["sys"] = _Sys()
_end = _run_main()
_bridge.box[1] = _end
_bridge.op("X")
