"""A deployed gateway's way through the services and the rules, over real gRPC, where a network takes it.

The gateway here does what gateway-rs 1.3.0 does: asks for its region's parameters, fetches entropy, draws 4
bytes, takes channel, data rate and power from the payload and the region, and reports in sessions; nothing
of claims or orders. The node applies what comes in to a ledger, with the arrival times that its clock
gives.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any

import grpc
import pytest
from msgspec.structs import replace

from chain.blocks.reports import ReceivedReport, ReportKind, compute_report_id
from chain.coverage.beacon import compute_beacon_data
from chain.coverage.process import open_round, process_report, process_round_close
from chain.coverage.reports import DATA_RATE_NUMBERS, compute_signed_bytes
from chain.coverage.tables import (
    BEACON_REPORTS,
    BEACON_TOTALS,
    LAST_BEACONS,
    RECENT_ENTROPY,
    WITNESS_REPORTS,
    WITNESS_TOTALS,
    BeaconTotal,
    LastBeacon,
    WitnessTotal,
    get_entropy_contribution,
    get_epoch_key,
)
from chain.keys.keypair import Keypair
from chain.ledger.events import Event
from chain.node.coverage_services import add_coverage_services
from chain.rewards.reward_units import compute_beacon_units
from chain.wire import (
    iot_config_pb2,
    iot_config_pb2_grpc,
    poc_entropy_pb2,
    poc_entropy_pb2_grpc,
    poc_lora_pb2,
    poc_lora_pb2_grpc,
)
from tests.unit.coverage.test_services import RememberingNode, wait_for
from tests.unit.coverage.town import GENESIS_MS, ROUND_MS, Town, change_coverage

AIRTIME_SF12_MS = 2_465
STOCK = change_coverage(accept_unclaimed_reports=True, accept_unsolicited_beacons=True)


class LedgerNode(RememberingNode):
    """Applies what it takes in, as blocks would."""

    def __init__(self, parameters: Any = STOCK) -> None:
        super().__init__(Town(parameters=replace(parameters, epoch_ms=40 * ROUND_MS)))
        self.round = 0
        self.events: list[Event] = []
        open_round(self.town.state, self.town.get_context())

    async def accept_report(self, kind: ReportKind, report_bytes: bytes) -> str:
        self.taken.append((kind, report_bytes))
        received = ReceivedReport(kind, report_bytes, self.clock_ms, b"")
        self.events += process_report(self.town.state, self.town.get_context(self.round), received)
        return compute_report_id(kind, report_bytes).hex()

    def next_round(self) -> list[dict[str, Any]]:
        """The round closes and the next one opens; the closed one's verdicts."""
        verdicts = process_round_close(self.town.state, self.town.get_context(self.round))
        self.round += 1
        open_round(self.town.state, self.town.get_context(self.round))
        self.clock_ms = max(self.clock_ms, GENESIS_MS + self.round * ROUND_MS)
        return [event.fields for event in verdicts]


class StockGateway:
    """gateway-rs: region parameters, entropy, one stream of reports."""

    def __init__(self, key: Keypair, channel: grpc.aio.Channel) -> None:
        self.key = key
        self.channel = channel
        self.session = Keypair(sha256(b"session" + key.public_key.binary).digest())
        self.stream: Any = None

    def sign(self, message: Any, key: Keypair) -> Any:
        message.signature = key.sign(compute_signed_bytes(message))
        return message

    async def connect(self) -> None:
        stub: Any = poc_lora_pb2_grpc.poc_loraStub(self.channel)  # type: ignore[no-untyped-call]
        self.stream = stub.stream_requests()
        offer = (await self.stream.read()).offer
        init = poc_lora_pb2.lora_stream_session_init_v1(
            pub_key=self.key.public_key.binary,
            nonce=offer.nonce,
            session_key=self.session.public_key.binary,
        )
        await self.stream.write(poc_lora_pb2.lora_stream_request_v1(session_init=self.sign(init, self.key)))

    async def fetch_region(self) -> Any:
        stub: Any = iot_config_pb2_grpc.gatewayStub(self.channel)  # type: ignore[no-untyped-call]
        request = iot_config_pb2.gateway_region_params_req_v1(region=1, address=self.key.public_key.binary)
        return await stub.region_params(self.sign(request, self.key))

    async def fetch_entropy(self) -> Any:
        stub: Any = poc_entropy_pb2_grpc.poc_entropyStub(self.channel)  # type: ignore[no-untyped-call]
        return await stub.entropy(poc_entropy_pb2.entropy_req_v1())

    async def make_beacon(self, local_entropy: bytes = b"\x01\x02\x03\x04", entropy: Any = None) -> Any:
        """A beacon's report, as it leaves when the beacon is handed to the radio; unsigned."""
        region = await self.fetch_region()
        entropy = entropy or await self.fetch_entropy()
        data = compute_beacon_data(entropy.data, entropy.timestamp, local_entropy)
        params = region.params.region_params
        channel = params[int.from_bytes(data[:2], "little") % len(params)]
        tagged = next(t for t in channel.spreading.tagged_spreading if t.max_packet_size >= 51)
        rate = DATA_RATE_NUMBERS[tagged.region_spreading + 6, channel.bandwidth]
        return poc_lora_pb2.lora_beacon_report_req_v1(
            pub_key=self.key.public_key.binary,
            local_entropy=local_entropy,
            remote_entropy=entropy.data,
            data=data,
            frequency=channel.channel_frequency,
            datarate=rate,  # type: ignore[arg-type]
            tx_power=(max(p.max_eirp for p in params) - region.gain) // 10,
            timestamp=1,
        )

    def make_witness(self, beacon: Any, **changes: Any) -> Any:
        report = poc_lora_pb2.lora_witness_report_req_v1(
            pub_key=self.key.public_key.binary,
            data=beacon.data,
            timestamp=1,
            signal=-1100,
            snr=-95,
            frequency=beacon.frequency,
            datarate=beacon.datarate,
        )
        for name, value in changes.items():
            setattr(report, name, value)
        return report

    async def send(self, node: LedgerNode, report: Any) -> None:
        """Over the stream, signed by the session; taken in on return."""
        is_beacon = isinstance(report, poc_lora_pb2.lora_beacon_report_req_v1)
        signed = self.sign(report, self.session)
        request = (
            poc_lora_pb2.lora_stream_request_v1(beacon_report=signed)
            if is_beacon
            else poc_lora_pb2.lora_stream_request_v1(witness_report=signed)
        )
        taken = len(node.taken)
        await self.stream.write(request)
        await wait_for(node, taken + 1)


