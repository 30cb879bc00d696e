"""A key as words on paper: the 24 words of BIP-39, from and to the 32 bytes of the seed.

24 of 2048 English words carry 256 bits and 8 of checksum, so that a wrong or swapped word is noticed (once in
256 times it isn't: the address is shown for comparison). The words are the seed itself, not a passphrase to
stretch: that is how Helium's wallets do it, and their words give the same key here. Helium's older app wrote
12 words and used their 16 bytes twice; those are read as well, never written. List and checksum are the
`mnemonic` package's (BIP-39's reference implementation).
"""

from __future__ import annotations

import difflib
from functools import cache

from mnemonic import Mnemonic

from chain.keys.key_files import SEED_BYTES

WORDS = 24
_HELIUM_APP_WORDS = 12


class InvalidWords(ValueError):
    """The words are no key; the message says which and why, but never shows the others."""


def encode_words(seed: bytes) -> str:
    """Return the 24 words of a seed, with spaces between."""
    return _language().to_mnemonic(seed)


def decode_words(text: str) -> bytes:
    """Return the seed of 24 words (or of 12 of Helium's app). Case and spaces don't matter. Raises
    InvalidWords.
    """
    words = text.lower().split()
    if len(words) not in (WORDS, _HELIUM_APP_WORDS):
        raise InvalidWords(f"{len(words)} words: a key has {WORDS} (or {_HELIUM_APP_WORDS} of Helium's app)")
    known = _language().wordlist
    for number, word in enumerate(words, 1):
        if word not in known:
            near = difflib.get_close_matches(word, known, 1)
            hint = f": did you mean {near[0]!r}?" if near else ""
            raise InvalidWords(f"word {number} is not in the list{hint}")
    try:
        entropy = bytes(_language().to_entropy(words))
    except ValueError as error:
        raise InvalidWords("the words' checksum is wrong: one is wrong, or two are swapped") from error
    return entropy if len(entropy) == SEED_BYTES else entropy * 2


@cache
def _language() -> Mnemonic:
    return Mnemonic("english")
