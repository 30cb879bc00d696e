"""What of the things a radio hears is worth forwarding. Pure.

Only packets with a good CRC that parse as an uplink of LoRaWAN 1.x: anything else would be bought by no
router, and a board on an open band hears a lot of it. Beacons (proprietary, 52 bytes) go to Proof-of-Coverage
instead. Precedent: gateway-rs, radio facts 6.5; unlike it, a packet without CRC gets a reason of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from chain.coverage.beacon import parse_beacon_phy_payload
from hotspot_host.forwarder.packets import Crc, Reception
from router.lorawan.errors import MalformedFrame
from router.lorawan.frames import DataFrame, JoinRequest, Proprietary, RejoinRequest, parse_phy_payload


@dataclass(frozen=True)
class Uplink:
    """Forward it. Exactly one of ``dev_addr`` (data) and ``dev_eui`` (joins) is set; both in written
    order.
    """

    dev_addr: bytes | None = None
    join_eui: bytes | None = None
    dev_eui: bytes | None = None

    @property
    def may_cost(self) -> bool:
        """Whether a router pays for it: joins are free."""
        return self.dev_addr is not None


@dataclass(frozen=True)
class HeardBeacon:
    """``data``: the 51 bytes after the header."""

    data: bytes


@dataclass(frozen=True)
class Dropped:
    """``reason`` is a short stable name for counters."""

    reason: str
    text: str


Verdict = Uplink | HeardBeacon | Dropped


def judge(reception: Reception) -> Verdict:
    """Decide about one reception."""
    if reception.crc is Crc.BAD:
        return Dropped("crc_bad", "packet dropped: its CRC is wrong")
    if reception.crc is Crc.MISSING:
        return Dropped("crc_missing", "packet dropped: it was sent without a CRC, uplinks have one")
    return judge_payload(reception.payload)


def judge_payload(payload: bytes) -> Verdict:
    """Decide about a PHYPayload whose CRC was good."""
    try:
        frame = parse_phy_payload(payload)
    except MalformedFrame as error:
        return Dropped("malformed", f"packet dropped: not LoRaWAN ({error.rule})")
    if isinstance(frame, DataFrame):
        if not frame.is_uplink:
            return Dropped("downlink", "packet dropped: a downlink of another gateway")
        return Uplink(dev_addr=frame.dev_addr)
    if isinstance(frame, JoinRequest):
        return Uplink(join_eui=frame.join_eui, dev_eui=frame.dev_eui)
    if isinstance(frame, RejoinRequest):
        join_eui = frame.identifier if frame.rejoin_type == 1 else None
        return Uplink(join_eui=join_eui, dev_eui=frame.dev_eui)
    if isinstance(frame, Proprietary):
        data = parse_beacon_phy_payload(payload)
        if data is not None:
            return HeardBeacon(data)
        return Dropped("proprietary", "packet dropped: proprietary, and no beacon")
    return Dropped("downlink", "packet dropped: a join-accept of another gateway")
