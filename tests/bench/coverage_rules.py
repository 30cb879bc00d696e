"""How fast witness reports are judged, beside what one Ed25519 verification of each costs in the same run.

    python -m tests.bench.coverage_rules [REPORTS]

The peer is PyNaCl 1.6 (libsodium), one signature over a report's bytes: the least that any verifier of
signed reports does. Printed are reports a second for every rule of a witness without its signature, for the
peer, and the ratio; hotspots are few enough that their cells' centres are cached, as they are on a node.
"""

import random
import sys
import time
from collections.abc import Callable
from hashlib import sha256

import h3.api.basic_int as h3
import nacl

from chain.coverage.challenges import Challenge
from chain.coverage.checks.evidence import WitnessEvidence
from chain.coverage.checks.outcome import compute_verdict
from chain.coverage.checks.witness import WITNESS_RULES
from chain.coverage.parameters import CoverageParameters
from chain.coverage.reports import BeaconReport, WitnessReport
from chain.keys.keypair import Keypair

HOTSPOTS = 300
FREQUENCY_HZ = 868_100_000


def build_evidence(count: int) -> list[WitnessEvidence]:
    """Honest reports of random pairs of hotspots in 40 km around Grenoble."""
    draw = random.Random(1)
    parameters = CoverageParameters()
    places = [
        int(h3.latlng_to_cell(45.19 + draw.uniform(-0.2, 0.2), 5.72 + draw.uniform(-0.3, 0.3), 12))
        for _ in range(HOTSPOTS)
    ]
    keys = [b"\x11" + sha256(at.to_bytes(2, "big")).digest() for at in range(HOTSPOTS)]
    evidence = []
    for at in range(count):
        beaconer, witness = draw.sample(range(HOTSPOTS), 2)
        data = sha256(at.to_bytes(4, "big")).digest() + bytes(19)
        challenge = Challenge(keys[beaconer], 1_000_000, FREQUENCY_HZ, 8, 125_000, 14, places[beaconer], 21)
        beacon = BeaconReport(keys[beaconer], bytes(16), bytes(32), data, FREQUENCY_HZ, 8, 125_000, 14, 0)
        report = WitnessReport(keys[witness], data, -1_200, -50, FREQUENCY_HZ + 900, 8, 125_000, 0)
        evidence.append(
            WitnessEvidence(
                report=report,
                received_at_ms=1_000_500,
                location=places[witness],
                gain_ddbi=21,
                beacon=beacon,
                beacon_received_at_ms=1_000_400,
                first_witness_at_ms=1_000_450,
                challenge=challenge,
                parameters=parameters,
            )
        )
    return evidence


def measure_per_second(job: Callable[[], int]) -> float:
    """Items a second of the better of three runs; ``job`` returns how many it did."""
    best = 0.0
    for _ in range(3):
        start = time.perf_counter()
        done = job()
        best = max(best, done / (time.perf_counter() - start))
    return best


def main(count: int) -> None:
    evidence = build_evidence(count)
    key = Keypair(sha256(b"bench").digest())
    signed = [(item.report.data * 3, key.sign(item.report.data * 3)) for item in evidence]

    def judge() -> int:
        return len([compute_verdict(WITNESS_RULES, item) for item in evidence])

    def verify() -> int:
        return sum(key.public_key.verify(message, signature) for message, signature in signed)

    accepted = sum(compute_verdict(WITNESS_RULES, item).ok for item in evidence)
    rules_per_second, peer_per_second = measure_per_second(judge), measure_per_second(verify)
    print(f"witness reports: {count}, of {HOTSPOTS} hotspots; accepted {accepted}")
    print(f"all {len(WITNESS_RULES)} rules, no signature: {rules_per_second:,.0f} reports/s")
    print(f"one Ed25519 verification each (PyNaCl {nacl.__version__}): {peer_per_second:,.0f} reports/s")
    print(f"ratio: {rules_per_second / peer_per_second:.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5_000)
