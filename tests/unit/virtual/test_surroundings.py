"""Pins, analog signals, SPI settings, the scheduler, event lines: the parts around the guest."""

import json
import os
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.virtual.board import flash
from hardware.virtual.board.analog import AnalogError, AnalogSignal, measure, parse_analog
from hardware.virtual.board.flash import FlashError, build_rom, collect_firmware, compile_file, install
from hardware.virtual.board.pins import EVENT_KEYBOARD, EVENT_PIN, Events, Pins
from hardware.virtual.board.scheduler import Scheduler
from hardware.virtual.board.uart import Uart
from hardware.virtual.event_lines import EventLines


def test_pins_levels_follow_who_drives() -> None:
    pins = Pins(Events(lambda: None))
    told: list[int] = []
    pins.on_output[18] = told.append
    pins.reset()
    assert told == [1], "a select line is pulled up while nobody drives it"
    pins.configure(18, 3, -1, 0)
    pins.set_output(18, 0)
    pins.set_output(18, 1)
    assert told == [1, 0, 1]
    assert pins.get_level(26) == 0
    pins.configure(26, 1, 2, -1)
    assert pins.get_level(26) == 1
    pins.drive(26, 0, 5)
    assert pins.get_level(26) == 0
    pins.configure(4, 7, -1, 1)
    assert pins.get_level(4) == 1
    pins.set_output(4, 0)
    assert pins.get_level(4) == 0
    with pytest.raises(ValueError, match="input only"):
        pins.configure(36, 3, -1, -1)


def test_interrupts_are_bounded_and_the_keyboard_goes_first() -> None:
    events = Events(lambda: None)
    pins = Pins(events)
    pins.set_trigger(26, 1)
    for at_us in range(10):
        pins.drive(26, 1, at_us)
        pins.drive(26, 0, at_us)
    events.put(EVENT_KEYBOARD, 0, 0)
    taken = []
    while (event := events.take()) is not None:
        taken.append(event)
    assert taken == [(EVENT_KEYBOARD, 0, 0), *((EVENT_PIN, 26, at_us) for at_us in range(8))]
    assert events.lost == 2
    assert not events


@pytest.mark.parametrize("text", ["", "35", "35=", "35=1:2", "x=1", "35=1:2:0", "35=1:2:nan", "5=1"])
def test_bad_signals_are_refused(text: str) -> None:
    with pytest.raises(AnalogError, match="analog signal"):
        parse_analog(text)


@given(st.floats(0, 4e9))
def test_signals_swing_about_their_level(time_s: float) -> None:
    signal = parse_analog("35=1000:400:60")
    assert signal == AnalogSignal(35, 1000, 400, 60.0)
    assert 600 <= signal.get_uv(time_s) <= 1400
    assert parse_analog("35=1000").get_uv(time_s) == 1000


def test_signals_reach_their_peaks_and_the_adc_its_ends() -> None:
    signal = parse_analog("35=1000:400:60")
    assert (signal.get_uv(15), signal.get_uv(45)) == (1400, 600)
    assert parse_analog("35=0:400:60").get_uv(45) == 0
    assert measure(5_000_000, 3) == (3_100_000, 65535)
    assert measure(475_000, 0) == (475_000, 32767)


def test_uart_loses_what_its_buffer_cannot_hold() -> None:
    uart = Uart()
    uart.open(9600, 32, (-1, -1))
    uart.receive(bytes(30))
    uart.receive(b"abcd")
    assert uart.lost_bytes == 2
    assert uart.take(100) == bytes(30) + b"ab"
    uart.receive(b"x")
    uart.open(9600, 32, (-1, -1))
    assert uart.take(1) == b""


