"""A packet forwarder's log: each line is the JSON of one PUSH_DATA, sent again byte for byte."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hotspot_host.replay.recordings import BadRecording, decode_object, iterate_lines
from hotspot_host.replay.transmissions import Push, parse_time
from router.lorawan.errors import MalformedFrame
from router.lorawan.gwmp import PushData, decode_datagram

#: A PUSH_DATA of this gateway around each line, to have it parsed as the hotspot will.
_HEAD = b"\x02\x00\x00\x00"


def iterate_pushes(path: Path, gateway_eui: bytes) -> Iterator[Push]:
    """The pushes of a log, in its order. BadRecording names the line that a packet forwarder can't have
    sent.
    """
    first = None
    for number, line in iterate_lines(path):
        decode_object(path, number, line)
        try:
            push = decode_datagram(_HEAD + gateway_eui + line)
        except MalformedFrame as error:
            raise BadRecording(f"{path}, line {number}: {error}") from None
        if isinstance(push, PushData) and push.rejected:
            raise BadRecording(f"{path}, line {number}: {push.rejected[0]}")
        if not isinstance(push, PushData) or not push.rxpks:
            raise BadRecording(f"{path}, line {number}: no rxpk")
        heard = parse_time(push.rxpks[0].time)
        first = first or heard
        heard_at_s = (heard - first).total_seconds() if heard and first else 0.0
        yield Push(gateway_eui, line, push.rxpks, heard_at_s, number)
