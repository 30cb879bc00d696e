"""Reports as bytes: parsing, signatures by key and by session, and what is not a report."""

import contextlib
from hashlib import sha256

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.blocks.reports import MAX_REPORT_BYTES
from chain.coverage.claims import Claim, get_commitment, parse_claim, parse_claim_message
from chain.coverage.reports import (
    MalformedReport,
    ReportEnvelope,
    compute_signed_bytes,
    decode_report,
    encode_report,
    is_report_signed,
    parse_beacon_report,
    parse_witness_report,
)
from chain.keys.keypair import Keypair
from chain.wire import poc_lora_pb2
from tests.unit.coverage.town import Town, sign

STRANGER = Keypair(sha256(b"stranger").digest())
SESSION = Keypair(sha256(b"session").digest())


@pytest.fixture
def town() -> Town:
    town = Town()
    town.open()
    return town


def build_session(key: Keypair, session_key: Keypair = SESSION, signer: Keypair | None = None) -> bytes:
    init = poc_lora_pb2.lora_stream_session_init_v1(
        pub_key=key.public_key.binary, nonce=bytes(32), session_key=session_key.public_key.binary
    )
    init.signature = (signer or key).sign(compute_signed_bytes(init))
    return init.SerializeToString(deterministic=True)


def test_a_beacon_report_reads_as_written(town: Town) -> None:
    key = town.keys[0]
    report = parse_beacon_report(sign(town.build_beacon(key), key))
    assert report.hotspot == key.public_key.binary
    assert report.local_entropy == town.get_local_entropy(key)
    assert (report.spreading_factor, report.bandwidth_hz) == (8, 125_000)
    assert (report.frequency_hz, report.conducted_power_dbm) == (868_100_000, 14)


def test_a_witness_report_reads_as_written(town: Town) -> None:
    message = town.build_witness(town.keys[0], town.keys[1], signal=-1234, snr=-75)
    report = parse_witness_report(sign(message, town.keys[0]))
    assert (report.signal_ddbm, report.snr_ddb) == (-1234, -75)
    assert report.data == town.build_beacon(town.keys[1]).data


def test_signed_by_the_hotspots_key(town: Town) -> None:
    key = town.keys[0]
    for kind, message in (
        ("beacon", town.build_beacon(key)),
        ("witness", town.build_witness(key, town.keys[1])),
    ):
        good = ReportEnvelope(sign(message, key))
        assert is_report_signed(good, kind)  # type: ignore[arg-type]
        assert not is_report_signed(ReportEnvelope(sign(message, STRANGER)), kind)  # type: ignore[arg-type]
        changed = type(message)()
        changed.ParseFromString(good.report)
        changed.frequency += 1
        sent = ReportEnvelope(changed.SerializeToString(deterministic=True))
        assert not is_report_signed(sent, kind)  # type: ignore[arg-type]


def test_signed_by_a_session_key_that_the_hotspot_introduced(town: Town) -> None:
    key = town.keys[0]
    report = sign(town.build_beacon(key), SESSION)
    assert is_report_signed(ReportEnvelope(report, build_session(key)), "beacon")
    assert not is_report_signed(ReportEnvelope(report), "beacon")
    assert not is_report_signed(ReportEnvelope(report, build_session(key, signer=STRANGER)), "beacon")
    assert not is_report_signed(ReportEnvelope(report, build_session(town.keys[1])), "beacon")
    assert not is_report_signed(ReportEnvelope(report, build_session(key, STRANGER)), "beacon")
    # With a session the hotspot's own key signs the introduction only.
    own = sign(town.build_beacon(key), key)
    assert not is_report_signed(ReportEnvelope(own, build_session(key)), "beacon")


def test_lengths_of_fields(town: Town) -> None:
    key = town.keys[0]
    for changes, message in (
        ({"pub_key": bytes(32)}, "public key"),
        ({"data": bytes(50)}, "51 bytes"),
        ({"local_entropy": bytes(65)}, "local entropy"),
        ({"datarate": 24}, "not LoRa"),
    ):
        with pytest.raises(MalformedReport, match=message):
            parse_beacon_report(sign(town.build_beacon(key, **changes), key))
    with pytest.raises(MalformedReport, match="51 bytes"):
        parse_witness_report(sign(town.build_witness(key, town.keys[1], data=b""), key))


def test_only_the_canonical_encoding_is_a_report(town: Town) -> None:
    report = sign(town.build_beacon(town.keys[0]), town.keys[0])
    unknown = report + bytes([0xA2, 0x06, 0x01, 0x00])  # field 100
    twice = report + report
    for changed in (unknown, twice, report[:-1], b"\xff"):
        with pytest.raises(MalformedReport):
            parse_beacon_report(changed)


