"""What a virtual board or ether says on stdout: one line per change of state.

The same form as every service of hexhaul (``chain.event_lines``), written again in a few lines because
nothing of the floors above may be imported here.
"""

import json
import sys
import threading
from datetime import UTC, datetime


class EventLines:
    """Prints event lines: JSON objects if ``as_json``, else their text only. Safe from any thread."""

    def __init__(self, service: str, name: str = "", as_json: bool = False) -> None:
        self._service = service
        self._name = name
        self._as_json = as_json
        self._lock = threading.Lock()

    def say(self, event: str, text: str, **fields: object) -> None:
        """Print one line. A reader who has gone away is no reason to stop."""
        if self._as_json:
            line = {
                "time": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                "service": self._service,
                "name": self._name,
                "event": event,
                "text": text,
                **fields,
            }
            text = json.dumps(line, default=str)
        with self._lock:
            try:
                print(text, flush=True)
            except (BrokenPipeError, ValueError):
                sys.stdout = open("/dev/null", "w")  # noqa: PTH123, SIM115 - lives as long as the process
