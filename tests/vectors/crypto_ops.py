"""Ops on cryptography: MIC, streams, join-accept, key derivation, key wrap, frame counters."""

from typing import Any

from router.lorawan.data_crypto import (
    compute_downlink_mic_1_1,
    compute_mic_1_0,
    compute_uplink_mic_1_1,
    crypt,
)
from router.lorawan.data_crypto import decrypt_f_opts as decrypt_frame_f_opts
from router.lorawan.data_crypto import decrypt_frm_payload as decrypt_frame_payload
from router.lorawan.frame_counter import compute_full_f_cnt
from router.lorawan.frames import DataFrame, Direction, EncryptedJoinAccept, encode_uint, parse_phy_payload
from router.lorawan.join import (
    compute_join_accept_mic,
    compute_join_request_mic,
    compute_js_enc_key,
    compute_js_int_key,
    compute_rejoin_request_mic,
    compute_root_wor_s_key,
    compute_session_keys_1_0,
    compute_session_keys_1_1,
    decrypt_join_accept,
    encode_join_accept_payload,
    encrypt_join_accept,
)
from router.lorawan.key_wrap import unwrap_key, wrap_key
from tests.vectors.frame_ops import get_session_keys, make_join_accept
from tests.vectors.outcomes import Mismatch

Fields = dict[str, Any]


def _direction(given: Fields) -> Direction:
    return Direction.DOWN if given["direction"] == "down" else Direction.UP


def _answer_mic(mic: bytes, phy_payload: bytes) -> Fields:
    return {"mic": mic.hex(), "valid": mic == phy_payload[-4:]}


def mic(given: Fields, expected: Fields) -> Fields:
    phy_payload, direction, f_cnt = bytes.fromhex(given["phy_payload"]), _direction(given), given["f_cnt"]
    keys = get_session_keys(given)
    if given["mac_version"] == "1.0":
        computed = compute_mic_1_0(phy_payload, f_cnt, keys.nwk_s_key, direction)
    elif direction == Direction.DOWN:
        computed = compute_downlink_mic_1_1(
            phy_payload, f_cnt, keys.s_nwk_s_int_key, conf_f_cnt=given.get("conf_f_cnt", 0)
        )
    else:
        computed = compute_uplink_mic_1_1(
            phy_payload,
            f_cnt,
            keys,
            conf_f_cnt=given.get("conf_f_cnt", 0),
            tx_data_rate=given.get("tx_dr", 0),
            tx_channel=given.get("tx_ch", 0),
        )
    return _answer_mic(computed, phy_payload)


def mic_join_request(given: Fields, expected: Fields) -> Fields:
    phy_payload = bytes.fromhex(given["phy_payload"])
    return _answer_mic(compute_join_request_mic(phy_payload, bytes.fromhex(given["key"])), phy_payload)


def mic_rejoin_request(given: Fields, expected: Fields) -> Fields:
    phy_payload = bytes.fromhex(given["phy_payload"])
    return _answer_mic(compute_rejoin_request_mic(phy_payload, bytes.fromhex(given["key"])), phy_payload)


def _compute_accept_mic(payload: bytes, key: str, given: Fields) -> bytes:
    return compute_join_accept_mic(
        payload,
        bytes.fromhex(key),
        opt_neg=given["opt_neg"],
        join_eui=bytes.fromhex(given.get("join_eui") or "00" * 8),
        dev_nonce=given.get("dev_nonce", 0),
        join_req_type=given.get("join_req_type", 0xFF),
    )


def mic_join_accept(given: Fields, expected: Fields) -> Fields:
    plain = bytes.fromhex(given["phy_payload_plain"])
    return _answer_mic(_compute_accept_mic(plain[1:-4], given["key"], given), plain)


def join_accept_encrypt(given: Fields, expected: Fields) -> Fields:
    accept = make_join_accept(given)
    payload = encode_join_accept_payload(accept)
    code = _compute_accept_mic(payload, given["mic_key"], given)
    encrypted = encrypt_join_accept(payload + code, bytes.fromhex(given["enc_key"]))
    opened = decrypt_join_accept(EncryptedJoinAccept(encrypted), bytes.fromhex(given["enc_key"]))
    if encode_join_accept_payload(opened) != payload or opened.mic != code:
        raise Mismatch(f"decrypting it gives {opened}")
    return {"mic": code.hex(), "phy_payload": "20" + encrypted.hex()}


