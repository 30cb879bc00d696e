from typing import Any

import pytest
from msgspec.structs import replace

from chain.ledger.balances import get_supply
from chain.ledger.bonds import BONDS, Bond
from chain.ledger.process_transaction import process_transaction
from chain.ledger.stakes import STAKES, Stake
from chain.ledger.tables import HOTSPOTS, HXT, SUCCESSORS, Hotspot, Successor
from chain.transactions import (
    HotspotAdd,
    InvalidTransaction,
    Reason,
    compute_required_fee,
    get_signers,
)
from chain.transactions.bodies_hotspots import DATA_ONLY
from tests.unit.chain.test_gateway_consent import P256_KEY, make_message
from tests.unit.chain.world import PARAMETERS, World

BOND = PARAMETERS.hotspot_bond_hxt


def make(
    world: World, payer: str = "alice", owner: str = "bob", hotspot: str = "hotspot", **more: Any
) -> Any:
    return HotspotAdd(**world.head(payer), owner=world[owner], hotspot=world[hotspot], **more)


def make_by_consent(world: World, **changes: object) -> HotspotAdd:
    """A stock gateway with a P-256 key joins: alice owns it, bob pays."""
    consent = make_message("p256", **changes).SerializeToString()
    return HotspotAdd(**world.head("bob"), owner=world["alice"], hotspot=P256_KEY.binary, consent=consent)


def test_hotspot_joins() -> None:
    world = World()
    events = world.apply(make(world))
    row = world.state.get(HOTSPOTS, world["hotspot"])
    assert row == Hotspot(owner=world["bob"], added_height=7)
    assert events[-1].fields == {
        "hotspot": world["hotspot"],
        "owner": world["bob"],
        "payer": world["alice"],
        "capability": 0,
        "bond_hxt": BOND,
    }


def test_payer_owner_and_hotspot_sign() -> None:
    world = World()
    assert get_signers(make(world)) == (world["alice"], world["bob"], world["hotspot"])
    assert get_signers(make(world, payer="bob")) == (world["bob"], world["hotspot"])


def test_it_costs_the_sunk_fee() -> None:
    world = World()
    fee = compute_required_fee(make(world), PARAMETERS)
    assert fee == PARAMETERS.hotspot_add_fee_data_credits + 13


def test_the_payer_bonds_a_full_hotspot() -> None:
    world = World()
    before = world.account("alice").hxt
    events = world.apply(make(world))
    fee = events[0].fields["hxt"]
    assert world.account("alice").hxt == before - fee - BOND
    assert world.state.get(BONDS, world["hotspot"]) == Bond(hxt=BOND, funder=world["alice"])
    assert get_supply(world.state, HXT).locked == BOND


def test_a_data_only_hotspot_pays_less_and_locks_nothing() -> None:
    world = World()
    body = make(world, capability=DATA_ONLY)
    assert compute_required_fee(body, PARAMETERS) == PARAMETERS.data_only_add_fee_data_credits + 13
    world.apply(body)
    assert world.state.get(BONDS, world["hotspot"]) is None
    row = world.state.get(HOTSPOTS, world["hotspot"])
    assert row is not None
    assert row.capability == DATA_ONLY


def test_a_payer_without_tokens_for_the_bond() -> None:
    """carol's data credits pay the fee; the bond is HXT."""
    world = World()
    world.refuse(make(world, payer="carol"), Reason.INSUFFICIENT_HXT)
    world.apply(make(world, payer="carol", capability=DATA_ONLY))


def test_a_payer_one_base_unit_short_of_the_bond() -> None:
    world = World()
    held = world.account("alice").hxt
    fee = world.apply(make(world, hotspot="first"))[0].fields["hxt"]
    world.change_parameters(hotspot_bond_hxt=held - BOND - 2 * fee + 1)
    world.refuse(make(world), Reason.INSUFFICIENT_HXT)
    world.change_parameters(hotspot_bond_hxt=held - BOND - 2 * fee)
    world.apply(make(world))
    assert world.account("alice").hxt == 0


