"""What part of a channel to set aside for which hotspot, and what to count at its end. Pure.

A voucher is good as far as its channel has money; an allotment is set aside for one hotspot on the chain.
So whoever delivers gets one, a fiftieth of the channel ahead of what it was promised, and a new one before
it is used up. What is set aside and not used comes back only when the channel is settled, so at most a
quarter of it may wait like that; with many hotspots each gets less ahead.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from router.store.purchases import VoucherTotal

#: An allotment is ahead of what was promised by the channel's amount divided by this.
STEPS = 50
#: All that is set aside and not promised yet is at most the channel's amount divided by this.
AHEAD_PARTS = 4
#: An allotment that is ahead by less than a step divided by this is near its end.
NEAR_END = 4
#: A step divided by this is too little to write a transaction for.
LEAST_PART = 10
#: Hotspots in one transaction.
MOST_AT_ONCE = 100


def decide_allotments(
    amount: int,
    promised: Mapping[bytes, VoucherTotal],
    allotted: Mapping[bytes, int],
    left_out: Collection[bytes] = (),
) -> dict[bytes, int]:
    """New allotments (totals) of a channel by hotspot; none where all is well or nothing is left for any.

    Never more than what is neither promised nor set aside for others: the chain would refuse it, and a
    promise to another would lose its cover.
    """
    totals = {hotspot: total.total_data_credits for hotspot, total in promised.items()}
    ahead = {
        hotspot: allotted.get(hotspot, 0) - totals.get(hotspot, 0)
        for hotspot in totals.keys() | allotted.keys()
    }
    step = max(amount // STEPS, 1)
    free = amount - sum(totals.values()) - sum(max(more, 0) for more in ahead.values())
    budget = min(free, amount // AHEAD_PARTS - sum(max(more, 0) for more in ahead.values()))
    least = max(step // LEAST_PART, 1)
    near_end = sorted(
        (hotspot for hotspot in totals if ahead[hotspot] * NEAR_END < step and hotspot not in left_out),
        key=lambda hotspot: (ahead[hotspot], hotspot),
    )
    near_end = near_end[: max(min(MOST_AT_ONCE, budget // least), 0)]
    if not near_end:
        return {}
    more = min(step, budget // len(near_end))
    return {hotspot: totals[hotspot] + max(ahead[hotspot], 0) + more for hotspot in near_end}


def choose_counts(
    promised: Mapping[bytes, VoucherTotal], claimed: Mapping[bytes, int], most: int
) -> list[VoucherTotal]:
    """What to count at a channel's close: the totals of hotspots that haven't claimed all of theirs, so that
    whoever takes no vouchers is paid as well. The largest debts where there are more than `most`.
    """
    unpaid = [
        total for hotspot, total in promised.items() if total.total_data_credits > claimed.get(hotspot, 0)
    ]
    unpaid.sort(key=lambda total: (claimed.get(total.hotspot, 0) - total.total_data_credits, total.hotspot))
    return unpaid[:most]
