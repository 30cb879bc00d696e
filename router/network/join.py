"""Answering a join-request (LoRaWAN 1.0.4 section 6.2): check, give an address, derive keys, build the
accept.

Whether the DevNonce is new is for the store to say, in the transaction that records it.
"""

from __future__ import annotations

from enum import StrEnum
from hmac import compare_digest

import msgspec

from router.lorawan.frames import JoinRequest
from router.lorawan.join import (
    MAX_JOIN_NONCE,
    JoinAccept,
    build_join_accept,
    compute_join_request_mic,
    compute_session_keys_1_0,
)
from router.lorawan.net_id import apply_dev_addr_prefix, compute_dev_addr_prefix
from router.network.values import NO_EUI, Device, Session


class JoinRefusal(StrEnum):
    """Why a join-request gets no answer."""

    UNKNOWN_DEVICE = "unknown_device"
    WRONG_JOIN_EUI = "wrong_join_eui"
    NO_APP_KEY = "no_app_key"
    MIC_FAILED = "mic_failed"
    DEV_NONCE_USED = "dev_nonce_used"
    JOIN_NONCES_SPENT = "join_nonces_spent"


def check_join_request(payload: bytes, request: JoinRequest, device: Device | None) -> JoinRefusal | None:
    """Why `request` cannot be answered, or None. A device added without JoinEUI joins with any."""
    if device is None:
        return JoinRefusal.UNKNOWN_DEVICE
    if device.join_eui not in (NO_EUI, request.join_eui):
        return JoinRefusal.WRONG_JOIN_EUI
    if not device.app_key:
        return JoinRefusal.NO_APP_KEY
    if not compare_digest(compute_join_request_mic(payload, device.app_key), request.mic):
        return JoinRefusal.MIC_FAILED
    if device.join_nonce >= MAX_JOIN_NONCE:
        return JoinRefusal.JOIN_NONCES_SPENT
    return None


def choose_dev_addr(net_id: bytes, random_32: int, taken: frozenset[bytes]) -> bytes:
    """A free DevAddr under `net_id`, found by stepping on from a random start. Raises ValueError if
    none is left.
    """
    prefix = compute_dev_addr_prefix(net_id)
    size = 1 << (32 - prefix.length)
    for step in range(min(size, len(taken) + 1)):
        dev_addr = apply_dev_addr_prefix(((random_32 + step) % size).to_bytes(4, "big"), prefix)
        if dev_addr not in taken:
            return dev_addr
    raise ValueError(
        f"all {size} DevAddrs of NetID {net_id.hex()} are taken: remove devices or use another NetID"
    )


class Joined(msgspec.Struct, frozen=True, kw_only=True):
    """What a join leads to: the session to store as pending and the encrypted join-accept."""

    session: Session
    join_nonce: int
    accept: bytes


def process_join(
    request: JoinRequest,
    device: Device,
    *,
    net_id: bytes,
    dev_addr: bytes,
    rx1_delay_s: int,
    rx2_data_rate: int,
    now_ms: int,
) -> Joined:
    """Derive the session of a checked join-request. CFList is left out: everybody stays on the home
    channel.
    """
    join_nonce = device.join_nonce + 1
    keys = compute_session_keys_1_0(device.app_key, join_nonce, net_id, request.dev_nonce)
    accept = JoinAccept(
        join_nonce=join_nonce,
        net_id=net_id,
        dev_addr=dev_addr,
        rx_delay=rx1_delay_s,
        rx2_data_rate=rx2_data_rate,
    )
    session = Session(
        dev_eui=device.dev_eui,
        dev_addr=dev_addr,
        nwk_s_key=keys.nwk_s_key,
        app_s_key=keys.app_s_key,
        started_at_ms=now_ms,
        rx1_delay_s=rx1_delay_s,
        is_pending=True,
    )
    return Joined(
        session=session, join_nonce=join_nonce, accept=build_join_accept(accept, enc_key=device.app_key)
    )
