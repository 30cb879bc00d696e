import pytest
from msgspec.structs import replace

from chain.keys import NETWORK_MAIN, Keypair
from chain.ledger.balances import get_supply
from chain.ledger.process_transaction import process_transaction
from chain.ledger.tables import DATA_CREDITS, HXT
from chain.transactions import (
    Burn,
    HotspotAdd,
    InvalidTransaction,
    Payee,
    Payment,
    Reason,
    compute_required_fee,
    with_required_fee,
)
from chain.transactions.bodies_hotspots import DATA_ONLY
from tests.unit.chain.world import PARAMETERS, World


def make_payment(world: World, payer: str = "alice", hxt: int = 5) -> Payment:
    return Payment(**world.head(payer), payees=(Payee(world["dave"], hxt),))


def test_fee_burns_data_credits_where_they_suffice() -> None:
    world = World()
    body = with_required_fee(
        HotspotAdd(
            **world.head("carol"), owner=world["dave"], hotspot=world["hotspot"], capability=DATA_ONLY
        ),
        PARAMETERS,
    )
    world.apply(body)
    assert world.account("carol").data_credits == 1_000_000 - body.fee
    assert world.account("carol").nonce == 1
    assert get_supply(world.state, DATA_CREDITS).burnt == body.fee
    assert get_supply(world.state, HXT).burnt == 0


def test_fee_may_take_the_last_data_credit() -> None:
    world = World()
    world.change_parameters(data_only_add_fee_data_credits=1_000_000 - 13)
    body = HotspotAdd(
        **world.head("carol"), owner=world["dave"], hotspot=world["hotspot"], capability=DATA_ONLY
    )
    assert compute_required_fee(body, world.context.parameters) == 1_000_000
    world.apply(body)
    assert world.account("carol").data_credits == 0


def test_fee_burns_hxt_rounded_up_where_data_credits_do_not_suffice() -> None:
    world = World()
    world.change_parameters(hxt_price=300_000_007)  # no multiple of anything
    body = with_required_fee(make_payment(world), PARAMETERS)
    events = world.apply(body)
    burnt = get_supply(world.state, HXT).burnt
    assert burnt == -(-body.fee * 10**11 // 300_000_007)
    assert world.account("alice").hxt == 1000 * 10**8 - burnt - 5
    assert events[0].kind == "fee_paid"
    assert events[0].fields == {"payer": world["alice"], "data_credits": body.fee, "hxt": burnt}
    books = get_supply(world.state, DATA_CREDITS)
    assert (books.minted, books.burnt) == (1_000_000 + body.fee, body.fee)


def test_a_fee_is_never_paid_in_parts() -> None:
    world = World()
    world.apply(Burn(**world.head("alice"), payee=world["dave"], hxt=2_000))  # two data credits
    before = world.account("dave")
    assert before.data_credits == 2
    world.refuse(make_payment(world, payer="dave"), Reason.FEE_NOT_COVERED)
    assert world.account("dave") == before


def test_a_higher_fee_is_taken_as_it_says() -> None:
    world = World()
    body = make_payment(world)
    body = replace(body, fee=compute_required_fee(body, PARAMETERS) + 10)
    process_transaction(world.state, body, world.context)
    assert get_supply(world.state, DATA_CREDITS).burnt == body.fee


def test_used_nonce() -> None:
    world = World()
    body = make_payment(world)
    world.apply(body)
    world.refuse(body, Reason.NONCE_USED)


def test_nonce_gap() -> None:
    world = World()
    world.refuse(replace(make_payment(world), nonce=2), Reason.NONCE_GAP)


def test_fee_too_low() -> None:
    world = World()
    body = with_required_fee(make_payment(world), PARAMETERS)
    with pytest.raises(InvalidTransaction) as caught:
        process_transaction(world.state, replace(body, fee=body.fee - 1), world.context)
    assert caught.value.code is Reason.FEE_TOO_LOW


def test_fee_not_covered() -> None:
    world = World()
    world.refuse(make_payment(world, payer="dave"), Reason.FEE_NOT_COVERED)


def test_an_invalid_operation_costs_nothing() -> None:
    world = World()
    before = world.account("alice")
    world.refuse(make_payment(world, hxt=2000 * 10**8), Reason.INSUFFICIENT_HXT)
    assert world.account("alice") == before


def test_signer_of_another_network() -> None:
    world = World()
    foreign = Keypair(bytes(31) + b"\x01", NETWORK_MAIN).public_key.binary
    world.refuse(replace(make_payment(world), payer=foreign), Reason.WRONG_NETWORK)
    world.refuse(HotspotAdd(**world.head("alice"), owner=world["bob"], hotspot=foreign), Reason.WRONG_NETWORK)


def test_signer_key_of_unknown_type() -> None:
    world = World()
    strange = b"\x13" + bytes(32)
    world.refuse(
        HotspotAdd(**world.head("alice"), owner=strange, hotspot=world["hotspot"]), Reason.INVALID_KEY
    )
