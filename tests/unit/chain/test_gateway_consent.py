"""A stock gateway joins without signing our encoding: its own add_gateway_v1 is the consent."""

import base64

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from chain.keys import NETWORK_TEST, Keypair, PublicKey
from chain.transactions.gateway_consent import (
    decode_gateway_consent,
    read_printed_consent,
    verify_gateway_consent,
)
from chain.transactions.reasons import InvalidTransaction, Reason
from chain.wire.add_gateway_pb2 import blockchain_txn, blockchain_txn_add_gateway_v1
from tests.unit.chain.test_p256_signatures import make_secret
from tests.unit.chain.world import make_key

#: Printed by a real gateway with a P-256 key: README of helium/gateway-rs, section "add gateway".
PRINTED = (
    "CrkBCiEBrlImpYLbJ0z0hw5b4g9isRyPrgbXs9X+RrJ4pJJc9MkSIQA7yIy7F+9oPYCTmDz+v782GMJ4AC+jM+VfjvUgAHflWSJGMEQC"
    "IGfugfLkXv23vJcfwPYjLlMyzYhKp+Rg8B2YKwnsDHaUAiASkdxUO4fdS33D7vyid8Tulizo9SLEL1lduyvda9YVRCohAa5SJqWC2ydM"
    "9IcOW+IPYrEcj64G17PV/kayeKSSXPTJOMCEPUDo+wM="
)
REAL_OWNER = PublicKey.from_address("14GWyFj9FjLHzoN3aX7Tq7PL6fEg4dfWPY8CrK8b9S5ZrcKDz6S").binary
REAL_GATEWAY = PublicKey.from_address("11TL62V8NYvSTXmV5CZCjaucskvNR1Fdar1Pg4Hzmzk5tk2JBac").binary

OWNER, PAYER, OTHER = (make_key(n).public_key.binary for n in (1, 2, 3))
ED25519 = make_key(4)
P256 = make_secret(1)
P256_KEY = PublicKey.from_p256(P256.public_key(), NETWORK_TEST)
KINDS = ("ed25519", "p256")


def get_gateway(kind: str) -> bytes:
    return ED25519.public_key.binary if kind == "ed25519" else P256_KEY.binary


def sign(kind: str, message: bytes) -> bytes:
    return ED25519.sign(message) if kind == "ed25519" else P256.sign(message, ec.ECDSA(hashes.SHA256()))


def make_message(kind: str = "ed25519", **changes: object) -> blockchain_txn_add_gateway_v1:
    """A signed consent, as a gateway makes it; with `changes` before signing."""
    fields = {
        "owner": OWNER,
        "gateway": get_gateway(kind),
        "payer": PAYER,
        "staking_fee": 1_000_000,
        "fee": 65_000,
    }
    message = blockchain_txn_add_gateway_v1(**(fields | changes))
    message.gateway_signature = sign(kind, message.SerializeToString())
    return message


def refuse(
    consent: bytes, says: str | None, owner: bytes = OWNER, hotspot: bytes = b"", payer: bytes = PAYER
) -> None:
    with pytest.raises(InvalidTransaction, match=says) as caught:
        verify_gateway_consent(consent, owner, hotspot or get_gateway("ed25519"), payer)
    assert caught.value.code is Reason.BAD_CONSENT


def test_a_real_gateways_consent() -> None:
    consent = read_printed_consent(PRINTED)
    verify_gateway_consent(consent, REAL_OWNER, REAL_GATEWAY, REAL_OWNER)
    said = decode_gateway_consent(consent)
    assert (said.staking_fee, said.fee) == (1_000_000, 65_000)
    refuse(consent, "as owner", OTHER, REAL_GATEWAY, REAL_OWNER)
    refuse(consent, "as gateway", REAL_OWNER, OTHER, REAL_OWNER)
    refuse(consent, "as payer", REAL_OWNER, REAL_GATEWAY, OTHER)
    for index in range(len(consent)):
        altered = bytearray(consent)
        altered[index] ^= 0x01
        refuse(bytes(altered), None, REAL_OWNER, REAL_GATEWAY, REAL_OWNER)


@pytest.mark.parametrize("kind", KINDS)
def test_both_kinds_of_keys(kind: str) -> None:
    verify_gateway_consent(make_message(kind).SerializeToString(), OWNER, get_gateway(kind), PAYER)


@pytest.mark.parametrize("payer", [OWNER, PAYER, OTHER])
def test_without_a_named_payer_anybody_may_pay(payer: bytes) -> None:
    consent = make_message(payer=b"", staking_fee=0, fee=0).SerializeToString()
    verify_gateway_consent(consent, OWNER, get_gateway("ed25519"), payer)


def test_helium_amounts_may_be_anything() -> None:
    consent = make_message(staking_fee=2**64 - 1, fee=2**64 - 1).SerializeToString()
    verify_gateway_consent(consent, OWNER, get_gateway("ed25519"), PAYER)


def test_names_that_differ() -> None:
    consent = make_message().SerializeToString()
    refuse(consent, "as owner", owner=OTHER)
    refuse(consent, "as payer", payer=OTHER)
    refuse(consent, "as gateway", hotspot=P256_KEY.binary)
    refuse(make_message(owner=b"").SerializeToString(), "no key .nothing. as owner")
    refuse(make_message(owner=b"\x01").SerializeToString(), "no key .01. as owner")


