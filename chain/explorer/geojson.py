"""Rows as GeoJSON (RFC 7946): cells as polygons, hotspots as points, links as lines.

A box selects what touches it, not only what has its middle there: the page draws all that it was answered.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import h3.api.basic_int as h3

#: Longitude, latitude in degrees, as GeoJSON orders them.
Position = tuple[float, float]
Feature = dict[str, Any]

#: Hotspots that share a public cell stand on a circle around its middle, so wide in parts of the cell's edge.
CROWD_RADIUS = 0.45
_EARTH_RADIUS_M = 6_371_008.8


class BadBox(ValueError):
    """A bbox that is none."""


@dataclass(frozen=True)
class Box:
    """West, south, east, north in degrees; ``east`` goes beyond 180 where the box crosses the date line."""

    west: float
    south: float
    east: float
    north: float

    def touches(self, shape: Sequence[Position], is_area: bool = False) -> bool:
        """Whether a point, a line or the ring of an area has any point in the box."""
        for turn in (-360.0, 0.0, 360.0):
            turned = [(lng + turn, lat) for lng, lat in shape]
            if any(self._holds(position) for position in turned):
                return True
            if any(self._is_crossed(a, b) for a, b in pairwise(turned)):
                return True
            if is_area and _is_inside((self.west, self.south), turned):
                return True
        return False

    def _holds(self, position: Position) -> bool:
        lng, lat = position
        return self.west <= lng <= self.east and self.south <= lat <= self.north

    def _is_crossed(self, a: Position, b: Position) -> bool:
        """Whether a segment has a point in the box (Liang and Barsky's clipping)."""
        enter, leave = 0.0, 1.0
        dx, dy = b[0] - a[0], b[1] - a[1]
        for step, room in (
            (-dx, a[0] - self.west),
            (dx, self.east - a[0]),
            (-dy, a[1] - self.south),
            (dy, self.north - a[1]),
        ):
            if step == 0:
                if room < 0:
                    return False
            elif step < 0:
                enter = max(enter, room / step)
            else:
                leave = min(leave, room / step)
        return enter <= leave


WORLD = Box(-180, -90, 180, 90)


def parse_box(text: str | None) -> Box:
    """``west,south,east,north``; nothing means the world. Longitudes may run on beyond 180, as on a map.

    Raises:
        BadBox: not four numbers in their ranges.
    """
    if not text:
        return WORLD
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError:
        raise BadBox(f"bbox {text[:100]!r} is not west,south,east,north in degrees") from None
    if not (-90 <= south <= north <= 90 and -1080 <= west <= 1080 and -1080 <= east <= 1080):
        raise BadBox(
            f"bbox {text[:100]!r} must be west,south,east,north in degrees, south not above north, "
            "latitudes within -90..90"
        )
    if east - west >= 360:
        return Box(-180, south, 180, north)
    turns = 360 * math.floor((west + 180) / 360)
    if east < west:
        east += 360
    return Box(west - turns, south, east - turns, north)


def _is_inside(position: Position, ring: Sequence[Position]) -> bool:
    """Whether a point is inside a closed ring (even-odd rule)."""
    x, y = position
    inside = False
    for (x1, y1), (x2, y2) in pairwise(ring):
        if (y1 > y) != (y2 > y) and x < x1 + (y - y1) * (x2 - x1) / (y2 - y1):
            inside = not inside
    return inside


def compute_ring(cell: int) -> list[Position]:
    """A cell's boundary, closed; longitudes run on beyond 180 where it crosses the date line."""
    ring = [(round(lng, 6), round(lat, 6)) for lat, lng in h3.cell_to_boundary(cell)]
    if max(lng for lng, _ in ring) - min(lng for lng, _ in ring) > 180:
        ring = [(lng + 360 if lng < 0 else lng, lat) for lng, lat in ring]
    return [*ring, ring[0]]


def compute_place(cell: int, rank: int = 0, crowd: int = 1) -> Position:
    """Where a hotspot of a cell is drawn: in its middle, or on a circle around it where several share it.

    Args:
        rank: the hotspot's number among those of the cell, from 0.
        crowd: how many these are.
    """
    lat, lng = h3.cell_to_latlng(cell)
    if crowd > 1:
        radius_m = CROWD_RADIUS * h3.average_hexagon_edge_length(h3.get_resolution(cell), unit="m")
        angle = 2 * math.pi * rank / crowd
        north, east = radius_m * math.cos(angle), radius_m * math.sin(angle)
        lng += math.degrees(east / (_EARTH_RADIUS_M * math.cos(math.radians(lat))))
        lat += math.degrees(north / _EARTH_RADIUS_M)
    return round(lng, 6), round(lat, 6)


def build_collection(features: list[Feature], **meta: Any) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": features, "meta": {"count": len(features), **meta}}


def build_polygon(cell: int, properties: dict[str, Any]) -> Feature:
    geometry = {"type": "Polygon", "coordinates": [compute_ring(cell)]}
    return {
        "type": "Feature",
        "geometry": geometry,
        "properties": {**properties, "cell": h3.int_to_str(cell)},
    }


def build_point(place: Position, properties: dict[str, Any]) -> Feature:
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": place},
        "properties": properties,
    }


def build_line(start: Position, end: Position, properties: dict[str, Any]) -> Feature:
    """The short way round: across the date line longitudes run on beyond 180."""
    if abs(end[0] - start[0]) > 180:
        end = (end[0] + (360 if end[0] < start[0] else -360), end[1])
    return {
        "type": "Feature",
        "geometry": {"type": "LineString", "coordinates": [start, end]},
        "properties": properties,
    }


def compute_bounds(places: Sequence[Position]) -> list[float] | None:
    """West, south, east, north around places, None where there are none."""
    if not places:
        return None
    lngs, lats = [lng for lng, _ in places], [lat for _, lat in places]
    return [min(lngs), min(lats), max(lngs), max(lats)]
