"""Live data of The Things Stack's console: uplinks and joins become what each gateway sent of them.

Used are the events ``ns.up.data.process`` and ``ns.up.join.process`` (one for each transmission that the
network server processed, copies merged): ``data.raw_payload`` is the PHYPayload, ``data.settings`` its
frequency and data rate, ``data.rx_metadata`` has an entry for each gateway. The application server's events
repeat the same uplinks and are left out, as are downlinks.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hotspot_host.replay.recordings import BadRecording, decode_object, iterate_lines
from hotspot_host.replay.transmissions import Push, parse_time
from router.lorawan.gwmp import (
    CrcStatus,
    DataRateFields,
    PushData,
    Rxpk,
    decode_datagram,
    encode_datagram,
)

UPLINK_EVENTS = frozenset({"ns.up.data.process", "ns.up.join.process"})

_HEADER_BYTES = 12


def iterate_pushes(path: Path) -> Iterator[Push]:
    """The gateways' pushes in order of reception. BadRecording names the line that lacks something."""
    uplinks: list[tuple[float, int, dict[str, Any]]] = []
    first = None
    for number, line in iterate_lines(path):
        event = decode_object(path, number, line)
        if event.get("name") not in UPLINK_EVENTS:
            continue
        data = event.get("data")
        heard = parse_time(data.get("received_at") if isinstance(data, dict) else None)
        if heard is None or not isinstance(data, dict):
            raise BadRecording(f"{path}, line {number}: an uplink event without data.received_at")
        first = first or heard
        uplinks.append(((heard - first).total_seconds(), number, data))
    earliest = min((heard_at_s for heard_at_s, _, _ in uplinks), default=0.0)
    for heard_at_s, number, data in sorted(uplinks, key=lambda uplink: uplink[:2]):
        try:
            copies = [_read_copy(data, metadata) for metadata in data["rx_metadata"]]
        except (KeyError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
            raise BadRecording(
                f"{path}, line {number}: {type(error).__name__} {error} in an uplink event"
            ) from None
        for push, body in copies:
            yield Push(push.gateway_eui, body, push.rxpks, heard_at_s - earliest, number)


def _read_copy(data: dict[str, Any], metadata: dict[str, Any]) -> tuple[PushData, bytes]:
    """What one gateway heard of a transmission, and the JSON that it sends of it."""
    eui = bytes.fromhex(metadata["gateway_ids"]["eui"])
    if len(eui) != 8:
        raise ValueError(f"gateway EUI {eui.hex()}")
    settings = data["settings"]
    lora = settings["data_rate"]["lora"]
    rxpk = Rxpk(
        phy_payload=binascii.a2b_base64(data["raw_payload"]),
        frequency_hz=int(settings["frequency"]),
        data_rate=DataRateFields(
            spreading_factor=int(lora["spreading_factor"]), bandwidth_hz=int(lora["bandwidth"])
        ),
        crc=CrcStatus.OK,
        coding_rate=lora.get("coding_rate", "4/5"),
        tmst_us=int(metadata["timestamp"]),
        time=metadata.get("received_at"),
        rssi_dbm=float(metadata["rssi"]),
        snr_db=float(metadata.get("snr", 0.0)),
        channel=int(metadata.get("channel_index", 0)),
    )
    datagram = encode_datagram(PushData(token=0, gateway_eui=eui, rxpks=(rxpk,)))
    sent = decode_datagram(datagram)  # what no packet forwarder can send is found here, not at the hotspot
    if not isinstance(sent, PushData) or sent.rejected:
        raise ValueError(", ".join(getattr(sent, "rejected", ())) or "no PUSH_DATA")
    return sent, datagram[_HEADER_BYTES:]
