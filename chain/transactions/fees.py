"""What a transaction costs, in data credits: its size like a packet's, plus what some operations cost on top.

Size is taken with fee 0 and every signature 64 zero bytes, so that the fee depends on nothing that changes
with it (as Helium's: blockchain_txn_fees.hrl:12-38). fee = ceil(size / 24) x fee_data_credits_per_unit +
operation's fee.
"""

from __future__ import annotations

from msgspec.structs import replace

from chain.ledger.amounts import BYTES_PER_DATA_CREDIT
from chain.ledger.parameters import Parameters
from chain.transactions.bodies_hotspots import DATA_ONLY
from chain.transactions.encoding import encode_transaction
from chain.transactions.signing import get_signers
from chain.transactions.types import (
    HotspotAdd,
    HotspotTransfer,
    LocationAssert,
    RouterRegister,
    SignedTransaction,
    TransactionBody,
)

_ZERO_SIGNATURE = bytes(64)


def compute_size_fee(size_bytes: int, data_credits_per_unit: int) -> int:
    """Fee of so many bytes: per started 24 of them."""
    return -(-size_bytes // BYTES_PER_DATA_CREDIT) * data_credits_per_unit


def compute_required_fee(body: TransactionBody, parameters: Parameters) -> int:
    """Least fee in data credits that a transaction with this body must carry."""
    unsigned = SignedTransaction(
        body=replace(body, fee=0), signatures=(_ZERO_SIGNATURE,) * len(get_signers(body))
    )
    size = len(encode_transaction(unsigned))
    return compute_size_fee(size, parameters.fee_data_credits_per_unit) + compute_operation_fee(
        body, parameters
    )


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
        case _:
            return 0
