"""Places of a demo town."""

import math

from hardware.virtual.town import TownError


def compute_offset(lat: float, lng: float, distance_m: float, bearing_deg: float) -> tuple[float, float]:
    """The place ``distance_m`` from (lat, lng) towards ``bearing_deg``; flat-earth, good for a town."""
    north_m = distance_m * math.cos(math.radians(bearing_deg))
    east_m = distance_m * math.sin(math.radians(bearing_deg))
    metres_per_degree = 111_320.0
    return (
        round(lat + north_m / metres_per_degree, 6),
        round(lng + east_m / (metres_per_degree * math.cos(math.radians(lat))), 6),
    )


def compute_spiral(lat: float, lng: float, count: int, first_m: float = 800.0) -> list[tuple[float, float]]:
    """Places by the golden angle: neighbours are 1 to 2 km apart; in a small town all hear each other."""
    return [compute_offset(lat, lng, first_m * math.sqrt(1 + i / 3), i * 137.508) for i in range(count)]


def parse_place(text: str) -> tuple[float, float]:
    """LAT,LNG in degrees.

    Raises:
        TownError: not two numbers, or not on a map.
    """
    try:
        lat, lng = (float(part) for part in text.split(","))
    except ValueError:
        raise TownError(f"--where {text!r} is not LAT,LNG; for example --where 46.948,7.4474") from None
    if not (-80 <= lat <= 80 and -180 <= lng <= 180):
        raise TownError(f"--where {text!r}: latitude must be within -80..80, longitude within -180..180")
    return lat, lng
