"""What a virtual board costs and how exact it is: ``python -m tests.bench.virtual_board``.

Prints boot time, memory, idle load, the price of the operations that drivers use, and how late timers and
interrupts reach the program. Figures of a shared machine: read medians, not maxima.
"""

import re
import statistics
import tempfile
import threading
import time
from pathlib import Path

from tests.unit.virtual.board_rig import Rig, run_program
from tests.unit.virtual.test_board_process import ECHO, run_board, wait_for_echo

OPERATIONS = """
import machine, time
from machine import Pin, SPI
print()
spi = SPI(1, baudrate=8000000, sck=Pin(5), mosi=Pin(27), miso=Pin(19))
cs, two, many = Pin(18, Pin.OUT, value=0), bytearray(2), bytearray(129)
pin = Pin(2, Pin.OUT)
def measure(name, call):
    start = time.ticks_us()
    for _ in range(5000):
        call()
    print("op", name, time.ticks_diff(time.ticks_us(), start) // 50, "ns/100")
measure("ticks_us", time.ticks_us)
measure("pin", lambda: pin(1))
measure("spi_2_bytes", lambda: spi.write_readinto(two, two))
measure("spi_129_bytes", lambda: spi.write_readinto(many, many))
print("end")
while True:
    time.sleep(1)
"""
INTERRUPTS = """
import time
from machine import Pin, UART
uart = UART(0)
def answer(pin):
    uart.write(b"i")
Pin(26).irq(answer, Pin.IRQ_RISING)
print()
print("ready")
while True:
    {idle}
"""


def measure_interrupts(folder: Path, idle: str) -> str:
    latencies = []
    with run_program(folder, INTERRUPTS.replace("{idle}", idle)) as rig:
        rig.read_line("ready")
        rig.read_until(b"\n")
        for _ in range(200):
            started = time.monotonic_ns()
            rig.drive(0, 1)
            rig.read_until(b"i")
            latencies.append((time.monotonic_ns() - started) // 1000)
            rig.drive(0, 0)
    return describe(latencies)


def measure_timers(folder: Path, program: str) -> str:
    late = []
    done = threading.Event()

    def arm(rig: Rig, due_us: int) -> None:
        def fire() -> None:
            late.append(rig.scheduler.now_us() - due_us)
            if len(late) == 300:
                done.set()
            else:
                arm(rig, rig.scheduler.now_us() + 3000)

        rig.scheduler.call_at(due_us, fire)

    with run_program(folder, program) as rig:
        rig.read_line("ready")
        arm(rig, rig.scheduler.now_us() + 3000)
        assert done.wait(60)
    return describe(late)


def describe(values: list[int]) -> str:
    ordered = sorted(values)
    median, p95 = statistics.median(ordered), ordered[len(ordered) * 95 // 100]
    return f"median {median:.0f} us, 95 % {p95} us, worst {ordered[-1]} us"


def new_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="virtual-board-bench-"))


def main() -> None:
    started = time.monotonic()
    with run_board(new_folder(), ECHO) as board:
        board.wait_for("ready")
        print(f"process start to ready: {(time.monotonic() - started) * 1000:.0f} ms")
        wait_for_echo(board.link, b"up?")
        before = board.get_cpu_s()
        time.sleep(10)
        print(f"idle: {(board.get_cpu_s() - before) * 10:.2f} % of a core")
        status = Path(f"/proc/{board.process.pid}/status").read_text()
        kilobytes = dict(re.findall(r"(VmRSS|RssAnon):\s+(\d+) kB", status))
        print(f"memory: {kilobytes['VmRSS']} kB resident, {kilobytes['RssAnon']} kB of it its own")
    with run_program(new_folder(), OPERATIONS) as rig:
        for _ in range(4):
            name, count, _ = rig.read_line("op ").split()
            print(f"{name}: {int(count) / 100:.1f} us a call")
    print(f"interrupt to handler, asleep: {measure_interrupts(new_folder(), 'time.sleep_ms(1000)')}")
    print(f"interrupt to handler, busy with ticks_us: {measure_interrupts(new_folder(), 'time.ticks_us()')}")
    spin = "print()\nprint('ready')\nimport time\nwhile True:\n    time.ticks_us()\n"
    print(f"chip timers late while a program spins on ticks_us: {measure_timers(new_folder(), spin)}")
    toggle = "print()\nprint('ready')\nimport machine\np = machine.Pin(2, 3)\nwhile True:\n    p(1)\n"
    print(f"chip timers late while a program toggles a pin: {measure_timers(new_folder(), toggle)}")
    sleep = "print()\nprint('ready')\nimport time\nwhile True:\n    time.sleep(1)\n"
    print(f"chip timers late while a program sleeps: {measure_timers(new_folder(), sleep)}")


if __name__ == "__main__":
    main()
