# Semtech SX1276/77/78/79 in LoRa mode, by its datasheet (DS, revision 7) and errata note 1.0, in integers.
#
# The driver owns registers and nothing else: it neither schedules nor waits, but for the reset and the
# calibration. Its user calls, in this order: reset(); listen() or listen_once(); when the interrupt flag is
# up, read_events() and read_packet(); prepare_transmit(), start_transmit(), read_events(), and listen()
# again. A transmission that does not end within its time on air means that the chip has lost its mind: call
# reset().
#
# Between RxDone and the end of read_packet(), and in start_transmit(), nothing is allocated: a garbage
# collection takes milliseconds.

import time

from micropython import const

# Registers, LoRa page (DS 6.4), each followed by its fields.
_FIFO = const(0x00)
_OP_MODE = const(0x01)
_LONG_RANGE = const(0x80)  # changes only in Sleep (DS 4.1.6)
_LOW_FREQUENCY = const(0x08)
_SLEEP = const(0)
_STANDBY = const(1)
_FS_TX = const(2)
_TX = const(3)
_RX_CONTINUOUS = const(5)
_RX_SINGLE = const(6)
_FRF_MSB = const(0x06)
_PA_CONFIG = const(0x09)
_PA_BOOST = const(0xF0)  # PaSelect = 1; MaxPower does nothing on this pin
_OCP = const(0x0B)
_OCP_100_MA = const(0x2B)  # on, 45 + 5 * 11
_OCP_140_MA = const(0x31)  # on, -30 + 10 * 17
_LNA = const(0x0C)
_LNA_MAX_BOOSTED = const(0x23)  # G1, 150 % current on the HF port
_FIFO_ADDR_PTR = const(0x0D)
_FIFO_TX_BASE = const(0x0E)
_FIFO_RX_BASE = const(0x0F)
_FIFO_RX_CURRENT = const(0x10)
_IRQ_MASK = const(0x11)
_IRQ_FLAGS = const(0x12)
_MODEM_CONFIG_1 = const(0x1D)
_MODEM_CONFIG_2 = const(0x1E)
_SYMB_TIMEOUT = const(0x1F)
_PREAMBLE_MSB = const(0x20)
_PAYLOAD_LENGTH = const(0x22)
_MAX_PAYLOAD_LENGTH = const(0x23)
_HOP_PERIOD = const(0x24)
_MODEM_CONFIG_3 = const(0x26)
_LDRO = const(0x08)
_AGC_AUTO = const(0x04)
_FEI_MSB = const(0x28)
_RSSI_WIDEBAND = const(0x2C)
_IF_FREQ_1 = const(0x2F)
_IF_FREQ_2 = const(0x30)
_DETECT_OPTIMIZE = const(0x31)
_DETECT_SF7_12 = const(0x03)
_AUTOMATIC_IF = const(0x80)
_INVERT_IQ = const(0x33)
_HIGH_BW_OPTIMIZE_1 = const(0x36)
_DETECTION_THRESHOLD = const(0x37)
_SYNC_WORD = const(0x39)
_HIGH_BW_OPTIMIZE_2 = const(0x3A)
_INVERT_IQ_2 = const(0x3B)
_DIO_MAPPING_1 = const(0x40)
_DIO_RX = const(0x00)  # DIO0 RxDone, DIO1 RxTimeout
_DIO_TX = const(0x40)  # DIO0 TxDone
_VERSION = const(0x42)
_VERSION_SX1276 = const(0x12)
_PA_DAC = const(0x4D)
_PA_DAC_NORMAL = const(0x84)
_PA_DAC_20_DBM = const(0x87)
# FSK page.
_IMAGE_CAL = const(0x3B)
_IMAGE_CAL_START = const(0x40)
_IMAGE_CAL_RUNNING = const(0x20)

