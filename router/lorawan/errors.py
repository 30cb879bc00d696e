"""The errors of this library: each names the rule that was broken."""


class LorawanError(ValueError):
    """Base of every error of ``router.lorawan``. ``rule`` is a stable short name, for counters and tests."""

    def __init__(self, rule: str, detail: str) -> None:
        super().__init__(f"{rule}: {detail}")
        self.rule = rule
        self.detail = detail


class MalformedFrame(LorawanError):
    """Received bytes that break a rule of their format."""


class InvalidField(LorawanError):
    """A value that a frame, command or key cannot carry; raised when building, never when parsing."""
