"""Bodies that decide about the network, by a threshold of named keys, and those of validators.

`approvers` are the keys that sign the decision, each once, in ascending order; the rule counts those that the
governance names.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from chain.transactions.fields import (
    MAX_APPROVERS,
    MAX_PRICE_REPORTERS,
    Amount,
    Epoch,
    Hash,
    Height,
    Key,
    Nonce,
)

Approvers = Annotated[tuple[Key, ...], Meta(min_length=1, max_length=MAX_APPROVERS)]


class ChangedParameter(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One parameter's new value. A dot leads into a group: `coverage.maximum_witnesses`."""

    name: Annotated[str, Meta(min_length=1, max_length=64)]
    value: Annotated[str, Meta(max_length=256)]
    """JSON of the value: a number, a text, a list of numbers."""


class ParameterChange(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=17):
    """Parameters get new values from a height on. Signed by payer and approvers."""

    payer: Key
    nonce: Nonce
    fee: Amount
    approvers: Approvers
    changes: Annotated[tuple[ChangedParameter, ...], Meta(min_length=1, max_length=32)]
    activation_height: Height


class RuleUpgrade(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=18):
    """From a height on, blocks follow a new version of the rules; a node that doesn't know it stops there."""

    payer: Key
    nonce: Nonce
    fee: Amount
    approvers: Approvers
    protocol_version: Annotated[int, Meta(ge=1, le=2**31)]
    activation_height: Height


class GovernanceChange(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=19):
    """The named keys, their threshold and the price reporters are replaced."""

    payer: Key
    nonce: Nonce
    fee: Amount
    approvers: Approvers
    keys: Annotated[tuple[Key, ...], Meta(min_length=1, max_length=MAX_APPROVERS)]
    threshold: Annotated[int, Meta(ge=1, le=MAX_APPROVERS)]
    price_reporters: Annotated[tuple[Key, ...], Meta(max_length=MAX_PRICE_REPORTERS)]


class ExclusionSet(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=20):
    """A hotspot, or a pair of them, doesn't count in Proof-of-Coverage until an epoch (0 lifts it)."""

    payer: Key
    nonce: Nonce
    fee: Amount
    approvers: Approvers
    hotspots: Annotated[tuple[Key, ...], Meta(min_length=1, max_length=2)]
    """One, or a pair in ascending order."""
    until_epoch: Epoch
    """First epoch in which it counts again."""
    code: Annotated[int, Meta(ge=1, le=255)]
    """Kind of evidence: 1 location, 2 shared antenna, 3 relayed, 4 edited signal, 5 other."""
    evidence_hash: Hash
    """SHA-256 of the published evidence."""


class AuditorSet(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=21):
    """A hotspot is named as audited, or a key as a field tester, until an epoch (0 ends it)."""

    payer: Key
    nonce: Nonce
    fee: Amount
    approvers: Approvers
    auditor: Key
    kind: Annotated[int, Meta(ge=0, le=1)]
    """0 an audited hotspot, 1 a field tester."""
    until_epoch: Epoch


class ProducerRotate(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=22):
    """The block producer's key is replaced when the next round has opened. Signed by payer and both keys."""

    payer: Key
    nonce: Nonce
    fee: Amount
    producer: Key
    new_producer: Key
    entropy_anchor: Hash
    """Anchor of the new key's entropy chain."""


class ValidatorStake(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=23):
    """An owner locks HXT behind a validator's key. Signed by payer, owner and validator."""

    payer: Key
    nonce: Nonce
    fee: Amount
    owner: Key
    validator: Key
    hxt: Amount


class ValidatorUnstake(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=24):
    """The stake comes free after the unbonding period. Signed by payer and owner."""

    payer: Key
    nonce: Nonce
    fee: Amount
    owner: Key
    validator: Key
