"""The onboarding payer: on a test network, somebody without a token can put up hotspots.

The faucet's account pays fee and bond of a newcomer's first hotspots, and the fee of their first location.
The newcomer makes the transaction with that account as payer, and owner and hotspot sign it; the payer looks
whether it is one of those that it pays for, signs last and submits. It never signs anything that somebody
else's signature doesn't stand under, and pays exactly the required fee. The bond stays its own: it comes
back to it, or burns with a fault.

How much one owner gets is read off the chain (hotspots it owns already), so it survives restarts, and asking
twice with the same transaction gives one. How many there are in all is limited per minute, in memory. Who
makes a hundred owners gets a hundred times as much: a test network's tokens are worth nothing, and elsewhere
there is no such payer. Precedent: Helium's makers paid for the hotspots that they sold (staking_keys).
"""

from __future__ import annotations

from collections import deque

from chain import api
from chain.keys.keypair import Keypair
from chain.keys.public_key import PublicKey
from chain.ledger.state import State
from chain.ledger.tables import HOTSPOTS
from chain.node.node import Node, get_time_ms
from chain.transactions.encoding import (
    compute_signing_bytes,
    compute_transaction_id,
    decode_transaction,
    encode_transaction,
)
from chain.transactions.fees import compute_required_fee
from chain.transactions.reasons import InvalidTransaction, Reason
from chain.transactions.signing import get_signers, verify_given_signatures
from chain.transactions.types import HotspotAdd, LocationAssert, SignedTransaction, TransactionBody

HOTSPOTS_PER_OWNER = 3
TRANSACTIONS_PER_MINUTE = 60


class OnboardingPayer:
    """Co-signs and submits what newcomers need."""

    def __init__(self, node: Node, key: Keypair) -> None:
        self._node = node
        self._key = key
        self._recent_ms: deque[int] = deque()

    def get_offer(self) -> api.OnboardingOffer:
        """Who pays, and which nonce a transaction must carry now."""
        own = self._key.public_key
        return api.OnboardingOffer(
            payer=own.address,
            next_nonce=self._node.mempool.get_next_nonce(own.binary),
            hotspots_per_owner=HOTSPOTS_PER_OWNER,
        )

    async def sponsor(self, raw: bytes) -> bytes:
        """Sign and submit a transaction that all others have signed; returns its id once it is durable.

        Raises InvalidTransaction: not_sponsored, account_limit (asked too often), or what is wrong with it.
        """
        signed = decode_transaction(raw)
        chain_id = self._node.chain.chain_id
        id = compute_transaction_id(chain_id, signed.body)
        outcome = self._node.store.get_outcome(id)
        if self._node.mempool.has_transaction(id) or (outcome is not None and outcome.included):
            return id
        self._check_paid_for(signed.body)
        self._check_others_signed(chain_id, signed)
        self._check_rate()
        signatures = tuple(
            self._key.sign(compute_signing_bytes(chain_id, signed.body))
            if key == signed.body.payer
            else given
            for key, given in zip(get_signers(signed.body), signed.signatures, strict=True)
        )
        return await self._node.submit_transaction(
            encode_transaction(SignedTransaction(signed.body, signatures))
        )

    def _check_paid_for(self, body: TransactionBody) -> None:
        own = self._key.public_key
        if not isinstance(body, HotspotAdd | LocationAssert):
            raise _refuse(
                f"{type(body).__name__}: only hotspots that join and their first location are paid for"
            )
        if body.payer != own.binary:
            raise _refuse(f"its payer is {PublicKey(body.payer).address}: name {own.address} as payer")
        if own.binary in (body.owner, body.hotspot):
            raise _refuse("the onboarding payer pays for others, not for itself")
        required = compute_required_fee(body, self._node.parameters)
        if body.fee > required:
            raise _refuse(f"fee of {body.fee} data credits: {required} are enough, and no more is paid")
        state = self._node.mempool.state
        if isinstance(body, HotspotAdd):
            owned = _count_hotspots(state, body.owner)
            if owned >= HOTSPOTS_PER_OWNER:
                raise _refuse(
                    f"this owner has {owned} hotspots already: {HOTSPOTS_PER_OWNER} are paid for, "
                    "pay for further ones yourself"
                )
        else:
            row = state.get(HOTSPOTS, body.hotspot)
            if row is not None and row.location_height:
                raise _refuse("this hotspot has a location already: pay for a change yourself")

    def _check_others_signed(self, chain_id: str, signed: SignedTransaction) -> None:
        verify_given_signatures(chain_id, signed)
        for key, given in zip(get_signers(signed.body), signed.signatures, strict=True):
            if not given and key != signed.body.payer:
                raise InvalidTransaction(
                    Reason.BAD_SIGNATURE,
                    f"{PublicKey(key).address} must sign before the onboarding payer does",
                )

    def _check_rate(self) -> None:
        now_ms = get_time_ms()
        while self._recent_ms and self._recent_ms[0] <= now_ms - 60_000:
            self._recent_ms.popleft()
        if len(self._recent_ms) >= TRANSACTIONS_PER_MINUTE:
            raise InvalidTransaction(
                Reason.ACCOUNT_LIMIT,
                f"{TRANSACTIONS_PER_MINUTE} transactions are paid for in a minute: ask again in a minute",
            )
        self._recent_ms.append(now_ms)


def _count_hotspots(state: State, owner: bytes) -> int:
    return sum(1 for _, row in state.iterate(HOTSPOTS) if row.owner == owner)


def _refuse(message: str) -> InvalidTransaction:
    return InvalidTransaction(Reason.NOT_SPONSORED, message)
