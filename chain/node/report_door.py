"""Where claims and reports come in, by whichever call: checks, then the node's durable store.

A hotspot hears at once what is wrong with what it sent, as far as that shows without the state of the round
that a block will be applied to: signature, form, whether it comes in its turn, whether there is room.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from typing import Protocol

import grpc
from google.protobuf.message import Message

from chain.blocks.reports import BEACON, CLAIM, MAX_REPORT_BYTES, WITNESS, ReportKind
from chain.coverage.claims import Claim, parse_claim
from chain.coverage.reports import (
    MAXIMUM_CLAIM_NONCE_BYTES,
    MINIMUM_CLAIM_NONCE_BYTES,
    SESSION_NONCE_BYTES,
    BeaconReport,
    MalformedReport,
    ReportEnvelope,
    WitnessReport,
    encode_report,
    is_report_signed,
    is_session_introduced,
    parse_beacon_report,
    parse_witness_report,
)
from chain.coverage.tables import OpenRound
from chain.keys.public_key import InvalidPublicKey, PublicKey
from chain.ledger.parameters import Parameters
from chain.ledger.tables import Hotspot
from chain.node.mempool import ReportsFull
from chain.node.report_rate import ReportRate
from chain.wire import (
    poc_lora_pb2,
)

log = logging.getLogger(__name__)

#: A stream is closed after so many refused reports in a row: nothing on it tells the sender why.
MOST_REFUSED_IN_A_ROW = 10
#: Reports being checked and stored at once; more are told to come again.
MOST_AT_ONCE = 256


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


PARSERS: dict[ReportKind, Callable[[bytes], BeaconReport | WitnessReport | Claim]] = {
    BEACON: parse_beacon_report,
    WITNESS: parse_witness_report,
    CLAIM: parse_claim,
}


class ReportDoor:
    """Where reports come in, by whichever call: checks, then the node's durable store."""

    def __init__(self, node: CoverageNode, rate: ReportRate | None = None) -> None:
        self.node = node
        self.rate = rate or ReportRate()
        self.counts: Counter[tuple[str, str]] = Counter()
        """What came in: (kind, "taken" or the gRPC status by which it was refused)."""
        self._at_once = 0

    async def accept(
        self, kind: ReportKind, message: Message, session: bytes = b"", nonce: bytes = b""
    ) -> str:
        """The id of a claim or report that is now durable. ``Refused`` otherwise.

        ``session`` is the serialized introduction of the session key that signed, ``nonce`` what opens the
        claim of a report; a report without one was not claimed.
        """
        try:
            report_id = await self._accept(kind, message, session, nonce)
        except Refused as error:
            self.counts[kind, error.code.name.lower()] += 1
            raise
        self.counts[kind, "taken"] += 1
        return report_id

    async def _accept(self, kind: ReportKind, message: Message, session: bytes, nonce: bytes) -> str:
        if message.ByteSize() + len(session) + len(nonce) > MAX_REPORT_BYTES - 16:
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, f"a report has at most {MAX_REPORT_BYTES} bytes")
        report = message.SerializeToString(deterministic=True)
        try:
            if not is_report_signed(ReportEnvelope(report, session, nonce), kind):
                raise Refused(
                    grpc.StatusCode.UNAUTHENTICATED, "the signature is not that of the report's hotspot"
                )
            hotspot = PARSERS[kind](report).hotspot
        except MalformedReport as error:
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, str(error)) from None
        self._check_turn(kind, bool(nonce))
        address = PublicKey.from_binary(hotspot)
        if address.network != self.node.public_key.network:
            raise Refused(grpc.StatusCode.PERMISSION_DENIED, f"{address} belongs to another network")
        if self.node.get_hotspot(hotspot) is None:
            raise Refused(
                grpc.StatusCode.PERMISSION_DENIED, f"hotspot {address} is not on the chain: add it first"
            )
        if not self.rate.take(hotspot, self.node.now_ms()):
            raise Refused(
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                f"more than {self.rate.per_minute} reports a minute: slow down",
            )
        if self._at_once >= MOST_AT_ONCE:
            raise Refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "the node is busy: send the report again")
        self._at_once += 1
        try:
            return await self.node.accept_report(kind, encode_report(report, session, nonce))
        except ReportsFull as error:
            raise Refused(grpc.StatusCode.RESOURCE_EXHAUSTED, str(error)) from None
        finally:
            self._at_once -= 1

    def _check_turn(self, kind: ReportKind, is_claimed: bool) -> None:
        """``Refused`` for what the round's part has no place for. The rules look again, at the arrival that
        is signed; here it is so that the sender hears it, and that nobody tells too early by mistake."""
        if kind != CLAIM and not is_claimed:
            if not self.node.parameters.coverage.accept_unclaimed_reports:
                raise Refused(
                    grpc.StatusCode.FAILED_PRECONDITION,
                    "this network takes no report without a claim: send submit_lora_claim first",
                )
            return
        opened = self.node.get_open_round()
        if opened is None:
            raise Refused(grpc.StatusCode.UNAVAILABLE, "no round is open yet: ask again")
        now_ms = self.node.now_ms()
        if kind == CLAIM and opened.openings_from_ms <= now_ms < opened.closes_at_ms:
            late_ms = now_ms - opened.openings_from_ms
            raise Refused(
                grpc.StatusCode.OUT_OF_RANGE,
                f"claims of round {opened.round} are being opened since {late_ms} ms: no new ones are taken",
            )
        if kind != CLAIM and now_ms > opened.closes_at_ms:
            raise Refused(
                grpc.StatusCode.OUT_OF_RANGE, f"round {opened.round} is over: its claims are closed"
            )
        if kind != CLAIM and now_ms < opened.openings_from_ms:
            early_ms = opened.openings_from_ms - now_ms
            raise Refused(
                grpc.StatusCode.ABORTED,
                f"claims of round {opened.round} are opened in {early_ms} ms: keep the report until then",
            )

    async def accept_opening(self, opening: poc_lora_pb2.lora_opening_v1) -> str:
        """The id of a claimed report. ``Refused`` as in ``accept``, and for a nonce of another length."""
        which = opening.WhichOneof("report")
        if which is None:
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "an opening has a beacon or a witness report")
        if not MINIMUM_CLAIM_NONCE_BYTES <= len(opening.nonce) <= MAXIMUM_CLAIM_NONCE_BYTES:
            raise Refused(
                grpc.StatusCode.INVALID_ARGUMENT,
                f"a claim's nonce has {MINIMUM_CLAIM_NONCE_BYTES} to {MAXIMUM_CLAIM_NONCE_BYTES} bytes, "
                f"not {len(opening.nonce)}",
            )
        session = b""
        if opening.HasField("session"):
            session = opening.session.SerializeToString(deterministic=True)
        if which == "beacon_report":
            return await self.accept(BEACON, opening.beacon_report, session, opening.nonce)
        return await self.accept(WITNESS, opening.witness_report, session, opening.nonce)


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
            elif which == "claim":
                await self._take_report(CLAIM, request.claim)
            elif which == "opening":
                await self._take_opening(request.opening)
            else:
                raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "neither a report nor a session")
        except Refused as error:
            self._refused_in_a_row += 1
            log.info("report on a stream refused: %s", error.message)
            if which not in ("beacon_report", "witness_report", "claim", "opening"):
                raise
            if self._refused_in_a_row >= MOST_REFUSED_IN_A_ROW:
                raise
            return
        self._refused_in_a_row = 0

    async def _take_report(
        self,
        kind: ReportKind,
        report: (
            poc_lora_pb2.lora_beacon_report_req_v1
            | poc_lora_pb2.lora_witness_report_req_v1
            | poc_lora_pb2.lora_claim_v1
        ),
    ) -> None:
        """A report signed by the session's key, or, without a session, by the hotspot's own."""
        self._check_hotspot(report.pub_key)
        await self.door.accept(kind, report, self.session)

    async def _take_opening(self, opening: poc_lora_pb2.lora_opening_v1) -> None:
        """A claimed report. It brings the session that it was signed in, for this may be a later one."""
        report = opening.beacon_report if opening.HasField("beacon_report") else opening.witness_report
        self._check_hotspot(report.pub_key)
        await self.door.accept_opening(opening)

    def _check_hotspot(self, key: bytes) -> None:
        if self._introduced is not None and key != self._introduced.pub_key:
            raise Refused(grpc.StatusCode.UNAUTHENTICATED, "the report is another hotspot's than the session")
