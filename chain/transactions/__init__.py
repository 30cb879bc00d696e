"""Transactions: their types, the one canonical encoding, signatures and fees.

A transaction is signed over its encoding bound to the chain id; bytes whose re-encoding differs are
refused. What a transaction does to the ledger is in `chain/ledger` and `chain/data`, one file an operation.
May enter: shapes, bytes, signatures. May not: state.
"""

from chain.transactions.building import build_transaction, with_required_fee
from chain.transactions.encoding import (
    MAX_TRANSACTION_BYTES,
    compute_transaction_id,
    decode_transaction,
    encode_transaction,
)
from chain.transactions.fees import compute_required_fee
from chain.transactions.reasons import InvalidTransaction, Reason
from chain.transactions.signing import get_signers, sign_transaction, verify_signatures
from chain.transactions.types import (
    Burn,
    ChannelClaim,
    ChannelOpen,
    HotspotAdd,
    LocationAssert,
    Payee,
    Payment,
    RouterRegister,
    RouterUpdate,
    SignedTransaction,
    TransactionBody,
)

__all__ = [
    "MAX_TRANSACTION_BYTES",
    "Burn",
    "ChannelClaim",
    "ChannelOpen",
    "HotspotAdd",
    "InvalidTransaction",
    "LocationAssert",
    "Payee",
    "Payment",
    "Reason",
    "RouterRegister",
    "RouterUpdate",
    "SignedTransaction",
    "TransactionBody",
    "build_transaction",
    "compute_required_fee",
    "compute_transaction_id",
    "decode_transaction",
    "encode_transaction",
    "get_signers",
    "sign_transaction",
    "verify_signatures",
    "with_required_fee",
]
