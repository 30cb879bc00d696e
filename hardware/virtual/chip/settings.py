"""What the LoRa registers mean: modem settings, output power, and the settings silicon wouldn't forgive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hardware.lora.airtime import is_low_data_rate
from hardware.virtual.chip import registers as reg

#: RegModemConfig1's bandwidth codes, hertz: 500 kHz divided by powers of two, and two thirds of those.
BANDWIDTHS_HZ = (7_812, 10_417, 15_625, 20_833, 31_250, 41_667, 62_500, 125_000, 250_000, 500_000)

#: Boundary of the two front ends (LoRaMac-node's; the data sheet leaves a gap from 525 to 779 MHz).
HIGH_BAND_FROM_HZ = 525_000_000

#: What leaks out of a module whose selected amplifier pin isn't connected, dBm x 100.
UNCONNECTED_CDBM = -4_000


@dataclass(frozen=True, slots=True)
class ModemSettings:
    """The modem's settings as the registers say them at one instant."""

    frequency_hz: int
    spreading_factor: int
    bandwidth_hz: int
    coding_rate: int
    """Denominator of 4/5..4/8."""
    explicit_header: bool
    crc: bool
    """RxPayloadCrcOn: appended in TX; in RX only looked at without header."""
    low_data_rate: bool
    preamble_symbols: int
    payload_length: int
    max_payload_length: int
    sync_word: int
    rx_inverted: bool
    tx_inverted: bool
    symbol_timeout: int
    """Symbols, for RXSINGLE."""

    @property
    def symbol_us(self) -> int:
        """Symbol duration, microseconds, rounded to the nearest."""
        return ((1_000_000 << self.spreading_factor) + self.bandwidth_hz // 2) // self.bandwidth_hz


def compute_frequency_hz(frf: int) -> int:
    """Frequency of a 24-bit Frf, hertz: steps of 32 MHz / 2^19, rounded to the nearest hertz."""
    return (frf * 15_625 + 128) // 256


def read_settings(shared: Sequence[int], page: Sequence[int]) -> ModemSettings:
    """The settings in the registers; impossible codes are taken for the nearest possible one (see
    `find_faults`)."""
    config_1, config_2 = page[reg.MODEM_CONFIG_1], page[reg.MODEM_CONFIG_2]
    frf = shared[reg.FRF_MSB] << 16 | shared[reg.FRF_MID] << 8 | shared[reg.FRF_LSB]
    invert_iq = page[reg.INVERT_IQ]
    return ModemSettings(
        frequency_hz=compute_frequency_hz(frf),
        spreading_factor=min(max(config_2 >> 4, 6), 12),
        bandwidth_hz=BANDWIDTHS_HZ[min(config_1 >> 4, 9)],
        coding_rate=4 + min(max(config_1 >> 1 & 7, 1), 4),
        explicit_header=not config_1 & 1,
        crc=bool(config_2 & 0x04),
        low_data_rate=bool(page[reg.MODEM_CONFIG_3] & 0x08),
        preamble_symbols=page[reg.PREAMBLE_MSB] << 8 | page[reg.PREAMBLE_LSB],
        payload_length=page[reg.PAYLOAD_LENGTH],
        max_payload_length=page[reg.MAX_PAYLOAD_LENGTH],
        sync_word=page[reg.SYNC_WORD],
        rx_inverted=bool(invert_iq & 0x40),
        # The data sheet has this bit the wrong way round: 1 is normal.
        tx_inverted=not invert_iq & 0x01,
        symbol_timeout=(config_2 & 3) << 8 | page[reg.SYMB_TIMEOUT_LSB],
    )


def read_receive_settings(shared: Sequence[int], page: Sequence[int]) -> ModemSettings:
    """The settings as the receiver has them.

    Errata 2.3: below 62.5 kHz with a fixed intermediate frequency it hears one bandwidth below Frf.
    """
    settings = read_settings(shared, page)
    is_fixed = not page[reg.DETECT_OPTIMIZE] & 0x80 and page[reg.IF_FREQ_1] in (0x44, 0x48)
    if settings.bandwidth_hz >= 62_500 or not is_fixed or page[reg.IF_FREQ_2]:
        return settings
    return replace(settings, frequency_hz=settings.frequency_hz - settings.bandwidth_hz)


def compute_power_cdbm(pa_config: int, pa_dac: int, amplifier: str) -> int:
    """Output power, dBm x 100. `amplifier` is what the module connects: "boost" (PA_BOOST), "rfo" or
    "both"."""
    output = pa_config & 0x0F
    if pa_config & 0x80:
        if amplifier == "rfo":
            return UNCONNECTED_CDBM
        return (output + (5 if pa_dac & 7 == 7 else 2)) * 100
    if amplifier == "boost":
        return UNCONNECTED_CDBM
    return 1080 + 60 * (pa_config >> 4 & 7) - (15 - output) * 100


def compute_current_limit_ma(ocp: int) -> int | None:
    """Over-current limit in RegOcp, milliamperes; None when switched off."""
    if not ocp & 0x20:
        return None
    trim = ocp & 0x1F
    if trim <= 15:
        return 45 + 5 * trim
    return -30 + 10 * min(trim, 27)


def find_faults(shared: Sequence[int], page: Sequence[int], transmitting: bool) -> list[str]:
    """What is wrong with the registers at the moment the modem starts, a sentence each."""
    settings = read_settings(shared, page)
    faults = []
    config_1, config_2 = page[reg.MODEM_CONFIG_1], page[reg.MODEM_CONFIG_2]
    if not 6 <= config_2 >> 4 <= 12:
        faults.append(f"spreading factor code {config_2 >> 4} in RegModemConfig2 is reserved")
    if config_1 >> 4 > 9:
        faults.append(f"bandwidth code {config_1 >> 4} in RegModemConfig1 is reserved")
    if not 1 <= config_1 >> 1 & 7 <= 4:
        faults.append(f"coding rate code {config_1 >> 1 & 7} in RegModemConfig1 is reserved")
    if settings.low_data_rate != is_low_data_rate(settings.spreading_factor, settings.bandwidth_hz):
        faults.append(
            f"LowDataRateOptimize is {int(settings.low_data_rate)} with a symbol of {settings.symbol_us} us: "
            f"it must be 1 above 16 ms, else 0"
        )
    is_6 = settings.spreading_factor == 6
    if is_6 and settings.explicit_header:
        faults.append("SF6 with explicit header: it works with implicit header only")
    if page[reg.DETECT_OPTIMIZE] & 7 != (5 if is_6 else 3):
        faults.append(f"RegDetectOptimize 0x{page[reg.DETECT_OPTIMIZE]:02X} doesn't fit the spreading factor")
    if page[reg.DETECTION_THRESHOLD] != (0x0C if is_6 else 0x0A):
        faults.append(
            f"RegDetectionThreshold 0x{page[reg.DETECTION_THRESHOLD]:02X} doesn't fit the spreading factor"
        )
    inverted = settings.tx_inverted if transmitting else settings.rx_inverted
    if page[reg.INVERT_IQ_2] != (0x19 if inverted else 0x1D):
        faults.append(
            f"RegInvertIQ2 is 0x{page[reg.INVERT_IQ_2]:02X} with {'inverted' if inverted else 'normal'} IQ: "
            f"it must be 0x{0x19 if inverted else 0x1D:02X}"
        )
    if (settings.frequency_hz >= HIGH_BAND_FROM_HZ) == bool(shared[reg.OP_MODE] & reg.LOW_FREQUENCY_MODE_ON):
        faults.append(
            f"LowFrequencyModeOn doesn't fit {settings.frequency_hz} Hz: for below {HIGH_BAND_FROM_HZ} only"
        )
    if page[reg.HOP_PERIOD]:
        faults.append("RegHopPeriod is set: frequency hopping isn't modelled")
    if settings.preamble_symbols < 6:
        faults.append(f"a preamble of {settings.preamble_symbols} symbols is shorter than 6")
    return faults


def find_transmit_faults(shared: Sequence[int], page: Sequence[int], amplifier: str) -> list[str]:
    """What is wrong with the registers for a transmission in particular, a sentence each."""
    faults = []
    pa_config = shared[reg.PA_CONFIG]
    power_cdbm = compute_power_cdbm(pa_config, shared[reg.PA_DAC], amplifier)
    if power_cdbm == UNCONNECTED_CDBM:
        pin = "PA_BOOST" if pa_config & 0x80 else "RFO"
        faults.append(f"{pin} is selected in RegPaConfig, but the module leaves it unconnected")
    limit_ma = compute_current_limit_ma(shared[reg.OCP])
    needed_ma = 130 if power_cdbm > 1700 else 100 if power_cdbm > 1300 else 45
    if limit_ma is not None and limit_ma < needed_ma:
        faults.append(
            f"RegOcp limits to {limit_ma} mA, {power_cdbm // 100} dBm takes {needed_ma} mA: it would trip"
        )
    if shared[reg.PA_DAC] & 7 not in (4, 7):
        faults.append(f"RegPaDac 0x{shared[reg.PA_DAC]:02X} is neither 0x84 nor 0x87")
    if page[reg.MODEM_CONFIG_2] & 0x08:
        faults.append("TxContinuous is set: not modelled")
    if page[reg.PAYLOAD_LENGTH] == 0:
        faults.append("TX with RegPayloadLength 0, which isn't permitted")
    return faults
