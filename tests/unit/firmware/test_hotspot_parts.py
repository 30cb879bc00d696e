"""The hotspot's ring of packets, its clock and its deadlines, on a clock of the test's own."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware import link
from tests.unit.firmware.stand_in import TICKS, Bench

FIELDS = (0, 868_100_000, 125_000, 7, 5, link.WITH_CRC, -90, 20, -300)


def make_ring(slots: int) -> tuple[Bench, Any]:
    bench = Bench()
    bench.load("link.py")
    return bench, bench.load("hotspot/packet_ring.py").PacketRing(slots)


def add(ring: Any, payload: bytes) -> None:
    ring.add(payload + bytes(256 - len(payload)), len(payload), *FIELDS)


def take_offer(ring: Any) -> tuple[int, bytes] | None:
    """Number and payload of the packet offered next."""
    slot = ring.find_due()
    if slot < 0:
        return None
    out = bytearray(link.MAX_ENCODED)
    frames: list[bytes] = []
    length = ring.encode_into(out, slot)
    link.FrameReader(lambda _, __, data, start, end: frames.append(bytes(data[start:end]))).feed(out, length)
    values = link.unpack_packet(frames[0], 0, len(frames[0]))
    return values[0], values[-1]


def test_packets_are_offered_in_order_and_again_after_a_second() -> None:
    bench, ring = make_ring(4)
    add(ring, b"one")
    add(ring, b"two")
    assert [take_offer(ring), take_offer(ring), take_offer(ring)] == [(1, b"one"), (2, b"two"), None]
    bench.clock.pass_us(1_100_000)
    ring.acknowledge(1)
    assert [take_offer(ring), take_offer(ring)] == [(2, b"two"), None]
    ring.offer_all()  # a new host
    assert take_offer(ring) == (2, b"two")
    ring.acknowledge(2)
    ring.acknowledge(2)
    ring.acknowledge(77)
    assert len(ring) == 0
    ring.offer_all()
    assert take_offer(ring) is None


def test_a_full_ring_drops_the_oldest_and_counts_it() -> None:
    _, ring = make_ring(3)
    for number in range(1, 6):
        add(ring, b"%d" % number)
    assert [take_offer(ring) for _ in range(3)] == [(3, b"3"), (4, b"4"), (5, b"5")]
    assert ring.dropped == 2
    assert len(ring) == 3


@settings(max_examples=50)
@given(st.lists(st.one_of(st.none(), st.integers(1, 60)), max_size=60))
def test_the_ring_is_the_last_unacknowledged_ones(steps: list[int | None]) -> None:
    """None adds a packet, a number acknowledges."""
    _, ring = make_ring(5)
    kept: list[int] = []
    added = 0
    for step in steps:
        if step is None:
            added += 1
            add(ring, b"p%d" % added)
            kept = [*kept, added][-5:]
        else:
            ring.acknowledge(step)
            kept = [number for number in kept if number != step]
    offered = []
    while (offer := take_offer(ring)) is not None:
        offered.append(offer)
    assert offered == [(number, b"p%d" % number) for number in kept]


def test_ticks_grow_beyond_the_chips_counter() -> None:
    bench = Bench()
    clock = bench.load("hotspot/tick_clock.py").TickClock()
    real = 0
    while bench.clock.us < 3 * 2**32:
        bench.clock.pass_us(100_000_000)
        assert clock.get_tick() == bench.clock.us % 2**32
        real = bench.clock.us
    assert clock.uptime_s == real // 1_000_000


@pytest.mark.parametrize("wraps", range(1, 6))
def test_a_stamp_from_before_the_wrap_is_told_apart(wraps: int) -> None:
    bench = Bench()
    clock = bench.load("hotspot/tick_clock.py").TickClock()
    for _ in range(3 * wraps):
        bench.clock.pass_until(min(bench.clock.us + TICKS // 3, wraps * TICKS - 1000))
        clock.update()
    stamp_us = bench.clock.us
    stamp = bench.clock.ticks_us()
    bench.clock.pass_us(5000)
    clock.update()
    assert clock.extend(stamp) == (stamp_us + 1) % 2**32
    assert clock.extend(bench.clock.us % TICKS) == bench.clock.us % 2**32


@given(st.integers(-(2**31) + 10, 2**31 - 10))
@settings(max_examples=50)
def test_how_far_ahead_a_tick_lies(ahead_us: int) -> None:
    bench = Bench()
    clock = bench.load("hotspot/tick_clock.py").TickClock()
    tick = (bench.clock.us + ahead_us) % 2**32
    assert abs(clock.compute_ahead_us(tick) - ahead_us) <= 2


def test_deadlines_fall_due_once_and_bound_the_wait() -> None:
    bench = Bench()
    deadlines = bench.load("hotspot/deadlines.py").Deadlines(3)
    bench.clock.pass_until(TICKS - 10_000)  # across the counter's wrap
    deadlines.set_in_ms(0, 30)
    deadlines.set_in_ms(2, 20)
    assert 19 <= deadlines.compute_wait_ms(1000) <= 20
    assert not deadlines.take(2)
    bench.clock.pass_us(21_000)
    assert deadlines.take(2)
    assert not deadlines.take(2)
    assert 8 <= deadlines.compute_wait_ms(1000) <= 9
    deadlines.clear(0)
    assert deadlines.compute_wait_ms(1000) == 1000
    deadlines.set(1, bench.clock.us % TICKS - 5)
    assert deadlines.compute_wait_ms(1000) == 0
