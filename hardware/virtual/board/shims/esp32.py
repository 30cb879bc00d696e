# esp32.NVS: named 32-bit integers and blobs that survive a power cut once committed.
from _bridge import address_of, box, op


def _check(answer):
    if answer < 0:
        raise OSError(answer)
    return answer


class NVS:
    def __init__(self, namespace):
        box[1] = address_of(namespace)
        box[2] = len(namespace)
        self._handle = _check(op("N"))

    def _name(self, key, kind):
        box[1] = self._handle
        box[2] = address_of(key)
        box[3] = len(key)
        box[4] = kind

    def set_i32(self, key, value):
        self._name(key, 0)
        box[5] = value
        _check(op("h"))

    def get_i32(self, key):
        self._name(key, 0)
        _check(op("g"))
        return box[1]

    def set_blob(self, key, value):
        self._name(key, 1)
        box[5] = address_of(value)
        box[6] = len(value)
        _check(op("h"))

    def get_blob(self, key, buffer):
        self._name(key, 1)
        box[5] = address_of(buffer)
        box[6] = len(buffer)
        return _check(op("g"))

    def erase_key(self, key):
        self._name(key, 0)
        _check(op("k"))

    def commit(self):
        _check(op("c"))
