"""The link's payloads from and to this folder's values: units and names here, bits and order in
``firmware.link``.
"""

import random
from collections.abc import Callable
from typing import Any

from firmware import link as frames
from hotspot_host.board_link.values import (
    BoardError,
    BoardStatus,
    Hello,
    ListenWindow,
    ReceiveConfig,
    RequestRefused,
    TransmitRefused,
    TransmitRequest,
    TransmitResult,
)


def pack_config(config: ReceiveConfig) -> bytes:
    return frames.pack_configure(
        config.frequency_hz,
        config.bandwidth_hz,
        config.spreading_factor,
        config.coding_rate,
        config.sync_word,
        frames.INVERT_IQ if config.invert_iq else 0,
    )


def pack_window(window: ListenWindow) -> bytes:
    return frames.pack_listen(
        window.start_tick & 0xFFFFFFFF,
        window.duration_us,
        window.frequency_hz,
        window.bandwidth_hz,
        window.spreading_factor,
        window.coding_rate,
        window.sync_word,
        frames.INVERT_IQ if window.invert_iq else 0,
    )


def pack_transmit(request: TransmitRequest) -> bytes:
    flags = frames.NOW if request.tick is None else 0
    flags |= frames.INVERT_IQ if request.invert_iq else 0
    flags |= frames.WITH_CRC if request.crc else 0
    return frames.pack_transmit(
        flags,
        random.getrandbits(32) if request.tick is None else request.tick & 0xFFFFFFFF,
        request.frequency_hz,
        request.bandwidth_hz,
        request.spreading_factor,
        request.coding_rate,
        request.sync_word,
        request.power_dbm,
        request.preamble_symbols,
        request.payload,
    )


def read_hello(answer: bytes) -> Hello:
    """Raises BoardError: another version of the link, or no hello at all."""
    if answer and answer[0] != frames.VERSION:
        raise BoardError(
            f"the board speaks link version {answer[0]}, this host {frames.VERSION}: "
            "update the older of the two"
        )
    values = _read(frames.unpack_hello_answer, answer)
    _, version, boot_id, tick_bits, capabilities, ring_slots, radio_ok, board, radio = values
    return Hello(
        firmware_version=".".join(map(str, version)),
        board=board.decode("utf-8", "replace"),
        radio=radio.decode("utf-8", "replace"),
        radio_ok=bool(radio_ok),
        capabilities=capabilities,
        boot_id=boot_id,
        tick_width_bits=tick_bits,
        ring_slots=ring_slots,
    )


def read_tick(answer: bytes) -> int:
    return int(_read(frames.unpack_number, answer))


def read_status(answer: bytes) -> BoardStatus:
    return BoardStatus(*_read(frames.unpack_status, answer))


def check_result(answer: bytes, what: str) -> None:
    """Raises RequestRefused unless the answer is OK; ``what`` names the request."""
    result = _read(frames.unpack_result, answer)
    if result != frames.OK:
        reason = _get_result_name(result)
        raise RequestRefused(reason, f"the board refused {what}: {reason}")


def read_transmit_answer(answer: bytes, request: TransmitRequest) -> TransmitResult:
    """Raises TransmitRefused."""
    if len(answer) == 1:  # a board without TRANSMIT, or one that couldn't read it
        raise TransmitRefused("invalid", f"the board can't read {request}")
    result, tick = _read(frames.unpack_transmit_answer, answer)
    if result != frames.OK:
        reason = _get_result_name(result)
        raise TransmitRefused(reason, f"the board refused to transmit at tick {request.tick}: {reason}")
    return TransmitResult(tick)


def _read(unpack: Callable[[bytes, int, int], Any], answer: bytes) -> Any:
    try:
        return unpack(answer, 0, len(answer))
    except frames.LinkError as error:
        raise BoardError(f"the board's answer is unreadable: {error}") from None


def _get_result_name(result: int) -> str:
    return frames.RESULT_NAMES[result] if result < len(frames.RESULT_NAMES) else f"result {result}"
