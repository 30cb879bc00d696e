from chain.keys import NETWORK_MAIN, Keypair
from chain.transactions import Payee, Payment, Reason
from tests.unit.chain.world import World


def pay(world: World, *payees: tuple[str, int], memo: bytes = b"") -> Payment:
    return Payment(**world.head("alice"), payees=tuple(Payee(world[n], hxt) for n, hxt in payees), memo=memo)


def test_payment_to_two() -> None:
    world = World()
    events = world.apply(pay(world, ("dave", 30), ("bob", 12), memo=b"rent"))
    assert world.account("dave").hxt == 30
    assert world.account("bob").hxt == 1000 * 10**8 + 12
    assert [(e.kind, e.fields.get("hxt")) for e in events[1:]] == [("payment", 30), ("payment", 12)]
    assert events[1].fields["memo"] == b"rent"


def test_fee_and_payment_together_may_take_the_last_unit() -> None:
    world = World()
    fee_hxt = 7_000
    rest = world.account("alice").hxt - fee_hxt
    world.apply(pay(world, ("dave", rest)))
    assert world.account("alice").hxt == 0


def test_one_unit_too_much() -> None:
    world = World()
    world.refuse(pay(world, ("dave", world.account("alice").hxt - 7_000 + 1)), Reason.INSUFFICIENT_HXT)


def test_second_payee_too_much_pays_the_first_nothing() -> None:
    world = World()
    world.refuse(pay(world, ("dave", 10), ("bob", 2000 * 10**8)), Reason.INSUFFICIENT_HXT)
    assert world.account("dave").hxt == 0


def test_no_payees() -> None:
    world = World()
    world.refuse(pay(world), Reason.NO_PAYEES)


def test_too_many_payees() -> None:
    world = World()
    world.change_parameters(max_payees=2)
    world.refuse(pay(world, ("dave", 1), ("bob", 1), ("carol", 1)), Reason.TOO_MANY_PAYEES)


def test_duplicate_payee() -> None:
    world = World()
    world.refuse(pay(world, ("dave", 1), ("dave", 2)), Reason.DUPLICATE_PAYEE)


def test_pays_itself() -> None:
    world = World()
    world.refuse(pay(world, ("alice", 1)), Reason.PAYS_ITSELF)


def test_zero_amount() -> None:
    world = World()
    world.refuse(pay(world, ("dave", 1), ("bob", 0)), Reason.ZERO_AMOUNT)


def test_payee_of_another_network() -> None:
    world = World()
    world.keys["foreigner"] = Keypair(bytes(32), NETWORK_MAIN)
    world.refuse(pay(world, ("foreigner", 1)), Reason.WRONG_NETWORK)


def test_payee_that_is_no_key() -> None:
    world = World()
    body = Payment(**world.head("alice"), payees=(Payee(b"\x1f" * 33, 1),))
    world.refuse(body, Reason.INVALID_KEY)


def test_overflow_of_the_payee() -> None:
    world = World()
    from chain.ledger.balances import credit_minted
    from chain.ledger.state import State

    rich = State(world.store)
    credit_minted(rich, world["dave"], 2**63 - 1 - 2001 * 10**8)
    world.state = rich
    world.apply(pay(world, ("dave", 900 * 10**8)))
    assert world.account("dave").hxt < 2**63
