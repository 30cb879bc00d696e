"""Exclusion set: a hotspot, or a pair of them, doesn't count in Proof-of-Coverage until an epoch.

What rules can't see in single reports (an antenna shared, a place that the signals deny) is found by
looking at many, outside the chain; the finding comes in by the deciding keys, with the hash of what it
rests on, and it runs out: whoever was excluded wrongly, or has moved the antenna, counts again without
asking anybody. A pair is excluded where two hotspots hear each other too well to be where they say, while
each may be honest with the rest. Precedent: Helium's denylist of nodes and edges, kept by one company,
without an end.
"""

from __future__ import annotations

from chain.governance.approval import check_approved, check_ascending
from chain.ledger.context import BlockContext
from chain.ledger.events import Event
from chain.ledger.exclusions import put_exclusion
from chain.ledger.hotspot_checks import get_hotspot
from chain.ledger.state import State
from chain.ledger.tables import EXCLUSIONS, Exclusion
from chain.transactions.reasons import InvalidTransaction, Reason
from chain.transactions.types import ExclusionSet


def process_exclusion_set(state: State, body: ExclusionSet, context: BlockContext) -> list[Event]:
    """Write, replace or lift the exclusion.

    Raises InvalidTransaction (not_sorted, duplicate_key, unknown_hotspot, epoch_past, not_excluded, and what
    `check_approved` raises).
    """
    check_approved(state, body.approvers)
    check_ascending(body.hotspots, "hotspots")
    if body.until_epoch == 0:
        if state.get(EXCLUSIONS, b"".join(body.hotspots)) is None:
            raise InvalidTransaction(Reason.NOT_EXCLUDED, "nothing to lift: this exclusion isn't there")
        put_exclusion(state, body.hotspots, None)
    else:
        for hotspot in body.hotspots:
            get_hotspot(state, hotspot)
        check_epoch_ahead(body.until_epoch, context)
        row = Exclusion(until_epoch=body.until_epoch, code=body.code, evidence_hash=body.evidence_hash)
        put_exclusion(state, body.hotspots, row)
    fields = {
        "approvers": list(body.approvers),
        "hotspots": list(body.hotspots),
        "until_epoch": body.until_epoch,
        "code": body.code,
        "evidence_hash": body.evidence_hash,
    }
    return [Event("exclusion_set", fields)]


def check_epoch_ahead(until_epoch: int, context: BlockContext) -> None:
    """Raises InvalidTransaction (epoch_past)."""
    if until_epoch <= context.epoch:
        raise InvalidTransaction(
            Reason.EPOCH_PAST,
            f"until epoch {until_epoch}, but {context.epoch} is open: name a later one, or 0 to end it",
        )
