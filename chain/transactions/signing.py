"""Who must sign a transaction, signing, and checking the signatures."""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter
from typing import Any

from chain.keys.keypair import Keypair
from chain.keys.public_key import InvalidPublicKey, PublicKey
from chain.transactions.bodies_coverage import CoverageRequest, FieldSighting
from chain.transactions.bodies_governance import (
    AuditorSet,
    ExclusionSet,
    GovernanceChange,
    ParameterChange,
    ProducerRotate,
    RuleUpgrade,
    ValidatorStake,
    ValidatorUnstake,
)
from chain.transactions.bodies_hotspots import (
    HotspotAdd,
    HotspotRekey,
    HotspotRetire,
    HotspotTransfer,
    LocationAssert,
)
from chain.transactions.bodies_money import PriceReport
from chain.transactions.bodies_routers import (
    ChannelAllot,
    ChannelClaim,
    ChannelClose,
    ChannelOpen,
    RouterRegister,
    RouterRetire,
    RouterTransfer,
    RouterUpdate,
)
from chain.transactions.encoding import compute_signing_bytes
from chain.transactions.reasons import InvalidTransaction, Reason
from chain.transactions.types import SignedTransaction, TransactionBody

#: Fields whose keys sign, beside the payer's. A body that isn't listed is signed by its payer alone.
_COSIGNERS: dict[type[Any], tuple[str, ...]] = {
    PriceReport: ("reporter",),
    HotspotAdd: ("owner", "hotspot"),
    LocationAssert: ("owner",),
    HotspotTransfer: ("owner",),
    HotspotRekey: ("owner", "new_hotspot"),
    HotspotRetire: ("owner",),
    RouterRegister: ("owner",),
    RouterUpdate: ("owner",),
    RouterTransfer: ("owner", "new_owner"),
    RouterRetire: ("owner",),
    ChannelOpen: ("router",),
    ChannelClaim: ("hotspot",),
    ChannelAllot: ("signer",),
    ChannelClose: ("router",),
    ParameterChange: ("approvers",),
    RuleUpgrade: ("approvers",),
    GovernanceChange: ("approvers",),
    ExclusionSet: ("approvers",),
    AuditorSet: ("approvers",),
    ProducerRotate: ("producer", "new_producer"),
    ValidatorStake: ("owner", "validator"),
    ValidatorUnstake: ("owner",),
    CoverageRequest: ("requester",),
    FieldSighting: ("tester",),
}
_GET_COSIGNERS = {kind: tuple(map(attrgetter, names)) for kind, names in _COSIGNERS.items()}


def get_signers(body: TransactionBody) -> tuple[bytes, ...]:
    """Return the keys that must sign, payer first, each once. The signatures stand in this order."""
    getters = _GET_COSIGNERS.get(type(body))
    if getters is None:
        return (body.payer,)
    signers = [body.payer]
    for getter in getters:
        key = getter(body)
        if isinstance(key, tuple):
            signers += key
        else:
            signers.append(key)
    if isinstance(body, HotspotAdd) and body.consent:
        signers.pop()  # the consent stands for the hotspot's signature
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
    _verify(chain_id, signed, may_be_missing=False)


def verify_given_signatures(chain_id: str, signed: SignedTransaction) -> None:
    """Check the signatures that are there; empty ones are still to be made. Raises as `verify_signatures`."""
    _verify(chain_id, signed, may_be_missing=True)


def _verify(chain_id: str, signed: SignedTransaction, may_be_missing: bool) -> None:
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
        if may_be_missing and not signature:
            continue
        if not key.verify(message, signature):
            raise InvalidTransaction(
                Reason.BAD_SIGNATURE,
                f"the signature of {key.address} is wrong: made for another chain, or altered bytes",
            )
