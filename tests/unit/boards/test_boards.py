"""Board files: what is right loads, each way of being wrong has its own clear error."""

import json
from pathlib import Path

import pytest

import hardware.boards
from hardware.boards import BoardError, get_board_names, load_board, parse_board

DEVKIT = (Path(hardware.boards.__file__).parent / "devkit_rfm95.toml").read_text()


def test_every_board_file_loads() -> None:
    assert "devkit_rfm95" in get_board_names()
    for name in get_board_names():
        board = load_board(name)
        assert board.name == name
        assert board.sources


def test_firmware_json_holds_the_parts_and_no_prose() -> None:
    value = json.loads(load_board("devkit_rfm95").to_firmware_json())
    assert value["radio"]["dio0"] == 26
    assert value["radio"]["rx_done_late_us"] == [0, 1648, 3265, 7049, 13641, 31189]
    assert value["name"] == "devkit_rfm95"
    assert "title" not in value
    assert "sources" not in value
    assert "." not in "".join(str(number) for number in value["radio"]["rx_done_late_us"])


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("cs = 18", "cs = 35", "can't drive"),
        ("cs = 18", "cs = 6", "no free GPIO"),
        ("cs = 18", "cs = 23", "already"),
        ("cs = 18", "cs = '18'", "must be int"),
        ("cs = 18", "cs = true", "must be int"),
        ("cs = 18", "", "radio.cs is missing"),
        ("cs = 18", "cs = 18\nfoo = 1", "unknown key radio.foo"),
        ("pin = 35", "pin = 13", "not on ADC1"),
        ('chip = "sx1276"', 'chip = "sx1262"', "drives sx1276"),
        ('pa = "boost"', 'pa = "rfo"', "boost"),
        ("max_power_dbm = 20", "max_power_dbm = 22", "2..20"),
        ("[0, 1648,", "[1648,", "six values"),
        ("[0, 1648,", "[0.5, 1648,", "whole numbers"),
        ("tx_start_us = 120", "tx_start_us = -1", "0..5000"),
        ("low_hz = 862_000_000", "low_hz = 1", "137"),
        ("[mcu]", "[cpu]", "[mcu] is missing"),
        ("[mcu]", "mcu = [", "not TOML"),
        ('title = "ESP32 DevKit + RFM95W"', "", "title is missing"),
        ("[sources]", "[soorces]", "[sources] is missing"),
        ('title = "ESP32 DevKit + RFM95W"', 'title = "x"\ncolour = "red"', "unknown key 'colour'"),
    ],
)
def test_what_is_wrong_is_named(old: str, new: str, words: str) -> None:
    assert old in DEVKIT
    with pytest.raises(BoardError) as error:
        parse_board("devkit_rfm95", DEVKIT.replace(old, new, 1))
    assert words in str(error.value)
    assert "devkit_rfm95" in str(error.value)


def test_an_unknown_board_is_told_the_known_ones() -> None:
    with pytest.raises(BoardError, match="devkit_rfm95"):
        load_board("../secret")
