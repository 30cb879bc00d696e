"""Regions by name: `get_region("EU868")`."""

from __future__ import annotations

from hardware.lora.region import (
    BeaconParameters,
    Channel,
    FskDataRate,
    LrFhssDataRate,
    Region,
    SubBand,
)
from hardware.lora.region_tables import NO_LIMIT_PPM, REGIONS

__all__ = [
    "NO_LIMIT_PPM",
    "REGIONS",
    "BeaconParameters",
    "Channel",
    "FskDataRate",
    "LrFhssDataRate",
    "Region",
    "SubBand",
    "get_region",
]

_BY_NAME = {region.name: region for region in REGIONS} | {"AS923": REGIONS[3]}


def get_region(name: str) -> Region:
    """The region of this name, in Helium's or ChirpStack's spelling ("AS923-2", "AS923_2", "eu868").

    "AS923" is AS923-1. Raises ValueError listing the names there are.
    """
    region = _BY_NAME.get(name.upper().replace("_", "-"))
    if region is None:
        raise ValueError(f"unknown region {name[:40]!r}: choose one of {', '.join(r.name for r in REGIONS)}")
    return region
