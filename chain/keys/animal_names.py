"""Animal names: three words that a person can remember for an address.

MD5 of the address text, bytes split 5, 5, 6, each part XOR-folded to one byte, which indexes adjectives,
colours and animals (erl_angry_purple_tiger.erl:17-40). There are 2^24 names only: two hotspots may share
one, so a name is shown and searched for but never identifies anything.
"""

from __future__ import annotations

from functools import reduce
from hashlib import md5
from operator import xor

from chain.keys.words import ADJECTIVES, ANIMALS, COLORS


def compute_animal_name(address: str) -> str:
    """Return the name of an address, such as "feisty-glass-dalmatian"."""
    digest = md5(address.encode("ascii"), usedforsecurity=False).digest()
    adjective, color, animal = (reduce(xor, part) for part in (digest[:5], digest[5:10], digest[10:]))
    return f"{ADJECTIVES[adjective]}-{COLORS[color]}-{ANIMALS[animal]}"
