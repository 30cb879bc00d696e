"""Words that carry the numbers."""

import pytest

from chain.coverage.reasons import Reason
from chain.explorer.sentences import describe_rejection, describe_reward


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason is not Reason.NONE])
def test_every_reason_has_words(reason: Reason) -> None:
    words = describe_rejection(reason.label, 12, 345)
    assert reason.label not in words
    assert "limit" not in words  # that is how a reason without words is told


def test_rejections_name_what_was_measured_and_the_limit() -> None:
    assert describe_rejection("bad_rssi", -300, -809) == (
        "the signal of −30.0 dBm is stronger than free space allows at that distance (−80.9 dBm)"
    )
    assert describe_rejection("max_distance_exceeded", 123_456, 100_000) == (
        "123.5 km apart, more than the 100 km that count"
    )
    assert describe_rejection("too_late", 5_200, 4_000) == "it came too late, by: 1.2 s"
    assert describe_rejection("invalid_frequency", 868_300_000, 868_100_000) == (
        "on 868.300 MHz, 868.100 MHz were ordered"
    )
    assert describe_rejection("invalid_frequency", 150_000, 100_000) == (
        "heard 150.0 kHz beside the beacon, at most 100 kHz count"
    )
    assert describe_rejection("one_of_tomorrow", 1, 2) == "one of tomorrow (1, limit 2)"


def test_rewards_name_their_sum() -> None:
    pool = {"pool": 18_26484018, "pool_millionths": 0}
    beacon = {
        "units": 20_000,
        "beacons": 2,
        "witnessed": 1,
        "scale": 5_000,
        "share": 10**8,
        "shares": 4 * 10**8,
    }
    assert describe_reward("beacon", 4_56621004, {**beacon, **pool}) == (
        "4.5662 HXT for 2 beacons, 1 of them witnessed: 2 reward units × hex scale 0.5, "
        "a share of 25.0 % in the 18.2648 HXT for beacons"
    )
    witness = {"units": 15_000, "witnesses": 1, "beaconers": 1, "scale": 10_000, "share": 1, "shares": 3}
    assert describe_reward("witness", 10**8, {**witness, **pool}) == (
        "1 HXT for witnessing 1 beacon of 1 hotspot: 1.5 reward units × hex scale 1 × the beaconers' scales, "
        "a share of 33.3 % in the 18.2648 HXT for witnesses"
    )
    small = {"data_credits": 5, "packets": 4, "share": 5, "shares": 15, "pool": 15_000, "pool_millionths": 0}
    assert describe_reward("data", 5_000, small) == (
        "0.00005000 HXT for carrying 4 packets for 5 data credits: "
        "a share of 33.3 % in the 0.00015000 HXT for data"
    )
    data = {"data_credits": 1_200, "packets": 600, "share": 1_200, "shares": 1_200}
    assert describe_reward("data", 10**6, {**data, **pool}) == (
        "0.01 HXT for carrying 600 packets for 1,200 data credits: "
        "a share of 100.0 % in the 18.2648 HXT for data"
    )
    demand = {
        "hex": "881f9351c5fffff",
        "hex_claim": 150_000,
        "hex_claims": 300_000,
        "hex_data_credits": 1_000,
        "hex_bounty_data_credits": 0,
        "share": 1,
        "shares": 4,
    }
    assert describe_reward("demand", 37_500, {**demand, **pool, "pool": 300_000}) == (
        "0.00037500 HXT for covering 881f9351c5fffff, where people spend (1,000 data credits for data, 0 "
        "of bounties): a share of 25.0 % of its coverage; the hexagon claims 0.00150000 HXT of the "
        "0.00300000 HXT in the 0.00300000 HXT for demand"
    )
    assert " 881f9351c5fffff, " in describe_reward(
        "demand", 37_500, {**demand, **pool, "hex": 0x881F9351C5FFFFF}
    )
