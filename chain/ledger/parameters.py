"""The numbers of a network, fixed in its genesis: integers and short names, each with its unit and precedent.

The defaults are production values; a demo passes shorter times. Rules read them from the block's context
and never from anywhere else, so that every node and every later check uses the same ones.
"""

from __future__ import annotations

import msgspec

from chain.coverage.parameters import CoverageParameters

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
    max_block_reports: int = 20_000
    max_block_ahead_ms: int = 5_000
    """How far a block's time may be beyond the clock of a node that receives it."""
    bundle_epochs: int = 30
    """A block's reports are kept for so many epochs after theirs (Ethereum's blobs: 18 days)."""

    # Fees and price
    hxt_price: int = 100_000_000
    """USD per HXT x 10^8, fixed by genesis: there is no oracle yet."""
    fee_data_credits_per_unit: int = 1
    """Data credits per started 24 bytes of a transaction: what a packet's bytes cost (Helium: 5000)."""
    hotspot_add_fee_data_credits: int = 50_000
    """Sunk fee of a new hotspot, 0.50 USD (Helium's data-only onboarding since HIP-123)."""
    location_assert_fee_data_credits: int = 50_000
    """Fee of each asserted location, 0.50 USD (Helium's data-only assertion since HIP-123)."""
    router_register_fee_data_credits: int = 100_000
    """Fee of a new router, 1 USD (Helium: 100 USD for an OUI)."""
    max_payees: int = 50
    """Most payees of one payment (Helium: max_payments)."""
    max_router_ranges: int = 8
    """Most DevAddr ranges, and most EUI filters, of one router."""

    # Test network
    faucet_hxt: int = 0
    """What the faucet gives at once; 0 = this network has no faucet."""
    genesis_allocation_hxt: int = 0
    """HXT minted at genesis to the faucet account (0 on a network without one)."""

    # Radio
    home_frequency_hz: int = 868_100_000
    home_spreading_factor: int = 7
    home_bandwidth_hz: int = 125_000

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

    def validate(self) -> None:
        """Raise InvalidParameters for a value that the rules can't work with."""
        if self.hxt_price < 1:
            raise InvalidParameters(f"hxt_price is {self.hxt_price}: must be at least 1")
        for name in (
            "block_interval_ms",
            "epoch_ms",
            "max_block_transactions",
            "max_block_governance_transactions",
            "max_block_reports",
        ):
            if getattr(self, name) < 1:
                raise InvalidParameters(f"{name} is {getattr(self, name)}: must be at least 1")
        for name, value in msgspec.structs.asdict(self).items():
            if isinstance(value, int) and value < 0:
                raise InvalidParameters(f"{name} is {value}: must not be negative")
        for name in ("block_report_share_ppm", "block_governance_share_ppm"):
            if not 0 < getattr(self, name) < PPM:
                raise InvalidParameters(f"{name} is {getattr(self, name)}: must be above 0 and below 1000000")
        if not self.block_interval_ms <= self.coverage.round_ms <= self.epoch_ms:
            raise InvalidParameters(
                f"block_interval_ms {self.block_interval_ms}, round_ms {self.coverage.round_ms} and epoch_ms "
                f"{self.epoch_ms} must not decrease in this order, or rounds and epochs would be skipped"
            )
        if self.beacon_share_ppm + self.witness_share_ppm + self.data_share_ppm > PPM:
            raise InvalidParameters("beacon_share_ppm + witness_share_ppm + data_share_ppm exceed 1000000")
