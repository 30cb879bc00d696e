"""Which router an uplink goes to, by the chain's routing table. Pure.

One router gets a packet: the one with the narrowest matching range, then the lower address. (Helium sends to
all that match; here a second buyer of the same packet would pay for the first one's device.)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from chain import api
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


def read_route(entry: api.Route) -> Route:
    """A router in the node's answer. ValueError where a number or EUI in it is none."""
    return Route(
        router=entry.router,
        grpc=entry.grpc,
        voucher_key=entry.voucher_key,
        dev_addr_ranges=tuple((int(pair.start, 16), int(pair.end, 16)) for pair in entry.dev_addr_ranges),
        euis=tuple((_read_eui(pair.join_eui), _read_eui(pair.dev_eui)) for pair in entry.eui_filters),
    )


def _read_eui(text: str) -> bytes | None:
    eui = bytes.fromhex(text)
    if len(eui) != 8:
        raise ValueError(f"EUI {text!r} has {len(eui)} bytes, an EUI-64 has 8")
    return eui if any(eui) else EVERY  # the ledger writes any as 0
