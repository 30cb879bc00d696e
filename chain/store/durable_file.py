"""Writing a small file so that after a power cut it is either the old one or the new one, whole."""

from __future__ import annotations

import os
from pathlib import Path


class NotAFolder(OSError):
    """Where a folder should be is something else; the message is for people."""


def check_folder(folder: Path) -> None:
    """Raise NotAFolder where the path, or one above it, is a file. A folder that isn't there yet is fine."""
    for path in (folder, *folder.parents):
        if path.is_dir():
            return
        if os.path.lexists(path):
            kind = "a link to nothing" if path.is_symlink() and not path.exists() else "a file"
            raise NotAFolder(f"{path} is {kind}; give a folder")


def make_folder(folder: Path) -> None:
    """Make the folder and those above it, unless they are there. Raises NotAFolder, OSError."""
    check_folder(folder)
    folder.mkdir(parents=True, exist_ok=True)


def write_file_durably(path: Path, content: bytes, mode: int = 0o644, overwrite: bool = True) -> None:
    """Write `content` to a temporary file beside `path`, fsync it, put it in place, fsync the folder.

    `mode` is set before the first byte is written, so that a key is never readable by others, not even for
    a moment. With `overwrite=False` an existing file is kept and FileExistsError raised, also when two
    processes race.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        try:
            os.fchmod(descriptor, mode)  # whatever the umask says
            with os.fdopen(descriptor, "wb", closefd=False) as file:
                file.write(content)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if overwrite:
            temporary.replace(path)
        else:
            path.hardlink_to(temporary)  # unlike rename, a link fails where the name is taken
    finally:
        temporary.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
