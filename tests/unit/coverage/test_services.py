"""The gRPC services over a real socket, with a node that only remembers what it was given."""

import asyncio
import json
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import grpc
import pytest

from chain.blocks.reports import ReceivedReport, ReportKind, compute_report_id
from chain.coverage.claims import compute_commitment, get_commitment, parse_claim
from chain.coverage.process import process_report
from chain.coverage.reports import (
    ReportEnvelope,
    compute_signed_bytes,
    decode_report,
    is_message_signed,
    is_report_signed,
)
from chain.coverage.tables import OpenRound, get_open_round
from chain.keys.address import NETWORK_MAIN
from chain.keys.keypair import Keypair
from chain.keys.public_key import PublicKey
from chain.ledger.parameters import Parameters
from chain.ledger.tables import HOTSPOTS, Hotspot
from chain.node import coverage_services
from chain.node.coverage_services import add_coverage_services, build_region_params
from chain.node.mempool import ReportsFull
from chain.node.report_door import MOST_REFUSED_IN_A_ROW
from chain.node.report_rate import ReportRate
from chain.wire import (
    iot_config_pb2,
    iot_config_pb2_grpc,
    poc_entropy_pb2,
    poc_entropy_pb2_grpc,
    poc_lora_pb2,
    poc_lora_pb2_grpc,
    radio_pb2,
)
from tests.unit.coverage.town import GENESIS_MS, Town, change_coverage, sign

SESSION = Keypair(sha256(b"session").digest())
NONCE = b"n" * 32


class RememberingNode:
    """Keeps reports in a list in place of a disk."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.key = Keypair(sha256(b"producer").digest())
        self.taken: list[tuple[ReportKind, bytes]] = []
        self.is_full = False
        self.clock_ms = GENESIS_MS + 7_000

    @property
    def parameters(self) -> Parameters:
        return self.town.parameters

    @property
    def public_key(self) -> PublicKey:
        return self.key.public_key

    def sign(self, message: bytes) -> bytes:
        return self.key.sign(message)

    def now_ms(self) -> int:
        return self.clock_ms

    def get_open_round(self) -> OpenRound | None:
        return get_open_round(self.town.state)

    def get_hotspot(self, key: bytes) -> Hotspot | None:
        return self.town.state.get(HOTSPOTS, key)

    async def accept_report(self, kind: ReportKind, report_bytes: bytes) -> str:
        if self.is_full:
            raise ReportsFull("7 reports wait for a block: try again later")
        self.taken.append((kind, report_bytes))
        return compute_report_id(kind, report_bytes).hex()


@pytest.fixture
def node() -> RememberingNode:
    town = Town(parameters=change_coverage(accept_unclaimed_reports=True))
    town.open()
    return RememberingNode(town)


@pytest.fixture
async def channel(node: RememberingNode) -> AsyncIterator[grpc.aio.Channel]:
    server = grpc.aio.server()
    add_coverage_services(server, node, node.key)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel
    await server.stop(None)


def get_reports(channel: grpc.aio.Channel) -> Any:
    return poc_lora_pb2_grpc.poc_loraStub(channel)  # type: ignore[no-untyped-call]


async def wait_for(node: RememberingNode, count: int) -> None:
    async with asyncio.timeout(5):
        while len(node.taken) < count:
            await asyncio.sleep(0.01)


async def read_status(stream: Any) -> grpc.StatusCode:
    """The status that the server ends a stream with."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stream.read()
    return caught.value.code()


def sign_message(message: Any, key: Keypair) -> Any:
    message.signature = key.sign(compute_signed_bytes(message))
    return message


