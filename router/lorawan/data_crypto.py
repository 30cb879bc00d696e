"""MIC and encryption of data frames, LoRaWAN 1.0 and 1.1; building of whole frames.

Source: LoRaWAN 1.0.4 section 4.3.3 and 4.4; LoRaWAN 1.1 section 4.3.1.6, 4.3.3, 4.4 with the FOpts errata
(FOpts are encrypted under block octet 4 = 1, or 2 for downlinks with AFCntDown, counter octet 1). Every
``f_cnt`` here is the full 32-bit counter unless it is a field of a ``DataFrame``.
"""

from enum import Enum
from hmac import compare_digest

import msgspec

from router.lorawan.aes import apply_ctr, compute_cmac
from router.lorawan.errors import InvalidField
from router.lorawan.frames import (
    DataFrame,
    Direction,
    MType,
    encode_f_ctrl,
    encode_phy_payload,
    encode_uint,
    require_bytes,
)

#: FPorts whose payload is the network's: MAC commands, and frames that a relay carries (TS011).
NETWORK_F_PORTS = (0, 226)


class MacVersion(Enum):
    """Which rules a session follows; 1.0 covers 1.0.0 to 1.0.4."""

    V1_0 = "1.0"
    V1_1 = "1.1"


class SessionKeys(msgspec.Struct, frozen=True):
    """The four keys of a 1.1 session, 16 bytes each. A 1.0 session has its NwkSKey in the first three."""

    f_nwk_s_int_key: bytes
    s_nwk_s_int_key: bytes
    nwk_s_enc_key: bytes
    app_s_key: bytes

    @classmethod
    def from_1_0(cls, nwk_s_key: bytes, app_s_key: bytes) -> "SessionKeys":
        return cls(nwk_s_key, nwk_s_key, nwk_s_key, app_s_key)

    @property
    def nwk_s_key(self) -> bytes:
        """The NwkSKey of a 1.0 session."""
        return self.f_nwk_s_int_key

    def __repr__(self) -> str:  # keys never reach a log
        return "SessionKeys(...)"


# --- MIC ------------------------------------------------------------------------------------------


#: B0 up to DevAddr by direction, and its end by the length of the message.
_B0_HEADS = (b"\x49\0\0\0\0\0", b"\x49\0\0\0\0\1")
_B0_TAILS = tuple(bytes((0, length)) for length in range(256))


def compute_mic_1_0(
    phy_payload: bytes, f_cnt: int, nwk_s_key: bytes, direction: Direction | None = None
) -> bytes:
    """The MIC (4 bytes) that ``phy_payload`` should end with; its own last four bytes are not read.

    ``direction`` is taken from the MHDR unless given.
    """
    # the hottest path of a router, so written without helpers
    length = len(phy_payload) - 4
    if not 8 <= length <= 251 or not 0 <= f_cnt <= 0xFFFF_FFFF:
        _get_message(phy_payload, f_cnt)
    message = phy_payload[:length]
    head = _B0_HEADS[(message[0] >> 5) & 1 if direction is None else direction]
    b0 = head + message[1:5] + f_cnt.to_bytes(4, "little") + _B0_TAILS[length]
    return compute_cmac(nwk_s_key, b0 + message)[:4]


def compute_uplink_mic_1_1(
    phy_payload: bytes,
    f_cnt: int,
    keys: SessionKeys,
    *,
    conf_f_cnt: int = 0,
    tx_data_rate: int = 0,
    tx_channel: int = 0,
) -> bytes:
    """The 1.1 uplink MIC. ``conf_f_cnt`` is the downlink counter being acknowledged; without ACK it counts
    as 0.
    """
    message = _get_message(phy_payload, f_cnt)
    head = _conf_f_cnt(message, conf_f_cnt) + bytes((tx_data_rate & 0xFF, tx_channel & 0xFF))
    b0 = _b0(b"\0\0", Direction.UP, message, f_cnt)
    b1 = b"\x49" + head + b0[5:]
    return (
        compute_cmac(keys.s_nwk_s_int_key, b1 + message)[:2]
        + compute_cmac(keys.f_nwk_s_int_key, b0 + message)[:2]
    )


