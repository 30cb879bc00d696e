"""What a program on the virtual board sees of machine, time, select, cryptolib and esp32."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from hardware.virtual.board.analog import AnalogSignal
from hardware.virtual.board.device import PROGRAM_HEAP_KILOBYTES
from tests.unit.virtual.board_rig import BOARD, run_program

FOREVER = """
import time
while True:
    time.sleep_ms(1000)
"""
RADIO = BOARD.radio


def test_a_program_has_the_free_heap_of_an_esp32(tmp_path: Path) -> None:
    program = (
        "import gc, machine, time, select, cryptolib, esp32\ngc.collect()\nprint('free', gc.mem_free())\n"
    )
    with run_program(tmp_path, program + FOREVER) as rig:
        free = int(rig.read_line("free "))
    # A fresh interpreter with a heap of 110k has 108128 bytes free.
    assert PROGRAM_HEAP_KILOBYTES == 110
    assert 107_000 <= free <= 109_200


def test_memory_runs_out_as_on_a_board(tmp_path: Path) -> None:
    program = "try:\n    x = bytearray(120000)\nexcept MemoryError:\n    print('full')\n"
    with run_program(tmp_path, "print()\n" + program + FOREVER) as rig:
        rig.read_line("full")


def test_spi_frames_follow_the_select_line(tmp_path: Path) -> None:
    program = f"""
from machine import Pin, SPI
wires = dict(sck=Pin({BOARD.spi.sck}), mosi=Pin({BOARD.spi.mosi}), miso=Pin({BOARD.spi.miso}))
spi = SPI(1, baudrate=8000000, **wires)
cs = Pin({RADIO.cs}, Pin.OUT, value=1)
cs(0); spi.write(b"\\x01\\x02"); got = spi.read(2, 0x55); cs(1)
buffer = bytearray(b"\\x10\\x20\\x30")
cs(0); spi.write_readinto(buffer, buffer); cs(1)
view = memoryview(bytearray(6))
cs(0); spi.readinto(view[2:4], 0xA5); cs(1)
print("got", got, bytes(buffer), bytes(view))
cs(1); print("floating", spi.read(2))
"""
    with run_program(tmp_path, program + FOREVER) as rig:
        assert rig.read_line("got ") == str((b"\xaa\xaa", b"\xef\xdf\xcf", b"\0\0\x5a\x5a\0\0"))[
            1:-1
        ].replace("', ", "' ")
        assert rig.read_line("floating ") == str(b"\xff\xff")
        assert rig.chip.frames == [b"\x01\x02\x55\x55", b"\x10\x20\x30", b"\xa5\xa5"]
        assert rig.events.get_texts("fault") == []


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ("baudrate=20000000, sck=Pin(5), mosi=Pin(27), miso=Pin(19)", "takes up to 10000000"),
        ("baudrate=1000000, polarity=1, sck=Pin(5), mosi=Pin(27), miso=Pin(19)", "mode 0"),
        ("baudrate=1000000, sck=Pin(18), mosi=Pin(27), miso=Pin(19)", "reaches no chip"),
    ],
)
def test_wrong_wiring_is_a_fault(tmp_path: Path, settings: str, fault: str) -> None:
    program = f"from machine import Pin, SPI\nspi = SPI(1, {settings})\nprint()\nprint('done')\n"
    with run_program(tmp_path, program + FOREVER) as rig:
        rig.read_line("done")
        assert fault in rig.events.get_texts("fault")[0]


def test_pins_that_do_not_exist_are_refused(tmp_path: Path) -> None:
    program = """
from machine import Pin
for wrong in ("Pin(7)", "Pin(40)", "Pin(36, Pin.OUT)"):
    try:
        eval(wrong)
    except ValueError as error:
        print("refused", wrong, error)
