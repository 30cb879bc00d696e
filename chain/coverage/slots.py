"""When an ordered beacon is on the air."""

from functools import lru_cache

from chain.coverage.beacon import BEACON_PHY_PAYLOAD_BYTES
from chain.coverage.challenges import Challenge
from hardware.lora.airtime import compute_time_on_air_us


@lru_cache(maxsize=64)
def compute_beacon_airtime_ms(spreading_factor: int, bandwidth_hz: int) -> int:
    """Time on air of a beacon's 52 bytes, whole milliseconds rounded down (SF8 at 125 kHz: 185)."""
    return compute_time_on_air_us(BEACON_PHY_PAYLOAD_BYTES, spreading_factor, bandwidth_hz) // 1000


def compute_slot_end_ms(challenge: Challenge) -> int:
    """Unix time, milliseconds, at which the ordered beacon has left the air."""
    return challenge.at_ms + compute_beacon_airtime_ms(challenge.spreading_factor, challenge.bandwidth_hz)
