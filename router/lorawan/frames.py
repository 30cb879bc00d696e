"""PHYPayload: parsing and encoding of every LoRaWAN message type.

Source: LoRaWAN L2 1.0.4 and 1.1 section 4 (MAC message formats), 6.2 (join procedure). A PHYPayload is
``MHDR(1) | MACPayload | MIC(4)``; multi-byte fields are little endian on air. Here EUIs, DevAddr and NetID
are ``bytes`` most significant first, counters and nonces are ``int``. ``parse_phy_payload`` raises only
``MalformedFrame``; ``encode_phy_payload(parse_phy_payload(b)) == b`` holds for everything that parses.
"""

from enum import IntEnum
from typing import TypeAlias

import msgspec

from router.lorawan.errors import InvalidField, MalformedFrame

MAX_PHY_PAYLOAD_BYTES = 255
MIC_BYTES = 4
MAX_F_OPTS_BYTES = 15

F_CTRL_ADR = 0x80
F_CTRL_ADR_ACK_REQ = 0x40
F_CTRL_ACK = 0x20
F_CTRL_F_PENDING = 0x10  # downlink
F_CTRL_CLASS_B = 0x10  # uplink


class MType(IntEnum):
    """MHDR bits 7..5 (1.1 calls it FType)."""

    JOIN_REQUEST = 0
    JOIN_ACCEPT = 1
    UNCONFIRMED_UP = 2
    UNCONFIRMED_DOWN = 3
    CONFIRMED_UP = 4
    CONFIRMED_DOWN = 5
    REJOIN_REQUEST = 6
    PROPRIETARY = 7


class Direction(IntEnum):
    """As the octet in the B0 and A blocks: 0 from the device, 1 to the device."""

    UP = 0
    DOWN = 1


class JoinRequest(msgspec.Struct, frozen=True, gc=False):
    """``join_eui`` and ``dev_eui`` 8 bytes, ``dev_nonce`` 16 bit, ``mic`` 4 bytes."""

    join_eui: bytes
    dev_eui: bytes
    dev_nonce: int
    mic: bytes = bytes(4)
    mhdr: int = 0x00


class EncryptedJoinAccept(msgspec.Struct, frozen=True, gc=False):
    """A join-accept as sent: 16 or 32 encrypted bytes that include the MIC. ``join.decrypt_join_accept``
    opens it.
    """

    encrypted: bytes
    mhdr: int = 0x20


class RejoinRequest(msgspec.Struct, frozen=True, gc=False):
    """Types 0 and 2 carry ``net_id`` (3 bytes) and RJcount0, type 1 carries ``join_eui`` (8 bytes) and
    RJcount1.

    ``identifier`` is that NetID or JoinEUI, most significant byte first.
    """

    rejoin_type: int
    identifier: bytes
    dev_eui: bytes
    rj_count: int
    mic: bytes = bytes(4)
    mhdr: int = 0xC0


class DataFrame(msgspec.Struct, frozen=True, gc=False):
    """A data frame as on air: ``f_cnt`` is the low 16 bits, ``f_opts`` and ``frm_payload`` may be encrypted.

    ``f_port`` is None when the frame ends after FHDR. ``f_ctrl`` is the raw octet, FOptsLen included.
    """

    dev_addr: bytes
    f_cnt: int
    f_port: int | None = None
    frm_payload: bytes = b""
    f_opts: bytes = b""
    f_ctrl: int = 0
    mhdr: int = 0x40
    mic: bytes = bytes(4)

    @property
    def m_type(self) -> MType:
        return MType(self.mhdr >> 5)

    @property
    def direction(self) -> Direction:
        return Direction((self.mhdr >> 5) & 1)

    @property
    def is_uplink(self) -> bool:
        return not self.mhdr & 0x20

    @property
    def is_confirmed(self) -> bool:
        return self.mhdr >> 5 in (MType.CONFIRMED_UP, MType.CONFIRMED_DOWN)

    @property
    def adr(self) -> bool:
        return bool(self.f_ctrl & F_CTRL_ADR)

    @property
    def adr_ack_req(self) -> bool:
        """Uplinks only; the bit is RFU in downlinks."""
        return bool(self.f_ctrl & F_CTRL_ADR_ACK_REQ)

    @property
    def ack(self) -> bool:
        return bool(self.f_ctrl & F_CTRL_ACK)

    @property
    def f_pending(self) -> bool:
        """Downlinks; in an uplink the same bit says class B."""
        return bool(self.f_ctrl & F_CTRL_F_PENDING)

    @property
    def class_b(self) -> bool:
        return bool(self.f_ctrl & F_CTRL_CLASS_B)


