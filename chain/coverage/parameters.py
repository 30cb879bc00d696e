"""The numbers that the Proof-of-Coverage rules go by, each with its precedent.

They are part of the chain's parameters: fixed by genesis, the same for every node. Production values
are the defaults; a demo network passes its own pace.
"""

import h3.api.basic_int as h3
import msgspec

from chain.coverage.beacon import compute_beacon_airtime_ms
from hardware.lora.regions import get_region

#: H3 resolution of asserted locations.
LOCATION_RESOLUTION = 12


class RegionArea(msgspec.Struct, frozen=True, array_like=True):
    """Where one region's law holds: H3 cells of any resolution, those inside of a cell included."""

    region: str
    """As in hardware/lora/regions.py: "EU868", "AS923-2"."""
    cells: tuple[int, ...]


class CoverageParameters(msgspec.Struct, frozen=True, kw_only=True):
    """Parameters of challenges, reports and their verification."""

    round_ms: int = 60_000
    """Length of an entropy round. Precedent: Helium's entropy oracle makes new entropy every 60 s."""

    beacon_period_rounds: int = 360
    """A hotspot is drawn to beacon once in so many rounds, on average. Precedent: Helium's interval of
    6 hours, 360 rounds of a minute. A demo network takes 1."""

    first_slot_ms: int = 6_000
    """From the opening of a round to its first slot: time for hotspots to poll the entropy and retune."""

    slot_interval_ms: int = 2_000
    """From one slot to the next. A beacon at SF8 is 0.2 s on the air; the rest is for clocks of hosts that
    are half a second off and for a board to come back to its home channel."""

    opening_ms: int = 10_000
    """The last part of a round: claims are opened in it and no new ones taken. Before it every beacon has
    left the air. Long enough for hosts to open one after the other, and for a lost call to be tried
    again."""

    closing_margin_ms: int = 6_000
    """No slot begins in this last stretch before the opening part, so that claims of the last beacon still
    arrive in time."""

    slot_reuse_resolution: int = 5
    """Hotspots whose H3 parents at this resolution are neither equal nor neighbours may share a slot.
    Resolution 5 has an edge of 8.5 km: two beacons of one slot are heard by hardly anybody together."""

    region: str = "EU868"
    """The region whose law holds, as in hardware/lora/regions.py."""
    region_areas: tuple[RegionArea, ...] = ()
    """Regions of a network that spans several, by where a hotspot stands. Empty: all of it is ``region``.
    Precedent: Helium's region maps (helium/lorawan-h3)."""
    beacon_frequency_hz: int = 868_100_000
    """The home channel of ``region``, where every board listens in this release."""
    beacon_spreading_factors: tuple[int, ...] = (7, 8, 9)
    """Beacons go out at one of these, by the round's entropy: who claims to have heard one without a radio
    can't know which. Precedent: HIP-127. Helium's EU868 beacons go out at SF12, 2.5 s on the air; SF9 is
    0.33."""
    beacon_bandwidth_hz: int = 125_000
    """Bandwidth of beacons."""

    beacon_power_range_db: int = 8
    """The ordered power is 0 to so many whole dB below what is allowed, by the round's entropy: an honest
    receiver's RSSI follows, an invented one doesn't. Precedent: HIP-127's idea, against attack 5 of ours."""

    max_eirp_ddbm: int = 161
    """What the region allows in all, dBm x 10. Precedent: 16.1 dBm in Helium's EU868 table (14 dBm ERP)."""

    board_max_power_dbm: int = 20
    """What an SX1276 gives at most at its PA_BOOST pin."""
    board_min_power_dbm: int = 2
    """What it gives at least there: no seeded step goes below."""

    minimum_gain_ddbi: int = 10
    """Least antenna gain that can be asserted, dBi x 10."""
    maximum_gain_ddbi: int = 150
    """Antenna gains that can be asserted, dBi x 10. Precedent: 1 to 15 dBi on Helium (var-59)."""
    witness_gain_ddbi: int = 90
    """Antenna gain that the signal rule grants every witness, dBi x 10, whatever it asserts: on Helium 15
    dBi were asserted to make invalid signals valid (denylist#2403), so that an assertion must not loosen
    the rule. 9 dBi is the largest omnidirectional antenna in common use."""

    minimum_local_entropy_bytes: int = 16
    """Precedent: Helium's 4, which can be guessed. 4 lets deployed gateways in, as weaker evidence."""

    minimum_distance_cells: int = 8
    """Least distance of a witness from the beaconer, in cells of the next parameter's resolution."""
    minimum_distance_resolution: int = 11
    """Precedent: Helium's 8 cells at resolution 11, about 300 m: nearer ones say nothing about coverage."""

    maximum_distance_m: int = 100_000
    """Precedent: HIP-58, 100 km."""

    frequency_tolerance_hz: int = 100_000
    """Precedent: Helium's oracle, inclusive."""

    lag_after_beacon_ms: int = 4_000
    """A witness report arrives at most so long after the beacon's. Precedent: Helium's oracle."""
    lag_after_first_witness_ms: int = 1_500
    """Where witnesses came before the beacon's report: at most so long after the first of them. Precedent:
    Helium's oracle."""

    signal_tolerance_ddb: int = 30
    """A receiver's RSSI may read high by so much, dB x 10, before free space is called broken
    (SX1276: +-3 dB)."""

    snr_tolerance_ddb: int = 30
    """A receiver's SNR may read low by so much, dB x 10, under the demodulator's floor."""

    sensitivity_tolerance_ddb: int = 60
    """RSSI may be so much, dB x 10, below what an SX1276 demodulates at most: concentrators hear 4 dB more
    (SX1302: -141 dBm at SF12), and RSSI is read to some dB."""

    snr_rssi_floor: tuple[tuple[int, int], ...] = ()
    """(SNR in whole dB, least RSSI in dBm): no report with an SNR up to the one, and above the last, reads
    a weaker signal. Empty: no such rule. Precedent: Helium's chain in 2020 (blockchain_utils.hrl), off
    since."""

    schedule_tolerance_ms: int = 2_000
    """A beacon's report may claim to be made so much before its slot by the hotspot's own clock."""

    accept_unclaimed_reports: bool = False
    """Whether reports count that nobody claimed before, as deployed gateways send them: weaker evidence, for
    whoever sees one before the round is over can repeat it."""

    accept_unsolicited_beacons: bool = False
    """Whether beacons count that nobody ordered, as deployed gateways make them: at a time of their own, at a
    frequency that follows from the payload, with 4 bytes of local entropy. Weaker evidence. Needs
    ``accept_unclaimed_reports``."""
    unsolicited_interval_ms: int = 21_600_000
    """Such a hotspot beacons at most once in each stretch of this length, counted from Unix time 0.
    Precedent: Helium's six hours of UTC."""
    entropy_window_ms: int = 180_000
    """Such a report arrives at most so long after the entropy that it names. Precedent: Helium's 180 s."""

    weak_evidence_ppm: int = 250_000
    """What weaker evidence earns of the reward units, millionths."""

    maximum_witnesses: int = 14
    """Witnesses rewarded for one beacon. Precedent: Helium's 14, drawn by entropy as before HIP-83,
    not the first to answer."""

    minimum_witness_spacing_m: int = 350
    """No two rewarded witnesses of a beacon are nearer to each other. Precedent: HIP-136: several radios of
    one room are one witness."""

    maximum_reports_per_hotspot: int = 128
    """Reports that one hotspot can have stored in one round; more are refused, and as many claims. A board
    hears at most a beacon a slot, and a round has far fewer slots."""

    maximum_reports_per_round: int = 100_000
    """Reports stored in one round in all; bounds the work of its close. As many claims."""

    def find_problem(self) -> str | None:
        """What the rules can't work with, in a sentence; None where all is well."""
        if not self.beacon_spreading_factors or not all(
            5 <= sf <= 12 for sf in self.beacon_spreading_factors
        ):
            return f"beacon_spreading_factors is {self.beacon_spreading_factors}: name one or more of 5 to 12"
        if not 0 <= self.opening_ms < self.round_ms:
            return (
                f"opening_ms is {self.opening_ms}: must be 0 or more and less than round_ms {self.round_ms}, "
                "for beacons need the rest"
            )
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if isinstance(value, int) and value < 0:
                return f"{name} is {value}: must not be negative"
        if self.beacon_bandwidth_hz not in (125_000, 250_000, 500_000):
            return (
                f"beacon_bandwidth_hz is {self.beacon_bandwidth_hz}: must be one of LoRaWAN's, 125000, "
                "250000 or 500000"
            )
        if not 0 < self.beacon_frequency_hz < 2**32:
            return f"beacon_frequency_hz is {self.beacon_frequency_hz}: must be 1 to {2**32 - 1}"
        for name in ("slot_reuse_resolution", "minimum_distance_resolution"):
            if getattr(self, name) > LOCATION_RESOLUTION:
                return (
                    f"{name} is {getattr(self, name)}: must be at most {LOCATION_RESOLUTION}, that of "
                    "asserted locations"
                )
        if not 0 <= self.weak_evidence_ppm <= 1_000_000:
            return f"weak_evidence_ppm is {self.weak_evidence_ppm}: must be 0 to 1000000"
        if self.accept_unsolicited_beacons and not self.accept_unclaimed_reports:
            return "accept_unsolicited_beacons needs accept_unclaimed_reports: such gateways know no claims"
        for region in (self.region, *(area.region for area in self.region_areas)):
            try:
                get_region(region)
            except ValueError as error:
                return str(error)
        for area in self.region_areas:
            for cell in area.cells:
                if not h3.is_valid_cell(cell) or h3.get_resolution(cell) > LOCATION_RESOLUTION:
                    return f"region_areas: {cell} is no H3 cell of resolution 0 to 12, as a whole number"
        if self.unsolicited_interval_ms < 1:
            return f"unsolicited_interval_ms is {self.unsolicited_interval_ms}: must be at least 1"
        return None

    def compute_longest_airtime_ms(self) -> int:
        """Time on air of the slowest beacon that can be ordered, milliseconds."""
        return max(
            compute_beacon_airtime_ms(spreading_factor, self.beacon_bandwidth_hz)
            for spreading_factor in self.beacon_spreading_factors
        )
