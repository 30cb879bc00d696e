"""The board link's frames: every message both ways, and what garbage on the line may cost."""

import binascii
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware import link

U8, U16, U32 = st.integers(0, 255), st.integers(0, 65535), st.integers(0, 2**32 - 1)
I8, I16, I32 = st.integers(-128, 127), st.integers(-32768, 32767), st.integers(-(2**31), 2**31 - 1)
TYPE = st.integers(0x80, 0xBF)
NAME = st.binary(max_size=20)

Frame = tuple[int, int, bytes]


class Collector:
    """Reads a stream and keeps what it is told."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.text = bytearray()
        self.reader = link.FrameReader(self._on_frame, self.text.append)

    def _on_frame(self, frame_type: int, sequence: int, buffer: bytearray, start: int, end: int) -> None:
        self.frames.append((frame_type, sequence, bytes(buffer[start:end])))

    def feed(self, data: bytes) -> "Collector":
        self.reader.feed(data, len(data))
        return self


@given(st.binary(max_size=400))
def test_crc_is_pythons_crc_hqx(data: bytes) -> None:
    assert link.compute_crc(data, len(data)) == binascii.crc_hqx(data, 0xFFFF)


def test_a_frame_is_as_written_down() -> None:
    # C0 | 81 | 03 -> DB DE | 00, C0 -> DB DC, DB -> DB DD, 03 -> DB DE | CRC-16 | C0
    body = bytes([0x81, 0x03, 0x00, 0xC0, 0xDB, 0x03])
    crc = binascii.crc_hqx(body, 0xFFFF)
    escaped = bytes.fromhex("81dbde00dbdcdbdddbde") + crc.to_bytes(2, "big")
    assert link.encode(0x81, 3, b"\x00\xc0\xdb\x03") == b"\xc0" + escaped + b"\xc0"


@given(TYPE, U8, st.binary(max_size=link.MAX_PAYLOAD), st.integers(1, 700))
def test_a_frame_survives_in_pieces_of_any_size(
    frame_type: int, sequence: int, payload: bytes, piece: int
) -> None:
    encoded = link.encode(frame_type, sequence, payload)
    assert len(encoded) <= link.MAX_ENCODED
    assert 0x03 not in encoded
    assert encoded.count(link.END) == 2
    collector = Collector()
    for at in range(0, len(encoded), piece):
        collector.feed(encoded[at : at + piece])
    assert collector.frames == [(frame_type, sequence, payload)]
    assert collector.reader.frames_bad == 0


def test_a_payload_too_long_is_refused() -> None:
    with pytest.raises(link.LinkError, match="301 bytes, at most 300"):
        link.encode(0x81, 0, bytes(301))


@given(st.binary(max_size=2000))
def test_garbage_never_raises_and_yields_no_frame_by_accident(data: bytes) -> None:
    collector = Collector().feed(data)
    # CRC-16 lets one in 65536 pass; what does must at least be a frame in shape.
    for frame_type, _, payload in collector.frames:
        assert frame_type & 0x80
        assert len(payload) <= link.MAX_PAYLOAD


@given(
    st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=8),
    st.integers(0),
    st.sampled_from(["flip", "drop", "insert", "cut"]),
    st.integers(0, 2**32),
)
def test_damage_costs_at_most_the_frame_it_hits(
    payloads: list[bytes], where: int, how: str, seed: int
) -> None:
    """One piece of damage in a run of frames: all others arrive. Damage at a C0 between two may hit either
    one.
    """
    source = random.Random(seed)
    encoded = [link.encode(0xB0, index, payload) for index, payload in enumerate(payloads)]
    stream = bytearray(b"".join(encoded))
    at = where % len(stream)
    if how == "flip":
        stream[at] ^= 1 << source.randrange(8)
    elif how == "drop":
        del stream[at]
    elif how == "insert":
        stream[at:at] = source.randbytes(source.randrange(1, 30))
    else:
        del stream[at : at + source.randrange(1, 10)]
    collector = Collector().feed(bytes(stream) + link.encode(0xB1, 0))
    got = [frame for frame in collector.frames if frame[0] == 0xB0]
    missing = {index for index, payload in enumerate(payloads)} - {sequence for _, sequence, _ in got}
    touched = 2 if how == "cut" else 1  # a cut may reach over a border
    assert len(missing) <= touched
    assert collector.frames[-1] == (0xB1, 0, b"")
    for _, sequence, payload in got:
        assert payloads[sequence] == payload


def test_console_text_between_frames_comes_out_as_it_comes() -> None:
    one, two = link.encode(0xB0, 1, b"one"), link.encode(0xB0, 2, b"two")
    collector = Collector().feed(b"ets Jun  8 2016\r\n" + one + b"hello\r\n")
    assert bytes(collector.text) == b"ets Jun  8 2016\r\nhello\r\n"  # without waiting for the next frame
    collector.feed(two)
    assert [sequence for _, sequence, _ in collector.frames] == [1, 2]
    assert collector.reader.frames_bad == 0


def test_ctrl_c_is_told_wherever_it_comes_and_breaks_its_frame_only() -> None:
    encoded = link.encode(0xB0, 1, b"payload")
    collector = Collector().feed(encoded[:5] + b"\x03" + encoded[5:] + link.encode(0xB0, 2))
    assert bytes(collector.text) == b"\x03"
    assert [sequence for _, sequence, _ in collector.frames] == [2]


def test_a_frame_without_end_is_dropped_at_the_limit() -> None:
    collector = Collector().feed(b"\xc0" + b"\x90" * 5000 + link.encode(0xB0, 7))
    assert collector.frames == [(0xB0, 7, b"")]
    assert collector.reader.frames_bad == 1


def roundtrip(pack: object, unpack: object, values: tuple[object, ...]) -> None:
    payload = pack(*values)  # type: ignore[operator]
    assert len(payload) <= link.MAX_PAYLOAD
    # Within a larger buffer, as a reader hands it out.
    assert unpack(b"\xaa" * 3 + payload + b"\xbb", 3, 3 + len(payload)) == values  # type: ignore[operator]


@given(U8, U32, U32)
def test_hello(version: int, session: int, baud: int) -> None:
    roundtrip(link.pack_hello, link.unpack_hello, (version, session, baud))


@given(st.tuples(U8, st.tuples(U8, U8, U8), U32, U8, U16, U8, U8, NAME, NAME))
def test_hello_answer(values: tuple[object, ...]) -> None:
    roundtrip(link.pack_hello_answer, link.unpack_hello_answer, values)


@given(st.tuples(U32, U32, U8, U8, U8, U8))
def test_configure(values: tuple[int, ...]) -> None:
    roundtrip(link.pack_configure, link.unpack_configure, values)


@given(st.tuples(U32, U32, U32, U32, U8, U8, U8, U8))
def test_listen(values: tuple[int, ...]) -> None:
    roundtrip(link.pack_listen, link.unpack_listen, values)


@given(st.tuples(U8, U32, U32, U32, U8, U8, U8, I8, U16), st.binary(max_size=255))
def test_transmit(values: tuple[int, ...], data: bytes) -> None:
    payload = link.pack_transmit(*values, data)
    assert link.unpack_transmit(payload, 0, len(payload)) == values
    assert payload[link.TRANSMIT_HEADER :] == data


@given(st.tuples(U32, U32, U32, U32, U8, U8, U8, I16, I8, I32), st.binary(max_size=255))
def test_packet(values: tuple[int, ...], data: bytes) -> None:
    out = bytearray(link.PACKET_HEADER + 255)
    link.pack_packet_into(out, *values)
    out[link.PACKET_HEADER : link.PACKET_HEADER + len(data)] = data
    assert link.unpack_packet(out, 0, link.PACKET_HEADER + len(data)) == (*values, data)


@given(U8, U32, st.tuples(*[U32] * len(link.STATUS_FIELDS)))
def test_answers(result: int, number: int, status: tuple[int, ...]) -> None:
    roundtrip(link.pack_transmit_answer, link.unpack_transmit_answer, (result, number))
    assert link.unpack_result(link.pack_result(result), 0, 1) == result
    assert link.unpack_number(link.pack_number(number), 0, 4) == number
    packed = link.pack_status(status)
    assert link.unpack_status(packed, 0, len(packed)) == status


@given(st.binary(max_size=320))
def test_what_is_no_message_is_refused_by_its_own_error(data: bytes) -> None:
    for name in dir(link):
        if name.startswith("unpack_"):
            try:
                getattr(link, name)(data, 0, len(data))
            except link.LinkError as error:
                assert str(error)


def test_it_is_written_in_what_both_pythons_share() -> None:
    source = Path(link.__file__).read_text()
    for foreign in ("dataclass", "from typing", "f'", 'f"', "async ", "match "):
        assert foreign not in source
