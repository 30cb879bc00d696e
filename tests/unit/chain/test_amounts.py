import json
from pathlib import Path

import pytest

from chain.ledger.amounts import (
    compute_data_credits_for_bytes,
    compute_data_credits_for_hxt,
    compute_hxt_for_data_credits,
)
from chain.transactions.fees import compute_size_fee


@pytest.fixture(scope="module")
def vectors(shared: Path) -> dict:
    return json.loads((shared / "vectors/chain/dc_fees.json").read_text())


def test_packets(vectors: dict) -> None:
    assert len(vectors["per_packet_dc"]) == 10
    for case in vectors["per_packet_dc"]:
        assert compute_data_credits_for_bytes(case["bytes"]) == case["dc"]
    assert compute_data_credits_for_bytes(0) == 1


def test_transaction_fees_by_size(vectors: dict) -> None:
    for case in vectors["txn_fee_dc"]:
        fee = compute_size_fee(case["serialized_bytes"], vectors["txn_fee_multiplier"])
        assert fee == case["fee_dc"]
        assert fee * vectors["dc_usd"] == pytest.approx(case["usd"])


def test_price(vectors: dict) -> None:
    to_credits, to_tokens = vectors["hnt_dc_conversion"]
    assert compute_data_credits_for_hxt(to_credits["hnt_bones"], to_credits["price_e8"]) == to_credits["dc"]
    # Upstream's own test expects one unit more here, an artefact of its floating point: exactly it is 10^8.
    exact = compute_hxt_for_data_credits(to_tokens["dc"], to_tokens["price_e8"])
    assert exact == to_tokens["bones_upstream_test"] - 1 == 100_000_000


def test_rounding_is_against_who_asks() -> None:
    price = 300_000_000  # 3 USD: a data credit is 333.33 base units
    assert compute_hxt_for_data_credits(1, price) == 334
    assert compute_data_credits_for_hxt(333, price) == 0
    assert compute_data_credits_for_hxt(334, price) == 1
    assert compute_data_credits_for_hxt(999, price) == 2
