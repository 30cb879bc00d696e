"""A walk about a place: where the walker is, as a pure function of seed and time."""

import hashlib
import math
from dataclasses import dataclass

EARTH_RADIUS_M = 6_371_000.0


class WalkError(ValueError):
    """A walk that can't be read; one line with the remedy."""


@dataclass(frozen=True)
class Walk:
    """Straight legs between seeded random spots of a disc, each in the time that the disc's radius takes at
    ``speed_mps``.

    So the mean speed is some 0.9 ``speed_mps``, never above twice that, and the distance from the centre
    never exceeds ``radius_m``.
    """

    lat: float
    lng: float
    radius_m: float
    speed_mps: float
    seed: int

    @property
    def leg_s(self) -> float:
        return self.radius_m / self.speed_mps


@dataclass(frozen=True)
class Fix:
    """Where and how fast: degrees, metres per second, course in degrees from north."""

    lat: float
    lng: float
    speed_mps: float
    course_deg: float


def parse_walk(text: str) -> Walk:
    """``LAT,LNG,RADIUS_M,SPEED_MPS,SEED``. Raises WalkError."""
    try:
        lat, lng, radius_m, speed_mps = (float(part) for part in text.split(",")[:4])
        (seed,) = (int(part) for part in text.split(",")[4:])
    except ValueError:
        raise WalkError(f"walk {text!r}: write LAT,LNG,RADIUS_M,SPEED_MPS,SEED") from None
    if not (-85 <= lat <= 85 and -180 <= lng <= 180 and 0 < radius_m <= 100_000 and 0 < speed_mps <= 100):
        raise WalkError(
            f"walk {text!r}: within latitude 85, longitude 180, radius 100 km and speed 100 m/s, please"
        )
    return Walk(lat, lng, radius_m, speed_mps, seed)


def compute_fix(walk: Walk, time_s: float) -> Fix:
    """Position at Unix time ``time_s``."""
    leg = math.floor(time_s / walk.leg_s)
    share = time_s / walk.leg_s - leg
    from_east, from_north = _compute_spot(walk, leg)
    to_east, to_north = _compute_spot(walk, leg + 1)
    east = from_east + share * (to_east - from_east)
    north = from_north + share * (to_north - from_north)
    lat = walk.lat + math.degrees(north / EARTH_RADIUS_M)
    lng = walk.lng + math.degrees(east / (EARTH_RADIUS_M * math.cos(math.radians(walk.lat))))
    speed_mps = math.hypot(to_east - from_east, to_north - from_north) / walk.leg_s
    course_deg = math.degrees(math.atan2(to_east - from_east, to_north - from_north)) % 360
    return Fix(lat, (lng + 180) % 360 - 180, speed_mps, course_deg)


def _compute_spot(walk: Walk, leg: int) -> tuple[float, float]:
    """Metres east and north of the centre where leg number ``leg`` begins: uniform over the disc."""
    digest = hashlib.sha256(f"walk {walk.seed} {leg}".encode()).digest()
    distance = walk.radius_m * math.sqrt(int.from_bytes(digest[:8], "big") / 2**64)
    angle = 2 * math.pi * int.from_bytes(digest[8:16], "big") / 2**64
    return distance * math.cos(angle), distance * math.sin(angle)
