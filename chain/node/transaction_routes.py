"""POST /v1/transactions/check: a dry run at the node."""

from __future__ import annotations

import base64
import binascii
from typing import cast

from litestar import post
from litestar.datastructures import State as AppState
from litestar.exceptions import ClientException

from chain import api
from chain.node.node import Node


@post("/transactions/check", status_code=200)
async def check_transaction(state: AppState, data: api.SubmitRequest) -> api.TransactionCheck:
    """What would come of a transaction now: costs, balances, or why it is refused. Nothing is kept."""
    try:
        raw = base64.b64decode(data.transaction, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ClientException("transaction is not base64") from error
    return cast(Node, state.node).rehearse_transaction(raw)
