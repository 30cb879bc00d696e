"""The hotspot's money at the chain: what stands behind its vouchers, claiming them, reporting fraud.

Vouchers are claimed once an epoch, towards its end, since each claim costs a fee; at once where waiting is a
risk: the channel is closing, or much of what was promised isn't set aside for this hotspot.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable

from chain import api
from chain.client import ChainClient, ChainUnavailable, RequestRefused, TransactionRefused
from chain.data.voucher import decode_voucher
from chain.keys import Keypair
from chain.transactions import ChannelClaim, ChannelDispute
from hotspot_host.clock import get_monotonic_us, get_wall_ms
from hotspot_host.forwarder.router_stream import UNCOVERED_LIMIT
from hotspot_host.registration import CannotRegister, Registration
from hotspot_host.store.vouchers import Dispute, KeptVoucher, Vouchers
from hotspot_host.tally import Tally

RETRY_S = 15.0
#: What stands behind the vouchers is asked again so often.
LOOK_AGAIN_S = 30.0
#: Claims go out in this last part of an epoch, each hotspot at its own moment.
CLAIM_PART = 0.25
#: Data credits that a router has promised without cover at which they are claimed at once.
CLAIM_ABOVE = UNCOVERED_LIMIT // 2
#: A claim out of turn comes at most so often, whatever is at risk.
URGENT_INTERVAL_S = 10.0
#: A node whose last block is older than this may not know the newest channels.
STALE_NODE_MS = 3_600_000
#: The chain will never say anything else to this claim.
_USELESS = {"voucher_stale", "voucher_claims_nothing", "channel_overdrawn"}
_OVER = {"channel_closed", "unknown_channel"}
#: ... nor to this report.
_NO_USE = {"fault_known", "unknown_channel", "not_equivocation", "voucher_of_other_chain"}


class ClaimActor:
    """``claim_interval_s`` None means once per epoch, towards its end."""

    def __init__(
        self,
        chain: ChainClient,
        registration: Registration,
        hotspot: Keypair,
        owner: Keypair,
        vouchers: Vouchers,
        tally: Tally,
        claim_interval_s: float | None,
        is_registered: Callable[[], bool],
        on_trouble: Callable[[str], None],
    ) -> None:
        self._chain = chain
        self._registration = registration
        self._hotspot = hotspot
        self._owner = owner
        self._vouchers = vouchers
        self._tally = tally
        self._claim_interval_s = claim_interval_s
        self._is_registered = is_registered
        self._on_trouble = on_trouble
        self._voucher_came = asyncio.Event()
        self._claim_now = asyncio.Event()
        self._dispute_came = asyncio.Event()
        self._next_urgent_us = 0
        self._sending = asyncio.Lock()
        """One transaction of the owner's at a time: each needs the nonce after the last."""

    def on_voucher(self) -> None:
        """A voucher was kept: its channel may be new. Or a proof of fraud."""
        self._voucher_came.set()
        self._dispute_came.set()

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow_funds())
            tasks.create_task(self._claim_regularly())
            tasks.create_task(self._report_disputes())

    # What stands behind the vouchers

    async def _follow_funds(self) -> None:
        next_look_us = get_monotonic_us()
        while True:
            self._voucher_came.clear()
            await self._look(self._vouchers.get_unfunded())
            if get_monotonic_us() >= next_look_us:
                next_look_us = get_monotonic_us() + int(LOOK_AGAIN_S * 1e6)
                await self._look([kept.channel_id for kept in self._vouchers.get_unclaimed()])
            self._claim_where_urgent()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_AGAIN_S):
                    await self._voucher_came.wait()

    async def _look(self, channel_ids: list[str]) -> None:
        for channel_id in channel_ids:
            with contextlib.suppress(ChainUnavailable, RequestRefused):
                await self._check_funds(channel_id)

    async def _check_funds(self, channel_id: str) -> None:
        kept = self._vouchers.get(channel_id)
        channel = await self._chain.channel(channel_id)
        if kept is None:
            return
        if channel is None or channel.router != kept.router:
            if channel is None and self._vouchers.get_closing_at_ms(channel_id):
                return  # settled: claiming finds out
            text = f"voucher of a channel that the chain doesn't know: {channel_id[:16]}"
            self._tally.say_change("channel", "unknown", text, of=channel_id, channel=channel_id)
            return
        own = self._find_own(channel)
        self._vouchers.set_funds(
            channel_id,
            channel.data_credits,
            0 if own is None else own.allotted_data_credits,
            channel.closing_at_ms or 0,
        )
        if channel.data_credits < kept.total_data_credits:
            text = (
                f"channel {channel_id[:16]} holds {channel.data_credits} data credits, "
                f"its router has promised {kept.total_data_credits}"
            )
            self._tally.say_change("channel", "overspent", text, of=channel_id, channel=channel_id)

    def _find_own(self, channel: api.Channel) -> api.ChannelClaim | None:
        address = self._hotspot.public_key.address
        return next((claim for claim in channel.claims if claim.hotspot == address), None)

    def _claim_where_urgent(self) -> None:
        is_closing = any(
            self._vouchers.get_closing_at_ms(kept.channel_id) for kept in self._vouchers.get_unclaimed()
        )
        is_uncovered = any(
            self._vouchers.get_balance(router).uncovered_data_credits >= CLAIM_ABOVE
            for router in self._vouchers.get_routers()
        )
        if (is_closing or is_uncovered) and get_monotonic_us() >= self._next_urgent_us:
            self._next_urgent_us = get_monotonic_us() + int(URGENT_INTERVAL_S * 1e6)
            self._claim_now.set()

    # Claims

    async def _claim_regularly(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(await self._compute_claim_wait_s()):
                    await self._claim_now.wait()
            self._claim_now.clear()
            if self._is_registered():
                await self.claim_all()

    async def claim_all(self) -> None:
        """Claim whatever is unclaimed; those that are settled first come first."""
        for kept in self._vouchers.get_unclaimed():
            try:
                await self._claim(kept)
            except (ChainUnavailable, TimeoutError) as error:
                self._on_trouble(str(error) or "the chain takes too long")
            except (CannotRegister, RequestRefused) as error:
                self._tally.say_change("claim", str(error), f"claim refused: {error}")

    async def _compute_claim_wait_s(self) -> float:
        if self._claim_interval_s is not None:
            return self._claim_interval_s
        try:
            status = await self._chain.status()
            epoch_s = (await self._chain.parameters()).epoch_ms / 1000
        except (ChainUnavailable, RequestRefused):
            return RETRY_S
        part_s = epoch_s * CLAIM_PART
        in_s = (status.epoch_ends_at_ms - status.time_ms) / 1000 - part_s * random.uniform(0.5, 1.0)
        return in_s if in_s > 0 else in_s + epoch_s

    async def _claim(self, kept: KeptVoucher) -> None:
        """Present a voucher, unless the chain has paid it already (a crash after an earlier claim)."""
        paid = await self._get_paid(kept.channel_id)
        if paid is not None and paid >= kept.total_data_credits:
            self._vouchers.mark_claimed(kept.channel_id, paid)
            return
        if paid is None and await self._is_node_behind():
            return
        try:
            await self._send(
                ChannelClaim(
                    payer=self._owner.public_key.binary,
                    nonce=1,
                    fee=0,
                    hotspot=self._hotspot.public_key.binary,
                    voucher=decode_voucher(kept.voucher),
                )
            )
        except TransactionRefused as error:
            if error.code in _OVER:
                self._give_up(kept, "the channel was settled before", is_settled=True)
            elif error.code in _USELESS:
                self._give_up(kept, str(error), is_settled=False)
            else:
                raise
            return
        now_paid = await self._get_paid(kept.channel_id)
        gained = (kept.total_data_credits if now_paid is None else now_paid) - (paid or 0)
        self._vouchers.mark_claimed(kept.channel_id, kept.total_data_credits)
        self._tally.add("data_credits_claimed", gained)
        self._tally.lines.say(
            "claim",
            f"claimed {gained} data credits for {kept.total_packets} packets so far",
            channel=kept.channel_id,
            data_credits=gained,
        )
        if now_paid is not None and now_paid < kept.total_data_credits:
            lost = kept.total_data_credits - now_paid
            self._tally.lines.say(
                "claim_short",
                f"{lost} data credits more were promised than channel {kept.channel_id[:16]} has left",
                channel=kept.channel_id,
                data_credits=lost,
            )

    def _give_up(self, kept: KeptVoucher, why: str, is_settled: bool) -> None:
        """The chain pays nothing more for this voucher."""
        text = (
            f"voucher over {kept.total_data_credits} data credits of channel {kept.channel_id[:16]} pays "
            f"nothing more: {why}"
        )
        self._tally.say_change("claim", text, text, of=kept.channel_id, channel=kept.channel_id)
        claimed = 0 if is_settled else kept.total_data_credits
        self._vouchers.mark_claimed(kept.channel_id, claimed, is_settled)

    async def _get_paid(self, channel_id: str) -> int | None:
        """What the chain has paid this hotspot of a channel; None of one that it doesn't have."""
        channel = await self._chain.channel(channel_id)
        if channel is None:
            return None
        own = self._find_own(channel)
        return 0 if own is None else own.total_data_credits

    async def _is_node_behind(self) -> bool:
        """Whether the node may not know a channel because it lags, and not because it is over."""
        return get_wall_ms() - (await self._chain.status()).block_time_ms > STALE_NODE_MS

    # Fraud

    async def _report_disputes(self) -> None:
        while True:
            self._dispute_came.clear()
            if self._is_registered():
                for dispute in self._vouchers.get_unreported():
                    await self._report(dispute)
            wait_s = RETRY_S if self._vouchers.get_unreported() else None
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._dispute_came.wait()

    async def _report(self, dispute: Dispute) -> None:
        """Show the chain the two vouchers, unless it knows."""
        try:
            channel = await self._chain.channel(dispute.channel_id)
            if channel is None or channel.disputed_height is None:
                await self._send(
                    ChannelDispute(
                        payer=self._owner.public_key.binary,
                        nonce=1,
                        fee=0,
                        one=decode_voucher(dispute.one),
                        other=decode_voucher(dispute.other),
                    )
                )
                text = f"reported router {dispute.router}: two vouchers of one sequence cost it its bond"
                self._tally.lines.say("dispute", text, router=dispute.router, channel=dispute.channel_id)
        except (ChainUnavailable, TimeoutError) as error:
            self._on_trouble(str(error) or "the chain takes too long")
            return
        except (CannotRegister, RequestRefused) as error:
            self._tally.say_change("dispute", str(error), f"report of a fraud refused: {error}")
            if not isinstance(error, TransactionRefused) or error.code not in _NO_USE:
                return
        self._vouchers.mark_reported(dispute.channel_id)

    async def _send(self, body: ChannelClaim | ChannelDispute) -> None:
        async with self._sending:
            await self._registration.ensure_fee()
            await self._registration.send(body)
