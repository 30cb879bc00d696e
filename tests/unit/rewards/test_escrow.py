"""Escrow: minted into locks, released once, taken by faults, moved with a hotspot's key."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from chain.ledger.amounts import MAX_AMOUNT
from chain.ledger.balances import AmountOverflow, burn_locked_hxt, get_supply
from chain.ledger.conservation import BooksDontAddUp, check_conservation, recount
from chain.ledger.escrow import (
    ESCROW,
    ESCROW_EPOCHS,
    FAULTED,
    Escrow,
    add_to_escrow,
    get_escrow,
    get_escrow_epochs,
    get_hotspot_escrow,
    move_escrow,
    release_escrow,
    take_escrow,
)
from chain.ledger.parameters import Parameters
from chain.ledger.state import MemoryStore, State
from chain.ledger.tables import HOTSPOTS, HXT, SUCCESSORS, Hotspot, Successor, get_account
from tests.unit.rewards.epochs import make_hotspot

OWNER, BUYER = make_hotspot(1_000), make_hotspot(1_001)
A, B, C = (make_hotspot(number) for number in range(3))
PARAMETERS = Parameters(escrow_epochs=3)


@pytest.fixture
def state() -> State:
    state = State(MemoryStore())
    for hotspot in (A, B):
        state.put(HOTSPOTS, hotspot, Hotspot(OWNER, 1))
    return state


def release(state: State, epoch: int, **changes: Any) -> dict[bytes, int]:
    events = release_escrow(state, epoch, replace(PARAMETERS, **changes))
    check_conservation(state)
    return {event.fields["hotspot"]: event.fields["hxt"] for event in events}


def test_what_is_added_is_minted_and_locked(state: State) -> None:
    add_to_escrow(state, 5, A, 70)
    add_to_escrow(state, 5, A, 7)
    add_to_escrow(state, 5, B, 0)
    assert get_escrow(state, 5, A) == 77 and get_escrow(state, 5, B) == get_escrow(state, 4, A) == 0
    check_conservation(state)
    supply = get_supply(state, HXT)
    assert (supply.minted, supply.locked, supply.held) == (77, 77, 0)
    assert len(list(state.iterate(ESCROW))) == 1


def test_it_is_released_when_it_has_waited(state: State) -> None:
    add_to_escrow(state, 5, A, 70)
    add_to_escrow(state, 6, A, 6)
    assert release(state, 7) == {}
    assert release(state, 8) == {A: 70}
    assert get_account(state, OWNER).hxt == 70
    assert release(state, 8) == {}
    assert release(state, 9) == {A: 6}
    assert get_escrow_epochs(state) == [] and not list(state.iterate(ESCROW))


def test_epochs_that_were_skipped_are_released_together(state: State) -> None:
    for epoch in (5, 6, 900):
        add_to_escrow(state, epoch, A, epoch)
    events = release_escrow(state, 800, PARAMETERS)
    assert [(event.kind, event.fields["epoch"]) for event in events] == [
        ("escrow_released", 5),
        ("escrow_released", 6),
    ]
    assert get_hotspot_escrow(state, A) == [(900, 900)]


def test_a_shorter_or_longer_wait_holds_for_what_waits_already(state: State) -> None:
    add_to_escrow(state, 5, A, 70)
    assert release(state, 8, escrow_epochs=10) == {}
    assert release(state, 8, escrow_epochs=0) == {A: 70}


def test_the_owner_of_the_release_is_paid(state: State) -> None:
    add_to_escrow(state, 5, A, 70)
    state.put(HOTSPOTS, A, Hotspot(BUYER, 1))
    release(state, 8)
    assert (get_account(state, OWNER).hxt, get_account(state, BUYER).hxt) == (0, 70)


def test_a_retired_hotspots_owner_is_paid(state: State) -> None:
    add_to_escrow(state, 5, A, 70)
    state.put(HOTSPOTS, A, Hotspot(OWNER, 1, status=1))
    assert release(state, 8) == {A: 70}
    assert get_account(state, OWNER).hxt == 70


@pytest.mark.parametrize("row", [None, Hotspot(OWNER, 1, status=FAULTED)])
def test_what_is_left_of_a_faulted_or_unknown_hotspot_burns(state: State, row: Hotspot | None) -> None:
    add_to_escrow(state, 5, A, 70)
    if row is None:
        state.delete(HOTSPOTS, A)
    else:
        state.put(HOTSPOTS, A, row)
    [event] = release_escrow(state, 8, PARAMETERS)
    assert (event.kind, event.fields["hxt"]) == ("escrow_burnt", 70)
    check_conservation(state)
    assert get_supply(state, HXT).burnt == 70 and get_account(state, OWNER).hxt == 0


def test_a_fault_takes_the_epochs_that_it_names(state: State) -> None:
    for epoch in range(5, 9):
        add_to_escrow(state, epoch, A, 10**epoch)
        add_to_escrow(state, epoch, B, 1)
    taken = take_escrow(state, A, 6, 7)
    assert taken == 10**6 + 10**7
    burn_locked_hxt(state, taken)
    check_conservation(state)
    assert get_hotspot_escrow(state, A) == [(5, 10**5), (8, 10**8)]
    assert take_escrow(state, A, 6, 7) == take_escrow(state, C, 0, 100) == 0
    assert get_escrow_epochs(state) == [5, 6, 7, 8]
    assert release(state, 100) == {A: 10**8, B: 1}


def test_taken_and_then_forgotten_the_books_do_not_add_up(state: State) -> None:
    add_to_escrow(state, 5, A, 70)
    check_conservation(state)
    take_escrow(state, A, 0, 10)
    with pytest.raises(BooksDontAddUp):
        check_conservation(state)


def test_it_follows_the_hotspots_key(state: State) -> None:
    add_to_escrow(state, 5, A, 70)
    add_to_escrow(state, 6, A, 6)
    add_to_escrow(state, 6, C, 1)
    state.delete(HOTSPOTS, A)
    state.put(HOTSPOTS, C, Hotspot(OWNER, 1))
    move_escrow(state, A, C)
    assert get_hotspot_escrow(state, A) == [] and get_hotspot_escrow(state, C) == [(5, 70), (6, 7)]
    check_conservation(state)
    assert release(state, 9) == {C: 7}  # the later one: both are one hotspot's
    assert get_account(state, OWNER).hxt == 77


def test_rows_under_an_old_key_are_paid_to_its_successors_owner(state: State) -> None:
    add_to_escrow(state, 5, A, 70)
    state.delete(HOTSPOTS, A)
    state.put(HOTSPOTS, C, Hotspot(BUYER, 1))
    state.put(SUCCESSORS, A, Successor(C))
    release(state, 8)
    assert get_account(state, BUYER).hxt == 70


def test_no_more_is_minted_than_amounts_can_count(state: State) -> None:
    add_to_escrow(state, 5, A, MAX_AMOUNT)
    with pytest.raises(AmountOverflow):
        add_to_escrow(state, 5, B, 1)
    with pytest.raises(AmountOverflow):
        add_to_escrow(state, 5, B, -1)


def test_a_negative_row_stops_the_node(state: State) -> None:
    state.put(ESCROW, bytes(8) + A, Escrow(-1))
    with pytest.raises(BooksDontAddUp):
        check_conservation(state)


STEPS = st.lists(
    st.tuples(st.sampled_from("artm"), st.integers(0, 12), st.integers(0, 2), st.integers(0, 1_000)),
    max_size=40,
)


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_any_history_keeps_the_books_and_its_list_of_epochs(steps: list[tuple[str, int, int, int]]) -> None:
    state = State(MemoryStore())
    for hotspot in (A, B):
        state.put(HOTSPOTS, hotspot, Hotspot(OWNER, 1))
    expected: dict[tuple[int, bytes], int] = {}
    for kind, epoch, number, hxt in steps:
        hotspot = (A, B, C)[number]
        if kind == "a":
            add_to_escrow(state, epoch, hotspot, hxt)
            expected[epoch, hotspot] = expected.get((epoch, hotspot), 0) + hxt
        elif kind == "r":
            release_escrow(state, epoch, PARAMETERS)
            expected = {key: row for key, row in expected.items() if key[0] > epoch - 3}
        elif kind == "t":
            burn_locked_hxt(state, take_escrow(state, hotspot, epoch, epoch + 3))
            expected = {
                key: row
                for key, row in expected.items()
                if key[1] != hotspot or not epoch <= key[0] <= epoch + 3
            }
        else:
            move_escrow(state, A, C)
            for key in [key for key in expected if key[1] == A]:
                expected[key[0], C] = expected.get((key[0], C), 0) + expected.pop(key)
        check_conservation(state)
    expected = {key: row for key, row in expected.items() if row}
    rows = {(int.from_bytes(key[:8], "big"), key[8:]): row.hxt for key, row in state.iterate(ESCROW)}
    assert rows == expected
    counts = {int.from_bytes(key, "big"): row.hotspots for key, row in state.iterate(ESCROW_EPOCHS)}
    assert counts == {
        epoch: sum(key[0] == epoch for key in expected) for epoch in {key[0] for key in expected}
    }
    recount(state)