def compute_downlink_mic_1_1(
    phy_payload: bytes, f_cnt: int, s_nwk_s_int_key: bytes, *, conf_f_cnt: int = 0
) -> bytes:
    """The 1.1 downlink MIC. ``conf_f_cnt`` is the uplink counter being acknowledged; without ACK it counts
    as 0.
    """
    message = _get_message(phy_payload, f_cnt)
    b0 = _b0(_conf_f_cnt(message, conf_f_cnt), Direction.DOWN, message, f_cnt)
    return compute_cmac(s_nwk_s_int_key, b0 + message)[:4]


def is_mic_valid_1_0(phy_payload: bytes, f_cnt: int, nwk_s_key: bytes) -> bool:
    """Whether a data frame's own MIC fits this key and this full counter."""
    return compare_digest(compute_mic_1_0(phy_payload, f_cnt, nwk_s_key), phy_payload[-4:])


def _get_message(phy_payload: bytes, f_cnt: int) -> bytes:
    if not 12 <= len(phy_payload) <= 255:
        raise InvalidField("phy_payload", f"{len(phy_payload)} bytes; a data frame has 12 to 255")
    if not 0 <= f_cnt <= 0xFFFF_FFFF:
        raise InvalidField("f_cnt", f"{f_cnt} is no 32-bit counter")
    return phy_payload[:-4]


def _b0(octets_1_2: bytes, direction: int, message: bytes, f_cnt: int) -> bytes:
    return b"".join(
        (
            b"\x49",
            octets_1_2,
            b"\0\0\1" if direction else b"\0\0\0",
            message[1:5],
            f_cnt.to_bytes(4, "little"),
            _B0_TAILS[len(message)],
        )
    )


def _conf_f_cnt(message: bytes, conf_f_cnt: int) -> bytes:
    has_ack = message[5] & 0x20
    return (conf_f_cnt & 0xFFFF).to_bytes(2, "little") if has_ack else b"\0\0"


# --- encryption -----------------------------------------------------------------------------------


#: A_1 up to DevAddr by direction.
_A_HEADS = (b"\1\0\0\0\0\0", b"\1\0\0\0\0\1")


def crypt(
    key: bytes, direction: int, dev_addr: bytes, f_cnt: int, data: bytes, octets_1_4: bytes | None = None
) -> bytes:
    """LoRaWAN's stream, its own inverse. ``dev_addr`` most significant byte first; ``octets_1_4`` of the A
    block are zeros but for FOpts.
    """
    head = _A_HEADS[direction]
    if octets_1_4 is not None:
        head = b"\1" + octets_1_4 + head[5:]
    return apply_ctr(key, head + dev_addr[::-1] + f_cnt.to_bytes(4, "little") + b"\0\1", data)


def decrypt_frm_payload(frame: DataFrame, f_cnt: int, keys: SessionKeys) -> bytes:
    """The plaintext FRMPayload of ``frame``: under AppSKey, or under the network key for FPort 0 and 226."""
    if not frame.frm_payload:
        return b""
    key = keys.nwk_s_enc_key if frame.f_port in NETWORK_F_PORTS else keys.app_s_key
    return crypt(key, (frame.mhdr >> 5) & 1, frame.dev_addr, f_cnt, frame.frm_payload)


def decrypt_f_opts(frame: DataFrame, f_cnt: int, nwk_s_enc_key: bytes) -> bytes:
    """The plaintext FOpts of a 1.1 frame (1.0 sends them in the clear)."""
    return crypt_f_opts(nwk_s_enc_key, frame.direction, frame.dev_addr, f_cnt, frame.f_opts, frame.f_port)


def crypt_f_opts(
    nwk_s_enc_key: bytes, direction: int, dev_addr: bytes, f_cnt: int, f_opts: bytes, f_port: int | None
) -> bytes:
    """1.1 FOpts encryption, its own inverse. A downlink with an application port counts with AFCntDown."""
    if not f_opts:
        return b""
    octet_4 = b"\2" if direction and f_port else b"\1"
    return crypt(nwk_s_enc_key, direction, dev_addr, f_cnt, f_opts, b"\0\0\0" + octet_4)


