"""The one encoding of a transaction: MessagePack arrays, as msgspec writes them.

MessagePack allows several encodings of one value (long forms of small integers), so a transaction's bytes
count only if encoding what was decoded gives the same bytes. Its id is the hash of what is signed: chain id
and body, without signatures, since an ECDSA signature can be varied by anybody.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256

import msgspec

from chain.transactions.reasons import InvalidTransaction, Reason
from chain.transactions.types import SignedTransaction, TransactionBody

#: Larger than any transaction of today (a payment to 50 payees is 2.2 kB).
MAX_TRANSACTION_BYTES = 16_384

_DOMAIN = b"hexhaul/transaction/1\x00"
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(SignedTransaction)


def compute_encoded_bytes(body: TransactionBody) -> int:
    """Return how long the encoding of a body is."""
    return len(_encoder.encode(body))


def encode_transaction(signed: SignedTransaction) -> bytes:
    """Return the canonical bytes."""
    return _encoder.encode(signed)


def decode_transaction(raw: bytes) -> SignedTransaction:
    """Parse canonical bytes. Raises InvalidTransaction (too_large, malformed, not_canonical)."""
    if len(raw) > MAX_TRANSACTION_BYTES:
        raise InvalidTransaction(
            Reason.TOO_LARGE, f"transaction of {len(raw)} bytes: at most {MAX_TRANSACTION_BYTES}"
        )
    try:
        signed = _decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidTransaction(Reason.MALFORMED, f"not a transaction: {error}") from error
    if _encoder.encode(signed) != raw:
        raise InvalidTransaction(
            Reason.NOT_CANONICAL, "the bytes are not the canonical encoding of their values: encode again"
        )
    return signed


def compute_signing_bytes(chain_id: str, body: TransactionBody) -> bytes:
    """Return what all signers sign: domain, chain id with its length, canonical body."""
    return _compute_prefix(chain_id) + _encoder.encode(body)


@lru_cache(maxsize=8)
def _compute_prefix(chain_id: str) -> bytes:
    chain = chain_id.encode("utf-8")
    return _DOMAIN + len(chain).to_bytes(2, "big") + chain


def compute_transaction_id(chain_id: str, body: TransactionBody) -> bytes:
    """Return the 32-byte id, the same whatever the signatures look like."""
    return sha256(compute_signing_bytes(chain_id, body)).digest()
