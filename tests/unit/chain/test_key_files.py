import json
import multiprocessing
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mnemonic import Mnemonic

from chain.keys import (
    NETWORK_MAIN,
    Effort,
    InvalidWords,
    KeyFileError,
    KeyIsEncrypted,
    Keypair,
    UnfitPassphrase,
    WrongPassphrase,
    read_public_key,
)
from chain.keys.key_files import EncryptedKeyFile, decode_key_file
from chain.keys.keypair import AskPassphrase
from chain.keys.recovery_words import decode_words, encode_words
from chain.store.durable_file import write_file_durably


def test_save_and_load(tmp_path: Path) -> None:
    path = tmp_path / "owner.key"
    pair = Keypair.generate()
    pair.save(path)
    assert path.stat().st_mode & 0o777 == 0o600
    again = Keypair.load(path)
    assert again.public_key == pair.public_key
    assert again.sign(b"x") == pair.sign(b"x")
    assert list(tmp_path.iterdir()) == [path]


def test_the_secret_is_not_shown() -> None:
    assert repr(Keypair(b"\x07" * 32)) == f"Keypair({Keypair(bytes([7]) * 32).public_key.address})"


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "owner.key"
    pair = Keypair.generate()
    pair.save(path)
    with pytest.raises(KeyFileError, match="exists"):
        Keypair.generate().save(path)
    assert Keypair.load(path).public_key == pair.public_key


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_key_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "owner.key"
    Keypair.generate().save(path)
    path.chmod(mode)
    with pytest.raises(KeyFileError, match="chmod 600"):
        Keypair.load(path)


def test_a_missing_key(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="No such file"):
        Keypair.load(tmp_path / "no.key")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"\xff\xfe",
        b'{"kind":"ed25519","address":"x","seed":"00"}',
        b'{"kind":"ed25519","address":"1bijtibPhc16wx4oJbyK8vtkAgdoRoaUvJeo7rXBnBCufEYakfd","seed":"zz"}',
        b'{"kind":"ed25519","address":"1bijtibPhc16wx4oJbyK8vtkAgdoRoaUvJeo7rXBnBCufEYakfd","seed":"'
        + b"00" * 32
        + b'"}',
    ],
)
def test_damaged_key_files(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "owner.key"
    write_file_durably(path, content, mode=0o600)
    with pytest.raises(KeyFileError):
        Keypair.load(path)


def _load_or_create(path: Path) -> str:
    return Keypair.load_or_create(path).public_key.address


def test_processes_that_race_get_one_key(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "owner.key"
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        addresses = pool.map(_load_or_create, [path] * 8)
    assert len(set(addresses)) == 1
    assert [p.name for p in path.parent.iterdir()] == ["owner.key"]


def test_durable_file_replaces_whole_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "network.json"
    write_file_durably(path, b"one")
    write_file_durably(path, b"two")
    assert path.read_bytes() == b"two"
    assert path.stat().st_mode & 0o777 == 0o644
    with pytest.raises(FileExistsError):
        write_file_durably(path, b"three", overwrite=False)
    assert path.read_bytes() == b"two"
    assert list(tmp_path.iterdir()) == [path]


# Encrypted files, words

QUICK = Effort(passes=1, memory_bytes=8192)
PASSPHRASE = "correct horse battery"


def ask(passphrase: str) -> AskPassphrase:
    return lambda address: passphrase


def save_encrypted(folder: Path) -> tuple[Path, Keypair]:
    path, pair = folder / "owner.key", Keypair(b"\x09" * 32)
    pair.save_encrypted(path, PASSPHRASE, QUICK)
    return path, pair


def rewrite(path: Path, **changes: object) -> None:
    """Change values of an encrypted file and make its checksum fit, as somebody would who means it."""
    file = decode_key_file(path.read_bytes())
    assert isinstance(file, EncryptedKeyFile)
    file = msgspec.structs.replace(file, **changes)
    file.checksum = file.compute_checksum()
    path.write_bytes(msgspec.json.encode(file))


def test_encrypted_file_gives_the_same_key(tmp_path: Path) -> None:
    path, pair = save_encrypted(tmp_path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert b"09" * 32 not in path.read_bytes()
    asked: list[str] = []
    again = Keypair.load(path, lambda address: asked.append(address) or PASSPHRASE)
    assert asked == [pair.public_key.address]
    assert again.sign(b"x") == pair.sign(b"x")
    assert read_public_key(path) == (pair.public_key, True)


def test_usual_effort_is_libsodiums_moderate_one(tmp_path: Path) -> None:
    path, pair = tmp_path / "owner.key", Keypair.generate()
    pair.save_encrypted(path, PASSPHRASE)
    file = decode_key_file(path.read_bytes())
    assert isinstance(file, EncryptedKeyFile)
    assert (file.effort.passes, file.effort.memory_bytes) == (3, 256 * 1024 * 1024)
    assert Keypair.load(path, ask(PASSPHRASE)).public_key == pair.public_key


def test_two_files_of_one_key_share_nothing(tmp_path: Path) -> None:
    pair = Keypair(bytes(32))
    files = []
    for name in ("a", "b"):
        pair.save_encrypted(tmp_path / name, PASSPHRASE, QUICK)
        files.append(decode_key_file((tmp_path / name).read_bytes()))
    assert files[0].salt != files[1].salt and files[0].nonce != files[1].nonce
    assert files[0].encrypted_seed != files[1].encrypted_seed


def test_the_same_passphrase_however_it_is_typed(tmp_path: Path) -> None:
    path, pair = tmp_path / "owner.key", Keypair.generate()
    pair.save_encrypted(path, "cafe\u0301 au lait", QUICK)
    assert Keypair.load(path, ask("caf\u00e9 au lait")).public_key == pair.public_key


def test_nobody_to_ask(tmp_path: Path) -> None:
    path, _ = save_encrypted(tmp_path)
    with pytest.raises(KeyIsEncrypted, match=f"key file {path} is encrypted: wallet commands open it"):
        Keypair.load(path)


@pytest.mark.parametrize("passphrase", ["", "correct horse batterx", PASSPHRASE + " ", PASSPHRASE.upper()])
def test_wrong_passphrase(tmp_path: Path, passphrase: str) -> None:
    path, _ = save_encrypted(tmp_path)
    with pytest.raises(WrongPassphrase, match="doesn't open with this passphrase"):
        Keypair.load(path, ask(passphrase))


@pytest.mark.parametrize("passphrase", ["", "1234567", "x" * 1025])
def test_unfit_new_passphrases(tmp_path: Path, passphrase: str) -> None:
    with pytest.raises(UnfitPassphrase):
        Keypair.generate().save_encrypted(tmp_path / "owner.key", passphrase, QUICK)
    assert list(tmp_path.iterdir()) == []


def test_truncated_anywhere_is_one_clear_line(tmp_path: Path) -> None:
    path, _ = save_encrypted(tmp_path)
    content = path.read_bytes()
    for length in range(len(content) - 2):
        path.write_bytes(content[:length])
        with pytest.raises(KeyFileError, match="damaged: restore it from a backup") as caught:
            Keypair.load(path, ask(PASSPHRASE))
        assert "\n" not in str(caught.value)


@given(st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_changed_byte_never_gives_another_key(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "owner.key"
    if not path.exists():
        save_encrypted(tmp_path)
        (tmp_path / "whole").write_bytes(path.read_bytes())
    content = bytearray((tmp_path / "whole").read_bytes())
    index = data.draw(st.integers(0, len(content) - 1))
    content[index] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        assert Keypair.load(path, ask(PASSPHRASE)).public_key == Keypair(b"\x09" * 32).public_key
    except KeyFileError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"address": Keypair(bytes(32)).public_key.address}, "doesn't open"),
        ({"effort": Effort(2, 8192)}, "doesn't open"),
        ({"salt": "00" * 16}, "doesn't open"),
        ({"nonce": "00" * 24}, "doesn't open"),
        ({"encrypted_seed": "00" * 48}, "doesn't open"),
        ({"encrypted_seed": "00"}, "doesn't open"),
        ({"encrypted_seed": "zz"}, "doesn't open"),
        ({"salt": "00"}, "damaged"),
        ({"nonce": "xy"}, "damaged"),
        ({"version": 2}, "version 2"),
        ({"effort": Effort(17, 8192)}, "17 passes"),
        ({"effort": Effort(0, 8192)}, "0 passes"),
        ({"effort": Effort(1, 2 << 30)}, "bytes of memory"),
        ({"effort": Effort(1, 0)}, "bytes of memory"),
    ],
)
def test_a_file_changed_on_purpose(tmp_path: Path, changes: dict[str, object], says: str) -> None:
    path, _ = save_encrypted(tmp_path)
    rewrite(path, **changes)
    with pytest.raises(KeyFileError, match=says) as caught:
        Keypair.load(path, ask(PASSPHRASE))
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)


