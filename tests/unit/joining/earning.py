"""A network in which somebody earns: router, hotspot, vouchers claimed by epoch, reports in bundles."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import grpc

from chain.client import ChainClient
from chain.coverage.reports import compute_signed_bytes
from chain.data.voucher import Voucher, sign_voucher
from chain.keys import Keypair
from chain.ledger.tables import DevAddrRange
from chain.transactions import (
    Burn,
    ChannelClaim,
    ChannelOpen,
    HotspotAdd,
    LocationAssert,
    RouterRegister,
)
from chain.wire import poc_lora_pb2, poc_lora_pb2_grpc
from tests.unit.chain.process import NodeProcess
from tests.unit.chain.world import CELL


class Earner:
    """One hotspot and the router that pays it."""

    def __init__(self, chain: ChainClient, node: NodeProcess) -> None:
        self.chain = chain
        self.node = node
        self.owner, self.hotspot, self.voucher_key = (Keypair.generate() for _ in range(3))
        self.head: dict[str, Any] = {"payer": self.owner.public_key.binary, "nonce": 0, "fee": 0}
        self.channel_id = ""
        self.sequence = 0

    async def begin(self) -> None:
        """Faucet, hotspot, router and channel."""
        me = self.owner.public_key.binary
        at: dict[str, Any] = {"owner": me, "hotspot": self.hotspot.public_key.binary}
        await self.chain.wait_included(await self.chain.faucet(self.owner.public_key.address))
        await self.chain.send(Burn(**self.head, payee=me, hxt=10**8 * 10), [self.owner])
        await self.chain.send(HotspotAdd(**self.head, **at), [self.owner, self.hotspot])
        place = LocationAssert(**self.head, **at, location=CELL, gain_ddbi=20, elevation_m=9)
        await self.chain.send(place, [self.owner])
        register = RouterRegister(
            **self.head,
            owner=me,
            voucher_key=self.voucher_key.public_key.binary,
            grpc="127.0.0.1:9081",
            dev_addr_ranges=(DevAddrRange(0x10, 0x20),),
            eui_filters=(),
        )
        await self.chain.send(register, [self.owner])
        opening = ChannelOpen(**self.head, router=me, data_credits=50_000)
        self.channel_id = await self.chain.send(opening, [self.owner])
        await self.chain.wait_included(self.channel_id)

    async def earn(self) -> None:
        """Claim a voucher for another thousand data credits."""
        self.sequence += 1
        chain_id = (await self.chain.network()).chain_id
        key = self.hotspot.public_key.binary
        promise = Voucher(
            chain_id, bytes.fromhex(self.channel_id), key, self.sequence, 1_000 * self.sequence, self.sequence
        )
        claim = ChannelClaim(**self.head, hotspot=key, voucher=sign_voucher(promise, self.voucher_key))
        await self.chain.wait_included(await self.chain.send(claim, [self.owner, self.hotspot]))

    async def report(self) -> None:
        """A claim that is never opened: nobody is paid for it, but it is in a bundle for good."""
        message = poc_lora_pb2.lora_claim_v1(
            pub_key=self.hotspot.public_key.binary, commitment=os.urandom(32), timestamp=1
        )
        message.signature = self.hotspot.sign(compute_signed_bytes(message))
        async with asyncio.timeout(30), grpc.aio.insecure_channel(self.node.wait_ready()["grpc"]) as channel:
            stub = poc_lora_pb2_grpc.poc_loraStub(channel)  # type: ignore[no-untyped-call]
            while True:
                try:
                    await stub.submit_lora_claim(message)
                    return
                except grpc.aio.AioRpcError as error:
                    if error.code() is not grpc.StatusCode.OUT_OF_RANGE:  # claims are being opened just now
                        raise
                await asyncio.sleep(0.1)

    async def live_through_an_epoch(self) -> int:
        """Report and earn; returns the number of the epoch once it is closed and told."""
        await self.report()
        await self.earn()
        epoch = (await self.chain.status()).epoch
        async with asyncio.timeout(60):
            while True:
                told = [
                    reward["epoch"] for reward in await self.chain.rewards(self.hotspot.public_key.address)
                ]
                later = [number for number in told if number >= epoch]
                if later:
                    return int(later[-1])
                await asyncio.sleep(0.1)
