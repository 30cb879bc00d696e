"""Exclusions and auditors: what the deciding keys say of hotspots and testers."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from chain.keys import Keypair
from chain.keys.address import NETWORK_MAIN
from chain.ledger.audits import AUDITED_HOTSPOT, FIELD_TESTER, is_audited, is_live_auditor
from chain.ledger.tables import AUDITORS, EXCLUSIONS, HOTSPOTS, Auditor, Exclusion
from chain.transactions import AuditorSet, ExclusionSet, Reason
from tests.unit.chain.governed_world import GovernedWorld, kinds

EVIDENCE = b"\x07" * 32


@pytest.fixture
def world() -> GovernedWorld:
    """In epoch 2, with two hotspots."""
    world = GovernedWorld()
    world.add_hotspot("hotspot")
    world.add_hotspot("other")
    return world


def exclude(world: GovernedWorld, *names: str, until_epoch: int = 9, **changes: Any) -> ExclusionSet:
    body = ExclusionSet(
        **world.decide(),
        hotspots=world.keys_of(*names),
        until_epoch=until_epoch,
        code=2,
        evidence_hash=EVIDENCE,
    )
    return replace(body, **changes)


def name(world: GovernedWorld, who: str, kind: int, until_epoch: int = 9, **changes: Any) -> AuditorSet:
    body = AuditorSet(**world.decide(), auditor=world[who], kind=kind, until_epoch=until_epoch)
    return replace(body, **changes)


def test_a_hotspot_is_excluded_until_an_epoch(world: GovernedWorld) -> None:
    events = world.apply(exclude(world, "hotspot"))
    assert kinds(events) == ["exclusion_set"]
    assert events[-1].fields["evidence_hash"] == EVIDENCE
    assert world.state.get(EXCLUSIONS, world["hotspot"]) == Exclusion(9, 2, EVIDENCE)


def test_a_pair_stands_under_both_keys_in_order(world: GovernedWorld) -> None:
    world.apply(exclude(world, "hotspot", "other"))
    key = b"".join(world.keys_of("hotspot", "other"))
    assert world.state.get(EXCLUSIONS, key) == Exclusion(9, 2, EVIDENCE)
    assert world.state.get(EXCLUSIONS, world["hotspot"]) is None


def test_an_exclusion_is_replaced_and_lifted(world: GovernedWorld) -> None:
    before = len(list(world.state.iterate(EXCLUSIONS)))
    for names in (("hotspot",), ("hotspot", "other")):
        world.apply(exclude(world, *names))
        world.apply(exclude(world, *names, until_epoch=20, code=5))
        key = b"".join(world.keys_of(*names))
        assert world.state.get(EXCLUSIONS, key) == Exclusion(20, 5, EVIDENCE)
        world.apply(exclude(world, *names, until_epoch=0))
        world.refuse(exclude(world, *names, until_epoch=0), Reason.NOT_EXCLUDED)
    assert len(list(world.state.iterate(EXCLUSIONS))) == before


def test_one_of_a_pair_is_no_lift_of_the_pair(world: GovernedWorld) -> None:
    world.apply(exclude(world, "hotspot", "other"))
    world.refuse(exclude(world, "hotspot", until_epoch=0), Reason.NOT_EXCLUDED)


@pytest.mark.parametrize("until_epoch", [1, 2])
def test_an_exclusion_that_is_over_already(world: GovernedWorld, until_epoch: int) -> None:
    world.refuse(exclude(world, "hotspot", until_epoch=until_epoch), Reason.EPOCH_PAST)
    world.apply(exclude(world, "hotspot", until_epoch=3))


def test_exclusions_of_whom_there_is_not(world: GovernedWorld) -> None:
    world.refuse(exclude(world, "alice"), Reason.UNKNOWN_HOTSPOT)
    world.refuse(exclude(world, "hotspot", "alice"), Reason.UNKNOWN_HOTSPOT)


def test_pairs_out_of_order_or_of_one(world: GovernedWorld) -> None:
    pair = world.keys_of("hotspot", "other")
    world.refuse(exclude(world, "hotspot", hotspots=pair[::-1]), Reason.NOT_SORTED)
    world.refuse(exclude(world, "hotspot", hotspots=(pair[0], pair[0])), Reason.DUPLICATE_KEY)


def test_exclusions_need_approval(world: GovernedWorld) -> None:
    body = exclude(world, "hotspot")
    world.refuse(replace(body, approvers=world.keys_of("one")), Reason.NOT_APPROVED)
    world.refuse(replace(body, approvers=world.keys_of("alice", "bob")), Reason.NOT_APPROVED)


# Auditors


def test_an_audited_hotspot_until_an_epoch(world: GovernedWorld) -> None:
    assert kinds(world.apply(name(world, "hotspot", AUDITED_HOTSPOT))) == ["auditor_set"]
    assert world.state.get(AUDITORS, world["hotspot"]) == Auditor(AUDITED_HOTSPOT, 9)
    parameters = world.context.parameters
    assert is_audited(world.state, world["hotspot"], 8, parameters)
    assert not is_audited(world.state, world["hotspot"], 9, parameters)


def test_a_field_tester_until_an_epoch(world: GovernedWorld) -> None:
    world.apply(name(world, "tess", FIELD_TESTER))
    assert is_live_auditor(world.state, world["tess"], FIELD_TESTER, 8)
    assert not is_live_auditor(world.state, world["tess"], FIELD_TESTER, 9)
    assert not is_live_auditor(world.state, world["tess"], AUDITED_HOTSPOT, 8)


def test_a_name_is_ended(world: GovernedWorld) -> None:
    for who, kind in (("hotspot", AUDITED_HOTSPOT), ("tess", FIELD_TESTER)):
        world.refuse(name(world, who, kind, until_epoch=0), Reason.NOT_AUDITOR)
        world.apply(name(world, who, kind))
        world.refuse(name(world, who, 1 - kind, until_epoch=0), Reason.NOT_AUDITOR)
        world.apply(name(world, who, kind, until_epoch=0))
        assert world.state.get(AUDITORS, world[who]) is None


def test_only_hotspots_that_serve_are_audited(world: GovernedWorld) -> None:
    world.refuse(name(world, "alice", AUDITED_HOTSPOT), Reason.UNKNOWN_HOTSPOT)
    row = world.state.get(HOTSPOTS, world["hotspot"])
    assert row is not None
    for status, reason in ((1, Reason.HOTSPOT_RETIRED), (2, Reason.HOTSPOT_FAULTED)):
        world.state.put(HOTSPOTS, world["hotspot"], replace(row, status=status))
        world.refuse(name(world, "hotspot", AUDITED_HOTSPOT), reason)


def test_testers_keys_that_nobody_can_sign_with(world: GovernedWorld) -> None:
    body = name(world, "tess", FIELD_TESTER)
    main = Keypair.generate(NETWORK_MAIN).public_key.binary
    world.refuse(replace(body, auditor=main), Reason.WRONG_NETWORK)
    world.refuse(replace(body, auditor=b"\x17" + bytes(32)), Reason.INVALID_KEY)


@pytest.mark.parametrize("until_epoch", [1, 2])
def test_a_name_that_is_over_already(world: GovernedWorld, until_epoch: int) -> None:
    world.refuse(name(world, "hotspot", AUDITED_HOTSPOT, until_epoch), Reason.EPOCH_PAST)
    world.refuse(name(world, "tess", FIELD_TESTER, until_epoch), Reason.EPOCH_PAST)


def test_names_need_approval(world: GovernedWorld) -> None:
    body = name(world, "hotspot", AUDITED_HOTSPOT)
    world.refuse(replace(body, approvers=world.keys_of("two")), Reason.NOT_APPROVED)
    world.refuse(replace(body, approvers=world.keys_of("one", "two")[::-1]), Reason.NOT_SORTED)
