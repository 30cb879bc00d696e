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


class _Micropython:
    # The module as it is, with the console's interrupt character known to the board.
    def __init__(self):
        for name in dir(micropython):
            if not name.startswith("__"):
                setattr(self, name, getattr(micropython, name))
        self.__name__ = "micropython"
        self.schedule = _bridge.schedule

    @staticmethod
    def kbd_intr(character):
        _bridge.box[1] = character
        _bridge.op("K")


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
_end = _run_main()
_bridge.box[1] = _end
_bridge.op("X")