_WRITE = const(0x80)
_LF_BELOW_HZ = const(525_000_000)  # DS table 32: the LF port ends here
_RSSI_OFFSET_HF = const(-157)  # DS 5.5.5
_RSSI_OFFSET_LF = const(-164)
_CALIBRATION_MS = const(100)  # DS 2.1.3.8 says about 10
_CHUNK = const(32)

# Interrupt flags, as read_events() gives them.
RX_TIMEOUT = const(0x80)
RX_DONE = const(0x40)
CRC_ERROR = const(0x20)
VALID_HEADER = const(0x10)
TX_DONE = const(0x08)

_BANDWIDTHS_HZ = (7812, 10417, 15625, 20833, 31250, 41667, 62500, 125_000, 250_000, 500_000)


class RadioError(Exception):
    pass


def is_bandwidth(bandwidth_hz):
    return bandwidth_hz in _BANDWIDTHS_HZ


def has_low_data_rate_optimize(sf, bandwidth_hz):
    # DS 4.1.1.6: needed when a symbol lasts longer than 16 ms.
    return (1 << sf) * 1000 > 16 * bandwidth_hz


def compute_symbol_us(sf, bandwidth_hz):
    return (1 << sf) * 1_000_000 // bandwidth_hz


def compute_time_on_air_us(length, sf, bandwidth_hz, coding_rate, preamble, crc):
    # DS 4.1.1.7 with explicit header, in quarters of a symbol.
    bits = 8 * length - 4 * sf + 28 + (16 if crc else 0)
    per_block = 4 * (sf - 2 if has_low_data_rate_optimize(sf, bandwidth_hz) else sf)
    symbols = 8 + max(0, -(-bits // per_block) * coding_rate)
    return (4 * (preamble + symbols) + 17) * compute_symbol_us(sf, bandwidth_hz) // 4


class Sx1276:
    # spi: a machine.SPI in mode 0. cs, reset: output Pins. dio0, dio1: input Pins. flag: an IrqFlag.
    # low_hz, high_hz: what the module's matching network is made for; min_dbm, max_dbm: its power at
    # PA_BOOST.

    def __init__(self, spi, cs, reset, dio0, dio1, flag, low_hz, high_hz, min_dbm, max_dbm):
        self._spi = spi
        self._cs = cs
        self._reset_pin = reset
        self._low_hz = low_hz
        self._high_hz = high_hz
        self._min_dbm = min_dbm
        self._max_dbm = max_dbm
        self._pair = bytearray(2)
        self._pair_in = bytearray(2)
        self._tx_command = bytearray((_OP_MODE | _WRITE, 0))
        self._fifo_read = bytearray((_FIFO,))
        self._fifo_write = bytearray((_FIFO | _WRITE,))
        self._status_read = bytearray(14)  # address, then registers 0x10 to 0x1C
        self._status = bytearray(14)
        self._fei_read = bytearray(4)
        self._fei = bytearray(4)
        self.data = bytearray(256)
        view = memoryview(self.data)
        self._chunks = [view[at : at + _CHUNK] for at in range(0, 256, _CHUNK)]
        self._status_read[0] = _FIFO_RX_CURRENT
        self._fei_read[0] = _FEI_MSB
        self._lf = 0
        self._left_mode = _SLEEP
        self._bandwidth_hz = 125_000
        self._raw_rssi = 0
        self._ticks_us = time.ticks_us
        self._flag = flag
        #: The packet read last: its length, SNR x4, and coding rate; RSSI and frequency error by their
        #: methods.
        self.length = 0
        self.snr_x4 = 0
        self.coding_rate = 5
        self.crc_present = False
        #: time.ticks_us() at the last edge of DIO0: RxDone or TxDone.
        self.edge_us = 0
        cs(1)
        dio0.irq(trigger=dio0.IRQ_RISING, handler=self._process_edge)
        if dio1 is not None:
            dio1.irq(trigger=dio1.IRQ_RISING, handler=self._process_timeout)

    def _process_edge(self, pin):
        self.edge_us = self._ticks_us()
        self._flag.raised = True

    def _process_timeout(self, pin):
        self._flag.raised = True

    # Registers

    def _write(self, register, value):
        pair = self._pair
        pair[0] = register | _WRITE
        pair[1] = value
        self._cs(0)
        self._spi.write(pair)
        self._cs(1)

    def _read(self, register):
        pair = self._pair
        pair[0] = register
        pair[1] = 0
        self._cs(0)
        self._spi.write_readinto(pair, self._pair_in)
        self._cs(1)
        return self._pair_in[1]

    def _mode(self, mode):
        self._left_mode = _LONG_RANGE | self._lf | mode
        self._write(_OP_MODE, self._left_mode)

    def is_as_left(self):
        # False when the chip has lost its mode, as after a dip of its supply.
        return self._read(_OP_MODE) == self._left_mode

    # Starting

    def reset(self):
        # Hard reset, identity, calibration at the middle of the band, and everything that never changes
        # afterwards.
        self._reset_pin(0)
        time.sleep_ms(1)  # DS 7.2.2: at least 100 us
        self._reset_pin(1)
        time.sleep_ms(6)  # and 5 ms until it listens
        version = self._read(_VERSION)
        if version != _VERSION_SX1276:
            raise RadioError("no SX1276: version register is %02x, not 12; check wiring and power" % version)
        self._calibrate((self._low_hz + self._high_hz) >> 1)
        self._write(_OP_MODE, self._lf | _SLEEP)
        self._write(_OP_MODE, _LONG_RANGE | self._lf | _SLEEP)
        self._mode(_STANDBY)
        if self._read(_OP_MODE) != _LONG_RANGE | self._lf | _STANDBY:
            raise RadioError("the SX1276 does not enter LoRa mode")
        self._write(_LNA, _LNA_MAX_BOOSTED)
        self._write(_FIFO_TX_BASE, 0)  # one direction at a time: each may have all 256 bytes
        self._write(_FIFO_RX_BASE, 0)
        self._write(_MAX_PAYLOAD_LENGTH, 255)
        self._write(_HOP_PERIOD, 0)
        self._write(_IRQ_MASK, 0)
        self._write(_DETECTION_THRESHOLD, 0x0A)

    def _calibrate(self, frequency_hz):
        # DS 2.1.3.8: the chip calibrates by itself at power-on, at 434 MHz. In the FSK page, in Standby.
        self._lf = _LOW_FREQUENCY if frequency_hz < _LF_BELOW_HZ else 0
        self._write(_OP_MODE, self._lf | _STANDBY)
        self._write_frequency(frequency_hz)
        self._write(_IMAGE_CAL, self._read(_IMAGE_CAL) & 0x3F | _IMAGE_CAL_START)
        for _ in range(_CALIBRATION_MS):
            time.sleep_ms(1)
            if not self._read(_IMAGE_CAL) & _IMAGE_CAL_RUNNING:
                return
        raise RadioError("the SX1276's image calibration does not end")

    def sleep(self):
        self._mode(_SLEEP)

    def read_noise(self):
        # One byte of noise of the receiver, for seeding; needs the receiver on.
        noise = 0
        for bit in range(8):
            noise |= (self._read(_RSSI_WIDEBAND) & 1) << bit
        return noise

    # Settings. All in Standby.

    def is_in_band(self, frequency_hz):
        return self._low_hz <= frequency_hz <= self._high_hz

    def is_power(self, power_dbm):
        return self._min_dbm <= power_dbm <= self._max_dbm

    def _write_frequency(self, frequency_hz):
        frf = (frequency_hz * 16384 + 500_000) // 1_000_000  # f * 2**19 / 32 MHz, rounded
        self._write(_FRF_MSB, frf >> 16)
        self._write(_FRF_MSB + 1, frf >> 8 & 0xFF)
        self._write(_FRF_MSB + 2, frf & 0xFF)

    def _write_modem(self, frequency_hz, bandwidth_hz, sf, coding_rate, sync_word, crc, symbol_timeout):
        code = _BANDWIDTHS_HZ.index(bandwidth_hz)
        ldro = _LDRO if has_low_data_rate_optimize(sf, bandwidth_hz) else 0
        self._bandwidth_hz = bandwidth_hz
        self._write(_MODEM_CONFIG_1, code << 4 | (coding_rate - 4) << 1)
        self._write(_MODEM_CONFIG_2, sf << 4 | (0x04 if crc else 0) | symbol_timeout >> 8)
        self._write(_SYMB_TIMEOUT, symbol_timeout & 0xFF)
        self._write(_MODEM_CONFIG_3, ldro | _AGC_AUTO)
        self._write(_SYNC_WORD, sync_word)
        # Errata 2.1: sensitivity at 500 kHz.
        if bandwidth_hz == 500_000:
            self._write(_HIGH_BW_OPTIMIZE_1, 0x02)
            self._write(_HIGH_BW_OPTIMIZE_2, 0x7F if frequency_hz < _LF_BELOW_HZ else 0x64)
        else:
            self._write(_HIGH_BW_OPTIMIZE_1, 0x03)

    def _write_preamble(self, symbols):
        self._write(_PREAMBLE_MSB, symbols >> 8)
        self._write(_PREAMBLE_MSB + 1, symbols & 0xFF)

    def _write_receiver(self, frequency_hz, bandwidth_hz):
        # Errata 2.3: spurious reception. Below 62.5 kHz the receiver is tuned one bandwidth higher, a
        # sender never.
        if bandwidth_hz == 500_000:
            self._write(_DETECT_OPTIMIZE, _AUTOMATIC_IF | _DETECT_SF7_12)
        else:
            self._write(_DETECT_OPTIMIZE, _DETECT_SF7_12)
            low = 0x48 if bandwidth_hz < 10_000 else 0x44
            self._write(_IF_FREQ_1, low if bandwidth_hz < 62_500 else 0x40)
            self._write(_IF_FREQ_2, 0x00)
            if bandwidth_hz < 62_500:
                frequency_hz += bandwidth_hz
        self._write_frequency(frequency_hz)

    # Receiving

    def listen(self, frequency_hz, bandwidth_hz, sf, coding_rate, sync_word, invert_iq):
        # Receive until told otherwise.
        self._receive(_RX_CONTINUOUS, frequency_hz, bandwidth_hz, sf, coding_rate, sync_word, invert_iq, 0x64)

    def listen_once(self, frequency_hz, bandwidth_hz, sf, sync_word, invert_iq, symbols):
        # Receive one packet whose preamble begins within that many symbols (4 to 1023), then Standby.
        self._receive(_RX_SINGLE, frequency_hz, bandwidth_hz, sf, 5, sync_word, invert_iq, symbols)

    def _receive(self, mode, frequency_hz, bandwidth_hz, sf, coding_rate, sync_word, invert_iq, symbols):
        self._mode(_STANDBY)
        self._write_modem(frequency_hz, bandwidth_hz, sf, coding_rate, sync_word, False, symbols)
        self._write_receiver(frequency_hz, bandwidth_hz)
        self._write_preamble(8)  # a sender before may have left another
        # DS has bit 0 of RegInvertIQ upside down: 1 is normal for the sender (LoRaMac-node, micropython-lib).
        self._write(_INVERT_IQ, 0x67 if invert_iq else 0x27)
        self._write(_INVERT_IQ_2, 0x19 if invert_iq else 0x1D)
        self._write(_DIO_MAPPING_1, _DIO_RX)
        self._write(_FIFO_ADDR_PTR, 0)
        self._write(_IRQ_FLAGS, 0xFF)
        self._mode(mode)

    def read_events(self):
        # The flags that are up (RX_DONE ...); reading leaves them.
        return self._read(_IRQ_FLAGS)

    def clear_events(self, flags):
        self._write(_IRQ_FLAGS, flags)

    def read_packet(self):
        # The packet that RX_DONE speaks of, into data, length, snr_x4 and so on; its flags are cleared.
        # Returns False if its CRC was wrong. Clear first: the next packet's RxDone must make an edge again.
        status = self._status
        self._cs(0)
        self._spi.write_readinto(self._status_read, status)
        self._cs(1)
        flags = status[3]
        self._write(_IRQ_FLAGS, flags)
        self._cs(0)
        self._spi.write_readinto(self._fei_read, self._fei)
        self._cs(1)
        # In RX continuous each packet begins where the one before ended: the pointer must be set for each.
        self._write(_FIFO_ADDR_PTR, status[1])
        self.length = length = status[4]
        self._cs(0)
        self._spi.write(self._fifo_read)
        chunk = 0
        while chunk * _CHUNK < length:
            self._spi.readinto(self._chunks[chunk])
            chunk += 1
        self._cs(1)
        snr = status[10]
        self.snr_x4 = snr - 256 if snr & 0x80 else snr
        self._raw_rssi = status[11]
        coding_rate = status[9] >> 5
        self.coding_rate = 4 + coding_rate if 1 <= coding_rate <= 4 else 5
        self.crc_present = bool(status[13] & 0x40)
        return not flags & CRC_ERROR

    def compute_rssi_dbm(self):
        # DS 5.5.5, rounded down: the packet's strength, below the noise floor too.
        offset = _RSSI_OFFSET_LF if self._lf else _RSSI_OFFSET_HF
        if self.snr_x4 < 0:
            return offset + self._raw_rssi + (self.snr_x4 >> 2)
        return offset + self._raw_rssi * 16 // 15

    def compute_frequency_error_hz(self):
        # DS 4.1.5: FEI * 2**24 / 32 MHz * bandwidth / 500 kHz.
        fei = (self._fei[1] & 0x0F) << 16 | self._fei[2] << 8 | self._fei[3]
        if fei & 0x80000:
            fei -= 0x100000
        return (fei * self._bandwidth_hz << 20) // 1_000_000_000_000

    # Transmitting

    def prepare_transmit(
        self,
        frequency_hz,
        bandwidth_hz,
        sf,
        coding_rate,
        sync_word,
        invert_iq,
        crc,
        preamble,
        power_dbm,
        payload,
    ):
        # Everything but the start: reception ends here. payload: 1 to 255 bytes.
        self._mode(_STANDBY)
        self._write_modem(frequency_hz, bandwidth_hz, sf, coding_rate, sync_word, crc, 0x64)
        self._write_frequency(frequency_hz)
        self._write(_INVERT_IQ, 0x26 if invert_iq else 0x27)
        self._write(_INVERT_IQ_2, 0x19 if invert_iq else 0x1D)
        self._write_preamble(preamble)
        if power_dbm > 17:
            # DS 5.4.3: +20 dBm mode, at most 1 % of the time.
            self._write(_OCP, _OCP_140_MA)
            self._write(_PA_DAC, _PA_DAC_20_DBM)
            self._write(_PA_CONFIG, _PA_BOOST | power_dbm - 5)
        else:
            self._write(_OCP, _OCP_100_MA)
            self._write(_PA_DAC, _PA_DAC_NORMAL)
            self._write(_PA_CONFIG, _PA_BOOST | power_dbm - 2)
        self._write(_PAYLOAD_LENGTH, len(payload))
        self._write(_FIFO_ADDR_PTR, 0)
        self._cs(0)
        self._spi.write(self._fifo_write)
        self._spi.write(payload)
        self._cs(1)
        self._write(_DIO_MAPPING_1, _DIO_TX)
        self._write(_IRQ_FLAGS, 0xFF)
        self._mode(_FS_TX)  # the PLL locks now, not at the start
        self._tx_command[1] = _LONG_RANGE | self._lf | _TX

    def start_transmit(self):
        self._cs(0)
        self._spi.write(self._tx_command)
        self._cs(1)
