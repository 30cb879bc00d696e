"""Rules that a claim or report must keep to be stored at all, judged when its block is applied.

They need nothing but the report, the hotspot's rows and how much is stored already, so that what can't
count takes no room until the round closes.
"""

import msgspec

from chain.blocks.reports import ReportKind
from chain.coverage.checks.exclusion import compute_not_excluded
from chain.coverage.checks.outcome import Outcome, Rule, compute_at_least, compute_at_most, compute_holds
from chain.coverage.parameters import CoverageParameters
from chain.coverage.reasons import Reason
from chain.coverage.reports import ReportEnvelope, is_report_signed
from chain.ledger.tables import Exclusion

FULL_CAPABILITY = 0
IN_SERVICE = 0


class IntakeEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """A claim or report at the door."""

    kind: ReportKind
    envelope: ReportEnvelope
    is_hotspot_known: bool
    capability: int = FULL_CAPABILITY
    """0 takes part in Proof-of-Coverage, 1 only carries data."""
    status: int = IN_SERVICE
    """0 in service, else retired or ended."""
    location: int
    """H3 cell that the hotspot has asserted, 0 where it has none."""
    exclusion: Exclusion | None = None
    """The hotspot's own, where there is one."""
    epoch: int = 0
    received_at_ms: int
    """Node-signed time of arrival, Unix milliseconds."""
    opened_at_ms: int
    openings_from_ms: int
    closes_at_ms: int
    """The round: from the block that opened it, its opening part, its end."""
    claimed_at_ms: int | None = None
    """Arrival of the claim that this report's nonce opens; None where there is none."""
    reports_of_hotspot: int
    """Claims, or reports, that this hotspot has sent in the round before this one."""
    reports_of_round: int
    is_repeated: bool
    """Whether this claim, or a report of this hotspot about the same beacon, is stored already."""
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


def is_full_hotspot(evidence: IntakeEvidence) -> Outcome:
    """The hotspot joined as one that takes part in Proof-of-Coverage: one that only carries data paid a
    smaller fee and has nothing at stake. Precedent: ``invalid_capability``, rules B4 and W7."""
    return compute_at_most(evidence.capability, FULL_CAPABILITY)


def is_in_service(evidence: IntakeEvidence) -> Outcome:
    """Its owner hasn't retired it, nor a proven fault ended it."""
    return compute_at_most(evidence.status, IN_SERVICE)


def is_not_excluded(evidence: IntakeEvidence) -> Outcome:
    """No exclusion of this hotspot holds in this epoch. Precedent: ``denied``, rules B2 and W1."""
    return compute_not_excluded(evidence.exclusion, evidence.epoch)


def is_after_opening(evidence: IntakeEvidence) -> Outcome:
    """It arrived no earlier than the round opened: an older one is about entropy that is gone.

    Precedent: Helium's entropy window of 180 s; ours is the round itself, so that its entropy is still
    secret from whoever prepares a report in advance.
    """
    return compute_at_least(evidence.received_at_ms, evidence.opened_at_ms)


def is_claim_in_time(evidence: IntakeEvidence) -> Outcome:
    """The claim arrived before the first one is opened: afterwards beacons can be read and claimed by
    anybody."""
    return compute_at_most(evidence.received_at_ms, evidence.openings_from_ms - 1)


def is_before_closing(evidence: IntakeEvidence) -> Outcome:
    """It arrived no later than the round's end, included: after it, its secrets may be public."""
    return compute_at_most(evidence.received_at_ms, evidence.closes_at_ms)


def is_opened_before_closing(evidence: IntakeEvidence) -> Outcome:
    """A claimed report arrived no later than the round's end, included."""
    return compute_at_most(_get_opening_ms(evidence), evidence.closes_at_ms)


def is_claimed(evidence: IntakeEvidence) -> Outcome:
    """A claim of this hotspot stands for exactly this report, or the network takes reports without one.

    Precedent: none on Helium, whose reports could be copied as soon as somebody sold them (HIP-42).
    """
    return compute_holds(evidence.claimed_at_ms is not None or _is_unclaimed_accepted(evidence))


def is_opened_in_turn(evidence: IntakeEvidence) -> Outcome:
    """The claim was opened in the round's opening part: whoever tells earlier lets others claim what they
    read."""
    return compute_at_least(_get_opening_ms(evidence), evidence.openings_from_ms)


def _is_unclaimed_accepted(evidence: IntakeEvidence) -> bool:
    return not evidence.envelope.nonce and evidence.parameters.accept_unclaimed_reports


def _get_opening_ms(evidence: IntakeEvidence) -> int:
    """When the report was told; one without a claim is in its turn whenever it comes."""
    return evidence.openings_from_ms if _is_unclaimed_accepted(evidence) else evidence.received_at_ms


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


CLAIM_RULES: tuple[Rule[IntakeEvidence], ...] = (
    (Reason.BAD_SIGNATURE, is_signed),
    (Reason.GATEWAY_NOT_FOUND, is_known),
    (Reason.INVALID_CAPABILITY, is_full_hotspot),
    (Reason.INVALID_CAPABILITY, is_in_service),
    (Reason.NOT_ASSERTED, is_asserted),
    (Reason.DENIED, is_not_excluded),
    (Reason.ENTROPY_EXPIRED, is_after_opening),
    (Reason.CLAIM_LATE, is_claim_in_time),
    (Reason.TOO_MANY_REPORTS, is_within_share),
    (Reason.TOO_MANY_REPORTS, is_within_room),
    (Reason.DUPLICATE, is_first),
)

INTAKE_RULES: tuple[Rule[IntakeEvidence], ...] = (
    (Reason.BAD_SIGNATURE, is_signed),
    (Reason.GATEWAY_NOT_FOUND, is_known),
    (Reason.INVALID_CAPABILITY, is_full_hotspot),
    (Reason.INVALID_CAPABILITY, is_in_service),
    (Reason.NOT_ASSERTED, is_asserted),
    (Reason.DENIED, is_not_excluded),
    (Reason.ENTROPY_EXPIRED, is_after_opening),
    (Reason.CLAIM_MISSING, is_claimed),
    (Reason.OPENING_EARLY, is_opened_in_turn),
    (Reason.OPENING_LATE, is_opened_before_closing),
    (Reason.ENTROPY_EXPIRED, is_before_closing),
    (Reason.TOO_MANY_REPORTS, is_within_share),
    (Reason.TOO_MANY_REPORTS, is_within_room),
    (Reason.DUPLICATE, is_first),
)
