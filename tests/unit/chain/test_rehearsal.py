"""A transaction tried out: its costs and its effects are told, its faults are named, and nothing changes."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from chain.api import TransactionCheck
from chain.blocks.application import get_open_round
from chain.keys import Keypair
from chain.ledger.process_transaction import process_transaction
from chain.ledger.state import State
from chain.node.rehearsal import rehearse
from chain.transactions import (
    HotspotAdd,
    InvalidTransaction,
    Payee,
    Payment,
    Reason,
    SignedTransaction,
    TransactionBody,
    encode_transaction,
    get_signers,
    sign_transaction,
    with_required_fee,
)
from tests.unit.chain.home import FAUCET, Home
from tests.unit.chain.world import make_key

PAYER = FAUCET.public_key.binary
ALICE, HOTSPOT = make_key(1), make_key(2)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def try_out(home: Home, raw: bytes, state: State | None = None) -> TransactionCheck:
    state = state or home.state
    before = state.get_changes()
    context = home.chain.get_context(
        state, home.engine.head.height + 1, home.now_ms + 1, get_open_round(home.state)
    )
    answer = rehearse(state, raw, context)
    assert state.get_changes() == before
    return answer


def encode(body: TransactionBody, *keys: Keypair, chain_id: str = "hexhaul-unit") -> bytes:
    """Encode with signatures, without any where no keys are given."""
    if keys:
        return encode_transaction(sign_transaction(chain_id, body, keys))
    return encode_transaction(SignedTransaction(body, tuple(b"" for _ in get_signers(body))))


def pay(home: Home, hxt: int = 10**8, **changes: object) -> Payment:
    body = Payment(payer=PAYER, nonce=1, fee=0, payees=(Payee(ALICE.public_key.binary, hxt),))
    return replace(with_required_fee(body, home.chain.genesis_parameters), **changes)


@pytest.mark.parametrize("keys", [(), (FAUCET,)], ids=["unsigned", "signed"])
def test_what_a_payment_does(home: Home, keys: tuple[Keypair, ...]) -> None:
    body = pay(home)
    answer = try_out(home, encode(body, *keys))
    assert answer.is_valid and answer.code is None
    assert answer.missing_signatures == ([] if keys else [FAUCET.public_key.address])
    assert answer.fee == answer.required_fee == body.fee > 0
    payer, payee = sorted(answer.accounts, key=lambda change: change.address != FAUCET.public_key.address)
    assert payer.hxt_before - payer.hxt_after == 10**8 + answer.fee_hxt
    assert (payee.address, payee.hxt_before, payee.hxt_after) == (ALICE.public_key.address, 0, 10**8)
    assert [event["event"] for event in answer.events] == ["fee_paid", "payment"]
    assert answer.hxt_price == home.chain.genesis_parameters.hxt_price


def test_it_says_what_the_block_then_does(home: Home) -> None:
    raw = encode(pay(home), FAUCET)
    answer = try_out(home, raw)
    applied = home.make_block(raw)
    assert applied.outcomes[0].id.hex() == answer.id and applied.outcomes[0].included
    for change in answer.accounts:
        again = [a for a in try_out(home, encode(pay(home, nonce=2))).accounts if a.address == change.address]
        assert (again[0].hxt_before, again[0].data_credits_before) == (
            change.hxt_after,
            change.data_credits_after,
        )


def test_everything_that_waits_counts(home: Home) -> None:
    """On top of a state in which something waits already, its changes stay."""
    state = home.state
    context = home.chain.get_context(state, 1, home.now_ms + 1, get_open_round(home.state))
    process_transaction(state, pay(home), context)
    assert try_out(home, encode(pay(home)), state).code == "nonce_used"
    assert try_out(home, encode(pay(home, nonce=2)), state).is_valid


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"nonce": 2}, Reason.NONCE_GAP),
        ({"fee": 0}, Reason.FEE_TOO_LOW),
        ({"payees": ()}, Reason.NO_PAYEES),
        ({"payees": (Payee(PAYER, 1),)}, Reason.PAYS_ITSELF),
        ({"payees": (Payee(ALICE.public_key.binary, 0),)}, Reason.ZERO_AMOUNT),
        ({"payees": (Payee(ALICE.public_key.binary, 2**62),)}, Reason.INSUFFICIENT_HXT),
        ({"payer": ALICE.public_key.binary, "payees": (Payee(PAYER, 1),)}, Reason.FEE_NOT_COVERED),
        ({"payer": b"\x01" + bytes(32)}, Reason.WRONG_NETWORK),
    ],
)
def test_what_the_rules_say_against_it(home: Home, changes: dict, code: Reason) -> None:
    answer = try_out(home, encode(replace(pay(home), **changes)))
    assert (answer.is_valid, answer.code) == (False, code)
    assert answer.reason and answer.accounts == [] and answer.events == []


def test_a_signature_that_is_there_must_be_right(home: Home) -> None:
    other = encode(pay(home), FAUCET, chain_id="another-chain")
    assert try_out(home, other).code == Reason.BAD_SIGNATURE
    twice = encode_transaction(SignedTransaction(pay(home), (b"", b"")))
    assert try_out(home, twice).code == Reason.WRONG_SIGNATURE_COUNT


def test_missing_signatures_stand_in_order(home: Home) -> None:
    body = HotspotAdd(PAYER, 1, 10**6, ALICE.public_key.binary, HOTSPOT.public_key.binary)
    answer = try_out(home, encode(body))
    assert answer.missing_signatures == [pair.public_key.address for pair in (FAUCET, ALICE, HOTSPOT)]
    assert answer.is_valid


@given(st.binary(max_size=200))
def test_bytes_that_are_no_transaction(raw: bytes) -> None:
    with pytest.raises(InvalidTransaction):
        rehearse(State(None), raw, None)  # type: ignore[arg-type]
