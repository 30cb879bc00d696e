"""The lines a service prints on stdout: one per change of state, for a person or for a program.

With `as_json` each line is one JSON object (`time`, `service`, `name`, `event`, `text` and further fields);
without it only the text is printed. Logs and errors go to stderr, never here, so that a supervisor can
parse every line.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Any, TextIO

import msgspec

_RESERVED = frozenset({"time", "service", "name", "event", "text"})


class EventLines:
    """Prints the event lines of one service.

    `service` is what kind of process it is ("chain", "router"), `name` which one of them ("hotspot-1").
    """

    def __init__(
        self, service: str, name: str = "", as_json: bool = False, stream: TextIO | None = None
    ) -> None:
        self.service = service
        self.name = name
        self.as_json = as_json
        self._stream = stream

    def say(self, event: str, text: str, **fields: Any) -> None:
        """Print one event. `fields` may hold anything JSON can; bytes are written as hex.

        Raises ValueError for a field that would overwrite one of the line's own (time, service, name,
        event, text).
        """
        clash = _RESERVED & fields.keys()
        if clash:
            raise ValueError(f"event field {sorted(clash)[0]!r} is the line's own: choose another name")
        stream = self._stream if self._stream is not None else sys.stdout
        if self.as_json:
            line = {
                "time": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                "service": self.service,
                "name": self.name,
                "event": event,
                "text": text,
                **{key: value.hex() if isinstance(value, bytes) else value for key, value in fields.items()},
            }
            stream.write(msgspec.json.encode(line, enc_hook=str).decode() + "\n")
        else:
            stream.write(text + "\n")
        stream.flush()
