"""Who hears whom how well: places, antennas and path loss. Pure; the same seed gives the same strengths.

Log-distance model: loss at one metre plus 10 x exponent dB a decade, plus shadowing that is fixed for each
pair of places (50 m cells, both directions alike), plus a loss for everybody that a test may raise; never
less than free space.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from hardware.lora.propagation import compute_free_space_path_loss_cdb
from hardware.virtual.ether.emission import Emission

EARTH_RADIUS_M = 6_371_008.8

#: Where the reference loss holds; it grows with the square of the frequency.
REFERENCE_HZ = 868_100_000

#: Side of the cells within which shadowing is the same.
SHADOWING_CELL_M = 50.0

#: Shadowing is a normal distribution cut off at so many standard deviations.
SHADOWING_LIMIT = 2.5


class ConfigError(ValueError):
    """A configuration that can't be used; the text names value, rule and remedy."""


@dataclass(frozen=True, slots=True)
class Propagation:
    """The medium's parameters, dB."""

    exponent: float = 2.7
    reference_loss_db: float = 31.2
    """At one metre and 868.1 MHz; 31.2 is free space."""
    shadowing_db: float = 0.0
    """Standard deviation."""
    seed: int = 1
    extra_loss_db: float = 0.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node stands and what its antenna does."""

    lat: float
    lng: float
    alt_m: float = 10.0
    gain_dbi: float = 0.0
    loss_db: float = 0.0
    """Of its surroundings: walls, a dog."""


@dataclass(frozen=True, slots=True)
class Terrain:
    """All places and the medium between them."""

    propagation: Propagation = field(default_factory=Propagation)
    nodes: Mapping[str, Place] = field(default_factory=dict)

    def with_node(self, name: str, place: Place) -> Terrain:
        return replace(self, nodes={**self.nodes, name: place})

    def with_extra_loss(self, extra_loss_db: float) -> Terrain:
        return replace(self, propagation=replace(self.propagation, extra_loss_db=extra_loss_db))

    def compute_rssi_cdbm(self, emission: Emission, transmitter: str, receiver: str) -> int:
        """Strength at the receiver's antenna connector, dBm x 100. Raises KeyError for a node without
        place."""
        source, sink = self.nodes[transmitter], self.nodes[receiver]
        loss_db = compute_path_loss_db(self.propagation, source, sink, emission.frequency_hz)
        gain_db = source.gain_dbi + sink.gain_dbi - source.loss_db - sink.loss_db
        return emission.power_cdbm + math.floor((gain_db - loss_db) * 100)


def compute_distance_m(one: Place, other: Place) -> float:
    """Straight line between two places: great circle and difference in height."""
    lat_1, lat_2 = math.radians(one.lat), math.radians(other.lat)
    half_lat, half_lng = (lat_2 - lat_1) / 2, math.radians(other.lng - one.lng) / 2
    chord = math.sin(half_lat) ** 2 + math.cos(lat_1) * math.cos(lat_2) * math.sin(half_lng) ** 2
    return math.hypot(2 * EARTH_RADIUS_M * math.asin(min(1.0, math.sqrt(chord))), one.alt_m - other.alt_m)


def compute_path_loss_db(propagation: Propagation, one: Place, other: Place, frequency_hz: int) -> float:
    """Loss between the two antennas, dB, the same in both directions; at least free space."""
    distance_m = max(compute_distance_m(one, other), 1.0)
    loss_db = (
        propagation.reference_loss_db
        + 20 * math.log10(frequency_hz / REFERENCE_HZ)
        + 10 * propagation.exponent * math.log10(distance_m)
        + compute_shadowing_db(propagation, one, other)
    )
    # Rounded up to the metre and by the hundredth, so that no rounding lets a signal exceed the chain's
    # bound.
    free_space_db = (compute_free_space_path_loss_cdb(math.ceil(distance_m), frequency_hz) + 1) / 100
    return max(loss_db, free_space_db) + propagation.extra_loss_db


def compute_shadowing_db(propagation: Propagation, one: Place, other: Place) -> float:
    """What houses and hills between two places add or take, dB: drawn once for each pair of cells."""
    if not propagation.shadowing_db:
        return 0.0
    ends = sorted((_get_cell(one), _get_cell(other)))
    digest = hashlib.sha256(repr((propagation.seed, ends)).encode()).digest()
    uniform = (int.from_bytes(digest[:8], "big") + 1) / (2**64 + 1)
    angle = int.from_bytes(digest[8:16], "big") / 2**64 * math.tau
    normal = math.sqrt(-2 * math.log(uniform)) * math.cos(angle)
    return propagation.shadowing_db * max(-SHADOWING_LIMIT, min(SHADOWING_LIMIT, normal))


def _get_cell(place: Place) -> tuple[int, int]:
    metres_per_degree = EARTH_RADIUS_M * math.radians(1)
    row = math.floor(place.lat * metres_per_degree / SHADOWING_CELL_M)
    width = metres_per_degree * max(math.cos(math.radians(place.lat)), 0.01)
    return row, math.floor(place.lng * width / SHADOWING_CELL_M)


def read_place(value: Any, name: str) -> Place:
    """Check a node's entry. Raises ConfigError naming the node and the value."""
    if not isinstance(value, Mapping):
        raise ConfigError(f"node {name!r} is no object with lat and lng")
    place = Place(**_read_numbers(value, Place, f"node {name!r}", required=("lat", "lng")))
    if not (-90 <= place.lat <= 90 and -180 <= place.lng <= 180):
        raise ConfigError(
            f"node {name!r} is at lat {place.lat}, lng {place.lng}: -90..90 and -180..180 are on the map"
        )
    return place


