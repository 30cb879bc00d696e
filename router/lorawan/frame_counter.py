"""From the 16 bits on air to the full 32-bit frame counter.

Source: LoRaWAN 1.0.4 section 4.3.1.5; the "next expected" model of ChirpStack's ``get_full_f_cnt_up``. There
is no gap limit here: the MIC decides. A device that has reset its counter looks like one that jumped forward,
so a server tries the plain 16 bits second.
"""

from enum import Enum


class CounterVerdict(Enum):
    """What a full counter that passed its MIC check says."""

    NEW = "new"
    RETRANSMISSION = "retransmission"
    RESET = "reset"


def compute_full_f_cnt(next_expected: int, received_16: int) -> int:
    """The full counter meant by ``received_16`` when ``next_expected`` (32 bit) would come next, modulo 2^32.

    The counter just before the expected one is a retransmission; anything else is taken to lie ahead.
    """
    previous = (next_expected - 1) & 0xFFFF_FFFF
    if next_expected > 0 and received_16 == previous & 0xFFFF:
        return previous
    return (next_expected + ((received_16 - next_expected) & 0xFFFF)) & 0xFFFF_FFFF


def classify_f_cnt(next_expected: int, full_f_cnt: int) -> CounterVerdict:
    """NEW at or above the expected counter, RETRANSMISSION just below it, RESET further below."""
    if full_f_cnt >= next_expected:
        return CounterVerdict.NEW
    if full_f_cnt == next_expected - 1:
        return CounterVerdict.RETRANSMISSION
    return CounterVerdict.RESET


def get_f_cnt_candidates(next_expected: int, received_16: int) -> tuple[int, ...]:
    """The full counters to try the MIC with, in order: the likely one, then the plain 16 bits (a reset
    device).
    """
    full = compute_full_f_cnt(next_expected, received_16)
    return (full,) if full == received_16 else (full, received_16)
