"""An epoch of random beacons and reports, honest and false, as readable rules and columns see it."""

from __future__ import annotations

from hashlib import sha256
from random import Random

import h3.api.basic_int as h3
import msgspec
import numpy as np

from chain.columnar.places import Places, build_places
from chain.columnar.witnesses import BeaconColumns, Pair, WitnessColumns, build_pair
from chain.coverage.challenges import Challenge
from chain.coverage.checks.evidence import WitnessEvidence
from chain.coverage.parameters import CoverageParameters
from chain.coverage.reports import BeaconReport, WitnessReport
from chain.coverage.slots import compute_slot_end_ms
from chain.ledger.tables import Exclusion

EPOCH = 3
FREQUENCIES_HZ = (868_100_000, 867_900_000)


class Beacon(msgspec.Struct, frozen=True):
    report: BeaconReport
    challenge: Challenge
    is_ordered: bool
    received_at_ms: int
    is_weak: bool


class Heard(msgspec.Struct, frozen=True):
    report: WitnessReport
    witness: int
    received_at_ms: int
    is_weak: bool


class Epoch:
    """Beacons with who reports to have heard them. `heard[b]` belongs to `beacons[b]`."""

    def __init__(
        self, seed: int, hotspots: int, beacons: int, spread_degrees: float, parameters: CoverageParameters
    ) -> None:
        draw = Random(seed)
        self.parameters = parameters
        self.keys = [b"\x11" + sha256(b"%d" % at).digest() for at in range(hotspots)]
        self.cells = [
            int(
                h3.latlng_to_cell(
                    45.0 + draw.uniform(0, spread_degrees), 5.0 + draw.uniform(0, spread_degrees), 12
                )
            )
            for _ in range(hotspots)
        ]
        self.excluded = frozenset(
            (min(pair), max(pair)) for pair in (draw.sample(range(hotspots), 2) for _ in range(hotspots // 4))
        )
        self.beacons = [self._beacon(draw, at) for at in range(beacons)]
        self.heard = [self._hear(draw, beacon) for beacon in self.beacons]

    def _beacon(self, draw: Random, at: int) -> Beacon:
        hotspot = draw.randrange(len(self.keys))
        data = sha256(b"beacon %d" % at).digest() + bytes(19)
        frequency_hz, spreading_factor = draw.choice(FREQUENCIES_HZ), draw.choice((7, 8, 9, 12))
        power, gain = draw.randint(2, 20), draw.choice((10, 21, 80))
        challenge = Challenge(
            self.keys[hotspot],
            1_000_000,
            frequency_hz,
            spreading_factor,
            125_000,
            power,
            self.cells[hotspot],
            gain,
        )
        report = BeaconReport(
            self.keys[hotspot], bytes(16), bytes(32), data, frequency_hz, spreading_factor, 125_000, power, 0
        )
        received = compute_slot_end_ms(challenge) + draw.randint(-2_500, 2_500)
        return Beacon(report, challenge, draw.random() < 0.8, received, draw.random() < 0.2)

    def _hear(self, draw: Random, beacon: Beacon) -> list[Heard]:
        heard = []
        for witness in sorted(draw.sample(range(len(self.keys)), draw.randint(0, min(24, len(self.keys))))):
            is_off = draw.random() < 0.2
            report = WitnessReport(
                self.keys[witness],
                beacon.report.data,
                draw.randint(-1_420, -500),
                draw.randint(-260, 110),
                beacon.report.frequency_hz + draw.choice((0, 900, 100_000, 100_001, -100_000)),
                draw.choice((7, 8)) if is_off else beacon.report.spreading_factor,
                250_000 if is_off and draw.random() < 0.3 else 125_000,
                0,
            )
            received = compute_slot_end_ms(beacon.challenge) + draw.randint(-2_200, 5_000)
            heard.append(Heard(report, witness, received, draw.random() < 0.2))
        return heard

    def build_columns(self) -> Pair:
        places: Places = build_places(self.keys, np.array(self.cells, dtype=np.int64))
        number = {key: at for at, key in enumerate(self.keys)}
        beacons = BeaconColumns(
            place=np.array([number[b.report.hotspot] for b in self.beacons], dtype=np.int32),
            received_at_ms=np.array([b.received_at_ms for b in self.beacons], dtype=np.int64),
            slot_end_ms=np.array([compute_slot_end_ms(b.challenge) for b in self.beacons], dtype=np.int64),
            is_ordered=np.array([b.is_ordered for b in self.beacons], dtype=np.bool_),
            frequency_hz=np.array([b.report.frequency_hz for b in self.beacons], dtype=np.int64),
            spreading_factor=np.array([b.report.spreading_factor for b in self.beacons], dtype=np.int8),
            bandwidth_hz=np.array([b.report.bandwidth_hz for b in self.beacons], dtype=np.int32),
            conducted_power_dbm=np.array(
                [b.challenge.conducted_power_dbm for b in self.beacons], dtype=np.int8
            ),
            gain_ddbi=np.array([b.challenge.gain_ddbi for b in self.beacons], dtype=np.int16),
        )
        rows = [(at, heard) for at, all_heard in enumerate(self.heard) for heard in all_heard]
        reports = WitnessColumns(
            beacon=np.array([at for at, _ in rows], dtype=np.int32),
            place=np.array([heard.witness for _, heard in rows], dtype=np.int32),
            received_at_ms=np.array([heard.received_at_ms for _, heard in rows], dtype=np.int64),
            signal_ddbm=np.array([heard.report.signal_ddbm for _, heard in rows], dtype=np.int16),
            snr_ddb=np.array([heard.report.snr_ddb for _, heard in rows], dtype=np.int16),
            frequency_hz=np.array([heard.report.frequency_hz for _, heard in rows], dtype=np.int64),
            spreading_factor=np.array([heard.report.spreading_factor for _, heard in rows], dtype=np.int8),
            bandwidth_hz=np.array([heard.report.bandwidth_hz for _, heard in rows], dtype=np.int32),
        )
        return build_pair(places, beacons, reports, self.parameters, excluded=self.excluded)

    def build_evidence(self, beacon: Beacon, heard: list[Heard]) -> list[WitnessEvidence]:
        """What the readable rules see of one beacon's reports."""
        earliest = (
            compute_slot_end_ms(beacon.challenge) - self.parameters.schedule_tolerance_ms
            if beacon.is_ordered
            else 0
        )
        arrivals = [
            h.received_at_ms
            for h in heard
            if h.report.hotspot != beacon.report.hotspot and h.received_at_ms >= earliest
        ]
        first = min(arrivals, default=beacon.received_at_ms)
        beaconer = self.keys.index(beacon.report.hotspot)
        return [
            WitnessEvidence(
                report=h.report,
                received_at_ms=h.received_at_ms,
                location=self.cells[h.witness],
                gain_ddbi=21,
                beacon=beacon.report,
                beacon_received_at_ms=beacon.received_at_ms,
                first_witness_at_ms=first,
                challenge=beacon.challenge,
                is_ordered=beacon.is_ordered,
                exclusion=Exclusion(EPOCH + 1, 1, bytes(32))
                if (min(h.witness, beaconer), max(h.witness, beaconer)) in self.excluded
                else None,
                epoch=EPOCH,
                parameters=self.parameters,
            )
            for h in heard
        ]
