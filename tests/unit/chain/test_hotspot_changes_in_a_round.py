"""A hotspot's key is replaced, or it retires, while a round takes reports: nobody else loses."""

from hashlib import sha256

import pytest

from chain.coverage.process import process_report, process_round_close
from chain.coverage.tables import (
    BEACON_TOTALS,
    CHALLENGES,
    WITNESS_TOTALS,
    get_challenges,
    get_epoch_key,
)
from chain.keys.keypair import Keypair
from chain.ledger.process_hotspot_rekey import process_hotspot_rekey
from chain.ledger.process_hotspot_retire import process_hotspot_retire
from chain.ledger.tables import get_successor
from chain.transactions import HotspotRekey, HotspotRetire
from tests.unit.coverage.town import Town, claim_and_open, receive

EPOCH = get_epoch_key(0)
NEWER = Keypair(sha256(b"newer").digest())


@pytest.fixture
def town() -> Town:
    return Town()


def rekey(town: Town, key: Keypair) -> None:
    body = HotspotRekey(
        payer=town.owner.public_key.binary,
        nonce=1,
        fee=0,
        owner=town.owner.public_key.binary,
        hotspot=key.public_key.binary,
        new_hotspot=NEWER.public_key.binary,
    )
    process_hotspot_rekey(town.state, body, town.get_context())


def retire(town: Town, key: Keypair) -> None:
    body = HotspotRetire(
        payer=town.owner.public_key.binary,
        nonce=1,
        fee=0,
        owner=town.owner.public_key.binary,
        hotspot=key.public_key.binary,
    )
    process_hotspot_retire(town.state, body, town.get_context())


def test_what_the_old_key_told_before_still_counts(town: Town) -> None:
    context = town.open()
    first, second, third = town.keys
    at_ms = town.get_arrival_ms(first)
    town.take(context, town.build_beacon(first), first, at_ms)
    town.take(context, town.build_witness(second, first), second, at_ms)
    rekey(town, first)
    town.take(context, town.build_witness(third, first), third, at_ms)
    events = process_round_close(town.state, context)
    assert [event.fields["ok"] for event in events if event.kind.endswith("_verdict")] == [True] * 3
    old = first.public_key.binary
    assert town.state.get(BEACON_TOTALS, EPOCH + old) is not None
    for witness in (second, third):
        assert town.state.get(WITNESS_TOTALS, EPOCH + witness.public_key.binary + old) is not None
    assert get_successor(town.state, old) == NEWER.public_key.binary


def test_the_old_key_is_unknown_afterwards_and_the_new_one_waits_for_the_next_round(town: Town) -> None:
    context = town.open()
    first, second, _ = town.keys
    at_ms = town.get_arrival_ms(first)
    beacon = town.build_beacon(first)
    as_witness = town.build_witness(first, second)
    in_new_name = town.build_beacon(first, pub_key=NEWER.public_key.binary)
    rekey(town, first)
    for message in (beacon, as_witness):
        (refusal,) = process_report(town.state, context, receive(message, first, at_ms))
        assert refusal.fields["reason"] == "gateway_not_found"
    town.take(context, in_new_name, NEWER, at_ms)
    events = process_round_close(town.state, context)
    (verdict,) = [event for event in events if event.kind == "beacon_verdict"]
    assert not verdict.fields["ok"], "nobody ordered this one"
    town.open(round=1)
    drawn = {challenge.hotspot for challenge in get_challenges(town.state)}
    assert NEWER.public_key.binary in drawn
    assert first.public_key.binary not in drawn


def test_a_claim_of_the_old_key_stays_unopened(town: Town) -> None:
    context = town.open()
    first = town.keys[0]
    at_ms = town.get_arrival_ms(first)
    claim, opening = claim_and_open(town.build_beacon(first), first, at_ms, town.get_round().openings_from_ms)
    assert process_report(town.state, context, claim) == []
    rekey(town, first)
    (refusal,) = process_report(town.state, context, opening)
    assert refusal.fields["reason"] == "gateway_not_found"
    kinds = [event.kind for event in process_round_close(town.state, context)]
    assert kinds == ["claim_unopened"]


def test_who_retires_is_out_of_the_challenges_at_once(town: Town) -> None:
    context = town.open()
    first = town.keys[0]
    at_ms = town.get_arrival_ms(first)
    beacon = town.build_beacon(first)
    retire(town, first)
    assert town.state.get(CHALLENGES, first.public_key.binary) is None
    (refusal,) = process_report(town.state, context, receive(beacon, first, at_ms))
    assert refusal.fields["reason"] == "invalid_capability"
    process_round_close(town.state, context)
    for round in range(1, 4):
        context = town.open(round)
        drawn = {challenge.hotspot for challenge in get_challenges(town.state)}
        assert first.public_key.binary not in drawn
        process_round_close(town.state, context)


def test_those_who_heard_one_that_retires_lose_nothing(town: Town) -> None:
    context = town.open()
    first, second, _ = town.keys
    at_ms = town.get_arrival_ms(first)
    town.take(context, town.build_beacon(first), first, at_ms)
    retire(town, first)
    town.take(context, town.build_witness(second, first), second, at_ms)
    events = process_round_close(town.state, context)
    assert all(event.fields["ok"] for event in events)
    key = EPOCH + second.public_key.binary + first.public_key.binary
    assert town.state.get(WITNESS_TOTALS, key) is not None
