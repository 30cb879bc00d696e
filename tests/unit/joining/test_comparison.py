"""Payments as recomputed against payments as told."""

from __future__ import annotations

from chain.verification.epoch import compare_payments


def test_what_differs_is_named() -> None:
    right = {"hotspot": "h", "reward": "data", "hxt": 5, "why": {"share": 1}}
    assert compare_payments([right], [right]) == []
    assert len(compare_payments([right], [right, right])) == 1
    assert len(compare_payments([right], [right | {"reward": "beacon"}])) == 2
    [finding] = compare_payments([right], [right | {"why": {"share": 2}}])
    assert "why is told as" in finding
