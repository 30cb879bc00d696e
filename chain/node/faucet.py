"""The faucet: the first tokens of somebody on a test network. An ordinary payment, signed by the faucet's
key.

Rate limited, per account and in all, in memory: a restart forgets who asked, which a test network can bear.
"""

from __future__ import annotations

from collections import OrderedDict, deque

from chain.keys.keypair import Keypair
from chain.keys.public_key import PublicKey
from chain.node.node import Node, get_time_ms
from chain.node.onboarding import OnboardingPayer
from chain.transactions.building import build_transaction
from chain.transactions.types import Payee, Payment

SECONDS_BETWEEN_PAYMENTS_TO_ONE = 30
PAYMENTS_PER_MINUTE = 120
_MAX_REMEMBERED = 10_000


class FaucetRefused(Exception):
    """The faucet gives nothing now; the message says why and when to ask again."""


class Faucet:
    """Pays `faucet_hxt` to whoever asks, not too often."""

    def __init__(self, node: Node, key: Keypair) -> None:
        self._node = node
        self._key = key
        self._paid_at_ms: OrderedDict[bytes, int] = OrderedDict()
        self._recent_ms: deque[int] = deque()
        self.onboarding = OnboardingPayer(node, key)
        """Pays for newcomers' hotspots from the same account."""

    async def pay(self, payee: PublicKey) -> bytes:
        """Submit the payment; returns its id once it is durable.

        Raises FaucetRefused when asked too often, InvalidTransaction where the faucet is empty.
        """
        now_ms = get_time_ms()
        self._check_rate(payee.binary, now_ms)
        chain = self._node.chain
        own = self._key.public_key.binary
        payment = Payment(
            payer=own,
            nonce=self._node.mempool.get_next_nonce(own),
            fee=0,
            payees=(Payee(account=payee.binary, hxt=chain.genesis_parameters.faucet_hxt),),
            memo=b"faucet",
        )
        raw = build_transaction(payment, chain.chain_id, chain.genesis_parameters, [self._key])
        # Counted before the first await: two requests at once must not both pass.
        self._remember(payee.binary, now_ms)
        return await self._node.submit_transaction(raw)

    def _check_rate(self, payee: bytes, now_ms: int) -> None:
        while self._recent_ms and self._recent_ms[0] <= now_ms - 60_000:
            self._recent_ms.popleft()
        if len(self._recent_ms) >= PAYMENTS_PER_MINUTE:
            raise FaucetRefused(f"the faucet pays {PAYMENTS_PER_MINUTE} times a minute: ask again later")
        wait_ms = SECONDS_BETWEEN_PAYMENTS_TO_ONE * 1000 - (now_ms - self._paid_at_ms.get(payee, 0))
        if wait_ms > 0:
            raise FaucetRefused(f"this account was paid just now: ask again in {wait_ms // 1000 + 1} seconds")

    def _remember(self, payee: bytes, now_ms: int) -> None:
        self._recent_ms.append(now_ms)
        self._paid_at_ms[payee] = now_ms
        self._paid_at_ms.move_to_end(payee)
        while len(self._paid_at_ms) > _MAX_REMEMBERED:
            self._paid_at_ms.popitem(last=False)
