from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from chain.data.channel_parts import compute_common, compute_reserve
from chain.transactions import HotspotCredits, HotspotRetire, InvalidTransaction, Reason
from tests.unit.chain.channel_world import ChannelWorld

NAMES = ("hotspot", "second", "third")


@pytest.mark.parametrize("signer", ["carol", "voucher"])
def test_owner_and_voucher_key_allot(signer: str) -> None:
    world = ChannelWorld(1000)
    events = world.apply(world.allot(signer, hotspot=300, second=200))
    assert [event.fields["data_credits"] for event in events[1:]] == [300, 200]
    assert (world.channel.allotted, world.channel.reserved) == (500, 500)
    world.check_parts()


def test_an_allotment_is_safe_from_all_others() -> None:
    world = ChannelWorld(1000)
    world.apply(world.allot(hotspot=300))
    [event] = world.apply(world.claim("second", 5000))[1:]
    assert (event.fields["data_credits"], event.fields["unpaid_data_credits"]) == (700, 4300)
    world.refuse(world.claim("second", 6000), Reason.CHANNEL_OVERDRAWN)
    world.refuse(world.claim("third", 1), Reason.CHANNEL_OVERDRAWN)
    [event] = world.apply(world.claim("hotspot", 5000))[1:]
    assert event.fields["data_credits"] == 300
    world.check_parts()


def test_beyond_its_allotment_a_hotspot_takes_from_the_common_part() -> None:
    world = ChannelWorld(1000)
    world.apply(world.allot(hotspot=300, second=300))
    [event] = world.apply(world.claim("hotspot", 650))[1:]
    assert event.fields["data_credits"] == 650
    assert compute_common(world.channel) == 50
    [event] = world.apply(world.claim("second", 9999))[1:]
    assert event.fields["data_credits"] == 350
    world.check_parts()


def test_an_allotment_covers_what_was_paid_before() -> None:
    world = ChannelWorld(1000)
    world.apply(world.claim("hotspot", 400))
    world.apply(world.allot(hotspot=400))
    assert (world.channel.allotted, world.channel.reserved) == (400, 0)
    world.apply(world.allot(hotspot=500))
    assert world.channel.reserved == 100
    world.apply(world.allot(hotspot=1000))
    assert world.channel.reserved == 600
    world.refuse(world.allot(hotspot=1001), Reason.ALLOTMENT_EXCEEDS_CHANNEL)
    world.check_parts()


def test_the_same_allotment_again_changes_nothing() -> None:
    world = ChannelWorld(1000)
    world.apply(world.allot(hotspot=300))
    before = world.channel
    world.apply(world.allot(hotspot=300))
    assert world.channel == before


@pytest.mark.parametrize("others", [0, 699, 700])
def test_more_than_the_common_part(others: int) -> None:
    world = ChannelWorld(1000)
    world.apply(world.allot(hotspot=300))
    if others:
        world.apply(world.claim("second", others))
    world.refuse(world.allot(third=701 - others), Reason.ALLOTMENT_EXCEEDS_CHANNEL)
    if others < 700:
        world.apply(world.allot(third=700 - others))


def test_all_or_nothing() -> None:
    world = ChannelWorld(1000)
    world.refuse(world.allot(hotspot=600, second=401), Reason.ALLOTMENT_EXCEEDS_CHANNEL)
    assert world.channel.allotted == 0


@pytest.mark.parametrize("amount", [1, 299])
def test_allotments_never_fall(amount: int) -> None:
    world = ChannelWorld()
    world.apply(world.allot(hotspot=300))
    world.refuse(world.allot(hotspot=amount), Reason.ALLOTMENT_FELL)


def test_nothing_is_no_allotment() -> None:
    world = ChannelWorld()
    world.refuse(world.allot(hotspot=0), Reason.ZERO_AMOUNT)


def test_a_hotspot_named_twice() -> None:
    world = ChannelWorld()
    body = world.allot(hotspot=1)
    part = HotspotCredits(world["hotspot"], 2)
    world.refuse(replace(body, allotments=(*body.allotments, part)), Reason.DUPLICATE_HOTSPOT)


@pytest.mark.parametrize("signer", ["alice", "hotspot", "bob"])
def test_nobody_else_allots(signer: str) -> None:
    world = ChannelWorld()
    world.refuse(world.allot(signer, hotspot=1), Reason.NOT_CHANNEL_ROUTER)


def test_hotspots_that_are_none_or_no_more() -> None:
    world = ChannelWorld()
    world.refuse(world.allot(stranger=1), Reason.UNKNOWN_HOTSPOT)
    world.apply(HotspotRetire(**world.head("alice"), owner=world["alice"], hotspot=world["second"]))
    world.refuse(world.allot(second=1), Reason.HOTSPOT_RETIRED)


def test_channels_that_are_none_or_no_more() -> None:
    world = ChannelWorld()
    real, world.channel_id = world.channel_id, bytes(32)
    world.refuse(world.allot(hotspot=1), Reason.UNKNOWN_CHANNEL)
    world.channel_id = real
    world.apply(world.close())
    world.refuse(world.allot(hotspot=1), Reason.CHANNEL_CLOSING)
    world.end_window()
    world.refuse(world.allot(hotspot=1), Reason.CHANNEL_CLOSED)


STEPS = st.lists(
    st.tuples(st.sampled_from(["allot", "claim"]), st.sampled_from(NAMES), st.integers(1, 120)), max_size=30
)


@settings(deadline=None, max_examples=60)
@given(STEPS)
def test_reserves_are_never_eaten_and_payments_never_exceed_the_channel(
    steps: list[tuple[str, str, int]],
) -> None:
    """After any history, each hotspot is paid its whole allotment, whoever claims all they can before."""
    world = ChannelWorld(200)
    for kind, name, amount in steps:
        others = {other: compute_reserve(world.claimed(other)) for other in NAMES if other != name}
        body = world.allot(**{name: amount}) if kind == "allot" else world.claim(name, amount)
        try:
            world.apply(body)
        except InvalidTransaction as error:
            assert error.code in (
                Reason.ALLOTMENT_FELL,
                Reason.ALLOTMENT_EXCEEDS_CHANNEL,
                Reason.VOUCHER_TOTAL_FELL,
                Reason.VOUCHER_CLAIMS_NOTHING,
                Reason.CHANNEL_OVERDRAWN,
            )
        world.check_parts()
        assert others == {other: compute_reserve(world.claimed(other)) for other in others}
    for name in NAMES:
        safe = world.claimed(name).allotted
        for other in NAMES:
            if other != name:
                before = world.claimed(other).total_data_credits
                if compute_reserve(world.claimed(other)) + compute_common(world.channel):
                    world.apply(world.claim(other, before + 10**6))
        if compute_reserve(world.claimed(name)):
            world.apply(world.claim(name, max(safe, world.claimed(name).total_data_credits + 1)))
        assert world.claimed(name).total_data_credits >= safe
    assert world.channel.claimed_data_credits <= 200
