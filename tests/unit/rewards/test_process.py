"""An epoch's payout on the ledger: every unit minted is derived in an event, and the books add up."""

from typing import Any

import pytest
from msgspec.structs import replace

from chain.coverage.tables import ACTIVE, BEACON_TOTALS, WITNESS_TOTALS, Active, get_epoch_key
from chain.ledger.balances import get_supply
from chain.ledger.conservation import check_conservation
from chain.ledger.events import Event
from chain.ledger.tables import CARRIED_DATA, HOTSPOTS, HXT, CarriedData, get_account
from chain.rewards.emission import compute_epoch_emission
from chain.rewards.hex_density import SCALE
from chain.rewards.pools import PPM
from chain.rewards.process import compute_epoch_coverage, process_epoch_close
from tests.unit.coverage.test_process import run_honest_round
from tests.unit.coverage.town import PARAMETERS, Town, get_place


def close(town: Town, epoch: int = 0) -> list[Event]:
    return process_epoch_close(town.state, town.get_context(round=4 * epoch + 3, epoch=epoch))


def get_rewards(events: list[Event], kind: str) -> dict[bytes, dict[str, Any]]:
    return {
        event.fields["hotspot"]: event.fields
        for event in events
        if event.kind == "reward_paid" and event.fields["reward"] == kind
    }


def get_summary(events: list[Event]) -> dict[str, Any]:
    assert events[-1].kind == "epoch_closed"
    return events[-1].fields


@pytest.fixture
def town() -> Town:
    town = Town()
    run_honest_round(town)
    return town


def carry(town: Town, hotspot: int, data_credits: int, packets: int, epoch: int = 0) -> None:
    key = get_epoch_key(epoch) + town.keys[hotspot].public_key.binary
    town.state.put(CARRIED_DATA, key, CarriedData(data_credits, packets))


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
    paid = [event.fields for event in events if event.kind == "reward_paid"]
    assert {fields["reward"] for fields in paid} == {"beacon", "witness", "data"}
    for fields in paid:
        why = fields["why"]
        pool_micro = why["pool"] * PPM + why["pool_millionths"]
        assert fields["hxt"] == pool_micro * why["share"] // (why["shares"] * PPM)
        if fields["reward"] == "beacon":
            assert why["share"] == why["units"] * why["scale"]
            assert (why["units"], why["scale"], why["beacons"]) == (5_000, SCALE, 1)
        elif fields["reward"] == "witness":
            assert (why["units"], why["witnesses"], why["beaconers"]) == (20_000, 2, 2)
        else:
            assert why["share"] == why["data_credits"]
    summary = get_summary(events)
    by_kind = {
        kind: sum(fields["hxt"] for fields in paid if fields["reward"] == kind)
        for kind in ("beacon", "witness", "data")
    }
    assert by_kind == {kind: summary[f"{kind}_paid"] for kind in by_kind}
    assert summary["paid"] + summary["unpaid"] + summary["reserved"] == summary["emission"]
    assert summary["unpaid"] >= 0


def test_what_is_paid_is_minted_to_the_owner_and_the_books_add_up(town: Town) -> None:
    carry(town, 1, 1_000, 900)
    before = get_account(town.state, town.owner.public_key.binary).hxt
    summary = get_summary(close(town))
    after = get_account(town.state, town.owner.public_key.binary).hxt
    assert after - before == summary["paid"] == get_supply(town.state, HXT).minted
    check_conservation(town.state)


def test_data_earns_at_most_what_its_credits_cost(town: Town) -> None:
    # At 1 USD per HXT a thousand credits are worth a cent: 10^6 base units.
    carry(town, 0, 999, 500)
    carry(town, 1, 1, 1)
    events = close(town)
    data = get_rewards(events, "data")
    assert data[town.keys[0].public_key.binary]["hxt"] == 999_000
    assert data[town.keys[1].public_key.binary]["hxt"] == 1_000
    assert get_summary(events)["data_pool"] == 1_000_000
    assert get_summary(events)["data_credits"] == 1_000


def test_data_never_gets_more_than_its_share_of_the_epoch(town: Town) -> None:
    carry(town, 0, 10**12, 1)
    summary = get_summary(close(town))
    assert summary["data_paid"] == summary["emission"] * 500_000 // PPM


def test_crowded_hexes_share() -> None:
    town = Town(4)
    home = town.state.get(HOTSPOTS, town.keys[0].public_key.binary)
    assert home is not None
    run_honest_round(town)
    # The first two stand in one hexagon of resolution 8 in this epoch.
    prefix = get_epoch_key(0)
    town.state.put(ACTIVE, prefix + town.keys[1].public_key.binary, Active(home.location))
    coverage = compute_epoch_coverage(town.state, 0)
    scales = [coverage.scales[key.public_key.binary] for key in town.keys]
    assert scales == [5_000, 5_000, SCALE, SCALE]
    witness = get_rewards(close(town), "witness")
    crowded, alone = (witness[town.keys[at].public_key.binary]["why"] for at in (0, 2))
    # A crowded witness: heard one crowded and two lonely beaconers, all halved by its own hexagon.
    assert crowded["share"] == 10_000 * (5_000 + 10_000 + 10_000) // 2
    assert alone["share"] == 10_000 * (5_000 + 5_000 + 10_000)


def test_an_epoch_without_coverage_mints_nothing() -> None:
    town = Town()
    events = close(town)
    summary = get_summary(events)
    assert len(events) == 1 and summary["paid"] == 0
    assert summary["unpaid"] + summary["reserved"] == summary["emission"]
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
