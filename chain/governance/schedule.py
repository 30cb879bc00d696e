"""Decisions that wait for their height: changed parameters, and new versions of the rules.

A decision waits at least `activation_delay_blocks`, so that everybody can see it coming, object, install or
leave, and at most `activation_maximum_blocks`, since nobody remembers longer. It takes effect at the start of
the block at its height, before anything else: all of that block goes by the new numbers.

Those of one height take effect in the order in which they were decided, each on what the one before made; a
later value of one parameter replaces an earlier one. What was valid when it was decided may be so no more
when its time has come, because of another decision in between: then it is dropped, and an event says why.
Dropping is the only safe end: the block must not fail, and half a decision is none.

Precedent: the timelocks of on-chain governors (Compound: two days) and activation heights of hard forks;
Helium's vars_v1 takes effect in the block that it is in.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from chain.governance.changed_parameters import apply_changes
from chain.ledger.context import BlockContext
from chain.ledger.current_parameters import get_parameters, get_protocol_version, put_parameters
from chain.ledger.events import Event
from chain.ledger.parameters import Parameters
from chain.ledger.state import State, Table
from chain.transactions.reasons import InvalidTransaction, Reason
from chain.transactions.types import ChangedParameter

_HEIGHT_BYTES = 8


class Scheduled(msgspec.Struct, frozen=True, array_like=True):
    """A decision that waits: key = activation height (8, big-endian) || number among those of it (4)."""

    decided_height: int
    changes: tuple[ChangedParameter, ...] = ()
    protocol_version: int = 0
    """The new version of the rules; 0 where this decision is about parameters."""


class Rules(msgspec.Struct, frozen=True):
    """What a network goes by at some height."""

    parameters: Parameters
    protocol_version: int


SCHEDULED = Table("scheduled", Scheduled)


def iterate_scheduled(state: State) -> Iterator[tuple[int, Scheduled]]:
    """Yield (activation height, decision) of all that wait, in the order in which they take effect."""
    for key, row in state.iterate(SCHEDULED):
        yield int.from_bytes(key[:_HEIGHT_BYTES], "big"), row


def schedule(state: State, activation_height: int, decision: Scheduled, context: BlockContext) -> None:
    """Check a decision against what it will meet at its height, and have it wait.

    Raises InvalidTransaction (activation_too_soon, activation_too_late, too_many_scheduled, and what
    `apply_decision` raises).
    """
    parameters = context.parameters
    earliest = context.height + parameters.activation_delay_blocks
    if activation_height < earliest:
        raise InvalidTransaction(
            Reason.ACTIVATION_TOO_SOON,
            f"activation at block {activation_height}: decided now, {earliest} is the earliest",
        )
    latest = context.height + parameters.activation_maximum_blocks
    if activation_height > latest:
        raise InvalidTransaction(
            Reason.ACTIVATION_TOO_LATE,
            f"activation at block {activation_height}: decided now, {latest} is the latest",
        )
    waiting = list(iterate_scheduled(state))
    if len(waiting) >= parameters.max_scheduled_decisions:
        raise InvalidTransaction(
            Reason.TOO_MANY_SCHEDULED,
            f"{len(waiting)} decisions wait already: wait until the one at block {waiting[0][0]} has taken "
            "effect",
        )
    rules = Rules(parameters, get_protocol_version(state))
    for height, earlier in waiting:
        if height <= activation_height:
            rules = _try(rules, earlier)[0]
    apply_decision(rules, decision)
    number = sum(height == activation_height for height, _ in waiting)
    key = activation_height.to_bytes(_HEIGHT_BYTES, "big") + number.to_bytes(4, "big")
    state.put(SCHEDULED, key, decision)


def apply_decision(rules: Rules, decision: Scheduled) -> Rules:
    """Return the rules with a decision made.

    Raises InvalidTransaction (version_not_newer, and what `apply_changes` raises).
    """
    if decision.protocol_version:
        if decision.protocol_version <= rules.protocol_version:
            raise InvalidTransaction(
                Reason.VERSION_NOT_NEWER,
                f"version {decision.protocol_version} of the rules: {rules.protocol_version} is in force by "
                "then, only a higher one can follow",
            )
        return Rules(rules.parameters, decision.protocol_version)
    return Rules(apply_changes(rules.parameters, decision.changes), rules.protocol_version)


def process_activations(state: State, context: BlockContext) -> list[Event]:
    """What is due at this height takes effect. Before all else in a block; make its context anew then."""
    due = []
    for key, decision in state.iterate(SCHEDULED):
        if int.from_bytes(key[:_HEIGHT_BYTES], "big") > context.height:
            break
        due.append((key, decision))
    if not due:
        return []
    rules = Rules(get_parameters(state), get_protocol_version(state))
    events = []
    for key, decision in due:
        state.delete(SCHEDULED, key)
        rules, event = _try(rules, decision)
        events.append(event)
    put_parameters(state, rules.parameters, rules.protocol_version)
    return events


def _try(rules: Rules, decision: Scheduled) -> tuple[Rules, Event]:
    """Make a decision, or drop it where it doesn't hold any more; returns what holds then, and says so."""
    names = [change.name for change in decision.changes]
    values = [change.value for change in decision.changes]
    about = {"names": names, "values": values, "protocol_version": decision.protocol_version}
    try:
        changed = apply_decision(rules, decision)
    except InvalidTransaction as error:
        dropped = {"decided_height": decision.decided_height, "code": str(error.code), "why": error.message}
        return rules, Event("decision_dropped", dropped | about)
    if decision.protocol_version:
        fields = {"protocol_version": decision.protocol_version, "previous_version": rules.protocol_version}
        return changed, Event("rules_upgraded", fields)
    return changed, Event("parameters_changed", {"names": names, "values": values})