def test_damage_is_told_from_a_wrong_passphrase(tmp_path: Path) -> None:
    path, _ = save_encrypted(tmp_path)
    content = path.read_bytes().replace(b'"salt": "', b'"salt": "00')
    path.write_bytes(content)
    with pytest.raises(KeyFileError, match="checksum is wrong"):
        Keypair.load(path, ask(PASSPHRASE))


def test_words_give_the_key_back() -> None:
    pair = Keypair.generate()
    words = pair.get_words()
    assert len(words.split()) == 24
    again = Keypair.from_words(f"  {words.upper()}\n")
    assert again.sign(b"x") == pair.sign(b"x")


@given(st.binary(min_size=32, max_size=32))
def test_words_of_any_seed(seed: bytes) -> None:
    assert decode_words(encode_words(seed)) == seed


def test_words_as_bip_39_has_them() -> None:
    """The vectors of BIP-39 for 32 bytes (trezor/python-mnemonic, vectors.json)."""
    assert encode_words(bytes(32)) == "abandon " * 23 + "art"
    assert encode_words(b"\xff" * 32) == "zoo " * 23 + "vote"
    assert decode_words("legal winner thank year wave sausage worth useful " * 2 + (
        "legal winner thank year wave sausage worth title"
    )) == b"\x7f" * 32  # fmt: skip


def test_twelve_words_of_heliums_app(shared: Path) -> None:
    """Their 16 bytes twice are the seed, and its address is Helium's."""
    vectors = json.loads((shared / "vectors/chain/address_animal_names.json").read_text())
    case = vectors["ed25519_seed_to_address"][0]
    half = bytes.fromhex(case["seed_hex"])[:16]
    words = Mnemonic("english").to_mnemonic(half)
    assert len(words.split()) == 12
    assert Keypair.from_words(words, NETWORK_MAIN).public_key.address == case["address"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "0 words"),
        ("abandon " * 23, "23 words"),
        ("abandon " * 25, "25 words"),
        ("abandon " * 24, "checksum"),
        ("abandon " * 22 + "art abandon", "checksum"),
        ("abandon " * 22 + "abandom art", "word 23 is not in the list: did you mean 'abandon'"),
        ("abandon " * 23 + "1234567890", "word 24 is not in the list"),
        ("abandon " * 23 + "\x00", "word 24 is not in the list"),
    ],
)
def test_words_that_are_no_key(text: str, says: str) -> None:
    with pytest.raises(InvalidWords, match=says):
        decode_words(text)
