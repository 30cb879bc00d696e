# The guest's end of the bridge to hardware.virtual.board: a mailbox of 32-bit words and one-letter
# operations.
#
# An operation: write arguments to box[1]..., call op(letter), read box[0] (and further words). Word 15 comes
# back non-zero when interrupts wait: their handlers then run here, before op returns, as MicroPython's
# scheduler would run them between two bytecodes. A handler sees time.ticks_us() stand still at the instant
# of its edge.
import sys
from array import array

import host
import uctypes
from micropython import const

_PIN = const(1)
_TIMER = const(2)
_KEYBOARD = const(3)

box = array("i", bytes(64))
_call = host.call
_call("!", str(uctypes.addressof(box)))

address_of = uctypes.addressof
latched_us = -1  # ticks_us() inside an interrupt handler
is_masked = False  # machine.disable_irq()
_is_handling = False
pins = {}
timers = {}
scheduled = []


def op(letter):
    _call(letter, "")
    answer = box[0]
    if box[15] or scheduled:
        run_handlers()
    return answer


def schedule(function, argument):
    # micropython.schedule, run at operations only: between two writes to the box it would spoil them.
    if len(scheduled) == 8:
        raise RuntimeError("schedule queue full")
    scheduled.append((function, argument))


def run_handlers():
    global latched_us, _is_handling
    if _is_handling or is_masked:
        return
    _is_handling = True
    try:
        while True:
            if scheduled:
                function, argument = scheduled.pop(0)
                _run(function, argument)
                continue
            _call("e", "")
            kind = box[0]
            if kind == 0:
                if scheduled:
                    continue
                return
            if kind == _KEYBOARD:
                raise KeyboardInterrupt
            source = (pins if kind == _PIN else timers).get(box[1])
            if source is None or source.handler is None:
                continue
            latched_us = box[2]
            try:
                _run(source.handler, source)
            finally:
                latched_us = -1
    finally:
        _is_handling = False


def _run(function, argument):
    try:
        function(argument)
    except Exception as error:
        print("Unhandled exception in callback")
        sys.print_exception(error)


def pause(ms, us):
    # Waits, handling interrupts meanwhile.
    box[1] = ms
    box[2] = us
    _call("D", "")
    low = box[1]
    high = box[2]
    while True:
        box[1] = low
        box[2] = high
        box[3] = 0
        if op("w") != -1:
            return
