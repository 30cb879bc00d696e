"""Entropy: a hash chain that the producer committed to in advance, mixed with beaconers' secrets of earlier
rounds.

    link n = SHA-256(link n+1), genesis holds the anchor (link 0); each block that opens a round reveals the
    next link.
    entropy(round) = H(revealed link || mix || round),   mix' = H(mix || local entropies of a round's beacons)

The producer can't choose a link: it was fixed at genesis. Beaconers can't choose the outcome: the link is
unknown to them when they commit to their secrets by beaconing. What a single producer can still do: predict
the next entropy once a round's beacons are in, and leave reports out. With the last link of a chain it
commits to the next chain. A new producer's chain comes with its key (`chain/governance/producer.py`).
"""

from __future__ import annotations

from hashlib import sha256
from itertools import pairwise

from msgspec.structs import replace

from chain.ledger.state import State
from chain.ledger.tables import CHAIN_LINKS, ENTROPY_SOURCE, ONLY, EntropySource

LINK_BYTES = 32


class BadReveal(ValueError):
    """The revealed bytes don't continue the committed chain."""


def compute_next_link(link: bytes) -> bytes:
    """One step towards the anchor."""
    return sha256(b"hexhaul/entropy-link/1\x00" + link).digest()


def compute_entropy(link: bytes, mix: bytes, round: int) -> bytes:
    """Return the 32 bytes of a round."""
    return sha256(b"hexhaul/entropy/1\x00" + link + mix + round.to_bytes(8, "big")).digest()


def process_entropy_reveal(state: State, reveal: bytes, round: int) -> bytes:
    """Check the reveal against the committed chain, move on, and return the entropy of `round`.

    `reveal` is one link, or, where one link is left, that link and the anchor of the next chain.
    Raises BadReveal.
    """
    source = get_entropy_source(state)
    link, next_anchor = reveal[:LINK_BYTES], reveal[LINK_BYTES:]
    if len(link) != LINK_BYTES or compute_next_link(link) != source.anchor:
        raise BadReveal("the revealed link doesn't hash to the committed one")
    if source.links_left == 1:
        if len(next_anchor) != LINK_BYTES:
            raise BadReveal("the last link of a chain comes with the anchor of the next")
        moved = replace(source, anchor=next_anchor, links_left=CHAIN_LINKS)
    else:
        if next_anchor:
            raise BadReveal(f"a new anchor with {source.links_left} links left")
        moved = replace(source, anchor=link, links_left=source.links_left - 1)
    state.put(ENTROPY_SOURCE, ONLY, moved)
    return compute_entropy(link, source.mix, round)


def get_entropy_source(state: State) -> EntropySource:
    """Return the committed anchor and the mix. The genesis always writes it."""
    source = state.get(ENTROPY_SOURCE, ONLY)
    if source is None:
        raise LookupError("the state has no entropy source: it wasn't made by a genesis")
    return source


def mix_contribution(state: State, contribution: bytes) -> None:
    """Mix in the digest of a closed round's accepted secrets; empty bytes (no beacon) change nothing."""
    if not contribution:
        return
    source = get_entropy_source(state)
    mixed = sha256(b"hexhaul/entropy-mix/1\x00" + source.mix + contribution).digest()
    state.put(ENTROPY_SOURCE, ONLY, replace(source, mix=mixed))


class LinkChain:
    """The producer's side: all links of one chain after the other, derived from one secret seed."""

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        self._number = 0
        self._links: dict[bytes, bytes] = {}
        self._anchor = self._load(0)

    def get_anchor(self) -> bytes:
        """The anchor that goes into the genesis."""
        return self._anchor

    def get_reveal(self, source: EntropySource) -> bytes:
        """Return what the next round's block reveals. Raises BadReveal where this isn't the seed's chain."""
        number = self._number
        while source.anchor not in self._links:
            # A node that starts again looks for the chain that the state stands in.
            if self._number - number > 1000:
                self._number = number
                self._load(number)
                raise BadReveal("the entropy seed isn't the one that the network has an anchor of")
            self._number += 1
            self._load(self._number)
        link = self._links[source.anchor]
        return link + (self._compute(self._number + 1)[0] if source.links_left == 1 else b"")

    def _load(self, number: int) -> bytes:
        links = self._compute(number)
        self._links = dict(pairwise(links))
        return links[0]

    def _compute(self, number: int) -> list[bytes]:
        """All links of chain `number`, anchor first."""
        link = sha256(b"hexhaul/entropy-seed/1\x00" + self._seed + number.to_bytes(8, "big")).digest()
        links = [link]
        for _ in range(CHAIN_LINKS):
            link = compute_next_link(link)
            links.append(link)
        return links[::-1]
