"""What an epoch's rewards depend on, read from the state at its close.

Coverage was counted for keys; a hotspot whose key was replaced in the epoch is one hotspot, and stands
where its first key was first heard. Those that a fault has ended are left out, and so is coverage of those
that only carry data. One that retired in the epoch counts with what it did before: who heard it would lose
with it, and its rewards wait in escrow like any others.
"""

import h3.api.basic_int as h3

from chain.coverage.tables import (
    ACTIVE,
    BEACON_TOTALS,
    WITNESS_TOTALS,
    BeaconTotal,
    WitnessTotal,
    get_epoch_key,
)
from chain.data.carried_data import compute_spent_value
from chain.keys.public_key import PUBLIC_KEY_BYTES
from chain.ledger.amounts import MAX_AMOUNT
from chain.ledger.audits import is_audited
from chain.ledger.balances import get_supply
from chain.ledger.bounties import compute_part_of_epoch, iterate_hex_bounties
from chain.ledger.context import BlockContext
from chain.ledger.escrow import FAULTED
from chain.ledger.net_emission import NetEmission, get_net_emission
from chain.ledger.state import State
from chain.ledger.tables import HOTSPOTS, HXT, SUCCESSORS, Hotspot, get_successor, iterate_carried_data
from chain.rewards.demand import Carried, Offer
from chain.rewards.emission import compute_epoch_emission
from chain.rewards.epoch import EpochInputs

#: ``Hotspot.capability`` of one that takes part in coverage.
FULL = 0


class _Hotspots:
    """Who stands for a key that coverage was counted for: a hotspot whose key was replaced in the epoch is
    one hotspot, ended or not."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._keys: dict[bytes, bytes] = {}
        self._rows: dict[bytes, Hotspot | None] = {}

    def get_key(self, key: bytes) -> bytes:
        """The hotspot's key of now."""
        if key not in self._keys:
            self._keys[key] = get_successor(self._state, key)
        return self._keys[key]

    def get_unless_ended(self, key: bytes) -> Hotspot | None:
        """The row of a key of now, unless a fault has ended it."""
        if key not in self._rows:
            row = self._state.get(HOTSPOTS, key)
            self._rows[key] = row if row is not None and row.status != FAULTED else None
        return self._rows[key]


def get_epoch_inputs(state: State, context: BlockContext) -> EpochInputs:
    """Reads what the rewards of ``context.epoch`` depend on, at its close."""
    parameters, epoch = context.parameters, context.epoch
    hotspots = _Hotspots(state)
    active = _get_active(state, epoch, hotspots)
    carried = {}
    for hotspot, data in iterate_carried_data(state, epoch):
        row = hotspots.get_unless_ended(hotspot)
        if row is not None:
            location = active.get(hotspot, row.location)
            carried[hotspot] = Carried(data.data_credits, data.packets, data.value_hxt, location)
    return EpochInputs(
        epoch=epoch,
        scheduled_hxt=_get_scheduled_emission(state, context),
        net_hxt=get_possible_net_emission(state, context).minted_hxt,
        active=active,
        beacons=_get_beacons(state, epoch, hotspots),
        witnesses=_get_witnesses(state, epoch, hotspots),
        audited=frozenset(hotspot for hotspot in active if is_audited(state, hotspot, epoch, parameters)),
        carried=carried,
        offers=_get_offers(state, context, active),
        hxt_price=context.hxt_price,
        parameters=parameters,
    )


def _get_active(state: State, epoch: int, hotspots: _Hotspots) -> dict[bytes, int]:
    """Hotspots not ended that take part in coverage, and where each was first in the epoch."""
    active: dict[bytes, int] = {}
    prefix = get_epoch_key(epoch)
    rows = [(key[len(prefix) :], row.location) for key, row in state.iterate(ACTIVE, prefix)]
    # Where a key was replaced, what the older key did came first.
    for key, location in sorted(rows, key=lambda row: _count_successors(state, row[0])):
        hotspot = hotspots.get_key(key)
        row = hotspots.get_unless_ended(hotspot)
        if row is not None and row.capability == FULL:
            active[hotspot] = location
    return active


def _count_successors(state: State, key: bytes) -> int:
    count = 0
    row = state.get(SUCCESSORS, key)
    while row is not None:
        count += 1
        row = state.get(SUCCESSORS, row.key)
    return count


def _get_beacons(state: State, epoch: int, hotspots: _Hotspots) -> dict[bytes, BeaconTotal]:
    beacons: dict[bytes, BeaconTotal] = {}
    prefix = get_epoch_key(epoch)
    for key, total in state.iterate(BEACON_TOTALS, prefix):
        hotspot = hotspots.get_key(key[len(prefix) :])
        known = beacons.get(hotspot)
        beacons[hotspot] = (
            total
            if known is None
            else BeaconTotal(
                units=known.units + total.units,
                beacons=known.beacons + total.beacons,
                witnessed=known.witnessed + total.witnessed,
            )
        )
    return beacons


def _get_witnesses(state: State, epoch: int, hotspots: _Hotspots) -> dict[tuple[bytes, bytes], WitnessTotal]:
    witnesses: dict[tuple[bytes, bytes], WitnessTotal] = {}
    prefix = get_epoch_key(epoch)
    start, middle = len(prefix), len(prefix) + PUBLIC_KEY_BYTES
    for key, total in state.iterate(WITNESS_TOTALS, prefix):
        edge = hotspots.get_key(key[start:middle]), hotspots.get_key(key[middle:])
        if edge[0] == edge[1]:
            continue  # it can't be its own witness under two keys either
        known = witnesses.get(edge)
        witnesses[edge] = (
            total
            if known is None
            else WitnessTotal(units=known.units + total.units, witnesses=known.witnesses + total.witnesses)
        )
    return witnesses


def _get_scheduled_emission(state: State, context: BlockContext) -> int:
    """What the schedule gives this epoch, as long as amounts can count it."""
    parameters = context.parameters
    scheduled = compute_epoch_emission(
        context.epoch,
        parameters.epoch_ms,
        parameters.emission_hxt_per_day,
        parameters.emission_halving_epochs,
    )
    return min(scheduled, MAX_AMOUNT - get_supply(state, HXT).minted)


def get_possible_net_emission(state: State, context: BlockContext) -> NetEmission:
    """What is minted again: with the scheduled emission no more than amounts can count."""
    net = get_net_emission(state, context.parameters)
    room = MAX_AMOUNT - get_supply(state, HXT).minted - _get_scheduled_emission(state, context)
    minted = min(net.minted_hxt, room)
    return NetEmission(minted, net.carried_hxt + net.minted_hxt - minted)


def _get_offers(state: State, context: BlockContext, active: dict[bytes, int]) -> list[Offer]:
    """What coverage requests offer where anybody was heard at all: others can't burn."""
    cells = {h3.cell_to_parent(cell, context.parameters.demand_resolution) for cell in active.values()}
    offers = []
    for cell in sorted(cells):
        for request, bounty in iterate_hex_bounties(state, cell):
            part = compute_part_of_epoch(bounty, context.epoch)
            value = compute_spent_value(part.data_credits, part.burnt_hxt, context.hxt_price)
            if value:  # what is worth nothing pays nobody, and isn't burnt
                offers.append(Offer(request, cell, part.data_credits, value))
    return offers
