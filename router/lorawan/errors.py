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


def describe(value: object) -> str:
    """A foreign value for a message: short, one line, and safe however large or deep the value is."""
    if isinstance(value, str):
        return repr(value[:40])
    if value is None or isinstance(value, bool | float) or (isinstance(value, int) and abs(value) < 1 << 64):
        return repr(value)
    return f"a value of type {type(value).__name__}"
