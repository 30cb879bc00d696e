"""`hexhaul wallet create|info|backup|restore`: keys, encrypted unless somebody says otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chain.wallet.options import DEFAULT_KEY_FILE, JsonOption, KeyOption, NetworkOption, PassphraseFileOption

if TYPE_CHECKING:
    from chain.keys import Keypair
    from chain.wallet.key_access import Passphrases

NoPassphraseOption = Annotated[
    bool, typer.Option("--no-passphrase", help="Keep the key in plain sight: for services, not for owners.")
]
MainOption = Annotated[
    bool, typer.Option("--main", help="A key of a main network; without it, of a test network.")
]


def add_key_commands(app: typer.Typer) -> None:
    """Mount the four commands."""
    app.command("create")(create_command)
    app.command("info")(info_command)
    app.command("backup")(backup_command)
    app.command("restore")(restore_command)


def create_command(
    key: KeyOption = DEFAULT_KEY_FILE,
    passphrase_file: PassphraseFileOption = None,
    no_passphrase: NoPassphraseOption = False,
    network: NetworkOption = None,
    main: MainOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make a new key, in a file that only its passphrase opens."""
    from chain.keys import Keypair
    from chain.wallet.key_access import Passphrases
    from chain.wallet.output import telling_errors

    with telling_errors(as_json):
        _check_free(key)
        pair = Keypair.generate(_get_network(network, main))
        _save(pair, key, Passphrases(passphrase_file), no_passphrase)
        _tell(pair, key, as_json, "Back it up: hexhaul wallet backup FILE, or hexhaul wallet backup --words")


def info_command(key: KeyOption = DEFAULT_KEY_FILE, as_json: JsonOption = False) -> None:
    """Whose key a file holds. Needs no passphrase."""
    from chain.keys import NETWORK_TEST, read_public_key
    from chain.wallet.output import print_json, telling_errors

    with telling_errors(as_json):
        public_key, is_encrypted = read_public_key(key)
        facts = {
            "address": public_key.address,
            "name": public_key.name,
            "network": "test" if public_key.network == NETWORK_TEST else "main",
            "file": str(key),
            "encrypted": is_encrypted,
        }
        if as_json:
            print_json(facts)
            return
        for name, value in facts.items():
            shown = (
                ("yes" if value else "no: anybody with this file has the key")
                if name == "encrypted"
                else value
            )
            print(f"{name:10} {shown}")


def backup_command(
    to: Annotated[Path | None, typer.Argument(help="File for the encrypted backup.")] = None,
    words: Annotated[
        bool, typer.Option("--words", help="Or: show the 24 recovery words, for paper.")
    ] = False,
    key: KeyOption = DEFAULT_KEY_FILE,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Back a key up: to a file that its passphrase opens, or as 24 words."""
    from chain.keys import Keypair, read_public_key
    from chain.wallet.key_access import Passphrases
    from chain.wallet.output import CannotGoOn, print_json, telling_errors

    with telling_errors(as_json):
        if (to is None) is not words:
            raise CannotGoOn("say how: either a FILE for the encrypted backup, or --words")
        passphrases = Passphrases(passphrase_file)
        _, is_encrypted = read_public_key(key)
        if to is not None:
            _check_free(to)
            passphrase = ""

            def ask(address: str) -> str:
                nonlocal passphrase
                passphrase = passphrases.get(address)
                return passphrase

            pair = Keypair.load(key, ask)
            pair.save_encrypted(to, passphrase if is_encrypted else passphrases.choose())
            _tell(pair, to, as_json, f"Restore it: hexhaul wallet restore {to}")
            return
        pair = passphrases.open(key)
        if as_json:
            print_json({"address": pair.public_key.address, "words": pair.get_words()})
            return
        print(f"Who has these words has the key of {pair.public_key.address}. Write them on paper:")
        listed = pair.get_words().split()
        for row in range(6):
            print("".join(f"{4 * row + i + 1:3} {listed[4 * row + i]:10}" for i in range(4)).rstrip())


def restore_command(
    backup: Annotated[
        Path | None, typer.Argument(help="Encrypted backup; without it the words are asked.")
    ] = None,
    words_file: Annotated[Path | None, typer.Option(help="File (mode 600) with the 24 words.")] = None,
    key: KeyOption = DEFAULT_KEY_FILE,
    passphrase_file: PassphraseFileOption = None,
    no_passphrase: NoPassphraseOption = False,
    network: NetworkOption = None,
    main: MainOption = False,
    as_json: JsonOption = False,
) -> None:
    """Get a key back from its backup file or its words."""
    from chain.keys import Keypair
    from chain.wallet.key_access import Passphrases, read_words_file
    from chain.wallet.output import CannotGoOn, telling_errors

    with telling_errors(as_json):
        if backup is not None and words_file is not None:
            raise CannotGoOn("restore from one thing: either a backup file or --words-file")
        _check_free(key)
        passphrases = Passphrases(passphrase_file)
        if backup is not None:
            pair = passphrases.open(backup)
        else:
            pair = Keypair.from_words(read_words_file(words_file), _get_network(network, main))
        _save(pair, key, passphrases, no_passphrase)
        _tell(pair, key, as_json, "Compare the address with the one you know.")


def _get_network(network: str | None, main: bool) -> int:
    from chain.keys import NETWORK_MAIN, NETWORK_TEST
    from chain.wallet.network_file import get_network_byte, read_network_file

    if network is not None:
        return get_network_byte(read_network_file(network))
    return NETWORK_MAIN if main else NETWORK_TEST


def _check_free(path: Path) -> None:
    """Before a passphrase is asked: keys are never overwritten."""
    from chain.keys import KeyFileError

    if path.exists():
        raise KeyFileError(
            f"{path} exists already: keys are never overwritten, choose another name with --key"
        )


def _save(pair: Keypair, path: Path, passphrases: Passphrases, no_passphrase: bool) -> None:
    from chain.store.durable_file import make_folder

    make_folder(path.parent)
    if no_passphrase:
        pair.save(path)
    else:
        pair.save_encrypted(path, passphrases.choose())


def _tell(pair: Keypair, path: Path, as_json: bool, advice: str) -> None:
    from chain.wallet.output import print_json

    address, name = pair.public_key.address, pair.public_key.name
    if as_json:
        print_json({"address": address, "name": name, "file": str(path)})
        return
    print(f"{path} holds the key of {address} ({name}).")
    print(advice)
