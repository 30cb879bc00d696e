"""Whatever value a decision may give a parameter, rounds and epochs go on: a decision can't stop the chain.

Every number is set to values at and beyond its bounds; where the change is accepted, rounds with a beacon and
its witnesses are opened, judged and closed under it, and an epoch is paid.
"""

from __future__ import annotations

import pytest

from chain.coverage.process import process_round_close
from chain.coverage.reports import DATA_RATE_NUMBERS
from chain.governance.changed_parameters import FIXED_PARAMETERS, apply_changes
from chain.ledger.context import BlockContext
from chain.ledger.parameters import Parameters
from chain.rewards.process import process_epoch_close
from chain.transactions import ChangedParameter, InvalidTransaction, Reason
from tests.unit.coverage.town import PARAMETERS, Town

NUMBERS = [
    prefix + name
    for prefix, struct in (("", PARAMETERS), ("coverage.", PARAMETERS.coverage))
    for name in struct.__struct_fields__
    if type(getattr(struct, name)) is int and prefix + name not in FIXED_PARAMETERS
]
EXTREMES = (-(2**63) + 1, -1, 0, 1, 13, 1_000_000, 2**31, 2**63 - 1)
TEXTS = (
    ("coverage.beacon_spreading_factors", "[5]"),
    ("coverage.beacon_spreading_factors", "[12,12,12]"),
    ("coverage.region_areas", "[]"),
    ("coverage.region_areas", '[["US915",[1]]]'),
    ("coverage.region_areas", '[["US915",[590112357393367039]]]'),
    ("coverage.region_areas", '[["US915",[-1]]]'),
    ("coverage.region_areas", '[["US916",[590112357393367039]]]'),
    ("coverage.region_areas", '[["EU868",[]],["US915",[612000000000000000]]]'),
    ("coverage.snr_rssi_floor", "[[0,0],[0,0]]"),
    ("coverage.snr_rssi_floor", "[[100,-500]]"),
    ("coverage.accept_unclaimed_reports", "true"),
    ("coverage.region", '"AU915"'),
    ("hex_limits", "[]"),
    ("hex_limits", "[[0,0,0,0]]"),
    ("hex_limits", "[[15,1,1,1]]"),
    ("hex_limits", "[[12,1,1,1],[4,1,1,1]]"),
)


def play(parameters: Parameters) -> None:
    """A round and an epoch with a beacon that everybody hears."""
    town = Town(4, parameters)
    context: BlockContext | None = None
    for round in range(3):
        context = town.open(round)
        try:
            beaconer = town.get_key(next(key.public_key.binary for key in town.keys))
            challenge = town.get_challenge(beaconer)
        except StopIteration:
            process_round_close(town.state, context)
            continue
        arrival_ms = town.get_arrival_ms(beaconer)
        if (challenge.spreading_factor, challenge.bandwidth_hz) in DATA_RATE_NUMBERS:
            town.take(context, town.build_beacon(beaconer), beaconer, arrival_ms)
            for witness in town.keys[1:]:
                town.take(context, town.build_witness(witness, beaconer), witness, arrival_ms + 50)
        process_round_close(town.state, context)
    assert context is not None
    process_epoch_close(town.state, context)


def try_change(name: str, value: str) -> bool:
    """Returns whether it was accepted."""
    try:
        parameters = apply_changes(PARAMETERS, [ChangedParameter(name, value)])
    except InvalidTransaction as error:
        assert error.code is Reason.INVALID_PARAMETER
        return False
    play(parameters)
    return True


@pytest.mark.parametrize("name", NUMBERS)
def test_extreme_numbers(name: str) -> None:
    accepted = [try_change(name, str(value)) for value in EXTREMES]
    assert not accepted[0]
    assert not accepted[1]


@pytest.mark.parametrize(("name", "value"), TEXTS)
def test_extreme_lists_and_texts(name: str, value: str) -> None:
    try_change(name, value)
