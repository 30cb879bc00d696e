"""Checks a node instead of trusting it, in one file: needs Python, PyNaCl and the network's network.json.

    python light_client.py URL network.json account ADDRESS
    python light_client.py URL network.json state TABLE KEY_IN_HEX
    python light_client.py URL network.json transaction ID

The network file names the producer. Its signature is checked on a header, and from there on by hashes that a
row of the state is what the node says, or isn't there, or that a transaction is in the block. What it can't
see: whether the header is the newest (its age is printed), and whether the producer signed two.
"""

import json
import sys
import time
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

from nacl.exceptions import CryptoError
from nacl.signing import VerifyKey

BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
FIELDS = "chain_id height previous_hash time_ms producer protocol_version transactions_root bundle_root " + (
    "events_digest state_root entropy_reveal signature"
)
ACCOUNT = ("hxt", "data_credits", "nonce", "burnt_hxt")
SIZES = {0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8}  # of MessagePack's numbers from 128 on, by their first byte


class NotProven(Exception):
    """The node's answer doesn't follow from the producer's signature."""


def check(is_right: bool, what: str) -> None:
    if not is_right:
        raise NotProven(what)


def digest(*parts: bytes) -> bytes:
    return sha256(b"".join(parts)).digest()


def decode_address(address: str) -> bytes:
    number = 0
    for letter in address:
        number = number * 58 + BASE58.index(letter)
    raw = number.to_bytes(38, "big")  # a zero byte, network and type, key, checksum
    check(raw[0] == 0 and digest(digest(raw[:34]))[:4] == raw[34:], f"{address} is no address: mistyped?")
    return raw[1:34]


def pack(name: str, value: Any) -> bytes:
    """One field of a header as MessagePack writes it."""
    if isinstance(value, int):
        mark, size = next(((m, s) for m, s in SIZES.items() if value < 1 << 8 * s), (0xCF, 8))
        return bytes([value]) if value < 128 else bytes([mark]) + value.to_bytes(size, "big")
    if name != "chain_id":
        return bytes([0xC4, len(value) // 2]) + bytes.fromhex(value)
    raw = str(value).encode()
    return (bytes([0xA0 + len(raw)]) if len(raw) < 32 else bytes([0xD9, len(raw)])) + raw


def check_header(header: dict[str, Any], network: dict[str, Any]) -> None:
    """Check that the network's producer signed the header."""
    key = decode_address(network["producer"])
    check(header["chain_id"] == network["chain_id"], "the header is another network's")
    check(header["producer"] == key.hex(), "the header is another producer's than network.json names")
    domain, unsigned = b"hexhaul/block/2\x00", header | {"signature": ""}
    hash = digest(domain, b"\x9c", *(pack(name, unsigned[name]) for name in FIELDS.split()))
    try:
        VerifyKey(key[1:]).verify(domain + hash, bytes.fromhex(header["signature"]))
    except CryptoError:
        raise NotProven("the producer didn't sign this header") from None


def climb(node: bytes, place: int, leaves: int, siblings: list[str]) -> bytes:
    """From a leaf's hash to the root of a tree of so many leaves; an odd last node moves up as it is."""
    check(0 <= place < leaves, "the proof has another shape")
    left, last = [bytes.fromhex(sibling) for sibling in siblings], leaves - 1
    while last > 0:
        if place & 1 or place < last:
            check(bool(left) and len(left[0]) == 32, "the proof has another shape")
            node = digest(b"\x01", left.pop(0), node) if place & 1 else digest(b"\x01", node, left.pop(0))
        place, last = place >> 1, last >> 1
    check(not left, "the proof has another shape")
    return node


def check_state(answer: dict[str, Any], network: dict[str, Any], key: bytes) -> bytes | None:
    """Return the row of a key, or None where it is proven that there is none."""
    check_header(answer["header"], network)
    entries, bits, path = bytes.fromhex(answer["entries"]), network["state_tree_bits"], digest(key)
    value = None if answer["value"] is None else bytes.fromhex(answer["value"])
    rows = {entries[n : n + 32]: entries[n + 32 : n + 64] for n in range(0, len(entries), 64)}
    bucket = int.from_bytes(path[:4], "big") >> (32 - bits)
    root = climb(digest(b"\x00", entries), bucket, 1 << bits, answer["siblings"])
    check(root.hex() == answer["header"]["state_root"], "the proof doesn't lead to the header's state root")
    check(rows.get(path) == (None if value is None else digest(value)), "the row isn't the proven one")
    return value


def check_transaction(answer: dict[str, Any], network: dict[str, Any], id: str) -> bytes:
    """Return the transaction that an id names, once it is proven to be in the header's block."""
    check_header(answer["header"], network)
    raw, chain = bytes.fromhex(answer["transaction"]), network["chain_id"].encode()
    domain = b"hexhaul/transaction/1\x00" + len(chain).to_bytes(2, "big") + chain
    # The id is over the body alone, which stands between a first byte and the signatures.
    check(any(digest(domain, raw[1:end]).hex() == id for end in range(len(raw))), "it is another transaction")
    root = climb(digest(b"\x00", raw), answer["index"], answer["leaves"], answer["siblings"])
    check(root.hex() == answer["header"]["transactions_root"], "the transaction isn't in this block")
    return raw


def describe(what: str, value: bytes | None) -> str:
    if value is None:
        return "proven: there is no such row"
    if what != "account":
        return f"proven: {value.hex()}"
    numbers, at = [], 1
    while at < len(value):
        size = SIZES.get(value[at], 0)
        numbers.append(int.from_bytes(value[at + 1 : at + 1 + size], "big") if size else value[at])
        at += 1 + size
    return "proven: " + ", ".join(f"{name} {n}" for name, n in zip(ACCOUNT, numbers, strict=False))


def main(url: str, network_file: str, what: str, *words: str) -> str:
    network = json.loads(Path(network_file).read_text())
    table = "account" if what == "account" else words[0]
    key = decode_address(words[0]) if what == "account" else bytes.fromhex(words[-1])
    path = f"transactions/{words[0]}" if what == "transaction" else f"state?table={table}&key={key.hex()}"
    answer = json.load(urlopen(f"{url.rstrip('/')}/v1/proofs/{path}", timeout=20))
    if what == "transaction":
        value: bytes | None = check_transaction(answer, network, words[0])
    else:
        value = check_state(answer, network, table.encode() + b"\x00" + key)
    age_s = time.time() - answer["header"]["time_ms"] / 1000
    return f"{describe(what, value)} (block {answer['header']['height']}, {age_s:.0f} s old)"


if __name__ == "__main__":
    try:
        print(main(*sys.argv[1:]))
    except OSError as error:  # the file, the network, or the node's refusal with its reason
        sys.exit(f"no answer: {error} {error.read().decode() if isinstance(error, HTTPError) else ''}")
    except (NotProven, LookupError, ValueError, TypeError) as error:
        sys.exit(f"NOT PROVEN: {error}" if len(sys.argv) > 4 else str(__doc__))
