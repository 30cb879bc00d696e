"""Any frame as people look at it: parsed fields, whether or not a key is known.

The values are JSON types; bytes are hex as people write them, except FRMPayload and FOpts: hex as on air.
"""

from __future__ import annotations

from typing import Any

from router.lorawan.errors import MalformedFrame
from router.lorawan.frames import (
    DataFrame,
    EncryptedJoinAccept,
    Frame,
    JoinRequest,
    Proprietary,
    RejoinRequest,
    parse_phy_payload,
)


def parse_frame(payload: bytes) -> tuple[Frame | None, dict[str, Any]]:
    """The frame and its fields; no frame and a reason where the bytes break the format."""
    try:
        frame = parse_phy_payload(payload)
    except MalformedFrame as error:
        return None, {"kind": "malformed", "reason": str(error)}
    return frame, describe_frame(frame)


def describe_frame(frame: Frame) -> dict[str, Any]:
    """Field names and values of a parsed frame; `kind` says which message type it is."""
    if isinstance(frame, DataFrame):
        return {
            "kind": frame.m_type.name.lower(),
            "dev_addr": frame.dev_addr.hex(),
            "f_cnt": frame.f_cnt,
            "f_port": frame.f_port,
            "confirmed": frame.is_confirmed,
            "adr": frame.adr,
            "adr_ack_req": frame.adr_ack_req,
            "ack": frame.ack,
            "class_b": frame.class_b,
            "f_opts": frame.f_opts.hex(),
            "frm_payload": frame.frm_payload.hex(),
            "mic": frame.mic.hex(),
        }
    if isinstance(frame, JoinRequest):
        return {
            "kind": "join_request",
            "join_eui": frame.join_eui.hex(),
            "dev_eui": frame.dev_eui.hex(),
            "dev_nonce": frame.dev_nonce,
            "mic": frame.mic.hex(),
        }
    if isinstance(frame, RejoinRequest):
        return {
            "kind": "rejoin_request",
            "rejoin_type": frame.rejoin_type,
            "dev_eui": frame.dev_eui.hex(),
            "rj_count": frame.rj_count,
            "mic": frame.mic.hex(),
        }
    if isinstance(frame, EncryptedJoinAccept):
        return {"kind": "join_accept", "encrypted": frame.encrypted.hex()}
    if isinstance(frame, Proprietary):
        return {"kind": "proprietary", "payload": frame.payload.hex()}
    raise TypeError(f"{type(frame).__name__} is no frame")
