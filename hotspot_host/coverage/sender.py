"""Brings coverage reports to the chain: the claim at once, the report when the round's claims are opened,
each again until it is accepted or the round is over.

A claim is worth something for 1.5 s after the first witness's, so it leaves first and is retried quickly.
Openings have seconds: each host waits a part of them that its nonce gives, so that a network's hosts don't
come all at once.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import grpc

from chain.wire import poc_lora_pb2, poc_lora_pb2_grpc
from hotspot_host.clock import get_wall_ms
from hotspot_host.store.reports import KeptReport, Reports
from hotspot_host.tally import Tally

CALL_TIMEOUT_S = 3.0
RETRY_S = (0.2, 0.4, 0.8, 1.6, 3.0)
#: Looked at again after so long, though nothing is due.
QUIET_S = 10.0
#: Openings are spread over this part of their time, after a little for clocks that differ.
SPREAD_PPM = 300_000
CLOCK_MARGIN_MS = 300

#: The node has read it and will never take it.
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


#: When claims are opened: from, until; Unix milliseconds.
Openings = tuple[int, int]


def compute_opening_ms(nonce: bytes, openings: Openings) -> int:
    """When this host opens the claim with this nonce, Unix milliseconds."""
    from_ms, until_ms = openings
    room_ms = max(until_ms - from_ms, 0) * SPREAD_PPM // 1_000_000
    waits_ms = int.from_bytes(nonce[:4], "big") * room_ms // (1 << 32)
    return from_ms + min(CLOCK_MARGIN_MS, room_ms) + waits_ms


class ReportSender:
    """The actor; ``wake`` when a report has been added. ``get_openings`` tells of the present round, for
    reports that were kept when none was known; None where it still isn't."""

    def __init__(
        self, target: str, reports: Reports, tally: Tally, get_openings: Callable[[], Openings | None]
    ) -> None:
        self._target = target
        self._reports = reports
        self._tally = tally
        self._get_openings = get_openings
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
                self._forget_expired()
                sent = await asyncio.gather(*(self._advance(stub, kept) for kept in self._reports.pending()))
                failures = failures + 1 if not all(sent) else 0
                wait_s = self._compute_wait_s(failures)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await self._wake.wait()

    def _forget_expired(self) -> None:
        expired = self._reports.forget_before(get_wall_ms())
        if expired:
            self._tally.add("reports_expired", expired)
            self._tally.lines.say(
                "report", f"{expired} coverage reports given up: their round has closed", count=expired
            )

    def _compute_wait_s(self, failures: int) -> float:
        """Until the next report is due, or the next try."""
        now_ms = get_wall_ms()
        due_s = [
            max(compute_opening_ms(kept.nonce, self._find_openings(kept)) - now_ms, 10) / 1000
            for kept in self._reports.pending()
            if kept.is_claimed
        ]
        if failures:
            retry_s = RETRY_S[min(failures, len(RETRY_S)) - 1]
            return min([retry_s, *(wait_s for wait_s in due_s if wait_s > RETRY_S[0])])
        return min([QUIET_S, *due_s])

    def _find_openings(self, kept: KeptReport) -> Openings:
        """When its round's claims are opened; not before it expires where no round is known."""
        if kept.openings_from_ms:
            return kept.openings_from_ms, kept.expires_at_ms
        return self._get_openings() or (kept.expires_at_ms, kept.expires_at_ms)

    async def _advance(self, stub: poc_lora_pb2_grpc.poc_loraStub, kept: KeptReport) -> bool:
        """Claims the report, or opens it where that is due. False where it is to be tried again soon."""
        openings = self._find_openings(kept)
        if not kept.is_claimed:
            if get_wall_ms() >= openings[0]:
                self._give_up(
                    kept, f"{kept.kind} report given up: no node took its claim in time", "claim_late"
                )
                return True
            claim = poc_lora_pb2.lora_claim_v1.FromString(kept.claim)
            return await self._call(
                kept, "claim", lambda: stub.submit_lora_claim(claim, timeout=CALL_TIMEOUT_S), self._on_claimed
            )
        if get_wall_ms() < compute_opening_ms(kept.nonce, openings):
            return True
        opening = poc_lora_pb2.lora_opening_v1(nonce=kept.nonce)
        if kept.kind == "beacon":
            opening.beacon_report.ParseFromString(kept.report)
        else:
            opening.witness_report.ParseFromString(kept.report)
        return await self._call(
            kept, "report", lambda: stub.submit_lora_opening(opening, timeout=CALL_TIMEOUT_S), self._on_opened
        )

    async def _call(
        self,
        kept: KeptReport,
        what: str,
        call: Callable[[], Awaitable[object]],
        on_taken: Callable[[KeptReport], None],
    ) -> bool:
        try:
            await call()
        except grpc.aio.AioRpcError as error:
            if error.code() in _FINAL:
                text = f"{kept.kind} {what} refused by the chain: {error.details()}"
                self._give_up(kept, text, f"{kept.kind}_{what}_refused", error.code().name)
                return True
            if error.code() is grpc.StatusCode.ALREADY_EXISTS:
                on_taken(kept)
                return True
            if error.code() is grpc.StatusCode.ABORTED:
                return False  # the node's clock says that it is too early
            self._tally.say_change(
                "chain_reports", "down", f"chain takes no reports: {error.code().name}", up=False
            )
            return False
        on_taken(kept)
        if self._tally.was_said("chain_reports"):
            self._tally.say_change("chain_reports", "up", "chain takes reports again", up=True)
        return True

    def _give_up(self, kept: KeptReport, text: str, reason: str, code: str = "") -> None:
        self._reports.finish(kept.id)
        self._tally.drop(reason, text, code=code)

    def _on_claimed(self, kept: KeptReport) -> None:
        self._reports.mark_claimed(kept.id)
        self._tally.add(f"{kept.kind}_claims")

    def _on_opened(self, kept: KeptReport) -> None:
        self._reports.finish(kept.id)
        self._tally.add(f"{kept.kind}_reports")
        self._tally.lines.say(
            "report", f"{kept.kind} report accepted", kind=kept.kind, beacon=kept.data.hex()[:16]
        )