class Proprietary(msgspec.Struct, frozen=True, gc=False):
    """Anything after the MHDR; the standard says nothing about it, not even that it has a MIC."""

    payload: bytes
    mhdr: int = 0xE0


Frame: TypeAlias = JoinRequest | EncryptedJoinAccept | RejoinRequest | DataFrame | Proprietary


def parse_phy_payload(phy_payload: bytes) -> Frame:
    """The frame in ``phy_payload`` (1 to 255 bytes, as sent). Raises ``MalformedFrame``; checks no MIC."""
    length = len(phy_payload)
    if length == 0:
        raise MalformedFrame("phy_payload_empty", "a PHYPayload has at least one byte (MHDR)")
    if length > MAX_PHY_PAYLOAD_BYTES:
        raise MalformedFrame("phy_payload_too_long", f"{length} bytes; a LoRa packet carries at most 255")
    mhdr = phy_payload[0]
    m_type = mhdr >> 5
    if m_type == 7:
        return Proprietary(payload=phy_payload[1:], mhdr=mhdr)
    if mhdr & 0x03:
        raise MalformedFrame(
            "major", f"MHDR {mhdr:02x} names major version {mhdr & 3}; only 0 (LoRaWAN R1) exists"
        )
    if 2 <= m_type <= 5:
        return _parse_data_frame(phy_payload, mhdr, length)
    if m_type == 0:
        return _parse_join_request(phy_payload, mhdr, length)
    if m_type == 1:
        if length not in (17, 33):
            raise MalformedFrame("join_accept_length", f"{length} bytes; a join-accept has 17 or 33")
        return EncryptedJoinAccept(encrypted=phy_payload[1:], mhdr=mhdr)
    return _parse_rejoin_request(phy_payload, mhdr, length)


def _parse_data_frame(phy_payload: bytes, mhdr: int, length: int) -> DataFrame:
    if length < 12:
        raise MalformedFrame("data_frame_length", f"{length} bytes; a data frame has at least 12")
    f_ctrl = phy_payload[5]
    f_opts_end = 8 + (f_ctrl & 0x0F)
    body_end = length - MIC_BYTES
    if f_opts_end > body_end:
        raise MalformedFrame(
            "f_opts_len",
            f"FOptsLen {f_ctrl & 0x0F} in a frame with {body_end - 8} bytes between FCnt and MIC",
        )
    f_port: int | None = None
    frm_payload = b""
    if f_opts_end < body_end:
        f_port = phy_payload[f_opts_end]
        frm_payload = phy_payload[f_opts_end + 1 : body_end]
        if f_port == 0 and f_opts_end > 8:
            raise MalformedFrame("f_port_0_with_f_opts", "MAC commands both in FOpts and in FRMPayload")
    return DataFrame(
        dev_addr=phy_payload[4:0:-1],
        f_cnt=phy_payload[6] | phy_payload[7] << 8,
        f_port=f_port,
        frm_payload=frm_payload,
        f_opts=phy_payload[8:f_opts_end],
        f_ctrl=f_ctrl,
        mhdr=mhdr,
        mic=phy_payload[body_end:],
    )


def _parse_join_request(phy_payload: bytes, mhdr: int, length: int) -> JoinRequest:
    if length != 23:
        raise MalformedFrame("join_request_length", f"{length} bytes; a join-request has 23")
    return JoinRequest(
        join_eui=phy_payload[8:0:-1],
        dev_eui=phy_payload[16:8:-1],
        dev_nonce=phy_payload[17] | phy_payload[18] << 8,
        mic=phy_payload[19:],
        mhdr=mhdr,
    )


def _parse_rejoin_request(phy_payload: bytes, mhdr: int, length: int) -> RejoinRequest:
    if length < 2:
        raise MalformedFrame("rejoin_request_length", f"{length} bytes; a rejoin-request has 19 or 24")
    rejoin_type = phy_payload[1]
    if rejoin_type > 2:
        raise MalformedFrame("rejoin_type", f"type {rejoin_type}; 0, 1 and 2 exist")
    identifier_bytes = 8 if rejoin_type == 1 else 3
    expected = 16 + identifier_bytes
    if length != expected:
        raise MalformedFrame("rejoin_request_length", f"{length} bytes; type {rejoin_type} has {expected}")
    first, second = _rejoin_order(rejoin_type, phy_payload[2:-6])
    return RejoinRequest(
        rejoin_type=rejoin_type,
        identifier=first[::-1],
        dev_eui=second[::-1],
        rj_count=phy_payload[-6] | phy_payload[-5] << 8,
        mic=phy_payload[-4:],
        mhdr=mhdr,
    )


