"""What a key file holds: a plain secret for services, or one that a passphrase encrypts, for owners.

A service (hotspot, router's voucher, producer) must start by itself after a power cut, so its key lies in a
plain file that only its user can read. An owner's key moves money and is needed seldom: its file is
encrypted, and a stolen disk or backup is worth nothing without the passphrase.

Encrypted: Argon2id makes the key out of the passphrase (RFC 9106; libsodium's "moderate" effort, about 256 MB
and half a second, so that guessing is dear), XChaCha20-Poly1305 encrypts the seed and authenticates
everything else in the file. Effort and salt stand in the file, so that they can grow later without a new
format. A checksum over all of it tells damage from a wrong passphrase; against whoever changes a file on
purpose the authentication stands, not the checksum. Both primitives are libsodium's, through PyNaCl.
"""

from __future__ import annotations

import os
import unicodedata
from hashlib import sha256
from typing import Literal

import msgspec
from nacl.exceptions import CryptoError
from nacl.pwhash import argon2id
from nacl.secret import Aead

SEED_BYTES = 32
MAX_FILE_BYTES = 4096
MIN_PASSPHRASE_CHARACTERS = 8
MAX_PASSPHRASE_CHARACTERS = 1024
#: A file may ask for no more than this: one from somebody else must not eat the machine.
MAX_MEMORY_BYTES = 1 << 30
MAX_PASSES = 16

_VERSION = 1
_DOMAIN = b"hexhaul/key-file/1\x00"


class KeyFileError(Exception):
    """A key file is missing, unreadable, damaged or open to others; the message names file and remedy."""


class KeyIsEncrypted(KeyFileError):
    """The file is encrypted and no passphrase was given."""


class WrongPassphrase(KeyFileError):
    """The passphrase doesn't open the file."""


class UnfitPassphrase(ValueError):
    """A new passphrase that is too short or too long."""