def test_the_envelope_there_and_back(town: Town) -> None:
    report = sign(town.build_beacon(town.keys[0]), town.keys[0])
    session = build_session(town.keys[0])
    encoded = encode_report(report, session)
    assert len(encoded) <= MAX_REPORT_BYTES
    assert decode_report(encoded) == ReportEnvelope(report, session)
    # The same envelope in a longer msgpack form is refused: one report has one encoding.
    longer = b"\x92\xc5" + len(report).to_bytes(2, "big") + report + b"\xc5\x00\x00"
    assert msgspec.msgpack.decode(longer, type=ReportEnvelope) == ReportEnvelope(report)
    with pytest.raises(MalformedReport, match="shortest"):
        decode_report(longer)
    with pytest.raises(MalformedReport, match="at most"):
        decode_report(bytes(MAX_REPORT_BYTES + 1))


@given(st.binary(max_size=400))
def test_random_bytes_are_refused_by_name(noise: bytes) -> None:
    for parse in (decode_report, parse_beacon_report, parse_witness_report):
        with contextlib.suppress(MalformedReport):
            parse(noise)  # any other exception fails the test


@given(st.data())
def test_damaged_reports_are_refused_or_not_signed(data: st.DataObject) -> None:
    town = Town(2)
    town.open()
    key = town.keys[0]
    encoded = bytearray(encode_report(sign(town.build_beacon(key), key), build_session(key)))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(encoded) - 1))
        encoded[at] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(MalformedReport):
        envelope = decode_report(bytes(encoded))
        parse_beacon_report(envelope.report)
        assert not is_report_signed(envelope, "beacon")


def build_claim_message(key: Keypair, **changes: object) -> poc_lora_pb2.lora_claim_v1:
    message = poc_lora_pb2.lora_claim_v1(
        pub_key=key.public_key.binary, commitment=sha256(b"claimed").digest(), timestamp=7
    )
    for name, value in changes.items():
        setattr(message, name, value)
    return message


def test_a_claim_reads_as_written(town: Town) -> None:
    key = town.keys[0]
    serialized = sign(build_claim_message(key), key)
    claim = parse_claim(serialized)
    assert claim == Claim(key.public_key.binary, sha256(b"claimed").digest(), 7)
    assert is_report_signed(ReportEnvelope(serialized), "claim")
    assert not is_report_signed(ReportEnvelope(sign(build_claim_message(key), STRANGER)), "claim")
    session = build_session(key)
    assert is_report_signed(ReportEnvelope(sign(build_claim_message(key), SESSION), session), "claim")
    assert not is_report_signed(ReportEnvelope(sign(build_claim_message(key), SESSION)), "claim")


@pytest.mark.parametrize("change", [{"pub_key": bytes(32)}, {"commitment": bytes(31)}, {"commitment": b""}])
def test_a_claim_of_another_form_is_refused(town: Town, change: dict[str, bytes]) -> None:
    with pytest.raises(MalformedReport):
        parse_claim(sign(build_claim_message(town.keys[0], **change), town.keys[0]))


@given(st.binary(max_size=300))
def test_any_bytes_are_a_claim_or_malformed(raw: bytes) -> None:
    with contextlib.suppress(MalformedReport):
        assert parse_claim_message(raw).SerializeToString(deterministic=True) == raw
    with contextlib.suppress(MalformedReport):
        parse_claim(raw)


@given(st.binary(min_size=16, max_size=32), st.binary(max_size=80), st.binary(max_size=80))
def test_a_commitment_binds_nonce_report_and_session(nonce: bytes, report: bytes, session: bytes) -> None:
    envelope = ReportEnvelope(report, session, nonce)
    commitment = get_commitment(envelope)
    assert len(commitment) == 32
    assert decode_report(encode_report(report, session, nonce)) == envelope
    for other in (
        ReportEnvelope(report + b"\0", session, nonce),
        ReportEnvelope(report, session + b"\0", nonce),
        ReportEnvelope(nonce[-1:] + report, session, nonce[:-1]),
    ):
        assert get_commitment(other) != commitment
    assert get_commitment(ReportEnvelope(report, session)) == b""


@pytest.mark.parametrize("length", [1, 15, 33])
def test_a_nonce_of_another_length_is_malformed(length: int) -> None:
    with pytest.raises(MalformedReport, match="16 to 32"):
        decode_report(encode_report(b"report", b"", bytes(length)))
