"""The board's non-volatile storage (ESP-IDF's NVS): small named values that a power cut can't tear.

One JSON file beside the board's files. A commit writes a new file, syncs it and its folder, and renames it
into place, so that at any instant the old or the new values are there whole. Uncommitted values die with a
reset: ESP-IDF promises no more.
"""

import json
import os
from pathlib import Path

from hardware.virtual.write_point import write_point

MAX_NAME_BYTES = 15
MAX_BLOB_BYTES = 4000
# ESP-IDF components/nvs_flash/include/nvs.h: ESP_ERR_NVS_BASE 0x1100 and on, negated as MicroPython's
# OSError has it.
NOT_FOUND = -0x1102
INVALID_NAME = -0x1106
KEY_TOO_LONG = -0x1109
INVALID_LENGTH = -0x110C
VALUE_TOO_LONG = -0x110E


class NonvolatileError(Exception):
    """The file can't be used; one line with the remedy."""


class Nonvolatile:
    """Values by (namespace, key): int or bytes. Errors are negative ESP-IDF codes, as the guest's OSError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._values: dict[tuple[str, str], int | bytes] = {}
        self._changed = False
        self.reload()

    def reload(self) -> None:
        """Forget what was not committed (a reset)."""
        self._values = _read(self._path)
        self._changed = False

    def get(self, namespace: str, key: str, kind: type[int] | type[bytes]) -> int | bytes | None:
        value = self._values.get((namespace, key))
        return value if isinstance(value, kind) else None

    def put(self, namespace: str, key: str, value: int | bytes) -> int:
        """0, or the error."""
        if not key or len(key.encode()) > MAX_NAME_BYTES:
            return KEY_TOO_LONG
        if isinstance(value, bytes) and len(value) > MAX_BLOB_BYTES:
            return VALUE_TOO_LONG
        if self._values.get((namespace, key)) != value:
            self._values[(namespace, key)] = value
            self._changed = True
        return 0

    def erase(self, namespace: str, key: str) -> int:
        if self._values.pop((namespace, key), None) is None:
            return NOT_FOUND
        self._changed = True
        return 0

    def commit(self) -> None:
        """Durable when it returns."""
        if not self._changed:
            return
        write_point("virtual_board.nvs.before_commit")
        document: dict[str, dict[str, dict[str, int | str]]] = {}
        for (namespace, key), value in sorted(self._values.items()):
            item: dict[str, int | str] = {"i32": value} if isinstance(value, int) else {"blob": value.hex()}
            document.setdefault(namespace, {})[key] = item
        temporary = self._path.with_suffix(".tmp")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)  # it may hold keys
        with os.fdopen(descriptor, "w") as file:
            json.dump(document, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        write_point("virtual_board.nvs.before_rename")
        temporary.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        self._changed = False
        write_point("virtual_board.nvs.after_commit")


def _read(path: Path) -> dict[tuple[str, str], int | bytes]:
    if not path.exists():
        return {}
    values: dict[tuple[str, str], int | bytes] = {}
    try:
        for namespace, items in json.loads(path.read_text()).items():
            for key, item in items.items():
                values[(namespace, key)] = item["i32"] if "i32" in item else bytes.fromhex(item["blob"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NonvolatileError(
            f"{path} is no NVS file ({type(error).__name__}): take it away, the board then starts with none"
        ) from None
    return values
