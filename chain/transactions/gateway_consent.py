"""A stock gateway's consent to join: Helium's add_gateway_v1, which it can sign though it knows nothing of
us.

A hotspot joins only if it says so itself, or anybody could claim somebody else's. Ours signs the body of
HotspotAdd. A deployed Helium gateway can't, but it prints (`helium_gateway add --owner ... --payer ...`) a
signed protobuf that says the same: this gateway, that owner, that payer. Its signature is over the message's
encoding with all signature fields empty (blockchain_txn_add_gateway_v1.erl:222-251), so that is encoded again
here.

What counts are bytes, not what a decoder makes of them: a consent is accepted only if encoding its fields
gives the same bytes (fields in order, none unknown or repeated, zeros left out, shortest numbers), as every
protobuf library writes them. So no two libraries, and no two versions of one, can disagree about a consent.
Helium's amounts (staking fee, fee) are its own and mean nothing here; owner's and payer's signatures must be
absent, since these two sign our body.

The consent names no chain and has no nonce. It lets one owner add this gateway, and the owner signs the rest;
where a gateway was added, a second use is refused because it exists.
"""

from __future__ import annotations

import base64
import binascii

import msgspec
from google.protobuf.message import DecodeError

from chain.keys.public_key import PUBLIC_KEY_BYTES, InvalidPublicKey, PublicKey
from chain.transactions.bodies_hotspots import MAX_CONSENT_BYTES
from chain.transactions.reasons import InvalidTransaction, Reason
from chain.wire.add_gateway_pb2 import blockchain_txn, blockchain_txn_add_gateway_v1


class GatewayConsent(msgspec.Struct, frozen=True):
    """What a consent says; keys as in the message, not checked yet."""

    owner: bytes
    gateway: bytes
    payer: bytes
    """Empty where the gateway doesn't care who pays."""
    staking_fee: int
    fee: int
    gateway_signature: bytes

    def compute_signing_bytes(self) -> bytes:
        """What the gateway signed."""
        return _encode(msgspec.structs.replace(self, gateway_signature=b""))


def decode_gateway_consent(consent: bytes) -> GatewayConsent:
    """Parse canonical bytes. Raises InvalidTransaction (bad_consent)."""
    if len(consent) > MAX_CONSENT_BYTES:
        raise _refuse(f"the consent has {len(consent)} bytes: at most {MAX_CONSENT_BYTES}")
    try:
        message = blockchain_txn_add_gateway_v1.FromString(consent)
    except DecodeError as error:
        raise _refuse("the consent is no add_gateway_v1 message: ask the gateway for it again") from error
    if message.owner_signature or message.payer_signature:
        raise _refuse("the consent carries signatures of owner or payer: only the gateway signs it")
    decoded = GatewayConsent(
        owner=message.owner,
        gateway=message.gateway,
        payer=message.payer,
        staking_fee=message.staking_fee,
        fee=message.fee,
        gateway_signature=message.gateway_signature,
    )
    if _encode(decoded) != consent:
        raise _refuse("the consent is not the canonical encoding of its fields: encode it again")
    return decoded


def verify_gateway_consent(consent: bytes, owner: bytes, hotspot: bytes, payer: bytes) -> None:
    """Check that `hotspot` consents to join under `owner`, with `payer` paying (33-byte keys).

    Raises InvalidTransaction (bad_consent) with what doesn't fit.
    """
    said = decode_gateway_consent(consent)
    for role, in_consent, in_transaction in (
        ("gateway", said.gateway, hotspot),
        ("owner", said.owner, owner),
        ("payer", said.payer or payer, payer),
    ):
        if in_consent != in_transaction:
            raise _refuse(
                f"the consent names {_describe(in_consent)} as {role}, the transaction "
                f"{_describe(in_transaction)}: have the gateway sign for that one"
            )
    try:
        key = PublicKey.from_binary(hotspot)
    except InvalidPublicKey as error:
        raise _refuse(str(error)) from error
    if not key.verify(said.compute_signing_bytes(), said.gateway_signature):
        raise _refuse(f"the consent's signature is not that of gateway {key.address}")


def read_printed_consent(text: str) -> bytes:
    """Return the consent in what gateway software prints: base64 of the message or of the envelope around it,
    or base64 of that base64 (gateway-security-rs). Raises InvalidTransaction (bad_consent).
    """
    raw = text.strip().encode()
    for _ in range(2):
        try:
            raw = base64.b64decode(raw, validate=True)
        except (binascii.Error, ValueError) as error:
            raise _refuse(
                'the gateway\'s transaction is not base64: copy the whole value of "txn"'
            ) from error
        for candidate in (raw, _open_envelope(raw)):
            try:
                if len(decode_gateway_consent(candidate).gateway) == PUBLIC_KEY_BYTES:
                    return candidate
            except InvalidTransaction:
                continue
    raise _refuse('this is no add_gateway transaction: use what `helium_gateway add` prints as "txn"')


def _open_envelope(raw: bytes) -> bytes:
    try:
        envelope = blockchain_txn.FromString(raw)
    except DecodeError:
        return b""
    return envelope.add_gateway.SerializeToString(deterministic=True)


def _encode(consent: GatewayConsent) -> bytes:
    return blockchain_txn_add_gateway_v1(
        owner=consent.owner,
        gateway=consent.gateway,
        gateway_signature=consent.gateway_signature,
        payer=consent.payer,
        staking_fee=consent.staking_fee,
        fee=consent.fee,
    ).SerializeToString(deterministic=True)


def _describe(key: bytes) -> str:
    try:
        return PublicKey.from_binary(key).address
    except InvalidPublicKey:
        return f"no key ({key.hex() or 'nothing'})"


def _refuse(message: str) -> InvalidTransaction:
    return InvalidTransaction(Reason.BAD_CONSENT, message)
