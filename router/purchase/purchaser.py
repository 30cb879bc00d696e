"""Keeps this router on the chain: registered under its address, with a funded channel to pay hotspots
from.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from chain import api
from chain.client import ChainUnavailable, RequestRefused, TransactionRefused
from chain.keys import Keypair
from chain.ledger.parameters import Parameters
from chain.ledger.tables import DevAddrRange, EuiFilter
from chain.transactions.encoding import compute_transaction_id, decode_transaction
from chain.transactions.fees import compute_required_fee
from chain.transactions.types import (
    Burn,
    ChannelAllot,
    ChannelClose,
    ChannelOpen,
    RouterRegister,
    RouterUpdate,
    TransactionBody,
)
from router.purchase.channels import ChannelKeeper
from router.purchase.plan import Decision, Standing, Step, Wishes, decide_next_step
from router.purchase.voucher_desk import CHAIN_ID
from router.store.database import Database, put_meta
from router.store.purchases import get_owed, get_uncommitted, put_channel, settle_debts

LOOK_AGAIN_S = 10.0
RETRY_FIRST_S = 1.0
RETRY_LAST_S = 15.0
INCLUDED_WITHIN_S = 120.0
ALL_EUIS = (EuiFilter(join_eui=0, dev_eui=0),)
#: The signed transaction (hex) that opens a channel, noted before it is submitted; empty once settled.
_OPENING = "channel_opening"


class Chain(Protocol):
    """What is needed of `chain.client.ChainClient`."""

    async def network(self) -> api.Network: ...
    async def status(self) -> api.Status: ...
    async def channels(self, router: str | None = None) -> list[api.Channel]: ...
    async def parameters(self) -> Parameters: ...

    async def hxt_price(self) -> int: ...
    async def account(self, address: str) -> api.Account: ...
    async def routes(self) -> list[api.Route]: ...
    async def transaction(self, transaction_id: str) -> api.TransactionStatus | None: ...
    async def faucet(self, address: str) -> str: ...
    async def submit(self, signed_transaction: bytes) -> str: ...
    async def send(
        self, body: TransactionBody, keypairs: Any, before_submit: Callable[[bytes], None] | None = None
    ) -> str: ...
    async def wait_included(self, transaction_id: str, timeout_s: float = 60.0) -> api.TransactionStatus: ...


class Purchaser:
    """Runs until cancelled; `on_settled` is called when debts have become vouchers."""

    def __init__(
        self,
        chain: Chain,
        database: Database,
        owner: Keypair,
        wishes: Wishes,
        voucher_key: bytes,
        say: Callable[..., None],
        on_settled: Callable[[], None],
    ) -> None:
        self._chain = chain
        self._database = database
        self._owner = owner
        self._wishes = wishes
        self._voucher_key = voucher_key
        self._say = say
        self._on_settled = on_settled
        self._said = ""
        self._keeper = ChannelKeeper(chain, database, owner.public_key, say)
        self.step = Step.NOTHING
        self.standing: Standing | None = None

    async def run(self) -> None:
        retry_s = RETRY_FIRST_S
        while True:
            try:
                decision = await self.take_step()
                retry_s = RETRY_FIRST_S
                idle = decision.step in (Step.NOTHING, Step.WAIT_FOR_TOKENS, Step.OUT_OF_SERVICE)
                await asyncio.sleep(LOOK_AGAIN_S if idle else 0)
            except (ChainUnavailable, RequestRefused, TimeoutError) as error:
                self._say_once(f"cannot pay hotspots yet: {error or type(error).__name__}", ready=False)
                await asyncio.sleep(retry_s)
                retry_s = min(retry_s * 2, RETRY_LAST_S)

    async def take_step(self) -> Decision:
        """Look at the chain and do what is most urgent."""
        standing = await self._look()
        self.standing = standing
        decision = decide_next_step(self._wishes, standing)
        self.step = decision.step
        me = self._owner.public_key
        match decision.step:
            case Step.ASK_FAUCET:
                await self._chain.wait_included(await self._chain.faucet(me.address), INCLUDED_WITHIN_S)
                self._say("faucet", "the test network's faucet gave the router its first tokens")
            case Step.WAIT_FOR_TOKENS:
                self._say_once(
                    f"send tokens to {me.address}: {decision.hxt / 1e8:.8f} HXT are missing", ready=False
                )
            case Step.BURN:
                await self._send(Burn(payer=me.binary, nonce=1, fee=0, payee=me.binary, hxt=decision.hxt))
                self._say("burn", f"{decision.hxt / 1e8:.8f} HXT burnt into data credits", hxt=decision.hxt)
            case Step.REGISTER | Step.UPDATE_ROUTE:
                await self._send(
                    self._build_route(RouterRegister if decision.step is Step.REGISTER else RouterUpdate)
                )
                text = f"router on the chain: {self._wishes.grpc}"
                self._say("registered", text, address=me.address, grpc=self._wishes.grpc)
            case Step.OPEN_CHANNEL:
                await self._open_channel(decision.data_credits)
            case Step.ALLOT:
                await self._allot()
            case Step.CLOSE_CHANNEL:
                await self._close_channel()
            case Step.OUT_OF_SERVICE:
                self._say_once(
                    f"this router is {standing.status} on the chain: it buys nothing; a new one needs a data "
                    "folder of its own",
                    ready=False,
                )
            case Step.NOTHING:
                self._say_once(f"hotspots are paid from {standing.available} data credits", ready=True)
        return decision

    async def _look(self) -> Standing:
        me = self._owner.public_key
        network = await self._chain.network()
        parameters = await self._chain.parameters()
        self._note_chain(network.chain_id)
        await self._finish_opening()
        await self._keeper.look()
        self._settle()
        account = await self._chain.account(me.address)
        route = next((route for route in await self._chain.routes() if route.router == me.address), None)
        opening = ChannelOpen(payer=me.binary, nonce=1, fee=0, router=me.binary, data_credits=2**40)
        allotment, closing = self._keeper.make_allotment(), self._keeper.make_close()
        read = self._database.read()
        return Standing(
            hxt=account.hxt,
            data_credits=account.data_credits,
            hxt_price=await self._chain.hxt_price(),
            has_faucet=network.has_faucet,
            route=None if route is None else _describe_route(route),
            available=get_uncommitted(read) - get_owed(read),
            register_fee=compute_required_fee(self._build_route(RouterRegister), parameters),
            update_fee=compute_required_fee(self._build_route(RouterUpdate), parameters),
            channel_fee=compute_required_fee(opening, parameters),
            bond_hxt=parameters.router_bond_hxt,
            status="active" if route is None else route.status,
            allot_fee=None if allotment is None else compute_required_fee(allotment, parameters),
            close_fee=None if closing is None else compute_required_fee(closing, parameters),
        )

    def _note_chain(self, chain_id: str) -> None:
        """Vouchers are bound to a chain; channels of another one (a test network begun anew) pay nobody."""
        known = self._database.get_meta(CHAIN_ID)
        if known == chain_id:
            return
        with self._database.transaction("router.chain_id") as tx:
            put_meta(tx, CHAIN_ID, chain_id)
            for table in ("channels", "vouchers", "allotments"):
                tx.execute(f"DELETE FROM {table}")
        if known is not None:
            self._say(
                "chain_changed", f"the chain is {chain_id} now, not {known}: old channels are left behind"
            )

    async def _finish_opening(self) -> None:
        """See the noted opening of a channel through, also that of a run before: the same bytes, so that
        the chain takes them once at most.
        """
        noted = self._database.get_meta(_OPENING)
        if not noted:
            return
        raw = bytes.fromhex(noted)
        body = decode_transaction(raw).body
        assert isinstance(body, ChannelOpen)
        channel_id = compute_transaction_id((await self._chain.network()).chain_id, body).hex()
        try:
            if await self._chain.transaction(channel_id) is None:
                await self._chain.submit(raw)
            await self._chain.wait_included(channel_id, INCLUDED_WITHIN_S)
        except TransactionRefused:
            self._note_opening(b"")  # never on the chain: the next look decides anew
            raise
        self._take_channel(channel_id, body.data_credits)

    def _note_opening(self, raw: bytes) -> None:
        with self._database.transaction("router.channel_intent") as tx:
            put_meta(tx, _OPENING, raw.hex())

    def _take_channel(self, channel_id: str, data_credits: int) -> None:
        with self._database.transaction("router.channel") as tx:
            put_channel(tx, channel_id, data_credits, True, int(time.time() * 1000))
            put_meta(tx, _OPENING, "")
        self._keeper.look_soon()
        self._say(
            "channel",
            f"channel with {data_credits} data credits opened",
            channel_id=channel_id,
            data_credits=data_credits,
        )

    def _settle(self) -> None:
        if not get_owed(self._database.read()):
            return
        with self._database.transaction("router.voucher") as tx:
            settled = settle_debts(tx)
        if settled:
            self._say(
                "settled",
                f"{settled} data credits owed to hotspots are now in vouchers",
                data_credits=settled,
            )
            self._on_settled()

    async def _open_channel(self, data_credits: int) -> None:
        me = self._owner.public_key.binary
        body = ChannelOpen(payer=me, nonce=1, fee=0, router=me, data_credits=data_credits)
        await self._chain.send(body, [self._owner], before_submit=self._note_opening)
        await self._finish_opening()
        self._settle()

    async def _allot(self) -> None:
        if (body := self._keeper.make_allotment()) is not None and await self._try(body):
            self._keeper.say_allotted(body)

    async def _close_channel(self) -> None:
        if (body := self._keeper.make_close()) is not None and await self._try(body):
            self._keeper.say_closing(body)

    async def _try(self, body: ChannelAllot | ChannelClose) -> bool:
        """Send what other steps must not wait for; whether the chain has taken it."""
        try:
            await self._send(body)
        except TransactionRefused as error:
            self._keeper.note_refused(body)
            self._say("refused", f"{type(body).__name__} refused: {error}", reason=error.code)
            return False
        self._keeper.look_soon()
        return True

    async def _send(self, body: TransactionBody) -> str:
        transaction_id = await self._chain.send(body, [self._owner])
        await self._chain.wait_included(transaction_id, INCLUDED_WITHIN_S)
        return transaction_id

    def _build_route(self, kind: type[RouterRegister] | type[RouterUpdate]) -> RouterRegister | RouterUpdate:
        me = self._owner.public_key.binary
        ranges = tuple(DevAddrRange(start=start, end=end) for start, end in self._wishes.dev_addr_ranges)
        return kind(
            payer=me, nonce=1, fee=0, owner=me, voucher_key=self._voucher_key, grpc=self._wishes.grpc,
            dev_addr_ranges=ranges, eui_filters=ALL_EUIS,
        )  # fmt: skip

    def describe_channels(self) -> list[dict[str, Any]]:
        """For the API: this router's channels as the chain has them."""
        return self._keeper.describe()

    def _say_once(self, text: str, ready: bool) -> None:
        kind = f"{ready}" if ready else text
        if kind != self._said:
            self._said = kind
            self._say("paying", text, ready=ready)


def _describe_route(route: api.Route) -> tuple[str, str, tuple[tuple[int, int], ...], bool]:
    ranges = tuple((int(r.start, 16), int(r.end, 16)) for r in route.dev_addr_ranges)
    wants_all = [(int(f.join_eui, 16), int(f.dev_eui, 16)) for f in route.eui_filters] == [(0, 0)]
    return route.grpc, route.voucher_key, ranges, wants_all


def describe_standing(purchaser: Purchaser) -> dict[str, Any]:
    """For the API: where buying stands."""
    standing = None if purchaser.standing is None else msgspec.to_builtins(purchaser.standing)
    return {"step": str(purchaser.step), "standing": standing, "channels": purchaser.describe_channels()}
