"""What burnt for data credits moves with them and never grows: the ground of "volume never buys more than it
burns".

Everybody here is of one party that tries anything: buys credits at any price, has routers and hotspots,
opens, allots, claims, closes with counts, reports itself, changes owners, waits.
"""

from __future__ import annotations

import contextlib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from chain.data.channel_parts import compute_left
from chain.data.process_due_channels import process_due_channels
from chain.ledger.amounts import MAX_AMOUNT
from chain.ledger.balances import get_supply
from chain.ledger.tables import (
    ACCOUNTS,
    CARRIED_DATA,
    CHANNEL_CLAIMS,
    CHANNELS,
    HXT,
    Channel,
    get_successor,
)
from chain.transactions import (
    Burn,
    ChannelAllot,
    ChannelClose,
    ChannelDispute,
    ChannelOpen,
    HotspotCredits,
    InvalidTransaction,
    Reason,
    RouterTransfer,
    TransactionBody,
)
from tests.unit.chain.world import World

OWNERS, HOTSPOTS = ("r1", "r2"), ("h1", "h2", "h3")
HOUR_MS = 3_600_000


class Party(World):
    """Two routers, three hotspots; alice and bob have the money."""

    def __init__(self) -> None:
        super().__init__()
        self.change_parameters(router_bond_hxt=10**8, epoch_ms=2 * HOUR_MS, channel_claim_window_ms=HOUR_MS)
        self["voucher"]
        for hotspot in HOTSPOTS:
            self.add_hotspot(hotspot)
        for owner in OWNERS:
            self.register_router(owner)
        self.commit()
        self.before = get_supply(self.state, HXT).burnt

    def count_basis(self) -> int:
        """What burnt for all credits that are held, locked, or were carried."""
        tables: tuple[Any, ...] = (ACCOUNTS, CHANNELS, CARRIED_DATA)
        return sum(row.burnt_hxt for table in tables for _, row in self.state.iterate(table))

    def some_channel(self, number: int) -> bytes:
        channels = [key for key, _ in self.state.iterate(CHANNELS)]
        return channels[number % len(channels)] if channels else bytes(32)

    def get_owner(self, channel_id: bytes) -> bytes:
        channel = self.state.get(CHANNELS, channel_id)
        return self["r1"] if channel is None else get_successor(self.state, channel.router)

    def make_body(self, kind: str, number: int, amount: int) -> TransactionBody:
        head, channel_id = self.head("bob"), self.some_channel(number)
        name, hotspot = OWNERS[number % 2], self[HOTSPOTS[number % 3]]
        owner = get_successor(self.state, self[name])
        match kind:
            case "burn":
                return Burn(**head, payee=owner, hxt=amount * 997)
            case "open":
                return ChannelOpen(**head, router=owner, data_credits=amount)
            case "allot":
                parts = (HotspotCredits(hotspot, amount),)
                return ChannelAllot(**head, signer=self["voucher"], channel_id=channel_id, allotments=parts)
            case "close":
                counts = (HotspotCredits(hotspot, amount % 50, 1),)
                return ChannelClose(
                    **head, router=self.get_owner(channel_id), channel_id=channel_id, counts=counts
                )
            case "dispute":
                one = self.make_voucher(channel_id, hotspot=hotspot, total_data_credits=amount)
                other = self.make_voucher(channel_id, hotspot=hotspot, total_data_credits=amount + 1)
                return ChannelDispute(**head, one=one, other=other)
            case "transfer":
                return RouterTransfer(**head, owner=owner, new_owner=self[f"{name} again"])
            case _:
                row = self.state.get(CHANNEL_CLAIMS, channel_id + hotspot)
                voucher = self.make_voucher(
                    channel_id,
                    hotspot=hotspot,
                    sequence=1 if row is None else row.sequence + 1,
                    total_data_credits=amount if row is None else row.total_data_credits + amount,
                    total_packets=1000,
                )
                return self.make_claim(voucher, HOTSPOTS[number % 3])


def check_parts_cost(before: dict[bytes, Channel], world: Party) -> None:
    """What left a channel cost no more than its part of what the channel had cost."""
    for channel_id, old in before.items():
        new = world.state.get(CHANNELS, channel_id)
        if new is None:
            continue
        paid = new.claimed_data_credits - old.claimed_data_credits
        assert (old.burnt_hxt - new.burnt_hxt) * max(compute_left(old), 1) <= old.burnt_hxt * paid
        assert new.burnt_hxt >= 0


BEGIN = [("burn", 0, 200), ("burn", 1, 300), ("open", 0, 150), ("open", 1, 150), ("claim", 1, 20)]
KINDS = ["burn", "open", "claim", "claim", "claim", "allot", "close", "transfer", "wait", "price", "dispute"]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(KINDS),
        st.integers(0, 11),
        st.integers(1, 300),
    ),
    min_size=8,
    max_size=40,
)


@settings(deadline=None, max_examples=80)
@given(STEPS)
def test_the_basis_never_exceeds_what_burnt(steps: list[tuple[str, int, int]]) -> None:
    world = Party()
    for kind, number, amount in [*BEGIN, *steps]:
        if kind == "wait":
            world.context = replace(world.context, time_ms=world.context.time_ms + number * HOUR_MS)
            process_due_channels(world.state, world.context)
            world.commit()
        elif kind == "price":
            world.context = replace(world.context, hxt_price=10 ** (number % 5 + 6) * amount)
        else:
            before = dict(world.state.iterate(CHANNELS))
            with contextlib.suppress(InvalidTransaction):
                world.apply(world.make_body(kind, number, amount))
            check_parts_cost(before, world)
        burnt = get_supply(world.state, HXT).burnt - world.before
        assert world.count_basis() <= burnt
        for _, account in world.state.iterate(ACCOUNTS):
            assert account.burnt_hxt == 0 or account.data_credits > 0, "a basis without credits"


def test_refused_amounts() -> None:
    """More data credits than any amount can be: refused, not wrapped around."""
    world = Party()
    world.refuse(
        ChannelOpen(**world.head("bob"), router=world["r1"], data_credits=MAX_AMOUNT),
        Reason.INSUFFICIENT_DATA_CREDITS,
    )


def test_a_claims_basis_is_its_part_rounded_down() -> None:
    """100 base units for 7 credits: 3 cost 42, then 3 of 4 cost 43 of 58, the last what is left."""
    world = Party()
    world.context = replace(world.context, hxt_price=10**11 * 7 // 100)
    world.apply(Burn(**world.head("bob"), payee=world["r1"], hxt=100))
    account = world.account("r1")
    assert (account.data_credits, account.burnt_hxt) == (7, 100)
    world.apply(ChannelOpen(**world.head("bob"), router=world["r1"], data_credits=7))
    [(channel_id, _)] = world.state.iterate(CHANNELS)
    carried = []
    for sequence, total in ((1, 3), (2, 6), (3, 7)):
        voucher = world.make_voucher(
            channel_id, hotspot=world["h1"], sequence=sequence, total_data_credits=total
        )
        world.apply(world.make_claim(voucher, "h1"))
        [(_, row)] = world.state.iterate(CARRIED_DATA)
        carried.append(row.burnt_hxt)
    assert carried == [42, 42 + 43, 100]
