"""The recordings that nobody here made, through a real host to a router."""

import asyncio
import base64
import csv
import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from hardware.lora.modulation import DataRate
from hotspot_host.cli import replay_app
from hotspot_host.forwarder.packets import get_data_rate
from hotspot_host.gwmp.server import AllowList
from hotspot_host.replay import run as run_module
from hotspot_host.replay import rxpk_lines, ttn_events
from hotspot_host.replay.helium_uplinks import read_records
from hotspot_host.replay.recordings import BadRecording, Kind, recognise
from hotspot_host.replay.repeats import FrameRecord, compute_resend_gap_ms, count_repeats
from hotspot_host.replay.run import ReplayOptions, describe, replay
from hotspot_host.replay.transmissions import count_expected_drops

from .conftest import Parts
from .fakes import FakeRouter, running_router, wait_for
from .test_gwmp_server import running_server
from .test_router_stream import Post, running_post


def ignore(event: str, text: str) -> None:
    """Nobody listens."""


async def replay_through_host(parts: Parts, folder: Path) -> tuple[FakeRouter, dict[str, Any]]:
    """Recording -> Semtech UDP -> host -> gRPC -> router; returns the router with what it got."""
    parts.spool.limit = 1000
    async with (
        running_router() as router,
        running_post(Post(parts), router.route_entry),
        running_server(parts, AllowList(None)) as (_, port),
    ):
        router.voucher_every = 0
        summary = await replay(recognise(folder), ReplayOptions(("127.0.0.1", port), None), ignore)
        await wait_for(lambda: len(parts.spool) == 0, timeout_s=60)
        assert router.problems == []
        return router, summary


async def test_pisa_brings_exactly_the_good_frames(parts: Parts, shared: Path) -> None:
    folder = shared / "data/gwmp_pisa_known_keys"
    post_limit = 10_000
    parts.spool.limit = post_limit
    async with (
        running_router() as router,
        running_post(Post(parts, float_limit=post_limit), router.route_entry),
        running_server(parts) as (_, port),
    ):
        summary = await replay(recognise(folder), ReplayOptions(("127.0.0.1", port), None), ignore)
        await wait_for(lambda: len(parts.spool) == 0, timeout_s=60)
    with (folder / "expected_first600.csv").open() as file:
        good = [row for row in csv.DictReader(file) if row["stat"] == "1"]
    assert (summary["push_data_sent"], summary["push_data_acknowledged"]) == (600, 600)
    assert (summary["packets_good"], summary["dropped"]) == (241, {"crc_bad": 359})
    assert parts.drops == {"crc_bad": 359}
    assert len(router.packets) == len(good) == 241
    counters = [int.from_bytes(payload[6:8], "little") for payload in router.payloads]
    assert counters == [int(row["fcnt"]) for row in good]
    assert {packet.gateway_eui.hex() for packet in router.packets} == {"aa555a0000000101"}
    assert "359" in " ".join(describe(summary))


async def test_binghamton_brings_every_copy_of_every_uplink_and_join(
    parts: Parts, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "RETRANSMISSION_GAP_S", 0.01)  # no deduplication window here
    folder = shared / "data/ttn_live_binghamton"
    with gzip.open(folder / "ttn_events.jsonl.gz") as lines:
        events = [json.loads(line) for line in lines]
    uplinks = [
        event["data"] for event in events if event["name"] in ("ns.up.data.process", "ns.up.join.process")
    ]
    parts.spool.limit = 10_000
    async with (
        running_router() as router,
        running_post(Post(parts, float_limit=10_000), router.route_entry),
        running_server(parts) as (_, port),
    ):
        summary = await replay(recognise(folder), ReplayOptions(("127.0.0.1", port), None), ignore)
        await wait_for(lambda: len(parts.spool) == 0, timeout_s=60)
    assert (len(uplinks), summary["transmissions"], summary["frames"]) == (363, 363, 298)
    assert summary["push_data_sent"] == summary["push_data_acknowledged"] == len(router.packets) == 440
    assert parts.drops == {}
    expected = Counter(
        (
            base64.b64decode(uplink["raw_payload"]),
            bytes.fromhex(copy["gateway_ids"]["eui"]),
            copy["timestamp"],
            int(uplink["settings"]["frequency"]),
            uplink["settings"]["data_rate"]["lora"]["spreading_factor"],
            copy["rssi"],
        )
        for uplink in uplinks
        for copy in uplink["rx_metadata"]
    )
    assert expected == Counter(
        (
            packet.payload, packet.gateway_eui, packet.timestamp, packet.frequency,
            get_data_rate(packet.datarate).spreading_factor, packet.rssi,
        )
        for packet in router.packets
    )  # fmt: skip
    order = list(dict.fromkeys(packet.payload for packet in router.packets))
    assert order == list(dict.fromkeys(base64.b64decode(uplink["raw_payload"]) for uplink in uplinks))


