"""Which device sent a data frame, and whether its counter lets it in (LoRaWAN 1.0.4 section 4.3.1.5).

ChirpStack's "next expected" model: the full counter is guessed from 16 bits, the MIC proves the guess. On top
of it a window of the last 64 counters, as IPsec has: a frame that was held back on its way is taken once,
late but not lost.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from router.lorawan.data_crypto import SessionKeys, decrypt_frm_payload, is_mic_valid_1_0
from router.lorawan.frame_counter import compute_full_f_cnt
from router.lorawan.frames import DataFrame
from router.network.values import Session, Transmission

#: How many counters below the highest are remembered one by one.
LATE_WINDOW = 64
_MASK = (1 << LATE_WINDOW) - 1


class Verdict(StrEnum):
    """What an uplink is to the session it belongs to."""

    ACCEPTED = "accepted"
    LATE = "late"  # below the highest counter, never taken before, heard before the last one
    RETRANSMISSION = "retransmission"  # a counter that was taken already
    RESET = "reset"  # a counter far below; refused, or taken if the device may
    UNKNOWN_DEV_ADDR = "unknown_dev_addr"
    MIC_FAILED = "mic_failed"


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """The session whose key fits, and the full counter it fits with; no session: the verdict says why."""

    verdict: Verdict
    session: Session | None = None
    f_cnt: int = 0


def match_session(
    payload: bytes, frame: DataFrame, candidates: tuple[Session, ...], heard_at_ms: int
) -> Match:
    """Find the session of `frame` among those with its DevAddr and judge its counter."""
    if not candidates:
        return Match(verdict=Verdict.UNKNOWN_DEV_ADDR)
    for session in candidates:
        for f_cnt in get_counters_to_try(session.f_cnt_up, frame.f_cnt):
            if is_mic_valid_1_0(payload, f_cnt, session.nwk_s_key):
                return Match(verdict=judge_counter(session, f_cnt, heard_at_ms), session=session, f_cnt=f_cnt)
    return Match(verdict=Verdict.MIC_FAILED)


def get_counters_to_try(next_expected: int, received_16: int) -> tuple[int, ...]:
    """Full counters in the order of likelihood: ahead, held back across a wrap of 16 bits, started anew."""
    ahead = compute_full_f_cnt(next_expected, received_16)
    tries = [ahead]
    if ahead >= 0x10000:
        tries.append(ahead - 0x10000)
    tries.append(received_16)
    return tuple(dict.fromkeys(tries))


def judge_counter(session: Session, f_cnt: int, heard_at_ms: int) -> Verdict:
    """What counter `f_cnt`, proven by its MIC, is to the session."""
    if f_cnt >= session.f_cnt_up:
        return Verdict.ACCEPTED
    behind = session.f_cnt_up - 1 - f_cnt
    if behind < LATE_WINDOW:
        if session.seen_mask >> behind & 1:
            return Verdict.RETRANSMISSION
        if heard_at_ms < session.last_heard_at_ms:
            return Verdict.LATE
    return Verdict.RESET


def compute_session_after(session: Session, f_cnt: int, heard_at_ms: int) -> Session:
    """The session once counter `f_cnt` is taken (accepted or late)."""
    last_heard_at_ms = max(session.last_heard_at_ms, heard_at_ms)
    if f_cnt >= session.f_cnt_up:
        step = f_cnt + 1 - session.f_cnt_up
        mask = ((session.seen_mask << step) if step < LATE_WINDOW else 0) & _MASK | 1
        return msgspec.structs.replace(
            session, f_cnt_up=f_cnt + 1, seen_mask=mask, is_pending=False, last_heard_at_ms=last_heard_at_ms
        )
    mask = session.seen_mask | 1 << (session.f_cnt_up - 1 - f_cnt)
    return msgspec.structs.replace(session, seen_mask=mask)


def compute_session_started_anew(session: Session, f_cnt: int, heard_at_ms: int) -> Session:
    """The session of a device that may start its counter anew; the new start keeps deduplicationIds apart."""
    return msgspec.structs.replace(
        session,
        f_cnt_up=f_cnt + 1,
        seen_mask=1,
        started_at_ms=max(heard_at_ms, session.started_at_ms + 1),
        last_heard_at_ms=heard_at_ms,
    )


def decrypt(frame: DataFrame, session: Session, f_cnt: int) -> bytes:
    """The plaintext FRMPayload."""
    return decrypt_frm_payload(frame, f_cnt, SessionKeys.from_1_0(session.nwk_s_key, session.app_s_key))


def compute_price_data_credits(transmission: Transmission) -> int:
    """Data credits for one frame: one for each started 24 bytes of PHYPayload."""
    return -(-len(transmission.payload) // 24)
