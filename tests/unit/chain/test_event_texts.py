"""Amounts as people read them."""

import pytest

from chain.node.event_texts import format_hxt, format_hxt_exactly


@pytest.mark.parametrize(
    ("units", "in_a_sentence", "exactly"),
    [
        (0, "0 HXT", "0 HXT"),
        (1, "0.00000001 HXT", "0.00000001 HXT"),
        (4_000, "0.00004 HXT", "0.00004 HXT"),
        (10_000, "0.0001 HXT", "0.0001 HXT"),
        (1_250_000_000, "12.5 HXT", "12.5 HXT"),
        (456_621_875, "4.5662 HXT", "4.56621875 HXT"),
        (100_000_001, "1 HXT", "1.00000001 HXT"),
    ],
)
def test_no_amount_becomes_nothing(units: int, in_a_sentence: str, exactly: str) -> None:
    assert format_hxt(units) == in_a_sentence
    assert format_hxt_exactly(units) == exactly
