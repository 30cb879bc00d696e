"""What people write: exact amounts, places, addresses; everything else is refused in one line."""

from pathlib import Path

import h3.api.basic_int as h3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.keys import Keypair
from chain.ledger.amounts import MAX_AMOUNT
from chain.ledger.tables import DevAddrRange, EuiFilter
from chain.node.event_texts import format_hxt_exactly
from chain.wallet.values import (
    InvalidValue,
    format_usd,
    parse_dev_addr_range,
    parse_eui_filter,
    parse_gain,
    parse_hash,
    parse_hxt,
    parse_key,
    parse_payee,
    parse_place,
)
from tests.unit.chain.world import make_key

ADDRESS = make_key(1).public_key.address


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("0", 0),
        ("1", 10**8),
        ("0.1", 10_000_000),
        ("0.00000001", 1),
        ("12.5", 1_250_000_000),
        (" 007.50 ", 750_000_000),
        ("92233720368.54775807", MAX_AMOUNT),
    ],
)
def test_amounts(text: str, units: int) -> None:
    assert parse_hxt(text) == units


@pytest.mark.parametrize(
    "text",
    [
        "", ".", "1.", ".5", "-1", "+1", "1e8", "1,5", "1 000", "0.000000001", "0x10", "nan", "inf", "1.5.1",
        "1_000", "\u0661", "92233720368.54775808", "9999999999999", "1\n.5", "1.5 HXT",
    ],
)  # fmt: skip
def test_amounts_that_are_none(text: str) -> None:
    with pytest.raises(InvalidValue):
        parse_hxt(text)


@given(st.integers(0, MAX_AMOUNT))
def test_what_is_shown_can_be_typed(units: int) -> None:
    assert parse_hxt(format_hxt_exactly(units).removesuffix(" HXT")) == units


@given(st.text(max_size=20))
def test_any_text_is_an_amount_or_one_clear_error(text: str) -> None:
    try:
        assert 0 <= parse_hxt(text) <= MAX_AMOUNT
    except InvalidValue as error:
        assert "\n" not in str(error) or "\n" in text


@pytest.mark.parametrize(("text", "gain"), [("2.3", 23), ("0", 0), ("-1.5", -15), ("10", 100), ("-0.1", -1)])
def test_gains(text: str, gain: int) -> None:
    assert parse_gain(text) == gain


@pytest.mark.parametrize("text", ["", "2.35", "2,3", "--1", "1e1", "1000", "2.3 dBi", "+2"])
def test_gains_that_are_none(text: str) -> None:
    with pytest.raises(InvalidValue):
        parse_gain(text)


def test_places() -> None:
    cell = h3.latlng_to_cell(52.52, 13.405, 12)
    assert parse_place("52.52,13.405") == parse_place(" 52.52, 13.405 ") == parse_place(f"{cell:x}") == cell
    assert parse_place("-33,151") == h3.latlng_to_cell(-33, 151, 12)
    assert h3.get_resolution(parse_place("0,0", 8)) == 8


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "write latitude"),
        ("Berlin", "write latitude"),
        ("52.52", "write latitude"),
        ("91,0", "latitude is -90 to 90"),
        ("0,181", "longitude -180 to 180"),
        ("113.4,52.5", "latitude is -90 to 90"),
        ("nan,0", "write latitude"),
        ("1e2,0", "write latitude"),
        (f"{h3.latlng_to_cell(52.52, 13.405, 11):x}", "resolution 11: resolution 12 is needed"),
        ("8c1f1d48945d9fe", "write latitude"),
        ("f" * 40, "write latitude"),
        ("-1", "write latitude"),
    ],
)
def test_places_that_are_none(text: str, says: str) -> None:
    with pytest.raises(InvalidValue, match=says):
        parse_place(text)


def test_keys(tmp_path: Path) -> None:
    path = tmp_path / "some.key"
    make_key(1).save(path)
    assert parse_key(ADDRESS) == parse_key(str(path)) == make_key(1).public_key
    for text in ("", "nobody", ADDRESS[:-1], str(tmp_path), str(tmp_path / "no.key"), "\0", "x" * 5000):
        with pytest.raises(InvalidValue):
            parse_key(text)
    path.chmod(0o644)
    with pytest.raises(InvalidValue, match="chmod 600"):
        parse_key(str(path))


def test_payees() -> None:
    assert parse_payee(f"{ADDRESS}=1.5") == (make_key(1).public_key, 150_000_000)
    for text in (ADDRESS, f"{ADDRESS}:1", f"{ADDRESS}=", f"={ADDRESS}", f"{ADDRESS}=1=2", "=1"):
        with pytest.raises(InvalidValue):
            parse_payee(text)


def test_ranges_and_filters() -> None:
    assert parse_dev_addr_range("48000000-480000ff") == DevAddrRange(0x48000000, 0x480000FF)
    assert parse_dev_addr_range("48000000") == DevAddrRange(0x48000000, 0x48000000)
    assert parse_eui_filter("0123456789abcdef:*") == EuiFilter(0x0123456789ABCDEF, 0)
    for text in ("", "48", "48000000-", "48000000-48", "0x480000-480000", "-48000000", "4800000g"):
        if text != "48000000-":
            with pytest.raises(InvalidValue):
                parse_dev_addr_range(text)
    for text in ("", "*", "0123456789abcdef", "01:02", "0123456789abcdef:0123456789abcdeg"):
        with pytest.raises(InvalidValue):
            parse_eui_filter(text)


def test_hashes() -> None:
    assert parse_hash("0a" * 32, "anchor") == b"\x0a" * 32
    for text in ("", "0a" * 31, "0a" * 33, "zz" * 32, " " + "0a" * 32):
        with pytest.raises(InvalidValue, match="anchor"):
            parse_hash(text, "anchor")


@pytest.mark.parametrize(
    ("hxt", "data_credits", "price", "text"),
    [
        (0, 0, 10**8, "0.00 USD"),
        (0, 7, 10**8, "0.00007 USD"),
        (10**8, 0, 250_000_000, "2.50 USD"),
        (1, 0, 10**8, "0.00000001 USD"),
        (1, 0, 1, "0.00000001 USD"),  # a hundred-millionth of it, rounded up
        (1000 * 10**8, 50_000, 10**8, "1,000.50 USD"),
    ],
)
def test_worth(hxt: int, data_credits: int, price: int, text: str) -> None:
    assert format_usd(hxt, data_credits, price) == text


def test_a_wallets_own_file_names_its_address(tmp_path: Path) -> None:
    pair = Keypair.generate()
    pair.save(tmp_path / "wallet.key")
    assert parse_key(str(tmp_path / "wallet.key")) == pair.public_key
