"""The close of an epoch: what its coverage, data and demand earned goes into escrow, and what is due is
released.

In this order: escrow that has waited long enough is paid to the owners of now; the epoch's emission is
divided (``epoch.py``, which is the rule; this is its shell over the state) and minted into escrow, hotspot
by hotspot; coverage requests burn what was earned of them; those that end give the rest back.

``reward_earned`` says what a hotspot earned and why, with all numbers that it was computed from, so that
anybody can do it again; ``escrow_released`` says what was paid, later, to whoever owned it then.
``epoch_closed`` has the sums.
"""

from collections.abc import Sequence
from typing import Any

import h3.api.basic_int as h3

from chain.coverage.tables import ACTIVE, BEACON_TOTALS, WITNESS_TOTALS, get_epoch_key
from chain.data.carried_data import compute_spent_value
from chain.keys.public_key import PUBLIC_KEY_BYTES
from chain.ledger.amounts import MAX_AMOUNT
from chain.ledger.audits import is_audited
from chain.ledger.balances import get_supply
from chain.ledger.bounties import burn_bounty_part, compute_part_of_epoch, end_bounties, iterate_hex_bounties
from chain.ledger.context import BlockContext
from chain.ledger.escrow import add_to_escrow, release_escrow
from chain.ledger.events import Event
from chain.ledger.net_emission import NetEmission, get_net_emission, put_net_emission
from chain.ledger.state import State, Table
from chain.ledger.tables import HOTSPOTS, HXT, Hotspot, iterate_carried_data
from chain.rewards.demand import Carried, Offer
from chain.rewards.emission import compute_epoch_emission
from chain.rewards.epoch import EpochInputs, RewardPayment, compute_epoch_rewards

#: ``Hotspot.status`` of one in service, and ``Hotspot.capability`` of one that takes part in coverage.
IN_SERVICE, FULL = 0, 0


def get_epoch_inputs(state: State, context: BlockContext) -> EpochInputs:
    """Reads what the rewards of ``context.epoch`` depend on, at its close."""
    parameters, epoch = context.parameters, context.epoch
    prefix = get_epoch_key(epoch)
    start = len(prefix)
    rows: dict[bytes, Hotspot | None] = {}

    def get_hotspot_in_service(hotspot: bytes) -> Hotspot | None:
        if hotspot not in rows:
            row = state.get(HOTSPOTS, hotspot)
            rows[hotspot] = row if row is not None and row.status == IN_SERVICE else None
        return rows[hotspot]

    active = {}
    for key, met in state.iterate(ACTIVE, prefix):
        row = get_hotspot_in_service(key[start:])
        if row is not None and row.capability == FULL:
            active[key[start:]] = met.location
    carried = {}
    for hotspot, data in iterate_carried_data(state, epoch):
        row = get_hotspot_in_service(hotspot)
        if row is not None:
            location = active.get(hotspot, row.location)
            carried[hotspot] = Carried(data.data_credits, data.packets, data.value_hxt, location)
    net = _get_net_emission(state, context)
    return EpochInputs(
        epoch=epoch,
        scheduled_hxt=_get_scheduled_emission(state, context),
        net_hxt=net.minted_hxt,
        active=active,
        beacons={key[start:]: total for key, total in state.iterate(BEACON_TOTALS, prefix)},
        witnesses={
            (key[start : start + PUBLIC_KEY_BYTES], key[start + PUBLIC_KEY_BYTES :]): total
            for key, total in state.iterate(WITNESS_TOTALS, prefix)
        },
        audited=frozenset(hotspot for hotspot in active if is_audited(state, hotspot, epoch, parameters)),
        carried=carried,
        offers=_get_offers(state, context, active),
        hxt_price=context.hxt_price,
        parameters=parameters,
    )


def process_epoch_close(state: State, context: BlockContext) -> list[Event]:
    """Closes ``context.epoch``: escrow_released, escrow_burnt, reward_earned, coverage_request_burnt and
    _ended events, and one epoch_closed. Clears the epoch's totals of coverage.

    What is not earned (rounding, a pool that nobody has a share of, unaudited coverage) is not minted.
    """
    released = release_escrow(state, context.epoch, context.parameters)
    inputs = get_epoch_inputs(state, context)
    net = _get_net_emission(state, context)
    rewards = compute_epoch_rewards(inputs)
    earned = [_earn(state, context.epoch, payment) for payment in rewards.payments]
    put_net_emission(state, net)
    closed = Event(
        "epoch_closed",
        {
            "epoch": context.epoch,
            **rewards.figures,
            "net_emission_waiting": net.carried_hxt,
            "released": sum(event.fields["hxt"] for event in released if event.kind == "escrow_released"),
        },
    )
    bounties = _burn_offers(state, context.epoch, rewards.burns) + _end_requests(state, context.epoch)
    _clear_epoch(state, context.epoch)
    return [*released, *earned, *bounties, closed]


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


def _get_net_emission(state: State, context: BlockContext) -> NetEmission:
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
            if part.data_credits:
                value = compute_spent_value(part.data_credits, part.burnt_hxt, context.hxt_price)
                offers.append(Offer(request, cell, part.data_credits, value))
    return offers


def _earn(state: State, epoch: int, payment: RewardPayment) -> Event:
    """Mints one payment into the hotspot's escrow."""
    row = state.get(HOTSPOTS, payment.hotspot)
    if row is None:
        raise LookupError(f"a reward for {payment.hotspot.hex()}, which hasn't joined")
    add_to_escrow(state, epoch, payment.hotspot, payment.hxt)
    return Event(
        "reward_earned",
        {
            "hotspot": payment.hotspot,
            "owner": row.owner,
            "epoch": epoch,
            "reward": payment.reward,
            "hxt": payment.hxt,
            "why": dict(payment.why),
        },
    )


def _burn_offers(state: State, epoch: int, burns: Sequence[Offer]) -> list[Event]:
    """Burns what the epoch's coverage earned of coverage requests."""
    events = []
    for offer in burns:
        left = burn_bounty_part(state, offer.hex, offer.request, epoch)
        fields = {
            "request": offer.request,
            "requester": left.requester,
            "hex": offer.hex,
            "epoch": epoch,
            "data_credits": offer.data_credits,
            "left": left.data_credits,
        }
        events.append(Event("coverage_request_burnt", fields))
    return events


def _end_requests(state: State, epoch: int) -> list[Event]:
    return [
        Event(
            "coverage_request_ended",
            {
                "request": request,
                "requester": bounty.requester,
                "hex": cell,
                "epoch": epoch,
                "returned_data_credits": bounty.data_credits,
            },
        )
        for request, cell, bounty in end_bounties(state, epoch)
    ]


def _clear_epoch(state: State, epoch: int) -> None:
    """The epoch is closed: its totals have done their duty, its events keep the numbers."""
    tables: tuple[Table[Any], ...] = (BEACON_TOTALS, WITNESS_TOTALS, ACTIVE)
    for table in tables:
        for key, _ in state.iterate(table, get_epoch_key(epoch)):
            state.delete(table, key)
