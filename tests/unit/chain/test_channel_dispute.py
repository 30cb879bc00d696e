from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from chain.data.channel_parts import compute_common, compute_reserve
from chain.ledger.balances import get_supply, mint_data_credits
from chain.ledger.bonds import BONDS, get_router_subject
from chain.ledger.faults import FAULTS
from chain.ledger.router_checks import FAULTED
from chain.ledger.tables import HXT, ROUTERS
from chain.transactions import (
    ChannelOpen,
    InvalidTransaction,
    Reason,
    RouterRetire,
    RouterTransfer,
    RouterUpdate,
)
from tests.unit.chain.channel_world import ChannelWorld
from tests.unit.chain.test_router import make
from tests.unit.chain.world import PARAMETERS

BOND = PARAMETERS.router_bond_hxt
SHARE = BOND * PARAMETERS.reporter_share_ppm // 1_000_000


def test_two_vouchers_of_one_sequence_cost_the_bond() -> None:
    world = ChannelWorld()
    bob, burnt = world.account("bob").hxt, get_supply(world.state, HXT).burnt
    body = world.dispute("bob")
    events = world.apply(body)
    fee_hxt = events[0].fields["hxt"]
    assert world.account("bob").hxt == bob + SHARE - fee_hxt
    assert get_supply(world.state, HXT).burnt == burnt + BOND - SHARE + fee_hxt
    assert world.state.get(BONDS, get_router_subject(world["carol"])) is None
    [(_, fault)] = world.state.iterate(FAULTS)
    assert (fault.kind, fault.reporter, fault.hxt_taken) == ("voucher_equivocation", world["bob"], BOND)
    router = world.state.get(ROUTERS, world["carol"])
    assert router is not None
    assert router.status == FAULTED
    assert [event.kind for event in events[1:]] == ["channel_disputed", "channel_closing"]
    assert world.channel.disputed_height == world.context.height


def test_the_router_serves_no_more() -> None:
    world = ChannelWorld()
    world.apply(world.dispute())
    opening = ChannelOpen(**world.head("alice"), router=world["carol"], data_credits=1)
    world.refuse(opening, Reason.ROUTER_FAULTED)
    world.refuse(RouterRetire(**world.head("alice"), owner=world["carol"]), Reason.ROUTER_FAULTED)
    world.refuse(make(world), Reason.ROUTER_FAULTED)
    world.refuse(make(world, RouterUpdate), Reason.ROUTER_FAULTED)
    world.refuse(world.allot(hotspot=1), Reason.CHANNEL_CLOSING)
    world.refuse(world.close(hotspot=1), Reason.CHANNEL_CLOSING)


def test_a_new_owner_takes_the_fault_along() -> None:
    world = ChannelWorld()
    world.apply(world.dispute())
    world.apply(RouterTransfer(**world.head("alice"), owner=world["carol"], new_owner=world["eve"]))
    opening = ChannelOpen(**world.head("alice"), router=world["eve"], data_credits=1)
    world.refuse(opening, Reason.ROUTER_FAULTED)


def test_a_fault_of_the_past_costs_the_owner_of_today() -> None:
    world = ChannelWorld()
    world.apply(RouterTransfer(**world.head("alice"), owner=world["carol"], new_owner=world["eve"]))
    [_, disputed, _] = world.apply(world.dispute())
    assert (disputed.fields["router"], disputed.fields["taken_hxt"]) == (world["eve"], BOND)
    router = world.state.get(ROUTERS, world["eve"])
    assert router is not None
    assert router.status == FAULTED


# Once


@pytest.mark.parametrize(
    "changes",
    [{}, {"total_data_credits": 12}, {"total_packets": 4}],
)
def test_a_channel_is_punished_once(changes: dict[str, Any]) -> None:
    world = ChannelWorld()
    world.apply(world.dispute())
    world.refuse(world.dispute("alice", **changes), Reason.FAULT_KNOWN)


