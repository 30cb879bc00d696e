import multiprocessing
from pathlib import Path

import pytest

from chain.keys import KeyFileError, Keypair
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
