"""One process at a time on a folder."""

from __future__ import annotations

import fcntl
from pathlib import Path

from chain.store.durable_file import make_folder


class FolderTaken(OSError):
    """Another process holds the folder; the message is for people."""


class LockFile:
    """Held as long as the process lives; the kernel lets go of it when the process dies, however it dies."""

    def __init__(self, path: Path, holder: str) -> None:
        """Take the lock. Raises FolderTaken where another ``holder`` (a word for people) has it, OSError."""
        make_folder(path.parent)
        self._file = path.open("a")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise FolderTaken(f"another {holder} runs on {path.parent}: stop it first") from None

    def close(self) -> None:
        self._file.close()
