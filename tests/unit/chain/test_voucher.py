import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from chain.data.voucher import (
    MAX_VOUCHER_BYTES,
    InvalidVoucher,
    Voucher,
    decode_voucher,
    encode_voucher,
    is_equivocation,
    is_signed_by,
    is_successor,
    sign_voucher,
)
from tests.unit.chain.world import make_key

ROUTER, OTHER = make_key(1), make_key(2)
KEY = ROUTER.public_key.binary
VOUCHER = Voucher("hexhaul-unit", bytes(32), OTHER.public_key.binary, 5, 100, 40)
SIGNED = sign_voucher(VOUCHER, ROUTER)


def test_round_trip_and_signature() -> None:
    assert decode_voucher(encode_voucher(SIGNED)) == SIGNED
    assert is_signed_by(SIGNED, KEY)
    assert not is_signed_by(SIGNED, OTHER.public_key.binary)
    assert not is_signed_by(SIGNED, b"\x17" * 33)


@pytest.mark.parametrize(
    "changes",
    [
        {"chain_id": "other"},
        {"channel_id": b"\x01" * 32},
        {"hotspot": KEY},
        {"sequence": 6},
        {"total_data_credits": 101},
        {"total_packets": 41},
    ],
)
def test_every_field_is_signed(changes: dict) -> None:
    assert not is_signed_by(replace(SIGNED, voucher=replace(VOUCHER, **changes)), KEY)


def test_not_canonical() -> None:
    raw = encode_voucher(SIGNED)
    at = raw.index(b"\x05\x64\x28")
    with pytest.raises(InvalidVoucher, match="canonical"):
        decode_voucher(raw[:at] + b"\xcc\x05" + raw[at + 1 :])


def test_too_large_and_trailing() -> None:
    for raw in (bytes(MAX_VOUCHER_BYTES + 1), encode_voucher(SIGNED) + b"\x00", b""):
        with pytest.raises(InvalidVoucher):
            decode_voucher(raw)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_voucher_or_one_clear_error(raw: bytes) -> None:
    try:
        signed = decode_voucher(raw)
    except InvalidVoucher:
        return
    assert encode_voucher(signed) == raw


@given(st.recursive(st.integers(0, 9) | st.binary() | st.text(), st.lists, max_leaves=12))
def test_any_messagepack_is_a_voucher_or_one_clear_error(value: object) -> None:
    with pytest.raises(InvalidVoucher):
        decode_voucher(msgspec.msgpack.encode(value))


@pytest.mark.parametrize(
    ("changes", "keep"),
    [
        ({"sequence": 6, "total_data_credits": 101, "total_packets": 41}, True),
        ({"sequence": 6}, True),
        ({"sequence": 5, "total_data_credits": 101}, False),
        ({"sequence": 4, "total_data_credits": 101}, False),
        ({"sequence": 6, "total_data_credits": 99}, False),
        ({"sequence": 6, "total_packets": 39}, False),
        ({"sequence": 6, "channel_id": b"\x01" * 32}, False),
        ({"sequence": 6, "hotspot": KEY}, False),
        ({"sequence": 6, "chain_id": "x"}, False),
    ],
)
def test_which_voucher_a_hotspot_keeps(changes: dict, keep: bool) -> None:
    assert is_successor(replace(VOUCHER, **changes), VOUCHER) is keep
    assert is_successor(VOUCHER, None)


def test_two_vouchers_of_one_sequence_prove_fraud() -> None:
    other = sign_voucher(replace(VOUCHER, total_data_credits=101), ROUTER)
    assert is_equivocation(SIGNED, other, KEY)
    assert not is_equivocation(SIGNED, SIGNED, KEY)
    assert not is_equivocation(SIGNED, replace(other, signature=bytes(64)), KEY)
    assert not is_equivocation(SIGNED, other, OTHER.public_key.binary)
    later = sign_voucher(replace(VOUCHER, sequence=6, total_data_credits=101), ROUTER)
    assert not is_equivocation(SIGNED, later, KEY)
