"""Which of the signals that arrive a LoRa modem receives: pure rules over instants.

A receiver that listens since `start_us` with some settings, and the signals that came in:
`compute_receptions` replays them in order of their instants, in whatever order they became known.

- To lock, the modem hears at least four symbols of preamble and the 4.25 symbols of sync, undisturbed.
- While it is locked to one frame, others pass unheard; it doesn't change over to a stronger one.
- A disturbance in the header loses the frame, one in the payload breaks it.
- Capture: the stronger of two frames of one spreading factor survives from 6 dB on. Frames of other spreading
  factors, or with the other IQ, disturb only when much stronger: -8 dB at SF7 to -23 dB at SF12, as measured
  by Croce et al., "Impact of LoRa Imperfect Orthogonality" (2018).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache

from hardware.lora.modulation import compute_noise_floor_cdbm, get_required_snr_ddb
from hardware.virtual.chip.settings import ModemSettings
from hardware.virtual.ether.emission import Signal

#: Symbols of preamble that the modem must hear before the sync symbols.
DETECT_SYMBOLS = 4

#: A frame of the same spreading factor must be this much weaker not to disturb, dB.
CAPTURE_DB = 6.0

#: The same for frames of other spreading factors, by the wanted one's, dB.
_REJECTION_DB = {6: -6.0, 7: -8.0, 8: -11.0, 9: -14.0, 10: -17.0, 11: -20.0, 12: -23.0}

#: What the SNR register saturates at, dB x 100: a strong signal doesn't read any better.
MAX_SNR_CDB = 1_200


@dataclass(frozen=True, slots=True)
class Listening:
    """A stretch of time in RX with fixed settings."""

    start_us: int
    settings: ModemSettings
    single: bool = False
    end_us: int | None = None
    """None: still listening."""

    @property
    def deadline_us(self) -> int | None:
        """Until when RXSINGLE wants to have heard a preamble; None in RXCONTINUOUS."""
        if not self.single:
            return None
        return self.start_us + self.settings.symbol_timeout * self.settings.symbol_us


@dataclass(frozen=True, slots=True)
class Reception:
    """A frame that the modem locked to."""

    signal: Signal
    detected_us: int
    """When enough preamble was heard."""
    lock_us: int
    """End of the sync symbols."""
    header_us: int
    """End of the header."""
    end_us: int
    header_ok: bool
    payload_ok: bool = True
    snr_cdb: int = field(default=0)


_get_noise_floor_cdbm = cache(compute_noise_floor_cdbm)


def compute_snr_cdb(signal: Signal) -> int:
    """Signal to noise in the signal's own bandwidth, dB x 100."""
    return signal.rssi_cdbm - _get_noise_floor_cdbm(signal.emission.bandwidth_hz)


def is_audible(signal: Signal) -> bool:
    """Whether the demodulator's floor lies below the signal."""
    return compute_snr_cdb(signal) >= get_required_snr_ddb(signal.emission.spreading_factor) * 10


def is_match(settings: ModemSettings, signal: Signal) -> bool:
    """Whether the modem's settings are those of the frame: all that decides whether it locks."""
    emission = signal.emission
    return (
        emission.spreading_factor == settings.spreading_factor
        and emission.bandwidth_hz == settings.bandwidth_hz
        # The modem pulls in up to a quarter of the bandwidth (data sheet 4.1.5).
        and abs(emission.frequency_hz - settings.frequency_hz) * 4 <= settings.bandwidth_hz
        and emission.invert_iq == settings.rx_inverted
        and emission.sync_word == settings.sync_word
        and emission.explicit_header == settings.explicit_header
    )


def compute_receptions(
    listening: Listening, signals: Iterable[Signal], busy_until_us: int = 0
) -> list[Reception]:
    """The frames that a listening modem locks to, in order, from `busy_until_us` on.

    Those that end after now haven't happened yet.
    """
    known = list(signals)
    settings = listening.settings
    symbol_us = settings.symbol_us
    candidates = sorted(
        (
            signal
            for signal in known
            if signal.end_us > busy_until_us and is_match(settings, signal) and is_audible(signal)
        ),
        key=lambda signal: (_compute_lock_us(signal), -signal.rssi_cdbm, signal.key),
    )
    receptions: list[Reception] = []
    busy_until_us = max(busy_until_us, listening.start_us)
    for signal in candidates:
        lock_us = _compute_lock_us(signal)
        needed_from_us = lock_us - (4 * DETECT_SYMBOLS + 17) * symbol_us // 4
        detected_us = max(listening.start_us, signal.emission.start_us) + DETECT_SYMBOLS * symbol_us
        if needed_from_us < listening.start_us or lock_us < busy_until_us or signal.end_us < lock_us:
            continue
        if listening.deadline_us is not None and detected_us > listening.deadline_us:
            continue
        if listening.end_us is not None and lock_us > listening.end_us:
            continue
        if is_disturbed(signal, known, needed_from_us, lock_us):
            continue
        reception = _follow(listening, signal, known, detected_us, lock_us)
        receptions.append(reception)
        busy_until_us = reception.end_us if reception.header_ok else reception.header_us
        if listening.single and reception.header_ok:
            break
    return receptions


