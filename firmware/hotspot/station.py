# A hotspot's board: the loop, and the host's requests.
#
# One turn of the loop: what the radio has; what is due; one packet to the host; then sleep in select.poll
# until a byte, an interrupt or the next deadline. While a host says hello every few seconds, the UART is
# the link. Without one it is back at 115200 baud, where a Ctrl-C ends the loop and leaves the REPL; the
# radio goes on filling the ring meanwhile.

import gc
import os
import select
import struct
import time

import link
import machine
import micropython
from air import Air
from deadlines import Deadlines
from irq_flag import IrqFlag
from machine import SPI, UART, Pin
from micropython import const
from packet_ring import PacketRing
from sx1276 import Sx1276
from tick_clock import TickClock

FIRMWARE_VERSION = (0, 1, 0)

_SLOTS = const(32)
_TICK_BITS = const(32)
_WATCHDOG_MS = const(10_000)
_REPL_MS = const(3_600_000)  # a REPL that somebody forgot ends after an hour
_LONGEST_WAIT_MS = const(1000)
_RADIO_CHECK_MS = const(2000)
#: No packet goes to the host when the radio is due within this: a full UART buffer makes its sender wait.
_QUIET_US = const(60_000)
_RECENT = const(16)  # twice what can be planned: an entry that is pending is never overwritten
_PENDING = const(-1)
_LATE_LIMIT_US = const(1000)
# The deadlines.
_HELLO = const(0)
_RADIO_CHECK = const(1)
_AIR = const(2)
_DEADLINES = const(3)