async def test_entropy_is_the_rounds_and_signed(node: RememberingNode, channel: grpc.aio.Channel) -> None:
    stub: Any = poc_entropy_pb2_grpc.poc_entropyStub(channel)  # type: ignore[no-untyped-call]
    answer = await stub.entropy(poc_entropy_pb2.entropy_req_v1())
    opened = node.town.get_round()
    assert (answer.data, answer.timestamp, answer.round) == (opened.entropy, GENESIS_MS // 1000, 0)
    assert is_message_signed(answer, node.key.public_key.binary)
    answer.timestamp += 1
    assert not is_message_signed(answer, node.key.public_key.binary)


async def test_no_entropy_before_the_first_round() -> None:
    server = grpc.aio.server()
    add_coverage_services(server, RememberingNode(Town()), Keypair(bytes(32)))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub: Any = poc_entropy_pb2_grpc.poc_entropyStub(channel)  # type: ignore[no-untyped-call]
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.entropy(poc_entropy_pb2.entropy_req_v1())
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    await server.stop(None)


async def test_reports_are_answered_with_the_id_under_which_they_are_stored(
    node: RememberingNode, channel: grpc.aio.Channel
) -> None:
    key, other = node.town.keys[:2]
    beacon = sign_message(node.town.build_beacon(key), key)
    witness = sign_message(node.town.build_witness(other, key), other)
    answers = [
        await get_reports(channel).submit_lora_beacon(beacon),
        await get_reports(channel).submit_lora_witness(witness),
    ]
    assert [kind for kind, _ in node.taken] == ["beacon", "witness"]
    assert [answer.id for answer in answers] == [compute_report_id(*taken).hex() for taken in node.taken]
    for kind, report_bytes in node.taken:
        assert is_report_signed(decode_report(report_bytes), kind)


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        (grpc.StatusCode.UNAUTHENTICATED, "signature"),
        (grpc.StatusCode.PERMISSION_DENIED, "not on the chain"),
        (grpc.StatusCode.PERMISSION_DENIED, "another network"),
        (grpc.StatusCode.INVALID_ARGUMENT, "51 bytes"),
        (grpc.StatusCode.INVALID_ARGUMENT, "at most"),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "wait for a block"),
    ],
)
async def test_refused_with_a_status_and_a_sentence(
    node: RememberingNode, channel: grpc.aio.Channel, code: grpc.StatusCode, sentence: str
) -> None:
    key = node.town.keys[0]
    signer, message = key, node.town.build_beacon(key)
    if sentence == "signature":
        signer = node.town.keys[1]
    elif sentence == "not on the chain":
        signer = Keypair(sha256(b"stranger").digest())
        message.pub_key = signer.public_key.binary
    elif sentence == "another network":
        signer = Keypair(sha256(b"stranger").digest(), NETWORK_MAIN)
        message.pub_key = signer.public_key.binary
    elif sentence == "51 bytes":
        message.data = bytes(50)
    elif sentence == "at most":
        message.data = bytes(2000)
    else:
        node.is_full = True
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await get_reports(channel).submit_lora_beacon(sign_message(message, signer))
    assert caught.value.code() is code
    assert sentence in (caught.value.details() or "")
    assert node.taken == []


async def test_a_flood_of_one_hotspot_is_told_to_slow_down(
    node: RememberingNode, channel: grpc.aio.Channel
) -> None:
    key, other = node.town.keys[:2]
    codes = []
    for at in range(130):
        message = sign_message(node.town.build_witness(key, other, signal=-1000 - at), key)
        try:
            await get_reports(channel).submit_lora_witness(message)
        except grpc.aio.AioRpcError as error:
            codes.append(error.code())
    assert codes and set(codes) == {grpc.StatusCode.RESOURCE_EXHAUSTED}
    assert len(node.taken) + len(codes) == 130 and len(codes) == 2
    answer = await get_reports(channel).submit_lora_beacon(sign_message(node.town.build_beacon(other), other))
    assert answer.id


