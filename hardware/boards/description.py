"""What a board file may say, and reading it.

A file's tables become the frozen dataclasses below, field by field; anything unknown, missing or of the
wrong type is a ``BoardError`` that names file, key and remedy.
"""

import dataclasses
import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).resolve().parent
#: GPIO numbers of the ESP32 package; 34 and up can't drive a line.
_PINS = frozenset({*range(6), *range(12, 20), *range(21, 24), *range(25, 28), *range(32, 40)})
_INPUT_ONLY = frozenset(range(34, 40))
_ADC1 = frozenset(range(32, 40))


class BoardError(ValueError):
    """A board file that can't be used; the text names file, key, rule and remedy."""


@dataclass(frozen=True)
class Mcu:
    chip: str
    cpu_hz: int
    flash_bytes: int
    psram_bytes: int


@dataclass(frozen=True)
class Spi:
    bus: int
    baud_hz: int
    sck: int
    miso: int
    mosi: int


@dataclass(frozen=True)
class Radio:
    """The radio chip, its lines and its calibration.

    ``rx_done_late_us``: six values, SF7 to SF12 at 125 kHz, from the packet's end to the RxDone edge.
    ``tx_start_us``: from the SPI write of TX mode to the first preamble chip.
    """

    chip: str
    module: str
    cs: int
    reset: int
    dio0: int
    dio1: int
    dio2: int
    pa: str
    min_power_dbm: int
    max_power_dbm: int
    tcxo: bool
    low_hz: int
    high_hz: int
    rx_done_late_us: tuple[int, ...]
    tx_start_us: int


@dataclass(frozen=True)
class Led:
    pin: int
    active_high: bool


@dataclass(frozen=True)
class Analog:
    """An ADC input; the divider before it takes ``ratio_x1000``, ``supply_uv`` feeds the sensor."""

    pin: int
    ratio_x1000: int = 1000
    supply_uv: int = 3_300_000


@dataclass(frozen=True)
class Soil:
    """A soil probe's ADC input and its reading in air and in water."""

    pin: int
    dry_uv: int
    wet_uv: int


@dataclass(frozen=True)
class Gps:
    uart: int
    baud: int
    rx: int
    tx: int


@dataclass(frozen=True)
class Board:
    """A board: its file's name, a title for people, and its parts; None where it has no such part."""

    name: str
    title: str
    mcu: Mcu
    spi: Spi
    radio: Radio
    sources: dict[str, str]
    led: Led | None = None
    battery: Analog | None = None
    temperature: Analog | None = None
    soil: Soil | None = None
    gps: Gps | None = None

    def to_firmware_json(self) -> str:
        """The board's ``/board.json``: all of it but what only people read."""
        value = dataclasses.asdict(self)
        del value["title"], value["sources"]
        parts = {key: part for key, part in value.items() if part is not None}
        return json.dumps(parts, separators=(",", ":"))


_PARTS: dict[str, tuple[type, bool]] = {
    "mcu": (Mcu, True),
    "spi": (Spi, True),
    "radio": (Radio, True),
    "led": (Led, False),
    "battery": (Analog, False),
    "temperature": (Analog, False),
    "soil": (Soil, False),
    "gps": (Gps, False),
}
_OUTPUTS = {"spi.sck", "spi.mosi", "radio.cs", "radio.reset", "led.pin", "gps.tx"}
_INPUTS = {"spi.miso", "radio.dio0", "radio.dio1", "radio.dio2", "gps.rx"}
_ANALOG = {"battery.pin", "temperature.pin", "soil.pin"}


