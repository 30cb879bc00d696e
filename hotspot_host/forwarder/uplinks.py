"""Uplinks into the spool: the one way in for boards and concentrators."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hotspot_host.forwarder.packets import Reception, build_packet
from hotspot_host.forwarder.uplink_filter import Dropped, HeardBeacon, judge
from hotspot_host.store.spool import NewPacket, Spool
from hotspot_host.tally import Tally


class UplinkIntake:
    """Judges receptions and spools the good ones. ``take`` returns once they are durable, so that the caller
    may acknowledge them then and not before."""

    def __init__(
        self,
        hotspot: bytes,
        region: str,
        spool: Spool,
        tally: Tally,
        on_beacon: Callable[[Reception, bytes], None],
        on_spooled: Callable[[], None],
    ) -> None:
        self.hotspot = hotspot
        self.region = region
        self.spool = spool
        self.tally = tally
        self.on_beacon = on_beacon
        self.on_spooled = on_spooled

    def take(self, receptions: Sequence[Reception]) -> None:
        """All of them in one commit. Raises sqlite3.Error where nothing could be written: acknowledge
        nothing.
        """
        packets: list[NewPacket] = []
        for reception in receptions:
            self.tally.add("receptions")
            verdict = judge(reception)
            if isinstance(verdict, Dropped):
                self._drop(verdict.reason, verdict.text, reception)
            elif isinstance(verdict, HeardBeacon):
                self.on_beacon(reception, verdict.data)
            else:
                try:
                    packets.append(build_packet(reception, self.hotspot, self.region))
                except ValueError as error:
                    self._drop("unknown_data_rate", f"packet dropped: {error}", reception)
        if not packets:
            return
        result = self.spool.add(packets)
        self.tally.add("uplinks", result.added)
        if result.repeated:
            self.tally.add("receptions_repeated", result.repeated)
        if result.dropped_oldest:
            self.tally.add("dropped.spool_full", result.dropped_oldest)
            self.tally.say_change(
                "spool_full", True, f"spool full ({self.spool.limit} packets): the oldest are dropped"
            )
        else:
            self.tally.forget("spool_full")
        if result.added:
            self.on_spooled()

    def _drop(self, reason: str, text: str, reception: Reception) -> None:
        self.tally.drop(
            reason, text, gateway_eui=reception.gateway_eui.hex(), frequency_hz=reception.frequency_hz
        )
