"""An epoch of Helium's peak size by the columnar path: payloads, rules, draw, units, density, payments.

    python -m tests.bench.chain.epoch [HOTSPOTS ...]        default: 250000 500000 1000000

Four beacons a hotspot, ten reports a beacon, in two processes, as many as the machine has cores; the largest
size is Helium's peak (1,000,000 hotspots, 4,000,000 beacons, 40,000,000 witness reports). Stated beside it:
what the Ed25519 signatures of the same reports take on the same cores (PyNaCl, measured in the same run),
which a node checks when a report arrives and not when the epoch ends. Peer: that time.
"""

from __future__ import annotations

import mmap
import multiprocessing
import os
import resource
import sys
import time
from collections.abc import Callable
from hashlib import sha256
from itertools import pairwise
from typing import Any

import h3.api.basic_int as h3
import numpy as np
from nacl.bindings import crypto_sign, crypto_sign_open, crypto_sign_seed_keypair

from chain.columnar.payloads import compute_beacon_payloads
from chain.columnar.places import Places, build_places
from chain.columnar.selection import compute_selected
from chain.columnar.shares import compute_column_coverage, divide_pool_columns, sum_exactly
from chain.columnar.totals import compute_epoch_totals
from chain.columnar.witnesses import BeaconColumns, WitnessColumns, build_pair, compute_witness_reasons
from chain.coverage.parameters import CoverageParameters
from chain.coverage.reasons import Reason
from chain.rewards.hex_density import HIP104_LIMITS

BEACONS_EACH, REPORTS_EACH = 4, 10
#: Beacons that are worked on at once: their reports' columns stay in a few hundred megabytes.
CHUNK = 50_000
PARAMETERS = CoverageParameters()
#: Of beacons and of witnesses each: 10,000 HXT.
POOL_MICRO = 10_000 * 10**8 * 10**6


