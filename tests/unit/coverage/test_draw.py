"""The draw of a round: once in a period on average, each alike, and no more work than what is drawn."""

from collections import Counter
from hashlib import sha256
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chain.coverage.draw import compute_draw
from chain.coverage.process import open_round
from chain.coverage.tables import (
    get_challenges,
    get_placed_hotspot,
    get_placed_hotspots,
    number_placed_hotspot,
    replace_placed_hotspot,
)
from chain.ledger.state import MemoryStore, State, Table
from chain.ledger.tables import HOTSPOTS, Hotspot
from tests.unit.coverage.town import Town, change_coverage, get_place


def get_entropy(round: int) -> bytes:
    return sha256(b"round %d" % round).digest()


@given(st.binary(min_size=32, max_size=32), st.integers(0, 500), st.integers(0, 600))
def test_a_draw_is_a_sample_without_repeats(entropy: bytes, placed: int, period: int) -> None:
    drawn = compute_draw(entropy, placed, period)
    assert len(set(drawn)) == len(drawn) and all(0 <= number < placed for number in drawn)
    assert placed // max(period, 1) <= len(drawn) <= -(-placed // max(period, 1))
    assert compute_draw(entropy, placed, period) == drawn


def test_with_a_period_of_one_everybody_is_drawn_in_an_order_that_changes() -> None:
    orders = {compute_draw(get_entropy(round), 4, 1) for round in range(200)}
    assert all(sorted(order) == [0, 1, 2, 3] for order in orders)
    assert len(orders) == 24


def test_each_is_drawn_once_in_a_period_on_average() -> None:
    """7 hotspots, one round in 5: 1.4 draws a round, of which the fraction is by chance."""
    counts = Counter(number for round in range(5_000) for number in compute_draw(get_entropy(round), 7, 5))
    assert counts.keys() == set(range(7))
    assert min(counts.values()) > 900 and max(counts.values()) < 1_100
    lengths = Counter(len(compute_draw(get_entropy(round), 7, 5)) for round in range(5_000))
    assert lengths.keys() == {1, 2} and 1_850 < lengths[2] < 2_150


def test_a_lone_hotspot_is_drawn_as_often_and_nothing_of_the_past_tells_when() -> None:
    rounds = [bool(compute_draw(get_entropy(round), 1, 10)) for round in range(10_000)]
    assert 900 < sum(rounds) < 1_100
    after = [now for before, now in pairwise(rounds) if before]
    assert 60 < sum(after) < 150  # as likely after a draw as ever


class CountingState(State):
    """Counts the rows that a rule reads."""

    reads = 0

    def get(self, table: Table[Any], key: bytes) -> Any:
        self.reads += 1
        return super().get(table, key)

    def iterate(self, table: Table[Any], key_prefix: bytes = b"") -> Any:
        for pair in super().iterate(table, key_prefix):
            self.reads += 1
            yield pair


def test_opening_a_round_reads_what_it_draws_and_no_more() -> None:
    reads = []
    for hotspots in (2_000, 20_000):
        state = CountingState(MemoryStore())
        for at in range(hotspots):
            key = b"\x11" + sha256(at.to_bytes(4, "big")).digest()
            state.put(HOTSPOTS, key, Hotspot(b"o" * 33, 1, location=get_place(45 + at % 97 / 10, 5.7)))
            number_placed_hotspot(state, key)
        town = Town(0, change_coverage(beacon_period_rounds=hotspots // 20))
        state.reads = 0
        open_round(state, town.get_context())
        assert len(get_challenges(state)) > 5
        reads.append(state.reads)
    assert reads[0] == reads[1] < 150


def test_numbers_are_dense_and_stay() -> None:
    state = State(MemoryStore())
    assert get_placed_hotspots(state) == 0 and get_placed_hotspot(state, 0) is None
    for key in (b"a", b"b", b"a", b"c"):
        number_placed_hotspot(state, key)
    assert get_placed_hotspots(state) == 3
    assert [get_placed_hotspot(state, at) for at in range(4)] == [b"a", b"b", b"c", None]
    replace_placed_hotspot(state, b"b", b"d")
    replace_placed_hotspot(state, b"never placed", b"e")
    assert [get_placed_hotspot(state, at) for at in range(4)] == [b"a", b"d", b"c", None]
    number_placed_hotspot(state, b"d")
    assert get_placed_hotspots(state) == 3
