"""Keys and addresses: Helium's format, Ed25519 for ours and compact P-256 for stock gateways.

`PublicKey` and `Keypair` are what everybody uses. An address is base58check of the network and key-type byte
and the key; its animal name is a label, never an identifier. Pure but for `Keypair.load` and `save` (files
mode 600, plain for services, encrypted for owners; 24 words for paper). May enter: key formats and signature
rules. May not: what a key is allowed to do (that is the ledger's).
"""

from chain.keys.address import NETWORK_MAIN, NETWORK_TEST, InvalidAddress, decode_address, encode_address
from chain.keys.animal_names import compute_animal_name
from chain.keys.key_files import Effort, KeyFileError, KeyIsEncrypted, UnfitPassphrase, WrongPassphrase
from chain.keys.keypair import Keypair, read_public_key
from chain.keys.public_key import InvalidPublicKey, PublicKey
from chain.keys.recovery_words import InvalidWords

__all__ = [
    "NETWORK_MAIN",
    "NETWORK_TEST",
    "Effort",
    "InvalidAddress",
    "InvalidPublicKey",
    "InvalidWords",
    "KeyFileError",
    "KeyIsEncrypted",
    "Keypair",
    "PublicKey",
    "UnfitPassphrase",
    "WrongPassphrase",
    "compute_animal_name",
    "decode_address",
    "encode_address",
    "read_public_key",
]