def scatter_hotspots(count: int) -> Places:
    """Hotspots in as many towns as it takes for 400 each, most near the middle."""
    draw = np.random.default_rng(1)
    towns = max(count // 400, 1)
    town = draw.integers(0, towns, count)
    latitude = draw.uniform(36, 60, towns)[town] + draw.normal(0, 0.06, count)
    longitude = draw.uniform(-10, 40, towns)[town] + draw.normal(0, 0.09, count)
    cells = [
        h3.latlng_to_cell(lat, lng, 12)
        for lat, lng in zip(latitude.tolist(), longitude.tolist(), strict=True)
    ]
    order = np.argsort(np.array(cells, dtype=np.int64))
    keys = [b"\x11" + sha256(at.to_bytes(4, "big")).digest() for at in range(count)]
    return build_places(keys, np.array(cells, dtype=np.int64)[order])


def make_epoch(places: Places) -> tuple[BeaconColumns, WitnessColumns]:
    """Mostly honest reports: witnesses are hotspots of the same town, signals as far as free space allows."""
    draw = np.random.default_rng(2)
    count = places.count * BEACONS_EACH
    place = np.repeat(np.arange(places.count, dtype=np.int32), BEACONS_EACH)
    slot_end_ms = 1_700_000_000_000 + draw.integers(0, 86_400_000, count)
    spreading_factor = draw.choice(np.array([7, 8, 9], dtype=np.int8), count)
    beacons = BeaconColumns(
        place=place,
        received_at_ms=slot_end_ms + 300,
        slot_end_ms=slot_end_ms,
        is_ordered=np.ones(count, dtype=np.bool_),
        frequency_hz=np.full(count, 868_100_000, dtype=np.int64),
        spreading_factor=spreading_factor,
        bandwidth_hz=np.full(count, 125_000, dtype=np.int32),
        conducted_power_dbm=draw.integers(8, 15, count).astype(np.int8),
        gain_ddbi=np.full(count, 21, dtype=np.int16),
    )
    rows = count * REPORTS_EACH
    beacon = np.repeat(np.arange(count, dtype=np.int32), REPORTS_EACH)
    away = draw.integers(1, 200, rows, dtype=np.int32) * draw.choice(np.array([-1, 1], dtype=np.int32), rows)
    witness = np.clip(place[beacon] + away, 0, places.count - 1).astype(np.int32)
    reports = WitnessColumns(
        beacon=beacon,
        place=witness,
        received_at_ms=slot_end_ms[beacon] + draw.integers(50, 2_000, rows),
        signal_ddbm=draw.integers(-1_230, -800, rows).astype(np.int16),
        snr_ddb=draw.integers(-90, 100, rows).astype(np.int16),
        frequency_hz=868_100_000 + draw.integers(-2_000, 2_000, rows),
        spreading_factor=spreading_factor[beacon],
        bandwidth_hz=np.full(rows, 125_000, dtype=np.int32),
    )
    return beacons, reports


def share(count: int, dtype: type[np.generic]) -> np.ndarray[Any, Any]:
    """A column that forked processes write together."""
    return np.frombuffer(mmap.mmap(-1, max(count * np.dtype(dtype).itemsize, 1)), dtype=dtype, count=count)


def split(count: int, parts: int) -> list[tuple[int, int]]:
    """Even ranges."""
    edges = [count * part // parts for part in range(parts + 1)]
    return list(pairwise(edges))


def run_parts(parts: int, job: Callable[[int], None]) -> None:
    """Run `job(0)` to `job(parts - 1)` in forked processes. Raises RuntimeError where one fails."""
    fork = multiprocessing.get_context("fork")
    workers = [fork.Process(target=job, args=(part,)) for part in range(parts)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        if worker.exitcode:
            raise RuntimeError(f"a worker ended with {worker.exitcode}")


def judge(hotspots: int, cores: int) -> tuple[float, float]:
    """Run one epoch; returns its seconds and reports a second."""
    places = scatter_hotspots(hotspots)
    beacons, reports = make_epoch(places)
    reasons = share(reports.count, np.int16)
    selected = share(reports.count, np.bool_)
    ranges = split(beacons.count, cores)
    secrets = [sha256(at.to_bytes(4, "big")).digest() for at in range(CHUNK)]

    def get_seed(beacon: int) -> bytes:
        return sha256(beacon.to_bytes(8, "big")).digest()

    def work(part: int) -> None:
        first, last = ranges[part]
        for start in range(first, last, CHUNK):
            stop = min(start + CHUNK, last)
            compute_beacon_payloads([(secret, start, secret[:16]) for secret in secrets[: stop - start]])
            low, high = np.searchsorted(reports.beacon, [start, stop])
            pair = build_pair(places, beacons, reports.cut(int(low), int(high)), PARAMETERS)
            reasons[low:high] = compute_witness_reasons(pair)
            selected[low:high] = compute_selected(pair, reasons[low:high], get_seed)

    began = time.perf_counter()
    run_parts(cores, work)
    judged = time.perf_counter()
    pair = build_pair(places, beacons, reports.cut(0, 0), PARAMETERS)._replace(reports=reports)
    none = np.zeros(reports.count, dtype=np.bool_)
    totals = compute_epoch_totals(pair, selected, np.zeros(beacons.count, dtype=np.bool_), none)
    added = time.perf_counter()
    is_active = totals.witnessed > 0
    is_active[totals.pair_witness] = True
    is_audited = np.ones(places.count, dtype=np.bool_)
    coverage = compute_column_coverage(places.cells, totals, is_active, is_audited, HIP104_LIMITS)
    paid = sum(
        sum_exactly(divide_pool_columns(POOL_MICRO, shares, shares.compute_total(0)))
        for shares in (coverage.beacon, coverage.witness)
    )
    done = time.perf_counter()
    codes, counts = np.unique(reasons, return_counts=True)
    verdicts = ", ".join(
        f"{Reason(code).label} {count}" for code, count in zip(codes.tolist(), counts.tolist(), strict=True)
    )
    print(
        f"{hotspots:>9} hotspots {beacons.count:>9} beacons {reports.count:>9} reports: "
        f"{done - began:6.1f} s (payloads, rules, draw {judged - began:.1f}, units {added - judged:.1f}, "
        f"density and payments {done - added:.1f})"
    )
    rewarded = int(selected.sum())
    print(f"          verdicts: {verdicts}; rewarded {rewarded}; paid {paid} base units")
    return done - began, reports.count / (done - began)


def measure_signatures(cores: int) -> float:
    """Ed25519 checks a second on all cores."""
    public, secret = crypto_sign_seed_keypair(bytes(32))
    signed = crypto_sign(bytes(200), secret)
    rates = share(cores, np.float64)

    def work(part: int) -> None:
        began = time.perf_counter()
        for _ in range(20_000):
            crypto_sign_open(signed, public)
        rates[part] = 20_000 / (time.perf_counter() - began)

    run_parts(cores, work)
    return float(rates.sum())


def main(sizes: list[int]) -> None:
    cores = min(os.cpu_count() or 1, 2)
    signatures = measure_signatures(cores)
    print(f"{cores} processes; Ed25519 alone: {signatures:,.0f} checks/s")
    for size in sizes:
        seconds, rate = judge(size, cores)
        every = size * BEACONS_EACH * (1 + REPORTS_EACH) / signatures
        print(
            f"          {rate:,.0f} reports/s; the signatures of the same reports take {every:.0f} s: "
            f"the epoch is {seconds / every:.3f} of that"
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    worker = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    print(
        f"memory: {peak:.1f} GiB here, {worker:.1f} GiB in the largest worker (shared pages counted in both)"
    )


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or [250_000, 500_000, 1_000_000])
