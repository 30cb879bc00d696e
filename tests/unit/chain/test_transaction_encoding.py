from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from chain.data.voucher import Voucher, sign_voucher
from chain.ledger.tables import DevAddrRange, EuiFilter
from chain.transactions import (
    MAX_TRANSACTION_BYTES,
    Burn,
    ChannelClaim,
    ChannelOpen,
    HotspotAdd,
    InvalidTransaction,
    LocationAssert,
    Payee,
    Payment,
    Reason,
    RouterRegister,
    RouterUpdate,
    SignedTransaction,
    TransactionBody,
    build_transaction,
    compute_required_fee,
    compute_transaction_id,
    decode_transaction,
    encode_transaction,
    get_signers,
    sign_transaction,
    verify_signatures,
)
from tests.unit.chain.world import CELL, PARAMETERS, make_key

CHAIN = "hexhaul-unit"
KEYS = {n: make_key(n) for n in range(1, 6)}
A, B, C = (KEYS[n].public_key.binary for n in (1, 2, 3))
HEAD: dict[str, Any] = {"payer": A, "nonce": 1, "fee": 5}
VOUCHER = sign_voucher(Voucher(CHAIN, bytes(32), B, 1, 2, 3), KEYS[3])
ROUTER: dict[str, Any] = {
    "owner": B,
    "voucher_key": C,
    "grpc": "h:1",
    "dev_addr_ranges": (DevAddrRange(0, 2**32 - 1),),
    "eui_filters": (EuiFilter(2**64 - 1, 0),),
}
BODIES: list[TransactionBody] = [
    Payment(**HEAD, payees=(Payee(B, 1), Payee(C, 2)), memo=b"m"),
    Burn(**HEAD, payee=B, hxt=3),
    HotspotAdd(**HEAD, owner=B, hotspot=C),
    LocationAssert(**HEAD, owner=B, hotspot=C, location=CELL, gain_ddbi=12, elevation_m=-4),
    RouterRegister(**HEAD, **ROUTER),
    RouterUpdate(**HEAD, **ROUTER),
    ChannelOpen(**HEAD, router=B, data_credits=9),
    ChannelClaim(**HEAD, hotspot=B, voucher=VOUCHER),
]


def sign(body: TransactionBody) -> SignedTransaction:
    return sign_transaction(CHAIN, body, KEYS.values())


def refuse(raw: bytes) -> Reason:
    with pytest.raises(InvalidTransaction) as caught:
        decode_transaction(raw)
    return caught.value.code


@pytest.mark.parametrize("body", BODIES, ids=lambda body: type(body).__name__)
def test_round_trip_of_every_type(body: TransactionBody) -> None:
    signed = sign(body)
    raw = encode_transaction(signed)
    assert decode_transaction(raw) == signed
    verify_signatures(CHAIN, signed)
    assert len(signed.signatures) == len(get_signers(body))
    assert get_signers(body)[0] == A


def test_type_numbers_are_the_wire_format() -> None:
    numbers = [msgspec.msgpack.decode(msgspec.msgpack.encode(body))[0] for body in BODIES]
    assert numbers == [1, 2, 3, 4, 5, 6, 7, 8]


# Canonical bytes only


def test_a_longer_form_of_a_small_number_is_refused() -> None:
    raw = encode_transaction(sign(Burn(**HEAD, payee=B, hxt=3)))
    at = raw.index(b"\x01\x05\xc4")  # nonce 1, fee 5, then the payee's bytes
    assert refuse(raw[:at] + b"\xcc\x01" + raw[at + 1 :]) is Reason.NOT_CANONICAL
    assert refuse(raw[:at] + b"\xce\x00\x00\x00\x01" + raw[at + 1 :]) is Reason.NOT_CANONICAL


def test_a_longer_form_of_a_length_is_refused() -> None:
    raw = encode_transaction(sign(Burn(**HEAD, payee=B, hxt=3)))
    at = raw.index(b"\xc4\x21" + B)
    assert refuse(raw[:at] + b"\xc5\x00\x21" + raw[at + 2 :]) is Reason.NOT_CANONICAL


