"""`hexhaul wallet create|info|backup|restore`, as somebody types them. No node is needed."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from chain.keys import NETWORK_MAIN, Effort, Keypair, PublicKey, read_public_key
from chain.wallet.cli import app

QUICK = Effort(passes=1, memory_bytes=8192)
PASSPHRASE = "correct horse battery"


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_secret("pass", PASSPHRASE + "\n")
    write_secret("other", "not this one, sorry\n")
    for name in ("HEXHAUL_WALLET", "HEXHAUL_NETWORK", "HEXHAUL_CHAIN"):
        monkeypatch.delenv(name, raising=False)
    # The real effort has its own test; half a second for each file would only be slow here.
    monkeypatch.setattr("chain.keys.keypair.Keypair.save_encrypted.__defaults__", (QUICK,))


def write_secret(name: str, text: str, mode: int = 0o600) -> None:
    path = Path(name)
    path.write_text(text)
    path.chmod(mode)


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def works(*words: str) -> str:
    result = run(*words)
    assert result.exit_code == 0, result.output
    return result.stdout


def fails(*words: str, says: str) -> None:
    result = run(*words)
    assert result.exit_code == 1, result.output
    assert result.stdout == "" and len(result.stderr.splitlines()) == 1, result.output
    assert says in result.stderr


def test_a_new_key_is_encrypted() -> None:
    text = works("create", "--passphrase-file", "pass")
    public_key, is_encrypted = read_public_key("wallet.key")
    assert is_encrypted and public_key.address in text and public_key.name in text
    assert Path("wallet.key").stat().st_mode & 0o777 == 0o600
    assert Keypair.load("wallet.key", lambda _: PASSPHRASE).public_key == public_key


def test_a_key_in_plain_sight_has_to_be_asked_for() -> None:
    works("create", "--no-passphrase", "--key", "services/hotspot.key")
    assert read_public_key("services/hotspot.key")[1] is False
    Keypair.load("services/hotspot.key")


def test_which_network() -> None:
    works("create", "--no-passphrase", "--main")
    assert read_public_key("wallet.key")[0].network == NETWORK_MAIN


def test_a_key_is_not_overwritten() -> None:
    works("create", "--passphrase-file", "pass")
    before = Path("wallet.key").read_bytes()
    fails("create", "--passphrase-file", "pass", says="never overwritten")
    fails("restore", "--words-file", "pass", says="never overwritten")
    assert Path("wallet.key").read_bytes() == before


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "no terminal to ask for a passphrase"),
        (("--passphrase-file", "none"), "No such file"),
        (("--passphrase-file", "."), "Is a directory"),
        (("--passphrase-file", "open"), "chmod 600 open"),
        (("--passphrase-file", "short"), "5 characters is soon guessed: at least 8"),
        (("--passphrase-file", "binary"), "not text in UTF-8"),
        (("--passphrase-file", "pass", "--network", "none.json"), "No such file"),
        (("--passphrase-file", "pass", "--network", "pass"), "no network file"),
    ],
)
def test_passphrases_that_cannot_be_had(words: tuple[str, ...], says: str) -> None:
    write_secret("open", PASSPHRASE, 0o644)
    write_secret("short", "short\n")
    Path("binary").write_bytes(b"\xff\xfe" * 10)
    Path("binary").chmod(0o600)
    fails("create", *words, says=says)
    assert not Path("wallet.key").exists()


def test_info_needs_no_passphrase() -> None:
    works("create", "--passphrase-file", "pass")
    address = read_public_key("wallet.key")[0].address
    text = works("info")
    assert address in text and "encrypted  yes" in text and "network    test" in text
    facts = json.loads(works("info", "--json"))
    assert facts["address"] == address and facts["encrypted"] is True
    works("create", "--no-passphrase", "--key", "plain.key")
    assert "anybody with this file has the key" in works("info", "--key", "plain.key")
    fails("info", "--key", "none.key", says="key file none.key: No such file")


def test_backup_and_restore_by_file() -> None:
    works("create", "--passphrase-file", "pass")
    text = works("backup", "backup.key", "--passphrase-file", "pass")
    assert "hexhaul wallet restore backup.key" in text
    assert Path("backup.key").stat().st_mode & 0o777 == 0o600
    works("restore", "backup.key", "--key", "again.key", "--passphrase-file", "pass")
    one, again = (Keypair.load(name, lambda _: PASSPHRASE) for name in ("wallet.key", "again.key"))
    assert again.sign(b"x") == one.sign(b"x") and again.public_key == one.public_key


def test_a_plain_key_is_backed_up_encrypted() -> None:
    works("create", "--no-passphrase")
    works("backup", "backup.key", "--passphrase-file", "pass")
    assert read_public_key("backup.key") == (read_public_key("wallet.key")[0], True)


def test_backup_and_restore_by_words() -> None:
    works("create", "--passphrase-file", "pass")
    answer = json.loads(works("backup", "--words", "--passphrase-file", "pass", "--json"))
    assert len(answer["words"].split()) == 24
    shown = works("backup", "--words", "--passphrase-file", "pass")
    for number, word in enumerate(answer["words"].split(), 1):
        assert f"{number:3} {word}" in shown
    write_secret("words", answer["words"])
    works("restore", "--words-file", "words", "--key", "again.key", "--passphrase-file", "pass")
    one, again = (Keypair.load(name, lambda _: PASSPHRASE) for name in ("wallet.key", "again.key"))
    assert again.sign(b"x") == one.sign(b"x")
    works("restore", "--words-file", "words", "--key", "main.key", "--no-passphrase", "--main")
    main = read_public_key("main.key")[0]
    assert main == PublicKey(b"\x01" + one.public_key.binary[1:])


def test_backup_that_cannot_be() -> None:
    works("create", "--passphrase-file", "pass")
    fails("backup", says="either a FILE")
    fails("backup", "b.key", "--words", says="either a FILE")
    fails("backup", "pass", "--passphrase-file", "pass", says="pass exists already")
    fails("backup", "b.key", "--passphrase-file", "other", says="doesn't open with this passphrase")
    fails("backup", "--words", "--passphrase-file", "other", says="doesn't open with this passphrase")
    fails("backup", "none/b.key", "--passphrase-file", "pass", says="No such file or directory")
    assert not Path("b.key").exists()


def test_restore_that_cannot_be() -> None:
    works("create", "--key", "b.key", "--passphrase-file", "pass")
    content = Path("b.key").read_bytes()
    fails("restore", "b.key", "--passphrase-file", "other", says="doesn't open with this passphrase")
    fails("restore", "none.key", "--passphrase-file", "pass", says="No such file")
    Path("b.key").write_bytes(content[:-20])
    fails("restore", "b.key", "--passphrase-file", "pass", says="damaged: restore it from a backup")
    Path("b.key").write_bytes(content.replace(b'"nonce": "', b'"nonce": "0'))
    fails("restore", "b.key", "--passphrase-file", "pass", says="checksum is wrong")
    write_secret("words", "abandon " * 24)
    fails("restore", "--words-file", "words", "--passphrase-file", "pass", says="checksum is wrong")
    fails("restore", "b.key", "--words-file", "words", says="from one thing")
    fails("restore", says="no terminal")
    assert not Path("wallet.key").exists()


def test_errors_for_programs() -> None:
    result = run("info", "--key", "none.key", "--json")
    assert result.exit_code == 1 and result.stderr == ""
    error = json.loads(result.stdout)["error"]
    assert error["code"] == "key_file_error" and "none.key" in error["message"]


@pytest.mark.parametrize(
    "typed", [(PASSPHRASE, PASSPHRASE), (PASSPHRASE, "another one", PASSPHRASE, PASSPHRASE)]
)
def test_a_passphrase_is_asked_for_without_being_shown(typed: tuple[str, ...], tmp_path: Path) -> None:
    """At a real terminal: asked twice until both are the same, and never echoed."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", "from chain.wallet.cli import app; app()", "create"],
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3])},
        preexec_fn=lambda: __import__("fcntl").ioctl(theirs, __import__("termios").TIOCSCTTY, 0),
    )  # fmt: skip
    os.close(theirs)
    screen = b""
    waiting = list(typed)
    while True:
        try:
            got = os.read(ours, 4096)
        except OSError:
            break
        if not got:
            break
        screen += got
        # The prompt's last space comes once the terminal no longer echoes, and drops what was typed before.
        if waiting and screen.endswith(b": "):
            os.write(ours, waiting.pop(0).encode() + b"\n")
    assert process.wait(60) == 0, screen
    assert PASSPHRASE.encode() not in screen and not waiting
    assert Keypair.load(tmp_path / "wallet.key", lambda _: PASSPHRASE)
