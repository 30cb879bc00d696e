from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chain.ledger.balances import burn_locked_hxt, get_supply
from chain.ledger.bonds import (
    BONDS,
    UNBONDING,
    Bond,
    begin_unbonding,
    get_router_subject,
    lock_bond,
    move_bond,
    release_free_bonds,
    take_bond,
)
from chain.ledger.faults import (
    FAULTS,
    Fault,
    check_fault_is_new,
    compute_fault_id,
    put_fault,
    slash_locked_hxt,
)
from chain.ledger.parameters import InvalidParameters, Parameters
from chain.ledger.tables import HXT
from chain.transactions import InvalidTransaction, Reason
from tests.unit.chain.world import World

SUBJECTS = [b"a" * 33, get_router_subject(b"a" * 33), b"b" * 33]


def test_a_bond_is_locked_and_comes_back_to_its_funder() -> None:
    world = World()
    before = world.account("bob").hxt
    lock_bond(world.state, SUBJECTS[0], world["bob"], 100)
    world.commit()
    assert world.account("bob").hxt == before - 100
    assert get_supply(world.state, HXT).locked == 100
    assert release_free_bonds(world.state, 10**6) == []
    assert begin_unbonding(world.state, SUBJECTS[0], 9) == 100
    assert release_free_bonds(world.state, 8) == []
    [event] = release_free_bonds(world.state, 9)
    assert event.fields == {"subject": SUBJECTS[0], "funder": world["bob"], "hxt": 100}
    world.commit()
    assert world.account("bob").hxt == before
    assert not list(world.state.iterate(BONDS)) and not list(world.state.iterate(UNBONDING))


def test_what_cannot_be_locked() -> None:
    world = World()
    with pytest.raises(InvalidTransaction) as caught:
        lock_bond(world.state, SUBJECTS[0], world["dave"], 1)
    assert caught.value.code is Reason.INSUFFICIENT_HXT
    lock_bond(world.state, SUBJECTS[0], world["bob"], 1)
    with pytest.raises(InvalidTransaction) as caught:
        lock_bond(world.state, SUBJECTS[0], world["bob"], 1)
    assert caught.value.code is Reason.UNBONDING
    lock_bond(world.state, SUBJECTS[2], world["dave"], 0)
    assert world.state.get(BONDS, SUBJECTS[2]) is None


def test_unbonding_begins_once_and_not_of_nothing() -> None:
    world = World()
    assert begin_unbonding(world.state, SUBJECTS[0], 5) == 0
    lock_bond(world.state, SUBJECTS[0], world["bob"], 7)
    begin_unbonding(world.state, SUBJECTS[0], 5)
    with pytest.raises(InvalidTransaction) as caught:
        begin_unbonding(world.state, SUBJECTS[0], 6)
    assert caught.value.code is Reason.UNBONDING


def test_an_unbonding_bond_can_still_be_taken_and_moved() -> None:
    world = World()
    lock_bond(world.state, SUBJECTS[0], world["bob"], 7)
    begin_unbonding(world.state, SUBJECTS[0], 5)
    move_bond(world.state, SUBJECTS[0], SUBJECTS[2])
    assert world.state.get(BONDS, SUBJECTS[0]) is None
    assert world.state.get(BONDS, SUBJECTS[2]) == Bond(7, world["bob"], 5)
    assert take_bond(world.state, SUBJECTS[2]) == 7
    assert take_bond(world.state, SUBJECTS[2]) == 0
    burn_locked_hxt(world.state, 7)
    world.commit()
    assert release_free_bonds(world.state, 5) == []


def test_a_bond_is_moved_onto_no_other() -> None:
    world = World()
    move_bond(world.state, SUBJECTS[0], SUBJECTS[2])
    for subject in (SUBJECTS[0], SUBJECTS[2]):
        lock_bond(world.state, subject, world["bob"], 7)
    with pytest.raises(InvalidTransaction) as caught:
        move_bond(world.state, SUBJECTS[0], SUBJECTS[2])
    assert caught.value.code is Reason.UNBONDING


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["lock", "unbond", "release", "take", "move"]),
            st.sampled_from(SUBJECTS),
            st.sampled_from(SUBJECTS),
            st.integers(0, 40),
        ),
        max_size=30,
    )
)
def test_any_history_of_bonds_adds_up(steps: list[tuple[str, bytes, bytes, int]]) -> None:
    world = World()
    for kind, subject, other, number in steps:
        try:
            with world.state.operation():
                match kind:
                    case "lock":
                        lock_bond(world.state, subject, world["bob"], number)
                    case "unbond":
                        begin_unbonding(world.state, subject, number)
                    case "release":
                        release_free_bonds(world.state, number)
                    case "take":
                        slash_locked_hxt(world.state, take_bond(world.state, subject), world["bob"], 300_000)
                    case _:
                        move_bond(world.state, subject, other)
        except InvalidTransaction as error:
            assert error.code is Reason.UNBONDING
        world.commit()
        marked = {key[8:]: int.from_bytes(key[:8], "big") for key, _ in world.state.iterate(UNBONDING)}
        unbonding = {key: bond.free_epoch for key, bond in world.state.iterate(BONDS) if bond.free_epoch}
        assert marked == unbonding


# Faults


@given(st.integers(0, 10**15), st.integers(0, 999_999))
def test_the_reporters_part_is_less_than_the_whole_and_nothing_is_lost(hxt: int, share_ppm: int) -> None:
    world = World()
    before, burnt = world.account("dave").hxt, get_supply(world.state, HXT).burnt
    reward = slash_locked_hxt(world.state, hxt, world["dave"], share_ppm)
    assert reward < hxt or hxt == 0
    assert world.account("dave").hxt == before + reward
    assert get_supply(world.state, HXT).burnt == burnt + hxt - reward


@pytest.mark.parametrize("share_ppm", [1_000_000, 1_000_001])
def test_no_network_gives_a_reporter_all(share_ppm: int) -> None:
    with pytest.raises(InvalidParameters, match="reporter_share_ppm"):
        Parameters(reporter_share_ppm=share_ppm).validate()


def test_a_fault_counts_once() -> None:
    world = World()
    fault_id = compute_fault_id("kind", b"subject", b"context")
    put_fault(world.state, fault_id, Fault("kind", 7, world["bob"], 5))
    assert world.state.get(FAULTS, fault_id) == Fault("kind", 7, world["bob"], 5)
    with pytest.raises(InvalidTransaction) as caught:
        check_fault_is_new(world.state, fault_id)
    assert caught.value.code is Reason.FAULT_KNOWN
    with pytest.raises(InvalidTransaction) as caught:
        put_fault(world.state, fault_id, Fault("kind", 8, world["bob"], 0))
    assert caught.value.code is Reason.FAULT_KNOWN


def test_fault_ids_are_apart() -> None:
    ids = {
        compute_fault_id(*parts)
        for parts in (
            ("a", b"b", b"c"), ("a", b"bc", b""), ("ab", b"", b"c"), ("a", b"", b"bc"), ("", b"ab", b"c")
        )
    }  # fmt: skip
    assert len(ids) == 5
    assert {len(fault_id) for fault_id in ids} == {32}