def test_other_sequences_and_hotspots_of_the_channel_are_the_same_fault() -> None:
    world = ChannelWorld()
    world.apply(world.dispute())
    again = world.dispute()
    one = world.make_voucher(world.channel_id, hotspot=world["second"], sequence=9)
    other = world.make_voucher(world.channel_id, hotspot=world["second"], sequence=9, total_packets=6)
    world.refuse(replace(again, one=one, other=other), Reason.FAULT_KNOWN)
    world.refuse(replace(again, one=again.other, other=again.one), Reason.FAULT_KNOWN)


def test_another_channel_of_the_router_closes_too_but_there_is_nothing_left_to_take() -> None:
    world = ChannelWorld()
    first, second = world.channel_id, world.open_channel(50)
    world.apply(world.dispute())
    world.channel_id = second
    [_, disputed, closing] = world.apply(world.dispute())
    assert (disputed.fields["taken_hxt"], disputed.fields["reward_hxt"]) == (0, 0)
    assert closing.fields["channel"] == second != first


# Who reports


@pytest.mark.parametrize("reporter", ["carol", "voucher", "alice"])
def test_the_routers_own_keys_get_no_share(reporter: str) -> None:
    """carol owns the router, alice paid its bond."""
    world = ChannelWorld()
    mint_data_credits(world.state, world[reporter], 1000)  # for the fee
    [_, disputed, _] = world.apply(world.dispute(reporter))
    assert (disputed.fields["taken_hxt"], disputed.fields["reward_hxt"]) == (BOND, 0)


# What is no proof


@pytest.mark.parametrize(
    "changes",
    [
        {"total_data_credits": 10},  # the very same voucher
        {"sequence": 5},
        {"sequence": 3, "total_data_credits": 12},
        {"channel_id": bytes(32)},
        {"signer": "carol"},
        {"signer": "hotspot"},
    ],
)
def test_no_equivocation(changes: dict[str, Any]) -> None:
    world = ChannelWorld()
    channel_id = changes.pop("channel_id", None)
    body = world.dispute(**changes)
    if channel_id is not None:
        body = replace(body, other=world.make_voucher(channel_id, sequence=4, total_data_credits=11))
    world.refuse(body, Reason.NOT_EQUIVOCATION)


def test_vouchers_for_two_hotspots_are_none() -> None:
    world = ChannelWorld()
    world.refuse(world.dispute(hotspot=world["second"]), Reason.NOT_EQUIVOCATION)


def test_a_forged_signature_is_none() -> None:
    world = ChannelWorld()
    body = world.dispute()
    world.refuse(replace(body, other=replace(body.other, signature=bytes(64))), Reason.NOT_EQUIVOCATION)
    same = replace(body.one, signature=body.other.signature)
    world.refuse(replace(body, other=same), Reason.NOT_EQUIVOCATION)


def test_vouchers_of_another_chain_and_of_no_channel() -> None:
    world = ChannelWorld()
    world.refuse(world.dispute(chain_id="elsewhere"), Reason.VOUCHER_OF_OTHER_CHAIN)
    world.channel_id = bytes(32)
    world.refuse(world.dispute(), Reason.UNKNOWN_CHANNEL)


# When


def test_a_closing_channel_keeps_its_end() -> None:
    world = ChannelWorld()
    world.apply(world.close(second=30))
    end = world.channel.closing_at_ms
    world.context = replace(world.context, time_ms=world.context.time_ms + 3_600_000)
    assert [event.kind for event in world.apply(world.dispute())[1:]] == ["channel_disputed"]
    assert world.channel.closing_at_ms == end
    assert [event.kind for event in world.end_window()] == ["channel_counted", "channel_settled"]


def test_a_settled_channel_can_be_disputed_for_a_while_also_where_its_router_has_left() -> None:
    world = ChannelWorld()
    world.apply(world.close())
    world.end_window()
    world.apply(RouterRetire(**world.head("alice"), owner=world["carol"]))
    world.pass_time(PARAMETERS.evidence_epochs * PARAMETERS.epoch_ms)
    assert world.apply(world.dispute())[-1].fields["taken_hxt"] == BOND
    assert not list(world.state.iterate(BONDS, get_router_subject(world["carol"])))
    world.refuse(make(world), Reason.ROUTER_FAULTED)