@asynccontextmanager
async def running(node: LedgerNode) -> AsyncIterator[list[StockGateway]]:
    server = grpc.aio.server()
    add_coverage_services(server, node, node.key)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        gateways = [StockGateway(key, channel) for key in node.town.keys]
        for gateway in gateways:
            await gateway.connect()
        yield gateways
    await server.stop(None)


async def test_a_beacon_and_who_heard_it_count_as_weaker_evidence() -> None:
    node = LedgerNode()
    async with running(node) as (beaconer, near, far):
        beacon = await beaconer.make_beacon()
        assert beacon.datarate == DATA_RATE_NUMBERS[12, 125_000] and beacon.tx_power == 14
        await beaconer.send(node, beacon)
        node.clock_ms += AIRTIME_SF12_MS + 80
        await near.send(node, near.make_witness(beacon))
        node.clock_ms += 3_900  # within 4 s of the end of the beacon
        await far.send(node, far.make_witness(beacon))
        assert node.events == []
    fields, *witnesses = node.next_round()
    assert fields["ok"] and fields["weak"] and not fields["claimed"] and not fields["ordered"]
    assert (fields["witnesses"], fields["units"]) == (2, compute_beacon_units(2) // 4)
    assert fields["ordered_power_dbm"] == 14
    assert all(witness["ok"] and witness["weak"] and witness["units"] == 2_500 for witness in witnesses)
    key = get_epoch_key(0) + beaconer.key.public_key.binary
    assert node.town.state.get(BEACON_TOTALS, key) == BeaconTotal(compute_beacon_units(2) // 4, 1, 1)
    witness_key = get_epoch_key(0) + near.key.public_key.binary + beaconer.key.public_key.binary
    assert node.town.state.get(WITNESS_TOTALS, witness_key) == WitnessTotal(2_500, 1)
    assert get_entropy_contribution(node.town.state) == b""


async def test_a_witness_that_had_the_time_to_be_told_is_too_late() -> None:
    node = LedgerNode()
    async with running(node) as (beaconer, late, _):
        beacon = await beaconer.make_beacon()
        await beaconer.send(node, beacon)
        node.clock_ms += AIRTIME_SF12_MS + 4_001
        await late.send(node, late.make_witness(beacon))
    _, witness = node.next_round()
    assert (witness["reason"], witness["measured"], witness["limit"]) == ("too_late", 4_001, 4_000)


async def test_one_beacon_in_six_hours_whether_valid_or_not() -> None:
    node = LedgerNode()
    async with running(node) as (beaconer, _, _):
        await beaconer.send(node, await beaconer.make_beacon())
        assert node.next_round()[0]["ok"]
        await beaconer.send(node, await beaconer.make_beacon(b"more"))
        second = node.next_round()[0]
        assert (second["reason"], second["limit"]) == ("irregular_interval", second["measured"] + 1)
        assert node.town.state.get(LAST_BEACONS, beaconer.key.public_key.binary) == LastBeacon(
            second["received_at_ms"]
        )


async def test_an_invalid_beacon_uses_up_its_six_hours_too() -> None:
    node = LedgerNode()
    async with running(node) as (beaconer, _, _):
        loud = await beaconer.make_beacon()
        loud.tx_power += 1
        await beaconer.send(node, loud)
        first = node.next_round()[0]
        assert (first["reason"], first["measured"], first["limit"]) == ("invalid_power", 15, 14)
        await beaconer.send(node, await beaconer.make_beacon(b"more"))
        assert node.next_round()[0]["reason"] == "irregular_interval"


async def test_the_next_six_hours_have_their_own_beacon() -> None:
    parameters = change_coverage(
        accept_unclaimed_reports=True, accept_unsolicited_beacons=True, unsolicited_interval_ms=2 * ROUND_MS
    )
    node = LedgerNode(parameters)
    async with running(node) as (beaconer, _, _):
        reasons = []
        for at in range(5):
            await beaconer.send(node, await beaconer.make_beacon(b"bcn" + bytes([at])))
            reasons.append(node.next_round()[0]["reason"])
    assert reasons.count("none") == 3 and reasons.count("irregular_interval") == 2


@pytest.mark.parametrize(
    ("rounds", "late_ms", "reason"),
    [(5, 0, "none"), (6, 0, "none"), (6, 1, "entropy_expired"), (30, 0, "bad_entropy")],
)
async def test_entropy_counts_for_its_three_minutes(rounds: int, late_ms: int, reason: str) -> None:
    node = LedgerNode()
    async with running(node) as (beaconer, _, _):
        beacon = await beaconer.make_beacon()
        for _ in range(rounds):
            node.next_round()
        node.clock_ms += late_ms
        await beaconer.send(node, beacon)
        assert node.events == []
        assert node.next_round()[0]["reason"] == reason
        assert len(list(node.town.state.iterate(RECENT_ENTROPY))) <= 2 * 180_000 // ROUND_MS + 2


async def test_a_beacon_at_the_end_of_a_round_is_judged_with_those_who_heard_it_in_the_next() -> None:
    node = LedgerNode()
    async with running(node) as (beaconer, early, late):
        beacon = await beaconer.make_beacon()
        node.clock_ms = GENESIS_MS + ROUND_MS - 1_000
        await beaconer.send(node, beacon)
        node.clock_ms += AIRTIME_SF12_MS
        # The block that closes the round comes late: this one arrived before it did.
        assert node.clock_ms > GENESIS_MS + ROUND_MS
        assert node.next_round() == []
        await early.send(node, early.make_witness(beacon))
        node.clock_ms += 500
        await late.send(node, late.make_witness(beacon))
        assert node.events == []
        first, *witnesses = node.next_round()
        assert first["ok"] and first["witnesses"] == 2 and all(witness["ok"] for witness in witnesses)
        for table in (BEACON_REPORTS, WITNESS_REPORTS):
            assert list(node.town.state.iterate(table)) == []


async def test_a_late_witness_of_a_round_whose_beacon_was_judged_is_not_carried_on() -> None:
    node = LedgerNode()
    async with running(node) as (beaconer, witness, other):
        beacon = await beaconer.make_beacon()
        node.clock_ms = GENESIS_MS + ROUND_MS - 6_500
        await beaconer.send(node, beacon)
        node.clock_ms += AIRTIME_SF12_MS + 200
        await witness.send(node, witness.make_witness(beacon))
        await other.send(node, other.make_witness(beacon, data=bytes(51)))
        verdicts = node.next_round()
        assert [fields["ok"] for fields in verdicts] == [True, True]
        # What nobody has reported yet may still come, for one round.
        (unknown,) = node.next_round()
        assert unknown["reason"] == "beacon_unknown"
        assert node.next_round() == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"frequency": 868_100_001}, "invalid_frequency"),
        ({"datarate": DATA_RATE_NUMBERS[9, 125_000]}, "invalid_data_rate"),
        ({"datarate": DATA_RATE_NUMBERS[12, 250_000]}, "invalid_data_rate"),
        ({"data": bytes(51)}, "invalid_packet"),
        ({"remote_entropy": bytes(32)}, "bad_entropy"),
    ],
)
async def test_what_a_gateway_makes_up_is_refused_by_name(change: dict[str, Any], reason: str) -> None:
    node = LedgerNode()
    async with running(node) as (beaconer, witness, _):
        beacon = await beaconer.make_beacon()
        for name, value in change.items():
            setattr(beacon, name, value)
        await beaconer.send(node, beacon)
        node.clock_ms += AIRTIME_SF12_MS + 50
        await witness.send(node, witness.make_witness(beacon))
    verdict, heard = node.next_round()
    assert (verdict["reason"], heard["reason"]) == (reason, "beacon_invalid")


async def test_a_network_that_wants_claims_tells_a_stock_gateway() -> None:
    node = LedgerNode(change_coverage())
    async with running(node) as (beaconer, _, _):
        beacon = beaconer.sign(await beaconer.make_beacon(), beaconer.key)
        stub: Any = poc_lora_pb2_grpc.poc_loraStub(beaconer.channel)  # type: ignore[no-untyped-call]
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.submit_lora_beacon(beacon)
        assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
        assert "claim" in (caught.value.details() or "")
        assert node.taken == []


async def test_a_network_with_unclaimed_reports_but_ordered_beacons_refuses_unordered_ones() -> None:
    node = LedgerNode(change_coverage(accept_unclaimed_reports=True))
    async with running(node) as (beaconer, _, _):
        await beaconer.send(node, await beaconer.make_beacon())
    assert node.next_round()[0]["reason"] == "weak_local_entropy"