def _compute_lock_us(signal: Signal) -> int:
    emission = signal.emission
    quarters = 4 * emission.preamble_symbols + 17
    return emission.start_us + quarters * (1_000_000 << emission.spreading_factor) // (
        4 * emission.bandwidth_hz
    )


def _follow(
    listening: Listening, signal: Signal, known: list[Signal], detected_us: int, lock_us: int
) -> Reception:
    emission, settings = signal.emission, listening.settings
    header_us = min(lock_us + 8 * settings.symbol_us, emission.end_us)
    header_ok = (
        signal.end_us >= header_us
        and not is_disturbed(signal, known, lock_us, header_us)
        and not (settings.explicit_header and len(emission.payload) > settings.max_payload_length)
    )
    payload_ok = (
        signal.end_us >= emission.end_us
        and emission.low_data_rate == settings.low_data_rate
        and not is_disturbed(signal, known, header_us, emission.end_us)
        and (
            settings.explicit_header
            or (
                len(emission.payload) == settings.payload_length
                and emission.coding_rate == settings.coding_rate
                and emission.crc == settings.crc
            )
        )
    )
    snr_cdb = min(compute_snr_cdb(signal), MAX_SNR_CDB)
    return Reception(signal, detected_us, lock_us, header_us, emission.end_us, header_ok, payload_ok, snr_cdb)


def is_disturbed(wanted: Signal, signals: Iterable[Signal], from_us: int, to_us: int) -> bool:
    """Whether other signals drown the wanted one between two instants.

    Overlaps shorter than a symbol do no harm; those of the same kind add up.
    """
    emission = wanted.emission
    symbol_us = (1_000_000 << emission.spreading_factor) // emission.bandwidth_hz
    same_mw = other_mw = 0.0
    for signal in signals:
        overlap_us = min(signal.end_us, to_us) - max(signal.emission.start_us, from_us)
        if overlap_us < symbol_us or signal.key == wanted.key or not _shares_spectrum(wanted, signal):
            continue
        power_mw = 10 ** (signal.rssi_cdbm / 1000)
        if (
            signal.emission.spreading_factor == emission.spreading_factor
            and signal.emission.bandwidth_hz == emission.bandwidth_hz
            and signal.emission.invert_iq == emission.invert_iq
        ):
            same_mw += power_mw
        else:
            other_mw += power_mw
    return not (
        _is_above(wanted.rssi_cdbm, same_mw, CAPTURE_DB)
        and _is_above(wanted.rssi_cdbm, other_mw, _REJECTION_DB.get(emission.spreading_factor, -6.0))
    )


def _shares_spectrum(one: Signal, other: Signal) -> bool:
    distance_hz = abs(one.emission.frequency_hz - other.emission.frequency_hz)
    return 2 * distance_hz < one.emission.bandwidth_hz + other.emission.bandwidth_hz


def _is_above(rssi_cdbm: int, disturbance_mw: float, threshold_db: float) -> bool:
    return not disturbance_mw or rssi_cdbm / 100 - 10 * math.log10(disturbance_mw) >= threshold_db


def compute_rssi_cdbm(settings: ModemSettings, signals: Iterable[Signal], at_us: int) -> int:
    """What the channel holds at one instant, noise and signals together, dBm x 100."""
    total_mw = 10 ** (_get_noise_floor_cdbm(settings.bandwidth_hz) / 1000)
    for signal in signals:
        emission = signal.emission
        distance_hz = abs(emission.frequency_hz - settings.frequency_hz)
        if (
            emission.start_us <= at_us < signal.end_us
            and 2 * distance_hz < emission.bandwidth_hz + settings.bandwidth_hz
        ):
            total_mw += 10 ** (signal.rssi_cdbm / 1000)
    return round(1000 * math.log10(total_mw))


def is_channel_active(settings: ModemSettings, signals: Iterable[Signal], from_us: int, to_us: int) -> bool:
    """Channel activity detection: whether a preamble of these settings fills a symbol of the stretch."""
    for signal in signals:
        emission = signal.emission
        if (
            emission.spreading_factor == settings.spreading_factor
            and emission.bandwidth_hz == settings.bandwidth_hz
            and abs(emission.frequency_hz - settings.frequency_hz) * 4 <= settings.bandwidth_hz
            and emission.invert_iq == settings.rx_inverted
            and is_audible(signal)
            and min(_compute_lock_us(signal), signal.end_us, to_us) - max(emission.start_us, from_us)
            >= settings.symbol_us
        ):
            return True
    return False
