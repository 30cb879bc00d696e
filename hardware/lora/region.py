"""What a region is: channels, data rates, receive windows, sub-bands with their law, beacon parameters.

The values are in `region_tables.py`; `regions.py` finds one by its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hardware.lora.modulation import DataRate


@dataclass(frozen=True, slots=True)
class Channel:
    """An uplink channel and the data rate indices that devices may use on it."""

    frequency_hz: int
    minimum_data_rate_index: int
    maximum_data_rate_index: int


@dataclass(frozen=True, slots=True)
class SubBand:
    """A stretch of spectrum with one airtime budget: [start_hz, end_hz], the law's limits for any station in
    it."""

    start_hz: int
    end_hz: int
    duty_cycle_ppm: int
    """Share of any hour that one station may transmit, in millionths: 10000 is 1 %, 1000000 is no limit."""
    max_eirp_ddbm: int
    """Radiated power limit, dBm x 10."""

    def contains(self, frequency_hz: int) -> bool:
        return self.start_hz <= frequency_hz <= self.end_hz


@dataclass(frozen=True, slots=True)
class FskDataRate:
    """The FSK data rate; an SX1276 in LoRa mode doesn't receive it."""

    bitrate_bps: int


@dataclass(frozen=True, slots=True)
class LrFhssDataRate:
    """A frequency-hopping data rate: coding rate in thirds (1 or 2), occupied width in hertz."""

    coding_rate_thirds: int
    occupied_width_hz: int


@dataclass(frozen=True, slots=True)
class BeaconParameters:
    """Where and how beacons may go out in a region (Helium's region parameters, helium/lorawan-h3)."""

    frequencies_hz: tuple[int, ...]
    max_eirp_ddbm: int
    """dBm x 10."""
    spreading: tuple[tuple[int, int], ...]
    """(spreading factor, largest packet in bytes), slowest first."""
    bandwidth_hz: int = 125_000

    def get_spreading_factor(self, packet_bytes: int) -> int:
        """The slowest spreading factor whose largest packet holds so many bytes, as Helium chooses it.

        Raises ValueError if none does.
        """
        for spreading_factor, largest in self.spreading:
            if largest >= packet_bytes:
                return spreading_factor
        raise ValueError(f"no beacon data rate carries {packet_bytes} bytes: at most {self.spreading[-1][1]}")


@dataclass(frozen=True, slots=True)
class Region:
    """The regional parameters of one region. Powers are EIRP, dBm x 10 (ddbm)."""

    name: str
    """As in Helium's and this network's tables: "EU868", "AS923-2"."""
    common_name: str
    """As in ChirpStack's: "EU868", "AS923_2"."""
    uplink_channels: tuple[Channel, ...]
    """Default channels, in the order of their indices."""
    data_rates: Mapping[int, DataRate]
    """LoRa data rates by uplink index."""
    rx2_frequency_hz: int
    rx2_data_rate_index: int
    """Index into `downlink_data_rates`."""
    sub_bands: tuple[SubBand, ...]
    max_eirp_ddbm: int
    """LoRaWAN's limit for devices at TXPower 0."""
    downlink_max_eirp_ddbm: int
    """What a network sends at most, before the sub-band's own limit."""
    tx_power_offsets_db: tuple[int, ...]
    """Attenuation by TXPower index, dB."""
    home_frequency_hz: int
    """The channel that every board listens on."""
    home_data_rate_index: int
    beacon: BeaconParameters
    downlink_data_rates: Mapping[int, DataRate] = field(default_factory=dict)
    """LoRa data rates by downlink index."""
    fsk_data_rates: Mapping[int, FskDataRate] = field(default_factory=dict)
    lr_fhss_data_rates: Mapping[int, LrFhssDataRate] = field(default_factory=dict)
    """Uplink only."""
    rx1_frequencies_hz: tuple[int, ...] = ()
    """RX1 frequencies by uplink channel index modulo their number; empty: RX1 is on the uplink's
    frequency."""
    max_dwell_time_us: int = 0
    """Longest single transmission; 0: no such limit (AS923 and AU915 may set one by TxParamSetupReq)."""
    has_tx_param_setup: bool = False
    listen_before_talk_countries: tuple[str, ...] = ()
    """ISO codes of countries of the region where a station must sense the carrier first."""
    beacon_spreading_factor: int = 8
    """This network's default for beacons: 52 bytes in 185 ms, where Helium's EU868 choice takes 2.5 s."""

    @property
    def home_data_rate(self) -> DataRate:
        return self.data_rates[self.home_data_rate_index]

    @property
    def rx2_data_rate(self) -> DataRate:
        return self.downlink_data_rates[self.rx2_data_rate_index]

    def get_sub_band(self, frequency_hz: int) -> SubBand | None:
        """The sub-band a frequency lies in (the lower one on a shared edge), None outside of all."""
        return next((band for band in self.sub_bands if band.contains(frequency_hz)), None)

    def get_uplink_channel_index(self, frequency_hz: int) -> int | None:
        """Index of the default channel on this frequency; None for another one (the network's own)."""
        for index, channel in enumerate(self.uplink_channels):
            if channel.frequency_hz == frequency_hz:
                return index
        return None

    def get_uplink_data_rate_index(self, data_rate: DataRate) -> int | None:
        """Index of a LoRa data rate for uplinks, the lowest if there are several; None if the region has
        none such."""
        return _find_index(self.data_rates, data_rate)

    def get_downlink_data_rate_index(self, data_rate: DataRate) -> int | None:
        """Index of a LoRa data rate for downlinks; None if the region has none such."""
        return _find_index(self.downlink_data_rates, data_rate)

    def compute_rx1_frequency_hz(self, uplink_frequency_hz: int) -> int:
        """Where RX1 opens after an uplink.

        Raises ValueError where the region derives it from the channel's index and the frequency is no
        channel.
        """
        if not self.rx1_frequencies_hz:
            return uplink_frequency_hz
        index = self.get_uplink_channel_index(uplink_frequency_hz)
        if index is None:
            raise ValueError(
                f"{uplink_frequency_hz} Hz is no uplink channel of {self.name}, so it has no RX1 frequency"
            )
        return self.rx1_frequencies_hz[index % len(self.rx1_frequencies_hz)]

    def compute_downlink_eirp_dbm(self, frequency_hz: int) -> int:
        """EIRP of a downlink on this frequency, whole dBm rounded down; ValueError outside of all
        sub-bands."""
        band = self.get_sub_band(frequency_hz)
        if band is None:
            raise ValueError(f"{frequency_hz} Hz lies in no sub-band of {self.name}")
        return min(band.max_eirp_ddbm, self.downlink_max_eirp_ddbm) // 10


def _find_index(data_rates: Mapping[int, DataRate], data_rate: DataRate) -> int | None:
    return min((index for index, known in data_rates.items() if known == data_rate), default=None)