class Station:
    def __init__(self, board, config):
        machine.freq(board["mcu"]["cpu_hz"])
        self._name = board["name"].encode()
        self._radio_name = board["radio"]["module"].encode()
        self._boot_id = struct.unpack("<I", os.urandom(4))[0]
        self._clock = TickClock()
        self._deadlines = Deadlines(_DEADLINES)
        self._ring = PacketRing(_SLOTS)
        self._flag = IrqFlag()
        self._rx_done_late_us = board["radio"]["rx_done_late_us"]
        led = board.get("led")
        self._led = None if led is None else Pin(led["pin"], Pin.OUT, value=0 if led["active_high"] else 1)
        self._uart = UART(0, baudrate=link.BASE_BAUD, rxbuf=4096, txbuf=2048, timeout=0)
        self._baud = link.BASE_BAUD
        self._in = bytearray(256)
        self._out = bytearray(link.MAX_ENCODED)
        self._reader = link.FrameReader(self._process_frame, self._process_text)
        self._attended = False
        self._stopped = False
        self._session = -1
        # TRANSMITs asked last, so that a repeated one isn't done twice: sequence, tick asked, result,
        # started.
        self._recent = [[-1, 0, 0, 0] for _ in range(_RECENT)]
        self._recent_next = 0
        self._received = 0
        self._crc_bad = 0
        self._sent = 0
        self._refused = 0
        self._slowest_us = 0
        late_limit_us = config.get("tx_late_limit_us", _LATE_LIMIT_US)
        self._radio = self._make_radio(board["spi"], board["radio"])
        self._air = Air(
            self._radio,
            self._flag,
            board["radio"]["tx_start_us"],
            late_limit_us,
            self._process_packet,
            self._process_sent,
        )

    def _make_radio(self, spi, radio):
        bus = SPI(
            spi["bus"],
            baudrate=spi["baud_hz"],
            polarity=0,
            phase=0,
            sck=Pin(spi["sck"]),
            mosi=Pin(spi["mosi"]),
            miso=Pin(spi["miso"]),
        )
        return Sx1276(
            bus,
            Pin(radio["cs"], Pin.OUT, value=1),
            Pin(radio["reset"], Pin.OUT, value=1),
            Pin(radio["dio0"], Pin.IN),
            None,
            self._flag,
            radio["low_hz"],
            radio["high_hz"],
            radio["min_power_dbm"],
            radio["max_power_dbm"],
        )

    def run(self):
        # Until a Ctrl-C without a host.
        poller = select.poll()
        poller.register(self._uart, select.POLLIN)
        poller.register(self._flag, select.POLLIN)
        micropython.kbd_intr(-1)  # frames hold no Ctrl-C, line noise may
        watchdog = machine.WDT(timeout=_WATCHDOG_MS)
        self._deadlines.set_in_ms(_RADIO_CHECK, _RADIO_CHECK_MS)
        print("hexhaul hotspot board, firmware %d.%d.%d" % FIRMWARE_VERSION)
        if self._air.problem:
            print("radio: " + self._air.problem)
        while not self._stopped:
            began_us = self._clock.update()
            watchdog.feed()
            self._air.run()
            self._read_uart()
            self._run_deadlines()
            self._offer_packet()
            self._measure(began_us)
            poller.poll(self._compute_wait_ms())
        machine.WDT(timeout=_REPL_MS)
        micropython.kbd_intr(link.CTRL_C)

    def _compute_wait_ms(self):
        next_us = self._air.compute_next_us()
        if next_us is None:
            self._deadlines.clear(_AIR)
        else:
            self._deadlines.set(_AIR, next_us)
        if self._flag.raised or (self._attended and self._ring.find_due() >= 0 and self._is_quiet()):
            return 0
        return self._deadlines.compute_wait_ms(_LONGEST_WAIT_MS)

    def _measure(self, began_us):
        took_us = time.ticks_diff(time.ticks_us(), began_us)
        if took_us > self._slowest_us:
            self._slowest_us = took_us

    def _run_deadlines(self):
        if self._deadlines.take(_HELLO):
            self._attended = False
            self._set_baud(link.BASE_BAUD)
            self._reader.reset()
            print("hexhaul: no host; Ctrl-C leaves to the REPL")
        if self._deadlines.take(_RADIO_CHECK):
            self._air.check_radio()
            self._deadlines.set_in_ms(_RADIO_CHECK, _RADIO_CHECK_MS)

    # The link

    def _read_uart(self):
        # At most a few buffers a turn: a babbling line must not starve the radio.
        for _ in range(4):
            count = self._uart.readinto(self._in)
            if not count:
                return
            self._reader.feed(self._in, count)

    def _process_text(self, byte):
        if byte == link.CTRL_C and not self._attended:
            self._stopped = True

    def _is_quiet(self):
        next_us = self._air.compute_next_us()
        return next_us is None or time.ticks_diff(next_us, time.ticks_us()) > _QUIET_US

    def _offer_packet(self):
        if self._attended:
            slot = self._ring.find_due()
            if slot >= 0 and self._is_quiet():
                self._write(self._ring.encode_into(self._out, slot))

    def _write(self, length):
        self._uart.write(memoryview(self._out)[:length])

    def _answer(self, request, sequence, payload):
        self._write(link.encode_into(self._out, request + link.ANSWER, sequence, payload, len(payload)))

    def _set_baud(self, baud):
        if baud != self._baud:
            self._uart.flush()
            self._uart.init(baudrate=baud, rxbuf=4096, txbuf=2048, timeout=0)
            self._baud = baud

    def _process_frame(self, request, sequence, payload, start, end):
        try:
            if request == link.HELLO:
                self._process_hello(sequence, payload, start, end)
            elif request == link.ACKNOWLEDGE:
                self._ring.acknowledge(link.unpack_number(payload, start, end))
            elif request == link.TIME:
                self._answer(request, sequence, link.pack_number(self._clock.get_tick()))
            elif request == link.TRANSMIT:
                self._process_transmit(sequence, payload, start, end)
            elif request == link.LISTEN:
                self._answer(request, sequence, link.pack_result(self._process_listen(payload, start, end)))
            elif request == link.CONFIGURE:
                settings = self._read_settings(link.unpack_configure(payload, start, end))
                self._answer(request, sequence, link.pack_result(self._air.configure(settings)))
            elif request == link.STATUS:
                self._answer(request, sequence, link.pack_status(self._get_status()))
            elif request == link.REBOOT:
                self._answer(request, sequence, link.pack_result(link.OK))
                self._uart.flush()
                machine.reset()
            else:
                self._answer(request, sequence, link.pack_result(link.UNKNOWN_REQUEST))
        except link.LinkError:
            if request != link.ACKNOWLEDGE:
                self._answer(request, sequence, link.pack_result(link.INVALID))

    def _process_hello(self, sequence, payload, start, end):
        version, session, baud = link.unpack_hello(payload, start, end)
        if session != self._session:
            self._session = session
            self._ring.offer_all()
            self._air.forget_senders()
            for entry in self._recent:
                entry[0] = -1
        answer = link.pack_hello_answer(
            link.VERSION,
            FIRMWARE_VERSION,
            self._boot_id,
            _TICK_BITS,
            link.CAN_TRANSMIT_AT | link.CAN_LISTEN_AT | link.CAN_CHANGE_BAUD,
            self._ring.get_slots(),
            1 if self._air.radio_ok else 0,
            self._name,
            self._radio_name,
        )
        self._answer(link.HELLO, sequence, answer)
        if version != link.VERSION:
            return  # the host says so to its user; whatever it sends next would be misread
        self._attended = True
        self._deadlines.set_in_ms(_HELLO, link.HELLO_TIMEOUT_MS)
        if 9600 <= baud <= 3_000_000:
            self._set_baud(baud)

    def _read_settings(self, values):
        frequency, bandwidth, sf, coding_rate, sync_word, flags = values
        return frequency, bandwidth, sf, coding_rate, sync_word, bool(flags & link.INVERT_IQ)

    def _process_listen(self, payload, start, end):
        values = link.unpack_listen(payload, start, end)
        ahead_us = self._clock.compute_ahead_us(values[0])
        return self._air.listen(ahead_us, values[1], self._read_settings(values[2:]))

    def _process_transmit(self, sequence, payload, start, end):
        values = link.unpack_transmit(payload, start, end)
        flags, tick = values[:2]
        power_dbm, preamble = values[7:]
        for entry in self._recent:
            # Asked again: the receipt or the answer was lost. Sequences come round, with their tick they
            # don't.
            if entry[0] == sequence and entry[1] == tick:
                self._answer_transmit(entry)
                return
        ahead_us = None if flags & link.NOW else self._clock.compute_ahead_us(tick)
        settings = self._read_settings(values[2:7] + (flags,))
        result = self._air.transmit(
            sequence,
            ahead_us,
            settings,
            power_dbm,
            preamble,
            bool(flags & link.WITH_CRC),
            payload,
            start + link.TRANSMIT_HEADER,
            end,
        )
        entry = self._recent[self._recent_next]
        while entry[0] >= 0 and entry[2] == _PENDING:
            self._recent_next = (self._recent_next + 1) % _RECENT
            entry = self._recent[self._recent_next]
        self._recent_next = (self._recent_next + 1) % _RECENT
        entry[0] = sequence
        entry[1] = tick
        entry[2] = _PENDING if result == link.OK else result
        entry[3] = 0
        if result != link.OK:
            self._refused += 1
        self._answer_transmit(entry)

    def _answer_transmit(self, entry):
        if entry[2] == _PENDING:
            self._write(link.encode_into(self._out, link.RECEIPT, entry[0], b"", 0))
        else:
            self._answer(link.TRANSMIT, entry[0], link.pack_transmit_answer(entry[2], entry[3]))

    def _process_sent(self, sequence, result, started_us):
        if result == link.OK:
            self._sent += 1
        else:
            self._refused += 1
        if sequence < 0:
            return
        for entry in self._recent:
            if entry[0] == sequence and entry[2] == _PENDING:
                entry[2] = result
                if result == link.OK:
                    self._clock.update()
                    entry[3] = self._clock.extend(started_us)
                self._answer_transmit(entry)

    # The radio's packets

    def _process_packet(self, edge_us, settings, crc_right):
        radio = self._radio
        frequency, bandwidth, sf, _, _, _ = settings
        flags = link.INVERT_IQ if settings[5] else 0
        if radio.crc_present:
            flags |= link.WITH_CRC
            if crc_right:
                flags |= link.CRC_OK
            else:
                self._crc_bad += 1
        self._received += 1
        late_us = self._rx_done_late_us[sf - 7] * 125_000 // bandwidth
        self._clock.update()
        self._ring.add(
            radio.data,
            radio.length,
            self._clock.extend(time.ticks_add(edge_us, -late_us)),
            frequency,
            bandwidth,
            sf,
            radio.coding_rate,
            flags,
            radio.compute_rssi_dbm(),
            radio.snr_x4,
            radio.compute_frequency_error_hz(),
        )
        if self._led is not None:
            self._led(not self._led())

    def _get_status(self):
        if self._is_quiet():
            gc.collect()  # else the number says how long ago the last collection was
        return (
            self._clock.uptime_s,
            self._received,
            self._crc_bad,
            self._ring.dropped,
            len(self._ring),
            self._sent,
            self._refused,
            self._air.latest_us,
            self._air.radio_resets,
            self._reader.frames_bad,
            self._slowest_us,
            gc.mem_free(),
        )
