"""Who may say what on a stream: signatures, sessions, and packets that cannot be."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.keys import Keypair
from chain.wire import packet_router_pb2 as wire
from router.ingress.stream_session import (
    Refused,
    StreamSession,
    compute_packet_hash,
    parse_packet,
    serialize_without,
)
from router.ingress.token_bucket import TokenBucket

KEY = Keypair(bytes([1]) * 32)
OTHER = Keypair(bytes([2]) * 32)
SESSION_KEY = Keypair(bytes([3]) * 32)
NOW = 1_700_000_000_000
NONCE = bytes(range(32))


def make_register(signer: Keypair = KEY, **fields: object) -> wire.packet_router_register_v1:
    values: dict[str, object] = {
        "timestamp": NOW,
        "gateway": KEY.public_key.binary,
        "session_capable": True,
        **fields,
    }
    message = wire.packet_router_register_v1(**values)  # type: ignore[arg-type]
    message.signature = signer.sign(serialize_without(message, "signature"))
    return message


def make_init(nonce: bytes = NONCE, signer: Keypair = KEY) -> wire.packet_router_session_init_v1:
    message = wire.packet_router_session_init_v1(
        gateway=KEY.public_key.binary, nonce=nonce, session_key=SESSION_KEY.public_key.binary
    )
    message.signature = signer.sign(serialize_without(message, "signature"))
    return message


def make_packet(signer: Keypair, **fields: object) -> wire.packet_router_packet_up_v1:
    values: dict[str, object] = {
        "payload": b"\x40" + bytes(11),
        "gateway": KEY.public_key.binary,
        "frequency": 868_100_000,
        "datarate": "SF9BW125",
        "region": "EU868",
        "rssi": -100,
        "snr": -7.25,
        "timestamp": 2**32 + 5,
        "hold_time": 7,
        **fields,
    }
    packet = wire.packet_router_packet_up_v1(**values)  # type: ignore[arg-type]
    packet.signature = signer.sign(serialize_without(packet, "signature"))
    return packet


def open_session() -> StreamSession:
    session = StreamSession()
    session.process_register(make_register(), NOW)
    session.make_offer(NONCE)
    session.process_session_init(make_init())
    return session


def refusal(action: object) -> tuple[str, bool]:
    with pytest.raises(Refused) as caught:
        action()  # type: ignore[operator]
    return caught.value.reason, caught.value.is_fatal


def test_the_usual_way() -> None:
    session = open_session()
    reception = session.process_packet(
        make_packet(SESSION_KEY, gateway_eui=b"\5" * 8, received_at=NOW - 3), NOW
    )
    assert (reception.tick, reception.data_rate, reception.spreading_factor) == (5, "SF9BW125", 9)
    assert (reception.snr_db, reception.region, reception.heard_at_ms) == (-7.25, "EU868", NOW - 3)
    assert reception.coding_rate == 5


def test_registrations_that_are_refused() -> None:
    def register(message: wire.packet_router_register_v1) -> object:
        return lambda: StreamSession().process_register(message, NOW)

    assert refusal(register(make_register(OTHER))) == ("bad_signature", True)
    assert refusal(register(make_register(gateway=b"\x11" * 7))) == ("bad_key", True)
    old = make_register(session_capable=False, timestamp=NOW - 3_600_000)
    assert refusal(register(old)) == ("clock", True)
    session = open_session()
    assert refusal(lambda: session.process_register(make_register(), NOW)) == ("registered_twice", True)


def test_sessions_that_are_refused() -> None:
    session = StreamSession()
    assert refusal(lambda: session.process_session_init(make_init())) == ("not_registered", True)
    session.process_register(make_register(), NOW)
    session.make_offer(NONCE)
    assert refusal(lambda: session.process_session_init(make_init(bytes(32)))) == ("wrong_nonce", False)
    assert refusal(lambda: session.process_session_init(make_init(signer=OTHER))) == ("bad_signature", True)
    session.process_session_init(make_init())
    assert refusal(lambda: session.process_session_init(make_init())) == ("wrong_nonce", False), (
        "a nonce serves once"
    )


def test_packets_must_be_signed_by_the_session() -> None:
    session = open_session()
    assert refusal(lambda: session.process_packet(make_packet(KEY), NOW)) == ("bad_signature", False)
    assert refusal(
        lambda: session.process_packet(make_packet(SESSION_KEY, gateway=OTHER.public_key.binary), NOW)
    ) == (
        "wrong_gateway",
        False,
    )
    stock = StreamSession()
    stock.process_register(make_register(session_capable=False), NOW)
    assert stock.process_packet(make_packet(KEY), NOW).rssi_dbm == -100


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"payload": b""}, "payload_size"),
        ({"payload": bytes(256)}, "payload_size"),
        ({"gateway_eui": b"\1"}, "gateway_eui"),
        ({"snr": float("nan")}, "signal"),
        ({"rssi": 2000}, "signal"),
        ({"datarate": 77}, "data_rate"),
        ({"region": 98}, "data_rate"),
    ],
)
def test_packets_that_cannot_be(fields: dict[str, object], reason: str) -> None:
    assert refusal(lambda: parse_packet(make_packet(KEY, **fields), NOW)) == (reason, False)


def test_the_hash_leaves_out_what_changes_between_sendings() -> None:
    one, again = make_packet(KEY), make_packet(SESSION_KEY, hold_time=9_000)
    assert compute_packet_hash(one) == compute_packet_hash(again)
    assert compute_packet_hash(one) != compute_packet_hash(make_packet(KEY, rssi=-99))


@given(st.binary(max_size=120))
def test_any_bytes_are_a_reception_or_refused(raw: bytes) -> None:
    packet = wire.packet_router_packet_up_v1()
    try:
        packet.ParseFromString(raw)
    except Exception:  # protobuf's own refusal
        return
    try:
        parse_packet(packet, int(time.time() * 1000))
    except Refused as error:
        assert error.reason


def test_pacing() -> None:
    bucket = TokenBucket(10, 3)
    assert [bucket.take(0.0) for _ in range(3)] == [0, 0, 0]
    assert bucket.take(0.0) == pytest.approx(0.1)
    assert bucket.take(10.0) == 0
