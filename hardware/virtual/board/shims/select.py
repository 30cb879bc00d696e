# select.poll that sleeps in one wait of the bridge: over UARTs, standard input and objects with ioctl().
#
# UARTs wake the wait; other objects are asked again after each interrupt handler, since nothing else can make
# them ready while the program waits here.
import _bridge
from _bridge import box
from micropython import const

POLLIN = const(1)
POLLOUT = const(4)
POLLERR = const(8)
POLLHUP = const(16)
_STREAM_POLL = const(3)


class _Poll:
    def __init__(self):
        self._entries = []  # [object, events]
        self._ready = []

    def register(self, stream, eventmask=5):
        for entry in self._entries:
            if entry[0] is stream:
                entry[1] = eventmask
                return
        self._entries.append([stream, eventmask])

    def unregister(self, stream):
        for entry in self._entries:
            if entry[0] is stream:
                self._entries.remove(entry)
                return

    def modify(self, stream, eventmask):
        for entry in self._entries:
            if entry[0] is stream:
                entry[1] = eventmask
                return
        raise OSError(2)

    def poll(self, timeout=-1):
        return list(self.ipoll(timeout))

    def ipoll(self, timeout=-1, flags=0):
        ready = self._ready
        ready.clear()
        uarts = 0
        for entry in self._entries:
            if entry[1] & POLLIN:
                uarts |= getattr(entry[0], "_bit", 0)
        is_first = True
        low = 0
        high = -1
        while True:
            for entry in self._entries:
                events = entry[0].ioctl(_STREAM_POLL, entry[1])
                if events:
                    ready.append((entry[0], events))
                    if flags & 1:
                        entry[1] = 0
            if ready or timeout == 0:
                return iter(ready)
            if is_first and timeout is not None and timeout > 0:
                box[1] = timeout
                box[2] = 0
                _bridge.op("D")
                low = box[1]
                high = box[2]
            is_first = False
            box[1] = low
            box[2] = high
            box[3] = uarts
            if _bridge.op("w") == 0:
                return iter(ready)


def poll():
    return _Poll()
