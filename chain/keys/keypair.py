"""Our own keys: Ed25519, in files that only their owner can read."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

from nacl.bindings import crypto_sign, crypto_sign_seed_keypair

from chain.keys.address import KEY_TYPE_ED25519, NETWORK_MAIN, NETWORK_TEST
from chain.keys.key_files import (
    MAX_FILE_BYTES,
    SEED_BYTES,
    USUAL_EFFORT,
    Effort,
    EncryptedKeyFile,
    KeyFileError,
    KeyIsEncrypted,
    PlainKeyFile,
    WrongPassphrase,
    decode_key_file,
    encode_encrypted_file,
    encode_plain_file,
    open_key_file,
)
from chain.keys.public_key import ED25519_SIGNATURE_BYTES, InvalidPublicKey, PublicKey
from chain.keys.recovery_words import decode_words, encode_words
from chain.store.durable_file import make_folder, write_file_durably

AskPassphrase = Callable[[str], str]
"""Gets a passphrase from somebody; called with the address of the key that needs it."""


class Keypair:
    """An Ed25519 key that can sign. The secret is never printed: repr shows the address only."""

    def __init__(self, seed: bytes, network: int = NETWORK_TEST) -> None:
        if len(seed) != SEED_BYTES:
            raise ValueError(f"seed of {len(seed)} bytes: must be {SEED_BYTES}")
        if network not in (NETWORK_MAIN, NETWORK_TEST):
            raise ValueError(f"unknown network 0x{network:02x}")
        public, self._secret = crypto_sign_seed_keypair(seed)
        self._seed = seed
        self.public_key = PublicKey(bytes([network | KEY_TYPE_ED25519]) + public)

    @classmethod
    def generate(cls, network: int = NETWORK_TEST) -> Keypair:
        """Make a new key from the operating system's randomness."""
        return cls(os.urandom(SEED_BYTES), network)

    def sign(self, message: bytes) -> bytes:
        """Return the 64-byte signature (RFC 8032, deterministic)."""
        return crypto_sign(message, self._secret)[:ED25519_SIGNATURE_BYTES]

    @classmethod
    def from_words(cls, text: str, network: int = NETWORK_TEST) -> Keypair:
        """The key of 24 recovery words. Raises InvalidWords."""
        return cls(decode_words(text), network)

    def get_words(self) -> str:
        """The 24 recovery words: who has them has the key."""
        return encode_words(self._seed)

    @classmethod
    def load(cls, path: Path | str, ask_passphrase: AskPassphrase | None = None) -> Keypair:
        """Read a key file; an encrypted one asks `ask_passphrase` for its passphrase.

        Raises KeyFileError where the file is missing, damaged, or readable by anybody but its owner,
        KeyIsEncrypted where there is nobody to ask, WrongPassphrase.
        """
        path = Path(path)
        file, public_key = _read(path)
        passphrase = None
        if isinstance(file, EncryptedKeyFile) and ask_passphrase is not None:
            passphrase = ask_passphrase(public_key.address)
        try:
            pair = cls(open_key_file(file, passphrase), public_key.network)
        except (KeyIsEncrypted, WrongPassphrase) as error:
            raise type(error)(f"key file {path} {error}") from error
        except KeyFileError as error:
            raise KeyFileError(f"key file {path} {error}") from error
        if pair.public_key != public_key:
            raise KeyFileError(f"key file {path}: the secret doesn't belong to address {file.address}")
        return pair

    def save(self, path: Path | str) -> None:
        """Write the key in plain, durably, mode 600: for services. Raises KeyFileError where the file exists:
        keys are never overwritten.
        """
        _write(Path(path), encode_plain_file(self._seed, self.public_key.address))

    def save_encrypted(self, path: Path | str, passphrase: str, effort: Effort = USUAL_EFFORT) -> None:
        """Write the key encrypted, durably, mode 600: for owners. Raises as `save`, and UnfitPassphrase."""
        _write(Path(path), encode_encrypted_file(self._seed, self.public_key.address, passphrase, effort))

    @classmethod
    def load_or_create(cls, path: Path | str, network: int = NETWORK_TEST) -> Keypair:
        """Read the key file, or make a new key and save it there first. Two processes racing get the same
        key.
        """
        path = Path(path)
        if not path.exists():
            make_folder(path.parent)
            try:
                cls.generate(network).save(path)
            except KeyFileError:
                if not path.exists():
                    raise
        return cls.load(path)

    def __repr__(self) -> str:
        return f"Keypair({self.public_key.address})"


def read_public_key(path: Path | str) -> tuple[PublicKey, bool]:
    """Return whose key a file holds and whether it is encrypted, without opening it. Raises KeyFileError."""
    file, public_key = _read(Path(path))
    return public_key, isinstance(file, EncryptedKeyFile)


def _read(path: Path) -> tuple[PlainKeyFile | EncryptedKeyFile, PublicKey]:
    try:
        mode = path.stat().st_mode
        with path.open("rb") as stream:
            content = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise KeyFileError(f"key file {path}: {error.strerror}") from error
    if stat.S_IMODE(mode) & 0o077:
        raise KeyFileError(
            f"key file {path} is open to others (mode {stat.S_IMODE(mode):o}): chmod 600 {path}"
        )
    try:
        file = decode_key_file(content)
        return file, PublicKey.from_address(file.address)
    except KeyFileError as error:
        raise KeyFileError(f"key file {path} {error}") from error
    except InvalidPublicKey as error:
        raise KeyFileError(f"key file {path} is damaged: restore it from a backup") from error


def _write(path: Path, content: bytes) -> None:
    try:
        write_file_durably(path, content, mode=0o600, overwrite=False)
    except OSError as error:
        raise KeyFileError(f"key file {path}: {error.strerror}") from error
