"""Which region's law holds where a hotspot stands, and how beacons go out there.

A network that spans several regions lists areas of H3 cells in its parameters; a hotspot belongs to the area
that its asserted cell lies in. Two hotspots of different regions don't hear each other's beacons, for their
channels differ; one that says it did has asserted a false place, or breaks the law at the true one.
"""

from functools import lru_cache

import h3.api.basic_int as h3
import msgspec

from chain.coverage.parameters import CoverageParameters, RegionArea
from hardware.lora.regions import get_region

#: The region of a place that lies in no area of a network that has areas.
NO_REGION = ""


class BeaconRadio(msgspec.Struct, frozen=True):
    """How ordered beacons go out in a region."""

    frequency_hz: int
    bandwidth_hz: int
    max_eirp_ddbm: int
    """What the region allows in all, dBm x 10."""


@lru_cache(maxsize=16)
def _index_cells(areas: tuple[RegionArea, ...]) -> tuple[dict[int, str], tuple[int, ...]]:
    """Region by cell, and the resolutions that occur, coarse first. The first area that names a cell has
    it."""
    regions: dict[int, str] = {}
    for area in areas:
        for cell in area.cells:
            regions.setdefault(cell, area.region)
    return regions, tuple(sorted({h3.get_resolution(cell) for cell in regions}))


def compute_region(location: int, parameters: CoverageParameters) -> str:
    """The region of a cell of resolution 12: the network's only one, or that of the area it lies in, else
    ``NO_REGION``."""
    if not parameters.region_areas:
        return parameters.region
    regions, resolutions = _index_cells(parameters.region_areas)
    for resolution in reversed(resolutions):
        region = regions.get(h3.cell_to_parent(location, resolution))
        if region is not None:
            return region
    return NO_REGION


@lru_cache(maxsize=64)
def compute_region_radio(name: str) -> BeaconRadio:
    """Ordered beacons of a region by the law's tables: on its home channel, where every board listens, at
    most what its beacon table and that channel's sub-band allow. ``ValueError`` for an unknown region."""
    region = get_region(name)
    sub_band = region.get_sub_band(region.home_frequency_hz)
    limits_ddbm = [region.beacon.max_eirp_ddbm, *([sub_band.max_eirp_ddbm] if sub_band else [])]
    return BeaconRadio(region.home_frequency_hz, region.beacon.bandwidth_hz, min(limits_ddbm))


def get_beacon_radio(location: int, parameters: CoverageParameters) -> BeaconRadio | None:
    """How ordered beacons go out from a place: by the parameters in the network's own region, by the tables
    in another; None where no region is."""
    region = compute_region(location, parameters)
    if region == parameters.region:
        return BeaconRadio(
            parameters.beacon_frequency_hz, parameters.beacon_bandwidth_hz, parameters.max_eirp_ddbm
        )
    return None if region == NO_REGION else compute_region_radio(region)
