"""The gRPC services that hotspots speak with a node: entropy, Proof-of-Coverage reports, region parameters.

Wire-compatible with deployed gateways (radio facts 6.3). A report is checked for its size and signature
before anything else, stored durably by the node, and only then answered. What the node says itself is
signed by its key: entropy and region parameters can be checked on the way through a stranger's network.
Stock gateways ignore the signature on entropy. Verdicts are the HTTP API's.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from typing import Protocol

import grpc
from google.protobuf.message import Message

from chain.blocks.reports import BEACON, MAX_REPORT_BYTES, WITNESS, ReportKind
from chain.coverage.reports import (
    SESSION_NONCE_BYTES,
    MalformedReport,
    ReportEnvelope,
    compute_signed_bytes,
    encode_report,
    is_message_signed,
    is_report_signed,
    is_session_introduced,
    parse_beacon_report,
    parse_witness_report,
)
from chain.coverage.tables import OpenRound
from chain.keys.keypair import Keypair
from chain.keys.public_key import InvalidPublicKey, PublicKey
from chain.ledger.parameters import Parameters
from chain.ledger.tables import Hotspot
from chain.node.mempool import ReportsFull
from chain.node.report_rate import ReportRate
from chain.wire import (
    iot_config_pb2,
    iot_config_pb2_grpc,
    poc_entropy_pb2,
    poc_entropy_pb2_grpc,
    poc_lora_pb2,
    poc_lora_pb2_grpc,
)
from hardware.lora.regions import get_region

log = logging.getLogger(__name__)

#: An offered session must be taken up within this, as deployed servers have it.
OFFER_TIMEOUT_S = 5.0
#: A session ends after this and the hotspot opens the next one.
SESSION_TIMEOUT_S = 30 * 60.0
#: A stream is closed after so many refused reports in a row: nothing on it tells the sender why.
MOST_REFUSED_IN_A_ROW = 10
#: Reports being checked and stored at once; more are told to come again.
MOST_AT_ONCE = 256

ENTROPY_VERSION = 0


class CoverageNode(Protocol):
    """What the services need of a node."""

    @property
    def parameters(self) -> Parameters: ...

    @property
    def public_key(self) -> PublicKey:
        """The key by which this node signs: the producer's."""
        ...

    def sign(self, message: bytes) -> bytes:
        """64 bytes."""
        ...

    def now_ms(self) -> int:
        """Unix time by the node's clock, milliseconds."""
        ...

    def get_open_round(self) -> OpenRound | None:
        """The round that reports are taken in for; None before the first."""
        ...

    def get_hotspot(self, key: bytes) -> Hotspot | None:
        """A hotspot's row by its 33-byte key."""
        ...

    async def accept_report(self, kind: ReportKind, report_bytes: bytes) -> str:
        """Stamps and signs the arrival time, stores the report durably, then returns its id (hex). The same
        bytes again return the same id and are stored once. ``ReportsFull`` where too many wait."""
        ...


class Refused(Exception):
    """A report that isn't taken in: a gRPC status and a sentence for its sender."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class ReportDoor:
    """Where reports come in, by whichever call: checks, then the node's durable store."""

    def __init__(self, node: CoverageNode, rate: ReportRate | None = None) -> None:
        self.node = node
        self.rate = rate or ReportRate()
        self._at_once = 0

    async def accept(self, kind: ReportKind, message: Message, session: bytes = b"") -> str:
        """The id of a report that is now durable. ``Refused`` otherwise.

        ``session`` is the serialized introduction of the session key where the stream has one.
        """
        if message.ByteSize() + len(session) > MAX_REPORT_BYTES - 16:
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, f"a report has at most {MAX_REPORT_BYTES} bytes")
        report = message.SerializeToString(deterministic=True)
        try:
            if not is_report_signed(ReportEnvelope(report, session), kind):
                raise Refused(
                    grpc.StatusCode.UNAUTHENTICATED, "the signature is not that of the report's hotspot"
                )
            parsed = parse_beacon_report(report) if kind == BEACON else parse_witness_report(report)
        except MalformedReport as error:
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, str(error)) from None
        address = PublicKey.from_binary(parsed.hotspot)
        if address.network != self.node.public_key.network:
            raise Refused(grpc.StatusCode.PERMISSION_DENIED, f"{address} belongs to another network")
        if self.node.get_hotspot(parsed.hotspot) is None:
            raise Refused(
                grpc.StatusCode.PERMISSION_DENIED, f"hotspot {address} is not on the chain: add it first"
            )
        if not self.rate.take(parsed.hotspot, self.node.now_ms()):
            raise Refused(
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                f"more than {self.rate.per_minute} reports a minute: slow down",
            )
        if self._at_once >= MOST_AT_ONCE:
            raise Refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "the node is busy: send the report again")
        self._at_once += 1
        try:
            return await self.node.accept_report(kind, encode_report(report, session))
        except ReportsFull as error:
            raise Refused(grpc.StatusCode.RESOURCE_EXHAUSTED, str(error)) from None
        finally:
            self._at_once -= 1


