"""Exclusions: hotspots, and pairs of them, that are known to be false, with what shows it.

An exclusion is a transaction with a hash of its evidence and an end (facts 5 #12: every denial carries a
reason, evidence and an expiry). Pairs are the finer tool: who repeats beacons over the internet gets honest
neighbours blamed, so the edge goes before the node (facts 5 #5). Precedent: Helium's denylists, rules B2,
W1 and W2.
"""

from chain.coverage.checks.outcome import Outcome
from chain.ledger.tables import Exclusion


def compute_not_excluded(exclusion: Exclusion | None, epoch: int) -> Outcome:
    """Whether nothing excludes in this epoch: the epoch from which it counts again is at most this one.
    Measured is the epoch, the limit the first one that counts."""
    if exclusion is None:
        return Outcome(True, epoch, epoch)
    return Outcome(epoch >= exclusion.until_epoch, epoch, exclusion.until_epoch, exclusion.evidence_hash)
