"""Bundles: the Proof-of-Coverage reports of a block, beside it instead of in it.

A block's header holds the Merkle root of its reports; the reports themselves are a bundle that this root
names. Reports are by far the most bytes of a chain that is about coverage, and once an epoch's faults can't
be shown any more nobody needs them: blocks are kept for good, bundles for a number of epochs
(`bundle_epochs`). Whoever has a bundle can check it against the header, wherever it came from.

Precedent: the blobs of Ethereum's EIP-4844, named in the block, kept for some weeks.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from chain.blocks.merkle import MerkleProof, compute_merkle_root, make_merkle_proof, verify_merkle_proof
from chain.blocks.reports import ReceivedReport


class Bundle(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The reports of one block, in the order in which they are judged."""

    reports: tuple[ReceivedReport, ...] = ()


class BadBundle(ValueError):
    """The bytes are no bundle, or not the one that a header names; the message says which."""


EMPTY_BUNDLE = Bundle()

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Bundle)


def encode_bundle(bundle: Bundle) -> bytes:
    """Return the canonical bytes."""
    return _encoder.encode(bundle)


def decode_bundle(raw: bytes) -> Bundle:
    """Parse canonical bytes. Raises BadBundle."""
    try:
        bundle = _decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadBundle(f"not a bundle: {error}") from error
    if _encoder.encode(bundle) != raw:
        raise BadBundle("the bytes are not the canonical encoding of their values")
    return bundle


def compute_bundle_root(reports: Sequence[ReceivedReport]) -> bytes:
    """Merkle root over the encoding of each report with its arrival: the bundle's name."""
    return compute_merkle_root([_encoder.encode(report) for report in reports])


EMPTY_BUNDLE_ROOT = compute_bundle_root(())


def check_bundle(raw: bytes, root: bytes) -> Bundle:
    """Return the bundle that `root` names. Raises BadBundle where the bytes are another, or none."""
    bundle = decode_bundle(raw)
    actual = compute_bundle_root(bundle.reports)
    if actual != root:
        raise BadBundle(
            f"these are the bytes of bundle {actual.hex()}, not of {root.hex()}: ask another node"
        )
    return bundle


def make_report_proof(bundle: Bundle, index: int) -> MerkleProof:
    """Return the proof that a report is in the bundle. Raises IndexError."""
    return make_merkle_proof([_encoder.encode(report) for report in bundle.reports], index)


def verify_report_proof(bundle_root: bytes, report: ReceivedReport, proof: MerkleProof) -> None:
    """Check that a report is in the bundle that a header names. Raises BadMerkleProof."""
    verify_merkle_proof(bundle_root, _encoder.encode(report), proof)