print("same", Pin(5) is Pin(5))
"""
    with run_program(tmp_path, program + FOREVER) as rig:
        assert [rig.read_line("refused ") for _ in range(3)] == [
            "Pin(7) invalid pin",
            "Pin(40) invalid pin",
            "Pin(36, Pin.OUT) pin can only be input",
        ]
        assert rig.read_line("same ") == "True"


def test_an_interrupt_sees_the_instant_of_its_edge(tmp_path: Path) -> None:
    program = f"""
import time
from machine import Pin
stamps = []
pin = Pin({RADIO.dio0}, Pin.IN)
pin.irq(lambda p: stamps.append((time.ticks_us(), p is pin, p())), Pin.IRQ_RISING)
print()
print("ready", time.ticks_us())
while not stamps:
    time.sleep_ms(40)
print("stamp", *stamps[0])
print("now", time.ticks_diff(time.ticks_us(), stamps[0][0]))
"""
    with run_program(tmp_path, program + FOREVER) as rig:
        rig.read_until(b"ready ")
        edge_us = rig.scheduler.now_us() - 30_000  # told 30 ms late, as a busy machine may
        rig.drive(0, 1, edge_us)
        stamp, is_same_pin, level = rig.read_line("stamp ").split()
        assert (is_same_pin, level) == ("True", "1")
        boot_us = rig.device._operations._boot_us  # type: ignore[union-attr]
        assert int(stamp) == (edge_us - boot_us) % 2**30
        # After the handler the clock runs on.
        assert 30_000 <= int(rig.read_line("now ")) < 500_000


def test_falling_edges_and_switched_off_interrupts_do_nothing(tmp_path: Path) -> None:
    program = f"""
import time
from machine import Pin, UART
seen = []
a, b = Pin({RADIO.dio0}), Pin({RADIO.dio1})
a.irq(lambda p: seen.append(0), Pin.IRQ_RISING)
b.irq(lambda p: seen.append(1), Pin.IRQ_FALLING)
uart = UART(0)
print()
print("ready")
while len(seen) < 2:
    time.sleep_ms(20)
a.irq(None)
print("seen", seen)
"""
    with run_program(tmp_path, program + FOREVER) as rig:
        rig.read_line("ready")
        for level in (1, 0):
            rig.drive(0, level)
            rig.drive(1, level)
        assert rig.read_line("seen ") == "[0, 1]"


def test_a_failing_handler_is_reported_and_the_program_goes_on(tmp_path: Path) -> None:
    program = f"""