async def test_copies_go_back_to_back_and_retransmissions_keep_their_distance(
    parts: Parts, tmp_path: Path
) -> None:
    def make_event(number: int, *euis: str) -> dict[str, Any]:
        return {
            "name": "ns.up.data.process", "identifiers": [], "unique_id": str(number),
            "data": {
                "raw_payload": "QAMAsqEAAAADXexV8TEGhyZOBmjpIHI=",
                "received_at": f"2024-11-24T17:28:{number:02}.1Z",
                "settings": {
                    "data_rate": {"lora": {"bandwidth": 125000, "spreading_factor": 7}},
                    "frequency": "905300000",
                },
                "rx_metadata": [
                    {"gateway_ids": {"eui": eui}, "timestamp": number, "rssi": -80, "snr": 5} for eui in euis
                ],
            },
        }  # fmt: skip

    path = tmp_path / "events.jsonl"
    lines = [make_event(9, "BB" * 8), make_event(1, "AA" * 8, "BB" * 8)]  # out of order in the file
    path.write_text("\n".join(json.dumps(line) for line in lines))
    router, summary = await replay_through_host(parts, path)
    assert [(packet.gateway_eui.hex()[:2], packet.timestamp) for packet in router.packets] == [
        ("aa", 1), ("bb", 1), ("bb", 9)
    ]  # fmt: skip
    first, second, third = (packet.received_at for packet in router.packets)
    assert second - first < 200 and third - first >= 390
    assert (summary["transmissions"], summary["frames"]) == (2, 1)


def test_grenoble_gives_positions_of_field_testers_only(shared: Path) -> None:
    recording = recognise(shared / "data/helium_uplinks_grenoble")
    assert (recording.kind, len(recording.paths)) == (Kind.HELIUM_UPLINKS, 3)
    found = read_records(recording.paths)
    assert found.records == 12_614 + 11_508 + 9_346
    assert {observation["source"] for observation in found.observations} == {"field_tester_gps_uplinks"}
    assert len(found.observations) == 6_474
    assert found.left_out["no_position_from_the_device"] == 12_614 + 9_346 + 11_599 - 6_474
    first = found.observations[0]
    assert first["observed_at"] == "2021-09-02T13:35:05.840000Z"  # reported_at less hold_time
    assert (first["rssi_dbm"], first["frequency_hz"], first["spreading_factor"]) == (-109, 867_900_000, 11)


def test_grenoble_counts_repeats_by_class(shared: Path) -> None:
    counts = count_repeats(read_records(recognise(shared / "data/helium_uplinks_grenoble").paths).frames)
    assert (counts.records, counts.frames_repeated, counts.frames_through_several_hotspots) == (
        12_614,
        824,
        634,
    )
    assert counts.repeats == sum(counts.classes.values()) == 1_983
    assert counts.classes == {
        "late_copy": 377,
        "retransmission_other_frequency": 689,
        "retransmission_same_frequency": 914,
        "stale": 3,
    }
    assert counts.late_copies_declared == 354


def make_record(
    hotspot: str, frequency_hz: int, at_s: float, hold_s: float = 0, rssi_dbm: float = -100
) -> FrameRecord:
    return FrameRecord(
        b"f" * 36,
        hotspot,
        frequency_hz,
        DataRate(12, 125_000),
        rssi_dbm,
        5,
        int(at_s * 1000),
        int(hold_s * 1000),
    )


