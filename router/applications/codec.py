"""Built-in payload codecs by name, and what they tell about a position. Pure."""

from __future__ import annotations

from typing import Any

from router.lorawan.cayenne_lpp import decode_cayenne_lpp
from router.lorawan.errors import LorawanError

CODECS = ("", "cayenne_lpp")


def decode_payload(codec: str, data: bytes) -> tuple[dict[str, Any] | None, str]:
    """The decoded object (None: no codec, or it failed) and what went wrong ('' if nothing)."""
    if codec == "cayenne_lpp":
        try:
            return decode_cayenne_lpp(data), ""
        except LorawanError as error:
            return None, f"cayenne_lpp: {error}"
    return None, ""


def find_position(decoded: dict[str, Any] | None) -> dict[str, float] | None:
    """latitude, longitude and altitude of the first GPS channel, or None."""
    channels = (decoded or {}).get("gpsLocation")
    if not isinstance(channels, dict) or not channels:
        return None
    position: dict[str, float] = channels[min(channels)]
    return position
