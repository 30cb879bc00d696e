"""A small world for the ledger's tests: keys, a state in memory, a context; submit a body and look."""

from __future__ import annotations

from typing import Any

import h3.api.basic_int as h3
import pytest
from msgspec.structs import replace

from chain.data.voucher import SignedVoucher, Voucher, sign_voucher
from chain.keys import Keypair
from chain.ledger.balances import credit_minted, mint_data_credits
from chain.ledger.conservation import check_conservation, recount
from chain.ledger.context import BlockContext
from chain.ledger.events import Event
from chain.ledger.parameters import Parameters
from chain.ledger.process_transaction import process_transaction
from chain.ledger.state import MemoryStore, State
from chain.ledger.tables import Account, DevAddrRange, EuiFilter, get_account
from chain.transactions import (
    ChannelClaim,
    ChannelOpen,
    HotspotAdd,
    InvalidTransaction,
    LocationAssert,
    Reason,
    RouterRegister,
    TransactionBody,
    compute_transaction_id,
    with_required_fee,
)

CHAIN_ID = "hexhaul-unit"
PARAMETERS = Parameters()
CELL = h3.latlng_to_cell(52.5, 13.4, 12)


def make_key(number: int) -> Keypair:
    """A keypair that is the same in every run."""
    return Keypair(number.to_bytes(32, "big"))


class World:
    """A state and who lives in it. alice and bob are rich, carol has only data credits, dave nothing."""

    def __init__(self, parameters: Parameters = PARAMETERS) -> None:
        self.store = MemoryStore()
        self.state = State(self.store)
        self.keys = {name: make_key(n) for n, name in enumerate(("alice", "bob", "carol", "dave"), 1)}
        self.context = BlockContext(
            chain_id=CHAIN_ID,
            height=7,
            time_ms=1_700_000_000_000,
            genesis_time_ms=1_699_999_000_000,
            parameters=parameters,
            round=3,
            epoch=2,
            entropy=bytes(32),
            hxt_price=parameters.hxt_price,
        )
        credit_minted(self.state, self["alice"], 1000 * 10**8)
        credit_minted(self.state, self["bob"], 1000 * 10**8)
        mint_data_credits(self.state, self["carol"], 1_000_000)
        self.commit()

    def __getitem__(self, name: str) -> bytes:
        """Public key of somebody, in binary form."""
        if name not in self.keys:
            self.keys[name] = make_key(sum(name.encode()) * 1000 + len(name))
        return self.keys[name].public_key.binary

    def account(self, name: str) -> Account:
        return get_account(self.state, self[name])

    def head(self, payer: str) -> dict[str, Any]:
        """The fields that every body begins with."""
        return {"payer": self[payer], "nonce": self.account(payer).nonce + 1, "fee": 0}

    def apply(self, body: TransactionBody) -> list[Event]:
        """Apply a body with the fee it needs, then check the books."""
        events = process_transaction(
            self.state, with_required_fee(body, self.context.parameters), self.context
        )
        check_conservation(self.state)
        return events

    def refuse(self, body: TransactionBody, reason: Reason) -> None:
        """The body must be refused for this reason, and nothing at all may have changed."""
        before = self.state.get_changes()
        with pytest.raises(InvalidTransaction) as caught:
            process_transaction(self.state, with_required_fee(body, self.context.parameters), self.context)
        assert caught.value.code is reason
        assert caught.value.message
        assert self.state.get_changes() == before

    def commit(self) -> None:
        """What a block's end does."""
        check_conservation(self.state)
        self.store.write(self.state.get_changes())
        self.state.discard_changes()
        recount(self.state)

    def change_parameters(self, **changes: Any) -> None:
        parameters = replace(self.context.parameters, **changes)
        self.context = replace(self.context, parameters=parameters, hxt_price=parameters.hxt_price)

    # Things that other things need first

    def add_hotspot(self, name: str = "hotspot", owner: str = "alice") -> None:
        self.apply(HotspotAdd(**self.head("alice"), owner=self[owner], hotspot=self[name]))

    def place_hotspot(self, name: str = "hotspot", location: int = CELL) -> None:
        body = LocationAssert(
            **self.head("alice"),
            owner=self["alice"],
            hotspot=self[name],
            location=location,
            gain_ddbi=20,
            elevation_m=10,
        )
        self.apply(body)

    def register_router(self, owner: str = "carol", voucher_key: str = "voucher") -> None:
        body = RouterRegister(
            **self.head("alice"),
            owner=self[owner],
            voucher_key=self[voucher_key],
            grpc="127.0.0.1:9081",
            dev_addr_ranges=(DevAddrRange(0, 2**32 - 1),),
            eui_filters=(EuiFilter(0, 0),),
        )
        self.apply(body)

    def open_channel(self, data_credits: int = 1000, router: str = "carol") -> bytes:
        """Open a channel; returns its id."""
        body = with_required_fee(
            ChannelOpen(**self.head("alice"), router=self[router], data_credits=data_credits),
            self.context.parameters,
        )
        self.apply(body)
        return compute_transaction_id(CHAIN_ID, body)

    def make_voucher(self, channel_id: bytes, **changes: Any) -> SignedVoucher:
        """A voucher of the router for "hotspot", with some fields changed."""
        signer = self.keys[changes.pop("signer", "voucher")]
        voucher = Voucher(
            chain_id=CHAIN_ID,
            channel_id=channel_id,
            hotspot=self["hotspot"],
            sequence=1,
            total_data_credits=10,
            total_packets=5,
        )
        return sign_voucher(replace(voucher, **changes), signer)

    def make_claim(self, voucher: SignedVoucher, hotspot: str = "hotspot") -> ChannelClaim:
        return ChannelClaim(**self.head("alice"), hotspot=self[hotspot], voucher=voucher)


def make_world_with_channel(data_credits: int = 1000) -> tuple[World, bytes]:
    """A world with a hotspot, a router and a funded channel; returns it and the channel's id."""
    world = World()
    world["voucher"]
    world.add_hotspot()
    world.register_router()
    return world, world.open_channel(data_credits)
