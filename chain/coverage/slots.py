"""The times of a round: how many slots it has, when an ordered beacon is on the air, when claims are opened.

opened .. first slot .. slots .. margin for the last claims | openings .. closed
"""

from chain.coverage.beacon import compute_beacon_airtime_ms
from chain.coverage.challenges import Challenge


def compute_slot_end_ms(challenge: Challenge) -> int:
    """Unix time, milliseconds, at which the ordered beacon has left the air."""
    return challenge.at_ms + compute_beacon_airtime_ms(challenge.spreading_factor, challenge.bandwidth_hz)
