"""Resets, failures and the serial port of a virtual board."""

import hashlib
import os
import threading
import time
from pathlib import Path

from tests.unit.virtual.board_rig import run_program

ECHO = """
import machine, micropython, time
uart = machine.UART(0, timeout=60000)
print("boot", machine.reset_cause(), machine.unique_id().hex())
while True:
    letter = uart.read(1)
    if letter == b"R":
        machine.reset()
    if letter == b"W":
        machine.WDT(timeout=50)
        while True:
            pass
    if letter == b"w":
        machine.WDT(timeout=50)
        time.sleep(60)
    if letter == b"F":
        dog = machine.WDT(timeout=200)
        for _ in range(40):
            dog.feed()
            time.sleep_ms(10)
        print("fed")
    if letter == b"Z":
        1 / 0
    if letter == b"E":
        raise SystemExit
    if letter == b"K":
        micropython.kbd_intr(-1)
        print("deaf")
        print("got", uart.read(3))
    if letter == b"k":
        micropython.kbd_intr(3)
        print("hears")
"""


def test_reset_causes_and_what_the_rom_says(tmp_path: Path) -> None:
    with run_program(tmp_path, ECHO) as rig:
        rig.read_until(b"rst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\r\n")
        first = rig.read_line("boot ") if b"\n" in rig._unread else rig.read_until(b"\r").decode()
        cause, unique_id = first.replace("boot ", "").split()
        assert cause == "1" and len(unique_id) == 12
        for letter, rom, expected in (
            (b"R", b"rst:0xc (SW_CPU_RESET)", "2"),
            (b"W", b"rst:0x8 (TG1WDT_SYS_RESET)", "3"),
            (b"w", b"rst:0x8 (TG1WDT_SYS_RESET)", "3"),
            (b"E", b"rst:0xc (SW_CPU_RESET)", "5"),
        ):
            rig.send(letter)
            rig.read_until(rom)
            assert rig.read_line("boot ") == f"{expected} {unique_id}"
        assert [fields["reason"] for event, _, fields in rig.events.lines if event == "reset"] == [
            "machine.reset",
            "watchdog",
            "watchdog",
            "soft reset",
        ]


def test_a_fed_watchdog_keeps_quiet(tmp_path: Path) -> None:
    with run_program(tmp_path, ECHO) as rig:
        rig.read_line("boot ")
        rig.send(b"F")
        rig.read_line("fed")
        assert rig.events.get_texts("reset") == []


def test_a_reset_leaves_the_radio_chip_alone(tmp_path: Path) -> None:
    program = """
import machine
from machine import Pin
reset = Pin(23, Pin.OUT, value=1)
uart = machine.UART(0, timeout=60000)
print("boot", machine.reset_cause())
uart.read(1)
machine.reset()
"""
    with run_program(tmp_path, program) as rig:
        rig.read_line("boot 1")
        rig.send(b"x")
        rig.read_line("boot 2")
        assert rig.chip.resets == [1]


def test_a_failing_program_shows_its_traceback_and_boots_again(tmp_path: Path) -> None:
    with run_program(tmp_path, ECHO) as rig:
        rig.read_line("boot ")
        rig.send(b"Z")
        text = rig.read_until(b"ZeroDivisionError: divide by zero\r\n")
        assert b'Traceback (most recent call last):\r\n  File "main.py", line 23, in <module>\r\n' in text
        assert b"_boot" not in text
        assert rig.read_line("boot ").startswith("5 ")
        assert len(rig.events.get_texts("main_failed")) == 1


def test_a_program_that_ends_is_said(tmp_path: Path) -> None:
    with run_program(tmp_path, "print('over')\n") as rig:
        rig.read_line("over")
        rig.read_line("over")
        assert rig.events.get_texts("main_ended")


def test_an_empty_flash_is_no_crash(tmp_path: Path) -> None:
    with run_program(tmp_path, "") as rig:
        rig.read_until(b"rst:0xc (SW_CPU_RESET)")
        assert rig.events.get_texts("guest_failed") == []


