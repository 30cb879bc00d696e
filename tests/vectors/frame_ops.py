"""Ops on whole frames and their parts: decode, encode, small codecs."""

from typing import Any

from router.lorawan.cf_list import ChannelFrequencies, ChannelMasks, encode_cf_list, parse_cf_list
from router.lorawan.data_crypto import MacVersion, SessionKeys, build_data_frame
from router.lorawan.frames import (
    DataFrame,
    Frame,
    JoinRequest,
    MType,
    Proprietary,
    RejoinRequest,
    encode_f_ctrl,
    encode_mac_payload,
    encode_phy_payload,
    encode_rejoin_payload,
    parse_phy_payload,
)
from router.lorawan.join import (
    JoinAccept,
    build_rejoin_request,
    encode_join_accept_payload,
    parse_join_accept_plain,
)
from router.lorawan.net_id import (
    apply_dev_addr_prefix,
    compute_dev_addr_prefix,
    get_dev_addr_net_id_type,
    get_dev_addr_nwk_id,
    get_net_id_id,
    get_net_id_type,
    parse_dev_addr_prefix,
)
from router.lorawan.relay_frames import (
    RELAY_F_PORT,
    ForwardUplink,
    RelayMetadata,
    encode_forward_uplink,
    parse_forward_uplink,
)
from tests.vectors.outcomes import Mismatch

Fields = dict[str, Any]


def parse(text: str) -> Frame:
    """The frame, after a check that encoding it gives the same bytes."""
    phy_payload = bytes.fromhex(text)
    frame = parse_phy_payload(phy_payload)
    if encode_phy_payload(frame) != phy_payload:
        raise Mismatch(f"encoding the frame again gives {encode_phy_payload(frame).hex()}")
    return frame


def _of_type(frame: Frame, kind: type) -> Any:
    if not isinstance(frame, kind):
        raise Mismatch(f"a {type(frame).__name__}")
    return frame


def decode(given: Fields, expected: Fields) -> Fields:
    frame: DataFrame = _of_type(parse(given["phy_payload"]), DataFrame)
    answer = {
        "mtype": int(frame.m_type),
        "major": frame.mhdr & 3,
        "dev_addr": frame.dev_addr.hex(),
        "fctrl": frame.f_ctrl,
        "adr": frame.adr,
        "adr_ack_req": frame.adr_ack_req,
        "ack": frame.ack,
        "class_b": frame.class_b,
        "f_pending": frame.f_pending,
        "f_cnt16": frame.f_cnt,
        "f_opts": frame.f_opts.hex(),
        "f_port": frame.f_port,
        "frm_payload": frame.frm_payload.hex(),
        "mic": frame.mic.hex(),
    }
    if frame.f_port is None and expected.get("frm_payload", "") is None:
        answer["frm_payload"] = None
    return answer


def decode_join_request(given: Fields, expected: Fields) -> Fields:
    frame: JoinRequest = _of_type(parse(given["phy_payload"]), JoinRequest)
    return {
        "mtype": frame.mhdr >> 5,
        "join_eui": frame.join_eui.hex(),
        "dev_eui": frame.dev_eui.hex(),
        "dev_nonce": frame.dev_nonce,
        "mic": frame.mic.hex(),
    }


def decode_join_accept_plain(given: Fields, expected: Fields) -> Fields:
    data = bytes.fromhex(given["phy_payload"])
    accept = parse_join_accept_plain(data[1:])
    if encode_join_accept_payload(accept) != data[1:-4]:
        raise Mismatch(f"encoding it again gives {encode_join_accept_payload(accept).hex()}")
    return {
        "mtype": data[0] >> 5,
        "join_nonce": accept.join_nonce,
        "net_id": accept.net_id.hex(),
        "dev_addr": accept.dev_addr.hex(),
        "dl_settings": accept.dl_settings,
        "rx_delay": accept.rx_delay,
        "cf_list": accept.cf_list.hex(),
        "mic": accept.mic.hex(),
    }


