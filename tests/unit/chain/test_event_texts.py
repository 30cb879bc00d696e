"""Amounts as people read them."""

import pytest

from chain.ledger.events import Event
from chain.node.event_texts import describe_event, format_hxt, format_hxt_exactly


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


@pytest.mark.parametrize(
    ("kind", "fields", "sentence"),
    [
        (
            "epoch_closed",
            {"epoch": 7, "hotspots": 1, "paid": 10**8, "released": 0},
            "epoch 7 closed: 1 hotspot earned 1 HXT in all",
        ),
        (
            "epoch_closed",
            {"epoch": 7, "hotspots": 3, "paid": 10**8, "released": 2 * 10**8},
            "epoch 7 closed: 3 hotspots earned 1 HXT in all, 2 HXT of earlier epochs paid out",
        ),
        (
            "price_changed",
            {"hxt_price": 35_000_000, "previous_hxt_price": 10**8, "median": 1, "reporters": 3},
            "one HXT costs 0.35 USD",
        ),
        ("price_changed", {"hxt_price": 2 * 10**8}, "one HXT costs 2 USD"),
        (
            "parameters_changed",
            {"names": ["coverage.region", "max_payees"], "values": ['"US915"', "9"]},
            'parameters changed: coverage.region is "US915", max_payees is 9',
        ),
        ("rules_upgraded", {"protocol_version": 2}, "version 2 of the rules is in force"),
        (
            "decision_dropped",
            {"decided_height": 7, "why": "hxt_price is 0: must be at least 1"},
            "a decision of block 7 is dropped: hxt_price is 0: must be at least 1",
        ),
        (
            "governance_changed",
            {"threshold": 2, "keys": [b"a", b"b", b"c"]},
            "decisions need 2 of 3 keys now",
        ),
        (
            "coverage_request_burnt",
            {"hex": 0x881F9351C5FFFFF, "data_credits": 500, "left": 1_000},
            "500 data credits burnt for coverage of 881f9351c5fffff, 1000 are left",
        ),
        (
            "coverage_request_ended",
            {"hex": 0x881F9351C5FFFFF, "returned_data_credits": 5},
            "the request for coverage of 881f9351c5fffff has ended: 5 data credits nobody earned return",
        ),
        (
            "coverage_request_ended",
            {"hex": 0x881F9351C5FFFFF, "returned_data_credits": 0},
            "the request for coverage of 881f9351c5fffff has ended: all of it was earned",
        ),
        ("reward_earned", {}, None),
        ("escrow_released", {}, None),
    ],
)
def test_sentences_about_rewards(kind: str, fields: dict[str, int], sentence: str | None) -> None:
    assert describe_event(Event(kind, fields)) == sentence
