"""The chain actor: registration at the start, the routing table, funds of channels, claims once an epoch."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable

from chain.client import ChainClient, ChainUnavailable, RequestRefused, TransactionRefused
from chain.data.voucher import decode_voucher
from chain.keys import Keypair
from chain.transactions import ChannelClaim
from hotspot_host.forwarder.routers import RouterPool
from hotspot_host.forwarder.routes import Route, read_route
from hotspot_host.registration import CannotRegister, Registration
from hotspot_host.store.database import Database
from hotspot_host.store.vouchers import KeptVoucher, Vouchers
from hotspot_host.tally import Tally

ROUTES_INTERVAL_S = 20.0
RETRY_FIRST_S = 1.0
RETRY_LAST_S = 15.0
#: Claims go out in this last part of an epoch, each hotspot at its own moment.
CLAIM_PART = 0.25

_CHAIN_FACT = "chain_id"
_JOINED_FACT = "joined"


class ChainActor:
    """``claim_interval_s`` None means once per epoch, towards its end."""

    def __init__(
        self,
        chain: ChainClient,
        registration: Registration,
        hotspot: Keypair,
        owner: Keypair,
        routers: RouterPool,
        vouchers: Vouchers,
        database: Database,
        tally: Tally,
        claim_interval_s: float | None,
        on_registered: Callable[[], None],
    ) -> None:
        self._chain = chain
        self._registration = registration
        self._hotspot = hotspot
        self._owner = owner
        self._routers = routers
        self._vouchers = vouchers
        self._database = database
        self._tally = tally
        self._claim_interval_s = claim_interval_s
        self._on_registered = on_registered
        self._voucher_came = asyncio.Event()
        self.is_registered = False
        self.joined = asyncio.Event()
        """Set once the chain has had this hotspot, also in an earlier run: before that no router lets it
        in.
        """
        if database.get_fact(_JOINED_FACT) is not None:
            self.joined.set()
        known = database.get_fact(_CHAIN_FACT)
        self.chain_id: str | None = None if known is None else known.decode()

    def on_voucher(self) -> None:
        """A voucher was kept: its channel may be new."""
        self._voucher_came.set()

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow_routes())
            tasks.create_task(self._register())
            tasks.create_task(self._follow_funds())
            tasks.create_task(self._claim_regularly())

    async def _register(self) -> None:
        retry_s = RETRY_FIRST_S
        while True:
            try:
                await self._check_chain_id()
                await self._registration.ensure()
            except (ChainUnavailable, TimeoutError) as error:
                self._say_trouble(str(error) or "the chain takes too long")
            except (CannotRegister, RequestRefused) as error:
                self._tally.say_change("registration", str(error), f"not on the chain: {error}")
                retry_s = RETRY_LAST_S
            else:
                if not self.joined.is_set():
                    self._database.put_fact(_JOINED_FACT, b"1")
                    self.joined.set()
                self.is_registered = True
                self._on_registered()
                return
            await asyncio.sleep(retry_s)
            retry_s = min(retry_s * 2, RETRY_LAST_S)

    async def _check_chain_id(self) -> None:
        network = await self._chain.network()
        if self.chain_id is None:
            self._database.put_fact(_CHAIN_FACT, network.chain_id.encode())
            self.chain_id = network.chain_id
        elif self.chain_id != network.chain_id:
            raise CannotRegister(
                f"this hotspot's data is of chain {self.chain_id}, the node's is {network.chain_id}: "
                "use another data directory or the right node"
            )

    async def _follow_routes(self) -> None:
        retry_s = RETRY_FIRST_S
        while True:
            try:
                entries = await self._chain.routes()
            except (ChainUnavailable, RequestRefused) as error:
                self._say_trouble(str(error))
                await asyncio.sleep(retry_s)
                retry_s = min(retry_s * 2, RETRY_LAST_S)
                continue
            self._say_reachable()
            retry_s = RETRY_FIRST_S
            routes: list[Route] = []
            for entry in entries:
                try:
                    routes.append(read_route(entry))
                except ValueError as error:
                    self._tally.drop("bad_route", f"route of {entry.router} left out: {error}")
            self._routers.set_routes(routes)
            # The first router may come minutes after the first hotspot.
            await asyncio.sleep(ROUTES_INTERVAL_S if routes else ROUTES_INTERVAL_S / 10)

    async def _follow_funds(self) -> None:
        while True:
            self._voucher_came.clear()
            for channel_id in self._vouchers.get_unfunded():
                with contextlib.suppress(ChainUnavailable, RequestRefused):
                    await self._check_funds(channel_id)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(30.0):
                    await self._voucher_came.wait()

    async def _check_funds(self, channel_id: str) -> None:
        kept = self._vouchers.get(channel_id)
        channel = await self._chain.channel(channel_id)
        if kept is None:
            return
        if channel is None or channel.router != kept.router:
            text = f"voucher of a channel that the chain doesn't know: {channel_id[:16]}"
            self._tally.say_change("channel", "unknown", text, of=channel_id, channel=channel_id)
            return
        self._vouchers.set_funds(channel_id, channel.data_credits)
        if channel.data_credits < kept.total_data_credits:
            text = (
                f"channel {channel_id[:16]} holds {channel.data_credits} data credits, "
                f"its router has promised {kept.total_data_credits}"
            )
            self._tally.say_change("channel", "overspent", text, of=channel_id, channel=channel_id)

    # Claims

    async def _claim_regularly(self) -> None:
        while True:
            await asyncio.sleep(await self._compute_claim_wait_s())
            if not self.is_registered:
                continue
            for kept in self._vouchers.get_unclaimed():
                try:
                    await self._claim(kept)
                except (ChainUnavailable, TimeoutError) as error:
                    self._say_trouble(str(error) or "the chain takes too long")
                except (CannotRegister, TransactionRefused, RequestRefused) as error:
                    self._tally.say_change("claim", str(error), f"claim refused: {error}")

    async def _compute_claim_wait_s(self) -> float:
        if self._claim_interval_s is not None:
            return self._claim_interval_s
        try:
            status = await self._chain.status()
            epoch_s = (await self._chain.parameters()).epoch_ms / 1000
        except (ChainUnavailable, RequestRefused):
            return RETRY_LAST_S
        part_s = epoch_s * CLAIM_PART
        in_s = (status.epoch_ends_at_ms - status.time_ms) / 1000 - part_s * random.uniform(0.5, 1.0)
        return in_s if in_s > 0 else in_s + epoch_s

    async def _claim(self, kept: KeptVoucher) -> None:
        """Present a voucher, unless the chain has paid it already (a crash after an earlier claim)."""
        hotspot = self._hotspot.public_key
        channel = await self._chain.channel(kept.channel_id)
        if channel is None:
            return
        paid = max(
            (claim.total_data_credits for claim in channel.claims if claim.hotspot == hotspot.address),
            default=0,
        )
        if paid < kept.total_data_credits:
            await self._registration.ensure_fee()
            await self._registration.send(
                ChannelClaim(
                    payer=self._owner.public_key.binary,
                    nonce=1,
                    fee=0,
                    hotspot=hotspot.binary,
                    voucher=decode_voucher(kept.voucher),
                )
            )
            gained = kept.total_data_credits - paid
            self._tally.add("data_credits_claimed", gained)
            self._tally.lines.say(
                "claim",
                f"claimed {gained} data credits for {kept.total_packets} packets so far",
                channel=kept.channel_id,
                data_credits=gained,
            )
        self._vouchers.mark_claimed(kept.channel_id, max(paid, kept.total_data_credits))

    def _say_trouble(self, text: str) -> None:
        self._tally.say_change("chain", "down", f"chain not reachable: {text}", up=False)

    def _say_reachable(self) -> None:
        self._tally.say_change("chain", "up", "chain reachable", up=True)