async def test_a_stream_with_a_session(node: RememberingNode, channel: grpc.aio.Channel) -> None:
    key, other = node.town.keys[:2]
    stream = get_reports(channel).stream_requests()
    offer = (await stream.read()).offer
    assert len(offer.nonce) == 32
    init = poc_lora_pb2.lora_stream_session_init_v1(
        pub_key=key.public_key.binary, nonce=offer.nonce, session_key=SESSION.public_key.binary
    )
    await stream.write(poc_lora_pb2.lora_stream_request_v1(session_init=sign_message(init, key)))
    beacon = sign_message(node.town.build_beacon(key), SESSION)
    witness = sign_message(node.town.build_witness(key, other), SESSION)
    await stream.write(poc_lora_pb2.lora_stream_request_v1(beacon_report=beacon))
    await stream.write(poc_lora_pb2.lora_stream_request_v1(witness_report=witness))
    await wait_for(node, 2)
    for kind, report_bytes in node.taken:
        envelope = decode_report(report_bytes)
        assert envelope.session and is_report_signed(envelope, kind)
    # A report of another hotspot on this session is left out, the stream goes on.
    stranger = sign_message(node.town.build_beacon(other), SESSION)
    await stream.write(poc_lora_pb2.lora_stream_request_v1(beacon_report=stranger))
    await stream.write(poc_lora_pb2.lora_stream_request_v1(witness_report=witness))
    await wait_for(node, 3)
    await stream.done_writing()
    assert await stream.read() == grpc.aio.EOF


def build_claim(key: Keypair, envelope: ReportEnvelope, nonce: bytes = NONCE) -> Any:
    return poc_lora_pb2.lora_claim_v1(
        pub_key=key.public_key.binary, commitment=compute_commitment(nonce, envelope), timestamp=1
    )


async def test_a_claim_and_its_opening(node: RememberingNode, channel: grpc.aio.Channel) -> None:
    key, other = node.town.keys[:2]
    beacon = sign_message(node.town.build_beacon(key), key)
    witness = sign_message(node.town.build_witness(other, key), other)
    reports = get_reports(channel)
    for signer, message in ((key, beacon), (other, witness)):
        envelope = ReportEnvelope(message.SerializeToString(deterministic=True))
        answer = await reports.submit_lora_claim(sign_message(build_claim(signer, envelope), signer))
        assert answer.id == compute_report_id(*node.taken[-1]).hex()
    node.clock_ms = node.town.get_round().openings_from_ms
    await reports.submit_lora_opening(poc_lora_pb2.lora_opening_v1(nonce=NONCE, beacon_report=beacon))
    await reports.submit_lora_opening(poc_lora_pb2.lora_opening_v1(nonce=NONCE, witness_report=witness))
    assert [kind for kind, _ in node.taken] == ["claim", "claim", "beacon", "witness"]
    for (_, claimed), (_, opened) in zip(node.taken[:2], node.taken[2:], strict=True):
        claim = parse_claim(decode_report(claimed).report)
        assert claim.commitment == get_commitment(decode_report(opened))
    # What came in over the wire is what the rules take.
    context = node.town.get_context()
    arrivals = [GENESIS_MS + 6_400] * 2 + [node.clock_ms] * 2
    for (kind, report_bytes), at_ms in zip(node.taken, arrivals, strict=True):
        received = ReceivedReport(kind, report_bytes, at_ms, b"")
        assert process_report(node.town.state, context, received) == []


@pytest.mark.parametrize(
    ("part", "what", "code", "sentence"),
    [
        ("air", "report", grpc.StatusCode.FAILED_PRECONDITION, "without a claim"),
        ("air", "opening", grpc.StatusCode.ABORTED, "in 13000 ms"),
        ("openings", "claim", grpc.StatusCode.OUT_OF_RANGE, "since 0 ms"),
        ("openings", "report", grpc.StatusCode.FAILED_PRECONDITION, "without a claim"),
        ("over", "opening", grpc.StatusCode.OUT_OF_RANGE, "is over"),
    ],
)
async def test_what_comes_out_of_turn_hears_it_at_once(
    node: RememberingNode,
    channel: grpc.aio.Channel,
    part: str,
    what: str,
    code: grpc.StatusCode,
    sentence: str,
) -> None:
    node.town.parameters = change_coverage(accept_unclaimed_reports=False)
    opened = node.town.get_round()
    if part == "openings":
        node.clock_ms = opened.openings_from_ms
    elif part == "over":
        node.clock_ms = opened.closes_at_ms + 1
    key = node.town.keys[0]
    beacon = sign_message(node.town.build_beacon(key), key)
    reports = get_reports(channel)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        if what == "report":
            await reports.submit_lora_beacon(beacon)
        elif what == "claim":
            envelope = ReportEnvelope(beacon.SerializeToString(deterministic=True))
            await reports.submit_lora_claim(sign_message(build_claim(key, envelope), key))
        else:
            opening = poc_lora_pb2.lora_opening_v1(nonce=NONCE, beacon_report=beacon)
            await reports.submit_lora_opening(opening)
    assert caught.value.code() is code and sentence in (caught.value.details() or "")
    assert node.taken == []


