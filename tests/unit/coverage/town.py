"""A small town for tests: hotspots with keys and places, an open round, and honest reports of it."""

from hashlib import sha256

import h3.api.basic_int as h3
from msgspec.structs import replace

from chain.blocks.reports import CLAIM, ReceivedReport, ReportKind
from chain.coverage.beacon import compute_beacon_data
from chain.coverage.challenges import Challenge
from chain.coverage.claims import compute_commitment
from chain.coverage.parameters import CoverageParameters
from chain.coverage.process import open_round, process_report
from chain.coverage.reports import DATA_RATE_NUMBERS, ReportEnvelope, compute_signed_bytes, encode_report
from chain.coverage.slots import compute_slot_end_ms
from chain.coverage.tables import OpenRound, get_challenges, get_open_round, number_placed_hotspot
from chain.keys.keypair import Keypair
from chain.ledger.context import BlockContext
from chain.ledger.events import Event
from chain.ledger.parameters import Parameters
from chain.ledger.state import MemoryStore, State
from chain.ledger.tables import HOTSPOTS, Hotspot
from chain.wire import poc_lora_pb2

GENESIS_MS = 1_700_000_000_000
ROUND_MS = 30_000
PARAMETERS = Parameters(
    block_interval_ms=1_000,
    epoch_ms=120_000,
    coverage=CoverageParameters(
        round_ms=ROUND_MS, beacon_period_rounds=1, beacon_spreading_factors=(8,), beacon_power_range_db=0
    ),
)
#: Places around Grenoble, 1 to 6 km from each other.
PLACES = (
    (45.1885, 5.7245),
    (45.2000, 5.7245),
    (45.1885, 5.7500),
    (45.1700, 5.7100),
    (45.2200, 5.7600),
)


def get_place(lat: float, lng: float) -> int:
    return int(h3.latlng_to_cell(lat, lng, 12))


