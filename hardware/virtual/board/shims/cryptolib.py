# AES in ECB and CBC mode, as MicroPython's cryptolib; the host does the arithmetic.
from _bridge import address_of, box, op
from micropython import const

MODE_ECB = const(1)
MODE_CBC = const(2)


class aes:
    def __init__(self, key, mode, IV=None):
        if mode not in (1, 2):
            raise ValueError("mode")
        if len(key) not in (16, 32):
            raise ValueError("key")
        if mode == 2 and (IV is None or len(IV) != 16):
            raise ValueError("IV")
        self._key = bytes(key)
        self._mode = mode
        self._iv = bytearray(IV if mode == 2 else 16)
        self._direction = -1

    def _process(self, source, into, direction):
        if len(source) & 15:
            raise ValueError("blksize % 16")
        if self._direction not in (-1, direction):
            raise ValueError("can't encrypt & decrypt")
        self._direction = direction
        out = bytearray(len(source)) if into is None else into
        if len(out) < len(source):
            raise ValueError("output too small")
        box[1] = address_of(self._key)
        box[2] = len(self._key)
        box[3] = self._mode
        box[4] = address_of(self._iv)
        box[5] = address_of(source)
        box[6] = len(source)
        box[7] = address_of(out)
        box[8] = direction
        op("a")
        return bytes(out) if into is None else out

    def encrypt(self, source, into=None):
        return self._process(source, into, 0)

    def decrypt(self, source, into=None):
        return self._process(source, into, 1)
