"""How much an epoch may mint.

A daily amount that halves after a fixed number of epochs. Amounts are counted from the start of each
halving period and an epoch gets the difference of two such counts, so that rounding down loses less than
one base unit in a whole period, not one an epoch. Precedent: HIP-20, halving every two years.
"""

MS_PER_DAY = 86_400_000


def compute_period_emission(epochs: int, epoch_ms: int, hxt_per_day: int) -> int:
    """Base units minted in the first so many epochs of a halving period, rounded down."""
    return epochs * epoch_ms * hxt_per_day // MS_PER_DAY


def compute_epoch_emission(epoch: int, epoch_ms: int, hxt_per_day: int, halving_epochs: int) -> int:
    """Base units that epoch number ``epoch`` (from 0) may mint.

    ``hxt_per_day``: base units a day in the first period; each later period has half of the one before,
    rounded down. ``halving_epochs`` of 0: never halved.
    """
    period, epoch_of_period = divmod(epoch, halving_epochs) if halving_epochs else (0, epoch)
    halved = hxt_per_day >> period
    return compute_period_emission(epoch_of_period + 1, epoch_ms, halved) - compute_period_emission(
        epoch_of_period, epoch_ms, halved
    )
