"""Who must sign a transaction, signing, and checking the signatures."""

from __future__ import annotations

from collections.abc import Iterable

from chain.keys.keypair import Keypair
from chain.keys.public_key import InvalidPublicKey, PublicKey
from chain.transactions.encoding import compute_signing_bytes
from chain.transactions.reasons import InvalidTransaction, Reason
from chain.transactions.types import (
    ChannelClaim,
    ChannelOpen,
    HotspotAdd,
    LocationAssert,
    RouterRegister,
    RouterUpdate,
    SignedTransaction,
    TransactionBody,
)


def get_signers(body: TransactionBody) -> tuple[bytes, ...]:
    """Return the keys that must sign, payer first, each once. The signatures stand in this order."""
    match body:
        case HotspotAdd():
            signers: tuple[bytes, ...] = (body.payer, body.owner, body.hotspot)
        case LocationAssert() | RouterRegister() | RouterUpdate():
            signers = (body.payer, body.owner)
        case ChannelOpen():
            signers = (body.payer, body.router)
        case ChannelClaim():
            signers = (body.payer, body.hotspot)
        case _:
            signers = (body.payer,)
    return tuple(dict.fromkeys(signers))


def sign_transaction(chain_id: str, body: TransactionBody, keypairs: Iterable[Keypair]) -> SignedTransaction:
    """Sign with all keys that the body needs. Raises ValueError naming an address whose key isn't given."""
    by_key = {pair.public_key.binary: pair for pair in keypairs}
    message = compute_signing_bytes(chain_id, body)
    signatures = []
    for signer in get_signers(body):
        if signer not in by_key:
            raise ValueError(f"this transaction needs the key of {PublicKey(signer).address} to sign it")
        signatures.append(by_key[signer].sign(message))
    return SignedTransaction(body=body, signatures=tuple(signatures))


def verify_signatures(chain_id: str, signed: SignedTransaction) -> None:
    """Check all signatures. Raises InvalidTransaction (signature count, key, signature)."""
    signers = get_signers(signed.body)
    if len(signed.signatures) != len(signers):
        raise InvalidTransaction(
            Reason.WRONG_SIGNATURE_COUNT,
            f"{len(signed.signatures)} signatures: this transaction needs {len(signers)}",
        )
    message = compute_signing_bytes(chain_id, signed.body)
    for signer, signature in zip(signers, signed.signatures, strict=True):
        try:
            key = PublicKey.from_binary(signer)
        except InvalidPublicKey as error:
            raise InvalidTransaction(Reason.INVALID_KEY, str(error)) from error
        if not key.verify(message, signature):
            raise InvalidTransaction(
                Reason.BAD_SIGNATURE,
                f"the signature of {key.address} is wrong: made for another chain, or altered bytes",
            )
