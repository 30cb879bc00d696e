"""A town's history made by the real rules: hotspots join and are placed by transactions, beacons are heard
and reported honestly (and by one not), rounds and epochs close. The same each time but for when it begins.
"""

from __future__ import annotations

import math
from hashlib import sha256
from pathlib import Path

import h3.api.basic_int as h3
from msgspec.structs import replace

from chain.blocks.reports import ReceivedReport, sign_arrival
from chain.coverage.position import compute_distance_um
from chain.coverage.tables import get_challenges
from chain.keys.keypair import Keypair
from chain.ledger.state import State
from chain.ledger.tables import HOTSPOTS
from chain.transactions import HotspotAdd, LocationAssert
from tests.unit.chain.home import FAUCET, PRODUCER, Home, make_genesis, make_parameters
from tests.unit.coverage.town import Town, claim_and_open

ROUND_MS = 60_000
EPOCH_MS = 2 * ROUND_MS
#: Where Bern has hills and bridges; the last two share a cell of resolution 8.
PLACES = (
    (46.9480, 7.4474), (46.9560, 7.4380), (46.9385, 7.4360), (46.9420, 7.4650), (46.9640, 7.4560),
    (46.9300, 7.4530), (46.9520, 7.4210), (46.9700, 7.4330), (46.9440, 7.4100), (46.9560, 7.4800),
    (46.9256, 7.4222), (46.9660, 7.4700), (46.9355, 7.4790), (46.9362, 7.4803),
)  # fmt: skip
#: Hears what it can't: it claims to be far from where it stands.
LIAR = 5
HEARD_FROM_DDBM = -1_190


class History(Town):
    """A chain in a folder, and its town. Genesis is at ``begin_ms``; blocks come at chosen times after."""

    def __init__(self, folder: Path, begin_ms: int) -> None:
        parameters = make_parameters(
            epoch_ms=EPOCH_MS,
            audit_period_epochs=0,
            escrow_epochs=1,
            evidence_epochs=0,
            hotspot_add_fee_data_credits=50,
            location_assert_fee_data_credits=50,
        )
        coverage = replace(parameters.coverage, round_ms=ROUND_MS)
        self.parameters = replace(parameters, coverage=coverage)
        self.home = Home(folder, make_genesis(self.parameters, time_ms=begin_ms))
        self.owner = Keypair(sha256(b"owner").digest())
        self.keys: list[Keypair] = []

    @property
    def state(self) -> State:  # type: ignore[override]
        return self.home.state

    def add_hotspots(self, hotspots: int = len(PLACES)) -> None:
        """So many more join and get their places, each with two blocks."""
        for at in range(len(self.keys), len(self.keys) + hotspots):
            key = Keypair(sha256(b"hotspot %d" % at).digest())
            self.keys.append(key)
            owner, payer = self.owner.public_key.binary, FAUCET.public_key.binary
            add = HotspotAdd(payer=payer, nonce=1, fee=0, owner=owner, hotspot=key.public_key.binary)
            self.home.make_block(self.home.build(add, FAUCET, self.owner, key))
            lat, lng = PLACES[at % len(PLACES)]
            place = LocationAssert(
                payer=payer, nonce=1, fee=0, owner=owner, hotspot=key.public_key.binary,
                location=int(h3.latlng_to_cell(lat, lng, 12)), gain_ddbi=21, elevation_m=12,
            )  # fmt: skip
            self.home.make_block(self.home.build(place, FAUCET, self.owner))

    def play_rounds(self, rounds: int) -> None:
        """So many rounds with reports, each from its opening block to the block that closes it."""
        chain = self.home.chain
        for _ in range(rounds):
            round_end_ms = chain.genesis_time_ms + (chain.compute_round(self.home.now_ms) + 1) * ROUND_MS
            challenges = get_challenges(self.state)
            if challenges:
                reports = self._report(round_end_ms)
                self.home.make_block(reports=reports, after_ms=round_end_ms - 1_000 - self.home.now_ms)
            self.home.make_block(after_ms=round_end_ms - self.home.now_ms)

    def _report(self, round_end_ms: int) -> list[ReceivedReport]:
        reports = []
        for beaconer in self.keys:
            if beaconer.public_key.binary not in {c.hotspot for c in get_challenges(self.state)}:
                continue
            arrival_ms = self.get_arrival_ms(beaconer)
            reports.append((self.build_beacon(beaconer), beaconer, arrival_ms))
            for at, witness in enumerate(self.keys):
                signal_ddbm = self._get_signal(witness, beaconer)
                if witness is beaconer or signal_ddbm < HEARD_FROM_DDBM:
                    continue
                if at == LIAR:
                    signal_ddbm = -300
                snr_ddb = min(95, (signal_ddbm + 1_170) // 2)
                message = self.build_witness(witness, beaconer, signal=signal_ddbm, snr=snr_ddb)
                reports.append((message, witness, arrival_ms + 150))
        told_at_ms = self.get_round().openings_from_ms + 1_000
        claimed = [claim_and_open(message, key, at_ms, told_at_ms) for message, key, at_ms in reports]
        received = [claim for claim, _ in claimed] + [opening for _, opening in claimed]
        assert all(report.received_at_ms < round_end_ms for report in received)
        return [
            sign_arrival(
                self.home.chain.chain_id, report.kind, report.report_bytes, report.received_at_ms, PRODUCER
            )
            for report in received
        ]

    def _get_signal(self, witness: Keypair, beaconer: Keypair) -> int:
        """dBm x 10 through a town: exponent 3, and some shadow that stays."""
        rows = [self.state.get(HOTSPOTS, key.public_key.binary) for key in (witness, beaconer)]
        metres = max(compute_distance_um(rows[0].location, rows[1].location) / 1e6, 1)  # type: ignore[union-attr]
        pair = b"".join(sorted(key.public_key.binary for key in (witness, beaconer)))
        shadow_ddb = sha256(pair).digest()[0] - 128
        return round(10 * (16 - 31.2 - 30 * math.log10(metres))) + shadow_ddb
