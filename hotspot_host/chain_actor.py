"""The chain actor: registration at the start, the routing table; beside it the claims (`claims`)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from chain.client import ChainClient, ChainUnavailable, RequestRefused
from chain.keys import Keypair
from hotspot_host.claims import ClaimActor
from hotspot_host.forwarder.routers import RouterPool
from hotspot_host.forwarder.routes import Route, read_route
from hotspot_host.registration import CannotRegister, Registration
from hotspot_host.store.database import Database
from hotspot_host.store.vouchers import Vouchers
from hotspot_host.tally import Tally

ROUTES_INTERVAL_S = 20.0
RETRY_FIRST_S = 1.0
RETRY_LAST_S = 15.0

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
        self._routers = routers
        self._database = database
        self._tally = tally
        self._on_registered = on_registered
        self._claims = ClaimActor(
            chain, registration, hotspot, owner, vouchers, tally, claim_interval_s,
            lambda: self.is_registered, self._say_trouble,
        )  # fmt: skip
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
        """A voucher was kept, or a proof of fraud."""
        self._claims.on_voucher()

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow_routes())
            tasks.create_task(self._register())
            tasks.create_task(self._claims.run())

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
                if not entry.is_in_service:
                    continue
                try:
                    routes.append(read_route(entry))
                except ValueError as error:
                    self._tally.drop("bad_route", f"route of {entry.router} left out: {error}")
            self._routers.set_routes(routes)
            # The first router may come minutes after the first hotspot.
            await asyncio.sleep(ROUTES_INTERVAL_S if routes else ROUTES_INTERVAL_S / 10)

    def _say_trouble(self, text: str) -> None:
        self._tally.say_change("chain", "down", f"chain not reachable: {text}", up=False)

    def _say_reachable(self) -> None:
        self._tally.say_change("chain", "up", "chain reachable", up=True)
