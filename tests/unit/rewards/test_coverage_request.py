"""Coverage requests: which are refused, and what becomes of a bounty from its lock to its end."""

from typing import Any

import h3.api.basic_int as h3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from chain.coverage.tables import (
    ACTIVE,
    BEACON_TOTALS,
    WITNESS_TOTALS,
    Active,
    BeaconTotal,
    WitnessTotal,
    get_epoch_key,
)
from chain.ledger.balances import get_supply, mint_data_credits
from chain.ledger.bounties import (
    BOUNTIES,
    BOUNTY_END_EPOCHS,
    BOUNTY_ENDS,
    Bounty,
    burn_bounty_part,
    compute_part_of_epoch,
    get_bounty,
)
from chain.ledger.conservation import check_conservation, recount
from chain.ledger.events import Event, StoredEvent, render_event
from chain.ledger.parameters import Parameters
from chain.ledger.state import Table
from chain.ledger.tables import DATA_CREDITS, HOTSPOTS, Hotspot
from chain.rewards.process import process_epoch_close
from chain.transactions import Reason
from chain.transactions.fees import compute_required_fee
from chain.transactions.types import CoverageRequest
from tests.unit.chain.world import World
from tests.unit.rewards.epochs import HEXES, make_hotspot, make_place

PARAMETERS = Parameters(audit_period_epochs=0)
HEX = HEXES[0]


def make_world(**changes: Any) -> World:
    """Erin holds 100,000 data credits, for which ten times their worth of today had burnt."""
    world = World(replace(PARAMETERS, **changes))
    mint_data_credits(world.state, world["erin"], 100_000, 10**9)
    world.commit()
    return world


def ask(world: World, **changes: Any) -> CoverageRequest:
    fields: dict[str, Any] = {"requester": world["erin"], "hex": HEX, "data_credits": 10_000, "epochs": 3}
    return CoverageRequest(**world.head("alice"), **{**fields, **changes})


def cover(world: World, hexes: tuple[int, ...] = (HEX, HEXES[1])) -> None:
    """In the open epoch one hotspot in each of these hexagons hears all others."""
    prefix = get_epoch_key(world.context.epoch)
    keys = [make_hotspot(HEXES.index(hex)) for hex in hexes]
    for key, hex in zip(keys, hexes, strict=True):
        location = make_place(hex)
        if world.state.get(HOTSPOTS, key) is None:
            world.state.put(HOTSPOTS, key, Hotspot(world["bob"], 1, location=location))
        world.state.put(ACTIVE, prefix + key, Active(location))
        world.state.put(BEACON_TOTALS, prefix + key, BeaconTotal(2_500, 1, 1))
        for other in keys:
            if other != key:
                world.state.put(WITNESS_TOTALS, prefix + other + key, WitnessTotal(10_000, 1))


def close(world: World, skip: int = 1) -> list[Event]:
    """Close the open epoch and open the next, or a later one."""
    events = process_epoch_close(world.state, world.context)
    world.context = replace(world.context, epoch=world.context.epoch + skip)
    check_conservation(world.state)
    return events


def get_fields(events: list[Event], kind: str) -> list[dict[str, Any]]:
    return [event.fields for event in events if event.kind == kind]


def get_only_bounty(world: World) -> Bounty:
    [(_, bounty)] = world.state.iterate(BOUNTIES)
    return bounty


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"hex": 0}, Reason.INVALID_HEX),
        ({"hex": HEX ^ 1 << 59}, Reason.INVALID_HEX),
        ({"hex": HEX + 1}, Reason.INVALID_HEX),
        ({"hex": 2**64 - 1}, Reason.INVALID_HEX),
        ({"hex": h3.cell_to_parent(HEX, 7)}, Reason.WRONG_HEX_RESOLUTION),
        ({"hex": h3.cell_to_center_child(HEX, 9)}, Reason.WRONG_HEX_RESOLUTION),
        ({"hex": make_place(HEX)}, Reason.WRONG_HEX_RESOLUTION),
        ({"epochs": 366, "data_credits": 100_000_000}, Reason.TOO_MANY_EPOCHS),
        ({"epochs": 3_650, "data_credits": 100_000_000}, Reason.TOO_MANY_EPOCHS),
        ({"data_credits": 0}, Reason.BOUNTY_TOO_SMALL),
        ({"data_credits": 2_999}, Reason.BOUNTY_TOO_SMALL),
        ({"epochs": 11}, Reason.BOUNTY_TOO_SMALL),
        ({"data_credits": 100_001}, Reason.INSUFFICIENT_DATA_CREDITS),
        ({"data_credits": 2**63 - 1}, Reason.INSUFFICIENT_DATA_CREDITS),
    ],
)
def test_requests_that_are_refused(changes: dict[str, Any], reason: Reason) -> None:
    world = make_world()
    world.refuse(ask(world, **changes), reason)


