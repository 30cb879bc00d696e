import pytest

from chain.ledger.amounts import compute_data_credits_for_hxt, compute_hxt_for_data_credits
from chain.ledger.balances import get_supply
from chain.ledger.tables import DATA_CREDITS, HXT
from chain.transactions import Burn, Reason
from tests.unit.chain.world import World


def test_burn_gives_data_credits_rounded_down() -> None:
    world = World()
    events = world.apply(Burn(**world.head("alice"), payee=world["dave"], hxt=1_999))
    assert world.account("dave").data_credits == 1
    assert get_supply(world.state, HXT).burnt == 1_999 + events[0].fields["hxt"]
    assert get_supply(world.state, DATA_CREDITS).held == 1_000_000 + 1
    assert events[1].fields["data_credits"] == 1


def test_price_decides() -> None:
    world = World()
    world.change_parameters(hxt_price=30_000_000)  # 0.30 USD
    world.apply(Burn(**world.head("alice"), payee=world["dave"], hxt=10**8))
    assert world.account("dave").data_credits == 30_000


def test_zero() -> None:
    world = World()
    world.refuse(Burn(**world.head("alice"), payee=world["dave"], hxt=0), Reason.ZERO_AMOUNT)


def test_less_than_a_data_credit() -> None:
    world = World()
    world.refuse(Burn(**world.head("alice"), payee=world["dave"], hxt=999), Reason.BURNS_TO_NOTHING)


def test_more_than_there_is() -> None:
    world = World()
    body = Burn(**world.head("alice"), payee=world["dave"], hxt=1001 * 10**8)
    world.refuse(body, Reason.INSUFFICIENT_HXT)


def test_payee_that_is_no_key() -> None:
    world = World()
    world.refuse(Burn(**world.head("alice"), payee=bytes([0x12]) * 33, hxt=10**8), Reason.INVALID_KEY)


def test_data_credits_that_overflow() -> None:
    world = World()
    world.change_parameters(hxt_price=10**24)
    body = Burn(**world.head("alice"), payee=world["dave"], hxt=900 * 10**8)
    world.refuse(body, Reason.AMOUNT_OVERFLOW)


@pytest.mark.parametrize("price", [1, 999, 30_000_000, 100_000_000, 123_456_789, 10**12])
@pytest.mark.parametrize("data_credits", [1, 7, 30_000, 10**9])
def test_to_and_fro_never_gains(price: int, data_credits: int) -> None:
    hxt = compute_hxt_for_data_credits(data_credits, price)
    assert compute_data_credits_for_hxt(hxt, price) >= data_credits
    assert compute_data_credits_for_hxt(hxt - 1, price) < data_credits
