"""A world whose network three keys decide about, any two of them; ruth, rob and ria report prices."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from chain.governance.approval import Governance, put_governance
from chain.ledger.current_parameters import put_parameters
from chain.ledger.events import Event
from chain.ledger.parameters import Parameters
from chain.transactions import ChangedParameter, ParameterChange, PriceReport, RuleUpgrade
from tests.unit.chain.world import World

DECIDERS = ("one", "two", "three")
REPORTERS = ("ruth", "rob", "ria")
HOUR_MS = 3_600_000
#: A decision waits 10 to 1000 blocks.
PARAMETERS = Parameters(
    activation_delay_blocks=10, activation_maximum_blocks=1_000, max_scheduled_decisions=3
)


class GovernedWorld(World):
    """See above."""

    def __init__(self, parameters: Parameters = PARAMETERS, reporters: tuple[str, ...] = REPORTERS) -> None:
        super().__init__(parameters)
        put_parameters(self.state, parameters, protocol_version=1)
        put_governance(self.state, Governance(self.keys_of(*DECIDERS), 2, self.keys_of(*reporters)))
        self.commit()

    def keys_of(self, *names: str) -> tuple[bytes, ...]:
        """Their keys in ascending order."""
        return tuple(sorted(self[name] for name in names))

    def decide(self, *approvers: str) -> dict[str, Any]:
        """The fields that every decision begins with; by default two of three decide."""
        return {**self.head("alice"), "approvers": self.keys_of(*(approvers or DECIDERS[:2]))}

    def change(self, height: int = 100, **values: str) -> ParameterChange:
        """A parameter change; `__` in a name stands for a dot."""
        changes = [ChangedParameter(name.replace("__", "."), value) for name, value in values.items()]
        changes.sort(key=lambda change: change.name)
        return ParameterChange(**self.decide(), changes=tuple(changes), activation_height=height)

    def upgrade(self, version: int, height: int = 100) -> RuleUpgrade:
        return RuleUpgrade(**self.decide(), protocol_version=version, activation_height=height)

    def report(self, reporter: str, hxt_price: int) -> PriceReport:
        return PriceReport(**self.head("carol"), reporter=self[reporter], hxt_price=hxt_price)

    def wait(self, ms: int) -> None:
        """Block time goes on."""
        self.context = replace(self.context, time_ms=self.context.time_ms + ms)

    def go_to(self, **changes: int) -> None:
        """Another height or epoch."""
        self.context = replace(self.context, **changes)


def kinds(events: list[Event]) -> list[str]:
    """What happened, without the fees."""
    return [event.kind for event in events if event.kind != "fee_paid"]
