"""Who decides: named keys and their threshold, their replacement, and the genesis that names the first."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.blocks.genesis import InvalidGenesis, decode_genesis, write_genesis_state
from chain.governance.approval import Governance, check_approved, get_governance, put_governance
from chain.keys import Keypair
from chain.keys.address import NETWORK_MAIN
from chain.ledger.price import get_reported_prices
from chain.ledger.state import MemoryStore, State
from chain.transactions import GovernanceChange, InvalidTransaction, Reason, get_signers
from tests.unit.chain.governed_world import DECIDERS, GovernedWorld, kinds
from tests.unit.chain.home import make_genesis
from tests.unit.chain.world import World, make_key

#: Of a type that there is not.
NO_KEY = b"\x17" + bytes(32)


def make(world: GovernedWorld, **changes: Any) -> GovernanceChange:
    fields = {
        **world.decide(),
        "keys": world.keys_of("four", "five"),
        "threshold": 2,
        "price_reporters": world.keys_of("ruth"),
    }
    return GovernanceChange(**{**fields, **changes})


def test_as_many_as_the_threshold_decide() -> None:
    world = GovernedWorld()
    for approvers in (("one", "two"), ("one", "three"), ("two", "three"), DECIDERS):
        check_approved(world.state, world.keys_of(*approvers))


@pytest.mark.parametrize("approvers", [("one",), ("two",), ("three",)])
def test_too_few(approvers: tuple[str, ...]) -> None:
    world = GovernedWorld()
    world.refuse(make(world, approvers=world.keys_of(*approvers)), Reason.NOT_APPROVED)


def test_a_stranger_among_enough() -> None:
    world = GovernedWorld()
    world.refuse(make(world, approvers=world.keys_of("one", "two", "alice")), Reason.NOT_APPROVED)


def test_strangers_alone() -> None:
    world = GovernedWorld()
    world.refuse(make(world, approvers=world.keys_of("alice", "bob")), Reason.NOT_APPROVED)


def test_one_key_twice_is_no_two_keys() -> None:
    world = GovernedWorld()
    world.refuse(make(world, approvers=(world["one"],) * 2), Reason.DUPLICATE_KEY)


def test_approvers_out_of_order() -> None:
    world = GovernedWorld()
    approvers = world.keys_of("one", "two")
    world.refuse(make(world, approvers=approvers[::-1]), Reason.NOT_SORTED)


def test_where_nobody_is_named_nobody_decides() -> None:
    world = GovernedWorld()
    put_governance(world.state, Governance())
    world.refuse(make(world), Reason.NOT_APPROVED)
    with pytest.raises(InvalidTransaction, match="names no deciding keys"):
        check_approved(World().state, (world["one"],))


def test_payer_and_all_approvers_sign() -> None:
    world = GovernedWorld()
    assert get_signers(make(world)) == (world["alice"], *world.keys_of("one", "two"))


@given(st.sets(st.integers(0, 9)), st.sets(st.integers(0, 9), min_size=1), st.integers(1, 10))
def test_approved_exactly_by_enough_of_the_named(named: set[int], signing: set[int], threshold: int) -> None:
    keys = [make_key(n).public_key.binary for n in range(1, 11)]
    state = State(MemoryStore())
    put_governance(state, Governance(tuple(sorted(keys[n] for n in named)), threshold, ()))
    approvers = sorted(keys[n] for n in signing)
    try:
        check_approved(state, approvers)
    except InvalidTransaction as error:
        assert error.code is Reason.NOT_APPROVED
        assert not (signing <= named and len(signing) >= threshold)
    else:
        assert signing <= named
        assert len(signing) >= threshold


def test_new_keys_decide_from_then_on() -> None:
    world = GovernedWorld()
    assert kinds(world.apply(make(world))) == ["governance_changed"]
    governance = get_governance(world.state)
    assert governance == Governance(world.keys_of("four", "five"), 2, world.keys_of("ruth"))
    world.refuse(make(world), Reason.NOT_APPROVED)
    world.apply(make(world, approvers=world.keys_of("four", "five")))


def test_a_reporter_that_goes_is_forgotten_with_its_prices() -> None:
    world = GovernedWorld()
    world.apply(world.report("ruth", 5))
    world.apply(world.report("rob", 6))
    world.apply(make(world))
    assert get_reported_prices(world.state, world["rob"]) == []
    assert len(get_reported_prices(world.state, world["ruth"])) == 1
    world.refuse(world.report("rob", 6), Reason.NOT_PRICE_REPORTER)


def test_a_threshold_that_nobody_can_reach() -> None:
    world = GovernedWorld()
    world.refuse(make(world, threshold=3), Reason.BAD_THRESHOLD)


def test_keys_out_of_order_or_twice() -> None:
    world = GovernedWorld()
    keys = world.keys_of("four", "five")
    world.refuse(make(world, keys=keys[::-1]), Reason.NOT_SORTED)
    world.refuse(make(world, keys=(keys[0], keys[0])), Reason.DUPLICATE_KEY)
    world.refuse(make(world, price_reporters=keys[::-1]), Reason.NOT_SORTED)
    world.refuse(make(world, price_reporters=(keys[0], keys[0])), Reason.DUPLICATE_KEY)


def test_keys_that_nobody_can_sign_with() -> None:
    world = GovernedWorld()
    main = Keypair.generate(NETWORK_MAIN).public_key.binary
    world.refuse(make(world, keys=(main,), threshold=1), Reason.WRONG_NETWORK)
    world.refuse(make(world, keys=(NO_KEY,), threshold=1), Reason.INVALID_KEY)
    world.refuse(make(world, price_reporters=(NO_KEY,)), Reason.INVALID_KEY)


# The genesis


def address(number: int) -> str:
    return make_key(number).public_key.address


def test_the_genesis_names_the_first_keys_in_any_order() -> None:
    names = [address(n) for n in range(1, 6)]
    for order in (names, names[::-1]):
        raw = make_genesis(
            governance_keys=tuple(order), governance_threshold=3, price_reporters=tuple(order[:2])
        )
        state = State(MemoryStore())
        write_genesis_state(state, decode_genesis(raw))
        governance = get_governance(state)
        assert governance.threshold == 3
        assert governance.keys == tuple(sorted(make_key(n).public_key.binary for n in range(1, 6)))
        assert len(governance.price_reporters) == 2


def test_a_genesis_without_keys() -> None:
    state = State(MemoryStore())
    write_genesis_state(state, decode_genesis(make_genesis()))
    assert get_governance(state) == Governance()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"governance_keys": (address(1),)}, "governance_threshold is 0, with 1"),
        ({"governance_keys": (address(1),), "governance_threshold": 2}, "must be 1 to their number"),
        ({"governance_keys": (address(1),), "governance_threshold": -1}, "governance_threshold is -1"),
        ({"governance_threshold": 1}, "with 0 governance_keys"),
        ({"governance_keys": (address(1),) * 2, "governance_threshold": 1}, "stands twice"),
        ({"governance_keys": ("nobody",), "governance_threshold": 1}, "governance_keys: "),
        (
            {
                "governance_keys": (Keypair.generate(NETWORK_MAIN).public_key.address,),
                "governance_threshold": 1,
            },
            "another network",
        ),
        (
            {"governance_keys": tuple(map(address, range(1, 18))), "governance_threshold": 1},
            "17 keys: at most 16",
        ),
        ({"price_reporters": (address(1),) * 2}, "price_reporters: .* stands twice"),
        ({"price_reporters": ("",)}, "price_reporters: "),
        ({"price_reporters": tuple(map(address, range(1, 66)))}, "65 keys: at most 64"),
    ],
)
def test_a_genesis_that_names_them_wrongly(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidGenesis, match=says):
        decode_genesis(make_genesis(**changes))
