"""`hexhaul virtual board` as a process: event lines, errors, signals, memory and idle load."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import serial

COMMAND = [sys.executable, "-m", "hardware.virtual", "board"]
ECHO = """
import machine, select
uart = machine.UART(0)
poll = select.poll()
poll.register(uart, select.POLLIN)
print("hello from", machine.unique_id().hex())
while True:
    for stream, event in poll.ipoll(1000):
        uart.write(uart.read())
"""
SPIN = "while True:\n    pass\n"


class Process:
    """A board's process, its event lines read one by one."""

    def __init__(self, folder: Path, program: str, *more: str) -> None:
        firmware = folder / "firmware"
        firmware.mkdir(exist_ok=True)
        (firmware / "main.py").write_text(program)
        self.link = folder / "run" / "port"
        where = ["--flash", str(folder / "flash"), "--port-link", str(self.link)]
        self.process = subprocess.Popen(
            [*COMMAND, "--name", "b1", "--firmware", str(firmware), *where, "--json", *more],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_for(self, event: str) -> dict[str, Any]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            value: dict[str, Any] = json.loads(line)
            if value["event"] == event:
                return value
        raise AssertionError(f"it ended before {event!r}: {self.process.communicate()}")

    def get_cpu_s(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().split()
        return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")

    def get_resident_bytes(self) -> int:
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * os.sysconf(
            "SC_PAGE_SIZE"
        )


def wait_for_echo(link: Path, text: bytes) -> None:
    """Until the program echoes: what comes before it has opened its UART is lost, as on a board."""
    until = time.monotonic() + 20
    with serial.Serial(str(link), 115200, timeout=0.3) as port:
        while time.monotonic() < until:
            port.write(text)
            if port.read_until(text).endswith(text):
                return
    raise AssertionError(f"{link} does not echo")


@contextlib.contextmanager
def run_board(folder: Path, program: str, *more: str) -> Iterator[Process]:
    board = Process(folder, program, *more)
    try:
        yield board
    finally:
        board.process.kill()
        board.process.communicate()


def test_a_board_comes_up_echoes_and_ends(tmp_path: Path) -> None:
    with run_board(tmp_path, ECHO) as board:
        ready = board.wait_for("ready")
        assert (ready["service"], ready["name"], ready["port"]) == ("board", "b1", str(board.link))
        wait_for_echo(board.link, b"are you there?")
        flash = tmp_path / "flash"
        assert json.loads((flash / "board.json").read_text())["radio"]["cs"] == 18
        assert (flash / "lib" / "link.mpy").exists()
        started = time.monotonic()
        board.process.send_signal(signal.SIGTERM)
        assert board.process.wait(5) == 0
        assert time.monotonic() - started < 2
        assert not board.link.is_symlink()
        assert board.process.stderr is not None and board.process.stderr.read() == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_spinning_program_does_not_hold_up_the_end(tmp_path: Path, number: signal.Signals) -> None:
    with run_board(tmp_path, SPIN) as board:
        board.wait_for("ready")
        started = time.monotonic()
        board.process.send_signal(number)
        assert board.process.wait(5) == 0
        assert time.monotonic() - started < 2


def test_an_idle_board_costs_next_to_nothing(tmp_path: Path) -> None:
    with run_board(tmp_path, ECHO) as board:
        board.wait_for("ready")
        wait_for_echo(board.link, b"up?")
        before = board.get_cpu_s()
        time.sleep(3)  # what is measured is a stretch of time
        assert board.get_cpu_s() - before <= 0.02 * 3
        assert board.get_resident_bytes() < 90_000_000


def test_a_killed_board_comes_back_at_the_same_port(tmp_path: Path) -> None:
    with run_board(tmp_path, ECHO) as board:
        board.wait_for("ready")
        board.process.kill()
        board.process.wait()
    assert board.link.is_symlink(), "what a kill leaves behind"
    with run_board(tmp_path, ECHO) as board:
        board.wait_for("ready")
        wait_for_echo(board.link, b"again")


def test_a_walking_board_hears_its_gps(tmp_path: Path) -> None:
    program = """
import json, machine
gps = json.load(open("/board.json"))["gps"]
uart = machine.UART(gps["uart"], baudrate=gps["baud"], rx=gps["rx"], tx=gps["tx"], rxbuf=1024, timeout=5000)
while True:
    line = uart.readline()
    if line:
        print(line.decode().strip())
"""
    with run_board(tmp_path, program, "--walk", "45.07,7.68,200,1.3,1") as board:
        board.wait_for("ready")
        with serial.Serial(str(board.link), 115200, timeout=10) as port:
            assert port.read_until(b"$GPGGA,").endswith(b"$GPGGA,")
            assert b",4504" in port.readline()
            assert port.readline().startswith(b"$GPRMC,")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--firmware", "toaster"], "no firmware 'toaster'"),
        (["--board-file", "toaster"], "no board 'toaster'"),
        (["--walk", "1,2"], "write LAT,LNG,RADIUS_M,SPEED_MPS,SEED"),
        (["--analog", "35"], "write PIN=MICROVOLTS"),
        (["--flash", "/proc/none"], "/proc/none"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, options: list[str], words: str) -> None:
    usual = [
        "--name",
        "b1",
        "--firmware",
        "sensor",
        "--flash",
        str(tmp_path),
        "--port-link",
        str(tmp_path / "p"),
    ]
    done = subprocess.run(
        [*COMMAND, *usual, *options], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and words in done.stderr