def test_afterwards_it_is_too_late() -> None:
    world = ChannelWorld()
    world.apply(world.close())
    world.end_window()
    world.pass_time((PARAMETERS.evidence_epochs + 1) * PARAMETERS.epoch_ms)
    world.refuse(world.dispute(), Reason.UNKNOWN_CHANNEL)


# What is paid all the same


def test_what_was_promised_is_paid_and_no_more() -> None:
    world = ChannelWorld(1000)
    world.apply(world.allot(second=300))
    world.apply(world.dispute(total_data_credits=5_000))
    world.apply(world.claim("hotspot", 5_000, sequence=4))
    assert world.claimed("hotspot").total_data_credits == 700
    world.apply(world.claim("second", 300))
    [settled] = world.end_window()
    assert settled.fields["returned_data_credits"] == 0


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["allot", "claim", "claim", "close", "dispute"]),
        st.sampled_from(["hotspot", "second", "third"]),
        st.integers(1, 150),
    ),
    max_size=14,
)


def play(steps: list[tuple[str, str, int]], with_dispute: bool) -> tuple[ChannelWorld, list[int]]:
    """The world after the steps and the settlement, and what router and hotspots got out of the channel.

    Without disputes, a dispute's place is taken by a plain close.
    """
    world = ChannelWorld(200)
    world.change_parameters(fee_data_credits_per_unit=0)
    before = world.account("carol").data_credits
    for kind, name, amount in steps:
        if kind == "allot":
            body: Any = world.allot(**{name: amount})
        elif kind == "claim":
            body = world.claim(name, amount)
        elif kind == "dispute" and with_dispute:
            body = world.dispute("bob")
        else:
            body = world.close(**({"third": 20} if kind == "close" else {}))
        with contextlib.suppress(InvalidTransaction):
            world.apply(body)
        world.check_parts()
    if not world.channel.closing_at_ms:
        world.apply(world.close())
    world.end_window()
    paid = [world.claimed(name).total_data_credits for name in ("hotspot", "second", "third")]
    return world, [world.account("carol").data_credits - before, *paid]


@settings(deadline=None, max_examples=80)
@given(STEPS)
def test_a_dispute_is_a_close_that_costs_a_bond(steps: list[tuple[str, str, int]]) -> None:
    """Whatever router and hotspots do together, and whoever of them reports: what everybody gets out of the
    channel is what a plain close at the same moment would have given, and the party is out of
    the bond less the reporter's share.
    """
    disputed, outcome = play(steps, True)
    closed, plain_outcome = play(steps, False)
    assert outcome == plain_outcome
    lost = BOND - SHARE if list(disputed.state.iterate(FAULTS)) else 0
    wealth = [
        sum(world.account(name).hxt for name in ("alice", "bob", "carol"))
        + sum(bond.hxt for _, bond in world.state.iterate(BONDS))
        for world in (disputed, closed)
    ]
    assert wealth[0] == wealth[1] - lost


@settings(deadline=None, max_examples=60)
@given(STEPS, st.integers(1, 300))
def test_an_allotment_survives_a_dispute(steps: list[tuple[str, str, int]], total: int) -> None:
    world = ChannelWorld(200)
    world.apply(world.allot(second=80))
    for kind, name, amount in steps:
        if name == "second" or kind == "close":
            continue
        if kind == "allot":
            body: Any = world.allot(**{name: amount})
        elif kind == "claim":
            body = world.claim(name, amount)
        else:
            one = world.make_voucher(world.channel_id, sequence=1, hotspot=world["second"])
            body = world.dispute("bob", sequence=1, hotspot=world["second"])
            body = replace(body, one=one)
        with contextlib.suppress(InvalidTransaction):
            world.apply(body)
        assert compute_reserve(world.claimed("second")) == 80
    world.apply(world.claim("second", total))
    assert world.claimed("second").total_data_credits >= min(total, 80)
    assert compute_common(world.channel) >= 0