import time
from machine import Pin
pin = Pin({RADIO.dio0})
pin.irq(lambda p: 1 // 0, Pin.IRQ_RISING)
print()
print("ready")
for _ in range(40):
    time.sleep_ms(5)
print("alive")
"""
    with run_program(tmp_path, program + FOREVER) as rig:
        rig.read_line("ready")
        rig.drive(0, 1)
        rig.read_until(b"ZeroDivisionError: divide by zero")
        rig.read_line("alive")


def test_poll_wakes_for_bytes_interrupts_and_deadlines(tmp_path: Path) -> None:
    program = f"""
import io, select, time
from machine import Pin, UART
class Flag(io.IOBase):
    is_set = False
    def ioctl(self, request, argument):
        return argument & 1 if request == 3 and self.is_set else 0
flag, uart = Flag(), UART(0)
def rise(pin):
    flag.is_set = True
Pin({RADIO.dio0}).irq(rise, Pin.IRQ_RISING)
poll = select.poll()
poll.register(flag, select.POLLIN)
poll.register(uart, select.POLLIN)
start = time.ticks_ms()
print()
print("nothing", poll.poll(150), time.ticks_diff(time.ticks_ms(), start) >= 150)
print("waits for an edge")
start = time.ticks_ms()
print("edge", [(o is flag, e) for o, e in poll.poll(10000)], time.ticks_diff(time.ticks_ms(), start) < 9000)
flag.is_set = False
print("waits for bytes")
print("bytes", [(o is uart, e) for o, e in poll.ipoll(-1)], uart.any(), uart.read())
poll.unregister(uart)
print("unregistered", poll.poll(0))
"""
    with run_program(tmp_path, program + FOREVER) as rig:
        assert rig.read_line("nothing ") == "[] True"
        rig.read_until(b"waits for an edge")
        rig.drive(0, 1)
        assert rig.read_line("edge ") == "[(True, 1)] True"
        rig.read_until(b"waits for bytes")
        rig.send(b"abc")
        assert rig.read_line("bytes ") == "[(True, 1)] 3 b'abc'"
        assert rig.read_line("unregistered ") == "[]"


def test_time_runs_as_on_an_esp32(tmp_path: Path) -> None:
    program = """
import time
print()
print("epoch", time.gmtime(0), time.mktime((2026, 11, 24, 13, 50, 7, 0, 0)), 0 <= time.time() < 10)
start = time.ticks_us()
time.sleep_ms(50)
time.sleep_us(700)
slept = time.ticks_diff(time.ticks_us(), start)
print("slept", 50700 <= slept < 300000, slept)
last = (1 << 30) - 1
print("wrap", time.ticks_diff(time.ticks_add(0, 5), time.ticks_add(0, -5)), time.ticks_add(0, -1) == last)
"""
    with run_program(tmp_path, program + FOREVER) as rig:
        assert rig.read_line("epoch ") == "(2000, 1, 1, 0, 0, 0, 5, 1) 848843407 True"
        assert rig.read_line("slept ").startswith("True")
        assert rig.read_line("wrap ") == "10 True"


def test_ticks_wrap_at_two_to_the_thirty(tmp_path: Path) -> None:
    program = """
import time
from machine import UART
uart = UART(0, timeout=20000)
print()
print("ready")
uart.read(1)
a = time.ticks_us()
time.sleep_ms(300)
b = time.ticks_us()
print("ticks", a > b, 300000 <= time.ticks_diff(b, a) < 2000000)
"""
    with run_program(tmp_path, program + FOREVER) as rig:
        rig.read_line("ready")
        with rig.scheduler.lock:  # 100 ms before the counter wraps
            operations = rig.device._operations
            assert operations is not None
            operations._boot_us = rig.scheduler.now_us() - (1 << 30) + 100_000
        rig.send(b"x")
        assert rig.read_line("ticks ") == "True True"


def test_timers_fire_once_or_again(tmp_path: Path) -> None:
    program = """
import time
from machine import Timer
once, again = [], []
Timer(0).init(period=20, mode=Timer.ONE_SHOT, callback=lambda t: once.append(1))
timer = Timer(1, period=10, callback=lambda t: again.append(time.ticks_us()))
while len(again) < 5:
    time.sleep_ms(5)
timer.deinit()
time.sleep_ms(30)
print()
print("fired", len(once), [(b - a) for a, b in zip(again, again[1:])][:3])
"""
    with run_program(tmp_path, program + FOREVER) as rig:
        assert rig.read_line("fired ") == "1 [10000, 10000, 10000]"


def test_adc_reads_signals_through_its_attenuation(tmp_path: Path) -> None:
    program = """
from machine import ADC, Pin
print()
print("uv", ADC(Pin(35), atten=ADC.ATTN_11DB).read_uv(), ADC(Pin(35)).read_uv(), ADC(36).read_uv())
print("raw", ADC(35, atten=3).read_u16(), ADC(35, atten=3).read())
try:
    ADC(Pin(5))
except ValueError as error:
    print("refused", error)
"""
    with run_program(tmp_path, program + FOREVER, [AnalogSignal(35, 1_950_000)]) as rig:
        assert rig.read_line("uv ") == "1950000 950000 0"
        assert rig.read_line("raw ") == f"{1950000 * 65535 // 3100000} {(1950000 * 65535 // 3100000) >> 4}"
        assert rig.read_line("refused ") == "invalid pin"


def test_aes_agrees_with_cryptography(tmp_path: Path) -> None:
    program = """
import cryptolib
key, iv, data = bytes(range(16)), bytes(range(100, 116)), bytes(range(48))
print()
print("ecb", cryptolib.aes(key, 1).encrypt(data).hex())
chained = cryptolib.aes(key + key, 2, iv)
print("cbc", (chained.encrypt(data[:16]) + chained.encrypt(data[16:])).hex())
buffer = bytearray(cryptolib.aes(key, 1).encrypt(data))
cryptolib.aes(key, 1).decrypt(buffer, buffer)
print("back", buffer == data)
chained = cryptolib.aes(key, 2, iv)
whole = cryptolib.aes(key, 2, iv).encrypt(data)
print("chain", chained.decrypt(whole[:32]) + chained.decrypt(whole[32:]) == data)
cipher = cryptolib.aes(key, 1)
cipher.encrypt(data)
for wrong in (lambda: cipher.decrypt(data), lambda: cryptolib.aes(key, 1).encrypt(b"x"),
              lambda: cryptolib.aes(b"short", 1), lambda: cryptolib.aes(key, 3)):
    try:
        wrong()
    except ValueError as error:
        print("refused", error)
"""
    key, vector, data = bytes(range(16)), bytes(range(100, 116)), bytes(range(48))

    def encrypt(key: bytes, mode: modes.Mode) -> str:
        context = Cipher(algorithms.AES(key), mode).encryptor()
        return (context.update(data) + context.finalize()).hex()

    with run_program(tmp_path, program + FOREVER) as rig:
        assert rig.read_line("ecb ") == encrypt(key, modes.ECB())
        assert rig.read_line("cbc ") == encrypt(key + key, modes.CBC(vector))
        assert rig.read_line("back ") == "True"
        assert rig.read_line("chain ") == "True"
        assert [rig.read_line("refused ") for _ in range(4)] == [
            "can't encrypt & decrypt",
            "blksize % 16",
            "key",
            "mode",
        ]


def test_nvs_keeps_what_was_committed(tmp_path: Path) -> None:
    program = """
import esp32
from machine import UART, reset
nvs, uart = esp32.NVS("sensor"), UART(0, timeout=60000)
print()
try:
    buffer = bytearray(8)
    print("found", nvs.get_i32("count"), nvs.get_blob("key", buffer), buffer)
except OSError as error:
    print("found", error.errno)
    nvs.set_i32("count", -2000000000)
    nvs.set_blob("key", b"\\x01\\x02")
    nvs.commit()
    nvs.set_i32("count", 8)
for wrong in (lambda: nvs.set_i32("a name of 16 long", 1), lambda: nvs.get_blob("key", bytearray(1)),
              lambda: nvs.get_i32("key"), lambda: esp32.NVS("")):
    try:
        wrong()
    except OSError as error:
        print("refused", error.errno)
uart.read(1)
reset()
"""
    with run_program(tmp_path, program) as rig:
        assert rig.read_line("found ") == "-4354"
        assert [rig.read_line("refused ") for _ in range(4)] == ["-4361", "-4364", "-4354", "-4358"]
        rig.send(b"x")
        assert rig.read_line("found ") == str((-2000000000, 2, bytearray(b"\1\2\0\0\0\0\0\0")))[1:-1].replace(
            ", ", " "
        )


def test_random_bytes_differ(tmp_path: Path) -> None:
    program = """
import os, random
print()
print("random", os.urandom(8) != os.urandom(8), 0 <= random.getrandbits(8) < 256)
"""
    with run_program(tmp_path, program + FOREVER) as rig:
        assert rig.read_line("random ") == "True True"


def test_standard_input_is_the_serial_port(tmp_path: Path) -> None:
    program = """
import select, sys
print()
print("ready", sys.platform)
poll = select.poll()
poll.register(sys.stdin, select.POLLIN)
print("polled", len(poll.poll(20000)))
print("read", sys.stdin.read(2), sys.stdin.buffer.read(1), sys.stdin.readline())
"""
    with run_program(tmp_path, program + FOREVER) as rig:
        assert rig.read_line("ready ") == "esp32"
        rig.send(b"abcd\n")
        assert rig.read_line("polled ") == "1"
        assert rig.read_line("read ") == "ab b'c' d"
