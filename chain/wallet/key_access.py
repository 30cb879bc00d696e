"""Getting at keys: passphrases come from a prompt or a file, never from the command line, where anybody on
the machine could read them.
"""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import typer

from chain.keys import Keypair
from chain.keys.key_files import MAX_PASSPHRASE_CHARACTERS, check_new_passphrase


class NoPassphrase(Exception):
    """There is no way to ask for a passphrase; the message says which."""


class Passphrases:
    """Answers for the passphrases of one command: from a file for all of them, or by asking for each."""

    def __init__(self, file: Path | None) -> None:
        self._file = file

    def get(self, address: str) -> str:
        """The passphrase of a key that exists. Raises NoPassphrase."""
        if self._file is not None:
            return read_passphrase_file(self._file)
        _check_terminal()
        return str(typer.prompt(f"Passphrase of {address}", hide_input=True, err=True))

    def choose(self) -> str:
        """The passphrase of a new file, asked for twice. Raises NoPassphrase, UnfitPassphrase."""
        if self._file is not None:
            return check_new_passphrase(read_passphrase_file(self._file))
        _check_terminal()
        chosen = typer.prompt("New passphrase", hide_input=True, confirmation_prompt=True, err=True)
        return check_new_passphrase(str(chosen))

    def open(self, path: Path) -> Keypair:
        """Read a key file, with its passphrase where it has one. Raises KeyFileError, NoPassphrase."""
        return Keypair.load(path, self.get)


def read_passphrase_file(path: Path) -> str:
    """The first line of a file that only its owner can read. Raises NoPassphrase."""
    return _read_secret(path, "passphrase").partition("\n")[0].removesuffix("\r")


def read_words_file(path: Path | None) -> str:
    """Recovery words from a file, or asked for. Raises NoPassphrase."""
    if path is not None:
        return _read_secret(path, "recovery words")
    _check_terminal()
    return str(typer.prompt("The 24 words, with spaces between", hide_input=True, err=True))


def _read_secret(path: Path, what: str) -> str:
    try:
        with path.open("rb") as stream:
            mode = stat.S_IMODE(path.stat().st_mode)
            raw = stream.read(4 * MAX_PASSPHRASE_CHARACTERS)
        if mode & 0o077:
            raise NoPassphrase(f"{what} file {path} is open to others (mode {mode:o}): chmod 600 {path}")
        return raw.decode("utf-8")
    except OSError as error:
        raise NoPassphrase(f"{what} file {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise NoPassphrase(f"{what} file {path} is not text in UTF-8") from error


def _check_terminal() -> None:
    if not sys.stdin.isatty():
        raise NoPassphrase("there is no terminal to ask for a passphrase: give --passphrase-file FILE")