def join_accept_encrypt_raw(given: Fields, expected: Fields) -> Fields:
    encrypted = encrypt_join_accept(bytes.fromhex(given["decrypted"]), bytes.fromhex(given["key"]))
    return {"encrypted": encrypted.hex()}


def _parse_data(given: Fields) -> DataFrame:
    frame = parse_phy_payload(bytes.fromhex(given["phy_payload"]))
    if not isinstance(frame, DataFrame):
        raise Mismatch(f"a {type(frame).__name__}")
    return frame


def decrypt_frm_payload(given: Fields, expected: Fields) -> Fields:
    keys = get_session_keys({"nwk_s_key": given["key"], "app_s_key": given["key"]})
    return {"plaintext": decrypt_frame_payload(_parse_data(given), given["f_cnt"], keys).hex()}


def decrypt_f_opts(given: Fields, expected: Fields) -> Fields:
    key = bytes.fromhex(given["nwk_s_enc_key"])
    return {"f_opts": decrypt_frame_f_opts(_parse_data(given), given["f_cnt"], key).hex()}


def ctr_encrypt(given: Fields, expected: Fields) -> Fields:
    data = crypt(
        bytes.fromhex(given["key"]),
        _direction(given),
        bytes.fromhex(given["dev_addr"]),
        given["f_cnt"],
        bytes.fromhex(given["data"]),
        bytes.fromhex(given["block_a_bytes_1_4"]),
    )
    return {"data": data.hex()}


def session_keys(given: Fields, expected: Fields) -> Fields:
    if not given["opt_neg"]:
        root = bytes.fromhex(given.get("app_key") or given["nwk_key"])
        keys = compute_session_keys_1_0(
            root, given["join_nonce"], bytes.fromhex(given["net_id"]), given["dev_nonce"]
        )
    else:
        keys = compute_session_keys_1_1(
            bytes.fromhex(given["nwk_key"]),
            bytes.fromhex(given["app_key"]),
            given["join_nonce"],
            bytes.fromhex(given["join_eui"]),
            given["dev_nonce"],
        )
    return {
        "nwk_s_key": keys.nwk_s_key.hex(),
        "f_nwk_s_int_key": keys.f_nwk_s_int_key.hex(),
        "s_nwk_s_int_key": keys.s_nwk_s_int_key.hex(),
        "nwk_s_enc_key": keys.nwk_s_enc_key.hex(),
        "app_s_key": keys.app_s_key.hex(),
    }


def js_keys(given: Fields, expected: Fields) -> Fields:
    nwk_key, dev_eui = bytes.fromhex(given["nwk_key"]), bytes.fromhex(given["dev_eui"])
    return {
        "js_int_key": compute_js_int_key(nwk_key, dev_eui).hex(),
        "js_enc_key": compute_js_enc_key(nwk_key, dev_eui).hex(),
    }


def root_wor_s_key(given: Fields, expected: Fields) -> Fields:
    return {"root_wor_s_key": compute_root_wor_s_key(bytes.fromhex(given["nwk_s_enc_key"])).hex()}


def aes_keywrap(given: Fields, expected: Fields) -> Fields:
    kek, key = bytes.fromhex(given["kek"]), bytes.fromhex(given["plaintext"])
    wrapped = wrap_key(kek, key)
    if unwrap_key(kek, wrapped) != key:
        raise Mismatch(f"unwrapping gives {unwrap_key(kek, wrapped).hex()}")
    return {"wrapped": wrapped.hex()}


def full_f_cnt(given: Fields, expected: Fields) -> Fields:
    encode_uint("received16", given["received16"], 2)
    return {"full_f_cnt": compute_full_f_cnt(given["next_expected"], given["received16"])}


OPS = {
    "mic": mic,
    "mic_join_request": mic_join_request,
    "mic_join_accept": mic_join_accept,
    "mic_rejoin_request": mic_rejoin_request,
    "join_accept_encrypt": join_accept_encrypt,
    "join_accept_encrypt_raw": join_accept_encrypt_raw,
    "decrypt_frm_payload": decrypt_frm_payload,
    "decrypt_f_opts": decrypt_f_opts,
    "ctr_encrypt": ctr_encrypt,
    "session_keys": session_keys,
    "js_keys": js_keys,
    "root_wor_s_key": root_wor_s_key,
    "aes_keywrap": aes_keywrap,
    "full_f_cnt": full_f_cnt,
}