@pytest.mark.parametrize("kind", KINDS)
def test_signatures_of_something_else(kind: str) -> None:
    gateway = get_gateway(kind)
    message = make_message(kind)
    for signature in (
        b"",
        bytes(64),
        sign(kind, b""),
        sign(kind, message.SerializeToString()),  # over the message with its signature in it
        sign("p256" if kind == "ed25519" else "ed25519", make_message(kind).SerializeToString()),
        Keypair(bytes(32)).sign(message.SerializeToString()),
    ):
        message.gateway_signature = signature
        refuse(message.SerializeToString(), "signature is not that of gateway", hotspot=gateway)


def test_a_signature_covers_every_field() -> None:
    for changes in (
        {"owner": OTHER},
        {"payer": OTHER},
        {"payer": b""},
        {"staking_fee": 1},
        {"fee": 0},
        {"gateway": OTHER},
    ):
        message = make_message()
        for name, value in changes.items():
            setattr(message, name, value)
        refuse(
            message.SerializeToString(), "signature", owner=message.owner, hotspot=message.gateway,
            payer=message.payer or PAYER,
        )  # fmt: skip


def test_signatures_of_others_have_no_place_in_it() -> None:
    for name in ("owner_signature", "payer_signature"):
        message = make_message()
        setattr(message, name, bytes(64))
        refuse(message.SerializeToString(), "only the gateway signs")


def test_a_gateway_whose_key_is_none() -> None:
    gateway = b"\x10" + (1).to_bytes(32, "big")
    refuse(make_message(gateway=gateway).SerializeToString(), "not on the curve", hotspot=gateway)


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: raw + b"\x48\x00",  # a field of another number
        lambda raw: raw + raw[-4:],  # the last field twice
        lambda raw: raw[35:70] + raw[:35] + raw[70:],  # gateway before owner
        lambda raw: b"\x8a\x00" + raw[1:],  # a long form of the first tag
        lambda raw: b"\x0a\xa1\x00" + raw[2:],  # a long form of a length
        lambda raw: raw + b"\x38\x00",  # staking fee again, as a zero
        lambda raw: raw.replace(b"\x40\xe8\xfb\x03", b"\x40\xe8\xfb\x83\x00"),  # a long form of the fee
        lambda raw: b"\x0a\x00" + raw,  # owner twice, first empty
    ],
)
def test_other_encodings_of_the_same_are_refused(change: object) -> None:
    raw = make_message().SerializeToString()
    changed = change(raw)  # type: ignore[operator]
    assert changed != raw
    blockchain_txn_add_gateway_v1.FromString(changed)  # a decoder takes it, and mostly sees no difference
    refuse(changed, "canonical")


@pytest.mark.parametrize(
    "consent", [b"\x0a", b"\xff" * 20, b"\x0b", bytes(5), b"\x0a\x80\x80\x80\x80\x80\x80\x01"]
)
def test_no_protobuf(consent: bytes) -> None:
    with pytest.raises(DecodeError):
        blockchain_txn_add_gateway_v1.FromString(consent)
    refuse(consent, "no add_gateway_v1 message")


def test_too_long() -> None:
    refuse(bytes(1_025), "1025 bytes: at most 1024")


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_in_one_line(consent: bytes) -> None:
    refuse(consent, None)


@given(st.data())
def test_a_damaged_consent_is_refused(data: st.DataObject) -> None:
    raw = bytearray(make_message().SerializeToString())
    for _ in range(data.draw(st.integers(1, 4))):
        kind = data.draw(st.sampled_from(("change", "cut", "insert", "repeat")))
        at = data.draw(st.integers(0, len(raw) - 1)) if raw else 0
        if kind == "change" and raw:
            raw[at] ^= data.draw(st.integers(1, 255))
        elif kind == "cut":
            del raw[at:]
        elif kind == "insert":
            raw.insert(at, data.draw(st.integers(0, 255)))
        else:
            raw += raw[at:]
    if bytes(raw) != make_message().SerializeToString():
        refuse(bytes(raw), None)


@given(
    st.binary(max_size=40), st.binary(max_size=40), st.binary(max_size=80), st.binary(max_size=40),
    st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1),
)  # fmt: skip
def test_what_is_read_is_what_was_written(
    owner: bytes, gateway: bytes, signature: bytes, payer: bytes, staking_fee: int, fee: int
) -> None:
    message = blockchain_txn_add_gateway_v1(
        owner=owner,
        gateway=gateway,
        gateway_signature=signature,
        payer=payer,
        staking_fee=staking_fee,
        fee=fee,
    )
    said = decode_gateway_consent(message.SerializeToString())
    assert (said.owner, said.gateway, said.payer, said.staking_fee, said.fee, said.gateway_signature) == (
        owner, gateway, payer, staking_fee, fee, signature,
    )  # fmt: skip
    message.gateway_signature = b""
    assert said.compute_signing_bytes() == message.SerializeToString()


# What gateways print


def test_printed_forms() -> None:
    message = make_message("p256")
    raw = message.SerializeToString()
    envelope = blockchain_txn(add_gateway=message).SerializeToString()
    for printed in (raw, envelope, base64.b64encode(raw), base64.b64encode(envelope)):
        assert read_printed_consent(f" {base64.b64encode(printed).decode()}\n") == raw


@pytest.mark.parametrize(
    "text", ["", "not base64!", "AAAA", base64.b64encode(b"\x12\x02ab").decode(), PRINTED[:100], PRINTED[:-4]]
)
def test_printed_nonsense(text: str) -> None:
    with pytest.raises(InvalidTransaction) as caught:
        read_printed_consent(text)
    assert caught.value.code is Reason.BAD_CONSENT
