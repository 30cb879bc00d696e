"""Which region a frequency belongs to: what the hotspot says if it can be, else what the frequency says."""

from __future__ import annotations

from functools import lru_cache

from hardware.lora.regions import REGIONS, get_region


@lru_cache(maxsize=4096)
def find_region_name(frequency_hz: int, declared: str) -> str:
    """Name of the region ("US915"), empty if none has this frequency.

    `declared` is what the hotspot said: a recording from elsewhere may come through a hotspot that stands in
    another region. Among several, one with an uplink channel right there wins, then the narrowest band.
    """
    try:
        region = get_region(declared)
        if region.get_sub_band(frequency_hz) is not None:
            return region.name
    except ValueError:
        pass  # "UNKNOWN", or a region this network has no table of: the frequency decides
    candidates = []
    for order, region in enumerate(REGIONS):
        band = region.get_sub_band(frequency_hz)
        if band is not None:
            is_channel = region.get_uplink_channel_index(frequency_hz) is not None
            candidates.append((not is_channel, band.end_hz - band.start_hz, order, region.name))
    return min(candidates)[3] if candidates else ""
