"""Ops on decisions of the network: ADR, the downlink's gateway, class B slots."""

from typing import Any

from hardware.lora.modulation import get_required_snr_ddb
from hardware.lora.regions import get_region
from router.lorawan.adr import (
    AdrLimits,
    AdrSetting,
    AdrUplink,
    apply_steps,
    compute_adr,
    compute_nb_trans,
    compute_packet_loss_percent,
)
from router.lorawan.class_b import compute_next_ping_slot_ms, compute_ping_offset
from router.lorawan.gateway_choice import Reception, select_downlink_gateways
from router.lorawan.regional import get_max_adr_data_rate

Fields = dict[str, Any]


def adr_handle(given: Fields, expected: Fields) -> Fields:
    region = get_region(given["region"])
    decided = compute_adr(
        AdrSetting(given["dr"], given["tx_power_index"], given["nb_trans"]),
        AdrLimits(
            max_data_rate=min(given["max_dr"], get_max_adr_data_rate(region)),
            max_tx_power_index=given["max_tx_power_index"],
            required_snr_db=given["required_snr_for_dr"],
            installation_margin_db=given["installation_margin"],
        ),
        tuple(AdrUplink(*uplink) for uplink in given["uplink_history"]),
        is_adr_on=given["adr"],
    )
    return {
        "dr": decided.data_rate,
        "tx_power_index": decided.tx_power_index,
        "nb_trans": decided.nb_trans,
    }


def adr_steps(given: Fields, expected: Fields) -> Fields:
    tx_power_index, data_rate = apply_steps(
        given["n_step"], given["tx_power_index"], given["dr"], given["max_tx_power_index"], given["max_dr"]
    )
    return {"tx_power_index": tx_power_index, "dr": data_rate}


def adr_nb_trans(given: Fields, expected: Fields) -> Fields:
    return {"nb_trans": compute_nb_trans(given["nb_trans"], given["packet_loss_pct"])}


def adr_packet_loss(given: Fields, expected: Fields) -> Fields:
    return {"packet_loss_pct": compute_packet_loss_percent(given["f_cnts"])}


def select_downlink_gateway(given: Fields, expected: Fields) -> Fields:
    region = get_region(given.get("region", "EU868"))
    receptions = [
        Reception(
            gateway=item["gateway_id"],
            margin_db=item["snr"]
            - get_required_snr_ddb(region.data_rates[uplink["dr"]].spreading_factor) / 10,
            rssi_dbm=item["rssi"],
            is_allowed=not item["is_private_down"] or item["tenant"] == given["tenant"],
        )
        for uplink in given["history"]
        for item in uplink["items"]
    ]
    chosen = select_downlink_gateways(receptions, given["min_snr_margin"])
    return {"gateway_ids": sorted(str(candidate.gateway) for candidate in chosen)}


def ping_offset(given: Fields, expected: Fields) -> Fields:
    offset = compute_ping_offset(given["beacon_time"], bytes.fromhex(given["dev_addr"]), given["ping_period"])
    return {"ping_offset": offset}


def next_ping_slot_after(given: Fields, expected: Fields) -> Fields:
    slot_ms = compute_next_ping_slot_ms(given["after_ms"], bytes.fromhex(given["dev_addr"]), given["ping_nb"])
    return {"ping_slot_ms": slot_ms}


OPS = {
    "adr_handle": adr_handle,
    "adr_steps": adr_steps,
    "adr_nb_trans": adr_nb_trans,
    "adr_packet_loss": adr_packet_loss,
    "select_downlink_gateway": select_downlink_gateway,
    "ping_offset": ping_offset,
    "next_ping_slot_after": next_ping_slot_after,
}
