"""Proof-of-Coverage reports as a block carries them: the hotspot's bytes and when a node took them in.

Rules see no clock, so the time of arrival is part of the report, signed by the node that received it.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from chain.keys.keypair import Keypair
from chain.keys.public_key import PublicKey

ReportKind = Literal["beacon", "witness", "claim"]
BEACON: ReportKind = "beacon"
WITNESS: ReportKind = "witness"
CLAIM: ReportKind = "claim"
"""The hash of a beacon or witness report that its sender will open later (chain/coverage/claims.py)."""

MAX_REPORT_BYTES = 1024

_DOMAIN = b"hexhaul/report-arrival/1\x00"


class ReceivedReport(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One report at the moment it was taken in."""

    kind: ReportKind
    report_bytes: Annotated[bytes, Meta(max_length=MAX_REPORT_BYTES)]
    """chain/coverage/reports.py: ReportEnvelope, the hotspot's message, its session's introduction and a
    claimed report's nonce."""
    received_at_ms: Annotated[int, Meta(ge=0, le=2**63 - 1)]
    """Unix time, milliseconds, by the receiving node's clock."""
    node_signature: Annotated[bytes, Meta(max_length=72)]
    """By the node (today the block producer), over chain id, kind, arrival time and the report's hash."""


def compute_report_id(kind: str, report_bytes: bytes) -> bytes:
    """32 bytes that name a report, whenever and wherever it arrived."""
    return sha256(b"hexhaul/report/1\x00" + kind.encode("ascii") + b"\x00" + report_bytes).digest()


def _compute_arrival_bytes(chain_id: str, kind: str, report_bytes: bytes, received_at_ms: int) -> bytes:
    chain = chain_id.encode("utf-8")
    return (
        _DOMAIN
        + len(chain).to_bytes(2, "big")
        + chain
        + compute_report_id(kind, report_bytes)
        + received_at_ms.to_bytes(8, "big")
    )


def sign_arrival(
    chain_id: str, kind: ReportKind, report_bytes: bytes, received_at_ms: int, node_key: Keypair
) -> ReceivedReport:
    """Wrap a report with its arrival time, signed by the node."""
    message = _compute_arrival_bytes(chain_id, kind, report_bytes, received_at_ms)
    return ReceivedReport(
        kind=kind,
        report_bytes=report_bytes,
        received_at_ms=received_at_ms,
        node_signature=node_key.sign(message),
    )


def is_arrival_signed_by(chain_id: str, report: ReceivedReport, node_key: PublicKey) -> bool:
    """Whether the arrival time was signed by this node."""
    message = _compute_arrival_bytes(chain_id, report.kind, report.report_bytes, report.received_at_ms)
    return node_key.verify(message, report.node_signature)
