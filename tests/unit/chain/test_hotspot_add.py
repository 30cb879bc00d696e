from msgspec.structs import replace

from chain.ledger.tables import HOTSPOTS, Hotspot
from chain.transactions import HotspotAdd, Reason, compute_required_fee, get_signers
from tests.unit.chain.world import PARAMETERS, World


def make(world: World, payer: str = "alice", owner: str = "bob", hotspot: str = "hotspot") -> HotspotAdd:
    return HotspotAdd(**world.head(payer), owner=world[owner], hotspot=world[hotspot])


def test_hotspot_joins() -> None:
    world = World()
    events = world.apply(make(world))
    row = world.state.get(HOTSPOTS, world["hotspot"])
    assert row == Hotspot(owner=world["bob"], added_height=7)
    assert events[-1].fields == {
        "hotspot": world["hotspot"],
        "owner": world["bob"],
        "payer": world["alice"],
    }


def test_payer_owner_and_hotspot_sign() -> None:
    world = World()
    assert get_signers(make(world)) == (world["alice"], world["bob"], world["hotspot"])
    assert get_signers(make(world, payer="bob")) == (world["bob"], world["hotspot"])


def test_it_costs_the_sunk_fee() -> None:
    world = World()
    fee = compute_required_fee(make(world), PARAMETERS)
    assert fee == PARAMETERS.hotspot_add_fee_data_credits + 13


def test_joins_once_only() -> None:
    world = World()
    world.apply(make(world))
    world.refuse(make(world), Reason.HOTSPOT_EXISTS)


def test_another_owner_cannot_take_it() -> None:
    world = World()
    world.apply(make(world))
    world.refuse(make(world, owner="carol"), Reason.HOTSPOT_EXISTS)


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
    from chain.ledger.process_transaction import process_transaction
    from chain.transactions import InvalidTransaction

    try:
        process_transaction(world.state, replace(body, fee=cheap), world.context)
    except InvalidTransaction as error:
        assert error.code is Reason.FEE_TOO_LOW
    else:
        raise AssertionError("a hotspot joined for the size fee alone")
