"""The options that wallet commands share, and the way of a command that makes a transaction.

A command is a function from what it is about to a transaction body; `transaction_command` gives it the
options for keys, node, output and `--commit`, and takes it through the dry run.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

if TYPE_CHECKING:
    from chain.transactions.types import TransactionBody
    from chain.wallet.session import Session

DEFAULT_KEY_FILE = Path("wallet.key")

KeyOption = Annotated[
    Path, typer.Option("--key", envvar="HEXHAUL_WALLET", help="Key file of the wallet: the owner's.")
]
PayerOption = Annotated[
    Path | None, typer.Option("--payer", help="Key file of who pays, where it isn't the owner.")
]
PassphraseFileOption = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file", help="File (mode 600) whose first line is the passphrase; else it is asked."
    ),
]
UrlOption = Annotated[
    str,
    typer.Option(
        "--url",
        envvar="HEXHAUL_CHAIN",
        help="A node's HTTP API; default: a seed, or the running `hexhaul up`.",
    ),
]
NetworkOption = Annotated[
    str | None,
    typer.Option(
        "--network",
        envvar="HEXHAUL_NETWORK",
        help="Network file or its URL: only a node of this network is believed.",
    ),
]
CommitOption = Annotated[bool, typer.Option("--commit", help="Sign and send; without it nothing happens.")]
OutOption = Annotated[
    Path | None,
    typer.Option("--out", help="Write the unsigned transaction to this file instead of sending it."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="For programs: one JSON object.")]

_COMMON: tuple[tuple[str, Any, Any], ...] = (
    ("key", KeyOption, DEFAULT_KEY_FILE),
    ("payer", PayerOption, None),
    ("passphrase_file", PassphraseFileOption, None),
    ("url", UrlOption, ""),
    ("network", NetworkOption, None),
    ("out", OutOption, None),
    ("commit", CommitOption, False),
    ("as_json", JsonOption, False),
)

MakeBody = Callable[..., "TransactionBody"]


def open_session(url: str, network: str | None) -> Session:
    """The connection that --url and --network name."""
    from chain.cli import get_default_url
    from chain.wallet.session import Session

    return Session(url, network, get_default_url())


def transaction_command(app: typer.Typer, name: str) -> Callable[[MakeBody], MakeBody]:
    """Mount `make_body(making, ...)` as a command; its parameters after the first are the command's own."""

    def decorate(make_body: MakeBody) -> MakeBody:
        def command(
            key: Path,
            payer: Path | None,
            passphrase_file: Path | None,
            url: str,
            network: str | None,
            out: Path | None,
            commit: bool,
            as_json: bool,
            **own: Any,
        ) -> None:
            from chain.wallet.key_access import Passphrases
            from chain.wallet.making import Making, run_transaction
            from chain.wallet.output import telling_errors

            with telling_errors(as_json):
                making = Making(
                    session=open_session(url, network),
                    key_file=key,
                    payer_file=payer,
                    passphrases=Passphrases(passphrase_file),
                    commit=commit,
                    out=out,
                    as_json=as_json,
                )
                run_transaction(making, lambda: make_body(making, **own))

        _, *own_parameters = inspect.signature(make_body).parameters.values()
        hints = _get_hints(make_body, [parameter.name for parameter in own_parameters])
        parameters = [
            parameter.replace(annotation=hints[parameter.name], kind=inspect.Parameter.KEYWORD_ONLY)
            for parameter in own_parameters
        ] + [
            inspect.Parameter(option, inspect.Parameter.KEYWORD_ONLY, annotation=kind, default=default)
            for option, kind, default in _COMMON
        ]
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        command.__doc__ = make_body.__doc__
        app.command(name)(command)
        return make_body

    return decorate


def _get_hints(function: Callable[..., Any], names: list[str]) -> dict[str, Any]:
    """The types of some parameters: the others' are only there for the type checker and not imported."""
    wanted = type("Wanted", (), {"__annotations__": {n: function.__annotations__[n] for n in names}})
    return get_type_hints(wanted, getattr(function, "__globals__", {}), include_extras=True)