@pytest.mark.parametrize("fault", ["empty", "short nonce", "long nonce", "commitment", "signature"])
async def test_malformed_claims_and_openings(
    node: RememberingNode, channel: grpc.aio.Channel, fault: str
) -> None:
    key, other = node.town.keys[:2]
    beacon = sign_message(node.town.build_beacon(key), key)
    code = grpc.StatusCode.INVALID_ARGUMENT
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        if fault in ("commitment", "signature"):
            claim = build_claim(key, ReportEnvelope(b""))
            if fault == "commitment":
                claim.commitment = bytes(31)
            else:
                code = grpc.StatusCode.UNAUTHENTICATED
            signer = other if fault == "signature" else key
            await get_reports(channel).submit_lora_claim(sign_message(claim, signer))
        else:
            node.clock_ms = node.town.get_round().openings_from_ms
            opening = poc_lora_pb2.lora_opening_v1(nonce=NONCE, beacon_report=beacon)
            if fault == "empty":
                opening.ClearField("beacon_report")
            else:
                opening.nonce = bytes(15 if fault == "short nonce" else 33)
            await get_reports(channel).submit_lora_opening(opening)
    assert caught.value.code() is code
    assert node.taken == []


async def test_claims_and_openings_on_a_stream_with_a_session(
    node: RememberingNode, channel: grpc.aio.Channel
) -> None:
    key, other = node.town.keys[:2]
    stream = get_reports(channel).stream_requests()
    nonce = (await stream.read()).offer.nonce
    init = sign_message(
        poc_lora_pb2.lora_stream_session_init_v1(
            pub_key=key.public_key.binary, nonce=nonce, session_key=SESSION.public_key.binary
        ),
        key,
    )
    await stream.write(poc_lora_pb2.lora_stream_request_v1(session_init=init))
    beacon = sign_message(node.town.build_beacon(key), SESSION)
    session = init.SerializeToString(deterministic=True)
    envelope = ReportEnvelope(beacon.SerializeToString(deterministic=True), session)
    claim = sign_message(build_claim(key, envelope), SESSION)
    await stream.write(poc_lora_pb2.lora_stream_request_v1(claim=claim))
    await wait_for(node, 1)
    # Another hotspot's, on this session: left out.
    strange = sign_message(build_claim(other, envelope), SESSION)
    await stream.write(poc_lora_pb2.lora_stream_request_v1(claim=strange))
    node.clock_ms = node.town.get_round().openings_from_ms
    opening = poc_lora_pb2.lora_opening_v1(nonce=NONCE, beacon_report=beacon, session=init)
    await stream.write(poc_lora_pb2.lora_stream_request_v1(opening=opening))
    await wait_for(node, 2)
    await stream.done_writing()
    assert await stream.read() == grpc.aio.EOF
    (_, claimed), (_, opened) = node.taken
    assert is_report_signed(decode_report(claimed), "claim")
    assert parse_claim(decode_report(claimed).report).commitment == get_commitment(decode_report(opened))


async def test_a_stream_without_a_session_takes_what_the_hotspots_own_key_signed(
    node: RememberingNode, channel: grpc.aio.Channel
) -> None:
    key = node.town.keys[0]
    stream = get_reports(channel).stream_requests()
    await stream.read()
    report = sign_message(node.town.build_beacon(key), key)
    await stream.write(poc_lora_pb2.lora_stream_request_v1(beacon_report=report))
    await wait_for(node, 1)
    stream.cancel()


