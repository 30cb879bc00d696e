"""Ops on GWMP: datagrams, and the mapping between its JSON and ChirpStack's gateway messages."""

import base64
from decimal import Decimal
from typing import Any

import msgspec

from router.lorawan.gwmp import (
    CrcStatus,
    PushData,
    Rxpk,
    Stat,
    TxAck,
    Txpk,
    decode_datagram,
    decode_header,
    encode_datagram,
)
from router.lorawan.gwmp import decode_json as decode_gwmp_json
from router.lorawan.gwmp_fields import FSK, LORA, LR_FHSS, DataRateFields
from router.lorawan.gwmp_values import encode_txpk, parse_txpk
from tests.vectors.outcomes import Mismatch, Unsupported

Fields = dict[str, Any]


def gwmp_decode(given: Fields, expected: Fields) -> Fields:
    datagram = bytes.fromhex(given["datagram"])
    header, body = decode_header(datagram)
    json = decode_gwmp_json(body)
    answer: Fields = {
        "version": header.version,
        "token": header.token,
        "type": header.kind.name,
        "json": json,
        "error": None,
    }
    if header.gateway_eui is not None:
        answer["gateway_id"] = header.gateway_eui.hex()
    if header.kind.name != "PULL_RESP" or "txpk" in json:
        value = decode_datagram(datagram)
        if decode_datagram(encode_datagram(value)) != value:
            raise Mismatch(f"encoding it again gives {encode_datagram(value).hex()}")
        if isinstance(value, TxAck):
            answer["error"] = value.error
    return answer


def _read_push_data(given: Fields) -> PushData:
    body = msgspec.json.encode(given["json"])
    value = decode_datagram(b"\2\0\0\0" + bytes.fromhex(given["gateway_id"]) + body)
    if not isinstance(value, PushData) or value.rejected:
        raise Mismatch(f"{value}")
    return value


def _describe_modulation(rxpk: Rxpk) -> Fields:
    rate = rxpk.data_rate
    code_rate = "CR_" + (rxpk.coding_rate or "").replace("/", "_")
    if rate.modulation == LORA:
        lora = {"bandwidth": rate.bandwidth_hz, "spreadingFactor": rate.spreading_factor}
        return {"lora": lora | {"codeRate": code_rate}}
    if rate.modulation == FSK:
        return {"fsk": {"datarate": rate.bitrate_bps}}
    fhss = {"operatingChannelWidth": rate.channel_width_hz, "codeRate": code_rate}
    return {"lrFhss": fhss | ({"gridSteps": rxpk.grid_steps} if rxpk.grid_steps else {})}


def _describe_uplinks(gateway_id: str, rxpk: Rxpk, stat: Stat | None) -> list[Fields]:
    common: Fields = {
        "gatewayId": gateway_id,
        "rssi": round(rxpk.rssi_dbm),
        "snr": rxpk.snr_db,
        "channel": rxpk.channel,
        "rfChain": rxpk.rf_chain,
        "board": rxpk.board,
        "crcStatus": {CrcStatus.OK: "CRC_OK", CrcStatus.NONE: "NO_CRC", CrcStatus.BAD: "BAD_CRC"}[rxpk.crc],
        "gwTime": rxpk.time,
    }
    if rxpk.tmst_us is not None:
        common["context"] = base64.b64encode(rxpk.tmst_us.to_bytes(4, "big")).decode()
    if rxpk.gps_time_ms is not None:
        common["timeSinceGpsEpoch"] = _format_seconds(rxpk.gps_time_ms, 1000)
        if rxpk.fine_time_ns is not None:
            whole_ns = rxpk.gps_time_ms // 1000 * 10**9 + rxpk.fine_time_ns
            common["fineTimeSinceGpsEpoch"] = _format_seconds(whole_ns, 10**9)
    if rxpk.meta:
        common["metadata"] = rxpk.meta
    if stat is not None and stat.latitude is not None and stat.longitude is not None:
        common["location"] = {
            "latitude": stat.latitude,
            "longitude": stat.longitude,
            "altitude": stat.altitude_m or 0.0,
            "source": "GPS",
        }
    heard = [common]
    if rxpk.signals:
        heard = [
            common | {"rssi": round(s.rssi_dbm), "snr": s.snr_db, "channel": s.channel, "antenna": s.antenna}
            for s in rxpk.signals
        ]
    tx_info = {"frequency": rxpk.frequency_hz, "modulation": _describe_modulation(rxpk)}
    phy_payload = base64.b64encode(rxpk.phy_payload).decode()
    return [
        # as protobuf's JSON: values that are zero are left out
        {"phyPayload": phy_payload, "txInfo": tx_info, "rxInfo": {k: v for k, v in rx.items() if v}}
        for rx in heard
    ]


def _format_seconds(count: int, per_second: int) -> str:
    return f"{(Decimal(count) / per_second).normalize():f}s"


def rxpk(given: Fields, expected: Fields) -> Fields:
    push = _read_push_data(given)
    uplinks = [
        uplink
        for packet in push.rxpks
        if packet.crc != CrcStatus.BAD
        for uplink in _describe_uplinks(given["gateway_id"], packet, push.stat)
    ]
    again = decode_datagram(encode_datagram(push))
    if again != push:
        raise Mismatch(f"encoding and decoding it again gives {again}")
    return {"uplinks": uplinks}


def _read_timing(given: Fields) -> Fields:
    timing = given["txInfo"]["timing"]
    if "delay" in timing:
        context = int.from_bytes(base64.b64decode(given["txInfo"]["context"]), "big")
        delay_us = int(Decimal(timing["delay"]["delay"].rstrip("s")) * 10**6)
        return {"tmst_us": (context + delay_us) % 2**32}
    if "immediately" in timing:
        return {"is_immediate": True}
    if "gpsEpoch" in timing:
        since = Decimal(timing["gpsEpoch"]["timeSinceGpsEpoch"].rstrip("s"))
        return {"gps_time_ms": int(since * 1000)}
    raise Unsupported(f"timing {', '.join(timing)}")


def txpk(given: Fields, expected: Fields) -> Fields:
    info = given["txInfo"]
    modulation = info["modulation"]
    coding_rate = None
    deviation = None
    is_inverted = False
    if "lora" in modulation:
        lora = modulation["lora"]
        rate = DataRateFields(LORA, spreading_factor=lora["spreadingFactor"], bandwidth_hz=lora["bandwidth"])
        coding_rate = lora["codeRate"].removeprefix("CR_").replace("_", "/")
        is_inverted = lora.get("polarizationInversion", False)
    elif "fsk" in modulation:
        rate = DataRateFields(FSK, bitrate_bps=modulation["fsk"]["datarate"])
        deviation = modulation["fsk"]["frequencyDeviation"]
    else:
        raise Unsupported(f"{LR_FHSS} downlinks")
    value = Txpk(
        phy_payload=base64.b64decode(given["phyPayload"]),
        frequency_hz=info["frequency"],
        data_rate=rate,
        power_dbm=info["power"],
        coding_rate=coding_rate,
        invert_polarization=is_inverted,
        frequency_deviation_hz=deviation,
        antenna=info.get("antenna", 0),
        board=info.get("board", 0),
        **_read_timing(given),
    )
    json = encode_txpk(value)
    if parse_txpk(json) != value:
        raise Mismatch(f"decoding it gives {parse_txpk(json)}")
    return {"txpk": json}


OPS = {"gwmp_decode": gwmp_decode, "rxpk": rxpk, "txpk": txpk}