class Effort(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one guess of a passphrase costs."""

    passes: int = argon2id.OPSLIMIT_MODERATE
    memory_bytes: int = argon2id.MEMLIMIT_MODERATE


USUAL_EFFORT = Effort()


class PlainKeyFile(msgspec.Struct, forbid_unknown_fields=True):
    """A secret in plain sight, as JSON: readable, so that its owner can see which key it is."""

    kind: Literal["ed25519"]
    address: str
    seed: str


class EncryptedKeyFile(msgspec.Struct, forbid_unknown_fields=True):
    """A secret that a passphrase opens, as JSON; all bytes in hex."""

    kind: Literal["ed25519-encrypted"]
    version: int
    address: str
    kdf: Literal["argon2id"]
    effort: Effort
    salt: str
    cipher: Literal["xchacha20-poly1305"]
    nonce: str
    encrypted_seed: str
    checksum: str

    def compute_checksum(self) -> str:
        """First 8 bytes of SHA-256 over all other values."""
        values = msgspec.json.encode(msgspec.structs.replace(self, checksum=""), order="sorted")
        return sha256(_DOMAIN + values).hexdigest()[:16]

    def get_authenticated_values(self) -> bytes:
        """What the cipher authenticates beside the seed: all that says how to decrypt, and for which
        address.
        """
        values = [self.kind, self.version, self.address, self.kdf, self.effort, self.salt, self.cipher]
        return _DOMAIN + msgspec.json.encode(values)


def encode_plain_file(seed: bytes, address: str) -> bytes:
    """Return the content of a plain key file."""
    return msgspec.json.encode(PlainKeyFile(kind="ed25519", address=address, seed=seed.hex())) + b"\n"


def encode_encrypted_file(seed: bytes, address: str, passphrase: str, effort: Effort = USUAL_EFFORT) -> bytes:
    """Return the content of an encrypted key file. Takes the time that `effort` says. Raises
    UnfitPassphrase.
    """
    file = EncryptedKeyFile(
        kind="ed25519-encrypted",
        version=_VERSION,
        address=address,
        kdf="argon2id",
        effort=effort,
        salt=os.urandom(argon2id.SALTBYTES).hex(),
        cipher="xchacha20-poly1305",
        nonce=os.urandom(Aead.NONCE_SIZE).hex(),
        encrypted_seed="",
        checksum="",
    )
    box = Aead(_derive_key(check_new_passphrase(passphrase), file))
    encrypted = box.encrypt(seed, file.get_authenticated_values(), bytes.fromhex(file.nonce))
    file.encrypted_seed = encrypted.ciphertext.hex()
    file.checksum = file.compute_checksum()
    return msgspec.json.format(msgspec.json.encode(file), indent=2) + b"\n"


def decode_key_file(content: bytes) -> PlainKeyFile | EncryptedKeyFile:
    """Parse a key file, still closed. Raises KeyFileError (the message lacks the file's name)."""
    if len(content) > MAX_FILE_BYTES:
        raise KeyFileError("is too large for a key file")
    try:
        file = msgspec.json.decode(content, type=_AnyKind)
        if file.kind == "ed25519-encrypted":
            encrypted = msgspec.json.decode(content, type=EncryptedKeyFile)
            _check_encrypted(encrypted)
            return encrypted
        return msgspec.json.decode(content, type=PlainKeyFile)
    except (msgspec.MsgspecError, ValueError) as error:
        raise KeyFileError("is damaged: restore it from a backup") from error


def open_key_file(file: PlainKeyFile | EncryptedKeyFile, passphrase: str | None) -> bytes:
    """Return the 32-byte seed. Raises KeyIsEncrypted, WrongPassphrase, KeyFileError (damaged).

    That the seed belongs to the file's address is the caller's check.
    """
    if isinstance(file, PlainKeyFile):
        try:
            seed = bytes.fromhex(file.seed)
        except ValueError as error:
            raise KeyFileError("is damaged: restore it from a backup") from error
    else:
        if passphrase is None:
            raise KeyIsEncrypted(
                "is encrypted: wallet commands open it with its passphrase; a service needs a plain key"
            )
        box = Aead(_derive_key(_normalize(passphrase), file))
        try:
            seed = box.decrypt(
                bytes.fromhex(file.encrypted_seed), file.get_authenticated_values(), bytes.fromhex(file.nonce)
            )
        except (CryptoError, ValueError) as error:
            raise WrongPassphrase("doesn't open with this passphrase: try again") from error
    if len(seed) != SEED_BYTES:
        raise KeyFileError("is damaged: restore it from a backup")
    return seed


def check_new_passphrase(passphrase: str) -> str:
    """Return the passphrase in the one form that is hashed (Unicode NFKC). Raises UnfitPassphrase."""
    normal = _normalize(passphrase)
    if len(normal) < MIN_PASSPHRASE_CHARACTERS:
        raise UnfitPassphrase(
            f"a passphrase of {len(normal)} characters is soon guessed: at least {MIN_PASSPHRASE_CHARACTERS}"
        )
    if len(normal) > MAX_PASSPHRASE_CHARACTERS:
        raise UnfitPassphrase(f"a passphrase has at most {MAX_PASSPHRASE_CHARACTERS} characters")
    return normal


class _AnyKind(msgspec.Struct):
    """What says which kind of key file it is."""

    kind: Literal["ed25519", "ed25519-encrypted"]


def _check_encrypted(file: EncryptedKeyFile) -> None:
    if file.version != _VERSION:
        raise KeyFileError(f"has version {file.version}, this program knows {_VERSION}: use a newer one")
    if file.checksum != file.compute_checksum():
        raise KeyFileError("is damaged (its checksum is wrong): restore it from a backup")
    passes, memory = file.effort.passes, file.effort.memory_bytes
    if not (argon2id.OPSLIMIT_MIN <= passes <= MAX_PASSES):
        raise KeyFileError(f"asks for {passes} passes of Argon2id: this program does 1 to {MAX_PASSES}")
    if not (argon2id.MEMLIMIT_MIN <= memory <= MAX_MEMORY_BYTES):
        raise KeyFileError(f"asks for {memory} bytes of memory: at most {MAX_MEMORY_BYTES}")
    lengths = (len(bytes.fromhex(file.salt)), len(bytes.fromhex(file.nonce)))
    if lengths != (argon2id.SALTBYTES, Aead.NONCE_SIZE):
        raise KeyFileError("is damaged: restore it from a backup")


def _derive_key(passphrase: str, file: EncryptedKeyFile) -> bytes:
    return argon2id.kdf(
        Aead.KEY_SIZE,
        passphrase.encode("utf-8"),
        bytes.fromhex(file.salt),
        opslimit=file.effort.passes,
        memlimit=file.effort.memory_bytes,
    )


def _normalize(passphrase: str) -> str:
    """The same text however a keyboard composes its accents."""
    return unicodedata.normalize("NFKC", passphrase)
