"""Ops on regional parameters and on the modulation: tables, channel plans, time on air."""

from typing import Any

from hardware.lora.airtime import compute_payload_symbols, compute_symbol_time_us, compute_time_on_air_us
from hardware.lora.region import Region
from hardware.lora.regions import get_region
from router.lorawan.cf_list import encode_cf_list
from router.lorawan.channel_plan import (
    apply_link_adr_requests,
    build_cf_list,
    build_link_adr_requests,
)
from router.lorawan.mac_command_stream import encode_mac_command
from router.lorawan.regional import (
    JOIN_ACCEPT_DELAY_1_S,
    JOIN_ACCEPT_DELAY_2_S,
    RX1_DELAY_S,
    RX2_AFTER_RX1_S,
    compute_ping_slot_frequency_hz,
    get_channel_data_rates,
    get_rx1_data_rates,
    get_uplink_data_rate_range,
)
from router.lorawan.regional_payloads import Revision, get_max_payloads
from tests.vectors.outcomes import Mismatch, Unsupported

Fields = dict[str, Any]

#: Data rates that the files leave out since their upstreams contradict each other (README of the files).
_LEFT_OUT_PAYLOADS = {"EU868": {"4"}, "AU915": {"0", "10", "11", "12", "13"}, "CN470": {"3", "4", "5"}}
_LEFT_OUT_OFFSETS = {("IN865", "4"), ("IN865", "5")}


def _get_region(given: Fields) -> Region:
    try:
        return get_region(given["region"])
    except ValueError:
        raise Unsupported(f"region {given['region']}") from None


def _describe_data_rates(region: Region, is_uplink: bool) -> Fields:
    table: Fields = {}
    for index, lora in (region.data_rates if is_uplink else region.downlink_data_rates).items():
        table[str(index)] = {
            "modulation": "LORA",
            "sf": lora.spreading_factor,
            "bw": lora.bandwidth_hz,
            "cr": "4/5",
        }
    for index, fsk in region.fsk_data_rates.items():
        table[str(index)] = {"modulation": "FSK", "bitrate": fsk.bitrate_bps}
    for index, fhss in region.lr_fhss_data_rates.items() if is_uplink else ():
        cr = f"{2 * fhss.coding_rate_thirds}/6"
        table[str(index)] = {"modulation": "LR_FHSS", "cr": cr, "ocw": fhss.occupied_width_hz}
    return table


def data_rates(given: Fields, expected: Fields) -> Fields:
    region = _get_region(given)
    return {
        "uplink": _describe_data_rates(region, is_uplink=True),
        "downlink": _describe_data_rates(region, is_uplink=False),
    }


def uplink_channels(given: Fields, expected: Fields) -> Fields:
    region = _get_region(given)
    channels = [
        {
            "freq": channel.frequency_hz,
            "data_rates": list(get_channel_data_rates(region, channel)),
            "rx1_freq": region.compute_rx1_frequency_hz(channel.frequency_hz),
        }
        for channel in region.uplink_channels
    ]
    return {"channels": channels}


def rx1_dr_table(given: Fields, expected: Fields) -> Fields:
    region = _get_region(given)
    rows = get_rx1_data_rates(region, downlink_dwell_400ms=given["downlink_dwell_400ms"])
    table = {str(data_rate): list(row) for data_rate, row in rows.items()}
    for name, data_rate in _LEFT_OUT_OFFSETS:
        if name == given["region"] and data_rate in expected["table"]:
            table[data_rate] = table[data_rate][: len(expected["table"][data_rate])]
    return {"table": table}


def region_defaults(given: Fields, expected: Fields) -> Fields:
    region = _get_region(given)
    lowest, highest = get_uplink_data_rate_range(region)
    rx1 = expected.get("downlink_eirp_rx1", {})
    return {
        "rx2_freq": region.rx2_frequency_hz,
        "rx2_dr": region.rx2_data_rate_index,
        "rx1_delay": RX1_DELAY_S,
        "rx2_delay": RX1_DELAY_S + RX2_AFTER_RX1_S,
        "ja1": JOIN_ACCEPT_DELAY_1_S,
        "ja2": JOIN_ACCEPT_DELAY_2_S,
        "min_ul_dr": lowest,
        "max_ul_dr": highest,
        "downlink_eirp_rx2": region.compute_downlink_eirp_dbm(region.rx2_frequency_hz),
        "downlink_eirp_rx1": {text: region.compute_downlink_eirp_dbm(int(text)) for text in rx1},
        "tx_power_offsets_db": list(region.tx_power_offsets_db),
    }


