"""Reports as they arrive: Helium's protobuf messages, parsed to frozen values, and the signatures on them.

A report is signed by the hotspot's key, or by a session key that the hotspot's key introduced when it
opened a stream. So that everybody can check a session's report later, the introduction travels with it:
what a node takes in and a block carries is the pair of both, ``encode_report``. A report that was claimed
before (``claims.py``) carries the nonce that opens its claim.

The signed bytes are Helium's: the message in tag order without its signature field.
"""

from typing import TypeVar

import msgspec
from google.protobuf.message import DecodeError, Message

from chain.blocks.reports import MAX_REPORT_BYTES, ReportKind
from chain.coverage.beacon import BEACON_DATA_BYTES, MAXIMUM_LOCAL_ENTROPY_BYTES
from chain.keys.public_key import PUBLIC_KEY_BYTES, InvalidPublicKey, PublicKey
from chain.wire import poc_lora_pb2, radio_pb2

SESSION_NONCE_BYTES = 32

#: A claim's nonce: as hard to guess as a key, at least.
MINIMUM_CLAIM_NONCE_BYTES = 16
MAXIMUM_CLAIM_NONCE_BYTES = 32

ProtobufMessage = TypeVar("ProtobufMessage", bound=Message)


class MalformedReport(ValueError):
    """Bytes that are no report; the message says what is wrong."""


