"""Replaying a recording, and what there is to say about it afterwards."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from hotspot_host.replay import rxpk_lines, ttn_events
from hotspot_host.replay.helium_uplinks import iterate_batches, read_records
from hotspot_host.replay.packet_forwarder import PacketForwarder
from hotspot_host.replay.recordings import BadRecording, Kind, Recording
from hotspot_host.replay.repeats import count_repeats
from hotspot_host.replay.transmissions import Push, count_expected_drops

#: At full speed a frame sent again stays so long behind its first transmission: more than a router's
#: deduplication window (200 ms), or the two would look like one. In the field it is seconds.
RETRANSMISSION_GAP_S = 0.4
OBSERVATIONS_A_REQUEST = 1000

NOTHING_SENT = {
    "observations_sent": 0,
    "observations_accepted": 0,
    "observations_known_already": 0,
    "observations_refused": {},
}

Say = Callable[[str, str], None]


@dataclass(frozen=True)
class ReplayOptions:
    gwmp: tuple[str, int] | None
    """Where the hotspot's Semtech-UDP port is."""
    chain: str | None
    """The node's HTTP API."""
    speed: float | None = None
    """Times faster than recorded; None is as fast as it is acknowledged."""
    gateway_eui: bytes = bytes.fromhex("aa555a0000000101")
    """For recordings that don't name their gateway."""


async def replay(recording: Recording, options: ReplayOptions, say: Say) -> dict[str, Any]:
    """Replay it all; returns the summary. BadRecording where the recording or the other end won't do."""
    if recording.kind is Kind.HELIUM_UPLINKS:
        return await _replay_helium(recording, options, say)
    if options.gwmp is None:
        raise BadRecording("where is the hotspot? give its Semtech-UDP port with --gwmp HOST:PORT")
    return await _replay_pushes(recording, options, options.gwmp, say)


def _iterate_pushes(recording: Recording, options: ReplayOptions) -> Iterator[Push]:
    for path in recording.paths:
        if recording.kind is Kind.RXPK_LINES:
            yield from rxpk_lines.iterate_pushes(path, options.gateway_eui)
        else:
            yield from ttn_events.iterate_pushes(path)


async def _replay_pushes(
    recording: Recording, options: ReplayOptions, gwmp: tuple[str, int], say: Say
) -> dict[str, Any]:
    pushes = list(_iterate_pushes(recording, options))  # all of it is read before the first datagram goes out
    drops: Counter[str] = Counter()
    for push in pushes:
        drops.update(count_expected_drops(push))
    euis = sorted({push.gateway_eui for push in pushes})
    say(
        "replay",
        f"{recording.kind.value}: {len(pushes)} PUSH_DATA of gateway {', '.join(e.hex() for e in euis)}",
    )
    loop = asyncio.get_running_loop()
    async with contextlib.AsyncExitStack() as stack:
        forwarders = {eui: await stack.enter_async_context(PacketForwarder(eui, *gwmp)) for eui in euis}
        started_s = loop.time()
        last_sent: dict[tuple[bytes, ...], tuple[int, float]] = {}
        for push in pushes:
            if options.speed is not None:
                await asyncio.sleep(started_s + push.heard_at_s / options.speed - loop.time())
            payloads = tuple(rxpk.phy_payload for rxpk in push.rxpks)
            group, sent_at_s = last_sent.get(payloads, (push.group, 0.0))
            if group != push.group:
                await asyncio.sleep(sent_at_s + RETRANSMISSION_GAP_S - loop.time())
            await forwarders[push.gateway_eui].push(push.body)
            last_sent[payloads] = (push.group, loop.time())
        for forwarder in forwarders.values():
            await forwarder.flush()
        took_s = loop.time() - started_s
        packets = sum(len(push.rxpks) for push in pushes)
        return {
            "recording": recording.kind.name.lower(),
            "gateways": [eui.hex() for eui in euis],
            "push_data_sent": sum(forwarder.sent for forwarder in forwarders.values()),
            "push_data_acknowledged": sum(forwarder.acknowledged for forwarder in forwarders.values()),
            "packets": packets,
            "packets_good": packets - drops.total(),
            "dropped": dict(sorted(drops.items())),
            "transmissions": len({push.group for push in pushes}),
            "frames": len({rxpk.phy_payload for push in pushes for rxpk in push.rxpks}),
            "downlinks_offered": sum(forwarder.downlinks for forwarder in forwarders.values()),
            "seconds": round(took_s, 2),
        }


