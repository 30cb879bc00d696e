"""The gRPC services that hotspots speak with a node: entropy, Proof-of-Coverage reports, region parameters.

Wire-compatible with deployed gateways (radio facts 6.3). A report is checked for its size and signature
before anything else, stored durably by the node, and only then answered. Claims and the reports that open
them (chain/coverage/claims.py) are hexhaul's own calls beside Helium's; what comes out of turn is refused
here already, so that a hotspot whose clock is off hears it at once. What the node says itself is signed by
its key: entropy and region parameters can be checked on the way through a stranger's network. Stock
gateways ignore the signature on entropy. Verdicts are the HTTP API's.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

import grpc

from chain.blocks.reports import BEACON, CLAIM, MAX_REPORT_BYTES, WITNESS
from chain.coverage.region import NO_REGION, compute_region
from chain.coverage.reports import (
    SESSION_NONCE_BYTES,
    compute_signed_bytes,
    is_message_signed,
)
from chain.keys.keypair import Keypair
from chain.node.report_door import CoverageNode, Refused, ReportDoor, ReportStream
from chain.wire import (
    iot_config_pb2,
    iot_config_pb2_grpc,
    poc_entropy_pb2,
    poc_entropy_pb2_grpc,
    poc_lora_pb2,
    poc_lora_pb2_grpc,
)
from hardware.lora.regions import get_region

#: An offered session must be taken up within this, as deployed servers have it.
OFFER_TIMEOUT_S = 5.0
#: A session ends after this and the hotspot opens the next one.
SESSION_TIMEOUT_S = 30 * 60.0

ENTROPY_VERSION = 0


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

    async def submit_lora_claim(
        self,
        request: poc_lora_pb2.lora_claim_v1,
        context: grpc.aio.ServicerContext[poc_lora_pb2.lora_claim_v1, poc_lora_pb2.lora_claim_resp_v1],
    ) -> poc_lora_pb2.lora_claim_resp_v1:
        """Takes the claim of a report in; answered once it is durable."""
        try:
            claim_id = await self.door.accept(CLAIM, request)
        except Refused as error:
            await context.abort(error.code, error.message)
        return poc_lora_pb2.lora_claim_resp_v1(id=claim_id)

    async def submit_lora_opening(
        self,
        request: poc_lora_pb2.lora_opening_v1,
        context: grpc.aio.ServicerContext[poc_lora_pb2.lora_opening_v1, poc_lora_pb2.lora_opening_resp_v1],
    ) -> poc_lora_pb2.lora_opening_resp_v1:
        """Takes a claimed report in; answered once it is durable."""
        try:
            report_id = await self.door.accept_opening(request)
        except Refused as error:
            await context.abort(error.code, error.message)
        return poc_lora_pb2.lora_opening_resp_v1(id=report_id)

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
        """Channels, powers and data rates of the region where the hotspot stands, and its asserted gain."""
        if request.ByteSize() > MAX_REPORT_BYTES or not is_message_signed(request, request.address):
            await context.abort(
                grpc.StatusCode.UNAUTHENTICATED, "the request is not signed by the hotspot's key"
            )
        hotspot = self.node.get_hotspot(request.address)
        if hotspot is None or not hotspot.location:
            await context.abort(
                grpc.StatusCode.NOT_FOUND, "this hotspot has no asserted location: place it first"
            )
        region = compute_region(hotspot.location, self.node.parameters.coverage)
        if region == NO_REGION:
            await context.abort(
                grpc.StatusCode.NOT_FOUND, "this hotspot stands where this network has no region"
            )
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


def add_coverage_services(server: grpc.aio.Server, node: CoverageNode, configuration: Keypair) -> ReportDoor:
    """Mounts the three services on a node's gRPC server; `configuration` signs region parameters. Returns
    where reports come in.
    """
    door = ReportDoor(node)
    poc_entropy_pb2_grpc.add_poc_entropyServicer_to_server(EntropyService(node), server)  # type: ignore[no-untyped-call]
    poc_lora_pb2_grpc.add_poc_loraServicer_to_server(ReportService(door), server)  # type: ignore[no-untyped-call]
    iot_config_pb2_grpc.add_gatewayServicer_to_server(RegionService(node, configuration), server)  # type: ignore[no-untyped-call]
    return door
