"""This router's channels on the chain and in its store: what the chain says of them, what to do next in them.

The chain is looked at when this router has changed something, and once a minute besides: a channel may begin
to close by its age. What it says is written down in one transaction, so that a crash at any moment costs one
more look: allotments are totals, the same ones twice do no harm, and a channel closes once.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

from chain import api
from chain.keys import PublicKey
from chain.transactions.bodies_routers import ChannelAllot, ChannelClose, HotspotCredits
from router.purchase.shares import choose_counts, decide_allotments
from router.store.database import Database, Transaction
from router.store.purchases import (
    Channel,
    forget_channel,
    get_allotted,
    get_promised,
    list_channels,
    put_allotment,
    stop_buying,
)

LOOK_AGAIN_S = 60.0
#: Hotspots that one closing transaction counts: about 10 kB of it.
MOST_COUNTS = 200


class Chain(Protocol):
    """What is needed of `chain.client.ChainClient`."""

    async def status(self) -> api.Status: ...
    async def channels(self, router: str | None = None) -> list[api.Channel]: ...


class ChannelKeeper:
    """`owner` is the router's key; it signs all that is decided here."""

    def __init__(self, chain: Chain, database: Database, owner: PublicKey, say: Callable[..., None]) -> None:
        self._chain = chain
        self._database = database
        self._owner = owner
        self._say = say
        self._on_chain: dict[str, api.Channel] = {}
        self._next_look_s = 0.0
        # Until the next look: what the chain has refused is left out, so that it stops nothing else.
        self._refused: set[bytes] = set()
        self._is_one_at_a_time = False

    def look_soon(self) -> None:
        """Something has changed on the chain: look at it before the next step."""
        self._next_look_s = 0.0

    async def look(self) -> None:
        """Write down what the chain says of this router's channels, where it is time to ask."""
        if time.monotonic() < self._next_look_s:
            return
        channels = await self._chain.channels(self._owner.address)
        now_ms = (await self._chain.status()).block_time_ms
        self._on_chain = {channel.id: channel for channel in channels}
        if self._next_look_s:
            self._refused.clear()
            self._is_one_at_a_time = False
        self._next_look_s = time.monotonic() + LOOK_AGAIN_S
        known = list_channels(self._database.read())
        if not any(self._is_news(channel, now_ms) for channel in known):
            return
        with self._database.transaction("router.channel_state") as tx:
            for channel in known:
                self._take(tx, channel, now_ms)

    def _is_news(self, channel: Channel, now_ms: int) -> bool:
        there = self._on_chain.get(channel.channel_id)
        if there is None:
            return channel.is_open or _is_settled(channel, now_ms)
        if (there.closing_at_ms or 0) > channel.closing_at_ms:
            return True
        allotted = get_allotted(self._database.read(), channel.channel_id)
        return any(allotted.get(hotspot, 0) < amount for hotspot, amount in _list_allotments(there))

    def _take(self, tx: Transaction, channel: Channel, now_ms: int) -> None:
        there = self._on_chain.get(channel.channel_id)
        if there is None:
            stop_buying(tx, channel.channel_id)
            if _is_settled(channel, now_ms):
                forget_channel(tx, channel.channel_id)
            return
        if there.closing_at_ms:
            stop_buying(tx, channel.channel_id, there.closing_at_ms)
        for hotspot, amount in _list_allotments(there):
            put_allotment(tx, channel.channel_id, hotspot, amount)

    def make_allotment(self) -> ChannelAllot | None:
        """What to set aside next, in the channel that is bought from; None where all is well."""
        read = self._database.read()
        for channel in list_channels(read):
            if not channel.is_open or channel.channel_id not in self._on_chain:
                continue
            promised = get_promised(read, channel.channel_id)
            allotted = get_allotted(read, channel.channel_id)
            allotments = decide_allotments(channel.amount, promised, allotted, self._refused)
            if self._is_one_at_a_time:
                allotments = dict(sorted(allotments.items())[:1])
            if allotments:
                return ChannelAllot(
                    payer=self._owner.binary,
                    nonce=1,
                    fee=0,
                    signer=self._owner.binary,
                    channel_id=bytes.fromhex(channel.channel_id),
                    allotments=tuple(
                        HotspotCredits(hotspot, amount) for hotspot, amount in sorted(allotments.items())
                    ),
                )
        return None

    def make_close(self) -> ChannelClose | None:
        """The end of the oldest channel that nothing is bought from any more; None where there is none."""
        read = self._database.read()
        for channel in list_channels(read):
            there = self._on_chain.get(channel.channel_id)
            if channel.is_open or channel.closing_at_ms or there is None or there.closing_at_ms:
                continue
            if bytes.fromhex(channel.channel_id) in self._refused:
                continue
            claimed = {
                PublicKey.from_address(claim.hotspot).binary: claim.total_data_credits
                for claim in there.claims
            }
            counts = choose_counts(get_promised(read, channel.channel_id), claimed, MOST_COUNTS)
            return ChannelClose(
                payer=self._owner.binary,
                nonce=1,
                fee=0,
                router=self._owner.binary,
                channel_id=bytes.fromhex(channel.channel_id),
                counts=tuple(
                    HotspotCredits(total.hotspot, total.total_data_credits, total.total_packets)
                    for total in counts
                ),
            )
        return None

    def note_refused(self, body: ChannelAllot | ChannelClose) -> None:
        """The chain refuses it. Of several allotments one may be at fault (a hotspot that has retired): then
        they are tried one by one. What is refused alone waits for the next look.
        """
        if isinstance(body, ChannelClose):
            self._refused.add(body.channel_id)
        elif len(body.allotments) > 1:
            self._is_one_at_a_time = True
        else:
            self._refused.add(body.allotments[0].hotspot)

    def say_allotted(self, body: ChannelAllot) -> None:
        """Tell what was set aside."""
        hotspots = len(body.allotments)
        self._say(
            "allotted",
            f"{hotspots} hotspot{'' if hotspots == 1 else 's'} can rely on their part of the channel",
            channel_id=body.channel_id.hex(),
            hotspots=hotspots,
        )

    def say_closing(self, body: ChannelClose) -> None:
        """Tell that a channel ends."""
        self._say(
            "closing",
            "a used-up channel closes: hotspots claim what is theirs, the rest comes back",
            channel_id=body.channel_id.hex(),
            counts=len(body.counts),
        )

    def describe(self) -> list[dict[str, Any]]:
        """For the API: the channels as the chain has them."""
        return [
            {
                "channel_id": channel.id,
                "allotted": channel.allotted_data_credits,
                "claimed": channel.claimed_data_credits,
                "closing_at_ms": channel.closing_at_ms,
            }
            for channel in self._on_chain.values()
        ]


def _is_settled(channel: Channel, now_ms: int) -> bool:
    """Of one that the chain has no more. Only what was seen to close is: a node that lags behind doesn't know
    the newest ones either.
    """
    return 0 < channel.closing_at_ms <= now_ms


def _list_allotments(channel: api.Channel) -> list[tuple[bytes, int]]:
    return [
        (PublicKey.from_address(claim.hotspot).binary, claim.allotted_data_credits)
        for claim in channel.claims
        if claim.allotted_data_credits
    ]
