"""Which valid witnesses of a beacon are rewarded: at most ``maximum_witnesses``, no two in one place.

Drawn by a seed that nobody knew while reports could still be sent: the round's public entropy mixed with the
secrets of all its accepted beacons. Helium took the first to answer from HIP-83 on, which paid fast
makers' hotspots and left a fifth of the network nearly unselected (HIP-94).

In the order of the draw each witness is taken that stands at least ``minimum_witness_spacing_m`` from all
taken before it: a room full of radios is one witness (HIP-136), and which of them is chance. Where a
hotspot stands is the centre of its asserted cell.

What remains: a producer who sees the reports before others can leave some out and look at the draw.
"""

import hashlib
from collections.abc import Iterable, Mapping

from chain.coverage.parameters import CoverageParameters
from chain.coverage.position import compute_distance_um
from chain.coverage.reasons import Reason

SELECTION_DOMAIN = b"hexhaul witness selection 1"
CONTRIBUTION_DOMAIN = b"hexhaul entropy contribution 1"

UM_PER_M = 1_000_000


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


def is_apart(location: int, others: Iterable[int], spacing_m: int) -> bool:
    """Whether a cell's centre is at least ``spacing_m`` from all others'."""
    return all(compute_distance_um(location, other) >= spacing_m * UM_PER_M for other in others)


def select_witnesses(
    seed: bytes, witnesses: Mapping[bytes, int], parameters: CoverageParameters
) -> dict[bytes, Reason]:
    """For each valid witness (public key -> H3 cell of resolution 12) ``Reason.NONE`` where it is rewarded,
    else why it isn't: ``WITNESS_TOO_CLOSE``, ``NOT_DRAWN``. Taken in the order of their hashes with the
    seed."""
    drawn = sorted(witnesses, key=lambda witness: hashlib.sha256(seed + witness).digest())
    taken: list[int] = []
    outcome: dict[bytes, Reason] = {}
    for witness in drawn:
        if len(taken) >= parameters.maximum_witnesses:
            outcome[witness] = Reason.NOT_DRAWN
        elif not is_apart(witnesses[witness], taken, parameters.minimum_witness_spacing_m):
            outcome[witness] = Reason.WITNESS_TOO_CLOSE
        else:
            taken.append(witnesses[witness])
            outcome[witness] = Reason.NONE
    return outcome