class ReportStream:
    """One hotspot's stream of reports: a session is offered, and reports come signed by its key."""

    def __init__(self, door: ReportDoor, nonce: bytes) -> None:
        self.door = door
        self.nonce = nonce
        self.session = b""
        self._introduced: poc_lora_pb2.lora_stream_session_init_v1 | None = None
        self._refused_in_a_row = 0

    def take_session(self, init: poc_lora_pb2.lora_stream_session_init_v1) -> None:
        """The hotspot takes the offer up. ``Refused`` for another nonce, key or signature."""
        if len(self.nonce) != SESSION_NONCE_BYTES or init.nonce != self.nonce:
            raise Refused(grpc.StatusCode.UNAUTHENTICATED, "the session's nonce is not the offered one")
        try:
            PublicKey.from_binary(init.session_key)
        except InvalidPublicKey as error:
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, f"session key: {error}") from None
        if not is_session_introduced(init, init.pub_key):
            raise Refused(
                grpc.StatusCode.UNAUTHENTICATED, "the session is not signed by the hotspot's own key"
            )
        init.DiscardUnknownFields()
        self._introduced = init
        self.session = init.SerializeToString(deterministic=True)

    async def take_request(self, request: poc_lora_pb2.lora_stream_request_v1) -> None:
        """One message of the stream. ``Refused`` where the stream must end."""
        which = request.WhichOneof("request")
        try:
            if which == "session_init":
                self.take_session(request.session_init)
            elif which == "beacon_report":
                await self._take_report(BEACON, request.beacon_report)
            elif which == "witness_report":
                await self._take_report(WITNESS, request.witness_report)
            else:
                raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "neither a report nor a session")
        except Refused as error:
            self._refused_in_a_row += 1
            log.info("report on a stream refused: %s", error.message)
            if which not in ("beacon_report", "witness_report"):
                raise
            if self._refused_in_a_row >= MOST_REFUSED_IN_A_ROW:
                raise
            return
        self._refused_in_a_row = 0

    async def _take_report(
        self,
        kind: ReportKind,
        report: poc_lora_pb2.lora_beacon_report_req_v1 | poc_lora_pb2.lora_witness_report_req_v1,
    ) -> None:
        """A report signed by the session's key, or, without a session, by the hotspot's own."""
        if self._introduced is not None and report.pub_key != self._introduced.pub_key:
            raise Refused(grpc.StatusCode.UNAUTHENTICATED, "the report is another hotspot's than the session")
        await self.door.accept(kind, report, self.session)


class EntropyService(poc_entropy_pb2_grpc.poc_entropyServicer):
    """/helium.poc_entropy.poc_entropy"""

    def __init__(self, node: CoverageNode) -> None:
        self.node = node

    async def entropy(
        self,
        request: poc_entropy_pb2.entropy_req_v1,
        context: grpc.aio.ServicerContext[poc_entropy_pb2.entropy_req_v1, poc_entropy_pb2.entropy_report_v1],
    ) -> poc_entropy_pb2.entropy_report_v1:
        """The open round's public entropy, signed by the node."""
        opened = self.node.get_open_round()
        if opened is None:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "no round is open yet: ask again")
        answer = poc_entropy_pb2.entropy_report_v1(
            data=opened.entropy,
            timestamp=opened.timestamp_s,
            version=ENTROPY_VERSION,
            round=opened.round,
        )
        answer.signature = self.node.sign(compute_signed_bytes(answer))
        return answer


