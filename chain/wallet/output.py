"""What the wallet prints: tables and sentences for people, one JSON object for programs, one line for
errors.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import msgspec
import typer

from chain.client import ChainUnavailable, RequestRefused
from chain.keys import InvalidPublicKey, InvalidWords, KeyFileError, UnfitPassphrase
from chain.transactions.reasons import InvalidTransaction
from chain.wallet.key_access import NoPassphrase
from chain.wallet.network_file import InvalidNetworkFile, OtherNetwork
from chain.wallet.remedies import get_remedy
from chain.wallet.session import WrongKey
from chain.wallet.transaction_file import InvalidTransactionFile, NotASigner
from chain.wallet.values import InvalidValue


class CannotGoOn(Exception):
    """A command can't do what was asked; the message says what to do."""


#: Into a file or a pipe, tables are as wide as their longest address needs.
_WIDTH_OF_FILES = 160

_SAID_BY_THE_CHAIN = (RequestRefused, InvalidTransaction)
_KNOWN = (
    CannotGoOn,
    ChainUnavailable,
    InvalidNetworkFile,
    InvalidPublicKey,
    InvalidTransactionFile,
    InvalidValue,
    InvalidWords,
    KeyFileError,
    NoPassphrase,
    NotASigner,
    OtherNetwork,
    UnfitPassphrase,
    WrongKey,
    OSError,
)


@contextmanager
def telling_errors(as_json: bool) -> Iterator[None]:
    """Turn expected failures into one line on stderr (with --json an object on stdout) and exit code 1."""
    try:
        yield
    except _SAID_BY_THE_CHAIN as error:
        fail(as_json, error.message, str(error.code))
    except TimeoutError:
        fail(as_json, "no answer in time: try again", "timeout")
    except _KNOWN as error:
        fail(as_json, str(error), _get_code(error))


def fail(as_json: bool, message: str, code: str, **more: Any) -> NoReturn:
    """Say why not, and what to do about it; exit code 1."""
    remedy = get_remedy(code)
    if as_json:
        print_json({**more, "error": {"code": code, "message": message, "remedy": remedy}})
    else:
        hint = f" -- {remedy}" if remedy else ""
        print(f"hexhaul wallet: {message}{hint}", file=sys.stderr)
    raise typer.Exit(1)


def print_json(answer: Any) -> None:
    """One JSON object on one line."""
    print(msgspec.json.encode(answer).decode())


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table; cells are never cut off, so that an address can be copied from it."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index == 0 else "right", overflow="fold")
    for row in rows:
        table.add_row(*row)
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH_OF_FILES)
    console.print(table)


def _get_code(error: BaseException) -> str:
    words = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in type(error).__name__)
    return words.lstrip("_").replace("o_s_error", "os_error")
