# A flag that a pin interrupt raises and select.poll wakes up for.
#
# On the ESP32 an interrupt wakes the main task out of select.poll, runs the pin's handler and then looks at
# the polled objects again: one that says "readable" ends the wait. Without it a poll would sleep on to its
# timeout.

import io

from micropython import const

_STREAM_POLL = const(3)  # MP_STREAM_POLL of py/stream.h
_READABLE = const(1)  # MP_STREAM_POLL_RD


class IrqFlag(io.IOBase):
    def __init__(self):
        self.raised = False

    def ioctl(self, request, argument):
        if request == _STREAM_POLL and self.raised:
            return argument & _READABLE
        return 0
