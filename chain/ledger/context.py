"""What a rule may know about the block it runs in, besides the state. There is no clock: block time is
data.
"""

from __future__ import annotations

import msgspec

from chain.keys.address import NETWORK_TEST
from chain.ledger.parameters import Parameters


class BlockContext(msgspec.Struct, frozen=True, kw_only=True):
    """The block being applied.

    `round` and `epoch` are the open ones: while a round or epoch is being closed they are still the old
    numbers, and `open_round` sees the new ones. The boundary between two of them is a block time, given by
    the genesis time and the parameters; reports are judged by the arrival times they carry, not by the
    block they came in.
    """

    chain_id: str
    """Names the network; every signature is bound to it."""
    height: int
    time_ms: int
    """Block time, Unix milliseconds."""
    genesis_time_ms: int
    parameters: Parameters
    round: int
    """Number of the open entropy round, (time - genesis time) // coverage.round_ms."""
    epoch: int
    """Number of the open reward epoch, (time - genesis time) // epoch_ms."""
    entropy: bytes
    """Entropy of `round`, 32 bytes."""
    hxt_price: int
    """USD per HXT x 10^8 as of the block's start."""
    network: int = NETWORK_TEST
    """Network byte that every key on this chain carries."""

    def get_round_end_ms(self) -> int:
        """Block time at or after which `round` closes."""
        return self.genesis_time_ms + (self.round + 1) * self.parameters.coverage.round_ms

    def get_epoch_end_ms(self) -> int:
        """Block time at or after which `epoch` closes."""
        return self.genesis_time_ms + (self.epoch + 1) * self.parameters.epoch_ms
