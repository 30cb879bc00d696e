# A LoRaWAN 1.0.x class A device: joins over the air, sends readings, listens in two windows after each.
#
# One thing after the other: what is waited for is an instant, the radio, and meanwhile the GPS receiver's
# bytes. Instants within minutes are time.ticks_us(), longer waits time.ticks_ms().

import os
import select
import time

import lorawan_frames
import mac_commands
import machine
import sx1276
from duty_cycle import DutyCycle
from irq_flag import IrqFlag
from machine import SPI, Pin
from micropython import const
from readings import make_readings
from region import get_region
from store import Session, Store

_SYNC_WORD = const(0x34)
_PREAMBLE = const(8)
_CODING_RATE = const(5)
_PORT = const(1)
_WATCHDOG_MS = const(30_000)
_TURN_MS = const(1000)
_FIRST_READING_MS = const(10_000)
_APART_MS = const(5000)
_RETRY_MS = const(4000)  # behind the second window: join requests are at least 10 s apart
_JOIN_RX1_S = const(5)  # JOIN_ACCEPT_DELAY1 and 2 (regional parameters 2.2.7)
_JOIN_RX2_S = const(6)
#: A window opens so much earlier than the radio must listen: writing its registers takes a few milliseconds.
_SETUP_US = const(5_000)
_LONGEST_FRAME_US = const(3_500_000)  # a downlink of 51 bytes at SF12 takes 2.8 s
_TX_GRACE_US = const(200_000)
_WINDOW_GRACE_US = const(50_000)
_HOUR_MS = const(3_600_000)
_ANTENNA_DBI = const(2)
# A device that hears nothing for so many uplinks asks; after as many unanswered questions it joins anew.
_ASK_EVERY = const(32)
_ASK_TIMES = const(3)


class ConfigError(Exception):
    pass


def _read_hex(config, key, size):
    text = config.get(key)
    try:
        value = bytes.fromhex(text)
    except (TypeError, ValueError):
        value = b""
    if len(value) != size:
        # Never the value itself: one of them is the key.
        raise ConfigError("config.json: %s must be %d hex digits" % (key, 2 * size))
    return value


def _read_number(config, key, low, high):
    value = config.get(key)
    if not isinstance(value, int) or not low <= value <= high:
        raise ConfigError("config.json: %s is %s; it must be %d to %d" % (key, value, low, high))
    return value


def compute_window(tick_us, rx_error_us, symbol_us):
    # When to start listening for a frame that begins at tick_us give or take rx_error_us, and for how many
    # symbols.
    early_us = rx_error_us + 2 * symbol_us + _SETUP_US
    symbols = (2 * rx_error_us + _SETUP_US) // symbol_us + 12
    return time.ticks_add(tick_us, -early_us), min(symbols, 1023)


