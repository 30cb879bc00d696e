"""An epoch's payout on the ledger: every unit minted is derived in an event, and the books add up."""

from typing import Any

import pytest
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
from chain.data.carried_data import add_carried_data
from chain.ledger.balances import get_supply
from chain.ledger.conservation import check_conservation
from chain.ledger.escrow import ESCROW, Escrow
from chain.ledger.events import Event
from chain.ledger.tables import (
    AUDITORS,
    HOTSPOTS,
    HXT,
    MET,
    SUCCESSORS,
    Auditor,
    Met,
    Successor,
    get_account,
)
from chain.rewards.coverage_shares import compute_scales
from chain.rewards.emission import compute_epoch_emission
from chain.rewards.epoch import REWARDS, compute_epoch_rewards
from chain.rewards.epoch_inputs import get_epoch_inputs
from chain.rewards.hex_density import HIP104_LIMITS, SCALE
from chain.rewards.pools import PPM
from chain.rewards.process import process_epoch_close
from tests.unit.coverage.test_process import run_honest_round
from tests.unit.coverage.town import PARAMETERS, Town, get_place
from tests.unit.rewards.epochs import make_hotspot

#: All coverage is paid, escrow is released after two epochs.
OPEN = replace(PARAMETERS, audit_period_epochs=0, escrow_epochs=2)


NEW = make_hotspot(77)


def close(town: Town, epoch: int = 0) -> list[Event]:
    return process_epoch_close(town.state, town.get_context(round=4 * epoch + 3, epoch=epoch))


def get_rewards(events: list[Event], kind: str) -> dict[bytes, dict[str, Any]]:
    return {
        event.fields["hotspot"]: event.fields
        for event in events
        if event.kind == "reward_earned" and event.fields["reward"] == kind
    }


def get_summary(events: list[Event]) -> dict[str, Any]:
    assert events[-1].kind == "epoch_closed"
    return events[-1].fields


def assert_figures_add_up(summary: dict[str, Any]) -> None:
    parts = ("paid", "unaudited", "unpaid", "reserved")
    assert all(summary[part] >= 0 for part in parts)
    assert sum(summary[part] for part in parts) == summary["emission"]
    assert summary["emission"] == summary["scheduled_emission"] + summary["net_emission"]
    assert summary["paid"] == sum(summary[f"{reward}_paid"] for reward in REWARDS)


@pytest.fixture
def town() -> Town:
    town = Town(3, OPEN)
    run_honest_round(town)
    return town


def carry(
    town: Town, hotspot: int, data_credits: int, packets: int, epoch: int = 0, burnt_hxt: int = 10**18
) -> None:
    """A hotspot is paid for data by credits that cost plenty: what they are worth counts."""
    context = town.get_context(epoch=epoch)
    key = town.keys[hotspot].public_key.binary
    add_carried_data(town.state, key, data_credits, packets, burnt_hxt, context)


