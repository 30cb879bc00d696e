# ESP32's time: counters modulo 2**30, the epoch at 2000-01-01, waits that serve interrupts.
import _bridge
import utime as _utime
from micropython import const
from utime import *

_EPOCH_2000 = const(946684800)


def ticks_us():
    if _bridge.latched_us >= 0:
        return _bridge.latched_us
    return _bridge.op("t")


def ticks_ms():
    return _bridge.op("m")


def ticks_cpu():
    return _bridge.op("t")


def sleep_ms(ms):
    if ms > 0:
        _bridge.pause(ms, 0)


def sleep_us(us):
    if us > 0:
        _bridge.pause(0, us)


def sleep(seconds):
    if seconds > 0:
        _bridge.pause(int(seconds * 1000), 0)


# Without a battery the clock starts at the epoch when the board boots.
def time():
    return _bridge.op("s")


def time_ns():
    seconds = _bridge.op("s")
    return (seconds * 1000000 + _bridge.box[1]) * 1000


def gmtime(seconds=None):
    return _utime.gmtime((time() if seconds is None else seconds) + _EPOCH_2000)[:8]


def localtime(seconds=None):
    return gmtime(seconds)


def mktime(fields):
    return int(_utime.mktime(fields)) - _EPOCH_2000
