"""Our signatures against an independent implementation: the old `ed25519` package (the reference C code).

It is unmaintained, slow, and takes signatures that our rule refuses: good enough to look over PyNaCl's
shoulder, never to decide.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.keys import Keypair

ed25519 = pytest.importorskip("ed25519", reason="the ed25519 package is not installed: it has to be compiled")

GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493


def accepts(key: bytes, message: bytes, signature: bytes) -> bool:
    try:
        ed25519.VerifyingKey(key).verify(signature, message)
    except ed25519.BadSignatureError:
        return False
    return True


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200))
def test_same_keys_and_same_signatures(seed: bytes, message: bytes) -> None:
    ours, theirs = Keypair(seed), ed25519.SigningKey(seed)
    assert ours.public_key.binary[1:] == theirs.get_verifying_key().to_bytes()
    assert ours.sign(message) == theirs.sign(message)
    assert ours.public_key.verify(message, theirs.sign(message))


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=60), st.integers(0, 511))
def test_both_refuse_a_changed_bit(seed: bytes, message: bytes, bit: int) -> None:
    pair = Keypair(seed)
    altered = bytearray(pair.sign(message))
    altered[bit // 8] ^= 1 << bit % 8
    assert not pair.public_key.verify(message, bytes(altered))
    assert not accepts(pair.public_key.binary[1:], message, bytes(altered))


def test_why_it_may_not_decide() -> None:
    """It takes S + L for S: anybody could make a second valid signature of a transaction."""
    pair = Keypair(bytes(32))
    signature = pair.sign(b"pay")
    varied = signature[:32] + (int.from_bytes(signature[32:], "little") + GROUP_ORDER).to_bytes(32, "little")
    assert accepts(pair.public_key.binary[1:], b"pay", varied)
    assert not pair.public_key.verify(b"pay", varied)
