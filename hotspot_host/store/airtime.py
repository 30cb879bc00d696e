"""What each of the hotspot's radios has sent within the last hour, so that the law holds across restarts."""

from __future__ import annotations

from dataclasses import dataclass

from hardware.lora.duty_cycle import Decision, DutyCycle, Transmission, compute_budget_us
from hardware.lora.region import Region
from hotspot_host.store.database import Database

#: The hotspot's own radio; a concentrator is named by its EUI in hex.
OWN_BOARD = "board"


@dataclass(frozen=True)
class SubBandUse:
    start_hz: int
    end_hz: int
    used_us: int
    budget_us: int


class AirtimeLedger:
    """A sliding hour per sub-band and radio; times are Unix microseconds.

    A transmission is written down before the radio gets it, and struck out if the radio refuses it: a crash
    between the two counts a frame too many, never one too few.
    """

    def __init__(self, database: Database, region: Region) -> None:
        self._database = database
        self.region = region
        self._sent: dict[str, DutyCycle] = {}
        rows = database.connection.execute(
            "SELECT radio, start_us, time_on_air_us, frequency_hz FROM airtime"
        )
        for radio, start_us, time_on_air_us, frequency_hz in rows:
            self._sent[radio] = self._get(radio).add(Transmission(start_us, time_on_air_us, frequency_hz))

    def _get(self, radio: str) -> DutyCycle:
        return self._sent.get(radio, DutyCycle(self.region))

    def reserve(self, radio: str, transmission: Transmission, eirp_ddbm: int, now_us: int) -> Decision:
        """Whether the law allows it; if so it is durably written down on return."""
        sent = self._get(radio).prune(now_us)
        decision = sent.decide(transmission, eirp_ddbm)
        if decision.is_allowed:
            with self._database.transaction("hotspot.airtime") as connection:
                connection.execute(
                    "DELETE FROM airtime WHERE start_us + time_on_air_us <= ?", (now_us - 3_600_000_000,)
                )
                connection.execute(
                    "INSERT INTO airtime (radio, start_us, time_on_air_us, frequency_hz) VALUES (?, ?, ?, ?)",
                    (radio, transmission.start_us, transmission.time_on_air_us, transmission.frequency_hz),
                )
            sent = sent.add(transmission)
        self._sent[radio] = sent
        return decision

    def release(self, radio: str, transmission: Transmission) -> None:
        """The radio refused: it wasn't sent after all."""
        with self._database.transaction("hotspot.airtime_release") as connection:
            connection.execute(
                "DELETE FROM airtime WHERE id = (SELECT id FROM airtime WHERE radio = ? AND start_us = ?"
                " AND time_on_air_us = ? AND frequency_hz = ? LIMIT 1)",
                (radio, transmission.start_us, transmission.time_on_air_us, transmission.frequency_hz),
            )
        self._sent[radio] = self._get(radio).remove(transmission)

    def get_use(self, radio: str, now_us: int) -> list[SubBandUse]:
        """Airtime of the hour up to now in each sub-band that has a limit."""
        sent = self._get(radio)
        return [
            SubBandUse(
                band.start_hz, band.end_hz, sent.compute_used_us(band, now_us), compute_budget_us(band)
            )
            for band in self.region.sub_bands
            if band.duty_cycle_ppm < 1_000_000
        ]

    def get_radios(self) -> list[str]:
        return sorted(self._sent)
