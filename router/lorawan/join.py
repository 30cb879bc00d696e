"""Joining over the air: join-request, join-accept, rejoin, and the keys that follow from them.

Source: LoRaWAN 1.0.4 section 6.2, LoRaWAN 1.1 section 6.1.1 and 6.2. ``opt_neg`` (bit 7 of DLSettings) says
that the network speaks 1.1. EUIs, NetID, DevAddr and keys are most significant byte first; nonces are
``int``.
"""

import msgspec

from router.lorawan.aes import compute_cmac, decrypt_blocks, encrypt_blocks
from router.lorawan.data_crypto import SessionKeys
from router.lorawan.errors import InvalidField, MalformedFrame
from router.lorawan.frames import (
    EncryptedJoinAccept,
    JoinRequest,
    RejoinRequest,
    encode_phy_payload,
    encode_uint,
    require_bytes,
)

JOIN_REQ_TYPE_JOIN = 0xFF
MAX_JOIN_NONCE = 0xFF_FFFF


class JoinAccept(msgspec.Struct, frozen=True, gc=False):
    """A decrypted join-accept. ``rx_delay`` 0 means 1 second; ``cf_list`` is empty or 16 bytes as sent."""

    join_nonce: int
    net_id: bytes
    dev_addr: bytes
    rx1_dr_offset: int = 0
    rx2_data_rate: int = 0
    opt_neg: bool = False
    rx_delay: int = 1
    cf_list: bytes = b""
    mic: bytes = bytes(4)

    @property
    def dl_settings(self) -> int:
        return self.opt_neg << 7 | self.rx1_dr_offset << 4 | self.rx2_data_rate


def encode_join_accept_payload(accept: JoinAccept) -> bytes:
    """The 12 or 28 bytes between MHDR and MIC, in the clear."""
    if len(accept.cf_list) not in (0, 16):
        raise InvalidField("cf_list", f"{len(accept.cf_list)} bytes; a CFList has 16 or is absent")
    if not 0 <= accept.rx1_dr_offset <= 7:
        raise InvalidField("rx1_dr_offset", f"{accept.rx1_dr_offset}; 0 to 7 fit")
    if not 0 <= accept.rx2_data_rate <= 15:
        raise InvalidField("rx2_data_rate", f"{accept.rx2_data_rate}; 0 to 15 fit")
    if not 0 <= accept.rx_delay <= 15:
        raise InvalidField("rx_delay", f"{accept.rx_delay}; 0 to 15 seconds fit")
    return (
        encode_uint("join_nonce", accept.join_nonce, 3)
        + require_bytes("net_id", accept.net_id, 3)[::-1]
        + require_bytes("dev_addr", accept.dev_addr, 4)[::-1]
        + bytes((accept.dl_settings, accept.rx_delay))
        + accept.cf_list
    )


def parse_join_accept_plain(plain: bytes) -> JoinAccept:
    """A decrypted join-accept without MHDR, MIC included: 16 or 32 bytes. Raises ``MalformedFrame``."""
    if len(plain) not in (16, 32):
        raise MalformedFrame("join_accept_length", f"{len(plain)} bytes after the MHDR; 16 or 32 exist")
    dl_settings = plain[10]
    return JoinAccept(
        join_nonce=int.from_bytes(plain[0:3], "little"),
        net_id=plain[5:2:-1],
        dev_addr=plain[9:5:-1],
        rx1_dr_offset=(dl_settings >> 4) & 0x07,
        rx2_data_rate=dl_settings & 0x0F,
        opt_neg=bool(dl_settings & 0x80),
        rx_delay=plain[11] & 0x0F,
        cf_list=plain[12:-4],
        mic=plain[-4:],
    )


def decrypt_join_accept(frame: EncryptedJoinAccept, key: bytes) -> JoinAccept:
    """What a device does with a join-accept. The MIC is not checked: ``compute_join_accept_mic`` tells it."""
    return parse_join_accept_plain(encrypt_blocks(key, frame.encrypted))


def encrypt_join_accept(plain_with_mic: bytes, key: bytes) -> bytes:
    """16 or 32 bytes (payload and MIC) -> as many encrypted ones. ``key``: AppKey, NwkKey, or JSEncKey for
    a rejoin.
    """
    if len(plain_with_mic) not in (16, 32):
        raise InvalidField("join_accept_length", f"{len(plain_with_mic)} bytes; 16 or 32 expected")
    return decrypt_blocks(key, plain_with_mic)


def compute_join_request_mic(phy_payload: bytes, key: bytes) -> bytes:
    """MIC of a join-request: ``key`` is the AppKey, or the NwkKey of a 1.1 device."""
    return compute_cmac(key, phy_payload[:-4])[:4]


def compute_rejoin_request_mic(phy_payload: bytes, key: bytes) -> bytes:
    """MIC of a rejoin-request: ``key`` is the SNwkSIntKey (types 0 and 2) or the JSIntKey (type 1)."""
    return compute_cmac(key, phy_payload[:-4])[:4]


