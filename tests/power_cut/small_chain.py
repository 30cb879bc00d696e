"""A chain without blocks for stories: what was handed in is on it once somebody has looked, and survives."""

from typing import Any

from chain import api
from chain.client import ChainClient, TransactionRefused
from chain.keys import PublicKey
from chain.ledger.parameters import Parameters
from chain.transactions.encoding import compute_transaction_id, decode_transaction
from chain.transactions.types import (
    ChannelAllot,
    ChannelClaim,
    ChannelClose,
    ChannelDispute,
    ChannelOpen,
    RouterRegister,
    RouterUpdate,
)
from chain.write_point import write_point
from tests.power_cut.stage import Outside

CHAIN_ID = "small"


class SmallChain(ChainClient):
    """Everybody is rich here. A transaction is pending until somebody asks after it.

    Write points of its own: ``story.submitted.TYPE``, where a transaction is in the mempool and its sender
    does not know yet.
    """

    def __init__(self, outside: Outside) -> None:
        self._outside = outside
        self._sending = {}
        self._network = api.Network(
            chain_id=CHAIN_ID, network="test", genesis_hash="", genesis_time_ms=0, producer="",
            entropy_anchor="", has_faucet=True,
        )  # fmt: skip

    async def close(self) -> None:
        """Nothing is open."""

    async def parameters(self) -> Parameters:
        return Parameters()

    async def hxt_price(self) -> int:
        return 100_000_000

    async def status(self) -> api.Status:
        return api.Status(
            chain_id=CHAIN_ID, height=1, block_hash="", block_time_ms=1, state_root="", round=0,
            round_ends_at_ms=2**50, epoch=0, epoch_ends_at_ms=2**50, time_ms=1, pending_transactions=0,
            pending_reports=0, hotspots=0, routers=0, producer="",
        )  # fmt: skip

    async def account(self, address: str) -> api.Account:
        own = [body for _, body in self.list_bodies() if PublicKey(body.payer).address == address]
        return api.Account(
            address=address, hxt=10**15, data_credits=10**12, nonce=len(own), next_nonce=len(own) + 1
        )

    async def submit(self, signed_transaction: bytes) -> str:
        body = decode_transaction(signed_transaction).body
        account = await self.account(PublicKey(body.payer).address)
        if body.nonce != account.next_nonce:
            raise TransactionRefused("nonce_used", f"nonce {body.nonce}, expected {account.next_nonce}")
        transaction_id = compute_transaction_id(CHAIN_ID, body).hex()
        self._outside.tell("submitted", id=transaction_id, raw=signed_transaction.hex())
        write_point(f"story.submitted.{type(body).__name__}")
        return transaction_id

    async def transaction(self, transaction_id: str) -> api.TransactionStatus | None:
        if not self._outside.get("submitted", id=transaction_id):
            return None
        if not self._outside.get("included", id=transaction_id):
            self._outside.tell("included", id=transaction_id)
        return api.TransactionStatus(id=transaction_id, status="included", height=1)

    async def routes(self) -> list[api.Route]:
        routes = {}
        for _, body in self.list_bodies("included"):
            if isinstance(body, RouterRegister | RouterUpdate):
                routes[body.owner] = _render_route(body)
        return list(routes.values())

    async def channels(self, router: str | None = None) -> list[api.Channel]:
        found = []
        for transaction_id, body in self.list_bodies("included"):
            if isinstance(body, ChannelOpen) and router in (None, PublicKey(body.router).address):
                found.append(
                    api.Channel(
                        id=transaction_id, router=PublicKey(body.router).address, voucher_key="",
                        data_credits=body.data_credits, claimed_data_credits=0, opened_height=1,
                        claims=self.list_claims(transaction_id),
                        closing_at_ms=self._get_closing_at_ms(transaction_id),
                    )
                )  # fmt: skip
        return found

    def _get_closing_at_ms(self, channel_id: str) -> int | None:
        """Once closed or disputed; it is never settled here."""
        for _, body in self.list_bodies("included"):
            if isinstance(body, ChannelClose) and body.channel_id.hex() == channel_id:
                return 2**50
            if isinstance(body, ChannelDispute) and body.one.voucher.channel_id.hex() == channel_id:
                return 2**50
        return None

    def is_disputed(self, channel_id: str) -> bool:
        """Whether the proof of a fraud is included."""
        return any(
            isinstance(body, ChannelDispute) and body.one.voucher.channel_id.hex() == channel_id
            for _, body in self.list_bodies("included")
        )

    def list_claims(self, channel_id: str) -> list[api.ChannelClaim]:
        """In the order in which they were included; then what was allotted and not claimed yet."""
        claims = []
        allotted: dict[bytes, int] = {}
        for _, body in self.list_bodies("included"):
            if isinstance(body, ChannelAllot) and body.channel_id.hex() == channel_id:
                allotted |= {part.hotspot: part.data_credits for part in body.allotments}
            if isinstance(body, ChannelClaim) and body.voucher.voucher.channel_id.hex() == channel_id:
                claims.append(body.voucher.voucher)
        claimed = {voucher.hotspot for voucher in claims}
        return [
            api.ChannelClaim(
                hotspot=PublicKey(voucher.hotspot).address, sequence=voucher.sequence,
                total_data_credits=voucher.total_data_credits, total_packets=voucher.total_packets,
                allotted_data_credits=allotted.get(voucher.hotspot, 0),
            )
            for voucher in claims
        ] + [
            api.ChannelClaim(
                hotspot=PublicKey(hotspot).address, sequence=0, total_data_credits=0, total_packets=0,
                allotted_data_credits=amount,
            )
            for hotspot, amount in allotted.items()
            if hotspot not in claimed
        ]  # fmt: skip

    def list_bodies(self, kind: str = "submitted") -> list[tuple[str, Any]]:
        """(id, body) of what was submitted, or included."""
        raws = {line["id"]: bytes.fromhex(line["raw"]) for line in self._outside.get("submitted")}
        return [(line["id"], decode_transaction(raws[line["id"]]).body) for line in self._outside.get(kind)]


def _render_route(body: RouterRegister | RouterUpdate) -> api.Route:
    ranges = [api.DevAddrRange(start=f"{r.start:08x}", end=f"{r.end:08x}") for r in body.dev_addr_ranges]
    filters = [
        api.EuiFilter(join_eui=f"{wanted.join_eui:016x}", dev_eui=f"{wanted.dev_eui:016x}")
        for wanted in body.eui_filters
    ]
    return api.Route(
        router=PublicKey(body.owner).address, grpc=body.grpc,
        voucher_key=PublicKey(body.voucher_key).address, dev_addr_ranges=ranges, eui_filters=filters,
        updated_height=1,
    )  # fmt: skip
