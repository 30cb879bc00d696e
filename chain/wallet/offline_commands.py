"""`hexhaul wallet show|sign|submit FILE`: a transaction that is signed where no network is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chain.wallet.options import (
    DEFAULT_KEY_FILE,
    CommitOption,
    JsonOption,
    KeyOption,
    NetworkOption,
    PassphraseFileOption,
    UrlOption,
    open_session,
)

FileArgument = Annotated[Path, typer.Argument(help="Transaction file, made with --out.")]


def add_offline_commands(app: typer.Typer) -> None:
    """Mount the three commands."""
    app.command("show")(show_command)
    app.command("sign")(sign_command)
    app.command("submit")(submit_command)


def show_command(file: FileArgument, as_json: JsonOption = False) -> None:
    """Say in words what a transaction does and who has signed it. Needs no network."""
    from chain.keys import PublicKey
    from chain.wallet.output import print_json, telling_errors
    from chain.wallet.transaction_file import read_transaction_file
    from chain.wallet.words import render_body

    with telling_errors(as_json):
        transaction = read_transaction_file(file)
        if as_json:
            print_json(
                {
                    "id": transaction.id,
                    "chain_id": transaction.chain_id,
                    "says": transaction.describe(),
                    "fields": render_body(transaction.body),
                    "missing_signatures": [PublicKey(key).address for key in transaction.missing],
                }
            )
            return
        print(f"Transaction {transaction.id} of network {transaction.chain_id}:")
        print("\n".join(transaction.describe()))


def sign_command(
    file: FileArgument,
    key: KeyOption = DEFAULT_KEY_FILE,
    passphrase_file: PassphraseFileOption = None,
    network: NetworkOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write here instead of into the file itself.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Add a signature to a transaction file, after showing what it does. Needs no network."""
    from chain.wallet.key_access import Passphrases
    from chain.wallet.network_file import read_network_file
    from chain.wallet.output import CannotGoOn, print_json, telling_errors
    from chain.wallet.transaction_file import read_transaction_file
    from chain.wallet.words import describe_key

    with telling_errors(as_json):
        transaction = read_transaction_file(file)
        if network is not None:
            expected = read_network_file(network).chain_id
            if transaction.chain_id != expected:
                raise CannotGoOn(
                    f"{file} is for network {transaction.chain_id}, the network file is for {expected}"
                )
        if not as_json:
            print(f"Transaction {transaction.id} of network {transaction.chain_id}:")
            print("\n".join(transaction.describe()))
        transaction.sign(Passphrases(passphrase_file).open(key))
        target = out or file
        transaction.write(target, overwrite=target == file)
        missing = [describe_key(signer) for signer in transaction.missing]
        if as_json:
            print_json({"id": transaction.id, "file": str(target), "missing": len(missing)})
        elif missing:
            print(f"Signed, in {target}. Still to sign: {', '.join(missing)}.")
        else:
            print(f"Signed by all, in {target}. Send it: hexhaul wallet submit {target} --commit")


def submit_command(
    file: FileArgument,
    url: UrlOption = "",
    network: NetworkOption = None,
    commit: CommitOption = False,
    as_json: JsonOption = False,
) -> None:
    """Send a signed transaction file; a dry run until --commit. The same file twice is sent once."""
    from chain.keys import PublicKey
    from chain.wallet.making import finish, show_transaction, wait_and_finish
    from chain.wallet.output import CannotGoOn, fail, telling_errors
    from chain.wallet.transaction_file import read_transaction_file

    with telling_errors(as_json):
        transaction = read_transaction_file(file)
        session = open_session(url, network)
        if session.network.chain_id != transaction.chain_id:
            raise CannotGoOn(
                f"{file} is for network {transaction.chain_id}, this node's is {session.network.chain_id}"
            )
        parameters = session.ask(lambda chain: chain.parameters())
        known = session.ask(lambda chain: chain.transaction(transaction.id))
        check = session.ask(lambda chain: chain.check(transaction.encode()))
        shown = show_transaction(transaction, parameters, check, as_json)
        if known is not None and known.status != "rejected":
            wait_and_finish(session, transaction.id, shown, as_json)
            return
        if not check.is_valid:
            fail(as_json, check.reason or "refused", check.code or "refused", **shown)
        if transaction.missing:
            missing = ", ".join(PublicKey(key).address for key in transaction.missing)
            fail(as_json, f"{file} still has to be signed by {missing}", "not_signed", **shown)
        if not commit:
            finish(shown, as_json, "Nothing was sent. To send it, add --commit.")
            return
        id = session.ask(lambda chain: chain.submit(transaction.encode()))
        wait_and_finish(session, id, shown, as_json)
