import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.ledger.state import MemoryStore, State, Table


class Row(msgspec.Struct, frozen=True, array_like=True):
    value: int


class Other(msgspec.Struct, frozen=True, array_like=True):
    value: int


ROWS = Table("row", Row)
ROWS_TOO = Table("row_too", Row)


def test_get_put_delete_and_the_overlay() -> None:
    store = MemoryStore()
    state = State(store)
    assert state.get(ROWS, b"a") is None
    state.put(ROWS, b"a", Row(1))
    assert state.get(ROWS, b"a") == Row(1)
    assert store.pairs == {}
    store.write(state.get_changes())
    state.discard_changes()
    assert state.get(ROWS, b"a") == Row(1)
    state.delete(ROWS, b"a")
    assert state.get(ROWS, b"a") is None
    assert state.get_committed(ROWS, b"a") == Row(1)
    assert State(store).get(ROWS, b"a") == Row(1)


def test_tables_do_not_see_each_other() -> None:
    state = State(MemoryStore())
    state.put(ROWS, b"a", Row(1))
    state.put(ROWS_TOO, b"a", Row(2))
    assert list(state.iterate(ROWS)) == [(b"a", Row(1))]
    assert list(state.iterate(ROWS_TOO)) == [(b"a", Row(2))]


def test_iteration_merges_store_and_overlay_in_key_order() -> None:
    store = MemoryStore()
    state = State(store)
    for key in (b"c", b"a", b"b", b"\xff"):
        state.put(ROWS, key, Row(1))
    store.write(state.get_changes())
    state.discard_changes()
    state.delete(ROWS, b"b")
    state.put(ROWS, b"aa", Row(2))
    state.put(ROWS, b"c", Row(3))
    assert list(state.iterate(ROWS)) == [(b"a", Row(1)), (b"aa", Row(2)), (b"c", Row(3)), (b"\xff", Row(1))]
    assert list(state.iterate(ROWS, b"a")) == [(b"a", Row(1)), (b"aa", Row(2))]


def test_a_table_may_change_while_it_is_iterated() -> None:
    state = State(MemoryStore())
    for n in range(5):
        state.put(ROWS, bytes([n]), Row(n))
    for key, row in state.iterate(ROWS):
        state.delete(ROWS, key)
        state.put(ROWS, b"new" + key, row)
    assert [row.value for _, row in state.iterate(ROWS)] == [0, 1, 2, 3, 4]


def test_a_failed_operation_leaves_no_trace() -> None:
    state = State(MemoryStore())
    state.put(ROWS, b"a", Row(1))
    before = state.get_changes()
    with pytest.raises(ZeroDivisionError), state.operation():
        state.put(ROWS, b"a", Row(2))
        state.put(ROWS, b"b", Row(3))
        state.delete(ROWS, b"a")
        raise ZeroDivisionError
    assert state.get_changes() == before
    with state.operation():
        state.put(ROWS, b"a", Row(2))
    assert state.get(ROWS, b"a") == Row(2)


def test_an_inner_operation_fails_alone() -> None:
    state = State(MemoryStore())
    with state.operation():
        state.put(ROWS, b"a", Row(1))
        with pytest.raises(ZeroDivisionError), state.operation():
            state.put(ROWS, b"a", Row(2))
            raise ZeroDivisionError
        assert state.get(ROWS, b"a") == Row(1)
        state.put(ROWS, b"b", Row(2))
    assert len(state.get_changes()) == 2


def test_an_outer_failure_undoes_the_inner_success() -> None:
    state = State(MemoryStore())
    with pytest.raises(ZeroDivisionError), state.operation():
        with state.operation():
            state.put(ROWS, b"a", Row(2))
        raise ZeroDivisionError
    assert state.get_changes() == []


def test_rows_of_another_type_are_refused() -> None:
    state = State(MemoryStore())
    with pytest.raises(TypeError, match="row holds Row, not Other"):
        state.put(ROWS, b"a", Other(1))  # type: ignore[misc]


def test_rows_that_can_change_are_refused() -> None:
    class Loose(msgspec.Struct):
        value: int

    with pytest.raises(TypeError, match="frozen"):
        Table("loose", Loose)


def test_a_write_that_changes_nothing_is_no_change() -> None:
    store = MemoryStore()
    state = State(store)
    state.put(ROWS, b"a", Row(1))
    store.write(state.get_changes())
    state.discard_changes()
    state.put(ROWS, b"a", Row(2))
    state.put(ROWS, b"a", Row(1))
    state.put(ROWS, b"b", Row(1))
    state.delete(ROWS, b"b")
    assert state.get_changes() == []


operations = st.lists(
    st.tuples(
        st.sampled_from(["put", "delete", "fail"]),
        st.sampled_from([b"", b"a", b"b", b"ab"]),
        st.integers(0, 3),
    ),
    max_size=40,
)


@given(st.lists(operations, max_size=4))
def test_the_state_behaves_as_a_dictionary(blocks: list) -> None:
    store, model = MemoryStore(), {}
    for block in blocks:
        state = State(store)
        for operation, key, value in block:
            if operation == "put":
                state.put(ROWS, key, Row(value))
                model[key] = value
            elif operation == "delete":
                state.delete(ROWS, key)
                model.pop(key, None)
            else:
                with pytest.raises(KeyError), state.operation():
                    state.put(ROWS, key, Row(value))
                    state.delete(ROWS, b"a")
                    raise KeyError
        assert {key: row.value for key, row in state.iterate(ROWS)} == model
        changes = state.get_changes()
        assert changes == sorted(changes, key=lambda change: change[0])
        store.write(changes)
    assert {key: row.value for key, row in State(store).iterate(ROWS)} == model
