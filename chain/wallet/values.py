"""Values as people write them: amounts, places, addresses. Parsed exactly; what isn't exact is refused.

Amounts of HXT are decimal numbers and become base units by their digits, never by floating point: 0.1 is
10,000,000 of them, not almost. A place is latitude and longitude, or the H3 cell itself.
"""

from __future__ import annotations

import re
from pathlib import Path

import h3.api.basic_int as h3

from chain.keys import InvalidPublicKey, KeyFileError, PublicKey, read_public_key
from chain.ledger.amounts import DATA_CREDITS_PER_USD, HXT_UNITS, MAX_AMOUNT, PRICE_SCALE
from chain.ledger.tables import DevAddrRange, EuiFilter

LOCATION_RESOLUTION = 12

_HXT = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,8}))?", re.ASCII)
_GAIN = re.compile(r"(-?)([0-9]{1,3})(?:\.([0-9]))?", re.ASCII)
_NUMBER = r"[+-]?[0-9]{1,3}(?:\.[0-9]{1,15})?"
_PLACE = re.compile(rf"({_NUMBER})\s*,\s*({_NUMBER})", re.ASCII)
_CELL = re.compile(r"[0-9a-fA-F]{15,16}", re.ASCII)
_USD_UNITS = 10**8


class InvalidValue(ValueError):
    """What somebody wrote can't be what they meant; the message says how to write it."""


def parse_hxt(text: str) -> int:
    """Base units of an amount such as "12.5". Raises InvalidValue."""
    match = _HXT.fullmatch(text.strip())
    if match is None:
        raise InvalidValue(f"amount {text!r}: write whole HXT with at most 8 decimals, as 12.5")
    units = int(match[1]) * HXT_UNITS + int((match[2] or "").ljust(8, "0"))
    if units > MAX_AMOUNT:
        raise InvalidValue(f"amount {text!r} is more than can ever exist")
    return units


def parse_gain(text: str) -> int:
    """Antenna gain in dBi x 10, of a number such as "2.3". Raises InvalidValue."""
    match = _GAIN.fullmatch(text.strip())
    if match is None:
        raise InvalidValue(f"gain {text!r}: write dBi with at most one decimal, as 2.3")
    gain = int(match[2]) * 10 + int(match[3] or 0)
    return -gain if match[1] else gain


def parse_place(text: str, resolution: int = LOCATION_RESOLUTION) -> int:
    """H3 cell of "latitude,longitude", or of a cell's own number of that resolution. Raises InvalidValue."""
    text = text.strip()
    match = _PLACE.fullmatch(text)
    if match is not None:
        latitude, longitude = float(match[1]), float(match[2])
        if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
            raise InvalidValue(
                f"place {text!r}: latitude is -90 to 90 and comes first, longitude -180 to 180"
            )
        return int(h3.latlng_to_cell(latitude, longitude, resolution))
    cell = int(text, 16) if _CELL.fullmatch(text) else 0
    if not h3.is_valid_cell(cell):
        raise InvalidValue(f"place {text!r}: write latitude,longitude as 52.52,13.405, or an H3 cell")
    if h3.get_resolution(cell) != resolution:
        raise InvalidValue(
            f"H3 cell {text} has resolution {h3.get_resolution(cell)}: resolution {resolution} is needed"
        )
    return cell


def parse_key(text: str) -> PublicKey:
    """An address, or whose key a file holds. Raises InvalidValue."""
    try:
        if Path(text).is_file():
            return read_public_key(text)[0]
        return PublicKey.from_address(text)
    except (InvalidPublicKey, KeyFileError) as error:
        raise InvalidValue(str(error)) from error
    except (OSError, ValueError) as error:
        raise InvalidValue(f"{text!r} is neither an address nor a key file") from error


def parse_payee(text: str) -> tuple[PublicKey, int]:
    """ "ADDRESS=AMOUNT". Raises InvalidValue."""
    address, sign, amount = text.partition("=")
    if not sign:
        raise InvalidValue(f"payee {text!r}: write ADDRESS=AMOUNT, as 1abc...=12.5")
    return parse_key(address), parse_hxt(amount)


def parse_dev_addr_range(text: str) -> DevAddrRange:
    """ "48000000-480000ff" or a single DevAddr. Raises InvalidValue."""
    start, _, end = text.partition("-")
    return DevAddrRange(_parse_hex(start, 8, "DevAddr"), _parse_hex(end or start, 8, "DevAddr"))


def parse_eui_filter(text: str) -> EuiFilter:
    """ "JOINEUI:DEVEUI", "*" for any. Raises InvalidValue."""
    join_eui, sign, dev_eui = text.partition(":")
    if not sign:
        raise InvalidValue(f"filter {text!r}: write JOINEUI:DEVEUI in hex, * for any")
    return EuiFilter(*(0 if part == "*" else _parse_hex(part, 16, "EUI") for part in (join_eui, dev_eui)))


def parse_hash(text: str, what: str) -> bytes:
    """32 bytes in hex. Raises InvalidValue."""
    if re.fullmatch(r"[0-9a-fA-F]{64}", text, re.ASCII) is None:
        raise InvalidValue(f"{what} {text!r}: write 64 hex digits")
    return bytes.fromhex(text)


def format_usd(hxt: int, data_credits: int, hxt_price: int) -> str:
    """Worth of both together, rounded up to 10^-8 USD: "0.50008 USD"."""
    units = -(-hxt * hxt_price * _USD_UNITS // (HXT_UNITS * PRICE_SCALE))
    units += data_credits * (_USD_UNITS // DATA_CREDITS_PER_USD)
    whole, fraction = divmod(units, _USD_UNITS)
    return f"{whole:,}.{f'{fraction:08d}'.rstrip('0').ljust(2, '0')} USD"


def _parse_hex(text: str, digits: int, what: str) -> int:
    if re.fullmatch(rf"[0-9a-fA-F]{{{digits}}}", text, re.ASCII) is None:
        raise InvalidValue(f"{what} {text!r}: write {digits} hex digits")
    return int(text, 16)
