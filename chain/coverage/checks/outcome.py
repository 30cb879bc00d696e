"""What a rule answers, and the verdict that a list of rules comes to."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from chain.coverage.reasons import Reason

Evidence = TypeVar("Evidence")


class Outcome(NamedTuple):
    """One rule's answer, with the numbers that it is made of."""

    ok: bool
    measured: int
    """What the report says, in the unit of the rule's limit."""
    limit: int
    """The bound that ``measured`` was held against."""
    evidence: bytes = b""
    """Hash of what shows it, where the rule goes by something outside of the report."""


class Verdict(NamedTuple):
    """What was found about a report: ``Reason.NONE``, or the first rule that it broke and by how much."""

    reason: Reason
    measured: int = 0
    limit: int = 0
    evidence: bytes = b""

    @property
    def ok(self) -> bool:
        return self.reason is Reason.NONE


Rule = tuple[Reason, Callable[[Evidence], Outcome]]


def compute_at_most(measured: int, limit: int) -> Outcome:
    """The outcome of a rule with an upper bound; the bound itself passes."""
    return Outcome(measured <= limit, measured, limit)


def compute_at_least(measured: int, limit: int) -> Outcome:
    """The outcome of a rule with a lower bound; the bound itself passes."""
    return Outcome(measured >= limit, measured, limit)


def compute_equal(measured: int, ordered: int) -> Outcome:
    """The outcome of a rule that wants one value and no other."""
    return Outcome(measured == ordered, measured, ordered)


def compute_holds(holds: bool) -> Outcome:
    """The outcome of a rule about something that has no measure: 1 of 1 where it holds."""
    return Outcome(holds, int(holds), 1)


def compute_verdict(rules: Sequence[Rule[Evidence]], evidence: Evidence) -> Verdict:
    """The first rule that the evidence breaks, in the order of the rules, or the acceptance."""
    for reason, rule in rules:
        outcome = rule(evidence)
        if not outcome.ok:
            return Verdict(reason, outcome.measured, outcome.limit, outcome.evidence)
    return Verdict(Reason.NONE)