async def _replay_helium(recording: Recording, options: ReplayOptions, say: Say) -> dict[str, Any]:
    found = read_records(recording.paths)
    repeats = count_repeats(found.frames)
    summary: dict[str, Any] = {
        "recording": recording.kind.name.lower(),
        "records": found.records,
        "observations": len(found.observations),
        "hotspots": len({observation["hotspot"] for observation in found.observations}),
        "left_out": dict(found.left_out),
        "repeated_frames": {
            "records": repeats.records,
            "frames": repeats.frames,
            "frames_repeated": repeats.frames_repeated,
            "frames_through_several_hotspots": repeats.frames_through_several_hotspots,
            "repeats": repeats.repeats,
            "late_copies_declared": repeats.late_copies_declared,
            **repeats.classes,
        },
    }
    say("replay", f"{recording.kind.value}: {found.records} records, {len(found.observations)} observations")
    if not found.observations:
        return summary | dict(NOTHING_SENT)
    if options.chain is None:
        raise BadRecording("where is the map? give the node's HTTP API with --chain URL")
    sent = accepted = known = 0
    refused: Counter[str] = Counter()
    async with httpx.AsyncClient(
        base_url=f"{options.chain.rstrip('/').removesuffix('/v1')}/v1", timeout=30.0, trust_env=False
    ) as http:
        for batch in iterate_batches(found.observations, OBSERVATIONS_A_REQUEST):
            answer = await _post(http, batch)
            sent += len(batch)
            accepted += int(answer.get("accepted", len(batch)))
            known += int(answer.get("known_already", 0))
            refused.update(answer.get("refused", {}))
    return summary | {
        "observations_sent": sent,
        "observations_accepted": accepted,
        "observations_known_already": known,
        "observations_refused": dict(refused),
    }


async def _post(http: httpx.AsyncClient, batch: list[dict[str, Any]]) -> dict[str, Any]:
    try:
        response = await http.post("/observations", json=batch)
    except httpx.HTTPError as error:
        raise BadRecording(f"chain node {http.base_url}: {error or type(error).__name__}") from None
    if response.is_error:
        raise BadRecording(
            f"chain node {http.base_url} refused the observations: {response.status_code} "
            f"{response.text[:200]}"
        )
    try:
        answer = response.json()
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def describe(summary: dict[str, Any]) -> list[str]:
    """The summary for a person."""
    if summary["recording"] == Kind.HELIUM_UPLINKS.name.lower():
        repeats = summary["repeated_frames"]
        lines = [
            f"{summary['observations_accepted']} of {summary['observations_sent']} observations of "
            f"{summary['hotspots']} hotspots are on the map, marked as imported "
            f"({summary['observations_known_already']} of them were before)",
        ]
        if summary["observations_refused"]:
            reasons = ", ".join(f"{why} {count}" for why, count in summary["observations_refused"].items())
            lines.append(f"refused by the node: {reasons}")
        if repeats["records"]:
            lines += [
                f"{repeats['records']} records with raw packets: {repeats['frames']} frames, "
                f"{repeats['frames_repeated']} of them repeated, {repeats['repeats']} repeats:",
                f"  same frequency, late copy of one transmission: {repeats['late_copy']} "
                f"({repeats['late_copies_declared']} by their hold_time)",
                f"  other frequency, sent again: {repeats['retransmission_other_frequency']}",
                f"  same frequency, sent again: {repeats['retransmission_same_frequency']}",
                f"  more than an hour later: {repeats['stale']}",
            ]
        return lines
    drops = ", ".join(f"{reason} {count}" for reason, count in summary["dropped"].items()) or "none"
    return [
        f"{summary['push_data_sent']} PUSH_DATA sent, {summary['push_data_acknowledged']} acknowledged, "
        f"in {summary['seconds']} s",
        f"{summary['packets']} packets: {summary['packets_good']} to forward "
        f"({summary['transmissions']} transmissions, {summary['frames']} different frames), dropped: {drops}",
    ]
