"""Services end when they are told to."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_nobody_waits_in_a_way_that_swallows_a_cancellation() -> None:
    """Before Python 3.12 ``asyncio.wait_for`` loses a cancellation that comes in the instant in which what it
    waits for is done, and a loop around it never ends; ``asyncio.timeout`` does not."""
    found = [
        str(path.relative_to(ROOT))
        for folder in ("chain", "router", "hotspot_host", "hardware")
        for path in (ROOT / folder).rglob("*.py")
        if re.search(r"asyncio\.wait_for\(", path.read_text(encoding="utf-8"))
    ]
    assert found == []