@pytest.mark.parametrize(
    ("repeat", "kind"),
    [
        (make_record("b", 868_100_000, 3.4, 3.3), "late_copy"),
        (make_record("b", 868_100_000, 60), "late_copy"),
        (make_record("b", 868_099_999, 60), "late_copy"),  # a float of MHz in the recording
        (make_record("a", 868_100_000, 60), "late_copy"),  # same RSSI and SNR: sent twice by the hotspot
        (make_record("a", 868_100_000, 60, rssi_dbm=-99), "retransmission_same_frequency"),
        (make_record("b", 868_100_000, 197.5), "retransmission_same_frequency"),
        (make_record("b", 868_100_000, 250, 249), "late_copy"),
        (make_record("b", 868_300_000, 197.5), "retransmission_other_frequency"),
        (make_record("b", 868_300_000, 3), "retransmission_other_frequency"),
        (make_record("b", 868_300_000, 4000), "stale"),
    ],
)
def test_a_repeat_has_one_class(repeat: FrameRecord, kind: str) -> None:
    counts = count_repeats([make_record("a", 868_100_000, 0), repeat])
    assert {name for name, count in counts.classes.items() if count} == {kind}


def test_the_gap_is_100_times_the_time_on_air() -> None:
    assert compute_resend_gap_ms(make_record("a", 1, 0)) == 197_427


class FakeNode:
    """Takes observations over HTTP."""

    def __init__(self) -> None:
        self.batches: list[list[dict[str, Any]]] = []
        self.status = b"200 OK"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"POST /v1/observations ")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        self.batches.append(json.loads(await reader.readexactly(length)))
        body = json.dumps({"accepted": len(self.batches[-1])}).encode()
        writer.write(
            b"HTTP/1.1 %s\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % (self.status, len(body))
        )
        writer.write(body)
        await writer.drain()
        writer.close()


async def test_observations_go_to_the_node_in_batches(shared: Path) -> None:
    node = FakeNode()
    server = await asyncio.start_server(node.serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    recording = recognise(shared / "data/helium_uplinks_grenoble/field_tester_gps_uplinks.ndjson.gz")
    summary = await replay(recording, ReplayOptions(None, url), ignore)
    assert [len(batch) for batch in node.batches] == [1000] * 6 + [474]
    assert (summary["observations_sent"], summary["observations_accepted"]) == (6474, 6474)
    assert "marked as imported" in " ".join(describe(summary))
    node.status = b"403 Forbidden"
    with pytest.raises(BadRecording, match="403"):
        await replay(recording, ReplayOptions(None, url), ignore)
    server.close()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b'{"rxpk":[]}\n', Kind.RXPK_LINES),
        (b'\n{"name":"x","identifiers":[],"unique_id":"1"}\n', Kind.TTN_EVENTS),
        (gzip.compress(b'{"hotspots":[],"dev_eui":"00"}\n', mtime=0), Kind.HELIUM_UPLINKS),
        (b"hello\n", None),
        (b"", None),
        (b"[1]\n", None),
        (b"\x1f\x8bnot gzip", None),
    ],
)
def test_recordings_are_known_by_content(tmp_path: Path, content: bytes, kind: Kind | None) -> None:
    path = tmp_path / "anything.txt"
    path.write_bytes(content)
    if kind is None:
        with pytest.raises(BadRecording, match="no recording"):
            recognise(path)
    else:
        assert recognise(path).kind is kind
        assert recognise(tmp_path).kind is kind


