"""Compact P-256, as stock gateways have it: one encoding of a signature, keys with the larger y refused."""

from hashlib import sha256

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from chain.keys import NETWORK_MAIN, NETWORK_TEST, InvalidPublicKey, PublicKey

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
PRIME = 2**256 - 2**224 + 2**192 + 2**96 - 1


def make_secret(number: int, larger_y: bool = False) -> ec.EllipticCurvePrivateKey:
    """A P-256 key that is the same in every run; its negative has the other y."""
    scalar = int.from_bytes(sha256(number.to_bytes(4, "big")).digest(), "big") % (ORDER - 1) + 1
    secret = ec.derive_private_key(scalar, ec.SECP256R1())
    y = secret.public_key().public_numbers().y
    if (y > PRIME - y) is not larger_y:
        secret = ec.derive_private_key(ORDER - scalar, ec.SECP256R1())
    return secret


SECRET = make_secret(1)
KEY = PublicKey.from_p256(SECRET.public_key(), NETWORK_TEST)
MESSAGE = b"a hotspot consents"
SIGNATURE = SECRET.sign(MESSAGE, ec.ECDSA(hashes.SHA256()))
R, S = decode_dss_signature(SIGNATURE)


def der_integer(number: int, padding: int = 0) -> bytes:
    raw = number.to_bytes((number.bit_length() + 8) // 8 or 1, "big")
    raw = bytes(padding) + raw
    return bytes([2, len(raw)]) + raw


def der_sequence(body: bytes) -> bytes:
    return bytes([0x30, len(body)]) + body


def test_signature_is_accepted_with_s_and_with_the_other_s() -> None:
    assert KEY.verify(MESSAGE, SIGNATURE)
    assert KEY.verify(MESSAGE, encode_dss_signature(R, ORDER - S))
    assert der_sequence(der_integer(R) + der_integer(S)) == SIGNATURE


@pytest.mark.parametrize(
    "signature",
    [
        b"",
        b"\x30",
        SIGNATURE[:-1],
        SIGNATURE + b"\x00",
        der_sequence(der_integer(R, 1) + der_integer(S)),
        der_sequence(der_integer(R) + der_integer(S, 1)),
        der_sequence(der_integer(R) + der_integer(S) + b"\x05\x00"),
        der_sequence(der_integer(R)),
        b"\x30\x81" + SIGNATURE[1:],
        b"\x30\x80" + SIGNATURE[2:] + b"\x00\x00",
        b"\x31" + SIGNATURE[1:],
        R.to_bytes(32, "big") + S.to_bytes(32, "big"),
        encode_dss_signature(0, S),
        encode_dss_signature(R, 0),
        encode_dss_signature(R, ORDER),
        encode_dss_signature(ORDER, S),
        encode_dss_signature(R, S + ORDER),
        encode_dss_signature(S, R),
        der_sequence(der_integer(R) + b"\x02\x20" + ((1 << 255) | S).to_bytes(32, "big")),
    ],
    ids=[
        "nothing", "a tag", "cut", "a byte behind", "zero before r", "zero before s", "a third value",
        "r only", "long length", "no length", "a set", "raw r and s", "r = 0", "s = 0", "s = n", "r = n",
        "s + n", "swapped", "negative s",
    ],
)  # fmt: skip
def test_other_encodings_and_values_are_refused(signature: bytes) -> None:
    assert not KEY.verify(MESSAGE, signature)


@given(st.integers(0, 8 * len(SIGNATURE) - 1))
def test_a_changed_bit_is_refused(bit: int) -> None:
    altered = bytearray(SIGNATURE)
    altered[bit // 8] ^= 1 << bit % 8
    assert not KEY.verify(MESSAGE, bytes(altered))


@given(st.binary(max_size=80))
def test_any_bytes_are_refused_quietly(signature: bytes) -> None:
    assert not KEY.verify(MESSAGE, signature)


def test_a_key_with_the_larger_y_cannot_be_written_down() -> None:
    secret = make_secret(1, larger_y=True)
    with pytest.raises(InvalidPublicKey, match="larger y"):
        PublicKey.from_p256(secret.public_key(), NETWORK_TEST)
    # The same x stands for the other point, under which its signatures are wrong.
    assert secret.public_key().public_numbers().x == SECRET.public_key().public_numbers().x
    assert not KEY.verify(MESSAGE, secret.sign(MESSAGE, ec.ECDSA(hashes.SHA256())))


def test_another_curve_is_refused() -> None:
    with pytest.raises(InvalidPublicKey, match="secp256k1"):
        PublicKey.from_p256(ec.generate_private_key(ec.SECP256K1()).public_key(), NETWORK_TEST)


def test_x_that_is_on_no_point_or_beyond_the_field() -> None:
    for x in (1, PRIME, PRIME + 5, 2**256 - 1):
        with pytest.raises(InvalidPublicKey, match="not on the curve"):
            PublicKey.from_binary(b"\x10" + x.to_bytes(32, "big"))
        assert not PublicKey(b"\x10" + x.to_bytes(32, "big")).verify(MESSAGE, SIGNATURE)


@given(st.integers(0, 200), st.binary(max_size=100))
def test_signatures_of_many_keys(number: int, message: bytes) -> None:
    secret = make_secret(number)
    key = PublicKey.from_p256(secret.public_key(), NETWORK_MAIN)
    assert PublicKey.from_address(key.address) == key
    signature = secret.sign(message, ec.ECDSA(hashes.SHA256()))
    assert key.verify(message, signature)
    assert not key.verify(message + b"!", signature)
