import base64
import json
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from chain.keys import (
    NETWORK_MAIN,
    NETWORK_TEST,
    InvalidAddress,
    InvalidPublicKey,
    Keypair,
    PublicKey,
    compute_animal_name,
    decode_address,
    encode_address,
)

GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493


@pytest.fixture(scope="module")
def vectors(shared: Path) -> dict:
    return json.loads((shared / "vectors/chain/address_animal_names.json").read_text())


def test_addresses_and_names(vectors: dict) -> None:
    assert len(vectors["addresses"]) > 20
    for case in vectors["addresses"]:
        binary = bytes.fromhex(case["bin_hex"])
        assert len(binary) == case["bin_len"]
        assert binary[0] == case["key_type_byte"] and binary[1:].hex() == case["pubkey_hex"]
        assert encode_address(binary) == case["b58"]
        assert decode_address(case["b58"]) == binary
        assert compute_animal_name(case["b58"]) == case["animal_name"]


def test_keys_of_the_two_usable_types_parse_and_others_are_refused(vectors: dict) -> None:
    for case in vectors["addresses"]:
        if case["key_type"] in ("ed25519", "ecc_compact"):
            key = PublicKey.from_address(case["b58"])
            assert key.address == case["b58"]
            assert key.name == case["animal_name"]
            assert key.network == (NETWORK_TEST if case["network"] == "testnet" else NETWORK_MAIN)
        else:
            with pytest.raises(InvalidPublicKey):
                PublicKey.from_address(case["b58"])


def test_invalid_addresses(vectors: dict) -> None:
    for case in vectors["invalid"]:
        with pytest.raises(InvalidPublicKey):
            PublicKey.from_address(case["b58"])
    with pytest.raises(InvalidPublicKey, match="not on the curve"):
        PublicKey.from_binary(bytes.fromhex(vectors["not_a_compact_key"]["bin_hex"]))


def test_signatures_of_others(vectors: dict) -> None:
    for case in vectors["signatures"]:
        signature = bytes.fromhex(case["sig_hex"]) if "sig_hex" in case else base64.b64decode(case["sig_b64"])
        key, message = PublicKey.from_address(case["pubkey_b58"]), case["msg"].encode()
        assert key.verify(message, signature)
        assert not key.verify(message + b"!", signature)
        for index in range(len(signature)):
            altered = bytearray(signature)
            altered[index] ^= 0x01
            assert not key.verify(message, bytes(altered))


def test_key_exchange_of_others(vectors: dict) -> None:
    """The compact form stands for the right one of its two points: their shared secret comes out."""
    for case in vectors["ecdh_p256"]:
        binary = bytes.fromhex(case["private_keypair_hex_type_then_scalar"])
        secret = ec.derive_private_key(int.from_bytes(binary[1:], "big"), ec.SECP256R1())
        assert case["own_pubkey_is_compact"]
        own = PublicKey.from_p256(secret.public_key(), NETWORK_MAIN)
        assert own.binary[0] == binary[0]
        x = PublicKey.from_address(case["other_pubkey_b58"]).binary[1:]
        for sign in (b"\x02", b"\x03"):  # x of the shared point is the same for both roots
            other = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sign + x)
            assert secret.exchange(ec.ECDH(), other).hex() == case["shared_secret_hex"]


def test_address_of_a_seed(vectors: dict) -> None:
    for case in vectors["ed25519_seed_to_address"]:
        pair = Keypair(bytes.fromhex(case["seed_hex"]), NETWORK_MAIN)
        assert pair.public_key.address == case["address"]


@pytest.mark.parametrize(
    "text", ["", "1", "0OIl", "é", "1" * 81, "1bijtibPhc16wx4oJbyK8vtkAgdoRoaUvJeo7rXBnBCufEYakfe", "z" * 80]
)
def test_text_that_is_no_address(text: str) -> None:
    with pytest.raises(InvalidAddress):
        decode_address(text)


@given(st.text(max_size=90))
def test_any_text_is_an_address_or_one_clear_error(text: str) -> None:
    try:
        key = PublicKey.from_address(text)
    except InvalidPublicKey:
        return
    assert key.address == text


@given(st.binary(max_size=40))
def test_any_bytes_are_a_key_or_one_clear_error(binary: bytes) -> None:
    try:
        key = PublicKey.from_binary(binary)
    except InvalidPublicKey:
        return
    assert PublicKey.from_address(key.address) == key


def test_rfc_8032() -> None:
    """Test 2 of RFC 8032, section 7.1."""
    seed = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
    pair = Keypair(seed)
    assert pair.public_key.binary.hex() == (
        "113d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    )
    assert pair.sign(b"\x72").hex() == (
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200), st.integers(0, 63), st.integers(0, 7))
def test_another_library_agrees_on_ordinary_signatures(
    seed: bytes, message: bytes, byte: int, bit: int
) -> None:
    ours, theirs = Keypair(seed), Ed25519PrivateKey.from_private_bytes(seed)
    assert ours.public_key.binary[1:] == theirs.public_key().public_bytes_raw()
    signature = ours.sign(message)
    assert signature == theirs.sign(message)
    assert ours.public_key.verify(message, signature)
    altered = bytearray(signature)
    altered[byte] ^= 1 << bit
    assert not ours.public_key.verify(message, bytes(altered))


def accepts_elsewhere(key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether OpenSSL takes the signature."""
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def test_the_one_rule_refuses_a_key_of_small_order_that_others_take() -> None:
    """With the neutral element as key and R, and S = 0, the equation holds for any message."""
    neutral = b"\x01" + bytes(31)
    signature = neutral + bytes(32)
    assert accepts_elsewhere(neutral, b"anything", signature)
    assert not PublicKey(b"\x11" + neutral).verify(b"anything", signature)


def test_a_signature_cannot_be_varied() -> None:
    """S + L satisfies the equation as S does; the rule wants S < L."""
    pair = Keypair(bytes(32))
    signature = pair.sign(b"pay")
    varied = signature[:32] + (int.from_bytes(signature[32:], "little") + GROUP_ORDER).to_bytes(32, "little")
    assert pair.public_key.verify(b"pay", signature)
    assert not pair.public_key.verify(b"pay", varied)


@pytest.mark.parametrize("length", [0, 1, 63, 65, 128])
def test_signatures_of_other_lengths(length: int) -> None:
    assert not Keypair(bytes(32)).public_key.verify(b"", bytes(length))


def test_gateway_eui_is_the_head_of_the_keys_hash() -> None:
    from hashlib import sha256

    key = Keypair(bytes(32)).public_key
    assert key.gateway_eui == sha256(key.binary).digest()[:8]