class ReportEnvelope(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A report with what is needed to check its signature."""

    report: bytes
    """Serialized lora_beacon_report_req_v1, lora_witness_report_req_v1 or lora_claim_v1."""
    session: bytes = b""
    """Serialized lora_stream_session_init_v1 where a session key signed, else empty."""
    nonce: bytes = b""
    """16 to 32 bytes that open the report's claim; empty in a claim, and in a report without one."""


class BeaconReport(msgspec.Struct, frozen=True):
    """What a beaconer says of its beacon."""

    hotspot: bytes
    local_entropy: bytes
    public_entropy: bytes
    data: bytes
    """The 51 bytes of the beacon."""
    frequency_hz: int
    spreading_factor: int
    bandwidth_hz: int
    conducted_power_dbm: int
    timestamp_ns: int
    """The hotspot's own clock when it made the report; no rule trusts it."""


class WitnessReport(msgspec.Struct, frozen=True):
    """What a witness says of a beacon that it heard."""

    hotspot: bytes
    data: bytes
    """The 51 bytes that it received."""
    signal_ddbm: int
    """RSSI, dBm x 10."""
    snr_ddb: int
    """dB x 10."""
    frequency_hz: int
    spreading_factor: int
    bandwidth_hz: int
    timestamp_ns: int


def _list_data_rates() -> dict[int, tuple[int, int]]:
    """(spreading factor, bandwidth in Hz) of each LoRa data rate in the wire's numbering."""
    rates = {}
    for name, number in radio_pb2.data_rate.items():
        if name.startswith("SF"):
            spreading_factor, bandwidth_khz = name[2:].split("BW")
            rates[int(number)] = (int(spreading_factor), int(bandwidth_khz) * 1000)
    return rates


DATA_RATES = _list_data_rates()
DATA_RATE_NUMBERS = {rate: number for number, rate in DATA_RATES.items()}


def encode_envelope(envelope: ReportEnvelope) -> bytes:
    """The bytes that a node stores and a block carries."""
    return msgspec.msgpack.encode(envelope)


def encode_report(report: bytes, session: bytes = b"", nonce: bytes = b"") -> bytes:
    """The envelope of a report, with its session's introduction where a session key signed it, and the nonce
    of its claim where it has one."""
    return encode_envelope(ReportEnvelope(report, session, nonce))


def decode_report(report_bytes: bytes) -> ReportEnvelope:
    """The inverse of ``encode_report``. Bytes whose re-encoding differs are refused: ``MalformedReport``."""
    if len(report_bytes) > MAX_REPORT_BYTES:
        raise MalformedReport(f"a report has at most {MAX_REPORT_BYTES} bytes, not {len(report_bytes)}")
    try:
        envelope = msgspec.msgpack.decode(report_bytes, type=ReportEnvelope)
    except msgspec.MsgspecError as error:
        raise MalformedReport(f"not a report envelope: {error}") from None
    if msgspec.msgpack.encode(envelope) != report_bytes:
        raise MalformedReport("the envelope is not in its shortest form")
    if envelope.nonce and not (MINIMUM_CLAIM_NONCE_BYTES <= len(envelope.nonce) <= MAXIMUM_CLAIM_NONCE_BYTES):
        raise MalformedReport(
            f"a claim's nonce has {MINIMUM_CLAIM_NONCE_BYTES} to {MAXIMUM_CLAIM_NONCE_BYTES} bytes, "
            f"not {len(envelope.nonce)}"
        )
    return envelope


def parse_message(message_type: type[ProtobufMessage], serialized: bytes, what: str) -> ProtobufMessage:
    """A protobuf message from its bytes, which must be its canonical ones: fields in order, none unknown."""
    message = message_type()
    try:
        message.ParseFromString(serialized)
    except DecodeError:
        raise MalformedReport(f"not a {what}: the bytes are no such protobuf message") from None
    message.DiscardUnknownFields()
    if message.SerializeToString(deterministic=True) != serialized:
        raise MalformedReport(f"not a {what}: unknown fields, or not the canonical encoding")
    return message


def get_data_rate(number: int) -> tuple[int, int]:
    """(spreading factor, bandwidth in Hz) of a data rate as the wire numbers it."""
    try:
        return DATA_RATES[number]
    except KeyError:
        raise MalformedReport(f"data rate {number} is not LoRa") from None


def check_length(value: bytes, length: int, what: str) -> None:
    """``MalformedReport`` unless ``value`` has ``length`` bytes."""
    if len(value) != length:
        raise MalformedReport(f"{what} has {length} bytes, not {len(value)}")


def parse_beacon_message(serialized: bytes) -> poc_lora_pb2.lora_beacon_report_req_v1:
    """The protobuf message of a beacon report. ``MalformedReport`` where it is none."""
    return parse_message(poc_lora_pb2.lora_beacon_report_req_v1, serialized, "beacon report")


def parse_witness_message(serialized: bytes) -> poc_lora_pb2.lora_witness_report_req_v1:
    """The protobuf message of a witness report. ``MalformedReport`` where it is none."""
    return parse_message(poc_lora_pb2.lora_witness_report_req_v1, serialized, "witness report")


def parse_beacon_report(serialized: bytes) -> BeaconReport:
    """A beacon report from the bytes of its protobuf message. ``MalformedReport`` where it is none."""
    message = parse_beacon_message(serialized)
    check_length(message.pub_key, PUBLIC_KEY_BYTES, "a public key")
    check_length(message.data, BEACON_DATA_BYTES, "a beacon's data")
    if len(message.local_entropy) > MAXIMUM_LOCAL_ENTROPY_BYTES:
        raise MalformedReport(f"local entropy has at most {MAXIMUM_LOCAL_ENTROPY_BYTES} bytes")
    spreading_factor, bandwidth_hz = get_data_rate(message.datarate)
    return BeaconReport(
        hotspot=message.pub_key,
        local_entropy=message.local_entropy,
        public_entropy=message.remote_entropy,
        data=message.data,
        frequency_hz=message.frequency,
        spreading_factor=spreading_factor,
        bandwidth_hz=bandwidth_hz,
        conducted_power_dbm=message.tx_power,
        timestamp_ns=message.timestamp,
    )


def parse_witness_report(serialized: bytes) -> WitnessReport:
    """A witness report from the bytes of its protobuf message. ``MalformedReport`` where it is none."""
    message = parse_witness_message(serialized)
    check_length(message.pub_key, PUBLIC_KEY_BYTES, "a public key")
    check_length(message.data, BEACON_DATA_BYTES, "a beacon's data")
    spreading_factor, bandwidth_hz = get_data_rate(message.datarate)
    return WitnessReport(
        hotspot=message.pub_key,
        data=message.data,
        signal_ddbm=message.signal,
        snr_ddb=message.snr,
        frequency_hz=message.frequency,
        spreading_factor=spreading_factor,
        bandwidth_hz=bandwidth_hz,
        timestamp_ns=message.timestamp,
    )


def compute_signed_bytes(message: Message) -> bytes:
    """What the signature in a message covers: the message itself, its signature field empty."""
    unsigned = type(message)()
    unsigned.CopyFrom(message)
    unsigned.ClearField("signature")
    return unsigned.SerializeToString(deterministic=True)


def is_message_signed(message: Message, key: bytes) -> bool:
    """Whether the message's signature is that of ``key`` (33 bytes)."""
    try:
        public_key = PublicKey.from_binary(key)
    except InvalidPublicKey:
        return False
    signature: bytes = message.signature  # type: ignore[attr-defined]
    return public_key.verify(compute_signed_bytes(message), signature)


def is_session_introduced(session: poc_lora_pb2.lora_stream_session_init_v1, hotspot: bytes) -> bool:
    """Whether the hotspot's own key signed this introduction of a session key."""
    return session.pub_key == hotspot and is_message_signed(session, hotspot)


def is_report_signed(envelope: ReportEnvelope, kind: ReportKind) -> bool:
    """Signature rule: the hotspot's key signed the report, or it signed the introduction of a session
    key that did.

    Without it anybody could speak for a hotspot: earn in its name, or get it refused. Precedent: Helium's
    ingest server. ``MalformedReport`` for bytes that are no report.
    """
    message: (
        poc_lora_pb2.lora_beacon_report_req_v1
        | poc_lora_pb2.lora_witness_report_req_v1
        | poc_lora_pb2.lora_claim_v1
    )
    if kind == "beacon":
        message = parse_beacon_message(envelope.report)
    elif kind == "witness":
        message = parse_witness_message(envelope.report)
    else:
        message = parse_message(poc_lora_pb2.lora_claim_v1, envelope.report, "claim")
    signer = message.pub_key
    if envelope.session:
        session = parse_message(
            poc_lora_pb2.lora_stream_session_init_v1, envelope.session, "session introduction"
        )
        check_length(session.nonce, SESSION_NONCE_BYTES, "a session's nonce")
        if not is_session_introduced(session, message.pub_key):
            return False
        signer = session.session_key
    return is_message_signed(message, signer)