def test_an_array_with_more_than_its_fields_is_refused() -> None:
    value = msgspec.msgpack.decode(encode_transaction(sign(BODIES[1])))
    value[0].append(0)
    assert refuse(msgspec.msgpack.encode(value)) is Reason.MALFORMED
    value[0].pop()
    value.append(0)
    assert refuse(msgspec.msgpack.encode(value)) is Reason.MALFORMED


def test_a_left_out_default_is_refused() -> None:
    """An empty memo could be left out at the end of the array: one value, two encodings."""
    value = msgspec.msgpack.decode(encode_transaction(sign(replace(BODIES[0], memo=b""))))
    assert value[0].pop() == b""
    assert refuse(msgspec.msgpack.encode(value)) is Reason.NOT_CANONICAL


def test_trailing_bytes_are_refused() -> None:
    raw = encode_transaction(sign(BODIES[1]))
    assert refuse(raw + b"\xc0") is Reason.MALFORMED
    assert refuse(raw[:-1]) is Reason.MALFORMED


def test_too_large() -> None:
    assert refuse(bytes(MAX_TRANSACTION_BYTES + 1)) is Reason.TOO_LARGE


FIELDS = [
    (Burn(**{**HEAD, "nonce": 0}, payee=B, hxt=1), "nonce"),
    (Burn(**{**HEAD, "fee": -1}, payee=B, hxt=1), "fee"),
    (Burn(**HEAD, payee=B[:32], hxt=1), "payee"),
    (Burn(**HEAD, payee=B + b"\x00", hxt=1), "payee"),
    (Burn(**HEAD, payee=B, hxt=2**63), "hxt"),
    (Burn(**HEAD, payee=B, hxt=-1), "hxt"),
    (Payment(**HEAD, payees=(Payee(B, -1),)), "payees"),
    (Payment(**HEAD, payees=(Payee(B, 1),) * 257), "payees"),
    (Payment(**HEAD, payees=(Payee(B, 1),), memo=bytes(65)), "memo"),
    (RouterRegister(**HEAD, **{**ROUTER, "dev_addr_ranges": (DevAddrRange(0, 2**32),)}), "ranges"),
    (RouterRegister(**HEAD, **{**ROUTER, "dev_addr_ranges": (DevAddrRange(-1, 5),)}), "ranges"),
    (RouterRegister(**HEAD, **{**ROUTER, "eui_filters": (EuiFilter(-1, 5),)}), "filters"),
    (RouterRegister(**HEAD, **{**ROUTER, "grpc": "h" * 256}), "grpc"),
    (LocationAssert(**HEAD, owner=B, hotspot=C, location=2**63, gain_ddbi=1, elevation_m=1), "location"),
    (LocationAssert(**HEAD, owner=B, hotspot=C, location=1, gain_ddbi=1001, elevation_m=1), "gain"),
    (LocationAssert(**HEAD, owner=B, hotspot=C, location=1, gain_ddbi=1, elevation_m=20_001), "elevation"),
    (ChannelClaim(**HEAD, hotspot=B, voucher=replace(VOUCHER, signature=b"")), "signature"),
    (
        ChannelClaim(**HEAD, hotspot=B, voucher=replace(VOUCHER, voucher=Voucher(CHAIN, b"", B, 1, 2, 3))),
        "channel",
    ),
]


@pytest.mark.parametrize(("body", "field"), FIELDS, ids=[f"{type(b).__name__}.{f}" for b, f in FIELDS])
def test_fields_out_of_their_range_are_refused(body: TransactionBody, field: str) -> None:
    raw = encode_transaction(SignedTransaction(body=body, signatures=(bytes(64),)))
    assert refuse(raw) is Reason.MALFORMED


def test_an_unknown_type_is_refused() -> None:
    value = msgspec.msgpack.decode(encode_transaction(sign(BODIES[1])))
    for number in (0, 99, 255, -1, "payment"):
        value[0][0] = number
        assert refuse(msgspec.msgpack.encode(value)) is Reason.MALFORMED


def test_floats_are_refused() -> None:
    value = msgspec.msgpack.decode(encode_transaction(sign(BODIES[1])))
    value[0][2] = 1.0
    assert refuse(msgspec.msgpack.encode(value)) is Reason.MALFORMED


