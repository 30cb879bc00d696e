"""The numbers of a network, fixed in its genesis: integers and short names, each with its unit and precedent.

The defaults are production values; a demo passes shorter times. Rules read them from the block's context
and never from anywhere else, so that every node and every later check uses the same ones.
"""

from __future__ import annotations

import msgspec

from chain.coverage.parameters import CoverageParameters
from chain.rewards.hex_density import HIP104_LIMIT_ROWS, HexLimitRow, find_limit_problem

PPM = 1_000_000


class InvalidParameters(ValueError):
    """A parameter is out of its range; the message names it, its value and the range."""


class Parameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All parameters of a network. Times in milliseconds, shares in parts per million."""

    # Blocks, rounds, epochs
    block_interval_ms: int = 10_000
    """Blocks come at most this often while there is something to put in (Helium: 60 s)."""
    max_empty_block_interval_ms: int = 600_000
    """A block comes at least this often, even with nothing in it."""
    epoch_ms: int = 86_400_000
    """Length of a reward epoch (Helium: 30 blocks, later one day)."""
    max_block_bytes: int = 4_194_304
    """Most bytes of transactions and reports in a block (Helium: 5 MiB after a 140 MB block)."""
    block_report_share_ppm: int = 500_000
    """Of these bytes, what reports may take; the rest is for transactions alone, so that neither starves the
    other."""
    block_governance_share_ppm: int = 100_000
    """Of the transactions' bytes, what is for prices, parameters, upgrades and evidence alone: a full chain
    must still learn its price and be repaired."""
    max_block_transactions: int = 5_000
    """Without those of the class governance."""
    max_block_governance_transactions: int = 500
    """Those of the class governance: prices, parameters, upgrades, evidence."""
    max_block_reports: int = 20_000
    """Most Proof-of-Coverage reports of a block."""
    max_block_ahead_ms: int = 5_000
    """How far a block's time may be beyond the clock of a node that receives it."""
    bundle_epochs: int = 30
    """A block's reports are kept for so many epochs after theirs (Ethereum's blobs: 18 days)."""
    state_tree_bits: int = 16
    """Depth of the tree under the state root, fixed by genesis: 2^16 buckets, 15 rows in each of 10^6."""

    # Fees and price
    hxt_price: int = 100_000_000
    """USD per HXT x 10^8 until enough price reporters have spoken."""
    price_minimum_age_ms: int = 3_600_000
    """A reported price counts from this age on (Helium: price_oracle_price_delay, 1 h)."""
    price_maximum_age_ms: int = 90_000_000
    """A reported price counts up to this age (Helium: one day more than the delay)."""
    price_interval_ms: int = 600_000
    """The price is computed anew at most so often (Helium: every 10 blocks of a minute)."""
    price_report_interval_ms: int = 900_000
    """A reporter speaks at most so often (Helium: no limit but the block's)."""
    price_max_change_ppm: int = 50_000
    """In one computation the price moves by at most so much of itself: 5 % in ten minutes."""
    fee_data_credits_per_unit: int = 1
    """Data credits per started 24 bytes of a transaction: what a packet's bytes cost (Helium: 5000)."""
    hotspot_add_fee_data_credits: int = 50_000
    """Sunk fee of a new hotspot, 0.50 USD (Helium's data-only onboarding since HIP-123)."""
    data_only_add_fee_data_credits: int = 10_000
    """Sunk fee of a hotspot that only carries data, 0.10 USD: it can earn nothing but what was burnt."""
    hotspot_transfer_fee_data_credits: int = 5_000
    """Fee of a change of owner, 0.05 USD."""
    location_assert_fee_data_credits: int = 50_000
    """Fee of each asserted location, 0.50 USD (Helium's data-only assertion since HIP-123)."""
    router_register_fee_data_credits: int = 100_000
    """Fee of a new router, 1 USD (Helium: 100 USD for an OUI)."""
    max_payees: int = 50
    """Most payees of one payment (Helium: max_payments)."""
    max_router_ranges: int = 8
    """Most DevAddr ranges, and most EUI filters, of one router."""
    max_router_channels: int = 25
    """Most channels of one router that aren't settled (Helium: max_open_sc 25 at last)."""
    max_router_owner_changes: int = 16
    """How often a router's owner key can be replaced: what it left open is followed to the newest one."""
    channel_claim_window_ms: int = 172_800_000
    """From a channel's close until it is settled: two epochs, as hotspots claim once in each (Helium: 30
    blocks of grace, half an hour)."""
    channel_max_epochs: int = 30
    """A channel that its router doesn't close begins to close after so many epochs (Helium: a week of
    blocks)."""

    # Something to lose
    hotspot_bond_hxt: int = 10 * 10**8
    """Base units that a full hotspot's payer locks; a proven fault takes them."""
    router_bond_hxt: int = 100 * 10**8
    """Base units that a router's payer locks; two vouchers of one sequence take them."""
    validator_minimum_stake_hxt: int = 10_000 * 10**8
    """Least stake of a validator, base units (Helium: 10,000 HNT)."""
    escrow_epochs: int = 14
    """Epochs that a reward waits before it is paid out; longer than faults take to be found (Helium's
    classifiers worked over two weeks)."""
    evidence_epochs: int = 7
    """Epochs after a fault in which its proof is taken."""
    unbonding_epochs: int = 28
    """Epochs until a bond or stake is free again; more than escrow and evidence together."""
    reporter_share_ppm: int = 250_000
    """What a fault's reporter gets of what is taken; the rest burns, so that reporting oneself loses (The
    Graph: 50 %)."""
    audit_period_epochs: int = 30
    """Coverage earns within so many epochs after an audited hotspot or field tester met it; 0 = always."""
    sighting_maximum_distance_m: int = 20_000
    """A field tester received the hotspot from so far away at most (fewer than 2 % of Helium's honest beacons
    were witnessed beyond 100 km; on the ground 20 km is a very good day)."""
    max_hotspot_key_changes: int = 16
    """How often a hotspot's key can be replaced: evidence about an old key is followed to the newest one."""

    # Decisions
    activation_delay_blocks: int = 8_640
    """A decision takes effect so many blocks later at the earliest: a day where blocks come as fast as they
    can (Compound's governor: 2 days)."""
    activation_maximum_blocks: int = 3_153_600
    """And so many at the latest: a year."""
    max_scheduled_decisions: int = 64
    """So many decisions wait at once."""

    # Test network
    faucet_hxt: int = 0
    """What the faucet gives at once; 0 = this network has no faucet."""
    genesis_allocation_hxt: int = 0
    """HXT minted at genesis to the faucet account (0 on a network without one)."""

    # Radio
    home_frequency_hz: int = 868_100_000
    """The channel that somebody listens to in each neighbourhood; in EU868 one of the three join channels."""
    home_spreading_factor: int = 7
    """Spreading factor of the home channel."""
    home_bandwidth_hz: int = 125_000
    """Bandwidth of the home channel."""

    # Proof-of-Coverage
    coverage: CoverageParameters = CoverageParameters()
    """Rounds, challenges, reports and their limits."""

    # Emission and shares
    emission_hxt_per_day: int = 82_191_78082191
    """Base units minted per day in the first period: 30 million HXT a year."""
    emission_halving_epochs: int = 730
    """Epochs until the emission halves (Helium: two years)."""
    beacon_share_ppm: int = 60_000
    """Beaconers' share of an epoch (Helium: 6 %)."""
    witness_share_ppm: int = 240_000
    """Witnesses' share of an epoch (Helium: 24 %)."""
    data_share_ppm: int = 500_000
    """Most that data transfer gets of an epoch (Helium: 50 %); never worth more than what was burnt."""
    demand_share_ppm: int = 300_000
    """Most of the coverage pool that goes to hexagons where data credits are spent or a bounty asks (Helium:
    0); never worth more than what was burnt there."""
    demand_resolution: int = 8
    """H3 resolution of those hexagons: 0.74 km2, where density pays one full share."""
    burn_fee_ppm: int = 50_000
    """What nobody gets back of anything that burns: spending on oneself costs at least that (HIP-10: 0)."""
    data_return_ppm: int = 800_000
    """What the carrier gets of what burnt for its data (Helium: 100 %); the rest without the burn fee goes to
    the coverage of the hexagon."""
    unaudited_share_ppm: int = 100_000
    """Most of a coverage pool that is held back for coverage that isn't audited yet."""
    net_emission_cap_hxt_per_day: int = 1_643_52000000
    """Most that is minted again of what burnt for fees, base units a day (HIP-20: 34.24 of each 1736.11
    HNT)."""
    hex_limits: tuple[HexLimitRow, ...] = HIP104_LIMIT_ROWS
    """What a hexagon may hold: (resolution, neighbours, target, maximum) each (HIP-104)."""
    coverage_request_fee_data_credits: int = 5_000
    """Fee of a coverage request, 0.05 USD: each is looked at in each epoch."""
    coverage_request_minimum_data_credits: int = 1_000
    """Least bounty for each epoch, 0.01 USD."""
    coverage_request_max_epochs: int = 365
    """Longest coverage request."""

    def validate(self) -> None:
        """Raise InvalidParameters for a value that the rules can't work with."""
        if self.hxt_price < 1:
            raise InvalidParameters(f"hxt_price is {self.hxt_price}: must be at least 1")
        for name in (
            "block_interval_ms",
            "epoch_ms",
            "max_block_transactions",
            "max_router_channels",
            "channel_claim_window_ms",
            "channel_max_epochs",
            "max_block_governance_transactions",
            "max_block_reports",
            "price_interval_ms",
            "price_report_interval_ms",
            "activation_delay_blocks",
            "max_scheduled_decisions",
            "coverage_request_minimum_data_credits",
            "coverage_request_max_epochs",
        ):
            if getattr(self, name) < 1:
                raise InvalidParameters(f"{name} is {getattr(self, name)}: must be at least 1")
        for name, value in msgspec.structs.asdict(self).items():
            if isinstance(value, int) and value < 0:
                raise InvalidParameters(f"{name} is {value}: must not be negative")
        for name in ("block_report_share_ppm", "block_governance_share_ppm"):
            if not 0 < getattr(self, name) < PPM:
                raise InvalidParameters(f"{name} is {getattr(self, name)}: must be above 0 and below 1000000")
        problem = self.coverage.find_problem()
        if problem is not None:
            raise InvalidParameters(f"coverage: {problem}")
        if not self.block_interval_ms <= self.coverage.round_ms <= self.epoch_ms:
            raise InvalidParameters(
                f"block_interval_ms {self.block_interval_ms}, round_ms {self.coverage.round_ms} and epoch_ms "
                f"{self.epoch_ms} must not decrease in this order, or rounds and epochs would be skipped"
            )
        if self.unbonding_epochs <= self.escrow_epochs + self.evidence_epochs:
            raise InvalidParameters(
                f"unbonding_epochs {self.unbonding_epochs} must exceed escrow_epochs {self.escrow_epochs} + "
                f"evidence_epochs {self.evidence_epochs}, or a bond leaves before its fault is proven"
            )
        if self.reporter_share_ppm >= PPM:
            raise InvalidParameters(
                f"reporter_share_ppm {self.reporter_share_ppm} must be less than {PPM}, or a culprit gets "
                "all back by reporting itself"
            )
        if self.price_maximum_age_ms <= self.price_minimum_age_ms:
            raise InvalidParameters(
                f"price_maximum_age_ms {self.price_maximum_age_ms} must exceed price_minimum_age_ms "
                f"{self.price_minimum_age_ms}, or no reported price ever counts"
            )
        if not 0 < self.price_max_change_ppm <= PPM:
            raise InvalidParameters(
                f"price_max_change_ppm is {self.price_max_change_ppm}: must be 1 to {PPM}"
            )
        if self.activation_maximum_blocks < self.activation_delay_blocks:
            raise InvalidParameters(
                f"activation_maximum_blocks {self.activation_maximum_blocks} must not be less than "
                f"activation_delay_blocks {self.activation_delay_blocks}, or nothing can be decided"
            )
        if not 1 <= self.state_tree_bits <= 24:
            raise InvalidParameters(f"state_tree_bits is {self.state_tree_bits}: must be 1 to 24")
        if self.beacon_share_ppm + self.witness_share_ppm + self.data_share_ppm > PPM:
            raise InvalidParameters("beacon_share_ppm + witness_share_ppm + data_share_ppm exceed 1000000")
        if self.demand_share_ppm > PPM:
            raise InvalidParameters(f"demand_share_ppm is {self.demand_share_ppm}: must be at most {PPM}")
        if self.burn_fee_ppm + self.data_return_ppm > PPM:
            raise InvalidParameters(
                f"burn_fee_ppm {self.burn_fee_ppm} + data_return_ppm {self.data_return_ppm} exceed {PPM}: "
                "data would pay more than what burnt for it"
            )
        if self.unaudited_share_ppm >= PPM:
            raise InvalidParameters(
                f"unaudited_share_ppm {self.unaudited_share_ppm} must be less than {PPM}, or coverage that "
                "nobody has seen takes the whole reward of all others away"
            )
        if not 4 <= self.demand_resolution <= 10:
            raise InvalidParameters(f"demand_resolution is {self.demand_resolution}: must be 4 to 10")
        problem = find_limit_problem(self.hex_limits)
        if problem is not None:
            raise InvalidParameters(f"hex_limits: {problem}")
