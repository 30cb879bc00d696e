"""Frames of real networks: parsed as their own network servers parsed them, opened with the keys that are
known.
"""

import base64
import csv
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from router.lorawan.data_crypto import SessionKeys, decrypt_frm_payload, is_mic_valid_1_0
from router.lorawan.frame_counter import CounterVerdict, classify_f_cnt, compute_full_f_cnt
from router.lorawan.frames import DataFrame, Direction, Frame, JoinRequest, parse_phy_payload
from router.lorawan.gwmp import CrcStatus, PushData, decode_datagram
from router.lorawan.mac_command_stream import encode_mac_commands, parse_mac_commands


def read(shared: Path, *parts: str) -> Path:
    path = shared.joinpath("data", *parts)
    if not path.is_file():
        pytest.skip(f"no recording {path}")
    return path


def test_pisa_is_opened_with_its_keys(shared: Path) -> None:
    folder = read(shared, "gwmp_pisa_known_keys", "session_keys.json").parent
    published = json.loads((folder / "session_keys.json").read_text())
    keys = SessionKeys.from_1_0(bytes.fromhex(published["nwk_s_key"]), bytes.fromhex(published["app_s_key"]))
    with (folder / "expected_first600.csv").open() as rows:
        expected = {int(row["line"]): row for row in csv.DictReader(rows)}
    opened = 0
    for number, line in enumerate((folder / "rxpk_first600.jsonl").read_bytes().splitlines(), 1):
        push = decode_datagram(b"\2\0\0\0" + bytes(8) + line)
        assert isinstance(push, PushData)
        (rxpk,) = push.rxpks
        row = expected[number]
        assert int(rxpk.crc) == int(row["stat"])
        if rxpk.crc != CrcStatus.OK:
            continue
        frame = parse_phy_payload(rxpk.phy_payload)
        assert isinstance(frame, DataFrame)
        assert is_mic_valid_1_0(rxpk.phy_payload, frame.f_cnt, keys.nwk_s_key)
        assert (frame.dev_addr.hex(), frame.f_cnt, frame.f_port) == (
            row["devaddr"],
            int(row["fcnt"]),
            int(row["fport"]),
        )
        assert decrypt_frm_payload(frame, frame.f_cnt, keys).hex() == row["plaintext_hex"]
        opened += 1
    assert opened == 241


def check_data(frame: Frame, ttn: dict[str, Any]) -> DataFrame:
    assert isinstance(frame, DataFrame)
    mac, header = ttn["mac_payload"], ttn["mac_payload"]["f_hdr"]
    control = header.get("f_ctrl", {})
    assert frame.m_type.name == ttn["m_hdr"]["m_type"]
    assert frame.dev_addr.hex().upper() == header["dev_addr"]
    assert frame.f_cnt == header.get("f_cnt", 0)
    assert frame.f_opts == base64.b64decode(header.get("f_opts", ""))
    assert frame.frm_payload == base64.b64decode(mac.get("frm_payload", ""))
    assert (frame.f_port or 0) == mac.get("f_port", 0)
    assert frame.mic == base64.b64decode(ttn["mic"])
    assert (frame.adr, frame.ack) == (control.get("adr", False), control.get("ack", False))
    if frame.is_uplink:
        assert frame.adr_ack_req == control.get("adr_ack_req", False)
    return frame


def test_binghamton_is_parsed_as_its_network_server_did(shared: Path) -> None:
    uplinks, downlinks, joins, commands, retransmissions = 0, 0, 0, 0, 0
    next_expected: dict[bytes, int] = {}
    with gzip.open(read(shared, "ttn_live_binghamton", "ttn_events.jsonl.gz")) as lines:
        for line in lines:
            event = json.loads(line)
            data = event.get("data", {})
            if "raw_payload" not in data:
                continue
            frame = parse_phy_payload(base64.b64decode(data["raw_payload"]))
            if event["name"] == "ns.up.join.process":
                join = data["payload"]["join_request_payload"]
                assert isinstance(frame, JoinRequest)
                assert frame.join_eui.hex().upper() == join["join_eui"]
                assert frame.dev_eui.hex().upper() == join["dev_eui"]
                assert f"{frame.dev_nonce:04X}" == join["dev_nonce"]
                joins += 1
                continue
            frame = check_data(frame, data["payload"])
            read_commands = parse_mac_commands(frame.f_opts, frame.direction)
            assert read_commands.unread == b""
            assert encode_mac_commands(read_commands.commands) == frame.f_opts
            commands += len(read_commands.commands)
            if frame.direction is Direction.DOWN:
                downlinks += 1
                continue
            uplinks += 1
            expected = next_expected.get(frame.dev_addr, 0)
            full = compute_full_f_cnt(expected, frame.f_cnt)
            assert full == data["payload"]["mac_payload"].get("full_f_cnt", 0)
            retransmissions += classify_f_cnt(expected, full) is CounterVerdict.RETRANSMISSION
            next_expected[frame.dev_addr] = full + 1
    assert (uplinks, downlinks, joins) == (354, 355, 9)
    assert commands > 100 and retransmissions > 0