def decode_proprietary(given: Fields, expected: Fields) -> Fields:
    frame: Proprietary = _of_type(parse(given["phy_payload"]), Proprietary)
    return {"mtype": frame.mhdr >> 5, "payload": frame.payload.hex()}


def get_session_keys(keys: Fields) -> SessionKeys:
    """1.0 names (``nwk_s_key``) or 1.1 names; absent keys are zeros."""
    nwk_s_key = keys.get("nwk_s_key")
    names = ("f_nwk_s_int_key", "s_nwk_s_int_key", "nwk_s_enc_key")
    network = {name: bytes.fromhex(keys.get(name) or nwk_s_key or "00" * 16) for name in names}
    return SessionKeys(**network, app_s_key=bytes.fromhex(keys.get("app_s_key") or "00" * 16))


def encode(given: Fields, expected: Fields) -> Fields:
    fields, keys = given["fields"], given.get("keys")
    m_type = MType(fields["mtype"])
    f_pending = bool(fields.get("f_pending") or fields.get("class_b"))
    if not keys:
        frame = DataFrame(
            dev_addr=bytes.fromhex(fields["dev_addr"]),
            f_cnt=fields["f_cnt"] & 0xFFFF,
            f_port=fields.get("f_port"),
            frm_payload=bytes.fromhex(fields.get("frm_payload") or ""),
            f_opts=bytes.fromhex(fields.get("f_opts") or ""),
            f_ctrl=encode_f_ctrl(
                adr=fields.get("adr", False),
                adr_ack_req=fields.get("adr_ack_req", False),
                ack=fields.get("ack", False),
                bit_4=f_pending,
                f_opts_len=len(fields.get("f_opts") or "") // 2,
            ),
            mhdr=m_type << 5,
            mic=bytes.fromhex(fields["mic"]),
        )
        phy_payload = encode_phy_payload(frame)
        if parse_phy_payload(phy_payload) != frame:
            raise Mismatch(f"decoding it again gives {parse_phy_payload(phy_payload)}")
        return {"phy_payload": phy_payload.hex()}
    phy_payload = build_data_frame(
        get_session_keys(keys),
        m_type=m_type,
        dev_addr=bytes.fromhex(fields["dev_addr"]),
        f_cnt=fields["f_cnt"],
        f_port=fields.get("f_port"),
        frm_payload=bytes.fromhex(fields.get("frm_payload") or ""),
        f_opts=bytes.fromhex(fields.get("f_opts") or ""),
        adr=fields.get("adr", False),
        adr_ack_req=fields.get("adr_ack_req", False),
        ack=fields.get("ack", False),
        f_pending=f_pending,
        mac_version=MacVersion(given["mac_version"]),
        conf_f_cnt=fields.get("conf_f_cnt", 0),
        tx_data_rate=fields.get("tx_dr", 0),
        tx_channel=fields.get("tx_ch", 0),
        encrypt_f_opts=fields.get("encrypt_f_opts", True),
    )
    return {"phy_payload": phy_payload.hex()}


def encode_join_request(given: Fields, expected: Fields) -> Fields:
    frame = JoinRequest(
        join_eui=bytes.fromhex(given["join_eui"]),
        dev_eui=bytes.fromhex(given["dev_eui"]),
        dev_nonce=given["dev_nonce"],
        mic=bytes.fromhex(given["mic"]),
    )
    return {"phy_payload": encode_phy_payload(frame).hex()}


