"""Figures for a monitoring system, in Prometheus' text format at /metrics.

Only programs on this machine may read them, unless the node is told otherwise: they say how a node is doing,
which helps whoever wants to trouble it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from litestar import Request, Response, get
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from chain.blocks.engine import AppliedBlock
from chain.index.follower import ChainIndex
from chain.index.rows import VERDICTS
from chain.node.client_limits import AsgiApp, get_client
from chain.node.event_stream import EventStreams
from chain.node.node import Node

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BLOCK_SECONDS = (0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800)
_ANSWER_SECONDS = (0.001, 0.005, 0.02, 0.1, 0.5, 2, 10)
#: A route label has as many values as there are routes; what no route matches is one.
_NO_ROUTE = "none"

# When each counter began: as many lines again, and the process' start says it.
disable_created_metrics()  # type: ignore[no-untyped-call]


class NodeMetrics:
    """Counts what happens in one node, and asks it how it stands when somebody reads."""

    def __init__(self, node: Node, index: ChainIndex, streams: EventStreams) -> None:
        self.registry = CollectorRegistry()
        self._last_block_ms = node.get_head().time_ms
        self._transactions = Counter(
            "hexhaul_transactions",
            "Transactions that blocks included or rejected, by the code of the refusal.",
            ["outcome", "code"],
            registry=self.registry,
        )
        self._reports = Counter(
            "hexhaul_report_verdicts",
            "Verdicts on Proof-of-Coverage reports, by kind of report and reason.",
            ["kind", "reason"],
            registry=self.registry,
        )
        self._events = Counter(
            "hexhaul_events", "Events of blocks, by kind.", ["kind"], registry=self.registry
        )
        self._intervals = Histogram(
            "hexhaul_block_interval_seconds",
            "From one block's time to the next.",
            registry=self.registry,
            buckets=_BLOCK_SECONDS,
        )
        self._requests = Counter(
            "hexhaul_http_requests",
            "HTTP requests answered, by method, route and status.",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self._durations = Histogram(
            "hexhaul_http_request_seconds",
            "Time to the end of the answer (event streams aside).",
            ["route"],
            registry=self.registry,
            buckets=_ANSWER_SECONDS,
        )
        ProcessCollector(registry=self.registry)
        self.registry.register(_Standing(node, index, streams))
        node.on_block(self.count_block)

    def count_block(self, applied: AppliedBlock) -> None:
        """Count what a block brought."""
        self._intervals.observe(max(0, applied.head.time_ms - self._last_block_ms) / 1000)
        self._last_block_ms = applied.head.time_ms
        for outcome in applied.outcomes:
            name = "included" if outcome.included else "rejected"
            self._transactions.labels(name, outcome.code or "").inc()
        for event in applied.events:
            self._events.labels(event.kind).inc()
            if event.kind in VERDICTS:
                self._reports.labels(event.kind.removesuffix("_verdict"), event.fields["reason"]).inc()

    def count_requests(self, app: AsgiApp) -> AsgiApp:
        """The application, counted."""

        async def counted(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            status, is_stream, began = 500, False, time.monotonic()

            async def note(message: Any) -> None:
                nonlocal status, is_stream
                if message["type"] == "http.response.start":
                    status = message["status"]
                    is_stream = any(
                        name.lower() == b"content-type" and value.startswith(b"text/event-stream")
                        for name, value in message["headers"]
                    )
                await send(message)

            try:
                await app(scope, receive, note)
            finally:
                route = str(scope.get("path_template") or _NO_ROUTE)
                method = scope["method"] if scope["method"] in ("GET", "POST", "HEAD", "OPTIONS") else "other"
                self._requests.labels(method, route, str(status)).inc()
                if not is_stream:
                    self._durations.labels(route).observe(time.monotonic() - began)

        return counted

    def render(self) -> bytes:
        """The figures as Prometheus reads them."""
        return generate_latest(self.registry)


class _Standing(Collector):
    """How a node stands, asked when somebody reads."""

    def __init__(self, node: Node, index: ChainIndex, streams: EventStreams) -> None:
        self._node = node
        self._index = index
        self._streams = streams

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        node, head = self._node, self._node.get_head()
        for name, text, value in (
            ("hexhaul_height", "Height of the last block.", head.height),
            ("hexhaul_block_time_seconds", "Unix time of the last block.", head.time_ms / 1000),
            ("hexhaul_index_height", "Height of the last block in the index.", self._index.height),
            (
                "hexhaul_index_failed",
                "1 where the index could not take in a block.",
                int(bool(self._index.failure)),
            ),
            ("hexhaul_event_streams", "Clients that listen to events.", self._streams.open),
        ):
            yield GaugeMetricFamily(name, text, value)
        waiting = GaugeMetricFamily("hexhaul_mempool", "What waits for a block.", labels=["kind"])
        waiting.add_metric(["transaction"], node.mempool.transactions)
        waiting.add_metric(["report"], node.mempool.reports)
        yield waiting
        arrived = CounterMetricFamily(
            "hexhaul_reports",
            "Claims and reports over gRPC, by kind and answer: taken, or the status of the refusal.",
            labels=["kind", "answer"],
        )
        for labels, number in sorted(node.report_counts.items()):
            arrived.add_metric(labels, number)
        yield arrived
        sizes = GaugeMetricFamily("hexhaul_store_bytes", "Size of a database on disk.", labels=["store"])
        folder = node.store.path.parent
        files = {"chain": node.store.path, "observations": folder / "observations.db"}
        if self._index.database.is_sqlite:
            files["index"] = Path(self._index.database.name)
        for name, path in files.items():
            sizes.add_metric([name], sum(_measure(Path(f"{path}{end}")) for end in ("", "-wal")))
        yield sizes


def _measure(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def create_metrics_route(metrics: NodeMetrics, is_public: bool) -> HTTPRouteHandler:
    """GET /metrics."""

    @get("/metrics", include_in_schema=False, sync_to_thread=False)
    def get_metrics(request: Request[Any, Any, Any]) -> Response[bytes]:
        client = request.client.host if request.client else ""
        if not is_public and not get_client(client)[1]:
            text = "the figures are for this machine only: hexhaul chain run --metrics-public opens them"
            raise HTTPException(text, status_code=403)
        return Response(metrics.render(), media_type=CONTENT_TYPE)

    return get_metrics