def _rejoin_order(rejoin_type: int, both: bytes) -> tuple[bytes, bytes]:
    split = 8 if rejoin_type == 1 else 3
    return both[:split], both[split:]


def encode_phy_payload(frame: Frame) -> bytes:
    """The bytes of ``frame`` with the ``mic`` it holds. Raises ``InvalidField`` for values that do not
    fit.
    """
    if isinstance(frame, DataFrame):
        payload = encode_mac_payload(frame)
        encoded = bytes((frame.mhdr,)) + payload + require_bytes("mic", frame.mic, 4)
    elif isinstance(frame, JoinRequest):
        encoded = (
            bytes((frame.mhdr,))
            + require_bytes("join_eui", frame.join_eui, 8)[::-1]
            + require_bytes("dev_eui", frame.dev_eui, 8)[::-1]
            + encode_uint("dev_nonce", frame.dev_nonce, 2)
            + require_bytes("mic", frame.mic, 4)
        )
    elif isinstance(frame, RejoinRequest):
        encoded = bytes((frame.mhdr,)) + encode_rejoin_payload(frame) + require_bytes("mic", frame.mic, 4)
    elif isinstance(frame, EncryptedJoinAccept):
        if len(frame.encrypted) not in (16, 32):
            raise InvalidField(
                "join_accept_length", f"{len(frame.encrypted)} encrypted bytes; 16 or 32 exist"
            )
        encoded = bytes((frame.mhdr,)) + frame.encrypted
    else:
        encoded = bytes((frame.mhdr,)) + frame.payload
    if len(encoded) > MAX_PHY_PAYLOAD_BYTES:
        raise InvalidField("phy_payload_too_long", f"{len(encoded)} bytes; a LoRa packet carries at most 255")
    return encoded


def encode_mac_payload(frame: DataFrame) -> bytes:
    """FHDR, FPort and FRMPayload; FOptsLen is taken from ``f_opts``, not from ``f_ctrl``."""
    if len(frame.f_opts) > MAX_F_OPTS_BYTES:
        raise InvalidField("f_opts_len", f"{len(frame.f_opts)} bytes of FOpts; at most 15 fit")
    if frame.f_port is None and frame.frm_payload:
        raise InvalidField("f_port_missing", "an FRMPayload needs an FPort")
    if frame.f_port == 0 and frame.f_opts:
        raise InvalidField("f_port_0_with_f_opts", "MAC commands go to FOpts or to FRMPayload, never to both")
    port = b"" if frame.f_port is None else encode_uint("f_port", frame.f_port, 1)
    return (
        require_bytes("dev_addr", frame.dev_addr, 4)[::-1]
        + bytes((frame.f_ctrl & 0xF0 | len(frame.f_opts),))
        + encode_uint("f_cnt", frame.f_cnt, 2)
        + frame.f_opts
        + port
        + frame.frm_payload
    )


def encode_rejoin_payload(frame: RejoinRequest) -> bytes:
    """The rejoin-request between MHDR and MIC."""
    if frame.rejoin_type not in (0, 1, 2):
        raise InvalidField("rejoin_type", f"type {frame.rejoin_type}; 0, 1 and 2 exist")
    identifier = require_bytes("rejoin identifier", frame.identifier, 8 if frame.rejoin_type == 1 else 3)
    return (
        bytes((frame.rejoin_type,))
        + identifier[::-1]
        + require_bytes("dev_eui", frame.dev_eui, 8)[::-1]
        + encode_uint("rj_count", frame.rj_count, 2)
    )


def encode_f_ctrl(
    *,
    adr: bool = False,
    adr_ack_req: bool = False,
    ack: bool = False,
    bit_4: bool = False,
    f_opts_len: int = 0,
) -> int:
    """The FCtrl octet; ``bit_4`` is FPending in downlinks and ClassB in uplinks."""
    if not 0 <= f_opts_len <= MAX_F_OPTS_BYTES:
        raise InvalidField("f_opts_len", f"{f_opts_len}; 0 to 15 fit")
    return adr << 7 | adr_ack_req << 6 | ack << 5 | bit_4 << 4 | f_opts_len


def require_bytes(name: str, value: bytes, length: int) -> bytes:
    """``value`` itself if it has ``length`` bytes; ``InvalidField`` otherwise."""
    if len(value) != length:
        raise InvalidField(name, f"{len(value)} bytes; {length} expected")
    return value


def encode_uint(name: str, value: int, size: int) -> bytes:
    """``value`` as ``size`` little endian bytes; ``InvalidField`` if it does not fit."""
    if not 0 <= value < 1 << 8 * size:
        raise InvalidField(name, f"{value} does not fit into {size} byte(s)")
    return value.to_bytes(size, "little")
