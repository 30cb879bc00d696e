"""A transaction as a file: made where the network is, signed where the keys are, submitted by anybody.

The file holds the canonical bytes that all signers sign, who has to sign and who has, and for people every
field beside them. What is signed are the bytes; so that nobody is shown one thing and signs another, a file
whose readable fields say something else than its bytes is refused, and what a signer gets to read is made
from the bytes.
"""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import Any, Literal

import msgspec

from chain.keys import Keypair, PublicKey
from chain.store.durable_file import write_file_durably
from chain.transactions.encoding import (
    MAX_TRANSACTION_BYTES,
    compute_signing_bytes,
    compute_transaction_id,
    decode_transaction,
    encode_transaction,
)
from chain.transactions.reasons import InvalidTransaction
from chain.transactions.signing import get_signers
from chain.transactions.types import SignedTransaction, TransactionBody
from chain.wallet.words import describe_key, describe_transaction, render_body

MAX_FILE_BYTES = 16 * MAX_TRANSACTION_BYTES


class InvalidTransactionFile(ValueError):
    """The file can't be read or isn't what it says; the message names it and what is wrong."""


class NotASigner(ValueError):
    """A key that this transaction doesn't need."""


class _Signer(msgspec.Struct, forbid_unknown_fields=True):
    address: str
    signature: str | None
    """Hex, or null where this signer hasn't signed."""


class _File(msgspec.Struct, forbid_unknown_fields=True):
    kind: Literal["hexhaul-transaction"]
    version: Literal[1]
    chain_id: str
    id: str
    says: list[str]
    fields: dict[str, Any]
    body: str
    """base64 of the encoded transaction without signatures."""
    signers: list[_Signer]


class TransactionFile:
    """A transaction on its way: a body, its chain, and the signatures that are there."""

    def __init__(self, chain_id: str, body: TransactionBody, signatures: dict[bytes, bytes]) -> None:
        self.chain_id = chain_id
        self.body = body
        self.signatures = signatures
        """Key -> signature, of those that have signed."""

    @property
    def id(self) -> str:
        """Hex of the transaction's id."""
        return compute_transaction_id(self.chain_id, self.body).hex()

    @property
    def missing(self) -> list[bytes]:
        """The keys that still have to sign."""
        return [key for key in get_signers(self.body) if key not in self.signatures]

    def sign(self, keypair: Keypair) -> None:
        """Add the signature of a key. Raises NotASigner."""
        key = keypair.public_key.binary
        if key not in get_signers(self.body):
            signers = ", ".join(PublicKey(signer).address for signer in get_signers(self.body))
            raise NotASigner(f"{keypair.public_key.address} doesn't sign this transaction, but {signers}")
        self.signatures[key] = keypair.sign(compute_signing_bytes(self.chain_id, self.body))

    def encode(self) -> bytes:
        """The bytes to submit; a signature that is missing is empty."""
        signatures = tuple(self.signatures.get(key, b"") for key in get_signers(self.body))
        return encode_transaction(SignedTransaction(self.body, signatures))

    def describe(self) -> list[str]:
        """What it does, in sentences, then who has signed."""
        return [
            *describe_transaction(self.body),
            *(
                f"{'Signed' if key in self.signatures else 'Not signed yet'} by {describe_key(key)}."
                for key in get_signers(self.body)
            ),
        ]

    def write(self, path: Path, overwrite: bool = False) -> None:
        """Write the file durably. Raises InvalidTransactionFile where it exists or can't be written."""
        content = msgspec.json.format(msgspec.json.encode(self._to_file()), indent=2) + b"\n"
        try:
            write_file_durably(path, content, overwrite=overwrite)
        except FileExistsError as error:
            raise InvalidTransactionFile(f"{path} exists already: choose another name") from error
        except OSError as error:
            raise InvalidTransactionFile(f"{path}: {error.strerror}") from error

    def _to_file(self) -> _File:
        signers = get_signers(self.body)
        unsigned = SignedTransaction(self.body, tuple(b"" for _ in signers))
        return _File(
            kind="hexhaul-transaction",
            version=1,
            chain_id=self.chain_id,
            id=self.id,
            says=describe_transaction(self.body),
            fields=render_body(self.body),
            body=base64.b64encode(encode_transaction(unsigned)).decode("ascii"),
            signers=[
                _Signer(
                    PublicKey(key).address, self.signatures[key].hex() if key in self.signatures else None
                )
                for key in signers
            ],
        )


def read_transaction_file(path: Path) -> TransactionFile:
    """Read and check a file: its bytes are canonical, its readable fields and id are those of its bytes, and
    every signature that is there is right. Raises InvalidTransactionFile.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise InvalidTransactionFile(f"transaction file {path}: {error.strerror}") from error
    if len(content) > MAX_FILE_BYTES:
        raise InvalidTransactionFile(f"{path} is too large for a transaction file")
    try:
        file = msgspec.json.decode(content, type=_File)
        body = decode_transaction(base64.b64decode(file.body, validate=True)).body
        given = {
            PublicKey.from_address(signer.address).binary: bytes.fromhex(signer.signature)
            for signer in file.signers
            if signer.signature is not None
        }
    except (msgspec.MsgspecError, binascii.Error, ValueError, InvalidTransaction) as error:
        raise InvalidTransactionFile(f"{path} is no transaction file: {error}") from error
    transaction = TransactionFile(file.chain_id, body, given)
    if file.fields != render_body(body) or file.id != transaction.id:
        raise InvalidTransactionFile(
            f"{path}: its readable fields say something else than the bytes to sign: don't sign it, make "
            "it anew"
        )
    if [signer.address for signer in file.signers] != [PublicKey(key).address for key in get_signers(body)]:
        raise InvalidTransactionFile(f"{path}: its signers are not those that the transaction needs")
    message = compute_signing_bytes(file.chain_id, body)
    for key, signature in given.items():
        if not PublicKey(key).verify(message, signature):
            raise InvalidTransactionFile(
                f"{path}: the signature of {PublicKey(key).address} is wrong: have it signed again"
            )
    return transaction
