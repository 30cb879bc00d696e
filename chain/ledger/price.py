"""What one HXT costs, in the state: the oracle's median, or the genesis price until there is one.

Reporters that the governance names say a price each. Of each counts the newest report that is at least
`price_minimum_age_ms` and at most `price_maximum_age_ms` old; with reports of a majority of the named
reporters the price moves to their median, without one it stays. Precedent: Helium's price oracle, one hour
and 25 hours, a median of (N div 2) + 1 keys or more (blockchain_ledger_v1.erl:3152-3224).

- **Majority and median.** Fewer than half of the reporters can move the median only within what honest ones
  said. Helium's `median/1` has its branches for odd and even numbers swapped (9 prices 10 to 90 give 45):
  its suite compares the function with itself. Ours is tested with numbers written by hand.
- **Delay.** A price that nobody has acted on yet can still be met: by a newer report of the same reporter,
  or by a decision that takes the reporter's name away. Precedent: one hour in MakerDAO's Oracle Security
  Module.
- **Step.** In one computation the price moves by at most `price_max_change_ppm` of itself, so that a jump,
  true or false, comes in steps and no single block is worth waiting for.

Delay and steps make the next prices known in advance. On Helium that was worth money: who burnt before a fall
got back more tokens for the same credits than had burnt, 27k burnt, 29k minted (HIP-18). It is worth nothing
here because no reward for spending credits exceeds the tokens that burnt for them (`Account.burnt_hxt`), and
credits can't be turned back into tokens: a forecast tells a sensor's owner when to buy, at most a step an
interval cheaper, and that is all.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from chain.ledger.parameters import PPM, Parameters
from chain.ledger.state import State, Table
from chain.ledger.tables import ONLY

_KEY_BYTES = 33


class Price(msgspec.Struct, frozen=True, array_like=True):
    """The price in force."""

    hxt_price: int
    """USD per HXT x 10^8."""
    time_ms: int
    """Block time at which it was computed."""


class ReportedPrice(msgspec.Struct, frozen=True, array_like=True):
    """What one reporter said: key = reporter (33) || block time in ms (8, big-endian)."""

    hxt_price: int
    """USD per HXT x 10^8."""


PRICE = Table("price", Price)
REPORTED_PRICES = Table("reported_price", ReportedPrice)


def get_hxt_price(state: State, parameters: Parameters) -> int:
    """Return USD per HXT x 10^8."""
    row = state.get(PRICE, ONLY)
    return parameters.hxt_price if row is None else row.hxt_price


def get_reported_prices(state: State, reporter: bytes) -> list[tuple[int, int]]:
    """Return (block time in ms, price) of the reports of one reporter that are still kept, oldest first."""
    return [
        (int.from_bytes(key[_KEY_BYTES:], "big"), row.hxt_price)
        for key, row in state.iterate(REPORTED_PRICES, reporter)
    ]


def add_reported_price(state: State, reporter: bytes, hxt_price: int, time_ms: int) -> None:
    """Keep a report."""
    state.put(REPORTED_PRICES, get_reported_price_key(reporter, time_ms), ReportedPrice(hxt_price))


def delete_reported_price(state: State, reporter: bytes, time_ms: int) -> None:
    """Forget a report."""
    state.delete(REPORTED_PRICES, get_reported_price_key(reporter, time_ms))


def get_reported_price_key(reporter: bytes, time_ms: int) -> bytes:
    """Return the key of one report's row."""
    return reporter + time_ms.to_bytes(8, "big")


def compute_counted_price(
    reports: Sequence[tuple[int, int]], time_ms: int, minimum_age_ms: int, maximum_age_ms: int
) -> int | None:
    """Return the price of the newest of one reporter's reports (time, price) whose age lies within the
    bounds, both included; None where none does.
    """
    counted = [
        (reported_ms, price)
        for reported_ms, price in reports
        if minimum_age_ms <= time_ms - reported_ms <= maximum_age_ms
    ]
    return max(counted)[1] if counted else None


def compute_median(prices: Sequence[int]) -> int:
    """Return the middle one of an odd number of prices, of an even number the mean of the middle two, rounded
    down. Raises ValueError for none.
    """
    if not prices:
        raise ValueError("no prices have no median")
    ordered = sorted(prices)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) // 2


def compute_majority(reporters: int) -> int:
    """Return how many of so many named reporters must have spoken."""
    return reporters // 2 + 1


def compute_stepped_price(price: int, median: int, max_change_ppm: int) -> int:
    """Return the price after one step towards the median: all of the way, or at most `max_change_ppm` of the
    price (rounded down, but at least 1, so that no price is too small to move), and never less than 1.
    """
    step = max(1, price * max_change_ppm // PPM)
    return max(1, min(max(median, price - step), price + step))