def test_joins_once_only() -> None:
    world = World()
    world.apply(make(world))
    world.refuse(make(world), Reason.HOTSPOT_EXISTS)


def test_another_owner_cannot_take_it() -> None:
    world = World()
    world.apply(make(world))
    world.refuse(make(world, owner="carol"), Reason.HOTSPOT_EXISTS)


@pytest.mark.parametrize(("status", "reason"), [(1, Reason.HOTSPOT_RETIRED), (2, Reason.HOTSPOT_FAULTED)])
def test_a_key_that_has_ended_does_not_join_again(status: int, reason: Reason) -> None:
    world = World()
    world.state.put(HOTSPOTS, world["hotspot"], Hotspot(world["bob"], 3, status=status))
    world.refuse(make(world), reason)
    world.refuse(make(world, capability=DATA_ONLY), reason)


def test_a_replaced_key_does_not_join_again() -> None:
    world = World()
    world.state.put(SUCCESSORS, world["hotspot"], Successor(world["newer"]))
    world.refuse(make(world), Reason.KEY_IN_USE)


def test_a_routers_owner_is_no_hotspot() -> None:
    world = World()
    world.register_router(owner="carol")
    world.refuse(make(world, hotspot="carol"), Reason.KEY_IN_USE)


def test_hotspot_is_not_its_owner() -> None:
    world = World()
    world.refuse(make(world, owner="bob", hotspot="bob"), Reason.HOTSPOT_IS_OWNER)


def test_somebody_without_funds_cannot_pay() -> None:
    world = World()
    world.refuse(make(world, payer="dave"), Reason.FEE_NOT_COVERED)


def test_fee_without_the_sunk_part() -> None:
    world = World()
    body = make(world)
    world.change_parameters(hotspot_add_fee_data_credits=0)
    cheap = compute_required_fee(body, world.context.parameters)
    world.change_parameters(hotspot_add_fee_data_credits=50_000)
    with pytest.raises(InvalidTransaction) as caught:
        process_transaction(world.state, replace(body, fee=cheap), world.context)
    assert caught.value.code is Reason.FEE_TOO_LOW


def test_a_stock_gateway_joins_by_its_consent() -> None:
    world = World()
    body = make_by_consent(world)
    assert get_signers(body) == (world["bob"], world["alice"])
    world.apply(body)
    row = world.state.get(HOTSPOTS, P256_KEY.binary)
    assert row is not None
    assert row.owner == world["alice"]


def test_a_consent_counts_once() -> None:
    world = World()
    world.apply(make_by_consent(world))
    world.refuse(make_by_consent(world), Reason.HOTSPOT_EXISTS)


def test_consents_that_say_something_else() -> None:
    world = World()
    good = make_by_consent(world)
    for changes in ({"owner": world["carol"]}, {"payer": world["alice"]}, {"gateway": world["dave"]}):
        world.refuse(make_by_consent(world, **changes), Reason.BAD_CONSENT)
    world.refuse(replace(good, owner=world["carol"]), Reason.BAD_CONSENT)
    world.refuse(replace(good, hotspot=world["dave"]), Reason.BAD_CONSENT)
    world.refuse(replace(good, consent=good.consent[:-1]), Reason.BAD_CONSENT)
    world.refuse(replace(good, consent=b"x"), Reason.BAD_CONSENT)


def test_by_consent_the_hotspots_key_is_checked_though_it_does_not_sign() -> None:
    world = World()
    good = make_by_consent(world)
    of_main_network = bytes([good.hotspot[0] & 0x0F]) + good.hotspot[1:]
    world.refuse(replace(good, hotspot=of_main_network), Reason.WRONG_NETWORK)
    world.refuse(replace(good, hotspot=b"\x1f" + good.hotspot[1:]), Reason.INVALID_KEY)


def test_a_validators_key_is_no_hotspot() -> None:
    world = World()
    world.state.put(STAKES, world["validator"], Stake(world["bob"], 1, 1))
    world.refuse(make(world, hotspot="validator"), Reason.KEY_IN_USE)
