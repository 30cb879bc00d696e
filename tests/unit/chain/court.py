"""A court for tests: a town of bonded hotspots, somebody who reports, and signed words against them."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from chain.coverage.claims import compute_commitment
from chain.coverage.reports import ReportEnvelope, encode_envelope, encode_report
from chain.keys.keypair import Keypair
from chain.ledger.balances import credit_minted, get_supply
from chain.ledger.bonds import lock_bond
from chain.ledger.conservation import check_conservation, recount
from chain.ledger.context import BlockContext
from chain.ledger.escrow import add_to_escrow
from chain.ledger.events import Event
from chain.ledger.process_transaction import process_transaction
from chain.ledger.tables import HXT, get_account
from chain.transactions import (
    BeaconEquivocation,
    ClaimEquivocation,
    FaultEvidence,
    HeaderEquivocation,
    InvalidTransaction,
    Reason,
    TransactionBody,
    with_required_fee,
)
from chain.wire import poc_lora_pb2
from tests.unit.chain.world import make_key
from tests.unit.coverage.town import Report, Town, sign

BOND, OWNED = 1_000_003, 10**10
ESCROW = (700_001, 300_002)
REPORTER, FRIEND = make_key(71), make_key(72)
Evidence = BeaconEquivocation | ClaimEquivocation | HeaderEquivocation


class Court:
    """Three hotspots of one owner, bonded, with escrow of two epochs; round 0 is open."""

    def __init__(self) -> None:
        self.town = Town()
        self.state = self.town.state
        self.owner = self.town.owner
        for key in (self.owner, REPORTER, FRIEND):
            credit_minted(self.state, key.public_key.binary, OWNED)
        for key in self.town.keys:
            lock_bond(self.state, key.public_key.binary, self.owner.public_key.binary, BOND)
            for epoch, hxt in enumerate(ESCROW):
                add_to_escrow(self.state, epoch, key.public_key.binary, hxt)
        self.context: BlockContext = self.town.open(epoch=1)
        check_conservation(self.state)

    @property
    def culprit(self) -> Keypair:
        return self.town.keys[0]

    def hxt(self, key: Keypair) -> int:
        return get_account(self.state, key.public_key.binary).hxt

    def burnt(self) -> int:
        return get_supply(self.state, HXT).burnt

    # What may be said

    def beacon(self, key: Keypair | None = None, **changes: Any) -> bytes:
        """A signed beacon report in its envelope; honest but for the changes."""
        key = key or self.culprit
        return encode_report(sign(self.town.build_beacon(key, **changes), key))

    def beacons(self, one: bytes, other: bytes) -> BeaconEquivocation:
        """Both in their order."""
        return BeaconEquivocation(*sorted((one, other)))

    def two_beacons(self, **changes: Any) -> BeaconEquivocation:
        return self.beacons(self.beacon(), self.beacon(**({"local_entropy": b"2" * 16} | changes)))

    def witness(self, nonce: bytes, signer: Keypair | None = None, **changes: Any) -> tuple[bytes, bytes]:
        """A signed report of the second hotspot's beacon by the culprit, with its nonce, and its claim."""
        message = self.town.build_witness(self.culprit, self.town.keys[1], **changes)
        return open_and_claim(message, signer or self.culprit, nonce)

    def two_claims(self, **changes: Any) -> ClaimEquivocation:
        return self.claims(
            self.witness(b"1" * 16, signal=-1040), self.witness(b"2" * 16, **({"signal": -1041} | changes))
        )

    def claims(self, *pairs: tuple[bytes, bytes], **changes: Any) -> ClaimEquivocation:
        (one, one_claim), (other, other_claim) = sorted(pairs)
        evidence = ClaimEquivocation(
            one=one,
            one_claim=one_claim,
            other=other,
            other_claim=other_claim,
            public_entropy=self.town.get_round().entropy,
            local_entropy=self.town.get_local_entropy(self.town.keys[1]),
        )
        return replace(evidence, **changes)

    # What follows

    def body(self, evidence: Evidence, reporter: Keypair = REPORTER) -> FaultEvidence:
        head = self.head(reporter)
        return FaultEvidence(**head, evidence=evidence)

    def head(self, payer: Keypair) -> dict[str, Any]:
        nonce = get_account(self.state, payer.public_key.binary).nonce + 1
        return {"payer": payer.public_key.binary, "nonce": nonce, "fee": 0}

    def apply(self, body: TransactionBody) -> list[Event]:
        events = process_transaction(
            self.state, with_required_fee(body, self.context.parameters), self.context
        )
        check_conservation(self.state)
        return events

    def report(self, evidence: Evidence, reporter: Keypair = REPORTER) -> tuple[dict[str, Any], int]:
        """Apply the evidence; returns the slashing event's fields and the HXT that burnt for the fee."""
        fee, event = self.apply(self.body(evidence, reporter))
        return event.fields, fee.fields["hxt"]

    def refuse(self, evidence: Evidence, reason: Reason, reporter: Keypair = REPORTER) -> str:
        """It must be refused for this reason and change nothing; returns the sentence."""
        before = self.state.get_changes()
        with pytest.raises(InvalidTransaction) as caught:
            process_transaction(
                self.state,
                with_required_fee(self.body(evidence, reporter), self.context.parameters),
                self.context,
            )
        assert caught.value.code is reason, caught.value
        assert self.state.get_changes() == before
        return caught.value.message

    def go_to_epoch(self, epoch: int) -> None:
        """The context of a later epoch; its rounds are opened."""
        self.context = self.town.open(round=epoch * 4, epoch=epoch)

    def check_books(self) -> None:
        check_conservation(self.state)
        recount(self.state)


def open_and_claim(message: Report, signer: Keypair, nonce: bytes) -> tuple[bytes, bytes]:
    """The signed report in its envelope with the nonce, and the signed claim that it opens."""
    report = sign(message, signer)
    commitment = compute_commitment(nonce, ReportEnvelope(report))
    claim = poc_lora_pb2.lora_claim_v1(pub_key=message.pub_key, commitment=commitment, timestamp=1)
    return encode_report(report, nonce=nonce), encode_envelope(ReportEnvelope(sign(claim, signer)))
