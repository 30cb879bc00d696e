# The board link: frames between a hotspot's board and its host. One definition for both ends: this file
# runs under MicroPython on the board and under CPython on the host, so it keeps to what the two share,
# without floats.
#
# On the line:  C0 | type | sequence | payload | CRC-16 | C0, where C0, DB and 03 inside are escaped as SLIP
# does (DB DC, DB DD, DB DE), so a plain 03 is always a person's Ctrl-C. The CRC is CRC-16/CCITT (polynomial
# 1021, start FFFF, as Python's binascii.crc_hqx), big endian, over type, sequence and payload. Types have
# their top bit set: what follows a C0 with the bit clear is console text and is handed on as it comes.
# Every C0 may both end a frame and begin the next, so damage costs the frame it hits and no other.
#
# Numbers are big endian. Ticks are the board's microsecond counter modulo 2**32; a received packet's tick
# is the end of its last symbol, a transmission's the start of its first preamble symbol.
#
# A request (81..8F) gets exactly one answer (type + 20, same sequence). TRANSMIT's comes when it is over,
# so a RECEIPT says at once that it has arrived. A request repeated with its sequence within a session is
# not done twice. PACKET comes from the board by itself and is offered again until the host sends
# ACKNOWLEDGE.

try:
    from micropython import const
except ImportError:

    def const(value: int) -> int:
        return value


import struct

VERSION = const(1)
#: Speed before a hello, and again when hellos stop.
BASE_BAUD = const(115200)
#: Without a hello for this long the board is back at BASE_BAUD and Ctrl-C reaches its REPL.
HELLO_TIMEOUT_MS = const(8000)

END = const(0xC0)
ESCAPE = const(0xDB)
CTRL_C = const(0x03)

MAX_RADIO_PAYLOAD = const(255)
MAX_PAYLOAD = const(300)
MAX_FRAME = const(304)  # type, sequence, payload, CRC, before escaping
MAX_ENCODED = const(610)  # every byte escaped, two C0

# Requests of the host.
HELLO = const(0x81)
CONFIGURE = const(0x82)
LISTEN = const(0x83)
TRANSMIT = const(0x84)
STATUS = const(0x85)
TIME = const(0x86)
REBOOT = const(0x87)
ANSWER = const(0x20)  # answer type = request type + ANSWER
# What stands outside request and answer.
ACKNOWLEDGE = const(0x91)  # host: this packet is safe, forget it
RECEIPT = const(0xA0)  # board: TRANSMIT has arrived, its answer follows when it is over
PACKET = const(0xB0)  # board: a packet from the air

# Result codes; RESULT_NAMES are the words the host uses.
OK = const(0)
TOO_LATE = const(1)
TOO_EARLY = const(2)
COLLISION = const(3)
RADIO_FAILED = const(4)
INVALID = const(5)
UNKNOWN_REQUEST = const(6)
RESULT_NAMES = ("ok", "too_late", "too_early", "collision", "radio_failed", "invalid", "unknown_request")

# Flags of CONFIGURE, LISTEN, TRANSMIT and PACKET.
INVERT_IQ = const(0x01)
WITH_CRC = const(0x02)  # TRANSMIT: send one; PACKET: the sender sent one
NOW = const(0x04)  # TRANSMIT: as soon as possible; the tick is any number that no other request has
CRC_OK = const(0x08)  # PACKET: it was right

# Capabilities in the answer to HELLO.
CAN_TRANSMIT_AT = const(0x0001)
CAN_LISTEN_AT = const(0x0002)
CAN_CHANGE_BAUD = const(0x0004)

_HELLO = ">BII"  # version, session, baud asked for
_HELLO_ANSWER = ">BBBBIBHBBB"
_CONFIGURE = ">IIBBBB"  # frequency, bandwidth, spreading factor, coding rate (5..8), sync word, flags
_LISTEN = ">IIIIBBBB"  # start tick, duration in us, then as CONFIGURE
# flags, tick, frequency, bandwidth, SF, coding rate, sync word, power in dBm, preamble symbols; payload
_TRANSMIT = ">BIIIBBBbH"
# id, tick, frequency, bandwidth, SF, coding rate, flags, RSSI in dBm, SNR x4, frequency error; payload
_PACKET = ">IIIIBBBhbi"
TRANSMIT_HEADER = const(19)
PACKET_HEADER = const(26)

#: Fields of the answer to STATUS, each an unsigned 32-bit number, counted since boot.
STATUS_FIELDS = (
    "uptime_s",
    "packets_received",
    "packets_crc_bad",
    "packets_dropped",
    "packets_unacknowledged",
    "transmissions",
    "transmissions_refused",
    "transmission_latest_us",
    "radio_resets",
    "frames_bad",
    "loop_slowest_us",
    "heap_free_bytes",
)

# A CRC of half a byte at a time: 16 entries instead of 256, on a board that counts its kilobytes.
_CRC_NIBBLES = (
    0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50A5, 0x60C6, 0x70E7,
    0x8108, 0x9129, 0xA14A, 0xB16B, 0xC18C, 0xD1AD, 0xE1CE, 0xF1EF,
)  # fmt: skip