class Device:
    def __init__(self, board, config):
        machine.freq(board["mcu"]["cpu_hz"])
        try:
            self._region = get_region(config.get("region"))
            self._readings = make_readings(config.get("kind"), board)
        except ValueError as error:
            raise ConfigError("config.json: %s" % error) from None
        self._dev_eui = _read_hex(config, "dev_eui", 8)
        self._join_eui = _read_hex(config, "join_eui", 8)
        self._app_key = _read_hex(config, "app_key", 16)
        self._interval_ms = _read_number(config, "interval_s", 5, 86_400) * 1000
        self._rx_error_us = _read_number(config, "rx_error_us", 0, 450_000)
        radio = board["radio"]
        self._most_dbm = min(radio["max_power_dbm"], self._region.eirp_dbm - _ANTENNA_DBI)
        self._least_dbm = radio["min_power_dbm"]
        self._tx_start_us = radio["tx_start_us"]
        self._flag = IrqFlag()
        self._radio = self._make_radio(board["spi"], radio)
        self._radio.reset()
        self._store = Store(self._dev_eui)
        self._session = Session(self._region)
        self._joined = self._store.load_session(self._session)
        self._mac = mac_commands.MacCommands(self._region, self._session)
        self._duty = DutyCycle(self._region)
        self._duty.most_share = 1 << self._session.duty_exponent
        self._acknowledging = False
        self._unheard = 0
        self._uplinks = 0
        self._edge_us = 0
        self._poller = select.poll()
        self._poller.register(self._flag, select.POLLIN)
        if self._readings.uart is not None:
            self._poller.register(self._readings.uart, select.POLLIN)
        self._watchdog = machine.WDT(timeout=_WATCHDOG_MS)

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
        return sx1276.Sx1276(
            bus,
            Pin(radio["cs"], Pin.OUT, value=1),
            Pin(radio["reset"], Pin.OUT, value=1),
            Pin(radio["dio0"], Pin.IN),
            Pin(radio["dio1"], Pin.IN),
            self._flag,
            radio["low_hz"],
            radio["high_hz"],
            radio["min_power_dbm"],
            radio["max_power_dbm"],
        )

    def run(self):
        # Before the first transmission: the silence that one before a power cut may still be owed.
        self._hold_back(self._session.data_rate)
        # After a power cut in a town all its sensors wake at once: chance keeps them apart.
        self._wait_ms(self._draw(_APART_MS))
        while True:
            if not self._joined:
                self._join()
                # Somebody watches a new sensor: its first reading comes soon, but not on the join's heels.
                self._wait_ms(min(self._interval_ms, _FIRST_READING_MS))
            self._send_readings()
            # Up to a quarter later each time by chance: two devices that met on the air part the next time.
            self._wait_ms(self._interval_ms + self._draw(self._interval_ms >> 2))

    # Waiting

    def _draw(self, below):
        return int.from_bytes(os.urandom(3), "little") % below if below > 0 else 0

    def _wait_until_us(self, until_us, is_for_radio=False):
        # True if the radio's interrupt came first, when that is waited for.
        while True:
            self._watchdog.feed()
            if is_for_radio and self._flag.raised:
                return True
            left_us = time.ticks_diff(until_us, time.ticks_us())
            if left_us <= 0:
                return False
            if left_us < 1000:
                time.sleep_us(left_us)
                continue
            if not is_for_radio:
                self._flag.raised = False
            self._poller.poll(min(left_us // 1000, _TURN_MS))
            self._readings.read_uart()

    def _wait_ms(self, ms):
        until_ms = time.ticks_add(time.ticks_ms(), ms)
        while True:
            left_ms = time.ticks_diff(until_ms, time.ticks_ms())
            if left_ms <= 0:
                return
            self._wait_until_us(time.ticks_add(time.ticks_us(), min(left_ms, _TURN_MS) * 1000))

    # Sending and receiving

    def _get_rate(self, data_rate):
        return self._region.data_rates[data_rate]

    def _compute_air_us(self, length, data_rate):
        sf, bandwidth, _ = self._get_rate(data_rate)
        return sx1276.compute_time_on_air_us(length, sf, bandwidth, _CODING_RATE, _PREAMBLE, True)

    def _hold_back(self, data_rate):
        air_us = self._compute_air_us(51, data_rate)
        for channel in self._session.channels:
            if channel is not None:
                self._duty.add(channel[0], air_us)

    def _pick_channel(self):
        channels = []
        for index in range(len(self._session.channels)):
            channel = self._session.channels[index]
            if self._session.channel_mask >> index & 1 and channel is not None:
                if channel[2] <= self._session.data_rate <= channel[3]:
                    channels.append(channel)
        return channels[self._draw(len(channels))] if channels else self._session.channels[0]

    def _transmit(self, frequency, data_rate, power_dbm, frame, share=0):
        # True when it is out; then the windows count from _edge_us.
        self._wait_ms(self._duty.compute_wait_ms(frequency))
        sf, bandwidth, _ = self._get_rate(data_rate)
        air_us = self._compute_air_us(len(frame), data_rate)
        radio = self._radio
        radio.prepare_transmit(
            frequency, bandwidth, sf, _CODING_RATE, _SYNC_WORD, False, True, _PREAMBLE, power_dbm, frame
        )
        self._flag.raised = False
        radio.start_transmit()
        started_us = time.ticks_us()
        self._wait_until_us(time.ticks_add(started_us, air_us + _TX_GRACE_US), True)
        self._duty.add(frequency, air_us, share)
        if not radio.read_events() & sx1276.TX_DONE:
            print("radio: transmission did not end")
            radio.reset()
            return False
        self._edge_us = radio.edge_us
        radio.clear_events(0xFF)
        radio.sleep()
        return True

    def _receive(self, delay_s, frequency, data_rate):
        # The frame that a window catches, or None.
        sf, bandwidth, _ = self._get_rate(data_rate)
        symbol_us = sx1276.compute_symbol_us(sf, bandwidth)
        tick_us = time.ticks_add(self._edge_us, delay_s * 1_000_000)
        start_us, symbols = compute_window(tick_us, self._rx_error_us, symbol_us)
        self._wait_until_us(start_us)
        radio = self._radio
        self._flag.raised = False
        radio.listen_once(frequency, bandwidth, sf, _SYNC_WORD, True, symbols)
        until_us = time.ticks_add(time.ticks_us(), symbols * symbol_us + _WINDOW_GRACE_US)
        frame = None
        is_over = False
        while True:
            in_time = self._wait_until_us(until_us, True)
            self._flag.raised = False
            events = radio.read_events()
            if events & sx1276.RX_DONE:
                if radio.read_packet():
                    frame = bytes(memoryview(radio.data)[: radio.length])
                break
            # Without DIO1 wired the end of the window shows in the flags only; else a frame has begun
            # within it.
            if events & sx1276.RX_TIMEOUT or is_over:
                break
            if not in_time:
                is_over = True
                until_us = time.ticks_add(until_us, _LONGEST_FRAME_US)
        radio.sleep()
        return frame

    # Joining

    def _join(self):
        began_ms = time.ticks_ms()
        hours = 0
        while True:
            # Back-off of the specification (1.0.3, chapter 7): 1 % in the first hour, 0.1 % in the next
            # ten, then 0.01 %.
            while hours < 11 and time.ticks_diff(time.ticks_ms(), began_ms) >= _HOUR_MS:
                began_ms = time.ticks_add(began_ms, _HOUR_MS)
                hours += 1
            share = 100 if hours < 1 else 1000 if hours < 11 else 10_000
            accept = self._try_join(share)
            if accept is not None:
                break
            self._wait_ms(_RETRY_MS + self._draw(_RETRY_MS))
        session = Session(self._region)
        session.dev_addr = accept.dev_addr
        session.nwk_s_key = accept.nwk_s_key
        session.app_s_key = accept.app_s_key
        session.rx_delay_s = accept.rx_delay_s
        session.rx1_offset = min(accept.rx1_offset, 5)
        if accept.rx2_data_rate < len(self._region.data_rates):
            session.rx2_data_rate = accept.rx2_data_rate
        self._store.begin_session(session)
        self._session = session
        self._mac = mac_commands.MacCommands(self._region, session)
        self._duty.most_share = 1
        self._acknowledging = False
        self._unheard = 0
        self._joined = True
        print("joined")

    def _try_join(self, share):
        # Joining goes out as a device does that knows nothing: on the home channel, at the home data rate.
        region = self._region
        frequency = region.channels[0][0]
        data_rate = region.home_data_rate
        self._wait_ms(self._duty.compute_wait_ms(frequency))
        dev_nonce = self._store.take_dev_nonce()
        frame = lorawan_frames.build_join_request(self._app_key, self._join_eui, self._dev_eui, dev_nonce)
        print("join request %d" % dev_nonce)
        if not self._transmit(frequency, data_rate, self._most_dbm, frame, share):
            return None
        for delay_s, window_hz, window_rate in (
            (_JOIN_RX1_S, frequency, data_rate),
            (_JOIN_RX2_S, region.rx2[0], region.rx2[1]),
        ):
            received = self._receive(delay_s, window_hz, window_rate)
            if received is not None:
                accept = lorawan_frames.parse_join_accept(self._app_key, dev_nonce, received)
                if accept is not None:
                    return accept
        return None

    # Uplinks and what comes back

    def _send_readings(self):
        session = self._session
        f_opts = self._mac.get_answers()
        if self._unheard >= _ASK_EVERY and self._unheard % _ASK_EVERY == 0:
            if self._unheard >= _ASK_EVERY * (_ASK_TIMES + 1):
                print("network does not answer: joining anew")
                self._store.end_session()
                self._joined = False
                return
            if len(f_opts) < 15:
                f_opts += bytes((mac_commands.LINK_CHECK,))
        payload = self._readings.build_payload()
        f_cnt = self._store.take_f_cnt()
        frame = lorawan_frames.build_uplink(session, f_cnt, _PORT, payload, f_opts, self._acknowledging)
        self._acknowledging = False
        self._unheard += 1
        power_dbm = max(self._least_dbm, self._most_dbm - 2 * session.power_index)
        for _ in range(session.repeats):
            channel = self._pick_channel()
            if not self._transmit(channel[0], session.data_rate, power_dbm, frame):
                continue
            self._uplinks += 1
            print("uplink %d" % f_cnt)
            if self._listen(channel):
                return  # 4.3.1.1: a downlink ends the repeats

    def _listen(self, channel):
        # RX1, and RX2 if RX1 brought nothing for us. True if a downlink came.
        session = self._session
        rate = self._region.compute_rx1_data_rate(session.data_rate, session.rx1_offset)
        for delay_s, frequency, data_rate in (
            (session.rx_delay_s, channel[1], rate),
            (session.rx_delay_s + 1, session.rx2_frequency, session.rx2_data_rate),
        ):
            frame = self._receive(delay_s, frequency, data_rate)
            if frame is not None and self._process_downlink(frame):
                return True
        return False

    def _process_downlink(self, frame):
        downlink = lorawan_frames.parse_downlink(self._session, self._store.f_cnt_down, frame)
        if downlink is None:
            return False
        # Durable first: what is obeyed must never be obeyed again.
        self._store.set_f_cnt_down(downlink.f_cnt)
        self._unheard = 0
        self._acknowledging = downlink.confirmed
        battery = self._readings.get_battery_level()
        if self._mac.process(downlink.commands, self._radio.snr_x4 >> 2, battery):
            self._duty.most_share = 1 << self._session.duty_exponent
            self._store.save_session(self._session)
        if downlink.port:
            print("downlink port %d %s" % (downlink.port, downlink.payload.hex()))
        return True
