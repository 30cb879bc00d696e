"""Header equivocation: one producer signed two blocks of one height.

Whoever holds both can show one history to one reader and another to the next: a light client that was paid
in one of them has nothing. Precedent: proposer slashing in Ethereum's consensus-specs, duplicate votes in
CometBFT.

**Why honest software never signs two.** A producer signs a block and commits it, durably, before anybody
sees it; what a crash swallows between the two has never left the machine.

The stake behind the producer's key is taken. Both headers name the chain. Their age goes by the newer of
their times: the time is the signer's word, but one of the two is a block that a chain with clocks took.
"""

from __future__ import annotations

import msgspec

from chain.blocks.header import Header, compute_block_hash, is_header_signed
from chain.faults.evidence import check_order, refuse
from chain.faults.proven_fault import ProvenFault, check_is_fault
from chain.ledger.context import BlockContext
from chain.ledger.faults import compute_fault_id
from chain.transactions.reasons import InvalidTransaction, Reason
from chain.transactions.types import HeaderEquivocation

KIND = "header_equivocation"

_decoder = msgspec.msgpack.Decoder(Header)


def is_header_equivocation(one: Header, other: Header) -> bool:
    """Whether two signed headers of one producer name one chain and height, and differ."""
    return (
        one.producer == other.producer
        and one.chain_id == other.chain_id
        and one.height == other.height
        and compute_block_hash(one) != compute_block_hash(other)
    )


def prove_header_equivocation(evidence: HeaderEquivocation, context: BlockContext) -> ProvenFault:
    """Raises InvalidTransaction (malformed_evidence, no_fault, evidence_too_old)."""
    check_order(evidence.one, evidence.other)
    one, other = _open_header(evidence.one), _open_header(evidence.other)
    check_is_fault(
        is_header_equivocation(one, other),
        "the headers must be of one producer, chain and height, and two different ones",
    )
    check_is_fault(one.chain_id == context.chain_id, f"the headers are of chain {one.chain_id!r}")
    time_ms = max(one.time_ms, other.time_ms)
    parameters = context.parameters
    epoch = (time_ms - context.genesis_time_ms) // parameters.epoch_ms
    if epoch < context.epoch - parameters.evidence_epochs:
        raise InvalidTransaction(
            Reason.EVIDENCE_TOO_OLD,
            f"the headers are of epoch {epoch}: proofs are taken for {parameters.evidence_epochs} epochs",
        )
    fault_id = compute_fault_id(KIND, one.producer, one.height.to_bytes(8, "big"))
    return ProvenFault(KIND, fault_id, one.producer)


def _open_header(raw: bytes) -> Header:
    """A signed header in its canonical bytes. Raises InvalidTransaction (malformed_evidence)."""
    try:
        header = _decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise refuse(f"not a header: {error}") from error
    if msgspec.msgpack.encode(header) != raw:
        raise refuse("the header's bytes are not the canonical encoding of its values")
    if not is_header_signed(header):
        raise refuse("a header's signature is not that of the producer it names")
    return header