def test_timers_run_in_order_never_early_and_not_when_cancelled() -> None:
    scheduler = Scheduler()
    ran: list[tuple[str, int]] = []
    now_us = scheduler.now_us()

    def note(name: str) -> None:
        ran.append((name, scheduler.now_us() - now_us))

    scheduler.call_at(now_us + 30_000, scheduler.stop)
    scheduler.call_at(now_us + 20_000, lambda: note("second"))
    scheduler.call_at(now_us + 20_000, lambda: note("third"))
    scheduler.cancel(scheduler.call_at(now_us + 15_000, lambda: note("cancelled")))
    scheduler.call_at(now_us + 10_000, lambda: note("first"))
    scheduler.run()
    scheduler.close()
    assert [name for name, _ in ran] == ["first", "second", "third"]
    assert all(at_us >= due for (_, at_us), due in zip(ran, (10_000, 20_000, 20_000), strict=True))


def test_another_thread_s_timer_ends_a_long_sleep() -> None:
    scheduler = Scheduler()
    scheduler.call_at(scheduler.now_us() + 60_000_000, scheduler.stop)
    thread = threading.Thread(target=scheduler.run)
    thread.start()
    scheduler.call_at(scheduler.now_us() + 1000, scheduler.stop)
    thread.join(5)
    assert not thread.is_alive()
    scheduler.close()


def test_readers_and_writers_are_called_while_registered() -> None:
    scheduler = Scheduler()
    read_end, write_end = os.pipe()
    seen: list[bytes] = []

    def read() -> None:
        seen.append(os.read(read_end, 10))
        if seen[-1] == b"2":
            scheduler.remove_reader(read_end)
            scheduler.call_at(scheduler.now_us() + 5000, scheduler.stop)
        os.write(write_end, b"2")

    def write() -> None:
        os.write(write_end, b"1")
        scheduler.remove_writer(write_end)

    scheduler.add_reader(read_end, read)
    scheduler.add_writer(write_end, write)
    scheduler.run()
    assert seen == [b"1", b"2"]
    scheduler.close()
    os.close(read_end)
    os.close(write_end)


def test_event_lines_in_both_forms(capsys: pytest.CaptureFixture[str]) -> None:
    EventLines("board", "b1", as_json=True).say("ready", "it is up", port=Path("/x"))
    EventLines("board", "b1").say("ready", "it is up", port="/x")
    first, second = capsys.readouterr().out.splitlines()
    line = json.loads(first)
    assert {key: line[key] for key in line if key != "time"} == {
        "service": "board", "name": "b1", "event": "ready", "text": "it is up", "port": "/x",
    }  # fmt: skip
    assert second == "it is up"


def test_the_firmware_on_the_flash(tmp_path: Path) -> None:
    for name in flash.FIRMWARE_NAMES:
        files = collect_firmware(name)
        assert files["main.py"] == (flash.FIRMWARE_FOLDER / name / "main.py").read_bytes()
        assert files["lib/link.mpy"][:2] == b"M\x06", "mpy version 6"
        assert "lib/sx1276.mpy" in files and "lib/__init__.mpy" not in files
    (tmp_path / "config.json").write_text("mine")
    install(tmp_path, files)
    before = (tmp_path / "lib" / "link.mpy").stat()
    install(tmp_path, files)
    assert (tmp_path / "lib" / "link.mpy").stat().st_mtime_ns == before.st_mtime_ns
    assert (tmp_path / "config.json").read_text() == "mine"
    assert not list(tmp_path.rglob("*.tmp"))


def test_what_cannot_be_compiled_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(FlashError, match="no firmware"):
        collect_firmware(str(tmp_path))
    wrong = tmp_path / "wrong.py"
    wrong.write_text("def f(:\n")
    with pytest.raises(FlashError, match=r"wrong\.py: SyntaxError"):
        compile_file(wrong)
    wrong.write_text("x = 1\n")
    assert compile_file(wrong) == compile_file(wrong)


def test_the_rom_is_built_once() -> None:
    rom = build_rom()
    names = {path.stem for path in rom.iterdir()}
    assert {"_boot", "_bridge", "machine", "time", "select", "cryptolib", "esp32"} == names
    started = time.monotonic()
    assert build_rom() == rom
    assert time.monotonic() - started < 1
