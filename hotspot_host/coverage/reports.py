"""Beacon and witness reports and their claims as signed protobuf messages. Pure.

Source: Helium's poc_lora messages (radio facts 6.3): the signature covers the message with its signature
empty; power is conducted dBm, signal and SNR are dB x 10, times are Unix nanoseconds of the hotspot's own
clock.
"""

from __future__ import annotations

from chain.coverage.claims import compute_commitment
from chain.coverage.reports import ReportEnvelope
from chain.keys import Keypair
from chain.wire import poc_lora_pb2
from hardware.lora.modulation import DataRate
from hotspot_host.forwarder.packets import TICKS, Reception


def build_beacon_report(
    key: Keypair,
    *,
    local_entropy: bytes,
    public_entropy: bytes,
    data: bytes,
    frequency_hz: int,
    data_rate: DataRate,
    conducted_power_dbm: int,
    tick: int,
    timestamp_ns: int,
) -> bytes:
    """Serialized lora_beacon_report_req_v1, signed by the hotspot's key."""
    report = poc_lora_pb2.lora_beacon_report_req_v1(
        pub_key=key.public_key.binary,
        local_entropy=local_entropy,
        remote_entropy=public_entropy,
        data=data,
        frequency=frequency_hz,
        datarate=str(data_rate),
        tx_power=conducted_power_dbm,
        timestamp=timestamp_ns,
        tmst=tick % TICKS,
    )
    report.signature = key.sign(report.SerializeToString(deterministic=True))
    return report.SerializeToString(deterministic=True)


def build_witness_report(key: Keypair, reception: Reception, data: bytes) -> bytes:
    """Serialized lora_witness_report_req_v1 of a beacon's 51 bytes as this reception had them, signed by the
    hotspot's key. ValueError for a data rate that the wire has no number for."""
    report = poc_lora_pb2.lora_witness_report_req_v1(
        pub_key=key.public_key.binary,
        data=data,
        timestamp=reception.received_at_ms * 1_000_000,
        tmst=reception.tick % TICKS,
        signal=reception.rssi_dbm * 10,
        snr=round(reception.snr_db * 10),
        frequency=reception.frequency_hz,
        datarate=str(reception.data_rate),
    )
    report.signature = key.sign(report.SerializeToString(deterministic=True))
    return report.SerializeToString(deterministic=True)


def build_claim(key: Keypair, report: bytes, nonce: bytes, timestamp_ns: int) -> bytes:
    """Serialized lora_claim_v1 of a serialized report, signed by the hotspot's key."""
    claim = poc_lora_pb2.lora_claim_v1(
        pub_key=key.public_key.binary,
        commitment=compute_commitment(nonce, ReportEnvelope(report)),
        timestamp=timestamp_ns,
    )
    claim.signature = key.sign(claim.SerializeToString(deterministic=True))
    return claim.SerializeToString(deterministic=True)
