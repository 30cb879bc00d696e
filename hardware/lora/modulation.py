"""LoRa data rates and what a receiver needs to demodulate them.

Sources: Semtech SX1276 data sheet rev 4 (table 13, required SNR), LoRaWAN RP002-1.0.5 (SF5 and SF6), GWMP's
`datr` strings.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from hardware.lora.propagation import compute_ratio_cdb

#: Spreading factors of the LoRa modulation. An SX1276 knows 6..12, SF5 came with the SX126x.
SPREADING_FACTORS = tuple(range(5, 13))

#: Demodulator's floor, dB x 10, by spreading factor: 2.5 dB a step, whatever the bandwidth.
_REQUIRED_SNR_DDB = {5: -25, 6: -50, 7: -75, 8: -100, 9: -125, 10: -150, 11: -175, 12: -200}

#: Thermal noise at 290 K in 1 Hz, dBm x 100.
THERMAL_NOISE_CDBM_PER_HZ = -17_400

#: Noise figure of an SX1276 receive chain, dB x 100 (data sheet sensitivities come out at 6 dB).
NOISE_FIGURE_CDB = 600

_DATA_RATE = re.compile(r"SF(5|6|7|8|9|10|11|12)BW(\d{1,4})", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class DataRate:
    """One LoRa data rate. `str()` gives the form of packet forwarders, "SF7BW125" (bandwidth in whole
    kHz)."""

    spreading_factor: int
    bandwidth_hz: int

    def __post_init__(self) -> None:
        if self.spreading_factor not in _REQUIRED_SNR_DDB:
            raise ValueError(f"spreading factor {self.spreading_factor} is not one of 5..12")
        if self.bandwidth_hz <= 0:
            raise ValueError(f"bandwidth {self.bandwidth_hz} Hz is not positive")

    def __str__(self) -> str:
        return f"SF{self.spreading_factor}BW{self.bandwidth_hz // 1000}"

    @property
    def symbol_numerator_us(self) -> int:
        """2^SF x 10^6: divided by `bandwidth_hz` it is the symbol's duration in microseconds."""
        return (1 << self.spreading_factor) * 1_000_000


def parse_data_rate(text: str) -> DataRate:
    """Read "SF7BW125" as packet forwarders write it. Raises ValueError naming what was wrong."""
    match = _DATA_RATE.fullmatch(text)
    if match is None or int(match[2]) == 0:
        raise ValueError(f'data rate {text[:40]!r} is not a LoRa data rate: write it like "SF7BW125"')
    return DataRate(int(match[1]), int(match[2]) * 1000)


def get_required_snr_ddb(spreading_factor: int) -> int:
    """SNR, dB x 10, below which a frame at this spreading factor is lost (SF7 -75, SF12 -200).

    Raises ValueError for a spreading factor outside 5..12.
    """
    try:
        return _REQUIRED_SNR_DDB[spreading_factor]
    except KeyError:
        raise ValueError(f"spreading factor {spreading_factor} is not one of 5..12") from None


def compute_noise_floor_cdbm(bandwidth_hz: int, noise_figure_cdb: int = NOISE_FIGURE_CDB) -> int:
    """Noise in the channel, dBm x 100: thermal noise of the bandwidth plus the receiver's noise figure.

    125 kHz at 6 dB: -11703.
    """
    return THERMAL_NOISE_CDBM_PER_HZ + compute_ratio_cdb(bandwidth_hz) + noise_figure_cdb


def compute_sensitivity_cdbm(
    spreading_factor: int, bandwidth_hz: int, noise_figure_cdb: int = NOISE_FIGURE_CDB
) -> int:
    """Weakest signal that is demodulated, dBm x 100. SF7 at 125 kHz: -12453, SF12: -13703."""
    return (
        compute_noise_floor_cdbm(bandwidth_hz, noise_figure_cdb) + get_required_snr_ddb(spreading_factor) * 10
    )
