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
    ALLOT = "allot"
    CLOSE_CHANNEL = "close_channel"
    OUT_OF_SERVICE = "out_of_service"


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
    bond_hxt: int = 0  # base units that registering locks
    status: str = "active"  # of the route: active, retired, faulted
    allot_fee: int | None = None  # None: nothing to allot
    close_fee: int | None = None  # None: no channel to close


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    step: Step
    hxt: int = 0  # BURN, WAIT_FOR_TOKENS: base units
    data_credits: int = 0  # OPEN_CHANNEL


def decide_next_step(wishes: Wishes, standing: Standing) -> Decision:
    """The most urgent step. Registering comes first, then a funded channel, what is set aside in it, and the
    end of an old one; all need data credits.
    """
    wanted_route = (wishes.grpc, wishes.voucher_key, wishes.dev_addr_ranges, True)
    if standing.route is None:
        return _afford(standing, standing.register_fee, Decision(step=Step.REGISTER), standing.bond_hxt)
    if standing.status != "active":
        return Decision(step=Step.OUT_OF_SERVICE)
    if standing.route != wanted_route:
        return _afford(standing, standing.update_fee, Decision(step=Step.UPDATE_ROUTE))
    if standing.available * 100 < wishes.channel_data_credits * wishes.refill_below_percent:
        amount = wishes.channel_data_credits - min(0, standing.available)
        opening = Decision(step=Step.OPEN_CHANNEL, data_credits=amount)
        return _afford(standing, standing.channel_fee + amount, opening)
    if standing.allot_fee is not None:
        return _afford(standing, standing.allot_fee, Decision(step=Step.ALLOT))
    if standing.close_fee is not None:
        return _afford(standing, standing.close_fee, Decision(step=Step.CLOSE_CHANNEL))
    return Decision(step=Step.NOTHING)


def _afford(standing: Standing, cost: int, decision: Decision, hxt: int = 0) -> Decision:
    """The step itself, or what is needed before it can be paid. `hxt` is what it locks beside its cost."""
    missing = cost - standing.data_credits
    burning = 0
    if missing > 0:
        burning = compute_hxt_for_data_credits(missing + SPARE_DATA_CREDITS, standing.hxt_price)
    if standing.hxt < burning + hxt:
        step = Step.ASK_FAUCET if standing.has_faucet else Step.WAIT_FOR_TOKENS
        return Decision(step=step, hxt=burning + hxt - standing.hxt)
    return Decision(step=Step.BURN, hxt=burning) if burning else decision
