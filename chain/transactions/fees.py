"""What a transaction costs, in data credits: its size like a packet's, plus what some operations cost on top.

Size is taken with fee 0 and every signature 64 zero bytes, so that the fee depends on nothing that changes
with it (as Helium's: blockchain_txn_fees.hrl:12-38). fee = ceil(size / 24) x fee_data_credits_per_unit +
operation's fee.
"""

from __future__ import annotations

from functools import lru_cache

import msgspec

from chain.keys.public_key import ED25519_SIGNATURE_BYTES
from chain.ledger.amounts import BYTES_PER_DATA_CREDIT
from chain.ledger.parameters import Parameters
from chain.transactions.bodies_hotspots import DATA_ONLY
from chain.transactions.encoding import compute_encoded_bytes
from chain.transactions.signing import get_signers
from chain.transactions.types import (
    MAX_SIGNATURES,
    CoverageRequest,
    HotspotAdd,
    HotspotTransfer,
    LocationAssert,
    RouterRegister,
    TransactionBody,
)


def compute_size_fee(size_bytes: int, data_credits_per_unit: int) -> int:
    """Fee of so many bytes: per started 24 of them."""
    return -(-size_bytes // BYTES_PER_DATA_CREDIT) * data_credits_per_unit


def compute_required_fee(body: TransactionBody, parameters: Parameters) -> int:
    """Least fee in data credits that a transaction with this body must carry."""
    size = (
        compute_encoded_bytes(body)
        - _compute_integer_bytes(body.fee)
        + _compute_integer_bytes(0)
        + _compute_signatures_bytes(len(get_signers(body)))
    )
    return compute_size_fee(size, parameters.fee_data_credits_per_unit) + compute_operation_fee(
        body, parameters
    )


def _compute_integer_bytes(number: int) -> int:
    """Bytes of a number in MessagePack."""
    if number < 1 << 7:
        return 1
    return 2 if number < 1 << 8 else 3 if number < 1 << 16 else 5 if number < 1 << 32 else 9


@lru_cache(maxsize=MAX_SIGNATURES + 1)
def _compute_signatures_bytes(signatures: int) -> int:
    """Bytes of a transaction besides its body: with so many signatures of 64 zero bytes."""
    return 1 + len(msgspec.msgpack.encode((bytes(ED25519_SIGNATURE_BYTES),) * signatures))


def compute_operation_fee(body: TransactionBody, parameters: Parameters) -> int:
    """What this kind of transaction costs beside its size."""
    match body:
        case HotspotAdd() if body.capability == DATA_ONLY:
            return parameters.data_only_add_fee_data_credits
        case HotspotAdd():
            return parameters.hotspot_add_fee_data_credits
        case LocationAssert():
            return parameters.location_assert_fee_data_credits
        case HotspotTransfer():
            return parameters.hotspot_transfer_fee_data_credits
        case RouterRegister():
            return parameters.router_register_fee_data_credits
        case CoverageRequest():
            return parameters.coverage_request_fee_data_credits
        case _:
            return 0