class Town:
    """A ledger with hotspots, and what honest ones would say of the open round."""

    def __init__(self, hotspots: int = 3, parameters: Parameters = PARAMETERS) -> None:
        self.state = State(MemoryStore())
        self.parameters = parameters
        self.owner = Keypair(sha256(b"owner").digest())
        self.keys = [Keypair(sha256(b"hotspot %d" % at).digest()) for at in range(hotspots)]
        for at, key in enumerate(self.keys):
            lat, lng = PLACES[at % len(PLACES)]
            place = get_place(lat + 0.01 * (at // len(PLACES)), lng)
            row = Hotspot(self.owner.public_key.binary, 1, location=place, gain_ddbi=21, elevation_m=10)
            self.state.put(HOTSPOTS, key.public_key.binary, row)
            number_placed_hotspot(self.state, key.public_key.binary)

    def get_context(self, round: int = 0, epoch: int = 0, late_ms: int = 0) -> BlockContext:
        """The context of the block that opens ``round``."""
        return BlockContext(
            chain_id="test",
            height=round + 1,
            time_ms=GENESIS_MS + round * self.parameters.coverage.round_ms + late_ms,
            genesis_time_ms=GENESIS_MS,
            parameters=self.parameters,
            round=round,
            epoch=epoch,
            entropy=sha256(b"entropy %d" % round).digest(),
            hxt_price=self.parameters.hxt_price,
        )

    def open(self, round: int = 0, epoch: int = 0) -> BlockContext:
        context = self.get_context(round, epoch)
        open_round(self.state, context)
        return context

    def get_round(self) -> OpenRound:
        opened = get_open_round(self.state)
        assert opened is not None
        return opened

    def get_key(self, hotspot: bytes) -> Keypair:
        return next(key for key in self.keys if key.public_key.binary == hotspot)

    def get_challenge(self, key: Keypair) -> Challenge:
        return next(c for c in get_challenges(self.state) if c.hotspot == key.public_key.binary)

    def get_local_entropy(self, key: Keypair) -> bytes:
        return sha256(b"secret" + key.public_key.binary).digest()[:16]

    def build_beacon(self, key: Keypair, **changes: object) -> poc_lora_pb2.lora_beacon_report_req_v1:
        """The honest report of a hotspot's beacon, with fields changed, unsigned."""
        opened, challenge = self.get_round(), self.get_challenge(key)
        local_entropy = self.get_local_entropy(key)
        message = poc_lora_pb2.lora_beacon_report_req_v1(
            pub_key=key.public_key.binary,
            local_entropy=local_entropy,
            remote_entropy=opened.entropy,
            data=compute_beacon_data(opened.entropy, opened.timestamp_s, local_entropy),
            frequency=challenge.frequency_hz,
            datarate=DATA_RATE_NUMBERS[challenge.spreading_factor, challenge.bandwidth_hz],  # type: ignore[arg-type]
            tx_power=challenge.conducted_power_dbm,
            timestamp=challenge.at_ms * 1_000_000,
        )
        for name, value in changes.items():
            setattr(message, name, value)
        return message

    def build_witness(
        self, key: Keypair, beaconer: Keypair, **changes: object
    ) -> poc_lora_pb2.lora_witness_report_req_v1:
        """The honest report of a witness of a hotspot's beacon, with fields changed, unsigned."""
        beacon = self.build_beacon(beaconer)
        message = poc_lora_pb2.lora_witness_report_req_v1(
            pub_key=key.public_key.binary,
            data=beacon.data,
            timestamp=beacon.timestamp,
            signal=-1050,
            snr=-20,
            frequency=beacon.frequency,
            datarate=beacon.datarate,
        )
        for name, value in changes.items():
            setattr(message, name, value)
        return message

    def take(
        self, context: BlockContext, message: "Report", key: Keypair, claimed_at_ms: int, told_ms: int = 0
    ) -> list[Event]:
        """A claim arrives, and is opened ``told_ms`` after openings began. The events of both."""
        told_at_ms = self.get_round().openings_from_ms + told_ms
        return [
            event
            for received in claim_and_open(message, key, claimed_at_ms, told_at_ms)
            for event in process_report(self.state, context, received)
        ]

    def get_arrival_ms(self, beaconer: Keypair, after_ms: int = 100) -> int:
        return compute_slot_end_ms(self.get_challenge(beaconer)) + after_ms


Report = poc_lora_pb2.lora_beacon_report_req_v1 | poc_lora_pb2.lora_witness_report_req_v1


def sign(message: Report | poc_lora_pb2.lora_claim_v1, key: Keypair) -> bytes:
    """The serialized message with its signature."""
    message.signature = key.sign(compute_signed_bytes(message))
    return message.SerializeToString(deterministic=True)


def receive(message: Report, key: Keypair, received_at_ms: int, session: bytes = b"") -> ReceivedReport:
    """A signed report as a block carries it."""
    kind: ReportKind = "beacon" if isinstance(message, poc_lora_pb2.lora_beacon_report_req_v1) else "witness"
    return ReceivedReport(kind, encode_report(sign(message, key), session), received_at_ms, b"")


def build_claim(
    hotspot: bytes, commitment: bytes, key: Keypair, received_at_ms: int, session: bytes = b""
) -> ReceivedReport:
    """A signed claim as a block carries it."""
    message = poc_lora_pb2.lora_claim_v1(pub_key=hotspot, commitment=commitment, timestamp=1)
    return ReceivedReport(CLAIM, encode_report(sign(message, key), session), received_at_ms, b"")


def claim_and_open(
    message: Report,
    key: Keypair,
    claimed_at_ms: int,
    told_at_ms: int,
    session: bytes = b"",
    nonce: bytes = b"n" * 32,
) -> tuple[ReceivedReport, ReceivedReport]:
    """The claim of a report, and the report that opens it."""
    report = sign(message, key)
    commitment = compute_commitment(nonce, ReportEnvelope(report, session))
    kind = receive(message, key, 0).kind
    opening = ReceivedReport(kind, encode_report(report, session, nonce), told_at_ms, b"")
    return build_claim(message.pub_key, commitment, key, claimed_at_ms, session), opening


def change_coverage(**changes: object) -> Parameters:
    return replace(PARAMETERS, coverage=replace(PARAMETERS.coverage, **changes))
