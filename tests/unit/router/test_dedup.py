"""What belongs to one transmission and what doesn't."""

from hypothesis import given
from hypothesis import strategies as st

from router.network.dedup import Added, DedupWindow, is_same_transmission
from tests.unit.router.values import make_reception


def test_copies_are_merged_until_the_window_closes() -> None:
    window = DedupWindow(200)
    assert window.add(b"a", make_reception(1), 1000) is Added.OPENED
    assert window.add(b"a", make_reception(2, tick=77), 1100) is Added.MERGED
    assert window.add(b"b", make_reception(1), 1100) is Added.OPENED
    assert window.close_due(1199) == []
    [first] = window.close_due(1200)
    assert [r.hotspot[0] for r in first.receptions] == [1, 2]
    assert window.next_due_ms == 1300
    assert len(window.close_due(1300)) == 1
    assert len(window) == 0


def test_the_same_concentrator_hears_two_transmissions() -> None:
    """A recording replayed in no time: repeats come within the window, but with other ticks."""
    window = DedupWindow(200)
    window.add(b"a", make_reception(1, tick=5), 0)
    window.add(b"a", make_reception(2, tick=9), 1)
    assert window.add(b"a", make_reception(1, tick=6), 2) is Added.OPENED
    assert window.add(b"a", make_reception(2, tick=10), 3) is Added.MERGED
    assert [len(t.receptions) for t in window.close_due(500)] == [2, 2]


def test_another_frequency_or_time_is_another_transmission() -> None:
    window = DedupWindow(200)
    window.add(b"a", make_reception(1), 0)
    assert window.add(b"a", make_reception(2, frequency_hz=868_300_000), 1) is Added.OPENED
    assert window.add(b"a", make_reception(3, received_at_ms=1_009_000), 1) is Added.OPENED


def test_two_concentrators_of_one_hotspot_are_two_receptions() -> None:
    window = DedupWindow(200)
    window.add(b"a", make_reception(1), 0)
    assert window.add(b"a", make_reception(1, gateway_eui=b"\1" * 8), 0) is Added.MERGED


def test_the_same_reception_reported_again_is_answered_but_not_counted() -> None:
    window = DedupWindow(200)
    window.add(b"a", make_reception(1), 0)
    assert window.add(b"a", make_reception(1), 1) is Added.AGAIN
    assert window.add(b"a", make_reception(1, packet_hash=b"x" * 32), 1) is Added.AGAIN
    [closed] = window.close_due(300)
    assert len(closed.receptions) == 1
    assert [r.packet_hash for r in closed.repeats] == [b"x" * 32]


def test_a_full_window_takes_nothing_more_but_copies() -> None:
    window = DedupWindow(200, capacity=1)
    window.add(b"a", make_reception(1), 0)
    assert window.add(b"b", make_reception(1), 0) is Added.FULL
    assert window.add(b"a", make_reception(2), 0) is Added.MERGED


def test_late_copies() -> None:
    earlier = (make_reception(1), make_reception(2, tick=9))
    assert is_same_transmission(earlier, (make_reception(3, tick=4),))
    assert is_same_transmission(earlier, (make_reception(2, tick=9, received_at_ms=9_999_999),))
    assert not is_same_transmission(earlier, (make_reception(2, tick=10),))
    assert not is_same_transmission(earlier, (make_reception(3, frequency_hz=868_500_000),))
    assert not is_same_transmission(earlier, (make_reception(3, received_at_ms=1_010_000),))


@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.integers(1, 4), st.integers(0, 3), st.integers(0, 400)), max_size=60
    )
)
def test_every_report_comes_out_once_and_groups_have_no_concentrator_twice(
    reports: list[tuple[int, int, int, int]],
) -> None:
    window = DedupWindow(200)
    now, taken, closed = 0, 0, []
    for payload, hotspot, tick, wait in reports:
        now += wait
        closed += window.close_due(now)
        if window.add(bytes([payload]), make_reception(hotspot, tick=tick), now) in (
            Added.OPENED,
            Added.MERGED,
        ):
            taken += 1
    closed += window.close_due(now + 1000)
    assert sum(len(transmission.receptions) for transmission in closed) == taken
    for transmission in closed:
        concentrators = [reception.concentrator for reception in transmission.receptions]
        assert len(set(concentrators)) == len(concentrators)