def ping_slot_frequency(given: Fields, expected: Fields) -> Fields:
    region = _get_region(given)
    cases = [
        case
        | {"freq": compute_ping_slot_frequency_hz(region, bytes.fromhex(case["dev_addr"]), case["beacon_s"])}
        for case in expected["cases"]
    ]
    return {"cases": cases}


def _parse_revision(text: str) -> Revision:
    mac_version, _, parameters = text.partition("|")
    if parameters.startswith("RP002-"):
        return Revision[parameters.replace("-", "_").replace(".", "_")]
    if mac_version.startswith("1.1"):
        return Revision.V1_1_B if parameters == "B" else Revision.V1_1_A
    if mac_version == "1.0.2":
        return Revision.V1_0_2_B if parameters == "B" else Revision.V1_0_2_A
    return {"1.0.0": Revision.V1_0_0, "1.0.1": Revision.V1_0_1, "1.0.3": Revision.V1_0_3_A}[mac_version]


def max_payload(given: Fields, expected: Fields) -> Fields:
    region = _get_region(given)
    answer: Fields = {}
    for text in given["mac_version|reg_params"]:
        limits = get_max_payloads(
            region,
            _parse_revision(text),
            is_repeater_compatible=given["repeater_compatible"],
            has_dwell_limit=given["dwell_400ms"],
        )
        table = {
            str(data_rate): [limit.mac_payload_bytes, limit.frm_payload_bytes]
            for data_rate, limit in limits.items()
        }
        for data_rate in _LEFT_OUT_PAYLOADS.get(given["region"], ()):
            if data_rate not in expected["table"]:
                table.pop(data_rate, None)
        if table != expected["table"]:
            raise Mismatch(f"for {text}: {table}")
        answer = {"table": table}
    return answer


def link_adr_for_channels(given: Fields, expected: Fields) -> Fields:
    region = _get_region(given)
    default_count = len(region.uplink_channels)
    requests = build_link_adr_requests(
        region.common_name,
        given["network_enabled_channels"],
        given["device_enabled_channels"],
        default_count,
    )
    cf_list = build_cf_list(region.common_name, given["network_enabled_channels"], given["extra_channels"])
    return {
        "link_adr_req": [encode_mac_command(request).hex() for request in requests],
        "result_channels": list(
            apply_link_adr_requests(
                region.common_name,
                requests,
                given["device_enabled_channels"],
                default_count + len(given["extra_channels"]),
            )
        ),
        "cf_list_1_0_4": None if cf_list is None else encode_cf_list(cf_list).hex(),
    }


def _parse_coding_rate(text: str) -> int:
    if text not in ("4/5", "4/6", "4/7", "4/8"):
        raise Unsupported(f"coding rate {text}")
    return int(text[2])


def time_on_air(given: Fields, expected: Fields) -> Fields:
    return {
        "time_on_air_us": compute_time_on_air_us(
            given["payload_size"],
            given["sf"],
            given["bw_hz"],
            _parse_coding_rate(given["cr"]),
            given["preamble"],
            given["header"],
            given["crc"],
            given["ldro"],
        )
    }


def symbol_duration(given: Fields, expected: Fields) -> Fields:
    return {"us": compute_symbol_time_us(given["sf"], given["bw_hz"])}


def payload_symbols(given: Fields, expected: Fields) -> Fields:
    symbols = compute_payload_symbols(
        given["payload_size"],
        given["sf"],
        _parse_coding_rate(given["cr"]),
        given["header"],
        given["crc"],
        given["ldro"],
    )
    return {"symbols": symbols}


OPS = {
    "data_rates": data_rates,
    "uplink_channels": uplink_channels,
    "rx1_dr_table": rx1_dr_table,
    "region_defaults": region_defaults,
    "ping_slot_frequency": ping_slot_frequency,
    "max_payload": max_payload,
    "link_adr_for_channels": link_adr_for_channels,
    "time_on_air": time_on_air,
    "symbol_duration": symbol_duration,
    "payload_symbols": payload_symbols,
}