# --- whole frames ---------------------------------------------------------------------------------


def build_data_frame(
    keys: SessionKeys,
    *,
    m_type: MType,
    dev_addr: bytes,
    f_cnt: int,
    f_port: int | None = None,
    frm_payload: bytes = b"",
    f_opts: bytes = b"",
    adr: bool = False,
    adr_ack_req: bool = False,
    ack: bool = False,
    f_pending: bool = False,
    mac_version: MacVersion = MacVersion.V1_0,
    conf_f_cnt: int = 0,
    tx_data_rate: int = 0,
    tx_channel: int = 0,
    encrypt_f_opts: bool = True,
) -> bytes:
    """An encrypted data frame with its MIC, as sent. ``frm_payload`` and ``f_opts`` are plaintext.

    ``f_pending`` says ClassB in an uplink. ``encrypt_f_opts=False`` leaves 1.1 FOpts as they are (already
    encrypted). Raises ``InvalidField``.
    """
    if m_type not in (MType.UNCONFIRMED_UP, MType.UNCONFIRMED_DOWN, MType.CONFIRMED_UP, MType.CONFIRMED_DOWN):
        raise InvalidField("m_type", f"{m_type!r} is no data frame")
    encode_uint("f_cnt", f_cnt, 4)
    require_bytes("dev_addr", dev_addr, 4)
    direction = m_type & 1
    is_1_1 = mac_version is MacVersion.V1_1
    if is_1_1 and encrypt_f_opts:
        f_opts = crypt_f_opts(keys.nwk_s_enc_key, direction, dev_addr, f_cnt, f_opts, f_port)
    if frm_payload:
        key = keys.nwk_s_enc_key if f_port in NETWORK_F_PORTS else keys.app_s_key
        frm_payload = crypt(key, direction, dev_addr, f_cnt, frm_payload)
    frame = DataFrame(
        dev_addr=dev_addr,
        f_cnt=f_cnt & 0xFFFF,
        f_port=f_port,
        frm_payload=frm_payload,
        f_opts=f_opts,
        f_ctrl=encode_f_ctrl(adr=adr, adr_ack_req=adr_ack_req, ack=ack, bit_4=f_pending),
        mhdr=m_type << 5,
    )
    phy_payload = encode_phy_payload(frame)
    if not is_1_1:
        mic = compute_mic_1_0(phy_payload, f_cnt, keys.nwk_s_key)
    elif direction:
        mic = compute_downlink_mic_1_1(phy_payload, f_cnt, keys.s_nwk_s_int_key, conf_f_cnt=conf_f_cnt)
    else:
        mic = compute_uplink_mic_1_1(
            phy_payload, f_cnt, keys, conf_f_cnt=conf_f_cnt, tx_data_rate=tx_data_rate, tx_channel=tx_channel
        )
    return phy_payload[:-4] + mic


def build_downlink(
    keys: SessionKeys,
    *,
    dev_addr: bytes,
    f_cnt: int,
    is_confirmed: bool = False,
    f_port: int | None = None,
    frm_payload: bytes = b"",
    f_opts: bytes = b"",
    adr: bool = True,
    ack: bool = False,
    f_pending: bool = False,
    mac_version: MacVersion = MacVersion.V1_0,
    conf_f_cnt: int = 0,
) -> bytes:
    """A downlink as sent; the ADR bit is set unless told otherwise, as network servers do."""
    return build_data_frame(
        keys,
        m_type=MType.CONFIRMED_DOWN if is_confirmed else MType.UNCONFIRMED_DOWN,
        dev_addr=dev_addr,
        f_cnt=f_cnt,
        f_port=f_port,
        frm_payload=frm_payload,
        f_opts=f_opts,
        adr=adr,
        ack=ack,
        f_pending=f_pending,
        mac_version=mac_version,
        conf_f_cnt=conf_f_cnt,
    )