def test_a_requester_without_credits_is_refused() -> None:
    world = make_world()
    world.refuse(ask(world, requester=world["dave"]), Reason.INSUFFICIENT_DATA_CREDITS)


def test_a_network_without_demand_takes_no_requests() -> None:
    world = make_world(demand_share_ppm=0)
    world.refuse(ask(world), Reason.NOT_IN_FORCE)


def test_no_request_is_taken_twice() -> None:
    world = make_world()
    body = ask(world)
    world.apply(body)
    world.refuse(body, Reason.NONCE_USED)


@pytest.mark.parametrize("changes", [{"data_credits": 3_000}, {"epochs": 10}, {"data_credits": 100_000}])
def test_requests_at_the_bound(changes: dict[str, Any]) -> None:
    world = make_world()
    world.apply(ask(world, **changes))


def test_a_request_of_the_longest_time() -> None:
    world = make_world(coverage_request_minimum_data_credits=1)
    world.apply(ask(world, epochs=365, data_credits=365))
    world.refuse(ask(world, epochs=366, data_credits=366), Reason.TOO_MANY_EPOCHS)


def test_a_request_locks_its_credits_with_what_had_burnt_for_them() -> None:
    world = make_world()
    events = world.apply(ask(world))
    [fields] = get_fields(events, "coverage_requested")
    assert (fields["from_epoch"], fields["until_epoch"], fields["hex"]) == (2, 5, HEX)
    assert fields["requester"] == world["erin"]
    assert (world.account("erin").data_credits, world.account("erin").burnt_hxt) == (90_000, 9 * 10**8)
    assert get_only_bounty(world) == Bounty(world["erin"], 10_000, 10**8, 5)
    assert get_bounty(world.state, HEX, fields["request"]) == get_only_bounty(world)
    world.commit()
    assert get_supply(world.state, DATA_CREDITS).locked == 10_000
    # Readers of JSON get the cell as H3 writes it.
    stored = StoredEvent(height=1, index=0, time_ms=1, event=events[-1])
    assert render_event(stored)["hex"] == h3.int_to_str(HEX)


def test_its_fee_is_sunk() -> None:
    world = make_world()
    body = ask(world)
    plain = replace(world.context.parameters, coverage_request_fee_data_credits=0)
    assert compute_required_fee(body, world.context.parameters) == compute_required_fee(body, plain) + 5_000


def test_parts_burn_where_they_are_earned() -> None:
    world = make_world()
    world.apply(ask(world))
    burnt_before = get_supply(world.state, DATA_CREDITS).burnt
    parts = []
    for _ in range(3):
        cover(world)
        events = close(world)
        [burnt] = get_fields(events, "coverage_request_burnt")
        [earned] = [f for f in get_fields(events, "reward_earned") if f["reward"] == "demand"]
        # 3,333 credits are worth 3,333,000 base units, of which a twentieth is nobody's.
        assert earned["hxt"] == burnt["data_credits"] * 1_000 * 95 // 100
        assert earned["hotspot"] == make_hotspot(0)
        parts.append((burnt["data_credits"], burnt["left"]))
    assert parts == [(3_333, 6_667), (3_333, 3_334), (3_334, 0)]
    [ended] = get_fields(events, "coverage_request_ended")
    assert ended["returned_data_credits"] == 0
    assert get_supply(world.state, DATA_CREDITS).burnt - burnt_before == 10_000
    tables: tuple[Table[Any], ...] = (BOUNTIES, BOUNTY_ENDS, BOUNTY_END_EPOCHS)
    assert not any(list(world.state.iterate(table)) for table in tables)


def test_what_nobody_earned_stays_for_later_and_goes_back_at_the_end() -> None:
    world = make_world()
    world.apply(ask(world))
    assert not get_fields(close(world), "coverage_request_burnt")  # nobody is there
    cover(world, (HEXES[1], HEXES[2]))
    assert not get_fields(close(world), "coverage_request_burnt")  # others are elsewhere
    assert get_only_bounty(world).data_credits == 10_000
    events = close(world)
    [ended] = get_fields(events, "coverage_request_ended")
    assert (ended["returned_data_credits"], ended["requester"]) == (10_000, world["erin"])
    assert (world.account("erin").data_credits, world.account("erin").burnt_hxt) == (100_000, 10**9)
    cover(world)
    assert not get_fields(close(world), "coverage_request_burnt")  # it is over