def make_join_accept(given: Fields) -> JoinAccept:
    settings = given.get("dl_settings", 0)
    if isinstance(settings, int):
        settings = {
            "opt_neg": bool(settings & 0x80),
            "rx1_dr_offset": settings >> 4 & 7,
            "rx2_dr": settings & 15,
        }
    cf_list = bytes.fromhex(given.get("cf_list") or "")
    if given.get("cf_list_frequencies"):
        cf_list = encode_cf_list(ChannelFrequencies(tuple(given["cf_list_frequencies"])))
    return JoinAccept(
        join_nonce=given["join_nonce"],
        net_id=bytes.fromhex(given["net_id"]),
        dev_addr=bytes.fromhex(given["dev_addr"]),
        rx1_dr_offset=settings["rx1_dr_offset"],
        rx2_data_rate=settings["rx2_dr"],
        opt_neg=settings["opt_neg"],
        rx_delay=given["rx_delay"],
        cf_list=cf_list,
        mic=bytes.fromhex(given.get("mic") or "00000000"),
    )


def join_accept_payload(given: Fields, expected: Fields) -> Fields:
    return {"hex": encode_join_accept_payload(make_join_accept(given)).hex()}


def encode_join_accept_plain(given: Fields, expected: Fields) -> Fields:
    return {"phy_payload": "20" + encode_join_accept_payload(make_join_accept(given)).hex() + given["mic"]}


def _get_identifier(given: Fields) -> bytes:
    return bytes.fromhex(given["join_eui"] if given["rejoin_type"] == 1 else given["net_id"])


def encode_rejoin(given: Fields, expected: Fields) -> Fields:
    phy_payload = build_rejoin_request(
        given["rejoin_type"],
        _get_identifier(given),
        bytes.fromhex(given["dev_eui"]),
        given["rj_count"],
        bytes.fromhex(given["key"]),
    )
    parse(phy_payload.hex())
    return {"phy_payload": phy_payload.hex(), "mic": phy_payload[-4:].hex()}


def rejoin_payload(given: Fields, expected: Fields) -> Fields:
    frame = RejoinRequest(
        rejoin_type=given["rejoin_type"],
        identifier=_get_identifier(given),
        dev_eui=bytes.fromhex(given["dev_eui"]),
        rj_count=given["rj_count"],
    )
    if parse_phy_payload(encode_phy_payload(frame)) != frame:
        raise Mismatch(f"decoding it again gives {parse_phy_payload(encode_phy_payload(frame))}")
    return {"hex": encode_rejoin_payload(frame).hex()}


def mac_payload(given: Fields, expected: Fields) -> Fields:
    fields = given["fields"]
    frame = DataFrame(
        dev_addr=bytes.fromhex(fields["dev_addr"]),
        f_cnt=fields["f_cnt"] & 0xFFFF,
        f_port=fields.get("f_port"),
        frm_payload=bytes.fromhex(fields.get("frm_payload") or ""),
        f_opts=bytes.fromhex(fields.get("f_opts") or ""),
        f_ctrl=encode_f_ctrl(
            adr=fields.get("adr", False),
            adr_ack_req=fields.get("adr_ack_req", False),
            ack=fields.get("ack", False),
            bit_4=bool(fields.get("f_pending") or fields.get("class_b")),
        ),
    )
    return {"hex": encode_mac_payload(frame).hex()}


def fctrl(given: Fields, expected: Fields) -> Fields:
    fields = given["fields"]
    octet = encode_f_ctrl(
        adr=fields.get("adr", False),
        adr_ack_req=fields.get("adr_ack_req", False),
        ack=fields.get("ack", False),
        bit_4=bool(fields.get("f_pending") or fields.get("class_b")),
        f_opts_len=fields.get("f_opts_len", 0),
    )
    return {"hex": f"{octet:02x}"}


def cflist(given: Fields, expected: Fields) -> Fields:
    cf_list: ChannelFrequencies | ChannelMasks
    if given["type"] == 0:
        cf_list = ChannelFrequencies(tuple(given["frequencies"]))
    else:
        cf_list = ChannelMasks(
            tuple(sum(flag << bit for bit, flag in enumerate(mask)) for mask in given["masks"])
        )
    data = encode_cf_list(cf_list)
    if encode_cf_list(parse_cf_list(data)) != data:
        raise Mismatch(f"decoding it gives {parse_cf_list(data)}")
    return {"hex": data.hex()}


