"""Rule upgrade: from a height on, blocks follow a new version of the rules.

Every header names the version that its block was made by. A node whose release doesn't have the version
stops before the block and says what to install; it never guesses. Versions only rise: rules that a block
was made by are never taken back, only replaced. Precedent: hard forks by height; Helium moved its chain by
variables with a version predicate over the group's software.
"""

from __future__ import annotations

from chain.governance.approval import check_approved
from chain.governance.schedule import Scheduled, schedule
from chain.ledger.context import BlockContext
from chain.ledger.events import Event
from chain.ledger.state import State
from chain.transactions.types import RuleUpgrade


def process_rule_upgrade(state: State, body: RuleUpgrade, context: BlockContext) -> list[Event]:
    """Schedule the upgrade. Raises InvalidTransaction."""
    check_approved(state, body.approvers)
    decision = Scheduled(decided_height=context.height, protocol_version=body.protocol_version)
    schedule(state, body.activation_height, decision, context)
    fields = {
        "approvers": list(body.approvers),
        "activation_height": body.activation_height,
        "protocol_version": body.protocol_version,
    }
    return [Event("rule_upgrade_scheduled", fields)]
