"""Brings coverage reports to the chain: at once, and again until they are accepted or their round is over."""

from __future__ import annotations

import asyncio
import contextlib

import grpc

from chain.wire import poc_lora_pb2, poc_lora_pb2_grpc
from hotspot_host.clock import get_wall_ms
from hotspot_host.store.reports import KeptReport, Reports
from hotspot_host.tally import Tally

CALL_TIMEOUT_S = 3.0
#: A witness report is worth something for 1.5 s after the first one, so the first retries come quickly.
RETRY_S = (0.2, 0.4, 0.8, 1.6, 3.0)

#: The node has read the report and will never take it.
_FINAL = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.UNIMPLEMENTED,
    }
)


class ReportSender:
    """The actor; ``wake`` when a report has been added."""

    def __init__(self, target: str, reports: Reports, tally: Tally) -> None:
        self._target = target
        self._reports = reports
        self._tally = tally
        self._wake = asyncio.Event()

    def wake(self) -> None:
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled."""
        failures = 0
        async with grpc.aio.insecure_channel(self._target) as channel:
            stub = poc_lora_pb2_grpc.poc_loraStub(channel)  # type: ignore[no-untyped-call]
            while True:
                self._wake.clear()
                expired = self._reports.forget_before(get_wall_ms())
                if expired:
                    self._tally.add("reports_expired", expired)
                    self._tally.lines.say(
                        "report",
                        f"{expired} coverage reports given up: their round has closed",
                        count=expired,
                    )
                sent = await asyncio.gather(*(self._send(stub, kept) for kept in self._reports.pending()))
                failed = not all(sent)
                failures = failures + 1 if failed else 0
                wait_s = RETRY_S[min(failures, len(RETRY_S)) - 1] if failed else 10.0
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await self._wake.wait()

    async def _send(self, stub: poc_lora_pb2_grpc.poc_loraStub, kept: KeptReport) -> bool:
        """False where it is to be tried again."""
        try:
            if kept.kind == "beacon":
                beacon = poc_lora_pb2.lora_beacon_report_req_v1.FromString(kept.report)
                await stub.submit_lora_beacon(beacon, timeout=CALL_TIMEOUT_S)
            else:
                witness = poc_lora_pb2.lora_witness_report_req_v1.FromString(kept.report)
                await stub.submit_lora_witness(witness, timeout=CALL_TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            if error.code() in _FINAL:
                self._reports.finish(kept.id)
                self._tally.drop(
                    f"{kept.kind}_report_refused",
                    f"{kept.kind} report refused by the chain: {error.details()}",
                    code=error.code().name,
                )
                return True
            if error.code() is grpc.StatusCode.ALREADY_EXISTS:
                self._finish(kept)
                return True
            self._tally.say_change(
                "chain_reports", "down", f"chain takes no reports: {error.code().name}", up=False
            )
            return False
        self._finish(kept)
        return True

    def _finish(self, kept: KeptReport) -> None:
        self._reports.finish(kept.id)
        self._tally.add(f"{kept.kind}_reports")
        self._tally.lines.say(
            "report", f"{kept.kind} report accepted", kind=kept.kind, beacon=kept.data.hex()[:16]
        )
        if self._tally.was_said("chain_reports"):
            self._tally.say_change("chain_reports", "up", "chain takes reports again", up=True)
