"""POST /v1/transactions/check, a dry run at the node, and the onboarding payer's /v1/onboarding."""

from __future__ import annotations

import base64
import binascii
from typing import cast

from litestar import get, post
from litestar.datastructures import State as AppState
from litestar.exceptions import ClientException

from chain import api
from chain.node.faucet import Faucet
from chain.node.node import Node
from chain.transactions.reasons import InvalidTransaction, Reason


@post("/transactions/check", status_code=200)
async def check_transaction(state: AppState, data: api.SubmitRequest) -> api.TransactionCheck:
    """What would come of a transaction now: costs, balances, or why it is refused. Nothing is kept."""
    return cast(Node, state.node).rehearse_transaction(_decode(data))


@get("/onboarding")
async def get_onboarding(state: AppState) -> api.OnboardingOffer:
    """Who pays for newcomers' hotspots, on a test network."""
    faucet = cast(Faucet | None, state.faucet)
    return api.OnboardingOffer(payer=None) if faucet is None else faucet.onboarding.get_offer()


@post("/onboarding", status_code=202)
async def ask_onboarding(state: AppState, data: api.SubmitRequest) -> api.Submitted:
    """Have the onboarding payer co-sign and submit a hotspot's joining or first location."""
    faucet = cast(Faucet | None, state.faucet)
    if faucet is None:
        raise InvalidTransaction(Reason.NOT_SPONSORED, "nobody pays for newcomers on this network")
    return api.Submitted(id=(await faucet.onboarding.sponsor(_decode(data))).hex())


ONBOARDING_ROUTES = [get_onboarding, ask_onboarding]


def _decode(data: api.SubmitRequest) -> bytes:
    try:
        return base64.b64decode(data.transaction, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ClientException("transaction is not base64") from error
