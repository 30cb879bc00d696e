"""Signed bytes in a proof: opened, checked to be in their one form, and their signatures with them.

A proof that could be written in many ways could be sent many times, and a proof that one decoder reads and
another refuses would split the chain: so envelopes and messages must be canonical (as in
chain/coverage/reports.py), and of two pieces the lower one, as bytes, comes first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from chain.blocks.reports import BEACON, CLAIM, WITNESS, ReportKind
from chain.coverage.claims import Claim, parse_claim
from chain.coverage.reports import (
    BeaconReport,
    MalformedReport,
    ReportEnvelope,
    WitnessReport,
    decode_report,
    is_report_signed,
    parse_beacon_report,
    parse_witness_report,
)
from chain.transactions.reasons import InvalidTransaction, Reason

Said = TypeVar("Said")


def open_beacon_report(raw: bytes) -> BeaconReport:
    """A signed beacon report. Raises InvalidTransaction (malformed_evidence)."""
    return _open_signed(raw, BEACON, parse_beacon_report)[0]


def open_witness_report(raw: bytes) -> tuple[WitnessReport, ReportEnvelope]:
    """A signed witness report, and its envelope with the nonce.

    Raises InvalidTransaction (malformed_evidence).
    """
    return _open_signed(raw, WITNESS, parse_witness_report)


def open_claim(raw: bytes) -> Claim:
    """A signed claim. Raises InvalidTransaction (malformed_evidence)."""
    claim, envelope = _open_signed(raw, CLAIM, parse_claim)
    if envelope.nonce:
        raise refuse("a claim comes without its nonce")
    return claim


def check_order(one: bytes, other: bytes) -> None:
    """The lower piece comes first, and they are two. Raises InvalidTransaction (malformed_evidence)."""
    if one >= other:
        raise refuse("the two pieces are the same, or not in ascending order")


def refuse(why: str) -> InvalidTransaction:
    """What to raise for bytes that are no proof in its one form."""
    return InvalidTransaction(
        Reason.MALFORMED_EVIDENCE,
        f"this is no proof as the rules take it: {why}; send the signed bytes as they were",
    )


def _open_signed(raw: bytes, kind: ReportKind, parse: Callable[[bytes], Said]) -> tuple[Said, ReportEnvelope]:
    try:
        envelope = decode_report(raw)
        said = parse(envelope.report)
        is_signed = is_report_signed(envelope, kind)
    except MalformedReport as error:
        raise refuse(str(error)) from error
    if not is_signed:
        raise refuse(f"the {kind}'s signature is not the named hotspot's, nor that of its session key")
    return said, envelope
