"""What a router needs next to be found and to be able to pay. Pure: facts in, one step out."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from chain.ledger.amounts import compute_hxt_for_data_credits

#: Burnt in addition: the burn and the next transactions have small fees of their own.
SPARE_DATA_CREDITS = 200


class Step(StrEnum):
    NOTHING = "nothing"
    ASK_FAUCET = "ask_faucet"
    WAIT_FOR_TOKENS = "wait_for_tokens"
    BURN = "burn"
    REGISTER = "register"
    UPDATE_ROUTE = "update_route"
    OPEN_CHANNEL = "open_channel"


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """How this router wants to stand on the chain. Amounts in data credits."""

    grpc: str
    voucher_key: str
    dev_addr_ranges: tuple[tuple[int, int], ...]
    channel_data_credits: int = 50_000
    #: A new channel is opened while the old ones still have this share left, in percent.
    refill_below_percent: int = 25


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How it stands there now. `available` is what its open channels can still promise, less debts."""

    hxt: int
    data_credits: int
    hxt_price: int
    has_faucet: bool
    route: tuple[str, str, tuple[tuple[int, int], ...], bool] | None  # grpc, voucher key, ranges, all EUIs
    available: int
    register_fee: int
    update_fee: int
    channel_fee: int


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    step: Step
    hxt: int = 0  # BURN, WAIT_FOR_TOKENS: base units
    data_credits: int = 0  # OPEN_CHANNEL


def decide_next_step(wishes: Wishes, standing: Standing) -> Decision:
    """The most urgent step. Registering comes first, then a funded channel; both need data credits."""
    wanted_route = (wishes.grpc, wishes.voucher_key, wishes.dev_addr_ranges, True)
    if standing.route is None:
        return _afford(standing, standing.register_fee, Decision(step=Step.REGISTER))
    if standing.route != wanted_route:
        return _afford(standing, standing.update_fee, Decision(step=Step.UPDATE_ROUTE))
    if standing.available * 100 < wishes.channel_data_credits * wishes.refill_below_percent:
        amount = wishes.channel_data_credits - min(0, standing.available)
        opening = Decision(step=Step.OPEN_CHANNEL, data_credits=amount)
        return _afford(standing, standing.channel_fee + amount, opening)
    return Decision(step=Step.NOTHING)


def _afford(standing: Standing, cost: int, decision: Decision) -> Decision:
    """The step itself, or what is needed before it can be paid."""
    missing = cost - standing.data_credits
    if missing <= 0:
        return decision
    hxt = compute_hxt_for_data_credits(missing + SPARE_DATA_CREDITS, standing.hxt_price)
    if standing.hxt < hxt:
        return Decision(step=Step.ASK_FAUCET if standing.has_faucet else Step.WAIT_FOR_TOKENS, hxt=hxt)
    return Decision(step=Step.BURN, hxt=hxt)
