"""Net emissions: what burnt for fees is minted again, so that a network with much use doesn't run dry.

The emission schedule ends at a fixed supply; fees burn of it for ever. What burnt for fees since the last
close, less the burn fee, is added to the next emission, up to a cap; what exceeds the cap waits for later
epochs. Each base unit that burnt is minted again once at the most, and all of it goes through the same
pools as any other emission: nobody gets back more than what he burnt, less the fee
(`chain/rewards/demand.py`, 4).

Only fees count. What burnt for data and bounties was the worth of their rewards, and what burnt of faults
was taken from somebody who must not get a part of it back. Precedent: HIP-20, at most 34.24 HNT an epoch
of 1736.11.
"""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from chain.ledger.parameters import PPM, Parameters
from chain.ledger.state import State, Table
from chain.ledger.tables import ONLY

MS_PER_DAY = 86_400_000


class EpochBurns(msgspec.Struct, frozen=True, array_like=True):
    """What burnt for fees and wasn't minted again yet: the one row of EPOCH_BURNS."""

    fees_hxt: int = 0
    """Base units since the last epoch closed: burnt at once, or once for the data credits that paid."""
    carried_hxt: int = 0
    """Base units that earlier epochs could have minted again, but for the cap."""


class NetEmission(msgspec.Struct, frozen=True):
    """What one epoch mints again."""

    minted_hxt: int
    carried_hxt: int
    """Base units that wait for later epochs."""


EPOCH_BURNS = Table("epoch_burns", EpochBurns)


def get_epoch_burns(state: State) -> EpochBurns:
    """Return what burnt for fees since the last close."""
    return state.get(EPOCH_BURNS, ONLY) or EpochBurns()


def record_fee_burn(state: State, hxt: int) -> None:
    """Count base units that burnt for a fee."""
    if hxt:
        burns = get_epoch_burns(state)
        state.put(EPOCH_BURNS, ONLY, replace(burns, fees_hxt=burns.fees_hxt + hxt))


def compute_net_emission(burns: EpochBurns, cap_hxt: int, burn_fee_ppm: int) -> NetEmission:
    """Return what an epoch mints again, rounded down, and what waits."""
    available = burns.carried_hxt + burns.fees_hxt * (PPM - burn_fee_ppm) // PPM
    minted = min(available, cap_hxt)
    return NetEmission(minted, available - minted)


def get_net_emission(state: State, parameters: Parameters) -> NetEmission:
    """Return what the epoch that closes now mints again; the cap is so much a day."""
    cap = parameters.net_emission_cap_hxt_per_day * parameters.epoch_ms // MS_PER_DAY
    return compute_net_emission(get_epoch_burns(state), cap, parameters.burn_fee_ppm)


def put_net_emission(state: State, net: NetEmission) -> None:
    """The epoch has minted it: counting starts again."""
    state.put(EPOCH_BURNS, ONLY, EpochBurns(0, net.carried_hxt))