HELIUM_LINE = {
    "dev_eui": "00", "raw_packet": "QAMAsqEAAAADXexV8TEGhyZOBmjpIHI=",
    "decoded": {"payload": {"latitude": 45.1, "longitude": 5.7}},
    "hotspots": [
        {"spreading": "SF12BW125", "frequency": 868.1, "id": "h", "lat": 45, "long": 5, "rssi": -100, "snr":
         1, "reported_at": 1672867882173, "hold_time": 0}
    ],
}  # fmt: skip
TTN_LINE = {
    "name": "ns.up.data.process", "identifiers": [], "unique_id": "1",
    "data": {
        "raw_payload": "QAMAsqEAAAADXexV8TEGhyZOBmjpIHI=", "received_at": "2024-11-24T17:28:17.1Z",
        "settings": {"data_rate": {"lora": {"bandwidth": 125000, "spreading_factor": 7}}, "frequency": "9"},
        "rx_metadata": [{"gateway_ids": {"eui": "AA" * 8}, "timestamp": 5, "rssi": -80, "snr": 5}],
    },
}  # fmt: skip
RXPK_LINE = {"rxpk": [{"freq": 868.1, "datr": "SF7BW125", "data": "AAAA", "time": "2015-03-01T20:46:57Z"}]}

JSON_VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20), st.just([]), st.just({}), st.just([None]),
)  # fmt: skip


def list_places(value: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """All paths into a JSON value."""
    inside: Any = ()
    if isinstance(value, dict | list):
        inside = value.items() if isinstance(value, dict) else enumerate(value)
    places = [place] if place else []
    for key, below in inside:
        places += list_places(below, (*place, key))
    return places


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), line=st.sampled_from([HELIUM_LINE, TTN_LINE, RXPK_LINE]), value=JSON_VALUES)
def test_any_damage_to_a_line_is_read_or_named(
    tmp_path: Path, data: st.DataObject, line: dict[str, Any], value: Any
) -> None:
    damaged = json.loads(json.dumps(line))
    *way, last = data.draw(st.sampled_from(list_places(damaged)))
    parent = damaged
    for key in way:
        parent = parent[key]
    parent[last] = value
    path = tmp_path / "file"
    path.write_text(json.dumps(damaged) + "\n")
    try:
        recording = recognise(path)
        if recording.kind is Kind.HELIUM_UPLINKS:
            count_repeats(read_records(recording.paths).frames)
        elif recording.kind is Kind.TTN_EVENTS:
            for push in ttn_events.iterate_pushes(path):
                count_expected_drops(push)
        else:
            for push in rxpk_lines.iterate_pushes(path, bytes(8)):
                count_expected_drops(push)
    except BadRecording as error:
        assert str(path) in str(error)


def test_a_folder_of_several_kinds_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b'{"rxpk":[]}\n')
    (tmp_path / "b").write_bytes(b'{"hotspots":[],"dev_eui":"00"}\n')
    with pytest.raises(BadRecording, match="several kinds"):
        recognise(tmp_path)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b'{"rxpk":[]}\n', "line 1: no rxpk"),
        (b'{"rxpk":[{"freq":868.1}]}\n', "line 1: gwmp_data"),
        (b'{"rxpk":[{"freq":868.1,"datr":"SF7BW125","data":"AAAA"}]}\n{oops\n', "line 2 is not JSON"),
        (
            b'{"name":"ns.up.data.process","identifiers":[],"unique_id":"1","data":{}}\n',
            "line 1: an uplink event",
        ),
        (b'{"hotspots":[{}],"dev_eui":"00"}\n', "line 1: KeyError"),
    ],
)
def test_a_bad_line_is_named_and_nothing_is_sent(tmp_path: Path, content: bytes, text: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    result = CliRunner().invoke(
        replay_app, [str(path), "--gwmp", "127.0.0.1:9", "--chain", "http://127.0.0.1:9"]
    )
    assert result.exit_code == 1
    assert text in result.output and "Traceback" not in result.output


def test_no_hotspot_no_traceback(shared: Path) -> None:
    folder = str(shared / "data/gwmp_pisa_known_keys")
    for arguments, text in (
        ([folder, "--gwmp", "127.0.0.1:9"], "no hotspot answers"),
        ([folder, "--gwmp", "x"], "write HOST:PORT"),
        ([folder, "--gwmp", "127.0.0.1:9", "--speed", "0"], "--speed"),
        ([folder, "--gwmp", "127.0.0.1:9", "--gateway-eui", "zz"], "16 hex digits"),
        (["/nowhere"], "doesn't exist"),
    ):
        result = CliRunner().invoke(replay_app, arguments, env={"HEXHAUL_DATA": "/nowhere"})
        assert result.exit_code == 1 and text in result.output, result.output
