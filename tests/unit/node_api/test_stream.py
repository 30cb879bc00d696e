"""The event stream: every event once, in order, also for who comes back."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from chain.node import event_stream
from chain.node.event_stream import EventStreams, Place, TooManyStreams, parse_place
from tests.unit.explorer.stage import Stage


def read(stream: httpx.Response, count: int) -> Iterator[dict[str, Any]]:
    """So many events: id, event, data."""
    event: dict[str, Any] = {}
    for line in stream.iter_lines():
        name, colon, value = line.partition(": ")
        if colon and name in ("id", "event", "data"):
            event[name] = json.loads(value) if name == "data" else value
        elif not line and event:
            yield event
            event, count = {}, count - 1
            if count == 0:
                return


def list_events(http: httpx.Client) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    height = 0
    while True:
        page = http.get("/v1/events", params={"from_height": height, "limit": 1_000}).json()
        events += page["events"]
        if len(page["events"]) < 1_000:
            return events
        height = page["next_height"]


def test_from_the_beginning(http: httpx.Client) -> None:
    events = list_events(http)
    with http.stream("GET", "/v1/events/stream", params={"from_height": 0}) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        told = list(read(stream, len(events)))
    assert [one["data"] for one in told] == events
    for one in told:
        assert one["id"] == f"{one['data']['height']}-{one['data']['index']}"
        assert one["event"] == one["data"]["event"]


def test_who_comes_back_goes_on_after_the_last_event(http: httpx.Client) -> None:
    events = list_events(http)
    ids = [f"{event['height']}-{event['index']}" for event in events]
    within = next(at for at in range(len(ids) // 2, len(ids)) if events[at + 1]["index"] > 0)
    for at in (0, within, len(ids) - 2):
        with http.stream("GET", "/v1/events/stream", headers={"Last-Event-ID": ids[at]}) as stream:
            rest = min(len(ids) - at - 1, 30)
            assert [one["id"] for one in read(stream, rest)] == ids[at + 1 : at + 1 + rest]


def test_only_some_kinds(http: httpx.Client) -> None:
    wanted = {"epoch_closed", "round_opened"}
    events = [event for event in list_events(http) if event["event"] in wanted]
    query = {"from_height": 0, "kinds": ",".join(wanted)}
    with http.stream("GET", "/v1/events/stream", params=query) as stream:
        assert [one["data"] for one in read(stream, len(events))] == events


def test_new_blocks_come_by_themselves(http: httpx.Client, stage: Stage) -> None:
    head = http.get("/v1/status").json()["height"]
    with http.stream("GET", "/v1/events/stream") as stream:
        assert stream.status_code == 200
        stage.play_rounds(1)
        told = list(read(stream, 20))
    assert {one["data"]["height"] for one in told} <= {head + 1, head + 2}
    assert told[0]["data"]["index"] == 0


def test_a_quiet_stream_stays_open(http: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "KEEP_ALIVE_S", 0.01)
    with http.stream("GET", "/v1/events/stream") as stream:
        lines = stream.iter_lines()
        assert [line for line in (next(lines) for _ in range(6)) if line] == [": still here"] * 3


@pytest.mark.parametrize("text", ["x", "1", "1-", "-1", "1-2-3", "1--2", "²-1", "9" * 30 + "-0", "1 - 2"])
def test_an_id_that_is_none_is_refused(http: httpx.Client, text: str) -> None:
    with pytest.raises(ValueError, match="height-number"):
        parse_place(text)
    answer = http.get("/v1/events/stream", headers={"Last-Event-ID": text.encode("utf-8")})  # type: ignore[dict-item]
    assert answer.status_code == 400
    assert "Last-Event-ID" in answer.json()["error"]["message"]


def test_streams_are_bounded(http: httpx.Client, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    streams: EventStreams = stage._app.state.streams
    monkeypatch.setattr(streams, "_most_per_client", streams.open + 1)
    with http.stream("GET", "/v1/events/stream", params={"from_height": 0}) as first:
        next(first.iter_lines())
        answer = http.get("/v1/events/stream")
        assert answer.status_code == 503
        assert "close one" in answer.json()["error"]["message"]


async def test_slots_are_given_back() -> None:
    streams = EventStreams(most=3, most_per_client=2)
    first, second = streams.join("a"), streams.join("a")
    with pytest.raises(TooManyStreams, match="of a"):
        streams.join("a")
    third = streams.join("b")
    with pytest.raises(TooManyStreams, match="3 streams"):
        streams.join("c")
    with first:
        pass
    first.close()  # twice does no harm
    assert streams.open == 2
    del second  # a client that is gone before its stream began
    gc.collect()
    assert streams.open == 1
    third.close()
    streams.close()
    with pytest.raises(TooManyStreams, match="stopping"):
        streams.join("a")


async def test_the_end_wakes_a_waiting_stream() -> None:
    class QuietNode:
        """No block ever comes."""

        class store:
            @staticmethod
            def get_events(from_height: int, limit: int) -> list[Any]:
                return []

        @staticmethod
        def get_head() -> Place:
            return Place(5, None)

        @staticmethod
        async def wait_for_block_after(height: int) -> int:
            return await asyncio.get_running_loop().create_future()

    streams = EventStreams()

    async def listen() -> list[Any]:
        return [event async for event in streams.follow(QuietNode(), Place(5, None))]  # type: ignore[arg-type]

    listening = asyncio.create_task(listen())
    await asyncio.sleep(0)
    streams.close()
    assert await listening == []