class LinkError(ValueError):
    """A payload that isn't what its type promises."""


def compute_crc(data: bytes, length: int, crc: int = 0xFFFF) -> int:
    nibbles = _CRC_NIBBLES
    for index in range(length):
        byte = data[index]
        crc = ((crc << 4) & 0xFFFF) ^ nibbles[(crc >> 12) ^ (byte >> 4)]
        crc = ((crc << 4) & 0xFFFF) ^ nibbles[(crc >> 12) ^ (byte & 15)]
    return crc


def _put(out: bytearray, at: int, byte: int) -> int:
    if byte == END or byte == ESCAPE or byte == CTRL_C:
        out[at] = ESCAPE
        out[at + 1] = 0xDC if byte == END else 0xDD if byte == ESCAPE else 0xDE
        return at + 2
    out[at] = byte
    return at + 1


def encode_into(out: bytearray, frame_type: int, sequence: int, payload: bytes, length: int) -> int:
    # A frame with the first `length` bytes of payload into `out` (MAX_ENCODED long); returns its length.
    if length > MAX_PAYLOAD:
        raise LinkError("payload of %d bytes, at most %d" % (length, MAX_PAYLOAD))
    nibbles = _CRC_NIBBLES
    crc = 0xFFFF
    out[0] = END
    at = 1
    for index in range(-2, length):
        byte = frame_type if index == -2 else sequence if index == -1 else payload[index]
        crc = ((crc << 4) & 0xFFFF) ^ nibbles[(crc >> 12) ^ (byte >> 4)]
        crc = ((crc << 4) & 0xFFFF) ^ nibbles[(crc >> 12) ^ (byte & 15)]
        at = _put(out, at, byte)
    at = _put(out, at, crc >> 8)
    at = _put(out, at, crc & 0xFF)
    out[at] = END
    return at + 1


def encode(frame_type: int, sequence: int, payload: bytes = b"") -> bytes:
    out = bytearray(MAX_ENCODED)
    return bytes(out[: encode_into(out, frame_type, sequence, payload, len(payload))])


_TEXT = const(0)  # between frames: console text
_START = const(1)  # a C0 was seen
_FRAME = const(2)
_ESCAPED = const(3)  # in a frame, after DB
_SKIP = const(4)  # in a frame that is spoilt: until the next C0


class FrameReader:
    # Takes bytes as they come, calls on_frame(type, sequence, buffer, start, end) for each good frame, with
    # the payload at buffer[start:end] (valid during the call only), and on_text(byte) for each byte outside
    # frames and for a Ctrl-C anywhere. Never raises on what is on the line.

    def __init__(self, on_frame: object, on_text: object = None) -> None:
        self._on_frame = on_frame
        self._on_text = on_text
        self._buffer = bytearray(MAX_FRAME)
        self._length = 0
        self._state = _TEXT
        self.frames_good = 0
        self.frames_bad = 0

    def reset(self) -> None:
        self._state = _TEXT

    def feed(self, data: bytes, length: int) -> None:
        buffer = self._buffer
        for index in range(length):
            byte = data[index]
            state = self._state
            if byte == END:
                self._end(state)
            elif byte == CTRL_C:
                if state > _START:
                    self._state = _SKIP
                self._text(byte)
            elif state == _FRAME or state == _ESCAPED:
                if state == _ESCAPED:
                    self._state = _FRAME
                    if byte == 0xDC:
                        byte = END
                    elif byte == 0xDD:
                        byte = ESCAPE
                    elif byte == 0xDE:
                        byte = CTRL_C
                    else:
                        self._state = _SKIP
                elif byte == ESCAPE:
                    self._state = _ESCAPED
                    continue
                if self._length == MAX_FRAME:
                    self._state = _SKIP
                else:
                    buffer[self._length] = byte
                    self._length += 1
            elif state == _START and byte & 0x80:
                self._state = _FRAME if byte != ESCAPE else _SKIP
                buffer[0] = byte
                self._length = 1
            elif state != _SKIP:
                self._state = _TEXT
                self._text(byte)

    def _end(self, state: int) -> None:
        self._state = _START
        if state < _FRAME:
            return
        length = self._length
        buffer = self._buffer
        # Run over its own CRC, a right frame leaves nothing.
        if state != _FRAME or length < 4 or compute_crc(buffer, length) != 0:
            self.frames_bad += 1
            return
        self.frames_good += 1
        self._on_frame(buffer[0], buffer[1], buffer, 2, length - 2)

    def _text(self, byte: int) -> None:
        if self._on_text is not None:
            self._on_text(byte)


def _unpack(layout: str, payload: bytes, start: int, end: int, exact: bool = True) -> tuple:
    size = struct.calcsize(layout)
    if end - start < size or (exact and end - start != size):
        raise LinkError("payload of %d bytes where %d are due" % (end - start, size))
    return struct.unpack_from(layout, payload, start)


# Each message: pack_* gives the payload, unpack_*(payload, start, end) the values in the same order.


