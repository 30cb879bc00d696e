"""Which keys may enter the ledger: usable ones of this network."""

from __future__ import annotations

from chain.keys.address import KEY_TYPE_ED25519
from chain.keys.public_key import PUBLIC_KEY_BYTES, InvalidPublicKey, PublicKey
from chain.ledger.context import BlockContext
from chain.transactions.reasons import InvalidTransaction, Reason


def check_key(key: bytes, context: BlockContext) -> None:
    """A key that enters the ledger must be usable and of this network.

    Raises InvalidTransaction (wrong_network, invalid_key).
    """
    if len(key) == PUBLIC_KEY_BYTES and key[0] == context.network | KEY_TYPE_ED25519:
        return  # nearly all keys: nothing about their other bytes is checked before a signature is
    try:
        public_key = PublicKey.from_binary(key)
    except InvalidPublicKey as error:
        raise InvalidTransaction(Reason.INVALID_KEY, str(error)) from error
    if public_key.network != context.network:
        raise InvalidTransaction(
            Reason.WRONG_NETWORK, f"{public_key.address} is a key of another network than this chain's"
        )