def get_board_names() -> list[str]:
    """Names that ``load_board`` knows, sorted."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def load_board(name: str) -> Board:
    """The board described by ``<name>.toml`` of this folder; ``BoardError`` if absent or wrong."""
    if name not in get_board_names():
        raise BoardError(f"no board {name!r}: use one of {', '.join(get_board_names())}")
    return parse_board(name, (_FOLDER / f"{name}.toml").read_text(encoding="utf-8"))


def parse_board(name: str, text: str) -> Board:
    """A board from its TOML text; ``BoardError`` names what is wrong."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BoardError(f"board {name}: not TOML: {error}") from None
    parts: dict[str, Any] = {}
    for key, (kind, required) in _PARTS.items():
        table = document.pop(key, None)
        if table is None and required:
            raise BoardError(f"board {name}: table [{key}] is missing; add it")
        if table is not None:
            parts[key] = _build_part(name, key, kind, table)
    title = document.pop("title", "")
    sources = document.pop("sources", {})
    if not (isinstance(title, str) and title):
        raise BoardError(f'board {name}: title is missing; add a line title = "..."')
    said = isinstance(sources, dict) and sources and all(isinstance(text, str) for text in sources.values())
    if not said:
        raise BoardError(f"board {name}: table [sources] is missing; say where pins and numbers come from")
    if document:
        raise BoardError(f"board {name}: unknown key {sorted(document)[0]!r}; take it out")
    board = Board(name=name, title=title, sources=sources, **parts)
    _check_pins(board)
    _check_radio(board)
    return board


def _build_part(board: str, key: str, kind: type, table: object) -> Any:
    if not isinstance(table, dict):
        raise BoardError(f"board {board}: {key} must be a table")
    values: dict[str, Any] = {}
    for field in dataclasses.fields(kind):
        where = f"board {board}: {key}.{field.name}"
        if field.name not in table:
            if field.default is not dataclasses.MISSING:
                continue
            raise BoardError(f"{where} is missing; add it")
        value = table[field.name]
        if field.type == tuple[int, ...]:
            if not (isinstance(value, list) and all(type(item) is int for item in value)):
                raise BoardError(f"{where} is {value!r}; it must be a list of whole numbers")
            value = tuple(value)
        elif type(value) is not field.type:
            wanted = getattr(field.type, "__name__", field.type)
            raise BoardError(f"{where} is {value!r}; it must be {wanted}")
        values[field.name] = value
    unknown = sorted(set(table) - {field.name for field in dataclasses.fields(kind)})
    if unknown:
        raise BoardError(f"board {board}: unknown key {key}.{unknown[0]}; take it out")
    return kind(**values)


def _check_pins(board: Board) -> None:
    taken: dict[int, str] = {}
    for key in sorted(_OUTPUTS | _INPUTS | _ANALOG):
        part = getattr(board, key.split(".")[0])
        if part is None:
            continue
        pin = getattr(part, key.split(".")[1])
        where = f"board {board.name}: {key} = {pin}"
        if pin not in _PINS:
            raise BoardError(f"{where} is no free GPIO of an ESP32")
        if key in _OUTPUTS and pin in _INPUT_ONLY:
            raise BoardError(f"{where} can't drive a line; GPIO 34 to 39 are inputs only")
        if key in _ANALOG and pin not in _ADC1:
            raise BoardError(f"{where} is not on ADC1; use GPIO 32 to 39 (ADC2 stops while WiFi is on)")
        if pin in taken:
            raise BoardError(f"{where} is {taken[pin]}'s pin already")
        taken[pin] = key


def _check_radio(board: Board) -> None:
    radio = board.radio
    where = f"board {board.name}: radio"
    if radio.chip != "sx1276":
        raise BoardError(f"{where}.chip is {radio.chip!r}; the firmware drives sx1276")
    if radio.pa != "boost":
        raise BoardError(f"{where}.pa is {radio.pa!r}; the driver's power tables are for 'boost'")
    if not 2 <= radio.min_power_dbm <= radio.max_power_dbm <= 20:
        raise BoardError(f"{where}: powers must lie within 2..20 dBm, the range of PA_BOOST")
    if not 137_000_000 <= radio.low_hz < radio.high_hz <= 1_020_000_000:
        raise BoardError(f"{where}: low_hz..high_hz must lie within 137..1020 MHz")
    if len(radio.rx_done_late_us) != 6 or min(radio.rx_done_late_us) < 0:
        raise BoardError(f"{where}.rx_done_late_us needs six values, SF7 to SF12, none below 0")
    if not 0 <= radio.tx_start_us <= 5000:
        raise BoardError(f"{where}.tx_start_us is {radio.tx_start_us}; it must lie within 0..5000")
