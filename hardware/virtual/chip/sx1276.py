"""The SX1276 as its driver sees it: SPI, reset and DIO lines in front of modes, registers and FIFO.

The chip lives in its board's scheduler: every call comes under the board's lock, every instant is the
scheduler's `now_us()`. Where the world runs late (a message of the ether, a timer), effects carry the exact
instant at which silicon would have shown them: `on_dio(n, level, at_us)`.

Not modelled: FSK and OOK reception and transmission, frequency hopping, continuous TX, the temperature
sensor.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from typing import Any, Protocol

from hardware.virtual.chip import registers as reg
from hardware.virtual.chip.receive_path import ReceivePath, Scheduler
from hardware.virtual.chip.receiver import (
    Listening,
    Reception,
    compute_receptions,
    compute_rssi_cdbm,
    is_channel_active,
)
from hardware.virtual.chip.register_file import RegisterFile
from hardware.virtual.chip.settings import (
    HIGH_BAND_FROM_HZ,
    ModemSettings,
    compute_power_cdbm,
    find_faults,
    find_transmit_faults,
)
from hardware.virtual.ether.emission import Emission, Signal

#: How long after the end of a packet at 125 kHz RxDone rises, SF7 to SF12 (LMIC's LORA_RXDONE_FIXUP).
RX_DONE_LATE_US = (0, 1_648, 3_265, 7_049, 13_641, 31_189)

#: From the SPI write to a running receiver (LMIC's LORA_RXSTART_FIXUP) and, more, out of Sleep (TS_OSC).
RX_START_US = 101
OSCILLATOR_START_US = 250

#: Reset: at least so long low, then at least so long until the first access.
RESET_LOW_US = 100
RESET_READY_US = 5_000

IMAGE_CALIBRATION_US = 10_000

#: Faults kept; those beyond are only counted.
FAULT_LIMIT = 100


class Medium(Protocol):
    """Where the antenna leads (`hardware.virtual.ether.client`). Signals come back through
    `Sx1276.on_signal`."""

    def transmit(self, emission: Emission) -> None: ...
    def cut(self, emission_id: int, at_us: int) -> None: ...


class Sx1276:
    """One chip on a module.

    `amplifier` is what the module connects: "boost" (RFM95W), "rfo" or "both"; `low_hz`..`high_hz` what its
    matching network lets through. `rx_timeout_grace_us` is how much longer RXSINGLE waits, in effect but not
    in the stamp of RxTimeout, for a signal that began in time and is told late. `faults` collects misuse,
    one sentence each.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        medium: Medium,
        *,
        amplifier: str = "boost",
        low_hz: int = 862_000_000,
        high_hz: int = 1_020_000_000,
        rx_done_late_us: tuple[int, ...] = RX_DONE_LATE_US,
        tx_start_us: int = 120,
        rx_timeout_grace_us: int = 40_000,
        random_seed: int | None = None,
        on_dio: Callable[[int, int, int], None] | None = None,
        on_fault: Callable[[str], None] | None = None,
    ) -> None:
        if amplifier not in ("boost", "rfo", "both"):
            raise ValueError(f'amplifier {amplifier!r} is not one of "boost", "rfo", "both"')
        self._scheduler = scheduler
        self._medium = medium
        self._amplifier = amplifier
        self._low_hz, self._high_hz = low_hz, high_hz
        self._receive_path = ReceivePath(scheduler, self, rx_done_late_us, rx_timeout_grace_us)
        self._tx_start_us = tx_start_us
        self._random = random.Random(os.urandom(8) if random_seed is None else random_seed)
        self._emission_id = self._random.getrandbits(40)
        self.on_dio = on_dio
        self.on_fault = on_fault
        self.faults: list[str] = []
        self.fault_count = 0
        self._in_reset = False
        self._reset_at_us = 0
        self._ready_at_us = 0
        self._selected = False
        self._dio_levels = [0] * 6
        self._timer: Any = None
        self._emission: Emission | None = None
        self._power_on()

    # ---- lines ----------------------------------------------------------------------------------------

    def nreset(self, level: int) -> None:
        """The NRESET line: held low it resets everything."""
        now_us = self._scheduler.now_us()
        if not level and not self._in_reset:
            self._stop_modem(now_us)
            self._in_reset, self._reset_at_us = True, now_us
            self._power_on()
            self._update_dio(now_us)
        elif level and self._in_reset:
            if now_us - self._reset_at_us < RESET_LOW_US:
                self._fault(f"NRESET low for {now_us - self._reset_at_us} us: 100 us at least")
            self._in_reset, self._ready_at_us = False, now_us + RESET_READY_US

    def nss(self, level: int) -> None:
        """The chip select line: low begins a frame, high ends it."""
        self._selected = not level
        self._address: int | None = None

    def spi_transfer(self, mosi: bytes) -> bytes:
        """Exchange bytes; several calls while NSS is low are one frame. Not selected: nothing drives MISO
        (zeros)."""
        if not self._selected or self._in_reset:
            return bytes(len(mosi))
        now_us = self._scheduler.now_us()
        self._catch_up(now_us)
        if now_us < self._ready_at_us:
            self._fault("SPI access within 5 ms after reset")
        miso = bytearray(len(mosi))
        for index, byte in enumerate(mosi):
            if self._address is None:
                self._address, self._writing = byte & 0x7F, bool(byte & 0x80)
                continue
            if self._writing:
                miso[index] = self._write(self._address, byte)
            else:
                miso[index] = self._read(self._address)
            if self._address != reg.FIFO:
                self._address = (self._address + 1) & 0x7F
        return bytes(miso)

    def dio(self, number: int) -> int:
        """Level of DIO0..DIO5."""
        return self._dio_levels[number]

    # ---- registers ------------------------------------------------------------------------------------

    @property
    def registers(self) -> RegisterFile:
        """What the registers hold, for a test to look at."""
        return self._registers

    @property
    def settings(self) -> ModemSettings:
        return self._registers.settings

    def _power_on(self) -> None:
        self._registers = RegisterFile()
        self._address = None
        self._writing = False
        self._image_calibrated_at_us = 0

    def _read(self, address: int) -> int:
        if address == reg.FIFO:
            return self._access_fifo(None)
        page = self._registers.get_page(address)
        now_us = self._scheduler.now_us()
        if page is self._registers.fsk and address == reg.IMAGE_CAL:
            running = now_us < self._image_calibrated_at_us
            return page[address] & ~0x60 | (reg.IMAGE_CAL_RUNNING if running else 0)
        if page is self._registers.lora:
            if address == reg.RSSI_VALUE:
                return self._read_rssi(now_us)
            if address == reg.RSSI_WIDEBAND:
                return self._random.getrandbits(8)
            if address == reg.MODEM_STAT:
                return self._read_modem_stat(now_us)
        return page[address]

    def _write(self, address: int, value: int) -> int:
        """Returns what MISO shows: the register's old value."""
        if address == reg.FIFO:
            return self._access_fifo(value)
        page = self._registers.get_page(address)
        old = page[address]
        if address == reg.OP_MODE:
            self._write_op_mode(value)
        elif address == reg.VERSION or (page is self._registers.lora and address in reg.READ_ONLY):
            pass  # silicon ignores it as well
        elif page is self._registers.fsk and address == reg.IMAGE_CAL:
            self._write_image_cal(value)
        elif page is self._registers.lora and address == reg.IRQ_FLAGS:
            page[address] = old & ~value
        else:
            if page is self._registers.fsk and not self._registers.is_lora and address in reg.LORA_ONLY:
                self._fault(f"LoRa register 0x{address:02X} written in FSK mode: it hit the FSK page")
            if (
                page is self._registers.lora
                and address in reg.SET_UP_IN_STANDBY
                and self._registers.mode >= reg.FSTX
            ):
                self._fault(f"register 0x{address:02X} written in {self._registers.mode_name}")
            page[address] = value
        self._update_dio(self._scheduler.now_us())
        return old

    def _access_fifo(self, value: int | None) -> int:
        if not self._registers.is_lora:
            self._fault("FIFO access in FSK mode: not modelled")
            return 0
        if self._registers.mode == reg.SLEEP:
            self._fault("FIFO access in Sleep")
            return 0
        if value is not None and self._registers.mode != reg.STANDBY:
            self._fault(f"FIFO written in {self._registers.mode_name}: it is filled in Standby")
        return self._registers.exchange_fifo(value)

    def _read_rssi(self, now_us: int) -> int:
        listening = self._receive_path.listening
        if listening is None:
            return 0
        settings = listening.settings
        rssi_cdbm = compute_rssi_cdbm(settings, self._receive_path.signals, now_us)
        return _clip_byte((rssi_cdbm + _get_rssi_offset_cdbm(settings)) // 100)

    def _read_modem_stat(self, now_us: int) -> int:
        kept = self._registers.lora[reg.MODEM_STAT] & 0xE0
        listening = self._receive_path.listening
        if listening is None:
            return kept | 0x10
        for reception in compute_receptions(listening, self._receive_path.signals):
            if reception.detected_us <= now_us < reception.end_us:
                synced = 0x02 if now_us >= reception.lock_us else 0
                header = 0x08 if now_us >= reception.header_us else 0
                return kept | 0x01 | synced | header | (0x04 if synced else 0)
        return kept | 0x10

    def _write_image_cal(self, value: int) -> None:
        if value & reg.IMAGE_CAL_START:
            if self._registers.is_lora or self._registers.mode != reg.STANDBY:
                self._fault("ImageCalStart outside FSK Standby")
            else:
                self._image_calibrated_at_us = self._scheduler.now_us() + IMAGE_CALIBRATION_US
        self._registers.fsk[reg.IMAGE_CAL] = value & ~(reg.IMAGE_CAL_START | reg.IMAGE_CAL_RUNNING)

    # ---- modes ----------------------------------------------------------------------------------------

    def _write_op_mode(self, value: int) -> None:
        now_us = self._scheduler.now_us()
        old = self._registers.shared[reg.OP_MODE]
        if (value ^ old) & reg.LONG_RANGE_MODE and old & 7 != reg.SLEEP:
            self._fault(
                f"LongRangeMode changed in {reg.MODE_NAMES[old & 7]}: it changes in Sleep only, the bit stays"
            )
            value = value & ~reg.LONG_RANGE_MODE | old & reg.LONG_RANGE_MODE
        mode = value & 7
        # A running receiver or transmitter isn't started again by writing its mode once more.
        if mode == old & 7 and not (value ^ old) & reg.LONG_RANGE_MODE:
            self._registers.shared[reg.OP_MODE] = value
            return
        self._stop_modem(now_us)
        self._registers.shared[reg.OP_MODE] = value
        start_us = now_us + (OSCILLATOR_START_US if old & 7 == reg.SLEEP else 0)
        if mode == reg.SLEEP:
            self._registers.fifo = bytearray(256)
            self._registers.clear_counters()
        elif not value & reg.LONG_RANGE_MODE:
            if mode > reg.STANDBY:
                self._fault(f"FSK mode {mode}: not modelled")
        elif mode == reg.TX:
            self._start_transmitter(start_us)
        elif mode in (reg.RX_CONTINUOUS, reg.RX_SINGLE):
            self._start_receiver(start_us, single=mode == reg.RX_SINGLE)
        elif mode == reg.CAD:
            self._start_detection(start_us)

    def _set_timer(self, at_us: int, finish: Callable[[], None]) -> None:
        self._finish = finish
        self._finish_at_us = at_us
        self._timer = self._scheduler.call_at(at_us, self._run_timer)

    def _run_timer(self) -> None:
        self._timer = None
        self._finish()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._scheduler.cancel(self._timer)
            self._timer = None

    def _catch_up(self, now_us: int) -> None:
        """Make happen what is due though its timer is late: silicon's driver never reads an old state."""
        if self._timer is not None and self._finish_at_us <= now_us:
            self._cancel_timer()
            self._finish()
        self._receive_path.catch_up(now_us)

    def _stop_modem(self, now_us: int) -> None:
        self._cancel_timer()
        self._receive_path.stop(now_us)
        if self._emission is not None:
            emission, self._emission = self._emission, None
            if now_us < emission.end_us:
                self._medium.cut(emission.emission_id, now_us)

    def _raise_flags(self, flags: int, at_us: int) -> None:
        self._registers.lora[reg.IRQ_FLAGS] |= flags
        self._update_dio(at_us)

    def _update_dio(self, at_us: int) -> None:
        for number, level in enumerate(self._registers.compute_dio_levels()):
            if level != self._dio_levels[number]:
                self._dio_levels[number] = level
                if self.on_dio is not None:
                    self.on_dio(number, level, at_us)

    # ---- transmitter ----------------------------------------------------------------------------------

    def _start_transmitter(self, start_us: int) -> None:
        settings = self.settings
        self._find_faults(settings, transmitting=True)
        if settings.payload_length == 0:
            self._registers.mode = reg.STANDBY
            return
        self._emission_id += 1
        self._emission = Emission(
            emission_id=self._emission_id,
            start_us=start_us + self._tx_start_us,
            frequency_hz=settings.frequency_hz,
            spreading_factor=settings.spreading_factor,
            bandwidth_hz=settings.bandwidth_hz,
            coding_rate=settings.coding_rate,
            preamble_symbols=settings.preamble_symbols,
            invert_iq=settings.tx_inverted,
            sync_word=settings.sync_word,
            explicit_header=settings.explicit_header,
            crc=settings.crc,
            low_data_rate=settings.low_data_rate,
            power_cdbm=compute_power_cdbm(
                self._registers.shared[reg.PA_CONFIG], self._registers.shared[reg.PA_DAC], self._amplifier
            ),
            payload=self._registers.get_transmit_payload(),
        )
        self._medium.transmit(self._emission)
        self._set_timer(self._emission.end_us, self._finish_transmission)

    def _finish_transmission(self) -> None:
        emission, self._emission = self._emission, None
        if emission is not None:
            self._registers.mode = reg.STANDBY
            self._raise_flags(reg.TX_DONE, emission.end_us)

    # ---- receiver -------------------------------------------------------------------------------------

    def on_signal(self, signal: Signal) -> None:
        """The medium's: a frame arrives at the antenna (or, with `cut_us`, is broken off)."""
        self._receive_path.on_signal(signal)

    @property
    def late_signals(self) -> int:
        """Signals told so late that the receiver had moved on, though it would have received them."""
        return self._receive_path.late_signals

    def _start_receiver(self, start_us: int, *, single: bool) -> None:
        settings = self._registers.receive_settings
        self._find_faults(settings, transmitting=False)
        if single and settings.symbol_timeout < 4:
            self._fault(f"SymbTimeout of {settings.symbol_timeout} symbols: 4 at least")
        self._registers.clear_counters()
        self._registers.write_pointer = self._registers.lora[reg.FIFO_RX_BASE_ADDR]
        self._receive_path.start(start_us + RX_START_US, settings, single=single)

    def on_header(self, reception: Reception) -> None:
        """The receive path's: a header was valid."""
        emission = reception.signal.emission
        self._registers.count_up(reg.RX_HEADER_CNT_MSB)
        self._registers.lora[reg.MODEM_STAT] = emission.coding_rate - 4 << 5 | 0x10
        self._registers.lora[reg.HOP_CHANNEL] = self._registers.lora[reg.HOP_CHANNEL] & ~0x40 | (
            0x40 if emission.crc else 0
        )
        self._raise_flags(reg.VALID_HEADER, reception.header_us)

    def on_packet(self, reception: Reception, listening: Listening, at_us: int) -> None:
        """The receive path's: a packet has come to its end, whole or broken."""
        signal, settings = reception.signal, listening.settings
        payload = signal.emission.payload
        if not settings.explicit_header:
            payload = payload[: settings.payload_length].ljust(settings.payload_length, b"\0")
        if not reception.payload_ok:
            payload = _garble(payload, signal)
        self._registers.put_packet(payload)
        self._write_quality(reception, settings)
        has_crc = signal.emission.crc if settings.explicit_header else settings.crc
        flags = reg.RX_DONE
        if has_crc and not reception.payload_ok:
            flags |= reg.PAYLOAD_CRC_ERROR
        else:
            self._registers.count_up(reg.RX_PACKET_CNT_MSB)
        if listening.single:
            self._registers.mode = reg.STANDBY
        self._raise_flags(flags, at_us)

    def on_timeout(self, at_us: int) -> None:
        """The receive path's: RXSINGLE heard no preamble in time."""
        self._registers.mode = reg.STANDBY
        self._raise_flags(reg.RX_TIMEOUT, at_us)

    def _write_quality(self, reception: Reception, settings: ModemSettings) -> None:
        page = self._registers.lora
        page[reg.PKT_SNR_VALUE] = max(-128, min(127, reception.snr_cdb * 4 // 100)) & 0xFF
        over_cdb = reception.signal.rssi_cdbm + _get_rssi_offset_cdbm(settings)
        if reception.snr_cdb >= 0:
            page[reg.PKT_RSSI_VALUE] = _clip_byte((over_cdb * 15 + 800) // 1600)
        else:
            # The register then holds the level of the noise: the driver adds the (negative) SNR.
            page[reg.PKT_RSSI_VALUE] = _clip_byte((over_cdb - reception.snr_cdb + 50) // 100)
        error_hz = reception.signal.emission.frequency_hz - settings.frequency_hz
        fei = error_hz * 32_000_000 * 500_000 // (2**24 * settings.bandwidth_hz) & 0xFFFFF
        page[reg.FEI_MSB : reg.FEI_LSB + 1] = fei.to_bytes(3, "big")

    # ---- channel activity detection -------------------------------------------------------------------

    def _start_detection(self, start_us: int) -> None:
        settings = self._registers.receive_settings
        self._find_faults(settings, transmitting=False)
        symbols = 1 << settings.spreading_factor
        heard_us = start_us + (symbols + 32) * 1_000_000 // settings.bandwidth_hz
        done_us = heard_us + symbols * 900_000 // settings.bandwidth_hz
        self._set_timer(done_us, lambda: self._finish_detection(settings, start_us, heard_us, done_us))

    def _finish_detection(self, settings: ModemSettings, from_us: int, to_us: int, done_us: int) -> None:
        is_active = is_channel_active(settings, self._receive_path.signals, from_us, to_us)
        self._registers.mode = reg.STANDBY
        self._raise_flags(reg.CAD_DONE | (reg.CAD_DETECTED if is_active else 0), done_us)

    # ---- small things ---------------------------------------------------------------------------------

    def _find_faults(self, settings: ModemSettings, *, transmitting: bool) -> None:
        faults = find_faults(self._registers.shared, self._registers.lora, transmitting)
        if transmitting:
            faults += find_transmit_faults(self._registers.shared, self._registers.lora, self._amplifier)
        if not self._low_hz <= settings.frequency_hz <= self._high_hz:
            faults.append(
                f"{settings.frequency_hz} Hz lies outside of the module's {self._low_hz}..{self._high_hz} Hz"
            )
        for fault in faults:
            self._fault(fault)

    def _fault(self, text: str) -> None:
        self.fault_count += 1
        if len(self.faults) < FAULT_LIMIT:
            self.faults.append(text)
        if self.on_fault is not None:
            self.on_fault(text)


def _get_rssi_offset_cdbm(settings: ModemSettings) -> int:
    """What the RSSI registers count from: -157 dBm at the high, -164 dBm at the low port."""
    return 15_700 if settings.frequency_hz >= HIGH_BAND_FROM_HZ else 16_400


def _clip_byte(value: int) -> int:
    return max(0, min(255, value))


def _garble(payload: bytes, signal: Signal) -> bytes:
    """A broken payload: some bytes wrong, the same ones for the same signal, never none."""
    source = random.Random(repr(signal.key))
    broken = bytearray(payload)
    for index in range(len(broken) // 3, len(broken), 3):
        broken[index] ^= source.randint(1, 255)
    return bytes(broken)
