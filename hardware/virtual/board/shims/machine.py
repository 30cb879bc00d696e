# ESP32's machine module on the bridge.
import io
import sys

import _bridge
from _bridge import address_of, box, op
from micropython import const
from umachine import mem8, mem16, mem32

PWRON_RESET = const(1)
HARD_RESET = const(2)
WDT_RESET = const(3)
DEEPSLEEP_RESET = const(4)
SOFT_RESET = const(5)


def _check(answer, text):
    if answer < 0:
        raise ValueError(text)
    return answer


class Pin:
    IN = const(1)
    OUT = const(3)
    OPEN_DRAIN = const(7)
    PULL_DOWN = const(1)
    PULL_UP = const(2)
    IRQ_RISING = const(1)
    IRQ_FALLING = const(2)

    def __new__(cls, id, mode=-1, pull=-1, *, value=None, drive=None, hold=None):
        if isinstance(id, Pin):
            pin = id
        else:
            pin = _bridge.pins.get(id)
        if pin is None:
            box[1] = id
            _check(op("P"), "invalid pin")
            pin = object.__new__(cls)
            pin.number = id
            pin.handler = None
            _bridge.pins[id] = pin
        if mode != -1 or pull != -1 or value is not None:
            pin.init(mode, pull, value=value)
        return pin

    def init(self, mode=-1, pull=-1, *, value=None, drive=None, hold=None):
        box[1] = self.number
        box[2] = mode
        box[3] = -1 if pull is None else pull
        box[4] = -1 if value is None else (1 if value else 0)
        _check(op("p"), "pin can only be input")

    def value(self, level=None):
        box[1] = self.number
        if level is None:
            return op("i")
        box[2] = 1 if level else 0
        op("o")
        return None

    __call__ = value

    def on(self):
        self.value(1)

    def off(self):
        self.value(0)

    def irq(self, handler=None, trigger=3, wake=None):
        self.handler = handler
        box[1] = self.number
        box[2] = trigger if handler else 0
        op("q")
        return self

    def __repr__(self):
        return "Pin(%d)" % self.number


class SPI:
    MSB = const(0)
    LSB = const(1)

    def __init__(self, id, *args, **kwargs):
        self.bus = id
        self._baudrate = 500000
        self._mode = 0
        self._pins = (14, 13, 12) if id == 1 else (18, 23, 19)
        self.init(*args, **kwargs)

    def init(
        self, baudrate=None, polarity=None, phase=None, bits=8, firstbit=0, sck=None, mosi=None, miso=None
    ):
        if baudrate is not None:
            self._baudrate = baudrate
        if polarity is not None:
            self._mode = (self._mode & 1) | (2 if polarity else 0)
        if phase is not None:
            self._mode = (self._mode & 2) | (1 if phase else 0)
        if sck is not None:
            self._pins = (sck.number, mosi.number, miso.number)
        box[1] = self.bus
        box[2] = self._baudrate
        box[3] = self._mode | (firstbit << 2) | (bits << 3)
        box[4], box[5], box[6] = self._pins
        _check(op("S"), "SPI bus doesn't exist")

    def deinit(self):
        pass

    def _transfer(self, length, out, into, fill):
        box[1] = self.bus
        box[2] = length
        box[3] = 0 if out is None else address_of(out)
        box[4] = 0 if into is None else address_of(into)
        box[5] = fill
        op("x")

    def read(self, nbytes, write=0):
        buffer = bytearray(nbytes)
        self._transfer(nbytes, None, buffer, write)
        return bytes(buffer)

    def readinto(self, buffer, write=0):
        self._transfer(len(buffer), None, buffer, write)

    def write(self, buffer):
        self._transfer(len(buffer), buffer, None, 0)

    def write_readinto(self, out, into):
        if len(out) != len(into):
            raise ValueError("buffers must be the same length")
        self._transfer(len(out), out, into, 0)


