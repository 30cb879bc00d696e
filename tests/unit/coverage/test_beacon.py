"""What a beacon says: Helium's construction bit for bit."""

import json
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.coverage.beacon import (
    build_beacon_phy_payload,
    compute_beacon_data,
    compute_beacon_seed,
    compute_stock_channel_index,
    is_local_entropy_well_formed,
    parse_beacon_phy_payload,
)
from chain.coverage.chacha12 import compute_chacha12_block, iterate_chacha12_words
from hardware.lora.regions import get_region


def test_the_vectors_beacon(shared: Path) -> None:
    cases = json.loads((shared / "vectors/chain/beacon_payload.json").read_text())["cases"]
    assert cases
    for case in cases:
        public, local = bytes.fromhex(case["remote_entropy_hex"]), bytes.fromhex(case["local_entropy_hex"])
        assert compute_beacon_seed(public, case["remote_timestamp"], local).hex() == case["seed_hex"]
        data = compute_beacon_data(public, case["remote_timestamp"], local)
        assert data.hex() == case["payload_hex"]
        assert compute_stock_channel_index(data, case["n_channels"]) == case["channel_index"]
        beacon = get_region(case["region"]).beacon
        assert beacon.frequencies_hz[case["channel_index"]] == case["frequency_hz"]
        assert case["datarate"] == f"SF{beacon.get_spreading_factor(51)}BW{beacon.bandwidth_hz // 1000}"


def test_chacha12_with_a_key_of_zeros() -> None:
    # First keystream bytes of ChaCha12, 256-bit key of zeros, IV of zeros (draft-strombergson-chacha TC1).
    words = compute_chacha12_block(bytes(32), 0)
    stream = b"".join(word.to_bytes(4, "little") for word in words)
    assert stream[:16].hex() == "9bf49a6a0755f953811fce125f2683d5"


def test_words_go_on_over_blocks() -> None:
    words = list(islice(iterate_chacha12_words(bytes(range(32))), 40))
    blocks = [word for counter in range(3) for word in compute_chacha12_block(bytes(range(32)), counter)]
    assert words == blocks[:40]
    assert compute_chacha12_block(bytes(32), 1 << 32) != compute_chacha12_block(bytes(32), 0)


def test_a_seed_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        compute_chacha12_block(bytes(31), 0)


@pytest.mark.parametrize(
    ("length", "ok"),
    [(0, False), (3, False), (4, True), (5, False), (15, False), (16, True), (64, True), (65, False)],
)
def test_lengths_of_local_entropy(length: int, ok: bool) -> None:
    assert is_local_entropy_well_formed(bytes(length)) is ok
    if not ok:
        with pytest.raises(ValueError, match="local entropy"):
            compute_beacon_data(bytes(32), 0, bytes(length))


def test_wrong_public_entropy_or_time_is_refused() -> None:
    with pytest.raises(ValueError, match="public entropy"):
        compute_beacon_data(bytes(31), 0, bytes(16))
    for timestamp_s in (-1, 1 << 63):
        with pytest.raises(ValueError, match="entropy time"):
            compute_beacon_data(bytes(32), timestamp_s, bytes(16))


@given(st.binary(min_size=51, max_size=51))
def test_phy_payload_there_and_back(data: bytes) -> None:
    phy_payload = build_beacon_phy_payload(data)
    assert len(phy_payload) == 52 and phy_payload[0] == 0xE0
    assert parse_beacon_phy_payload(phy_payload) == data


@given(st.binary(max_size=60))
def test_other_frames_are_no_beacons(frame: bytes) -> None:
    data = parse_beacon_phy_payload(frame)
    assert (data is not None) == (len(frame) == 52 and frame[0] == 0xE0)
