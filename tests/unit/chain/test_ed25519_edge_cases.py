"""One Ed25519 rule: the twelve crafted signatures that libraries disagree about, and what this chain says.

The verdicts are those of libsodium's strict rule. Were one of them to change with a new version of the
library, nodes of different versions would disagree about a block: this test stops such an update.
"""

import json
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from chain.keys import NETWORK_MAIN, NETWORK_TEST, PublicKey

CASES = json.loads((Path(__file__).parent / "ed25519_edge_cases.json").read_text())["cases"]
#: As measured for PyNaCl 1.6.2: only the third is taken, whose key and R have a part of small order.
VERDICTS = ["X", "X", "X", "V", "X", "X", "X", "X", "X", "X", "X", "X"]


def test_the_file_has_the_twelve_and_their_verdicts() -> None:
    assert ["V" if case["accepted"] else "X" for case in CASES] == VERDICTS


@pytest.mark.parametrize("network", [NETWORK_MAIN, NETWORK_TEST])
@pytest.mark.parametrize("number", range(12))
def test_verdict(number: int, network: int) -> None:
    case = CASES[number]
    key = PublicKey.from_binary(bytes([network | 1]) + bytes.fromhex(case["pub_key"]))
    assert key.verify(bytes.fromhex(case["message"]), bytes.fromhex(case["signature"])) is case["accepted"]


def test_others_do_disagree() -> None:
    """If OpenSSL's rule were the same, the choice of the library would be free. It isn't."""
    different = 0
    for case in CASES:
        try:
            Ed25519PublicKey.from_public_bytes(bytes.fromhex(case["pub_key"])).verify(
                bytes.fromhex(case["signature"]), bytes.fromhex(case["message"])
            )
            accepted = True
        except (InvalidSignature, ValueError):
            accepted = False
        different += accepted is not case["accepted"]
    assert different >= 1
