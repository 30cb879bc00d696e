"""Voltages at ADC pins: constant or a slow sine, as the command line says."""

import math
from dataclasses import dataclass

#: Full scale by attenuation (ESP32, ADC1; docs.espressif.com, adc_oneshot): 0, 2.5, 6 and 11 dB.
FULL_SCALE_UV = (950_000, 1_250_000, 1_750_000, 3_100_000)
#: ADC1 and ADC2 inputs of the ESP32.
ADC_PINS = frozenset({32, 33, 34, 35, 36, 37, 38, 39, 0, 2, 4, 12, 13, 14, 15, 25, 26, 27})


class AnalogError(ValueError):
    """A signal that can't be read; one line with the remedy."""


@dataclass(frozen=True)
class AnalogSignal:
    """A voltage over time: ``level_uv`` + ``amplitude_uv`` * sin(2 pi t / ``period_s``)."""

    pin: int
    level_uv: int
    amplitude_uv: int = 0
    period_s: float = 1.0

    def get_uv(self, time_s: float) -> int:
        swing = math.sin(2 * math.pi * (time_s % self.period_s) / self.period_s)
        return max(0, round(self.level_uv + self.amplitude_uv * swing))


def parse_analog(text: str) -> AnalogSignal:
    """``PIN=MICROVOLTS[:AMPLITUDE:PERIOD_S]``, for example ``35=1950000:150000:7200``. Raises AnalogError."""
    pin_text, equals, signal = text.partition("=")
    parts = signal.split(":")
    try:
        if not equals or len(parts) not in (1, 3):
            raise ValueError
        pin, level_uv = int(pin_text), int(parts[0])
        amplitude_uv, period_s = (int(parts[1]), float(parts[2])) if len(parts) == 3 else (0, 1.0)
        if not period_s > 0 or not math.isfinite(period_s):
            raise ValueError
    except ValueError:
        raise AnalogError(
            f"analog signal {text!r}: write PIN=MICROVOLTS or PIN=MICROVOLTS:AMPLITUDE:PERIOD_S"
        ) from None
    if pin not in ADC_PINS:
        raise AnalogError(f"analog signal {text!r}: GPIO {pin} has no ADC; use one of 32 to 39")
    return AnalogSignal(pin, level_uv, amplitude_uv, period_s)


def measure(level_uv: int, attenuation: int) -> tuple[int, int]:
    """What the ADC says at that input: microvolts (clipped at full scale) and the raw value in 0..65535."""
    full_uv = FULL_SCALE_UV[attenuation]
    seen_uv = min(max(level_uv, 0), full_uv)
    return seen_uv, seen_uv * 65535 // full_uv
