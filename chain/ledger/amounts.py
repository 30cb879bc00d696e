"""Money as integers, and the only divisions between tokens and data credits, each with its rounding.

One HXT is 10^8 base units. One data credit costs 0.00001 USD and carries 24 (started) bytes. A price is US
dollars per HXT scaled by 10^8. With amounts h (base units) and d (data credits) at price p:

    worth of h in USD = h / 10^8 * p / 10^8      worth of d in USD = d / 10^5
    d = h * p / 10^11                            h = d * 10^11 / p

Both roundings are against who asks, so that going to and fro never gains a unit: burning gives the floor,
paying a fee in tokens takes the ceiling, what credits are worth to somebody who is paid by it is the
floor. (Helium rounds both up, and in floating point: ledger_v1.erl:3014-3042.)
"""

from __future__ import annotations

HXT_UNITS = 10**8
DATA_CREDITS_PER_USD = 10**5
PRICE_SCALE = 10**8
BYTES_PER_DATA_CREDIT = 24

#: No balance or amount anywhere exceeds this; larger numbers are refused where they come in. It leaves 64-bit
#: readers of the API safe and is far above all HXT that can ever be minted.
MAX_AMOUNT = 2**63 - 1

_UNITS_TIMES_PRICE_PER_DATA_CREDIT = HXT_UNITS * PRICE_SCALE // DATA_CREDITS_PER_USD


def compute_data_credits_for_bytes(payload_bytes: int) -> int:
    """Data credits of a packet: one per started 24 bytes of PHYPayload, at least one."""
    return max(1, -(-payload_bytes // BYTES_PER_DATA_CREDIT))


def compute_data_credits_for_hxt(hxt: int, price: int) -> int:
    """Data credits that burning `hxt` base units gives at `price` (USD per HXT x 10^8), rounded down."""
    return hxt * price // _UNITS_TIMES_PRICE_PER_DATA_CREDIT


def compute_hxt_for_data_credits(data_credits: int, price: int) -> int:
    """HXT base units that must burn for `data_credits` at `price` (USD per HXT x 10^8), rounded up."""
    return -(-data_credits * _UNITS_TIMES_PRICE_PER_DATA_CREDIT // price)


def compute_hxt_worth_of_data_credits(data_credits: int, price: int) -> int:
    """HXT base units that `data_credits` are worth at `price` (USD per HXT x 10^8), rounded down: the most
    that spending them may bring."""
    return data_credits * _UNITS_TIMES_PRICE_PER_DATA_CREDIT // price