def test_an_honest_epoch_pays_all_three_alike(town: Town) -> None:
    events = close(town)
    summary = get_summary(events)
    emission = compute_epoch_emission(0, 120_000, PARAMETERS.emission_hxt_per_day, 730)
    assert summary["emission"] == emission > 0
    beacon, witness = get_rewards(events, "beacon"), get_rewards(events, "witness")
    assert len(beacon) == len(witness) == 3
    assert len({fields["hxt"] for fields in beacon.values()}) == 1
    # No data was carried: its half goes to coverage, 6:24.
    assert summary["beacon_pool"] == (emission * 60_000 + emission * 500_000 // 5) // PPM
    assert summary["witness_pool"] == (emission * 240_000 + emission * 500_000 * 4 // 5) // PPM
    assert summary["beacon_pool"] - 3 < summary["beacon_paid"] <= summary["beacon_pool"]
    assert summary["hotspots"] == summary["active"] == 3


def test_every_payment_can_be_derived_from_its_event(town: Town) -> None:
    carry(town, 0, 700, 650)
    carry(town, 2, 300, 10)
    events = close(town)
    paid = [event.fields for event in events if event.kind == "reward_earned"]
    assert {fields["reward"] for fields in paid} == {"beacon", "witness", "data", "demand"}
    for fields in paid:
        why = fields["why"]
        pool_micro = why["pool"] * PPM + why["pool_millionths"]
        part, whole = why.get("hex_claim", 1), why.get("hex_claims", 1)
        assert fields["hxt"] == pool_micro * part * why["share"] // (whole * why["shares"] * PPM)
        if fields["reward"] == "beacon":
            assert why["share"] == why["units"] * why["scale"]
            assert (why["units"], why["scale"], why["beacons"]) == (5_000, SCALE, 1)
        elif fields["reward"] == "witness":
            assert (why["units"], why["witnesses"], why["beaconers"]) == (20_000, 2, 2)
        elif fields["reward"] == "data":
            # 1 USD an HXT: a data credit is worth 1000 base units.
            assert why["share"] == why["data_credits"] * 1_000
    summary = get_summary(events)
    by_kind = {kind: sum(fields["hxt"] for fields in paid if fields["reward"] == kind) for kind in REWARDS}
    assert by_kind == {kind: summary[f"{kind}_paid"] for kind in by_kind}
    assert_figures_add_up(summary)
    assert summary["unpaid"] >= 0


def test_what_is_earned_waits_and_is_paid_to_the_owner_of_then(town: Town) -> None:
    carry(town, 1, 1_000, 900)
    owner, buyer = town.owner.public_key.binary, b"\x01" * 33
    summary = get_summary(close(town))
    assert get_account(town.state, owner).hxt == 0
    assert summary["paid"] == get_supply(town.state, HXT).minted == sum(r.hxt for _, r in get_rows(town))
    check_conservation(town.state)

    sold = town.keys[1].public_key.binary
    row = town.state.get(HOTSPOTS, sold)
    assert row is not None
    town.state.put(HOTSPOTS, sold, replace(row, owner=buyer))
    assert get_kinds(close(town, 1)) == {"epoch_closed"}
    events = close(town, 2)
    released = [event.fields for event in events if event.kind == "escrow_released"]
    assert {fields["epoch"] for fields in released} == {0}
    assert sum(fields["hxt"] for fields in released) == summary["paid"] == get_summary(events)["released"]
    held = {who: get_account(town.state, who).hxt for who in (owner, buyer)}
    assert held[buyer] == next(f["hxt"] for f in released if f["hotspot"] == sold)
    assert sum(held.values()) == summary["paid"] and held[owner] > 0
    assert get_rows(town) == []
    check_conservation(town.state)


def get_rows(town: Town) -> list[tuple[bytes, Escrow]]:
    return list(town.state.iterate(ESCROW))


def get_kinds(events: list[Event]) -> set[str]:
    return {event.kind for event in events}


def test_data_earns_its_part_of_what_its_credits_are_worth(town: Town) -> None:
    # At 1 USD per HXT a thousand credits are worth a cent: 10^6 base units, of which 80 % come back.
    carry(town, 0, 999, 500)
    carry(town, 1, 1, 1)
    events = close(town)
    data = get_rewards(events, "data")
    assert data[town.keys[0].public_key.binary]["hxt"] == 799_200
    assert data[town.keys[1].public_key.binary]["hxt"] == 800
    summary = get_summary(events)
    assert (summary["data_pool"], summary["data_credits"], summary["data_value"]) == (800_000, 1_000, 10**6)
    # The burn fee is 5 %: the other 15 % go to whoever covers the two hexagons.
    assert summary["demand_claims"] == summary["demand_pool"] == 150_000
    assert summary["demand_hexes"] == 2


def test_data_earns_no_more_than_what_burnt_for_its_credits(town: Town) -> None:
    # Bought when they cost a tenth.
    carry(town, 0, 1_000, 1, burnt_hxt=100_000)
    summary = get_summary(close(town))
    assert (summary["data_paid"], summary["demand_claims"]) == (80_000, 15_000)


def test_cheap_credits_are_not_lifted_by_dear_ones(town: Town) -> None:
    carry(town, 0, 1_000, 1, burnt_hxt=100_000)
    carry(town, 0, 1_000, 1, burnt_hxt=1_900_000)
    # 100,000 of the ones, 1,000,000 of the others; both together would be worth 2,000,000.
    assert get_summary(close(town))["data_value"] == 1_100_000


def test_data_never_gets_more_than_its_share_of_the_epoch(town: Town) -> None:
    carry(town, 0, 10**12, 1)
    summary = get_summary(close(town))
    assert summary["data_paid"] == summary["emission"] * 500_000 // PPM
    # And demand no more than its share of the coverage pool.
    coverage = summary["emission"] * 300_000 // PPM
    assert summary["demand_pool"] == coverage * OPEN.demand_share_ppm // PPM


def test_crowded_hexes_share() -> None:
    town = Town(4, OPEN)
    home = town.state.get(HOTSPOTS, town.keys[0].public_key.binary)
    assert home is not None
    run_honest_round(town)
    # The first two stand in one hexagon of resolution 8 in this epoch.
    prefix = get_epoch_key(0)
    town.state.put(ACTIVE, prefix + town.keys[1].public_key.binary, Active(home.location))
    inputs = get_epoch_inputs(town.state, town.get_context())
    all_scales = compute_scales(inputs.active, inputs.audited, HIP104_LIMITS)
    scales = [all_scales[key.public_key.binary] for key in town.keys]
    assert scales == [5_000, 5_000, SCALE, SCALE]
    witness = get_rewards(close(town), "witness")
    crowded, alone = (witness[town.keys[at].public_key.binary]["why"] for at in (0, 2))
    # A crowded witness: heard one crowded and two lonely beaconers, all halved by its own hexagon.
    assert crowded["share"] == 10_000 * (5_000 + 10_000 + 10_000) // 2
    assert alone["share"] == 10_000 * (5_000 + 5_000 + 10_000)


def test_an_epoch_without_coverage_mints_nothing() -> None:
    town = Town(3, OPEN)
    events = close(town)
    summary = get_summary(events)
    assert len(events) == 1 and summary["paid"] == 0
    assert_figures_add_up(summary)
    assert get_supply(town.state, HXT).minted == 0


def test_a_paid_epoch_leaves_nothing_behind_and_the_next_one_its_own(town: Town) -> None:
    run_honest_round(town, round=4, epoch=1)
    close(town, 0)
    assert not list(town.state.iterate(BEACON_TOTALS, get_epoch_key(0)))
    assert not list(town.state.iterate(WITNESS_TOTALS, get_epoch_key(0)))
    assert not list(town.state.iterate(ACTIVE, get_epoch_key(0)))
    assert get_summary(close(town, 0))["paid"] == 0
    assert len(get_rewards(close(town, 1), "beacon")) == 3


def test_hexes_are_those_of_the_first_activity_in_the_epoch(town: Town) -> None:
    key = town.keys[0].public_key.binary
    first = town.state.get(ACTIVE, get_epoch_key(0) + key)
    row = town.state.get(HOTSPOTS, key)
    assert row is not None
    moved = replace(row, location=get_place(45.3, 5.8))
    town.state.put(HOTSPOTS, key, moved)
    run_honest_round(town, round=1)
    assert town.state.get(ACTIVE, get_epoch_key(0) + key) == first


# Who earns


def change(town: Town, hotspot: int, **changes: Any) -> None:
    key = town.keys[hotspot].public_key.binary
    row = town.state.get(HOTSPOTS, key)
    assert row is not None
    town.state.put(HOTSPOTS, key, replace(row, **changes))


def test_a_hotspot_that_a_fault_has_ended_earns_nothing_more(town: Town) -> None:
    carry(town, 0, 1_000, 1)
    change(town, 0, status=2)
    events = close(town)
    key = town.keys[0].public_key.binary
    assert key not in {event.fields["hotspot"] for event in events[:-1]}
    assert get_summary(events)["data_paid"] == 0
    assert len(get_rewards(events, "witness")) == 2
    assert_figures_add_up(get_summary(events))


def test_a_hotspot_that_retired_earns_for_what_it_did_before(town: Town) -> None:
    change(town, 0, status=1)
    assert len(get_rewards(close(town), "witness")) == 3


def test_a_hotspot_that_is_gone_earns_nothing(town: Town) -> None:
    town.state.delete(HOTSPOTS, town.keys[0].public_key.binary)
    assert len(get_rewards(close(town), "beacon")) == 2


def test_hotspots_that_only_carry_data_earn_for_data_alone(town: Town) -> None:
    carry(town, 0, 1_000, 1)
    change(town, 0, capability=1)
    key = town.keys[0].public_key.binary
    events = close(town)
    earned = [e.fields["reward"] for e in events if e.kind == "reward_earned" and e.fields["hotspot"] == key]
    assert earned == ["data"]
    # Its hexagon makes demand, and nobody else covers it.
    assert get_summary(events)["demand_claims"] == 0


def test_coverage_that_nobody_has_audited_is_not_paid(town: Town) -> None:
    town.parameters = replace(OPEN, audit_period_epochs=30)
    carry(town, 0, 1_000, 1)
    events = close(town)
    assert get_kinds(events) == {"reward_earned", "epoch_closed"}
    assert set(get_rewards(events, "data")) == {town.keys[0].public_key.binary}
    assert get_summary(events)["paid"] == get_summary(events)["data_paid"]
    assert get_summary(events)["audited"] == 0 and get_summary(events)["active"] == 3


def test_audited_hotspots_and_those_that_were_met_are_paid(town: Town) -> None:
    town.parameters = replace(OPEN, audit_period_epochs=30)
    first, second, third = (key.public_key.binary for key in town.keys)
    town.state.put(AUDITORS, first, Auditor(0, 10))
    town.state.put(MET, second, Met(0, first))
    events = close(town)
    assert set(get_rewards(events, "beacon")) == set(get_rewards(events, "witness")) == {first, second}
    summary = get_summary(events)
    assert (summary["audited"], third in get_rewards(events, "beacon")) == (2, False)
    # The third's part is more than the network holds back for such: a tenth of the pools.
    pools = summary["beacon_pool"] + summary["witness_pool"]
    assert pools // 10 - 100 <= summary["unaudited"] <= pools // 10
    assert_figures_add_up(summary)


def test_a_hotspot_whose_key_was_replaced_is_one_hotspot(town: Town) -> None:
    town.state.put(ACTIVE, get_epoch_key(0) + NEW, Active(get_place(45.3, 5.8)))
    old = town.keys[0].public_key.binary
    other = town.keys[1].public_key.binary
    place = town.state.get(ACTIVE, get_epoch_key(0) + old)
    row = town.state.get(HOTSPOTS, old)
    assert row is not None and place is not None
    town.state.delete(HOTSPOTS, old)
    town.state.put(HOTSPOTS, NEW, row)
    town.state.put(SUCCESSORS, old, Successor(NEW))
    prefix = get_epoch_key(0)
    town.state.put(BEACON_TOTALS, prefix + NEW, BeaconTotal(2_500, 1, 1))
    town.state.put(WITNESS_TOTALS, prefix + NEW + other, WitnessTotal(10_000, 1))
    town.state.put(WITNESS_TOTALS, prefix + other + NEW, WitnessTotal(10_000, 1))
    town.state.put(WITNESS_TOTALS, prefix + NEW + old, WitnessTotal(10_000, 1))
    inputs = get_epoch_inputs(town.state, town.get_context())
    # It stands where its first key was heard first, and is no witness of itself.
    assert inputs.active[NEW] == place.location and old not in inputs.active
    assert inputs.beacons[NEW] == BeaconTotal(7_500, 2, 2)
    assert inputs.witnesses[NEW, other] == inputs.witnesses[other, NEW] == WitnessTotal(20_000, 2)
    assert not any(old in edge or edge == (NEW, NEW) for edge in inputs.witnesses)
    assert NEW in get_rewards(close(town), "beacon")
    check_conservation(town.state)


def test_the_rule_alone_gives_the_same_payments(town: Town) -> None:
    """What the node mints is what the pure function says of the epoch's inputs."""
    carry(town, 1, 1_000, 3)
    inputs = get_epoch_inputs(town.state, town.get_context(round=3))
    rewards = compute_epoch_rewards(inputs)
    events = close(town)
    earned = [event.fields for event in events if event.kind == "reward_earned"]
    assert [(f["hotspot"], f["reward"], f["hxt"], f["why"]) for f in earned] == [
        (p.hotspot, p.reward, p.hxt, p.why) for p in rewards.payments
    ]
    assert rewards.figures.items() <= get_summary(events).items()


def test_one_that_retires_in_the_epoch_takes_nothing_from_those_who_heard_it(town: Town) -> None:
    key = town.keys[0].public_key.binary
    carry(town, 0, 700, 650)
    row = town.state.get(HOTSPOTS, key)
    assert row is not None
    everybody = get_epoch_inputs(town.state, town.get_context())
    town.state.put(HOTSPOTS, key, replace(row, status=1))
    assert get_epoch_inputs(town.state, town.get_context()) == everybody
    town.state.put(HOTSPOTS, key, replace(row, status=2))
    without = get_epoch_inputs(town.state, town.get_context())
    assert key not in without.active
    assert without.carried == {}
