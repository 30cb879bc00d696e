"""Our own keys: Ed25519, in files that only their owner can read."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import msgspec
from nacl.bindings import crypto_sign, crypto_sign_seed_keypair

from chain.keys.address import KEY_TYPE_ED25519, NETWORK_MAIN, NETWORK_TEST
from chain.keys.public_key import ED25519_SIGNATURE_BYTES, PublicKey
from chain.store.durable_file import make_folder, write_file_durably

SEED_BYTES = 32
_MAX_FILE_BYTES = 4096


class KeyFileError(Exception):
    """A key file is missing, unreadable, damaged or open to others; the message names file and remedy."""


class _KeyFile(msgspec.Struct, forbid_unknown_fields=True):
    """What a key file holds, as JSON: readable, so that its owner can see which key it is."""

    kind: str
    address: str
    seed: str


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
    def load(cls, path: Path | str) -> Keypair:
        """Read a key file.

        Raises KeyFileError where the file is missing, damaged, or readable by anybody but its owner.
        """
        path = Path(path)
        try:
            mode = path.stat().st_mode
            content = path.read_bytes()[: _MAX_FILE_BYTES + 1]
        except OSError as error:
            raise KeyFileError(f"key file {path}: {error.strerror}") from error
        if stat.S_IMODE(mode) & 0o077:
            raise KeyFileError(
                f"key file {path} is open to others (mode {stat.S_IMODE(mode):o}): chmod 600 {path}"
            )
        try:
            file = msgspec.json.decode(content, type=_KeyFile)
            public_key = PublicKey.from_address(file.address)
            pair = cls(bytes.fromhex(file.seed), public_key.network)
        except (msgspec.DecodeError, ValueError) as error:
            raise KeyFileError(f"key file {path} is damaged: restore it from a backup") from error
        if file.kind != "ed25519" or pair.public_key != public_key:
            raise KeyFileError(f"key file {path}: the secret doesn't belong to address {file.address}")
        return pair

    def save(self, path: Path | str) -> None:
        """Write the key durably, mode 600. Raises KeyFileError where the file exists: keys are never
        overwritten.
        """
        path = Path(path)
        file = _KeyFile(kind="ed25519", address=self.public_key.address, seed=self._seed.hex())
        try:
            write_file_durably(path, msgspec.json.encode(file) + b"\n", mode=0o600, overwrite=False)
        except OSError as error:
            raise KeyFileError(f"key file {path}: {error.strerror}") from error

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