@given(st.binary(max_size=300))
def test_any_bytes_are_a_transaction_or_one_clear_error(raw: bytes) -> None:
    try:
        signed = decode_transaction(raw)
    except InvalidTransaction:
        return
    assert encode_transaction(signed) == raw


@given(st.sampled_from(BODIES), st.data())
def test_altered_bytes_never_pass_the_signature_check(body: TransactionBody, data: st.DataObject) -> None:
    raw = bytearray(encode_transaction(sign(body)))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    try:
        signed = decode_transaction(bytes(raw))
        verify_signatures(CHAIN, signed)
    except InvalidTransaction:
        return
    raise AssertionError(f"a changed byte at {at} went unnoticed")


@given(st.recursive(st.none() | st.integers() | st.binary() | st.text(), st.lists, max_leaves=30))
def test_any_messagepack_is_a_transaction_or_one_clear_error(value: object) -> None:
    try:
        raw = msgspec.msgpack.encode(value)
    except OverflowError:
        return
    with pytest.raises(InvalidTransaction):
        decode_transaction(raw)


# Signatures


def test_a_signature_counts_for_one_chain_only() -> None:
    signed = sign(BODIES[1])
    with pytest.raises(InvalidTransaction) as caught:
        verify_signatures("hexhaul-other", signed)
    assert caught.value.code is Reason.BAD_SIGNATURE


def test_chain_id_and_body_cannot_be_shifted_into_each_other() -> None:
    ids = {compute_transaction_id(chain, BODIES[1]) for chain in ("", "a", "ab", "\x92")}
    assert len(ids) == 4


def test_missing_and_surplus_signatures() -> None:
    signed = sign(BODIES[2])
    for signatures in (signed.signatures[:2], (*signed.signatures, signed.signatures[0])):
        with pytest.raises(InvalidTransaction) as caught:
            verify_signatures(CHAIN, replace(signed, signatures=signatures))
        assert caught.value.code is Reason.WRONG_SIGNATURE_COUNT


def test_signatures_in_another_order() -> None:
    signed = sign(BODIES[2])
    with pytest.raises(InvalidTransaction) as caught:
        verify_signatures(CHAIN, replace(signed, signatures=signed.signatures[::-1]))
    assert caught.value.code is Reason.BAD_SIGNATURE


@pytest.mark.parametrize("index", [0, 1, 2])
def test_each_signer_counts(index: int) -> None:
    signed = sign(BODIES[2])
    signatures = list(signed.signatures)
    signatures[index] = KEYS[5].sign(b"something else")
    with pytest.raises(InvalidTransaction) as caught:
        verify_signatures(CHAIN, replace(signed, signatures=tuple(signatures)))
    assert caught.value.code is Reason.BAD_SIGNATURE


def test_signer_that_is_no_key() -> None:
    body = replace(BODIES[1], payer=b"\x17" + bytes(32))
    with pytest.raises(InvalidTransaction) as caught:
        verify_signatures(CHAIN, SignedTransaction(body=body, signatures=(bytes(64),)))
    assert caught.value.code is Reason.INVALID_KEY


def test_signing_without_a_needed_key_names_it() -> None:
    with pytest.raises(ValueError, match=KEYS[3].public_key.address):
        sign_transaction(CHAIN, BODIES[2], [KEYS[1], KEYS[2]])


def test_the_id_does_not_depend_on_signatures() -> None:
    one, other = sign(BODIES[1]), replace(sign(BODIES[1]), signatures=(bytes(64),))
    assert compute_transaction_id(CHAIN, one.body) == compute_transaction_id(CHAIN, other.body)
    assert compute_transaction_id(CHAIN, one.body) != compute_transaction_id(CHAIN, BODIES[2])


# Fees


def test_the_fee_does_not_depend_on_itself() -> None:
    fees = {compute_required_fee(replace(BODIES[1], fee=fee), PARAMETERS) for fee in (0, 1, 300, 2**40)}
    assert len(fees) == 1


def test_built_transactions_carry_the_required_fee() -> None:
    signed = decode_transaction(build_transaction(BODIES[2], CHAIN, PARAMETERS, KEYS.values()))
    assert signed.body.fee == compute_required_fee(signed.body, PARAMETERS)
    verify_signatures(CHAIN, signed)
