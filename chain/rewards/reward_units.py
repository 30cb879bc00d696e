"""How much one beacon is worth to its beaconer and to each of its witnesses (HIP-15).

A beacon that nobody heard proves nothing. Up to four witnesses each adds a full unit; beyond, they share
what is left, so that the fifth radio in a room adds little: from four witnesses on all units of a beacon
sum to five, however many report.

    beacon:       0 for w = 0;  w / 4 for w <= 4;  else 2 - 0.8^(w-4), at most 2
    each witness: 0 for w = 0;  1 for w <= 4;      else (4 - (1 - 0.8^(w-4))) / w

Units are scaled by 10^4 and rounded half to even, as the networks that paid by them did.
Source: HIP-15; helium/oracles-iot ``iot_verifier/src/runner.rs``.
"""

#: One reward unit.
UNIT = 10_000

#: Witnesses of a beacon that are worth a full unit each.
REDUNDANCY = 4

#: The decay 0.8 as a fraction.
DECAY_NUMERATOR, DECAY_DENOMINATOR = 4, 5


def divide_half_even(numerator: int, denominator: int) -> int:
    """The quotient of two integers (denominator above zero), rounded to the nearest, halves to even."""
    quotient, remainder = divmod(numerator, denominator)
    if 2 * remainder > denominator or (2 * remainder == denominator and quotient % 2):
        return quotient + 1
    return quotient


def compute_beacon_units(witnesses: int) -> int:
    """Reward units x 10^4 of a beacon with so many rewarded witnesses."""
    if witnesses <= REDUNDANCY:
        return UNIT * max(witnesses, 0) // REDUNDANCY
    more = witnesses - REDUNDANCY
    power, whole = DECAY_NUMERATOR**more, DECAY_DENOMINATOR**more
    return divide_half_even(UNIT * (2 * whole - power), whole)


def compute_witness_units(witnesses: int) -> int:
    """Reward units x 10^4 of each of so many rewarded witnesses of one beacon."""
    if witnesses <= 0:
        return 0
    if witnesses <= REDUNDANCY:
        return UNIT
    more = witnesses - REDUNDANCY
    power, whole = DECAY_NUMERATOR**more, DECAY_DENOMINATOR**more
    return divide_half_even(UNIT * ((REDUNDANCY - 1) * whole + power), whole * witnesses)