class ReportService(poc_lora_pb2_grpc.poc_loraServicer):
    """/helium.poc_lora.poc_lora"""

    def __init__(self, door: ReportDoor) -> None:
        self.door = door

    async def submit_lora_beacon(
        self,
        request: poc_lora_pb2.lora_beacon_report_req_v1,
        context: grpc.aio.ServicerContext[
            poc_lora_pb2.lora_beacon_report_req_v1, poc_lora_pb2.lora_beacon_report_resp_v1
        ],
    ) -> poc_lora_pb2.lora_beacon_report_resp_v1:
        """Takes a beaconer's report in; answered once it is durable."""
        try:
            report_id = await self.door.accept(BEACON, request)
        except Refused as error:
            await context.abort(error.code, error.message)
        return poc_lora_pb2.lora_beacon_report_resp_v1(id=report_id)

    async def submit_lora_witness(
        self,
        request: poc_lora_pb2.lora_witness_report_req_v1,
        context: grpc.aio.ServicerContext[
            poc_lora_pb2.lora_witness_report_req_v1, poc_lora_pb2.lora_witness_report_resp_v1
        ],
    ) -> poc_lora_pb2.lora_witness_report_resp_v1:
        """Takes a witness's report in; answered once it is durable."""
        try:
            report_id = await self.door.accept(WITNESS, request)
        except Refused as error:
            await context.abort(error.code, error.message)
        return poc_lora_pb2.lora_witness_report_resp_v1(id=report_id)

    async def stream_requests(
        self,
        request_iterator: AsyncIterator[poc_lora_pb2.lora_stream_request_v1],
        context: grpc.aio.ServicerContext[
            poc_lora_pb2.lora_stream_request_v1, poc_lora_pb2.lora_stream_response_v1
        ],
    ) -> AsyncIterator[poc_lora_pb2.lora_stream_response_v1]:
        """Offers a session, then takes reports until the hotspot ends or the session is over."""
        stream = ReportStream(self.door, os.urandom(SESSION_NONCE_BYTES))
        yield poc_lora_pb2.lora_stream_response_v1(
            offer=poc_lora_pb2.lora_stream_session_offer_v1(nonce=stream.nonce)
        )
        loop = asyncio.get_running_loop()
        ends_at, taken_up_by = loop.time() + SESSION_TIMEOUT_S, loop.time() + OFFER_TIMEOUT_S
        requests = aiter(request_iterator)
        try:
            while True:
                until = ends_at if stream.session else taken_up_by
                async with asyncio.timeout_at(until):
                    request = await anext(requests)
                await stream.take_request(request)
        except StopAsyncIteration:
            return
        except TimeoutError:
            over = "session over: open the next one" if stream.session else "session offer not taken up"
            await context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, over)
        except Refused as error:
            await context.abort(error.code, error.message)


class RegionService(iot_config_pb2_grpc.gatewayServicer):
    """/helium.iot_config.gateway"""

    def __init__(self, node: CoverageNode, configuration: Keypair) -> None:
        self.node = node
        self.configuration = configuration

    async def region_params(
        self,
        request: iot_config_pb2.gateway_region_params_req_v1,
        context: grpc.aio.ServicerContext[
            iot_config_pb2.gateway_region_params_req_v1, iot_config_pb2.gateway_region_params_res_v1
        ],
    ) -> iot_config_pb2.gateway_region_params_res_v1:
        """Channels, powers and data rates of the network's region, and the hotspot's asserted gain."""
        if request.ByteSize() > MAX_REPORT_BYTES or not is_message_signed(request, request.address):
            await context.abort(
                grpc.StatusCode.UNAUTHENTICATED, "the request is not signed by the hotspot's key"
            )
        hotspot = self.node.get_hotspot(request.address)
        if hotspot is None or not hotspot.location:
            await context.abort(
                grpc.StatusCode.NOT_FOUND, "this hotspot has no asserted location: place it first"
            )
        region = self.node.parameters.coverage.region
        answer = iot_config_pb2.gateway_region_params_res_v1(
            region=region.replace("-", "_"),
            params=build_region_params(region),
            gain=max(hotspot.gain_ddbi, 0),
            timestamp=self.node.now_ms() // 1000,
            signer=self.configuration.public_key.binary,
        )
        answer.signature = self.configuration.sign(compute_signed_bytes(answer))
        return answer


def build_region_params(region: str) -> iot_config_pb2.blockchain_region_params_v1:
    """A region's beacon channels as deployed gateways read them. ``ValueError`` for an unknown region."""
    beacon = get_region(region).beacon
    spreading = iot_config_pb2.blockchain_region_spreading_v1(
        tagged_spreading=[
            {"region_spreading": f"SF{spreading_factor}", "max_packet_size": largest}
            for spreading_factor, largest in beacon.spreading
        ]
    )
    return iot_config_pb2.blockchain_region_params_v1(
        region_params=[
            iot_config_pb2.blockchain_region_param_v1(
                channel_frequency=frequency_hz,
                bandwidth=beacon.bandwidth_hz,
                max_eirp=beacon.max_eirp_ddbm,
                spreading=spreading,
            )
            for frequency_hz in beacon.frequencies_hz
        ]
    )


def add_coverage_services(server: grpc.aio.Server, node: CoverageNode, configuration: Keypair) -> None:
    """Mounts the three services on a node's gRPC server; `configuration` signs region parameters."""
    poc_entropy_pb2_grpc.add_poc_entropyServicer_to_server(EntropyService(node), server)  # type: ignore[no-untyped-call]
    poc_lora_pb2_grpc.add_poc_loraServicer_to_server(ReportService(ReportDoor(node)), server)  # type: ignore[no-untyped-call]
    iot_config_pb2_grpc.add_gatewayServicer_to_server(RegionService(node, configuration), server)  # type: ignore[no-untyped-call]
