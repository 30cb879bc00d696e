"""What proves a beacon or claim equivocation, and what doesn't."""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from chain.coverage.claims import compute_commitment
from chain.coverage.reports import (
    ReportEnvelope,
    decode_report,
    encode_envelope,
    encode_report,
)
from chain.transactions import (
    Reason,
)
from chain.wire import poc_lora_pb2
from tests.unit.chain.court import Court, open_and_claim
from tests.unit.coverage.test_reports import SESSION, build_session
from tests.unit.coverage.town import sign


@pytest.fixture
def court() -> Court:
    return Court()


@pytest.fixture(params=["two_beacons", "two_claims"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def make(court: Court, kind: str) -> Any:
    return getattr(court, kind)()


# What is no beacon equivocation


def test_one_beacon_told_twice(court: Court) -> None:
    """Another time, power or frequency under the same secret chooses nothing."""
    for changes in ({"timestamp": 5}, {"tx_power": 3}, {"frequency": 868_300_000}, {"tmst": 9}):
        court.refuse(court.beacons(court.beacon(), court.beacon(**changes)), Reason.NO_FAULT)


def test_beacons_of_two_rounds(court: Court) -> None:
    first = court.beacon()
    court.go_to_epoch(2)
    court.refuse(court.beacons(first, court.beacon(local_entropy=b"2" * 16)), Reason.NO_FAULT)


def test_beacons_of_two_hotspots(court: Court) -> None:
    court.refuse(court.beacons(court.beacon(), court.beacon(court.town.keys[1])), Reason.NO_FAULT)


@pytest.mark.parametrize("secrets", [(b"1" * 4, b"2" * 4), (b"1" * 4, b"2" * 16), (b"1" * 16, b"2" * 15)])
def test_stock_gateways_may_begin_anew(court: Court, secrets: tuple[bytes, bytes]) -> None:
    court.refuse(court.beacons(*(court.beacon(local_entropy=secret) for secret in secrets)), Reason.NO_FAULT)


def test_one_secret_of_sixteen_bytes_is_enough_for_both(court: Court) -> None:
    court.report(court.beacons(*(court.beacon(local_entropy=secret) for secret in (b"1" * 16, b"2" * 64))))


# What is no claim equivocation


def test_two_receptions_that_measured_the_same(court: Court) -> None:
    pairs = (court.witness(b"1" * 16), court.witness(b"2" * 16, tmst=7))
    court.refuse(court.claims(*pairs), Reason.NO_FAULT)


@pytest.mark.parametrize(
    "change", [{"signal": -900}, {"snr": 10}, {"frequency": 868_100_001}, {"datarate": 1}]
)
def test_each_measurement_counts(court: Court, change: dict[str, Any]) -> None:
    pairs = (court.witness(b"1" * 16), court.witness(b"2" * 16, **change))
    court.report(court.claims(*pairs))


def test_of_two_beacons(court: Court) -> None:
    pairs = (court.witness(b"1" * 16), court.witness(b"2" * 16, signal=-900, data=b"\x01" * 51))
    court.refuse(court.claims(*pairs), Reason.NO_FAULT)


def test_of_two_witnesses(court: Court) -> None:
    third = court.town.keys[2]
    message = court.town.build_witness(third, court.town.keys[1], signal=-900)
    pairs = (court.witness(b"1" * 16), open_and_claim(message, third, b"2" * 16))
    court.refuse(court.claims(*pairs), Reason.NO_FAULT)


def test_reports_without_their_claims(court: Court) -> None:
    good = court.two_claims()
    other = court.witness(b"3" * 16, signal=-900)
    for changes in (
        {"one_claim": good.other_claim},
        {"other_claim": good.one_claim},
        {"one_claim": other[1]},
    ):
        court.refuse(replace(good, **changes), Reason.NO_FAULT)


def test_stock_gateways_reports_have_no_claims(court: Court) -> None:
    """They report each frame that their radios give them: two channels, two reports."""
    good = court.two_claims()
    one, other = sorted(encode_report(decode_report(report).report) for report in (good.one, good.other))
    court.refuse(replace(good, one=one, other=other), Reason.NO_FAULT)


def test_a_claim_of_another_hotspot_is_none_of_this_one(court: Court) -> None:
    """Somebody else signs a claim over the culprit's report."""
    thief = court.town.keys[2]
    message = court.town.build_witness(court.culprit, court.town.keys[1], signal=-900)
    report, _ = open_and_claim(message, court.culprit, b"2" * 16)
    commitment = compute_commitment(b"2" * 16, ReportEnvelope(decode_report(report).report))
    claim = poc_lora_pb2.lora_claim_v1(pub_key=thief.public_key.binary, commitment=commitment)
    stolen = encode_envelope(ReportEnvelope(sign(claim, thief)))
    court.refuse(court.claims(court.witness(b"1" * 16), (report, stolen)), Reason.NO_FAULT)


@pytest.mark.parametrize(("end", "step"), [("opened_at_ms", -1), ("closes_at_ms", 1)])
def test_a_frame_heard_again_later_proves_nothing(court: Court, end: str, step: int) -> None:
    """Somebody repeats the beacon's bytes to make an honest hotspot contradict itself."""
    bound_ms = getattr(court.town.get_round(), end)
    first = court.witness(b"1" * 16)
    for beyond_ms in (bound_ms + step, bound_ms + step * 60_000):
        again = court.witness(b"2" * 16, signal=-900, timestamp=beyond_ms * 1_000_000)
        court.refuse(court.claims(first, again), Reason.NO_FAULT)
    within = court.witness(b"2" * 16, signal=-900, timestamp=bound_ms * 1_000_000)
    court.report(court.claims(first, within))


def test_a_beacon_that_is_not_made_from_what_is_told(court: Court) -> None:
    good = court.two_claims()
    court.refuse(replace(good, local_entropy=b"3" * 16), Reason.NO_FAULT)
    court.town.open(round=1, epoch=1)
    court.refuse(replace(good, public_entropy=court.town.get_round().entropy), Reason.NO_FAULT)


# Bytes


def test_the_same_piece_twice_or_in_the_wrong_order(court: Court, kind: str) -> None:
    good = make(court, kind)
    court.refuse(replace(good, other=good.one), Reason.MALFORMED_EVIDENCE)
    court.refuse(replace(good, one=good.other), Reason.MALFORMED_EVIDENCE)
    court.refuse(replace(good, one=good.other, other=good.one), Reason.MALFORMED_EVIDENCE)


def test_a_forged_signature(court: Court) -> None:
    key = court.town.keys[1]
    message = court.town.build_beacon(court.culprit, local_entropy=b"2" * 16)
    message.signature = key.sign(b"something")
    forged = encode_report(message.SerializeToString(deterministic=True))
    court.refuse(court.beacons(court.beacon(), forged), Reason.MALFORMED_EVIDENCE)


def test_every_byte_counts(court: Court, kind: str) -> None:
    """No altered piece is a proof: the encodings are the only ones, the signatures cover all the rest."""
    good = make(court, kind)
    names = [name for name in good.__struct_fields__ if name not in ("public_entropy", "local_entropy")]
    for name in names:
        piece = getattr(good, name)
        for at in range(0, len(piece), 3):
            altered = piece[:at] + bytes([piece[at] ^ 1]) + piece[at + 1 :]
            bad = replace(good, **{name: altered})
            with pytest.raises(Exception, match=r"malformed_evidence|no_fault"):
                court.apply(court.body(bad))


@pytest.mark.parametrize("raw", [b"", b"\xc0", b"\x93\xc4\x00\xc4\x00\xc4\x00", b"\xff" * 2048])
def test_pieces_that_are_no_reports(court: Court, kind: str, raw: bytes) -> None:
    good = make(court, kind)
    if raw < good.other:
        court.refuse(replace(good, one=raw), Reason.MALFORMED_EVIDENCE)
    else:
        court.refuse(replace(good, other=raw), Reason.MALFORMED_EVIDENCE)


def test_long_forms_and_what_stands_behind(court: Court) -> None:
    first, second = court.beacon(), court.beacon(local_entropy=b"2" * 16)
    envelope = decode_report(second)
    size = len(envelope.report).to_bytes(4, "big")
    longer = b"\x93\xc6" + size + envelope.report + b"\xc4\x00\xc4\x00"
    assert msgspec.msgpack.decode(longer) == msgspec.msgpack.decode(second)
    unknown_field = encode_report(envelope.report + b"\x6a\x00")
    for other in (longer, second + b"\x00", unknown_field):
        court.refuse(court.beacons(first, other), Reason.MALFORMED_EVIDENCE)


def test_a_claim_is_no_report_and_a_report_no_claim(court: Court) -> None:
    good = court.two_claims()
    court.refuse(replace(good, one_claim=good.one), Reason.MALFORMED_EVIDENCE)
    beacons = court.two_beacons()
    court.refuse(replace(good, one=beacons.one, other=beacons.other), Reason.MALFORMED_EVIDENCE)
    one, other = sorted((good.one, good.other))
    court.refuse(replace(beacons, one=one, other=other), Reason.MALFORMED_EVIDENCE)


def test_a_secret_that_no_beacon_has(court: Court) -> None:
    for secret in (b"", b"x" * 5, b"x" * 15):
        court.refuse(replace(court.two_claims(), local_entropy=secret), Reason.MALFORMED_EVIDENCE)


# Session keys


def test_what_a_session_key_signed_counts_as_the_hotspots(court: Court) -> None:
    session = build_session(court.culprit)
    signed = sign(court.town.build_beacon(court.culprit, local_entropy=b"2" * 16), SESSION)
    court.report(court.beacons(court.beacon(), encode_report(signed, session)))


def test_one_report_signed_by_two_keys_is_one_report(court: Court) -> None:
    session = build_session(court.culprit)
    signed = sign(court.town.build_beacon(court.culprit), SESSION)
    court.refuse(court.beacons(court.beacon(), encode_report(signed, session)), Reason.NO_FAULT)


def test_a_session_that_the_hotspot_never_introduced(court: Court) -> None:
    signed = sign(court.town.build_beacon(court.culprit, local_entropy=b"2" * 16), SESSION)
    for session in (
        b"",
        build_session(court.town.keys[1]),
        build_session(court.culprit, signer=SESSION),
    ):
        court.refuse(court.beacons(court.beacon(), encode_report(signed, session)), Reason.MALFORMED_EVIDENCE)
