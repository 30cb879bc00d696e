"""Parameter change: the deciding keys give parameters new values, from a height on.

One transaction is one decision: all of it takes effect or none. Names come in ascending order, each once.
How decisions wait and what becomes of them is in `chain/governance/schedule.py`; what can't be changed in
`chain/governance/changed_parameters.py`. Precedent: vars_v1 (blockchain_txn_vars_v1.erl:247-345).
"""

from __future__ import annotations

from itertools import pairwise

from chain.governance.approval import check_approved
from chain.governance.schedule import Scheduled, schedule
from chain.ledger.context import BlockContext
from chain.ledger.events import Event
from chain.ledger.state import State
from chain.transactions.reasons import InvalidTransaction, Reason
from chain.transactions.types import ParameterChange


def process_parameter_change(state: State, body: ParameterChange, context: BlockContext) -> list[Event]:
    """Schedule the change. Raises InvalidTransaction."""
    check_approved(state, body.approvers)
    names = [change.name for change in body.changes]
    for one, other in pairwise(names):
        if one >= other:
            raise InvalidTransaction(
                Reason.NOT_SORTED, f"{other} after {one}: names come in ascending order, each once"
            )
    decision = Scheduled(decided_height=context.height, changes=body.changes)
    schedule(state, body.activation_height, decision, context)
    fields = {
        "approvers": list(body.approvers),
        "activation_height": body.activation_height,
        "names": names,
        "values": [change.value for change in body.changes],
    }
    return [Event("parameter_change_scheduled", fields)]