def read_terrain(value: Any) -> Terrain:
    """Check a whole configuration. Raises ConfigError."""
    if not isinstance(value, Mapping):
        raise ConfigError('the configuration is no object with "propagation" and "nodes"')
    for key in value:
        if key not in ("propagation", "nodes"):
            raise ConfigError(f'unknown key {key!r}: there are "propagation" and "nodes"')
    raw = value.get("propagation", {})
    nodes = value.get("nodes", {})
    if not isinstance(raw, Mapping) or not isinstance(nodes, Mapping):
        raise ConfigError('"propagation" and "nodes" must be objects')
    propagation = Propagation(**_read_numbers(raw, Propagation, "propagation"))
    if not 1 <= propagation.exponent <= 8 or propagation.shadowing_db < 0:
        raise ConfigError("propagation wants an exponent of 1..8 and a shadowing_db of 0 or more")
    return Terrain(propagation, {str(name): read_place(place, str(name)) for name, place in nodes.items()})


def load_terrain(path: Path) -> Terrain:
    """Read a configuration file. Raises ConfigError naming the file."""
    try:
        return read_terrain(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ConfigError(f"{path} can't be read: {error.strerror}") from None
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    except ValueError as error:
        raise ConfigError(f"{path} is no JSON: {error}") from None


def to_json(terrain: Terrain) -> dict[str, Any]:
    return {
        "propagation": asdict(terrain.propagation),
        "nodes": {name: asdict(place) for name, place in terrain.nodes.items()},
    }


def _read_numbers(
    value: Mapping[str, Any], kind: type[Place] | type[Propagation], what: str, required: tuple[str, ...] = ()
) -> dict[str, Any]:
    known = {entry.name for entry in fields(kind)}
    for key, number in value.items():
        if key not in known:
            raise ConfigError(
                f"{what} has an unknown key {str(key)[:40]!r}: known are {', '.join(sorted(known))}"
            )
        if type(number) not in (int, float) or not math.isfinite(number) or abs(number) > 1e9:
            raise ConfigError(f"{what}'s {key} is {str(number)[:40]!r}, not a number")
        if key == "seed" and type(number) is not int:
            raise ConfigError(f"{what}'s seed is {number}, not an integer")
    for key in required:
        if key not in value:
            raise ConfigError(f"{what} lacks {key}")
    return dict(value)
