"""Free space and decibels in integers, so that every node of the chain computes the same bound.

All results are dB x 100 ("cdb") or dBm x 100 ("cdbm"). The logarithm is taken bit by bit on 64-bit mantissas;
its own error is below 0.000001 dB, so what remains is the rounding to 0.01 dB: results are within 0.00501 dB
of the real value. Source of the formula: Friis; Helium's oracle uses the same with c = 2.998e8 m/s (0.0002
dB more).
"""

from __future__ import annotations

_FRACTION_BITS = 32
_MANTISSA_BITS = 64

#: 10 x log10(2) in dB x 10^12.
_TEN_LOG10_2_PICO = 3_010_299_956_640

#: 20 x log10(4 pi / 299 792 458) in dB x 10^12, d in metres and f in hertz.
_FREE_SPACE_PICO = -147_552_216_778_117

_PICO_PER_CENTI = 10_000_000_000


def _compute_log2_fixed(value: int) -> int:
    """floor(log2(value) x 2^32) for a positive integer, by squaring the mantissa once a bit."""
    exponent = value.bit_length() - 1
    shift = exponent - _MANTISSA_BITS
    mantissa = value >> shift if shift >= 0 else value << -shift  # in [2^64, 2^65)
    result = exponent
    for _ in range(_FRACTION_BITS):
        mantissa = (mantissa * mantissa) >> _MANTISSA_BITS
        result <<= 1
        if mantissa >> (_MANTISSA_BITS + 1):
            mantissa >>= 1
            result |= 1
    return result


def _compute_ten_log10_pico(value: int) -> int:
    """10 x log10(value) in dB x 10^12."""
    return (_compute_log2_fixed(value) * _TEN_LOG10_2_PICO) >> _FRACTION_BITS


def _round_to_cdb(pico: int) -> int:
    """Nearest, halves up."""
    return (pico + _PICO_PER_CENTI // 2) // _PICO_PER_CENTI


def compute_ratio_cdb(numerator: int, denominator: int = 1) -> int:
    """10 x log10(numerator / denominator), dB x 100, for a ratio of powers. Both must be positive
    (ValueError)."""
    if numerator <= 0 or denominator <= 0:
        raise ValueError(f"the ratio {numerator}/{denominator} has no logarithm: both must be above zero")
    return _round_to_cdb(_compute_ten_log10_pico(numerator) - _compute_ten_log10_pico(denominator))


def compute_free_space_path_loss_cdb(distance_m: int, frequency_hz: int) -> int:
    """Loss between two isotropic antennas in free space, dB x 100.

    Distances below one metre count as one metre (the far-field formula means nothing there); never negative.
    868.1 MHz over 1000 m: 9122. Raises ValueError for a negative distance or a frequency that isn't positive.
    """
    if distance_m < 0:
        raise ValueError(f"distance {distance_m} m is negative")
    if frequency_hz <= 0:
        raise ValueError(f"frequency {frequency_hz} Hz is not positive")
    pico = 2 * _compute_ten_log10_pico(max(distance_m, 1) * frequency_hz) + _FREE_SPACE_PICO
    return max(_round_to_cdb(pico), 0)


def compute_free_space_rssi_cdbm(
    conducted_power_cdbm: int,
    transmitter_gain_cdbi: int,
    receiver_gain_cdbi: int,
    distance_m: int,
    frequency_hz: int,
) -> int:
    """Strongest signal that physics allows at the receiver's connector, dBm x 100; gains are dBi x 100.

    Nothing on the way amplifies, so a measured RSSI above this is false (antenna gains as asserted).
    """
    loss_cdb = compute_free_space_path_loss_cdb(distance_m, frequency_hz)
    return conducted_power_cdbm + transmitter_gain_cdbi + receiver_gain_cdbi - loss_cdb
