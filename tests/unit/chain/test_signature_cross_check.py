"""Our signatures against the old ed25519 package, which shares no code with PyNaCl. Test-only: it is
unmaintained, slow, and accepts malleable signatures, so it must never judge anything."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.keys.keypair import Keypair
from chain.keys.public_key import PublicKey

ed25519 = pytest.importorskip("ed25519", reason="the ed25519 package needs a C compiler to install")


@given(message=st.binary(max_size=300))
def test_they_accept_our_signatures(message: bytes) -> None:
    key = Keypair.generate()
    verifier = ed25519.VerifyingKey(key.public_key.binary[1:])
    verifier.verify(key.sign(message), message)
    with pytest.raises(ed25519.BadSignatureError):
        verifier.verify(key.sign(message), message + b"!")


@given(message=st.binary(max_size=300))
def test_we_accept_theirs(message: bytes) -> None:
    theirs, verifier = ed25519.create_keypair()
    tag = Keypair.generate().public_key.binary[:1]
    public_key = PublicKey(tag + verifier.to_bytes())
    signature = theirs.sign(message)
    assert public_key.verify(message, signature)
    assert not public_key.verify(message, bytes([signature[0] ^ 1]) + signature[1:])