def pack_hello(version: int, session: int, baud: int) -> bytes:
    return struct.pack(_HELLO, version, session, baud)


def unpack_hello(payload: bytes, start: int, end: int) -> tuple:
    # A later version may add fields: those known here stay first.
    return _unpack(_HELLO, payload, start, end, False)


def pack_hello_answer(
    version: int,
    firmware: tuple,
    boot_id: int,
    tick_bits: int,
    capabilities: int,
    ring_slots: int,
    radio_ok: int,
    board: bytes,
    radio: bytes,
) -> bytes:
    major, minor, patch = firmware
    values = (version, major, minor, patch, boot_id, tick_bits, capabilities, ring_slots, radio_ok)
    head = struct.pack(_HELLO_ANSWER, *values, len(board))
    return head + board + bytes((len(radio),)) + radio


def unpack_hello_answer(payload: bytes, start: int, end: int) -> tuple:
    values = _unpack(_HELLO_ANSWER, payload, start, end, False)
    board_length = values[9]
    at = start + struct.calcsize(_HELLO_ANSWER)
    board = bytes(payload[at : at + board_length])
    at += board_length
    if at >= end or at + 1 + payload[at] > end:
        raise LinkError("names run past the end of the hello")
    radio = bytes(payload[at + 1 : at + 1 + payload[at]])
    return (values[0], tuple(values[1:4])) + tuple(values[4:9]) + (board, radio)


def pack_configure(
    frequency: int, bandwidth: int, sf: int, coding_rate: int, sync_word: int, flags: int
) -> bytes:
    return struct.pack(_CONFIGURE, frequency, bandwidth, sf, coding_rate, sync_word, flags)


def unpack_configure(payload: bytes, start: int, end: int) -> tuple:
    return _unpack(_CONFIGURE, payload, start, end)


def pack_listen(
    start_tick: int,
    duration_us: int,
    frequency: int,
    bandwidth: int,
    sf: int,
    coding_rate: int,
    sync_word: int,
    flags: int,
) -> bytes:
    modem = (frequency, bandwidth, sf, coding_rate, sync_word, flags)
    return struct.pack(_LISTEN, start_tick, duration_us, *modem)


def unpack_listen(payload: bytes, start: int, end: int) -> tuple:
    return _unpack(_LISTEN, payload, start, end)


def pack_transmit(
    flags: int,
    tick: int,
    frequency: int,
    bandwidth: int,
    sf: int,
    coding_rate: int,
    sync_word: int,
    power_dbm: int,
    preamble: int,
    payload: bytes,
) -> bytes:
    head = struct.pack(
        _TRANSMIT, flags, tick, frequency, bandwidth, sf, coding_rate, sync_word, power_dbm, preamble
    )
    return head + payload


def unpack_transmit(payload: bytes, start: int, end: int) -> tuple:
    # Without the radio payload: that is what follows the first TRANSMIT_HEADER bytes.
    if end - start > TRANSMIT_HEADER + MAX_RADIO_PAYLOAD:
        raise LinkError("%d bytes to transmit, at most 255" % (end - start - TRANSMIT_HEADER))
    return _unpack(_TRANSMIT, payload, start, end, False)


def pack_transmit_answer(result: int, tick_started: int) -> bytes:
    return struct.pack(">BI", result, tick_started)


def unpack_transmit_answer(payload: bytes, start: int, end: int) -> tuple:
    return _unpack(">BI", payload, start, end)


def pack_result(result: int) -> bytes:
    return bytes((result,))


def unpack_result(payload: bytes, start: int, end: int) -> int:
    if end - start != 1:
        raise LinkError("result of %d bytes where 1 is due" % (end - start))
    return payload[start]


def pack_number(number: int) -> bytes:
    # ACKNOWLEDGE (packet id) and the answer to TIME (tick).
    return struct.pack(">I", number)


def unpack_number(payload: bytes, start: int, end: int) -> int:
    return _unpack(">I", payload, start, end)[0]


def pack_status(values: tuple) -> bytes:
    return struct.pack(">%dI" % len(STATUS_FIELDS), *values)


def unpack_status(payload: bytes, start: int, end: int) -> tuple:
    return _unpack(">%dI" % len(STATUS_FIELDS), payload, start, end, False)


def pack_packet_into(
    out: bytearray,
    packet_id: int,
    tick: int,
    frequency: int,
    bandwidth: int,
    sf: int,
    coding_rate: int,
    flags: int,
    rssi_dbm: int,
    snr_x4: int,
    frequency_error: int,
) -> None:
    # The radio payload goes behind, at out[PACKET_HEADER:]: the board keeps packets ready to send.
    struct.pack_into(
        _PACKET, out, 0,
        packet_id, tick, frequency, bandwidth, sf, coding_rate, flags, rssi_dbm, snr_x4, frequency_error,
    )  # fmt: skip


def unpack_packet(payload: bytes, start: int, end: int) -> tuple:
    values = _unpack(_PACKET, payload, start, end, False)
    return values + (bytes(payload[start + PACKET_HEADER : end]),)
