"""Which router an uplink goes to, by the chain's routing table. Pure.

One router gets a packet: the one with the narrowest matching range, then the lower address. (Helium sends to
all that match; here a second buyer of the same packet would pay for the first one's device.)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hotspot_host.forwarder.uplink_filter import Uplink

EVERY = None
"""In an EUI filter: any."""


@dataclass(frozen=True)
class Route:
    """A router on the chain: where it is, what it wants, and the key its vouchers and downlinks are signed
    with.
    """

    router: str  # address of its owner, b58
    grpc: str  # host:port
    voucher_key: str  # address, b58
    dev_addr_ranges: tuple[tuple[int, int], ...] = ()
    euis: tuple[tuple[bytes | None, bytes | None], ...] = field(default=())  # (join_eui, dev_eui), None = any

    def compute_breadth(self, uplink: Uplink) -> int | None:
        """How wide the narrowest matching filter is, None for no match."""
        if uplink.dev_addr is not None:
            address = int.from_bytes(uplink.dev_addr, "big")
            widths = [last - first for first, last in self.dev_addr_ranges if first <= address <= last]
            return min(widths, default=None)
        breadths = [
            (join_eui is EVERY) + (dev_eui is EVERY)
            for join_eui, dev_eui in self.euis
            if join_eui in (EVERY, uplink.join_eui) and dev_eui in (EVERY, uplink.dev_eui)
        ]
        return min(breadths, default=None)


def pick_route(routes: Iterable[Route], uplink: Uplink) -> Route | None:
    """The router for an uplink, or None."""
    matching = [
        (breadth, route.router, route)
        for route in routes
        if (breadth := route.compute_breadth(uplink)) is not None
    ]
    return min(matching, key=lambda entry: entry[:2])[2] if matching else None


def parse_route(entry: Mapping[str, Any]) -> Route:
    """One entry of the node's ``/v1/routes``. KeyError, TypeError or ValueError where it isn't one."""
    return Route(
        router=str(entry["router"] if "router" in entry else entry["address"]),
        grpc=str(entry["grpc"]),
        voucher_key=str(entry["voucher_key"]),
        dev_addr_ranges=tuple(
            (_parse_number(pair, "first", "start", 0), _parse_number(pair, "last", "end", 1))
            for pair in entry.get("dev_addr_ranges", ())
        ),
        euis=tuple(
            (_parse_eui(pair, "join_eui", 0), _parse_eui(pair, "dev_eui", 1))
            for pair in entry.get("euis", ())
        ),
    )


def _parse_number(pair: Any, *keys: str | int) -> int:
    value = _get_either(pair, keys)
    return int(value, 16) if isinstance(value, str) else int(value)


def _parse_eui(pair: Any, *keys: str | int) -> bytes | None:
    value = _get_either(pair, keys)
    if value in (None, "", "*"):
        return EVERY
    eui = value.to_bytes(8, "big") if isinstance(value, int) else bytes.fromhex(value)
    if len(eui) != 8:
        raise ValueError(f"EUI {value!r} has {len(eui)} bytes, an EUI-64 has 8")
    return eui if any(eui) else EVERY  # the ledger writes any as 0


def _get_either(pair: Any, keys: tuple[str | int, ...]) -> Any:
    for key in keys:
        if isinstance(key, int) != isinstance(pair, Mapping) and (isinstance(key, int) or key in pair):
            return pair[key]
    raise ValueError(f"{pair!r} has none of {keys}")
