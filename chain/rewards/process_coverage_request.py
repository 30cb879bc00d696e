"""Coverage request: somebody wants coverage in a hexagon and locks data credits for it.

The credits burn in equal parts, one each epoch, but only in an epoch in which audited coverage of the
hexagon was paid for them: whoever asks for coverage pays for coverage, not for having asked. A part that
wasn't earned stays for the epochs to come (`chain/ledger/bounties.py`), and what is left at the end goes
back, with what had burnt for it. So a request costs its fee and what was earned; and it can pay nobody more
than that, the requester's own hotspots included (`demand.py`).

It can't be taken back earlier: who sets up a hotspot because of it must be able to count on it. It needs no
hotspot to be there yet. A hexagon's requests add up. Where all that is asked for exceeds the demand pool,
each part burns in full and pays in proportion: asking is a market for a share of the emission.

Each close looks at all requests of covered hexagons; the fee pays for that, and the least bounty keeps
requests from being dust. Precedent: none on Helium, where coverage was paid alike wherever it was;
lone newcomers earned nothing at all (helium/HIP issue 38).
"""

from __future__ import annotations

import h3.api.basic_int as h3

from chain.ledger.balances import InsufficientFunds, debit_data_credits
from chain.ledger.bounties import Bounty, add_bounty
from chain.ledger.context import BlockContext
from chain.ledger.events import Event
from chain.ledger.state import State
from chain.transactions.encoding import compute_transaction_id
from chain.transactions.reasons import InvalidTransaction, Reason
from chain.transactions.types import CoverageRequest


def process_coverage_request(state: State, body: CoverageRequest, context: BlockContext) -> list[Event]:
    """Lock the bounty, from the running epoch on. Raises InvalidTransaction (not_in_force, invalid_hex,
    wrong_hex_resolution, too_many_epochs, bounty_too_small, insufficient_data_credits).
    """
    parameters = context.parameters
    if parameters.demand_share_ppm == 0:
        raise InvalidTransaction(
            Reason.NOT_IN_FORCE, "this network pays nothing for demand (demand_share_ppm is 0)"
        )
    _check_hex(body.hex, parameters.demand_resolution)
    if body.epochs > parameters.coverage_request_max_epochs:
        raise InvalidTransaction(
            Reason.TOO_MANY_EPOCHS,
            f"{body.epochs} epochs: at most {parameters.coverage_request_max_epochs}; ask again later",
        )
    least = parameters.coverage_request_minimum_data_credits
    if body.data_credits < least * body.epochs:
        raise InvalidTransaction(
            Reason.BOUNTY_TOO_SMALL,
            f"{body.data_credits} data credits over {body.epochs} epochs: at least {least} each, "
            f"{least * body.epochs} in all; ask for more credits or fewer epochs",
        )
    try:
        burnt_hxt = debit_data_credits(state, body.requester, body.data_credits)
    except InsufficientFunds as error:
        raise InvalidTransaction(Reason.INSUFFICIENT_DATA_CREDITS, str(error)) from error
    request = compute_transaction_id(context.chain_id, body)
    bounty = Bounty(
        requester=body.requester,
        data_credits=body.data_credits,
        burnt_hxt=burnt_hxt,
        until_epoch=context.epoch + body.epochs,
    )
    add_bounty(state, body.hex, request, bounty)
    fields = {
        "request": request,
        "requester": body.requester,
        "hex": body.hex,
        "data_credits": body.data_credits,
        "from_epoch": context.epoch,
        "until_epoch": bounty.until_epoch,
    }
    return [Event("coverage_requested", fields)]


def _check_hex(hex: int, resolution: int) -> None:
    if not h3.is_valid_cell(hex):
        raise InvalidTransaction(Reason.INVALID_HEX, f"{hex:x} is no H3 cell")
    if h3.get_resolution(hex) != resolution:
        raise InvalidTransaction(
            Reason.WRONG_HEX_RESOLUTION,
            f"{hex:x} has resolution {h3.get_resolution(hex)}: requests are for cells of {resolution}",
        )
