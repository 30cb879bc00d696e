"""From a body to bytes that can be submitted.

body = Burn(payer=me, nonce=account.next_nonce, fee=0, payee=me, hxt=100_000_000)
raw = build_transaction(body, network.chain_id, parameters, [my_keypair])
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from msgspec.structs import replace

from chain.keys.keypair import Keypair
from chain.ledger.parameters import Parameters
from chain.transactions.encoding import encode_transaction
from chain.transactions.fees import compute_required_fee
from chain.transactions.signing import sign_transaction
from chain.transactions.types import TransactionBody

Body = TypeVar("Body", bound=TransactionBody)


def with_required_fee(body: Body, parameters: Parameters) -> Body:
    """Return the body with the least fee that is accepted."""
    return replace(body, fee=compute_required_fee(body, parameters))


def build_transaction(
    body: TransactionBody, chain_id: str, parameters: Parameters, keypairs: Iterable[Keypair]
) -> bytes:
    """Fill in the fee, sign with the keys that the body needs and encode.

    Raises ValueError naming an address whose key is missing.
    """
    return encode_transaction(sign_transaction(chain_id, with_required_fee(body, parameters), keypairs))
