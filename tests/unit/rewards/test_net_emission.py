"""Net emissions: what burnt for fees comes back once, less the fee, under a cap; and over many epochs no
colluder gains by burning."""

from typing import Any

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
from chain.data.carried_data import add_carried_data
from chain.ledger.amounts import MAX_AMOUNT
from chain.ledger.balances import (
    burn_data_credits,
    credit_minted,
    get_supply,
    mint_data_credits,
    record_data_credits,
)
from chain.ledger.conservation import check_conservation, recount
from chain.ledger.context import BlockContext
from chain.ledger.escrow import get_hotspot_escrow
from chain.ledger.net_emission import (
    EpochBurns,
    compute_net_emission,
    get_epoch_burns,
    record_fee_burn,
)
from chain.ledger.parameters import PPM, Parameters
from chain.ledger.process_transaction import process_fee
from chain.ledger.state import MemoryStore, State
from chain.ledger.tables import DATA_CREDITS, HOTSPOTS, HXT, Hotspot, get_account
from chain.rewards.process import process_epoch_close
from chain.rewards.process_coverage_request import process_coverage_request
from chain.transactions.types import CoverageRequest
from tests.unit.chain.world import World
from tests.unit.rewards.epochs import HEXES, make_hotspot, make_place

DAY_MS = 86_400_000


@pytest.mark.parametrize(
    ("fees", "carried", "cap", "fee_ppm", "minted", "waits"),
    [
        (0, 0, 100, 0, 0, 0),
        (100, 0, 100, 0, 100, 0),
        (101, 0, 100, 0, 100, 1),
        (100, 50, 100, 0, 100, 50),
        (0, 50, 100, 0, 50, 0),
        (100, 0, 100, 50_000, 95, 0),
        (1, 0, 100, 1, 0, 0),
        (100, 0, 0, 0, 0, 100),
        (100, 0, 100, PPM, 0, 0),
        (199, 0, 1_000, 500_000, 99, 0),
    ],
)
def test_what_an_epoch_mints_again(
    fees: int, carried: int, cap: int, fee_ppm: int, minted: int, waits: int
) -> None:
    net = compute_net_emission(EpochBurns(fees, carried), cap, fee_ppm)
    assert (net.minted_hxt, net.carried_hxt) == (minted, waits)


@given(st.lists(st.integers(0, 10**12), max_size=30), st.integers(0, 10**12), st.integers(0, PPM))
def test_each_unit_is_minted_again_once_at_the_most(fees: list[int], cap: int, fee_ppm: int) -> None:
    carried = minted = 0
    for burnt in fees:
        net = compute_net_emission(EpochBurns(burnt, carried), cap, fee_ppm)
        assert net.minted_hxt <= cap
        carried, minted = net.carried_hxt, minted + net.minted_hxt
    assert (minted + carried) * PPM <= sum(fees) * (PPM - fee_ppm)


def test_a_fee_paid_in_hxt_counts_what_burnt() -> None:
    world = World()
    hxt = process_fee(world.state, world["alice"], 500, world.context)
    assert hxt == 500_000
    assert get_epoch_burns(world.state) == EpochBurns(fees_hxt=500_000)


def test_a_fee_paid_in_data_credits_counts_what_had_burnt_for_them() -> None:
    world = World()
    mint_data_credits(world.state, world["dave"], 1_000, 3_000)
    assert process_fee(world.state, world["dave"], 500, world.context) == 0
    assert get_epoch_burns(world.state) == EpochBurns(fees_hxt=1_500)
    # carol's were never paid for
    process_fee(world.state, world["carol"], 500, world.context)
    assert get_epoch_burns(world.state) == EpochBurns(fees_hxt=1_500)


def close(world: World) -> dict[str, Any]:
    events = process_epoch_close(world.state, world.context)
    check_conservation(world.state)
    world.context = replace(world.context, epoch=world.context.epoch + 1)
    return events[-1].fields


