"""Which witnesses of a beacon are rewarded where more than ``maximum_witnesses`` are valid.

Drawn by a seed that nobody knew while reports could still be sent: the round's public entropy mixed with the
secrets of all its accepted beacons. Helium took the first to answer from HIP-83 on, which paid fast
makers' hotspots and left a fifth of the network nearly unselected (HIP-94).

What remains: a producer who sees the reports before others can leave some out and look at the draw.
"""

import hashlib
from collections.abc import Iterable

SELECTION_DOMAIN = b"hexhaul witness selection 1"
CONTRIBUTION_DOMAIN = b"hexhaul entropy contribution 1"


def compute_entropy_contribution(local_entropies: Iterable[tuple[bytes, bytes]]) -> bytes:
    """SHA-256 over (hotspot, local entropy) of a round's accepted beacons, in order of the hotspots' keys;
    empty where there was none."""
    pairs = sorted(local_entropies)
    if not pairs:
        return b""
    digest = hashlib.sha256(CONTRIBUTION_DOMAIN)
    for hotspot, local_entropy in pairs:
        digest.update(hotspot + len(local_entropy).to_bytes(1, "big") + local_entropy)
    return digest.digest()


def compute_selection_seed(entropy: bytes, contribution: bytes, data: bytes) -> bytes:
    """The seed of one beacon's draw: its round's entropy and contribution, and its own 51 bytes."""
    return hashlib.sha256(SELECTION_DOMAIN + entropy + contribution + data).digest()


def select_witnesses(seed: bytes, witnesses: Iterable[bytes], most: int) -> frozenset[bytes]:
    """At most ``most`` of the witnesses (public keys): those whose hashes with the seed are lowest."""
    drawn = sorted(witnesses, key=lambda witness: hashlib.sha256(seed + witness).digest())
    return frozenset(drawn[:most])