def net_id(given: Fields, expected: Fields) -> Fields:
    value = bytes.fromhex(given["net_id"])
    return {
        "type": get_net_id_type(value),
        "id": get_net_id_id(value).hex(),
        "le_hex": value[::-1].hex(),
        "dev_addr_prefix": str(compute_dev_addr_prefix(value)),
    }


def dev_addr(given: Fields, expected: Fields) -> Fields:
    value = bytes.fromhex(given["dev_addr"])
    return {
        "net_id_type": get_dev_addr_net_id_type(value),
        "nwk_id": get_dev_addr_nwk_id(value).hex(),
        "le_hex": value[::-1].hex(),
    }


def dev_addr_apply_prefix(given: Fields, expected: Fields) -> Fields:
    prefix = compute_dev_addr_prefix(bytes.fromhex(given["net_id"]))
    return {"dev_addr": apply_dev_addr_prefix(bytes.fromhex(given["dev_addr"]), prefix).hex()}


def dev_addr_prefix_subset(given: Fields, expected: Fields) -> Fields:
    prefix, other = parse_dev_addr_prefix(given["prefix"]), parse_dev_addr_prefix(given["of"])
    return {"subset": prefix.is_subset_of(other)}


def _make_forward_uplink(given: Fields) -> ForwardUplink:
    metadata = given["metadata"]
    return ForwardUplink(
        RelayMetadata(
            data_rate=metadata["dr"],
            snr_db=metadata["snr"],
            rssi_dbm=metadata["rssi"],
            wor_channel=metadata["wor_channel"],
            frequency_hz=given["frequency"],
        ),
        bytes.fromhex(given["inner_phy_payload"]),
    )


def relay_forward_uplink_payload(given: Fields, expected: Fields) -> Fields:
    forward = _make_forward_uplink(given)
    encoded = encode_forward_uplink(forward)
    if parse_forward_uplink(encoded) != forward:
        raise Mismatch(f"decoding it gives {parse_forward_uplink(encoded)}")
    return {"hex": encoded.hex()}


def _build_relay_frame(relay: Fields, payload: bytes, default_m_type: MType) -> str:
    return build_data_frame(
        get_session_keys(relay),
        m_type=MType(relay.get("mtype", default_m_type)),
        dev_addr=bytes.fromhex(relay["dev_addr"]),
        f_cnt=relay["f_cnt"],
        f_port=RELAY_F_PORT,
        frm_payload=payload,
    ).hex()


def relay_forward_uplink(given: Fields, expected: Fields) -> Fields:
    payload = encode_forward_uplink(_make_forward_uplink(given))
    return {"phy_payload": _build_relay_frame(given["relay"], payload, MType.UNCONFIRMED_UP)}


def relay_forward_downlink(given: Fields, expected: Fields) -> Fields:
    payload = bytes.fromhex(given["inner_phy_payload"])
    return {"phy_payload": _build_relay_frame(given["relay"], payload, MType.UNCONFIRMED_DOWN)}


OPS = {
    "decode": decode,
    "decode_join_request": decode_join_request,
    "decode_join_accept_plain": decode_join_accept_plain,
    "decode_proprietary": decode_proprietary,
    "encode": encode,
    "encode_join_request": encode_join_request,
    "encode_join_accept_plain": encode_join_accept_plain,
    "encode_rejoin": encode_rejoin,
    "join_accept_payload": join_accept_payload,
    "rejoin_payload": rejoin_payload,
    "mac_payload": mac_payload,
    "fctrl": fctrl,
    "cflist": cflist,
    "net_id": net_id,
    "dev_addr": dev_addr,
    "dev_addr_apply_prefix": dev_addr_apply_prefix,
    "dev_addr_prefix_subset": dev_addr_prefix_subset,
    "relay_forward_uplink": relay_forward_uplink,
    "relay_forward_uplink_payload": relay_forward_uplink_payload,
    "relay_forward_downlink": relay_forward_downlink,
}
