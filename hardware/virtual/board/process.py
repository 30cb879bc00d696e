"""The process of one virtual board: ``hexhaul virtual board``."""

import os
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from hardware.boards import Board, BoardError, load_board
from hardware.virtual.board.analog import AnalogError, parse_analog
from hardware.virtual.board.device import Device
from hardware.virtual.board.flash import FlashError, collect_firmware, install
from hardware.virtual.board.gps import Gps
from hardware.virtual.board.nonvolatile import NonvolatileError
from hardware.virtual.board.scheduler import Scheduler
from hardware.virtual.board.walk import WalkError, parse_walk
from hardware.virtual.chip.sx1276 import Medium, Sx1276
from hardware.virtual.ether.client import EtherClient
from hardware.virtual.ether.emission import Emission
from hardware.virtual.event_lines import EventLines
from hardware.virtual.interpreter.build import InterpreterBuildError

#: The guest's thread asks for the interpreter lock some thousand times a second; the timers must not wait 5
#: ms for it.
SWITCH_INTERVAL_S = 0.0005
WALKER_ALTITUDE_M = 1.0


@dataclass(frozen=True)
class BoardOptions:
    """The command's options, as typed."""

    name: str
    firmware: str
    flash: Path
    port_link: Path
    ether: Path | None = None
    board_file: str = "devkit_rfm95"
    walk: str | None = None
    analog: list[str] = field(default_factory=list)
    as_json: bool = False


class BoardProcessError(Exception):
    """The board can't start; one line that names the remedy."""


class NoAntenna:
    """A medium for a board without ether: what it sends goes nowhere and it hears nothing."""

    def transmit(self, emission: Emission) -> None:
        del emission

    def cut(self, emission_id: int, at_us: int) -> None:
        del emission_id, at_us


def make_chip(board: Board, scheduler: Scheduler, medium: Medium, events: EventLines) -> Sx1276:
    """The board's radio module, its calibration as the board file says; misuse is said as ``fault`` lines."""
    radio = board.radio
    return Sx1276(
        scheduler,
        medium,
        amplifier=radio.pa,
        low_hz=radio.low_hz,
        high_hz=radio.high_hz,
        rx_done_late_us=radio.rx_done_late_us,
        tx_start_us=radio.tx_start_us,
        on_fault=lambda text: events.say("fault", f"radio: {text}"),
    )


def run_board(options: BoardOptions) -> None:
    """Run until SIGTERM or SIGINT. Raises BoardProcessError if the board can't start."""
    scheduler = Scheduler()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: scheduler.stop())
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    events = EventLines("board", options.name, options.as_json)
    try:
        device = make_device(options, scheduler, events)
    except (BoardError, WalkError, AnalogError, FlashError, NonvolatileError, InterpreterBuildError) as error:
        raise BoardProcessError(str(error)) from None
    except OSError as error:
        raise BoardProcessError(f"{error.filename}: {error.strerror}") from None
    device.start()
    text = f"{options.name}: {device.board.title} runs {options.firmware}, serial port {options.port_link}"
    events.say("ready", text, port=str(options.port_link), firmware=options.firmware, board=device.board.name)
    try:
        scheduler.run()
    except BaseException:
        # A fault of ours: the log gets the traceback, the supervisor starts the board again.
        traceback.print_exc()
        os._exit(1)
    if not device.stop():
        os._exit(0)  # the guest's thread sits in a system call: no reason to let the process wait for it
    scheduler.close()


def make_device(options: BoardOptions, scheduler: Scheduler, events: EventLines) -> Device:
    """Flash and wire the board."""
    board = load_board(options.board_file)
    walk = parse_walk(options.walk) if options.walk else None
    signals = [parse_analog(text) for text in options.analog]
    files = collect_firmware(options.firmware) | {"board.json": board.to_firmware_json().encode()}
    options.flash.mkdir(parents=True, exist_ok=True)
    install(options.flash, files)
    antenna: Medium = NoAntenna()
    if options.ether is not None:
        antenna = EtherClient(options.ether, options.name, scheduler, on_link=_make_link_line(events))
    chip = make_chip(board, scheduler, antenna, events)
    device = Device(
        name=options.name,
        board=board,
        flash=options.flash,
        port_link=options.port_link,
        scheduler=scheduler,
        chip=chip,
        signals=signals,
        events=events,
    )
    with scheduler.lock:
        if isinstance(antenna, EtherClient):
            antenna.on_signal = chip.on_signal
            antenna.start()
        if walk is not None:
            Gps(scheduler, walk, device.receive_from_gps, lambda lat, lng: _move(antenna, lat, lng))
    return device


def _make_link_line(events: EventLines) -> Callable[[bool, str], None]:
    return lambda is_up, text: events.say("ether_up" if is_up else "ether_down", text)


def _move(antenna: Medium, lat: float, lng: float) -> None:
    if isinstance(antenna, EtherClient):
        antenna.set_position(lat, lng, WALKER_ALTITUDE_M)