def test_ctrl_c_interrupts_unless_it_is_switched_off(tmp_path: Path) -> None:
    with run_program(tmp_path, ECHO) as rig:
        rig.read_line("boot ")
        rig.send(b"K")
        rig.read_line("deaf")
        rig.send(b"a\x03b")
        assert rig.read_line("got ") == r"b'a\x03b'"
        rig.send(b"k")
        rig.read_line("hears")
        rig.send(b"\x03")
        rig.read_until(b"KeyboardInterrupt")
        assert rig.read_line("boot ").startswith("5 ")
        assert len(rig.events.get_texts("interrupted")) == 1


def test_print_and_uart_keep_their_order(tmp_path: Path) -> None:
    program = """
import machine, time
uart = machine.UART(0)
print()
for i in range(300):
    print("p%d" % i)
    uart.write("u%d\\r\\n" % i)
print("done")
while True:
    time.sleep(1)
"""
    with run_program(tmp_path, program) as rig:
        rig.read_line("done")
        expected = "".join(f"p{i}\r\nu{i}\r\n" for i in range(300))
        assert expected.encode() in rig.said


def test_bulk_data_arrives_whole_both_ways(tmp_path: Path) -> None:
    program = """
import hashlib, machine, select
uart = machine.UART(0)
poll = select.poll()
poll.register(uart, select.POLLIN)
print()
print("ready")
digest, buffer, left = hashlib.sha256(), bytearray(512), 200000
while left:
    poll.poll()
    count = uart.readinto(buffer)
    digest.update(memoryview(buffer)[:count])
    uart.write(memoryview(buffer)[:count])
    left -= count
print()
print("digest", digest.digest().hex())
while True:
    poll.poll()
"""
    data = os.urandom(200_000).replace(b"\x03", b"\x04")
    with run_program(tmp_path, program) as rig:
        rig.read_line("ready")
        sender = threading.Thread(
            target=lambda: [rig.send(data[i : i + 999]) for i in range(0, 200_000, 999)]
        )
        sender.start()
        digest = rig.read_line("digest ")
        sender.join()
        assert digest == hashlib.sha256(data).hexdigest()
        assert data in rig.said


def test_unread_output_never_blocks_the_board(tmp_path: Path) -> None:
    program = """
import machine, time
uart = machine.UART(0, timeout=60000)
print("boot")
uart.read(1)
for i in range(3000):
    uart.write("%05d %s\\r\\n" % (i, "x" * 92))
pin = machine.Pin(2, machine.Pin.OUT, value=1)
uart.read(1)
print("last words")
while True:
    time.sleep(1)
"""
    with run_program(tmp_path, program) as rig:
        rig.read_line("boot")
        rig.send(b"x")
        until = time.monotonic() + 20
        while rig.device.pins.get_level(2) == 0:
            assert time.monotonic() < until, "the board hangs"
            time.sleep(0.01)
        rig.send(b"x")
        text = rig.read_until(b"last words")
        assert len(text) < 3000 * 100
        assert b"02999 xxx" in text, "the newest is what survives"
        assert len(rig.events.get_texts("unread")) == 1


def test_the_port_link_is_replaced_and_taken_away(tmp_path: Path) -> None:
    (tmp_path / "port").symlink_to("/dev/pts/of-a-board-that-was-killed")
    with run_program(tmp_path, ECHO) as rig:
        assert rig.link.resolve() == Path(rig.device.port.path)
        rig.read_line("boot ")
    assert not (tmp_path / "port").is_symlink()


def test_power_off_ends_a_busy_program(tmp_path: Path) -> None:
    with run_program(tmp_path, "print('spin')\nwhile True:\n    pass\n") as rig:
        rig.read_until(b"spin")
        started = time.monotonic()
        assert rig.device.stop()
        assert time.monotonic() - started < 1
        rig.device.stop = lambda: True  # type: ignore[method-assign]  # it is off already
