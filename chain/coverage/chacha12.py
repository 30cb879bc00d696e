"""ChaCha with 12 rounds, as a stream of 32-bit words.

Deployed hotspots draw a beacon's bytes from Rust's ``ChaCha12Rng``: the key is the seed, block counter
and nonce are 64 bits each and start at zero, and the generator hands out the words of successive
blocks in order. The usual libraries offer 20 rounds only, hence this one. It makes no secret: what
goes in is published with the report.

Source: D. J. Bernstein, "ChaCha, a variant of Salsa20" (2008); word order of crate ``rand_chacha`` 0.3.
"""

from collections.abc import Iterator

SEED_BYTES = 32
ROUNDS = 12
WORD_MASK = 0xFFFF_FFFF
CONSTANTS = (0x61707865, 0x3320646E, 0x79622D32, 0x6B206574)  # "expand 32-byte k"

#: The quarter rounds of one double round: four columns, then four diagonals.
QUARTERS = (
    (0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
    (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14),
)  # fmt: skip


def compute_chacha12_block(seed: bytes, counter: int) -> list[int]:
    """The sixteen 32-bit words of one block.

    ``seed``: 32 bytes; ``counter``: 64-bit block number. ``ValueError`` if the seed has another length.
    """
    if len(seed) != SEED_BYTES:
        raise ValueError(f"a ChaCha12 seed has {SEED_BYTES} bytes, this one has {len(seed)}")
    key = [int.from_bytes(seed[at : at + 4], "little") for at in range(0, SEED_BYTES, 4)]
    start = [*CONSTANTS, *key, counter & WORD_MASK, (counter >> 32) & WORD_MASK, 0, 0]
    x = list(start)
    for _ in range(ROUNDS // 2):
        for a, b, c, d in QUARTERS:
            x[a] = (x[a] + x[b]) & WORD_MASK
            turned = x[d] ^ x[a]
            x[d] = (turned << 16 | turned >> 16) & WORD_MASK
            x[c] = (x[c] + x[d]) & WORD_MASK
            turned = x[b] ^ x[c]
            x[b] = (turned << 12 | turned >> 20) & WORD_MASK
            x[a] = (x[a] + x[b]) & WORD_MASK
            turned = x[d] ^ x[a]
            x[d] = (turned << 8 | turned >> 24) & WORD_MASK
            x[c] = (x[c] + x[d]) & WORD_MASK
            turned = x[b] ^ x[c]
            x[b] = (turned << 7 | turned >> 25) & WORD_MASK
    return [(mixed + first) & WORD_MASK for mixed, first in zip(x, start, strict=True)]


def iterate_chacha12_words(seed: bytes) -> Iterator[int]:
    """The generator's 32-bit outputs from the first on, without end."""
    counter = 0
    while True:
        yield from compute_chacha12_block(seed, counter)
        counter += 1
