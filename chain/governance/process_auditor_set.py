"""Auditor set: a hotspot is named as audited, or a key as a field tester, until an epoch.

Trust in coverage grows from what somebody has seen: a hotspot that the network's keepers know to stand
where it says, or a tester who was there. Whoever is met by either earns (`chain/ledger/audits.py`). The
name runs out by itself, since a place that was seen a year ago says little about today; 0 ends it at once.
Naming needs the threshold: an auditor's word lets others earn.
"""

from __future__ import annotations

from chain.governance.approval import check_approved
from chain.governance.process_exclusion_set import check_epoch_ahead
from chain.ledger.accepted_key import check_key
from chain.ledger.audits import AUDITED_HOTSPOT
from chain.ledger.context import BlockContext
from chain.ledger.events import Event
from chain.ledger.hotspot_checks import get_hotspot_in_service
from chain.ledger.state import State
from chain.ledger.tables import AUDITORS, Auditor
from chain.transactions.reasons import InvalidTransaction, Reason
from chain.transactions.types import AuditorSet


def process_auditor_set(state: State, body: AuditorSet, context: BlockContext) -> list[Event]:
    """Write, replace or end the name.

    Raises InvalidTransaction (not_auditor, epoch_past, unknown_hotspot, hotspot_retired, hotspot_faulted,
    invalid_key, wrong_network, and what `check_approved` raises).
    """
    check_approved(state, body.approvers)
    if body.until_epoch == 0:
        row = state.get(AUDITORS, body.auditor)
        if row is None or row.kind != body.kind:
            raise InvalidTransaction(Reason.NOT_AUDITOR, "nothing to end: this key isn't named as that")
        state.delete(AUDITORS, body.auditor)
    else:
        if body.kind == AUDITED_HOTSPOT:
            get_hotspot_in_service(state, body.auditor)
        else:
            check_key(body.auditor, context)
        check_epoch_ahead(body.until_epoch, context)
        state.put(AUDITORS, body.auditor, Auditor(kind=body.kind, until_epoch=body.until_epoch))
    fields = {
        "approvers": list(body.approvers),
        "auditor": body.auditor,
        "kind": body.kind,
        "until_epoch": body.until_epoch,
    }
    return [Event("auditor_set", fields)]
