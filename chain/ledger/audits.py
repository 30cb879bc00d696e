"""Audits: whose coverage earns. A hotspot earns for coverage while it is audited itself, or for
`audit_period_epochs` after an audited hotspot or a field tester met it.

Rules that look at reports alone pass whatever is consistent, and keys in a drawer that report about each
other are consistent: on empty land nobody is there to contradict them (Helium's Hong Kong: 1,405 of 3,356
hotspots). So coverage earns nothing until it hangs on something that somebody has seen. The network's keys
name audited hotspots and field testers, each until an epoch (AuditorSet); a tester's transaction
(FieldSighting) or a rewarded witness edge with an audited hotspot writes a row of MET.

**Trust is not passed on.** A hotspot that was met makes no other one met. If it did, one honest meeting, or
one device bought to be met and then moved into the drawer, would vouch for a ring of any size: each member
for the next, for ever, since they would renew each other's rows. With one step from the audited hotspot a
ring of K keys has to fool, within each period, K times a radio that the network placed. The price is that
newcomers far from any audited hotspot wait for a tester, or for a neighbour to be audited; what they carry
for devices earns from the start.
"""

from __future__ import annotations

from chain.ledger.parameters import Parameters
from chain.ledger.state import State
from chain.ledger.tables import AUDITORS, MET, Met

AUDITED_HOTSPOT = 0
FIELD_TESTER = 1


def is_live_auditor(state: State, key: bytes, kind: int, epoch: int) -> bool:
    """Whether the network's keys have named this key (33 bytes) for this kind, and its time isn't up."""
    row = state.get(AUDITORS, key)
    return row is not None and row.kind == kind and epoch < row.until_epoch


def is_audited(state: State, hotspot: bytes, epoch: int, parameters: Parameters) -> bool:
    """Whether a hotspot's coverage of `epoch` earns: it is audited, or was met at most `audit_period_epochs`
    ago; always in a network that sets that to 0.
    """
    if parameters.audit_period_epochs == 0 or is_live_auditor(state, hotspot, AUDITED_HOTSPOT, epoch):
        return True
    row = state.get(MET, hotspot)
    return row is not None and epoch - row.epoch <= parameters.audit_period_epochs


def mark_met(state: State, hotspot: bytes, by: bytes, epoch: int) -> bool:
    """Write that `by` met a hotspot in `epoch`; returns whether that is news. The first meeting of an epoch
    stays: at most one write a hotspot and epoch.
    """
    row = state.get(MET, hotspot)
    if row is not None and row.epoch >= epoch:
        return False
    state.put(MET, hotspot, Met(epoch=epoch, by=by))
    return True


def mark_met_by_edge(state: State, hotspot: bytes, other: bytes, epoch: int) -> list[bytes]:
    """Two hotspots heard each other on the air, by evidence that can't be copied: an audited one among them
    has met the other. Returns those of the two that were met, where that is news.
    """
    return [
        met
        for met, by in ((hotspot, other), (other, hotspot))
        if is_live_auditor(state, by, AUDITED_HOTSPOT, epoch) and mark_met(state, met, by, epoch)
    ]
