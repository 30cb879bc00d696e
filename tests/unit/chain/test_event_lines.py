import io
import os
import signal
import subprocess
import sys

import msgspec
import pytest

from chain.event_lines import EventLines


def test_json_lines_carry_the_fields_and_hex_bytes() -> None:
    stream = io.StringIO()
    EventLines("chain", "node", as_json=True, stream=stream).say(
        "ready", "chain is ready", key=b"\x01\xff", n=3
    )
    line = msgspec.json.decode(stream.getvalue())
    assert line.pop("time").endswith("Z")
    assert line == {
        "service": "chain",
        "name": "node",
        "event": "ready",
        "text": "chain is ready",
        "key": "01ff",
        "n": 3,
    }


def test_text_only() -> None:
    stream = io.StringIO()
    EventLines("chain", stream=stream).say("ready", "chain is ready", n=3)
    assert stream.getvalue() == "chain is ready\n"


def test_own_fields_are_not_overwritten() -> None:
    with pytest.raises(ValueError, match="service"):
        EventLines("chain", stream=io.StringIO()).say("ready", "x", service="router")


@pytest.mark.parametrize(("kill_at", "survived"), [("p:3", 2), ("p", 0), ("q", 5)])
def test_write_point_kills_at_the_nth_hit(kill_at: str, survived: int) -> None:
    code = (
        "from chain.write_point import write_point\n"
        "for i in range(5):\n    write_point('p')\n    print(i, flush=True)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "HEXHAUL_KILL_AT": kill_at},
        capture_output=True,
        text=True,
    )
    assert len(done.stdout.split()) == survived
    assert done.returncode == (0 if survived == 5 else -signal.SIGKILL)