def test_a_missed_epochs_part_is_offered_again() -> None:
    world = make_world()
    world.apply(ask(world))
    close(world)
    cover(world)
    [burnt] = get_fields(close(world), "coverage_request_burnt")
    assert burnt["data_credits"] == 5_000


def test_epochs_without_any_block_are_not_paid_for() -> None:
    world = make_world()
    world.apply(ask(world))
    close(world, skip=100)
    assert get_only_bounty(world).data_credits == 10_000
    cover(world)
    events = close(world)
    assert not get_fields(events, "coverage_request_burnt")
    assert get_fields(events, "coverage_request_ended")[0]["returned_data_credits"] == 10_000


def test_credits_for_which_nothing_burnt_buy_nothing_and_come_back() -> None:
    world = make_world()
    mint_data_credits(world.state, world["dave"], 10_000, 0)
    world.apply(ask(world, epochs=1))
    world.apply(ask(world, requester=world["dave"], epochs=1))
    cover(world)
    events = close(world)
    # Also where others' credits are burnt for the same hexagon.
    assert [f["requester"] for f in get_fields(events, "coverage_request_burnt")] == [world["erin"]]
    returned = {
        f["requester"]: f["returned_data_credits"] for f in get_fields(events, "coverage_request_ended")
    }
    assert returned == {world["erin"]: 0, world["dave"]: 10_000}


def test_a_bounty_pays_no_more_than_what_burnt_for_it() -> None:
    world = make_world()
    mint_data_credits(world.state, world["dave"], 10_000, 1_000)
    world.apply(ask(world, requester=world["dave"], epochs=1))
    cover(world)
    [earned] = [f for f in get_fields(close(world), "reward_earned") if f["reward"] == "demand"]
    assert earned["hxt"] == 950


def test_requests_for_one_hexagon_add_up_and_others_do_not_touch_each_other() -> None:
    world = make_world()
    for data_credits, hex in ((10_000, HEX), (20_000, HEX), (3_000, HEXES[1]), (3_000, HEXES[4])):
        world.apply(ask(world, data_credits=data_credits, hex=hex, epochs=1))
    cover(world)
    events = close(world)
    earned = {f["hotspot"]: f["hxt"] for f in get_fields(events, "reward_earned") if f["reward"] == "demand"}
    assert earned == {make_hotspot(0): 28_500_000, make_hotspot(1): 2_850_000}
    returned = [f["returned_data_credits"] for f in get_fields(events, "coverage_request_ended")]
    assert sorted(returned) == [0, 0, 0, 3_000]


def test_a_changed_resolution_leaves_old_requests_to_their_end() -> None:
    world = make_world()
    world.apply(ask(world, epochs=2))
    world.change_parameters(demand_resolution=9)
    world.refuse(ask(world), Reason.WRONG_HEX_RESOLUTION)
    cover(world)
    assert not get_fields(close(world), "coverage_request_burnt")
    assert get_fields(close(world), "coverage_request_ended")[0]["returned_data_credits"] == 10_000


def test_an_unknown_bounty_cannot_burn() -> None:
    with pytest.raises(LookupError):
        burn_bounty_part(make_world().state, HEX, bytes(32), 0)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 10**6),
    st.integers(0, 10**12),
    st.lists(st.booleans(), min_size=1, max_size=12),
)
def test_parts_add_up_to_the_whole(data_credits: int, burnt_hxt: int, earned: list[bool]) -> None:
    bounty = Bounty(make_hotspot(1), data_credits, burnt_hxt, len(earned))
    parts = []
    for epoch, is_earned in enumerate(earned):
        part = compute_part_of_epoch(bounty, epoch)
        assert 0 <= part.data_credits <= bounty.data_credits and 0 <= part.burnt_hxt <= bounty.burnt_hxt
        if is_earned:
            parts.append(part.data_credits)
            bounty = replace(
                bounty,
                data_credits=bounty.data_credits - part.data_credits,
                burnt_hxt=bounty.burnt_hxt - part.burnt_hxt,
            )
    if earned[-1]:
        assert (bounty.data_credits, bounty.burnt_hxt) == (0, 0)
    if all(earned):
        assert max(parts) - min(parts) <= 1
    assert compute_part_of_epoch(bounty, len(earned)).data_credits == 0


def test_books_add_up_from_nothing_after_a_long_history() -> None:
    world = make_world()
    for number in range(12):
        if number % 3 == 0:
            world.apply(ask(world, epochs=1 + number % 4, hex=HEXES[number % 2]))
        if number % 2:
            cover(world)
        close(world)
        world.commit()
    recount(world.state)
