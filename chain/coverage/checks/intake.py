"""Rules that a report must keep to be stored at all, judged when its block is applied.

They need nothing but the report, the hotspot's row and how much is stored already, so that what can't
count takes no room until the round closes.
"""

import msgspec

from chain.blocks.reports import ReportKind
from chain.coverage.checks.outcome import Outcome, Rule, compute_at_most, compute_holds
from chain.coverage.parameters import CoverageParameters
from chain.coverage.reasons import Reason
from chain.coverage.reports import ReportEnvelope, is_report_signed


class IntakeEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """A report at the door."""

    kind: ReportKind
    envelope: ReportEnvelope
    is_hotspot_known: bool
    location: int
    """H3 cell that the hotspot has asserted, 0 where it has none."""
    received_at_ms: int
    """Node-signed time of arrival, Unix milliseconds."""
    opened_at_ms: int
    closes_at_ms: int
    """The round: from the block that opened it to its end."""
    reports_of_hotspot: int
    """Reports that this hotspot has sent in the round before this one."""
    reports_of_round: int
    is_repeated: bool
    """Whether a report of this hotspot about the same beacon is stored already."""
    parameters: CoverageParameters


def is_signed(evidence: IntakeEvidence) -> Outcome:
    """The hotspot's key signed the report, or introduced the session key that did.

    Else anybody could speak for a hotspot. Precedent: Helium's ingest server checks it at the door.
    """
    return compute_holds(is_report_signed(evidence.envelope, evidence.kind))


def is_known(evidence: IntakeEvidence) -> Outcome:
    """The hotspot is on the chain. Precedent: ``gateway_not_found``, rule B0 and W0 of Helium's oracle."""
    return compute_holds(evidence.is_hotspot_known)


def is_asserted(evidence: IntakeEvidence) -> Outcome:
    """The hotspot has a location on the chain: without one no distance can be judged. Precedent:
    ``not_asserted``."""
    return compute_holds(evidence.location != 0)


def is_after_opening(evidence: IntakeEvidence) -> Outcome:
    """The report arrived no earlier than the round opened: an older one is about entropy that is gone.

    Precedent: Helium's entropy window of 180 s; ours is the round itself, so that its entropy is still
    secret from whoever prepares a report in advance.
    """
    return Outcome(
        evidence.received_at_ms >= evidence.opened_at_ms, evidence.received_at_ms, evidence.opened_at_ms
    )


def is_before_closing(evidence: IntakeEvidence) -> Outcome:
    """The report arrived no later than the round's end, included: after it, its secrets may be public."""
    return compute_at_most(evidence.received_at_ms, evidence.closes_at_ms)


def is_within_share(evidence: IntakeEvidence) -> Outcome:
    """The hotspot hasn't filled its share of the round's room. A board hears at most one beacon a slot;
    more reports are stuffing. Precedent: Helium's chain halted on unbounded inputs (2021-11)."""
    return compute_at_most(evidence.reports_of_hotspot + 1, evidence.parameters.maximum_reports_per_hotspot)


def is_within_room(evidence: IntakeEvidence) -> Outcome:
    """There is room left in the round, for all hotspots together."""
    return compute_at_most(evidence.reports_of_round + 1, evidence.parameters.maximum_reports_per_round)


def is_first(evidence: IntakeEvidence) -> Outcome:
    """One report of a hotspot about one beacon; the first one counts, so that nobody tries several
    measurements. Precedent: ``duplicate``, rule W13."""
    return compute_holds(not evidence.is_repeated)


INTAKE_RULES: tuple[Rule[IntakeEvidence], ...] = (
    (Reason.BAD_SIGNATURE, is_signed),
    (Reason.GATEWAY_NOT_FOUND, is_known),
    (Reason.NOT_ASSERTED, is_asserted),
    (Reason.ENTROPY_EXPIRED, is_after_opening),
    (Reason.ENTROPY_EXPIRED, is_before_closing),
    (Reason.TOO_MANY_REPORTS, is_within_share),
    (Reason.TOO_MANY_REPORTS, is_within_room),
    (Reason.DUPLICATE, is_first),
)