def compute_join_accept_mic(
    payload: bytes,
    key: bytes,
    *,
    mhdr: int = 0x20,
    opt_neg: bool = False,
    join_eui: bytes = bytes(8),
    dev_nonce: int = 0,
    join_req_type: int = JOIN_REQ_TYPE_JOIN,
) -> bytes:
    """MIC over ``payload`` (plain, without MHDR and MIC). 1.0: AppKey; 1.1 (``opt_neg``): JSIntKey and the
    request.

    ``join_req_type`` is FF for a join-request, else the rejoin type; ``dev_nonce`` is then the RJcount.
    """
    message = bytes((mhdr,)) + payload
    if opt_neg:
        prefix = bytes((join_req_type,)) + require_bytes("join_eui", join_eui, 8)[::-1]
        message = prefix + encode_uint("dev_nonce", dev_nonce, 2) + message
    return compute_cmac(key, message)[:4]


def build_join_request(join_eui: bytes, dev_eui: bytes, dev_nonce: int, key: bytes) -> bytes:
    """A join-request as sent, with its MIC."""
    phy_payload = encode_phy_payload(JoinRequest(join_eui=join_eui, dev_eui=dev_eui, dev_nonce=dev_nonce))
    return phy_payload[:-4] + compute_join_request_mic(phy_payload, key)


def build_rejoin_request(
    rejoin_type: int, identifier: bytes, dev_eui: bytes, rj_count: int, key: bytes
) -> bytes:
    """A rejoin-request as sent, with its MIC."""
    frame = RejoinRequest(rejoin_type=rejoin_type, identifier=identifier, dev_eui=dev_eui, rj_count=rj_count)
    phy_payload = encode_phy_payload(frame)
    return phy_payload[:-4] + compute_rejoin_request_mic(phy_payload, key)


def build_join_accept(
    accept: JoinAccept,
    *,
    enc_key: bytes,
    mic_key: bytes | None = None,
    join_eui: bytes = bytes(8),
    dev_nonce: int = 0,
    join_req_type: int = JOIN_REQ_TYPE_JOIN,
) -> bytes:
    """A join-accept as sent. 1.0 needs only ``enc_key`` (the AppKey); 1.1 a ``mic_key`` (JSIntKey) and the
    request.
    """
    payload = encode_join_accept_payload(accept)
    mic = compute_join_accept_mic(
        payload,
        enc_key if mic_key is None else mic_key,
        opt_neg=accept.opt_neg,
        join_eui=join_eui,
        dev_nonce=dev_nonce,
        join_req_type=join_req_type,
    )
    return b"\x20" + encrypt_join_accept(payload + mic, enc_key)


def compute_session_keys_1_0(app_key: bytes, join_nonce: int, net_id: bytes, dev_nonce: int) -> SessionKeys:
    """1.0 session keys from the AppKey (for a 1.1 device on a 1.0 network: from its NwkKey)."""
    rest = (
        encode_uint("join_nonce", join_nonce, 3)
        + require_bytes("net_id", net_id, 3)[::-1]
        + encode_uint("dev_nonce", dev_nonce, 2)
        + bytes(7)
    )
    return SessionKeys.from_1_0(encrypt_blocks(app_key, b"\1" + rest), encrypt_blocks(app_key, b"\2" + rest))


def compute_session_keys_1_1(
    nwk_key: bytes, app_key: bytes, join_nonce: int, join_eui: bytes, dev_nonce: int
) -> SessionKeys:
    """1.1 session keys; the three network keys come from the NwkKey, AppSKey from the AppKey."""
    rest = (
        encode_uint("join_nonce", join_nonce, 3)
        + require_bytes("join_eui", join_eui, 8)[::-1]
        + encode_uint("dev_nonce", dev_nonce, 2)
        + bytes(2)
    )
    return SessionKeys(
        f_nwk_s_int_key=encrypt_blocks(nwk_key, b"\1" + rest),
        s_nwk_s_int_key=encrypt_blocks(nwk_key, b"\3" + rest),
        nwk_s_enc_key=encrypt_blocks(nwk_key, b"\4" + rest),
        app_s_key=encrypt_blocks(app_key, b"\2" + rest),
    )


def compute_js_int_key(nwk_key: bytes, dev_eui: bytes) -> bytes:
    """The 1.1 key for the MIC of join-accepts and of rejoin-requests type 1."""
    return encrypt_blocks(nwk_key, b"\6" + require_bytes("dev_eui", dev_eui, 8)[::-1] + bytes(7))


def compute_js_enc_key(nwk_key: bytes, dev_eui: bytes) -> bytes:
    """The 1.1 key that encrypts join-accepts which answer a rejoin-request."""
    return encrypt_blocks(nwk_key, b"\5" + require_bytes("dev_eui", dev_eui, 8)[::-1] + bytes(7))


def compute_root_wor_s_key(nwk_s_enc_key: bytes) -> bytes:
    """Root key of wake-on-radio sessions (TS011 relay); in a 1.0 session from the NwkSKey."""
    return encrypt_blocks(nwk_s_enc_key, b"\1" + bytes(15))
