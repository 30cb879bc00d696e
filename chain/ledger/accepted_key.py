"""Which keys may enter the ledger: usable ones of this network."""

from __future__ import annotations

from chain.keys.public_key import InvalidPublicKey, PublicKey
from chain.ledger.context import BlockContext
from chain.transactions.reasons import InvalidTransaction, Reason


def check_key(key: bytes, context: BlockContext) -> None:
    """A key that enters the ledger must be usable and of this network.

    Raises InvalidTransaction (wrong_network, invalid_key).
    """
    try:
        public_key = PublicKey.from_binary(key)
    except InvalidPublicKey as error:
        raise InvalidTransaction(Reason.INVALID_KEY, str(error)) from error
    if public_key.network != context.network:
        raise InvalidTransaction(
            Reason.WRONG_NETWORK, f"{public_key.address} is a key of another network than this chain's"
        )
