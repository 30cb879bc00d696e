"""What a transaction costs its payer, line by line, before it is sent."""

from __future__ import annotations

import msgspec

from chain.api import TransactionCheck
from chain.ledger.parameters import Parameters
from chain.transactions.fees import compute_operation_fee, compute_required_fee
from chain.transactions.types import (
    Burn,
    ChannelOpen,
    CoverageRequest,
    HotspotAdd,
    Payment,
    RouterRegister,
    TransactionBody,
    ValidatorStake,
)
from chain.wallet.values import format_usd

_DAY_MS = 86_400_000


class CostLine(msgspec.Struct, frozen=True):
    """One thing that costs; base units of HXT, data credits."""

    what: str
    hxt: int
    data_credits: int
    usd: str


def compute_costs(body: TransactionBody, parameters: Parameters, check: TransactionCheck) -> list[CostLine]:
    """Return what is paid, each part by itself; the last line is the sum.

    A fee that no data credits cover is bought by burning HXT: then it stands in HXT.
    """
    operation = compute_operation_fee(body, parameters)
    size = compute_required_fee(body, parameters) - operation
    parts: list[tuple[str, int, int]] = []
    if check.fee_hxt:
        parts.append((f"fee of {body.fee} data credits, bought by burning HXT", check.fee_hxt, 0))
    else:
        parts.append(("fee for the transaction's size", 0, size))
        if operation:
            parts.append((f"fee for this operation ({_name(body)})", 0, operation))
        if body.fee > size + operation:
            parts.append(("fee offered beyond that", 0, body.fee - size - operation))
    parts += _get_amounts(body, parameters)
    parts.append(("in all", sum(hxt for _, hxt, _ in parts), sum(credits for _, _, credits in parts)))
    return [
        CostLine(what, hxt, credits, format_usd(hxt, credits, check.hxt_price))
        for what, hxt, credits in parts
    ]


def _get_amounts(body: TransactionBody, parameters: Parameters) -> list[tuple[str, int, int]]:
    match body:
        case Payment():
            return [("paid to others", sum(payee.hxt for payee in body.payees), 0)]
        case Burn():
            return [("burnt for data credits", body.hxt, 0)]
        case HotspotAdd() if not body.capability:
            return [(f"bond, comes back {_show_unbonding(parameters)}", parameters.hotspot_bond_hxt, 0)]
        case RouterRegister():
            return [(f"bond, comes back {_show_unbonding(parameters)}", parameters.router_bond_hxt, 0)]
        case ValidatorStake():
            return [(f"stake, comes back {_show_unbonding(parameters)}", body.hxt, 0)]
        case ChannelOpen():
            return [("locked in the channel, the rest comes back at its close", 0, body.data_credits)]
        case CoverageRequest():
            return [("bounty, burnt over its epochs", 0, body.data_credits)]
        case _:
            return []


def _show_unbonding(parameters: Parameters) -> str:
    days = parameters.unbonding_epochs * parameters.epoch_ms / _DAY_MS
    return f"{parameters.unbonding_epochs} epochs ({days:.3g} days) after leaving"


def _name(body: TransactionBody) -> str:
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in type(body).__name__)
    return words.strip()
