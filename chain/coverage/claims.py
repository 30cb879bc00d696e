"""Claim first, open later: no witness can be copied, because there is nothing to copy while it still counts.

A beacon's 51 bytes prove that somebody within earshot heard it only as long as nobody else can read them. A
report that is public before the round is over can be repeated by whoever wants to have heard the beacon too
(HIP-83 calls it stuffing). So a round has two parts. While beacons are on the air, beaconers and witnesses
send a claim: the hash of a nonce and of the whole signed report. In the round's last part, when no claim is
taken any more, they open it: the report and its nonce. What counts as the time of the report is the
node-signed arrival of its claim.

The nonce keeps the report from being found by trying measurements: 51 bytes and a signature are unknown to
others anyway, but a hotspot that knows the bytes could else test a rival's claim. The hash covers the
report as it was signed, the signature included, and names the hotspot by that: nobody can open another's
claim as its own.

A claim that is never opened costs its sender the beacon and is told to everybody (``claim_unopened``); it
changes nothing for others. Precedent: commit and reveal, as in RANDAO; HIP-42 asked for as much in other
words.
"""

import hashlib

import msgspec

from chain.coverage.reports import ReportEnvelope, check_length, encode_envelope, parse_message
from chain.keys.public_key import PUBLIC_KEY_BYTES
from chain.wire import poc_lora_pb2

COMMITMENT_DOMAIN = b"hexhaul/report-claim/1\x00"
COMMITMENT_BYTES = 32


class Claim(msgspec.Struct, frozen=True):
    """What a hotspot says before it tells."""

    hotspot: bytes
    commitment: bytes
    """32 bytes."""
    timestamp_ns: int
    """The hotspot's own clock; no rule trusts it."""


def compute_commitment(nonce: bytes, envelope: ReportEnvelope) -> bytes:
    """SHA-256 over the domain, the nonce with its length in a byte, and the report as it will be opened."""
    unopened = encode_envelope(ReportEnvelope(envelope.report, envelope.session))
    return hashlib.sha256(COMMITMENT_DOMAIN + len(nonce).to_bytes(1, "big") + nonce + unopened).digest()


def parse_claim_message(serialized: bytes) -> poc_lora_pb2.lora_claim_v1:
    """The protobuf message of a claim. ``MalformedReport`` where it is none."""
    return parse_message(poc_lora_pb2.lora_claim_v1, serialized, "claim")


def parse_claim(serialized: bytes) -> Claim:
    """A claim from the bytes of its protobuf message. ``MalformedReport`` where it is none."""
    message = parse_claim_message(serialized)
    check_length(message.pub_key, PUBLIC_KEY_BYTES, "a public key")
    check_length(message.commitment, COMMITMENT_BYTES, "a commitment")
    return Claim(message.pub_key, message.commitment, message.timestamp)


def get_commitment(envelope: ReportEnvelope) -> bytes:
    """The commitment that an opened report belongs to; empty for one that was sent without a claim."""
    return compute_commitment(envelope.nonce, envelope) if envelope.nonce else b""
