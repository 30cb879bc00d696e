"""Whoever signs reads what it does: every type of transaction, every amount and every party of it."""

import msgspec
import pytest

from chain.keys import PublicKey
from chain.transactions.bodies_hotspots import DATA_ONLY
from chain.transactions.types import HotspotAdd, Payment, TransactionBody
from chain.wallet.words import describe_key, describe_transaction, render_body
from tests.unit.chain.bodies import A, B, C, D, make_bodies

BODIES = make_bodies()


def name(body: TransactionBody) -> str:
    return type(body).__name__


def find_keys(value: object) -> set[bytes]:
    """All public keys anywhere in a body."""
    if isinstance(value, bytes):
        return {value} if value in (A, B, C, D) else set()
    if isinstance(value, msgspec.Struct):
        value = tuple(getattr(value, field) for field in value.__struct_fields__)
    if isinstance(value, tuple):
        return set().union(*map(find_keys, value))
    return set()


@pytest.mark.parametrize("body", BODIES, ids=name)
def test_every_party_is_named(body: TransactionBody) -> None:
    text = "\n".join(describe_transaction(body))
    unnamed = {"approvers"} if hasattr(body, "approvers") else set()
    parties = find_keys(body)
    if unnamed:
        parties -= set(body.approvers)  # type: ignore[union-attr]
    for key in parties:
        assert PublicKey(key).address in text
    assert "Fee: 11 data credits" in text and "transaction number 7" in text


@pytest.mark.parametrize("body", BODIES, ids=name)
def test_every_field_is_rendered(body: TransactionBody) -> None:
    fields = render_body(body)
    assert fields["type"] == name(body)
    assert set(fields) == {"type", *body.__struct_fields__}
    assert fields["payer"] == PublicKey(A).address
    assert msgspec.json.decode(msgspec.json.encode(fields)) == fields


def test_different_bodies_say_different_things() -> None:
    texts = {"\n".join(describe_transaction(body)) for body in BODIES}
    assert len(texts) == len(BODIES)


def test_amounts_are_told_to_the_last_unit() -> None:
    text = "\n".join(describe_transaction(BODIES[0]))
    assert f"1.5 HXT to {describe_key(B)}" in text and f"0.00000001 HXT to {describe_key(C)}" in text
    assert "Memo: 'rent'" in text


@pytest.mark.parametrize(
    ("memo", "shown"),
    [(b"\xff\x00", "0xff00"), (b"a\x1b[2Jb", "0x611b5b324a62"), (b"line\nline", "0x6c696e650a6c696e65")],
)
def test_a_memo_cannot_play_with_the_terminal(memo: bytes, shown: str) -> None:
    body = BODIES[0]
    assert isinstance(body, Payment)
    text = "\n".join(describe_transaction(msgspec.structs.replace(body, memo=memo)))
    assert f"Memo: {shown}." in text


def test_how_a_hotspot_joins() -> None:
    head = {"payer": A, "nonce": 1, "fee": 1, "owner": B, "hotspot": C}
    assert "takes part in Proof-of-Coverage" in describe_transaction(HotspotAdd(**head))[0]
    assert "only carries data" in describe_transaction(HotspotAdd(**head, capability=DATA_ONLY))[0]
    assert "own signature" in describe_transaction(HotspotAdd(**head))[1]
    assert "signed message" in describe_transaction(HotspotAdd(**head, consent=b"x"))[1]


def test_what_is_no_key_is_said_so() -> None:
    assert describe_key(b"\x00" * 33 + b"") != ""
    assert "no key" in describe_key(b"\xff" * 33)
