"""The boards one can buy: pins, parts and wiring, one TOML file a board.

``load_board`` reads and checks one; ``Board.to_firmware_json`` is what goes onto the board's flash as
``/board.json``. Whoever flashes, simulates or describes a board reads it from here. Imports nothing of ours.
"""

from hardware.boards.description import (
    Analog,
    Board,
    BoardError,
    Gps,
    Led,
    Mcu,
    Radio,
    Soil,
    Spi,
    get_board_names,
    load_board,
    parse_board,
)

__all__ = [
    "Analog",
    "Board",
    "BoardError",
    "Gps",
    "Led",
    "Mcu",
    "Radio",
    "Soil",
    "Spi",
    "get_board_names",
    "load_board",
    "parse_board",
]
