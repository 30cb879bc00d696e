"""Getting a hotspot onto the chain: added under its owner, placed where it stands. Safe to run again at any
time.

On a test network the owner's first tokens come from the faucet; elsewhere the owner must have paid in before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import h3

from chain.client import ChainClient, NotFound, TransactionRefused
from chain.keys import NETWORK_TEST, Keypair
from chain.ledger.amounts import HXT_UNITS, compute_hxt_for_data_credits
from chain.transactions import Burn, HotspotAdd, LocationAssert, TransactionBody
from hotspot_host.settings import Settings

#: What is bought beyond the fees of joining: claims, later assertions.
SPARE_DATA_CREDITS = 10_000

Say = Callable[..., None]


class CannotRegister(Exception):
    """The owner must do something first; the message says what."""


class Registration:
    """Brings one hotspot onto the chain."""

    def __init__(
        self, chain: ChainClient, settings: Settings, hotspot: Keypair, owner: Keypair, say: Say
    ) -> None:
        self._chain = chain
        self._settings = settings
        self._hotspot = hotspot
        self._owner = owner
        self._say = say

    async def ensure(self) -> None:
        """Return once the chain has the hotspot at its place.

        Raises ChainUnavailable, CannotRegister, and TransactionRefused for what the chain doesn't accept.
        """
        network = await self._chain.network()
        if (self._hotspot.public_key.network == NETWORK_TEST) != (network.network == "test"):
            raise CannotRegister(
                f"the key of this hotspot is not for the {network.network} network: "
                "use another data directory"
            )
        hotspot, owner = self._hotspot.public_key, self._owner.public_key
        known = await self._chain.hotspot(hotspot.address)
        if known is not None and known.owner != owner.address:
            raise CannotRegister(
                f"hotspot {hotspot.name} belongs to {known.owner} on the chain, not to {owner.address}: "
                "give that owner's key with --owner-key"
            )
        place = int(h3.str_to_int(self._settings.cell))
        wanted = (self._settings.cell, self._settings.gain_ddbi, self._settings.elevation_m)
        is_placed = known is not None and wanted == (known.location, known.gain_ddbi, known.elevation_m)
        parameters = await self._chain.parameters()
        cost = 0
        if known is None:
            cost += parameters.hotspot_add_fee_data_credits
        if not is_placed:
            cost += parameters.location_assert_fee_data_credits
        if cost:
            await self._ensure_data_credits(cost + SPARE_DATA_CREDITS // 2, cost + SPARE_DATA_CREDITS)
        if known is None:
            await self._ensure_hxt(parameters.hotspot_bond_hxt)
            body = HotspotAdd(payer=owner.binary, nonce=1, fee=0, owner=owner.binary, hotspot=hotspot.binary)
            await self.send(body)
            self._say("hotspot_added", f"hotspot {hotspot.name} joined", hotspot=hotspot.address)
        if not is_placed:
            await self.send(
                LocationAssert(
                    payer=owner.binary,
                    nonce=1,
                    fee=0,
                    owner=owner.binary,
                    hotspot=hotspot.binary,
                    location=place,
                    gain_ddbi=self._settings.gain_ddbi,
                    elevation_m=self._settings.elevation_m,
                )
            )
            self._say("location_asserted", f"hotspot {hotspot.name} placed at {self._settings.cell}")

    async def ensure_fee(self) -> None:
        """Have the owner's account hold enough for small fees."""
        await self._ensure_data_credits(SPARE_DATA_CREDITS // 10, SPARE_DATA_CREDITS)

    async def send(self, body: TransactionBody) -> Any:
        """Sign with owner and hotspot, submit and wait for the block."""
        transaction_id = await self._chain.send(body, [self._owner, self._hotspot])
        return await self._chain.wait_included(transaction_id)

    async def _ensure_data_credits(self, least: int, wanted: int) -> None:
        owner = self._owner.public_key
        account = await self._chain.account(owner.address)
        if account.data_credits >= least:
            return
        hxt = compute_hxt_for_data_credits(wanted - account.data_credits, await self._chain.hxt_price())
        await self._ensure_hxt(hxt)
        await self.send(Burn(payer=owner.binary, nonce=1, fee=0, payee=owner.binary, hxt=hxt))
        self._say("burnt", f"owner burnt {hxt / HXT_UNITS:.4f} HXT for {wanted} data credits")

    async def _ensure_hxt(self, wanted: int) -> None:
        """Have the owner's account hold so many base units: for the bond, or to burn."""
        account = await self._chain.account(self._owner.public_key.address)
        if account.hxt < wanted:
            await self._ask_faucet(wanted - account.hxt)

    async def _ask_faucet(self, missing_hxt: int) -> None:
        owner = self._owner.public_key
        network = await self._chain.network()
        if not network.has_faucet:
            raise CannotRegister(
                f"the owner's account {owner.address} lacks {missing_hxt / HXT_UNITS:.4f} HXT: "
                "pay that in first"
            )
        try:
            await self._chain.wait_included(await self._chain.faucet(owner.address))
        except NotFound as error:
            raise CannotRegister(f"the node gives no tokens: {error.message}") from error
        except TransactionRefused as error:
            raise CannotRegister(f"the faucet's payment was rejected: {error.message}") from error
        self._say("faucet", "first tokens from the faucet")
