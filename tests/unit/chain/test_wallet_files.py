"""Transactions as files: signed in turn, in any order; whatever is changed on the way is found."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chain.transactions import HotspotAdd, TransactionBody, decode_transaction, verify_signatures
from chain.transactions.signing import get_signers
from chain.wallet.transaction_file import (
    InvalidTransactionFile,
    NotASigner,
    TransactionFile,
    read_transaction_file,
)
from tests.unit.chain.bodies import A, B, C, make_bodies
from tests.unit.chain.world import make_key

KEYS = {make_key(number).public_key.binary: make_key(number) for number in range(1, 6)}
BODY = HotspotAdd(payer=A, nonce=1, fee=5, owner=B, hotspot=C)


def make_file(folder: Path, *signers: bytes, body: TransactionBody = BODY) -> Path:
    transaction = TransactionFile("hexhaul-unit", body, {})
    for key in signers:
        transaction.sign(KEYS[key])
    path = folder / "transaction.json"
    transaction.write(path, overwrite=True)
    return path


@pytest.mark.parametrize("body", make_bodies(), ids=lambda body: type(body).__name__)
def test_every_type_goes_through_a_file(body: TransactionBody, tmp_path: Path) -> None:
    path = make_file(tmp_path, body=body)
    for key in get_signers(body):
        transaction = read_transaction_file(path)
        assert key in transaction.missing
        transaction.sign(KEYS[key])
        transaction.write(path, overwrite=True)
    signed = decode_transaction(read_transaction_file(path).encode())
    assert signed.body == body
    verify_signatures("hexhaul-unit", signed)


@pytest.mark.parametrize("order", [(A, B, C), (C, A, B), (B, C, A)])
def test_signers_in_any_order(order: tuple[bytes, ...], tmp_path: Path) -> None:
    path = make_file(tmp_path)
    for count, key in enumerate(order):
        transaction = read_transaction_file(path)
        assert set(transaction.missing) == set(order[count:])
        transaction.sign(KEYS[key])
        transaction.write(path, overwrite=True)
    assert read_transaction_file(path).missing == []


def test_what_a_person_finds_in_it(tmp_path: Path) -> None:
    content = json.loads(make_file(tmp_path, A).read_text())
    assert content["kind"] == "hexhaul-transaction" and content["chain_id"] == "hexhaul-unit"
    assert content["fields"]["owner"] == make_key(2).public_key.address
    assert content["says"][0].startswith("Hotspot ")
    assert [signer["signature"] is None for signer in content["signers"]] == [False, True, True]


def test_only_a_signer_signs(tmp_path: Path) -> None:
    transaction = read_transaction_file(make_file(tmp_path))
    with pytest.raises(NotASigner, match="doesn't sign this transaction, but"):
        transaction.sign(make_key(5))


def test_a_file_is_not_overwritten_by_another(tmp_path: Path) -> None:
    path = make_file(tmp_path)
    with pytest.raises(InvalidTransactionFile, match="exists already"):
        TransactionFile("hexhaul-unit", BODY, {}).write(path)


def other_body() -> str:
    import base64

    from chain.transactions import SignedTransaction, encode_transaction

    body = msgspec.structs.replace(BODY, owner=make_key(4).public_key.binary)
    return base64.b64encode(encode_transaction(SignedTransaction(body, (b"", b"", b"")))).decode()


def changed(path: Path, change: Any) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda c: c.update(body=other_body()), "say something else than the bytes"),
        (lambda c: c["fields"].update(owner=make_key(4).public_key.address), "say something else"),
        (lambda c: c["fields"].update(fee=6), "say something else"),
        (lambda c: c["fields"].pop("fee"), "say something else"),
        (lambda c: c.update(id="00" * 32), "say something else"),
        (lambda c: c.update(chain_id="another"), "say something else"),
        (lambda c: c["signers"].reverse(), "signers are not those"),
        (lambda c: c["signers"].pop(), "signers are not those"),
        (lambda c: c["signers"][1].update(signature=c["signers"][0]["signature"]), "have it signed again"),
        (lambda c: c["signers"][0].update(signature="00" * 64), "have it signed again"),
        (lambda c: c["signers"][0].update(signature="zz"), "no transaction file"),
        (lambda c: c["signers"][0].update(address="nobody"), "no transaction file"),
        (lambda c: c.update(body="!!"), "no transaction file"),
        (lambda c: c.update(body="AAAA"), "no transaction file"),
        (lambda c: c.update(version=2), "no transaction file"),
        (lambda c: c.update(kind="other"), "no transaction file"),
        (lambda c: c.pop("signers"), "no transaction file"),
        (lambda c: c.update(more=1), "no transaction file"),
    ],
)
def test_a_changed_file(change: Any, says: str, tmp_path: Path) -> None:
    path = make_file(tmp_path, A)
    changed(path, change)
    with pytest.raises(InvalidTransactionFile, match=says) as caught:
        read_transaction_file(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", b"null", b" " * 300_000])
def test_other_files(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "transaction.json"
    path.write_bytes(content)
    with pytest.raises(InvalidTransactionFile):
        read_transaction_file(path)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidTransactionFile, match="No such file"):
        read_transaction_file(tmp_path / "no.json")


@given(st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_changed_byte_never_changes_what_is_signed(tmp_path: Path, data: st.DataObject) -> None:
    """It is refused, or it was in the sentences, which are made anew from the bytes."""
    path = make_file(tmp_path, A)
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(32, 126))
    path.write_bytes(content)
    try:
        transaction = read_transaction_file(path)
    except InvalidTransactionFile:
        return
    assert transaction.body == BODY and transaction.chain_id == "hexhaul-unit"