class UART(io.IOBase):
    def __init__(self, id, *args, **kwargs):
        if not 0 <= id <= 2:
            raise ValueError("UART(%d) doesn't exist" % id)
        self.number = id
        self._bit = 1 << id
        self._baudrate = 115200
        self._timeout = 0
        self._timeout_char = 0
        self._rxbuf = 256
        self._pins = (-1, -1)
        self.init(*args, **kwargs)

    def init(
        self,
        baudrate=None,
        bits=8,
        parity=None,
        stop=1,
        *,
        tx=None,
        rx=None,
        txbuf=None,
        rxbuf=None,
        timeout=None,
        timeout_char=None,
        invert=0,
        flow=0,
        rts=None,
        cts=None,
    ):
        if baudrate is not None:
            self._baudrate = baudrate
        if timeout is not None:
            self._timeout = timeout
        if timeout_char is not None:
            self._timeout_char = timeout_char
        if rxbuf is not None:
            self._rxbuf = rxbuf
        if tx is not None or rx is not None:
            self._pins = tuple(
                old if pin is None else getattr(pin, "number", pin) for old, pin in zip(self._pins, (tx, rx))
            )
        box[1] = self.number
        box[2] = self._baudrate
        box[3] = self._rxbuf
        box[4], box[5] = self._pins
        op("U")

    def deinit(self):
        box[1] = self.number
        box[2] = 0
        op("U")

    def any(self):
        box[1] = self.number
        return op("n")

    def _take(self, buffer, start, length):
        box[1] = self.number
        box[2] = address_of(buffer) + start
        box[3] = length
        return op("r")

    def _await(self, ms):
        if ms <= 0:
            return False
        box[1] = ms
        box[2] = 0
        op("D")
        low = box[1]
        high = box[2]
        while True:
            box[1] = low
            box[2] = high
            box[3] = self._bit
            ready = op("w")
            if ready != -1:
                return ready != 0

    def readinto(self, buffer, nbytes=-1):
        wanted = len(buffer) if nbytes < 0 else min(nbytes, len(buffer))
        got = self._take(buffer, 0, wanted)
        while got < wanted and self._await(self._timeout_char if got else self._timeout):
            got += self._take(buffer, got, wanted - got)
        return got or None

    def read(self, nbytes=-1):
        if nbytes >= 0:
            buffer = bytearray(nbytes)
            got = self.readinto(buffer)
            return None if got is None else bytes(memoryview(buffer)[:got])
        if not self.any():
            self._await(self._timeout)
        whole = b""
        while self.any():
            whole += self.read(self.any())
            self._await(self._timeout_char)
        return whole or None

    def readline(self):
        line = bytearray()
        one = bytearray(1)
        while self.readinto(one):
            line += one
            if one[0] == 10:
                break
        return bytes(line) or None

    def write(self, data):
        box[1] = self.number
        box[2] = address_of(data)
        box[3] = len(data)
        return op("u")

    def flush(self):
        pass

    def txdone(self):
        return True

    def sendbreak(self):
        pass

    def ioctl(self, request, argument):
        if request == 3:  # poll
            return ((argument & 1) if self.any() else 0) | (argument & 4)
        return 0 if request in (1, 4) else -1


class ADC:
    ATTN_0DB = const(0)
    ATTN_2_5DB = const(1)
    ATTN_6DB = const(2)
    ATTN_11DB = const(3)
    WIDTH_12BIT = const(12)

    def __init__(self, pin, *, atten=0):
        self._pin = pin.number if isinstance(pin, Pin) else pin
        self._atten = atten
        self.read_uv()

    def init(self, *, atten=0):
        self._atten = atten

    def atten(self, atten):
        self._atten = atten

    def width(self, bits):
        pass

    def read_uv(self):
        box[1] = self._pin
        box[2] = self._atten
        return _check(op("v"), "invalid pin")

    def read_u16(self):
        self.read_uv()
        return box[1]

    def read(self):
        return self.read_u16() >> 4


class Timer:
    ONE_SHOT = const(0)
    PERIODIC = const(1)

    def __new__(cls, id=-1, **kwargs):
        timer = _bridge.timers.get(id)
        if timer is None:
            timer = object.__new__(cls)
            timer.number = id
            timer.handler = None
            _bridge.timers[id] = timer
        if kwargs:
            timer.init(**kwargs)
        return timer

    def init(self, *, mode=1, period=-1, freq=0, callback=None, hard=False):
        if hard:
            raise ValueError("hard Timers are not implemented")
        self.handler = callback
        box[1] = self.number
        box[2] = period * 1000 if freq == 0 else 1000000 // freq
        box[3] = mode
        op("T")

    def deinit(self):
        self.handler = None
        box[1] = self.number
        box[2] = 0
        op("T")


class WDT:
    def __init__(self, id=0, timeout=5000):
        if timeout < 1:
            raise ValueError("WDT timeout too short")
        box[1] = timeout
        op("d")

    def feed(self):
        box[1] = 0
        op("d")


def unique_id():
    buffer = bytearray(6)
    box[1] = address_of(buffer)
    op("I")
    return bytes(buffer)


def reset_cause():
    buffer = bytearray(6)
    box[1] = address_of(buffer)
    return op("I")


def reset():
    op("R")


def soft_reset():
    raise SystemExit


def freq(hz=None):
    if hz is None:
        return 240000000
    if hz not in (80000000, 160000000, 240000000):
        raise ValueError("frequency must be 20MHz, 40MHz, 80Mhz, 160MHz or 240MHz")
    return None


def idle():
    # One tick of the scheduler at most, or until an interrupt.
    box[1] = 1
    box[2] = 0
    op("D")
    box[3] = 0
    op("w")


def lightsleep(ms):
    _bridge.pause(ms, 0)


def disable_irq():
    was_masked = _bridge.is_masked
    _bridge.is_masked = True
    return was_masked


def enable_irq(state=False):
    _bridge.is_masked = state
    if not state:
        _bridge.run_handlers()