@pytest.mark.parametrize("fault", ["nonce", "signer", "key"])
async def test_a_false_session_ends_the_stream(
    node: RememberingNode, channel: grpc.aio.Channel, fault: str
) -> None:
    key = node.town.keys[0]
    stream = get_reports(channel).stream_requests()
    offer = (await stream.read()).offer
    init = poc_lora_pb2.lora_stream_session_init_v1(
        pub_key=key.public_key.binary,
        nonce=bytes(32) if fault == "nonce" else offer.nonce,
        session_key=bytes(33) if fault == "key" else SESSION.public_key.binary,
    )
    if fault == "key":
        init.session_key = b"\x1f" + bytes(32)
    signer = node.town.keys[1] if fault == "signer" else key
    await stream.write(poc_lora_pb2.lora_stream_request_v1(session_init=sign_message(init, signer)))
    expected = grpc.StatusCode.INVALID_ARGUMENT if fault == "key" else grpc.StatusCode.UNAUTHENTICATED
    assert await read_status(stream) is expected


async def test_an_offer_that_nobody_takes_up_ends_the_stream(
    node: RememberingNode, channel: grpc.aio.Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coverage_services, "OFFER_TIMEOUT_S", 0.05)
    stream = get_reports(channel).stream_requests()
    await stream.read()
    assert await read_status(stream) is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_a_stream_of_nothing_but_false_reports_is_closed(
    node: RememberingNode, channel: grpc.aio.Channel
) -> None:
    key, other = node.town.keys[:2]
    stream = get_reports(channel).stream_requests()
    await stream.read()
    false = poc_lora_pb2.lora_stream_request_v1(
        beacon_report=sign_message(node.town.build_beacon(key), other)
    )
    for _ in range(MOST_REFUSED_IN_A_ROW):
        await stream.write(false)
    assert await read_status(stream) is grpc.StatusCode.UNAUTHENTICATED
    assert node.taken == []


async def test_region_parameters_for_a_placed_hotspot(
    node: RememberingNode, channel: grpc.aio.Channel
) -> None:
    stub: Any = iot_config_pb2_grpc.gatewayStub(channel)  # type: ignore[no-untyped-call]
    key = node.town.keys[0]
    request = iot_config_pb2.gateway_region_params_req_v1(
        region=radio_pb2.US915, address=key.public_key.binary
    )
    answer = await stub.region_params(sign_message(request, key))
    assert answer.region == radio_pb2.EU868 and answer.gain == 21
    assert answer.signer == node.key.public_key.binary and is_message_signed(answer, answer.signer)
    assert answer.timestamp == node.clock_ms // 1000
    assert len(answer.params.region_params) == 8
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.region_params(sign_message(request, node.town.keys[1]))
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
    node.town.state.delete(HOTSPOTS, key.public_key.binary)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.region_params(sign_message(request, key))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


def test_region_parameters_as_in_the_vectors(shared: Path) -> None:
    """All regions of the file; EU433's channels lack a digit upstream, and are right here."""
    regions = json.loads((shared / "vectors/chain/region_params.json").read_text())["regions"]
    assert len(regions) >= 15
    for name, channels in regions.items():
        params = build_region_params(name).region_params
        factor = 10 if name == "EU433" else 1
        assert [param.channel_frequency for param in params] == [ch["freq"] * factor for ch in channels]
        for param, channel in zip(params, channels, strict=True):
            assert (param.bandwidth, param.max_eirp) == (channel["bw"], channel["max_eirp_ddBm"])
            spreading = [
                [iot_config_pb2.region_spreading.Name(tagged.region_spreading), tagged.max_packet_size]
                for tagged in param.spreading.tagged_spreading
            ]
            assert spreading == channel["spreading"]


def test_rate_refills_and_forgets_the_quietest() -> None:
    rate = ReportRate(burst=2, per_minute=60, buckets=2)
    assert [rate.take(b"a", 0) for _ in range(3)] == [True, True, False]
    assert not rate.take(b"a", 999)
    assert rate.take(b"a", 1_000)
    assert not rate.take(b"a", 1_001)
    assert [rate.take(b"a", 1_000_000) for _ in range(3)] == [True, True, False]
    assert rate.take(b"b", 1_000_000) and rate.take(b"c", 1_000_000)
    assert rate.take(b"a", 1_000_000)  # forgotten for b and c


def test_signed_reports_of_the_town_fit_the_limit(node: RememberingNode) -> None:
    key = node.town.keys[0]
    assert len(sign(node.town.build_beacon(key, local_entropy=bytes(64)), key)) < 512
