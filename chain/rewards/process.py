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

from chain.coverage.tables import ACTIVE, BEACON_TOTALS, WITNESS_TOTALS, get_epoch_key
from chain.ledger.bounties import burn_bounty_part, end_bounties
from chain.ledger.context import BlockContext
from chain.ledger.escrow import add_to_escrow, release_escrow
from chain.ledger.events import Event
from chain.ledger.net_emission import put_net_emission
from chain.ledger.state import State, Table
from chain.ledger.tables import HOTSPOTS
from chain.rewards.demand import Offer
from chain.rewards.epoch import RewardPayment, compute_epoch_rewards
from chain.rewards.epoch_inputs import get_epoch_inputs, get_possible_net_emission


def process_epoch_close(state: State, context: BlockContext) -> list[Event]:
    """Closes ``context.epoch``: escrow_released, escrow_burnt, reward_earned, coverage_request_burnt and
    _ended events, and one epoch_closed. Clears the epoch's totals of coverage.

    What is not earned (rounding, a pool that nobody has a share of, unaudited coverage) is not minted.
    """
    released = release_escrow(state, context.epoch, context.parameters)
    inputs = get_epoch_inputs(state, context)
    net = get_possible_net_emission(state, context)
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
