"""Frame counters: what is new, late, repeated or reset, and that nothing is ever taken twice."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from router.lorawan.frames import DataFrame, parse_phy_payload
from router.network.uplink import (
    LATE_WINDOW,
    Verdict,
    compute_price_data_credits,
    compute_session_after,
    compute_session_started_anew,
    decrypt,
    judge_counter,
    match_session,
)
from router.network.values import Session, compute_deduplication_id
from tests.unit.router.sensor import Sensor
from tests.unit.router.values import make_transmission

SESSION = Session(
    session_id=1,
    dev_eui=b"\1" * 8,
    dev_addr=b"\1\2\3\4",
    nwk_s_key=b"\x0a" * 16,
    app_s_key=b"\x0b" * 16,
    started_at_ms=5,
)
NOW = 1_000_000


def make_frame(f_cnt: int, data: bytes = b"hi") -> tuple[bytes, DataFrame]:
    payload = Sensor.from_session(SESSION.dev_addr, SESSION.nwk_s_key, SESSION.app_s_key).build_uplink(
        data, f_cnt=f_cnt
    )
    frame = parse_phy_payload(payload)
    assert isinstance(frame, DataFrame)
    return payload, frame


def judge(session: Session, f_cnt: int, heard_at_ms: int = NOW) -> tuple[Verdict, int]:
    payload, frame = make_frame(f_cnt)
    match = match_session(payload, frame, (session,), heard_at_ms)
    return match.verdict, match.f_cnt


def test_counters_in_order_gaps_and_wrap() -> None:
    session = SESSION
    for f_cnt in (0, 1, 5, 70, 16_500, 40_000, 65_535, 65_536, 65_600, 131_071, 131_072):
        assert judge(session, f_cnt) == (Verdict.ACCEPTED, f_cnt)
        session = compute_session_after(session, f_cnt, NOW)
        assert session.f_cnt_up == f_cnt + 1
        assert judge(session, f_cnt) == (Verdict.RETRANSMISSION, f_cnt)


def test_a_frame_held_back_is_late_once() -> None:
    session = compute_session_after(compute_session_after(SESSION, 65_533, NOW), 65_540, NOW + 9_000)
    assert judge(session, 65_534, NOW + 1_000) == (Verdict.LATE, 65_534)
    session = compute_session_after(session, 65_534, NOW + 1_000)
    assert session.f_cnt_up == 65_541
    assert judge(session, 65_534, NOW + 1_000)[0] is Verdict.RETRANSMISSION
    assert judge(session, 65_535, NOW + 20_000)[0] is Verdict.RESET, "heard after the last one: not held back"
    assert judge(session, 65_536, NOW + 2_000) == (Verdict.LATE, 65_536)


def test_far_below_is_a_reset() -> None:
    session = compute_session_after(SESSION, 1000, NOW)
    assert judge(session, 1000 - LATE_WINDOW, NOW - 5) == (Verdict.RESET, 1000 - LATE_WINDOW)
    anew = compute_session_started_anew(session, 3, NOW)
    assert (anew.f_cnt_up, anew.seen_mask) == (4, 1)
    assert anew.started_at_ms > session.started_at_ms
    first = compute_deduplication_id(session.dev_eui, session.started_at_ms, 3, b"same")
    assert first != compute_deduplication_id(session.dev_eui, anew.started_at_ms, 3, b"same")
    assert first == compute_deduplication_id(session.dev_eui, session.started_at_ms, 3, b"same")


def test_whose_frame_it_is() -> None:
    payload, frame = make_frame(7, b"secret")
    other = msgspec.structs.replace(SESSION, session_id=2, nwk_s_key=b"\x0c" * 16)
    match = match_session(payload, frame, (other, SESSION), NOW)
    assert match.session == SESSION
    assert decrypt(frame, SESSION, match.f_cnt) == b"secret"
    assert match_session(payload, frame, (other,), NOW).verdict is Verdict.MIC_FAILED
    assert match_session(payload, frame, (), NOW).verdict is Verdict.UNKNOWN_DEV_ADDR
    broken = payload[:-1] + bytes([payload[-1] ^ 1])
    assert match_session(broken, frame, (SESSION,), NOW).verdict is Verdict.MIC_FAILED


def test_price() -> None:
    for size, price in ((1, 1), (23, 1), (24, 1), (25, 2), (51, 3), (222, 10)):
        assert compute_price_data_credits(make_transmission(payload=bytes(size))) == price


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 50)), max_size=80))
def test_no_counter_is_taken_twice(frames: list[tuple[int, int]]) -> None:
    session, taken = SESSION, set()
    for f_cnt, heard_at_ms in frames:
        if judge_counter(session, f_cnt, heard_at_ms) in (Verdict.ACCEPTED, Verdict.LATE):
            assert f_cnt not in taken
            taken.add(f_cnt)
            session = compute_session_after(session, f_cnt, heard_at_ms)
        assert session.f_cnt_up == max(taken, default=-1) + 1
