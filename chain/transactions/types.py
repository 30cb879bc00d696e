"""The transactions. Frozen structs that encode as arrays: [type number, payer, nonce, fee, ...].

Every transaction names who pays its fee (`payer`), the payer's next nonce and the fee in data credits. All
its signers sign the whole, so no part can be lifted out or replayed. Type numbers and field order are the
wire format: they only ever grow at the end. The bodies stand by topic in `bodies_*.py`.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from chain.transactions.bodies_coverage import (
    BeaconEquivocation,
    ClaimEquivocation,
    CoverageRequest,
    FaultEvidence,
    FieldSighting,
    HeaderEquivocation,
)
from chain.transactions.bodies_governance import (
    AuditorSet,
    ChangedParameter,
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
from chain.transactions.bodies_money import Burn, Payee, Payment, PriceReport
from chain.transactions.bodies_routers import (
    ChannelAllot,
    ChannelClaim,
    ChannelClose,
    ChannelDispute,
    ChannelOpen,
    HotspotCredits,
    RouterRegister,
    RouterRetire,
    RouterTransfer,
    RouterUpdate,
)
from chain.transactions.fields import MAX_APPROVERS

TransactionBody = (
    Payment
    | Burn
    | PriceReport
    | HotspotAdd
    | LocationAssert
    | HotspotTransfer
    | HotspotRekey
    | HotspotRetire
    | RouterRegister
    | RouterUpdate
    | RouterTransfer
    | RouterRetire
    | ChannelOpen
    | ChannelClaim
    | ChannelAllot
    | ChannelClose
    | ChannelDispute
    | ParameterChange
    | RuleUpgrade
    | GovernanceChange
    | ExclusionSet
    | AuditorSet
    | ProducerRotate
    | ValidatorStake
    | ValidatorUnstake
    | CoverageRequest
    | FieldSighting
    | FaultEvidence
)

#: Payer and all approvers.
MAX_SIGNATURES = MAX_APPROVERS + 1


class SignedTransaction(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A body and its signatures, in the order of `get_signers(body)`."""

    body: TransactionBody
    signatures: Annotated[
        tuple[Annotated[bytes, Meta(max_length=72)], ...], Meta(min_length=1, max_length=MAX_SIGNATURES)
    ]


__all__ = [
    "MAX_SIGNATURES",
    "AuditorSet",
    "BeaconEquivocation",
    "Burn",
    "ChangedParameter",
    "ChannelAllot",
    "ChannelClaim",
    "ChannelClose",
    "ChannelDispute",
    "ChannelOpen",
    "ClaimEquivocation",
    "CoverageRequest",
    "ExclusionSet",
    "FaultEvidence",
    "FieldSighting",
    "GovernanceChange",
    "HeaderEquivocation",
    "HotspotAdd",
    "HotspotCredits",
    "HotspotRekey",
    "HotspotRetire",
    "HotspotTransfer",
    "LocationAssert",
    "ParameterChange",
    "Payee",
    "Payment",
    "PriceReport",
    "ProducerRotate",
    "RouterRegister",
    "RouterRetire",
    "RouterTransfer",
    "RouterUpdate",
    "RuleUpgrade",
    "SignedTransaction",
    "TransactionBody",
    "ValidatorStake",
    "ValidatorUnstake",
]