def test_the_close_mints_up_to_the_cap_and_keeps_the_rest() -> None:
    world = World(Parameters(burn_fee_ppm=100_000, net_emission_cap_hxt_per_day=1_000, epoch_ms=DAY_MS // 2))
    record_fee_burn(world.state, 1_000)
    first, second, third = close(world), close(world), close(world)
    assert [first[name] for name in ("net_emission", "net_emission_waiting")] == [500, 400]
    assert [second[name] for name in ("net_emission", "net_emission_waiting")] == [400, 0]
    assert [third[name] for name in ("net_emission", "net_emission_waiting")] == [0, 0]
    assert first["emission"] == first["scheduled_emission"] + 500
    assert get_epoch_burns(world.state) == EpochBurns()


def test_bounties_and_data_and_faults_are_not_minted_again() -> None:
    world = World()
    mint_data_credits(world.state, world["erin"], 1_000, 10**6)
    burn_data_credits(world.state, world["erin"], 1_000)  # what a claim's credits are: gone from a lock
    assert get_epoch_burns(world.state) == EpochBurns()


def test_an_emission_beyond_what_amounts_can_count_stops_there() -> None:
    world = World(Parameters(emission_hxt_per_day=2**70, audit_period_epochs=0, escrow_epochs=1))
    fields = close(world)
    already = 2_000 * 10**8
    assert fields["scheduled_emission"] == MAX_AMOUNT - already
    credit_minted(world.state, world["dave"], MAX_AMOUNT - already - 10)
    record_fee_burn(world.state, 10**6)
    fields = close(world)
    assert (fields["scheduled_emission"], fields["net_emission"]) == (10, 0)
    # What there was no room for waits on.
    assert fields["net_emission_waiting"] == 950_000


# Many epochs, on the ledger

COLLUDER, OTHER = make_hotspot(0), make_hotspot(1)
OWNERS = {COLLUDER: make_hotspot(100), OTHER: make_hotspot(101)}
PRICES = (10**8, 3 * 10**7, 5 * 10**8)
PARAMETERS = Parameters(
    audit_period_epochs=0,
    escrow_epochs=1,
    emission_hxt_per_day=10**9,
    net_emission_cap_hxt_per_day=10**7,
    coverage_request_minimum_data_credits=1,
)
#: (what, hexagon or hotspot, data credits, base units that burnt for each)
STEP = st.tuples(
    st.sampled_from(["data", "bounty", "fee", "nothing"]),
    st.integers(0, 1),
    st.sampled_from([1, 1_000, 50_000]),
    st.sampled_from([100, 1_000, 10_000]),
)
EPOCHS = st.lists(st.tuples(STEP, STEP, st.booleans(), st.sampled_from(PRICES)), min_size=1, max_size=6)


class Ledger:
    """Two hotspots in two hexagons, of a colluder and of somebody else; each epoch both may spend."""

    def __init__(self) -> None:
        self.state = State(MemoryStore())
        self.burnt = 0
        self.nonce = 0
        for number, (hotspot, owner) in enumerate(OWNERS.items()):
            self.state.put(HOTSPOTS, hotspot, Hotspot(owner, 1, location=make_place(HEXES[number])))

    def get_context(self, epoch: int, price: int) -> BlockContext:
        return BlockContext(
            chain_id="test",
            height=1,
            time_ms=1,
            genesis_time_ms=0,
            parameters=PARAMETERS,
            round=0,
            epoch=epoch,
            entropy=bytes(32),
            hxt_price=price,
        )

    def spend(self, step: tuple[str, int, int, int], who: bytes, context: BlockContext) -> int:
        """Returns the base units that burnt."""
        kind, at, data_credits, cost = step
        burnt = data_credits * cost
        if kind == "data":
            record_data_credits(self.state, minted=data_credits, burnt=data_credits)
            add_carried_data(self.state, (COLLUDER, OTHER)[at], data_credits, 1, burnt, context)
        elif kind == "bounty":
            mint_data_credits(self.state, who, data_credits, burnt)
            self.nonce += 1
            body = CoverageRequest(who, self.nonce, 0, who, HEXES[at], data_credits, epochs=1)
            process_coverage_request(self.state, body, context)
        elif kind == "fee":
            record_fee_burn(self.state, burnt)
        else:
            return 0
        return burnt

    def cover(self, epoch: int) -> None:
        prefix = get_epoch_key(epoch)
        for number, hotspot in enumerate(OWNERS):
            other = OTHER if hotspot == COLLUDER else COLLUDER
            self.state.put(ACTIVE, prefix + hotspot, Active(make_place(HEXES[number])))
            self.state.put(BEACON_TOTALS, prefix + hotspot, BeaconTotal(2_500, 1, 1))
            self.state.put(WITNESS_TOTALS, prefix + hotspot + other, WitnessTotal(10_000, 1))

    def run(self, epochs: list[Any], is_colluding: bool) -> tuple[int, int, int]:
        """Returns (what the colluder earned in all, what it burnt, number of its payments)."""
        colluder = OWNERS[COLLUDER]
        burnt = payments = 0
        for epoch, (honest, theirs, is_covered, price) in enumerate(epochs):
            context = self.get_context(epoch, price)
            if is_covered:
                self.cover(epoch)
            self.spend(honest, OWNERS[OTHER], context)
            if is_colluding:
                burnt += self.spend(theirs, colluder, context)
            events = process_epoch_close(self.state, context)
            check_conservation(self.state)
            payments += sum(e.kind == "reward_earned" and e.fields["hotspot"] == COLLUDER for e in events)
        recount(self.state)
        # What came back of a bounty had not burnt.
        burnt -= get_account(self.state, colluder).burnt_hxt
        earned = get_account(self.state, colluder).hxt
        earned += sum(hxt for _, hxt in get_hotspot_escrow(self.state, COLLUDER))
        return earned, burnt, payments


@settings(max_examples=120, deadline=None)
@given(EPOCHS)
def test_over_many_epochs_a_colluder_gains_no_more_than_it_burns(epochs: list[Any]) -> None:
    # Two more without spending, in which what waited is minted again.
    epochs = [*epochs, *[(("nothing", 0, 0, 0), ("nothing", 0, 0, 0), True, PRICES[0])] * 2]
    with_it, burnt, _ = Ledger().run(epochs, is_colluding=True)
    without, _, payments = Ledger().run(epochs, is_colluding=False)
    roundings = payments + 3 * len(epochs)
    assert (with_it - without - roundings) * PPM < burnt * (PPM - PARAMETERS.burn_fee_ppm) + 1


@settings(max_examples=40, deadline=None)
@given(EPOCHS)
def test_over_many_epochs_the_supply_is_the_schedule_and_what_burnt_for_fees(epochs: list[Any]) -> None:
    ledger = Ledger()
    ledger.run(epochs, is_colluding=True)
    fees = sum(
        step[2] * step[3] for honest, theirs, *_ in epochs for step in (honest, theirs) if step[0] == "fee"
    )
    scheduled = PARAMETERS.emission_hxt_per_day * len(epochs)
    assert get_supply(ledger.state, HXT).minted * PPM <= (scheduled + 1) * PPM + fees * (
        PPM - PARAMETERS.burn_fee_ppm
    )
    supply = get_supply(ledger.state, DATA_CREDITS)
    assert supply.minted == supply.burnt + supply.held + supply.locked
