"""The numbers that the Proof-of-Coverage rules go by, each with its precedent.

They are part of the chain's parameters: fixed by genesis, the same for every node. Production values
are the defaults; a demo network passes its own pace.
"""

import msgspec


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

    closing_margin_ms: int = 6_000
    """No slot begins in this last part of a round, so that reports on the last beacon still arrive in it."""

    slot_reuse_resolution: int = 5
    """Hotspots whose H3 parents at this resolution are neither equal nor neighbours may share a slot.
    Resolution 5 has an edge of 8.5 km: two beacons of one slot are heard by hardly anybody together."""

    region: str = "EU868"
    beacon_frequency_hz: int = 868_100_000
    """The home channel, where every board listens in this release."""
    beacon_spreading_factor: int = 8
    """Helium's EU868 beacons go out at SF12 (2.5 s on the air); SF8 keeps a demo's pace lawful."""
    beacon_bandwidth_hz: int = 125_000

    max_eirp_ddbm: int = 161
    """What the region allows in all, dBm x 10. Precedent: 16.1 dBm in Helium's EU868 table (14 dBm ERP)."""

    board_max_power_dbm: int = 20
    """What an SX1276 gives at most at its PA_BOOST pin."""

    minimum_gain_ddbi: int = 10
    maximum_gain_ddbi: int = 150
    """Antenna gains that count, dBi x 10. Precedent: 1 to 15 dBi on Helium (var-59): a bigger asserted gain
    would loosen the signal rule in the asserter's favour."""

    minimum_local_entropy_bytes: int = 16
    """Precedent: Helium's 4, which can be guessed. 4 lets deployed gateways in, as weaker evidence."""

    minimum_distance_cells: int = 8
    minimum_distance_resolution: int = 11
    """Precedent: Helium's 8 cells at resolution 11, about 300 m: nearer ones say nothing about coverage."""

    maximum_distance_m: int = 100_000
    """Precedent: HIP-58, 100 km."""

    frequency_tolerance_hz: int = 100_000
    """Precedent: Helium's oracle, inclusive."""

    lag_after_beacon_ms: int = 4_000
    lag_after_first_witness_ms: int = 1_500
    """A witness report arrives at most so long after the beacon's report, or, where witnesses came first,
    after the first of them. Precedent: Helium's oracle."""

    signal_tolerance_ddb: int = 30
    """A receiver's RSSI may read high by so much, dB x 10, before free space is called broken
    (SX1276: +-3 dB)."""

    snr_tolerance_ddb: int = 30
    """A receiver's SNR may read low by so much, dB x 10, under the demodulator's floor."""

    schedule_tolerance_ms: int = 2_000
    """A beacon's report may claim to be made so much before its slot by the hotspot's own clock."""

    maximum_witnesses: int = 14
    """Witnesses rewarded for one beacon. Precedent: Helium's 14, drawn by entropy as before HIP-83,
    not the first to answer."""

    maximum_reports_per_hotspot: int = 128
    """Reports that one hotspot can have stored in one round; more are refused. A board hears at most a
    beacon a slot, and a round has far fewer slots."""

    maximum_reports_per_round: int = 100_000
    """Reports stored in one round in all; bounds the work of its close."""
