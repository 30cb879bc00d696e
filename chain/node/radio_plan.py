"""A network's radio parameters from its region: home channel, beacon channel, data rates, power."""

from __future__ import annotations

from msgspec.structs import replace

from chain.coverage.region import compute_region_radio
from chain.ledger.parameters import Parameters
from hardware.lora.regions import get_region


class UnknownRegion(ValueError):
    """No region of this name; the message lists those there are."""


def apply_region(parameters: Parameters, name: str) -> Parameters:
    """Return the parameters for a region. Beacons go out on the home channel, where every board listens.

    Raises UnknownRegion.
    """
    try:
        region = get_region(name)
        radio = compute_region_radio(region.name)
    except ValueError as error:
        raise UnknownRegion(str(error)) from error
    return replace(
        parameters,
        home_frequency_hz=region.home_frequency_hz,
        home_spreading_factor=region.home_data_rate.spreading_factor,
        home_bandwidth_hz=region.home_data_rate.bandwidth_hz,
        coverage=replace(
            parameters.coverage,
            region=region.name,
            beacon_frequency_hz=radio.frequency_hz,
            beacon_bandwidth_hz=radio.bandwidth_hz,
            max_eirp_ddbm=radio.max_eirp_ddbm,
        ),
    )
