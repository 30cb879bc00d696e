"""Frames made here are read by npm's lora-packet, and the other way round."""

import json
import random
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from router.lorawan.data_crypto import (
    MacVersion,
    SessionKeys,
    build_data_frame,
    decrypt_frm_payload,
    is_mic_valid_1_0,
)
from router.lorawan.frames import DataFrame, JoinRequest, MType, parse_phy_payload
from router.lorawan.join import (
    JoinAccept,
    build_join_accept,
    build_join_request,
    compute_join_request_mic,
    compute_js_enc_key,
    compute_js_int_key,
    compute_session_keys_1_0,
    compute_session_keys_1_1,
)

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = Path(__file__).with_name("lora_packet.cjs")
M_TYPES = (MType.UNCONFIRMED_UP, MType.UNCONFIRMED_DOWN, MType.CONFIRMED_UP, MType.CONFIRMED_DOWN)
M_TYPE_NAMES = dict(
    zip(
        M_TYPES,
        ("Unconfirmed Data Up", "Unconfirmed Data Down", "Confirmed Data Up", "Confirmed Data Down"),
        strict=True,
    )
)

Fields = dict[str, Any]


def ask(tasks: list[Fields]) -> list[Fields]:
    node = shutil.which("node")
    if node is None or not (ROOT / "node_modules" / "lora-packet").is_dir():
        pytest.skip("needs node and node_modules/lora-packet (npm install)")
    done = subprocess.run(
        [node, str(SCRIPT)], input=json.dumps(tasks), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    answers: list[Fields] = json.loads(done.stdout)
    assert len(answers) == len(tasks)
    return answers


def make_keys(rng: random.Random) -> SessionKeys:
    return SessionKeys(rng.randbytes(16), rng.randbytes(16), rng.randbytes(16), rng.randbytes(16))


def test_data_frames_of_1_0_are_read_there() -> None:
    rng = random.Random(1)
    tasks, expected = [], []
    for number in range(200):
        nwk_s_key, app_s_key = rng.randbytes(16), rng.randbytes(16)
        m_type, f_cnt = rng.choice(M_TYPES), rng.randrange(1 << 32)
        f_port = rng.choice((None, 0, 1, 100, 223))
        f_opts = b"" if f_port == 0 else rng.randbytes(rng.randrange(16))
        frm_payload = b"" if f_port is None else rng.randbytes(rng.randrange(1, 80))
        fields: Fields = {"adr": rng.random() < 0.5, "ack": rng.random() < 0.5}
        dev_addr = rng.randbytes(4)
        phy_payload = build_data_frame(
            SessionKeys.from_1_0(nwk_s_key, app_s_key),
            m_type=m_type,
            dev_addr=dev_addr,
            f_cnt=f_cnt,
            f_port=f_port,
            frm_payload=frm_payload,
            f_opts=f_opts,
            **fields,
        )
        is_broken = number % 10 == 9
        if is_broken:
            phy_payload = phy_payload[:-1] + bytes((phy_payload[-1] ^ 1,))
        tasks.append(
            {
                "task": "read_data",
                "phy_payload": phy_payload.hex(),
                "f_cnt_high": (f_cnt >> 16).to_bytes(2, "little").hex(),
                "version": "1.0",
                "f_nwk_s_int_key": nwk_s_key.hex(),
                "nwk_s_enc_key": nwk_s_key.hex(),
                "app_s_key": app_s_key.hex(),
            }
        )
        expected.append(
            fields
            | {
                "valid": not is_broken,
                "dev_addr": dev_addr.hex(),
                "f_cnt": f_cnt & 0xFFFF,
                "f_port": f_port,
                "m_type": M_TYPE_NAMES[m_type],
                "frm_payload": frm_payload.hex(),
                "f_opts": f_opts.hex(),
            }
        )
    assert ask(tasks) == expected


def test_data_frames_of_1_1_are_read_there() -> None:
    rng = random.Random(2)
    tasks, expected = [], []
    for _ in range(200):
        keys, f_cnt, m_type = make_keys(rng), rng.randrange(1 << 32), rng.choice(M_TYPES)
        is_down, ack = bool(m_type & 1), rng.random() < 0.5
        conf_f_cnt, tx_data_rate, tx_channel = rng.randrange(1 << 16), rng.randrange(16), rng.randrange(72)
        f_port = rng.choice((None, 1, 100))
        f_opts = rng.randbytes(rng.randrange(16))
        frm_payload = b"" if f_port is None else rng.randbytes(rng.randrange(1, 80))
        phy_payload = build_data_frame(
            keys,
            m_type=m_type,
            dev_addr=rng.randbytes(4),
            f_cnt=f_cnt,
            f_port=f_port,
            frm_payload=frm_payload,
            f_opts=f_opts,
            ack=ack,
            mac_version=MacVersion.V1_1,
            conf_f_cnt=conf_f_cnt,
            tx_data_rate=tx_data_rate,
            tx_channel=tx_channel,
        )
        # lora-packet swaps the counter of an uplink itself, and binds that of a downlink even without ACK
        bound = conf_f_cnt.to_bytes(2, "little" if is_down else "big") if ack else b"\0\0"
        tasks.append(
            {
                "task": "read_data",
                "phy_payload": phy_payload.hex(),
                "f_cnt_high": (f_cnt >> 16).to_bytes(2, "little").hex(),
                "version": "1.1",
                "f_nwk_s_int_key": keys.f_nwk_s_int_key.hex(),
                "s_nwk_s_int_key": keys.s_nwk_s_int_key.hex(),
                "nwk_s_enc_key": keys.nwk_s_enc_key.hex(),
                "app_s_key": keys.app_s_key.hex(),
                "bound": (bound if is_down else bound + bytes((tx_data_rate, tx_channel))).hex(),
            }
        )
        expected.append((True, frm_payload.hex(), f_opts.hex()))
    answers = ask(tasks)
    assert [(answer["valid"], answer["frm_payload"], answer["f_opts"]) for answer in answers] == expected


def test_data_frames_made_there_are_read_here() -> None:
    rng = random.Random(3)
    tasks: list[Fields] = []
    for _ in range(200):
        f_port = rng.choice((0, 1, 2, 223))
        tasks.append(
            {
                "task": "make_data",
                "m_type": int(rng.choice(M_TYPES)),
                "dev_addr": rng.randbytes(4).hex(),
                "f_cnt": rng.randrange(1, 1 << 16),
                "f_cnt_high": rng.randrange(1 << 16).to_bytes(2, "little").hex(),
                "f_port": f_port,
                "frm_payload": rng.randbytes(rng.randrange(1, 100)).hex(),
                "f_opts": "" if f_port == 0 else rng.randbytes(rng.randrange(16)).hex(),
                "adr": rng.random() < 0.5,
                "ack": rng.random() < 0.5,
                "nwk_s_key": rng.randbytes(16).hex(),
                "app_s_key": rng.randbytes(16).hex(),
            }
        )
    for task, answer in zip(tasks, ask(tasks), strict=True):
        phy_payload = bytes.fromhex(answer["phy_payload"])
        frame = parse_phy_payload(phy_payload)
        assert isinstance(frame, DataFrame)
        keys = SessionKeys.from_1_0(bytes.fromhex(task["nwk_s_key"]), bytes.fromhex(task["app_s_key"]))
        f_cnt = task["f_cnt"] | int.from_bytes(bytes.fromhex(task["f_cnt_high"]), "little") << 16
        assert is_mic_valid_1_0(phy_payload, f_cnt, keys.nwk_s_key)
        assert decrypt_frm_payload(frame, f_cnt, keys).hex() == task["frm_payload"]
        assert (int(frame.m_type), frame.dev_addr.hex()) == (task["m_type"], task["dev_addr"])
        assert (frame.f_cnt, frame.f_port, frame.f_opts.hex()) == (
            task["f_cnt"],
            task["f_port"],
            task["f_opts"],
        )
        assert (frame.adr, frame.ack) == (task["adr"], task["ack"])


def test_join_requests_both_ways() -> None:
    rng = random.Random(4)
    reading, making = [], []
    for _ in range(50):
        join_eui, dev_eui, key = rng.randbytes(8), rng.randbytes(8), rng.randbytes(16)
        nonce = rng.randrange(1 << 16)
        fields = {
            "join_eui": join_eui.hex(),
            "dev_eui": dev_eui.hex(),
            "dev_nonce": f"{nonce:04x}",
            "app_key": key.hex(),
        }
        phy_payload = build_join_request(join_eui, dev_eui, nonce, key).hex()
        reading.append({"task": "read_join_request", "phy_payload": phy_payload} | fields)
        making.append({"task": "make_join_request"} | fields)
    for task, answer in zip(reading, ask(reading), strict=True):
        assert answer["valid"]
        assert {name: task[name] for name in ("join_eui", "dev_eui", "dev_nonce")}.items() <= answer.items()
    for task, answer in zip(making, ask(making), strict=True):
        phy_payload_there = bytes.fromhex(answer["phy_payload"])
        frame = parse_phy_payload(phy_payload_there)
        assert isinstance(frame, JoinRequest)
        assert frame.mic == compute_join_request_mic(phy_payload_there, bytes.fromhex(task["app_key"]))
        assert (frame.join_eui.hex(), frame.dev_eui.hex()) == (task["join_eui"], task["dev_eui"])
        assert f"{frame.dev_nonce:04x}" == task["dev_nonce"]


def test_join_accepts_are_read_there() -> None:
    rng = random.Random(5)
    tasks, expected = [], []
    for _ in range(50):
        key = rng.randbytes(16)
        accept = JoinAccept(
            join_nonce=rng.randrange(1 << 24),
            net_id=rng.randbytes(3),
            dev_addr=rng.randbytes(4),
            rx1_dr_offset=rng.randrange(8),
            rx2_data_rate=rng.randrange(16),
            rx_delay=rng.randrange(16),
            cf_list=rng.choice((b"", rng.randbytes(15) + b"\0")),
        )
        phy_payload = build_join_accept(accept, enc_key=key)
        tasks.append({"task": "read_join_accept", "phy_payload": phy_payload.hex(), "app_key": key.hex()})
        expected.append(
            {
                "valid": True,
                "join_nonce": f"{accept.join_nonce:06x}",
                "net_id": accept.net_id.hex(),
                "dev_addr": accept.dev_addr.hex(),
                "dl_settings": f"{accept.dl_settings:02x}",
                "rx_delay": f"{accept.rx_delay:02x}",
                "cf_list": accept.cf_list.hex(),
            }
        )
    assert ask(tasks) == expected


def test_session_keys_are_the_same_there() -> None:
    rng = random.Random(6)
    tasks, expected = [], []
    for _ in range(50):
        app_key, nwk_key, net_id = rng.randbytes(16), rng.randbytes(16), rng.randbytes(3)
        join_eui, dev_eui = rng.randbytes(8), rng.randbytes(8)
        join_nonce, dev_nonce = rng.randrange(1 << 24), rng.randrange(1 << 16)
        tasks.append(
            {
                "task": "session_keys",
                "app_key": app_key.hex(),
                "nwk_key": nwk_key.hex(),
                "net_id": net_id.hex(),
                "join_eui": join_eui.hex(),
                "dev_eui": dev_eui.hex(),
                "join_nonce": f"{join_nonce:06x}",
                "dev_nonce": f"{dev_nonce:04x}",
            }
        )
        v1_0 = compute_session_keys_1_0(app_key, join_nonce, net_id, dev_nonce)
        v1_1 = compute_session_keys_1_1(nwk_key, app_key, join_nonce, join_eui, dev_nonce)
        expected.append(
            {
                "nwk_s_key_1_0": v1_0.nwk_s_key.hex(),
                "app_s_key_1_0": v1_0.app_s_key.hex(),
                "f_nwk_s_int_key": v1_1.f_nwk_s_int_key.hex(),
                "s_nwk_s_int_key": v1_1.s_nwk_s_int_key.hex(),
                "nwk_s_enc_key": v1_1.nwk_s_enc_key.hex(),
                "app_s_key": v1_1.app_s_key.hex(),
                "js_int_key": compute_js_int_key(nwk_key, dev_eui).hex(),
                "js_enc_key": compute_js_enc_key(nwk_key, dev_eui).hex(),
            }
        )
    assert ask(tasks) == expected
