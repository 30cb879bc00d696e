"""What a proven fault of a hotspot costs, whom, and until when."""

from typing import Any

import pytest
from msgspec.structs import replace

from chain.coverage.reports import (
    encode_report,
)
from chain.ledger.balances import burn_locked_hxt, credit_minted
from chain.ledger.bonds import BONDS, release_free_bonds, take_bond
from chain.ledger.escrow import get_hotspot_escrow, release_escrow
from chain.ledger.faults import FAULTS
from chain.ledger.tables import HOTSPOTS
from chain.transactions import (
    HotspotAdd,
    HotspotRekey,
    HotspotRetire,
    HotspotTransfer,
    LocationAssert,
    Reason,
)
from tests.unit.chain.court import BOND, ESCROW, FRIEND, OWNED, REPORTER, Court
from tests.unit.chain.world import make_key
from tests.unit.coverage.town import sign

TAKEN = BOND + sum(ESCROW)
NEWER = make_key(73)


@pytest.fixture
def court() -> Court:
    return Court()


@pytest.fixture(params=["two_beacons", "two_claims"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def make(court: Court, kind: str) -> Any:
    return getattr(court, kind)()


# What it costs


def test_bond_and_escrow_are_taken_shared_and_burnt(court: Court, kind: str) -> None:
    culprit = court.culprit.public_key.binary
    burnt = court.burnt()
    fields, fee = court.report(make(court, kind))
    reward = TAKEN * 250_000 // 1_000_000
    assert fields == {
        "hotspot": culprit,
        "owner": court.owner.public_key.binary,
        "fault": {"two_beacons": "beacon_equivocation", "two_claims": "claim_equivocation"}[kind],
        "reporter": REPORTER.public_key.binary,
        "bond_hxt": BOND,
        "escrow_hxt": sum(ESCROW),
        "reward_hxt": reward,
        "burnt_hxt": TAKEN - reward,
    }
    assert TAKEN % 4, "or rounding isn't seen"
    assert court.hxt(REPORTER) == OWNED - fee + reward
    assert court.burnt() == burnt + fee + TAKEN - reward
    assert court.state.get(BONDS, culprit) is None
    assert get_hotspot_escrow(court.state, culprit) == []
    row = court.state.get(HOTSPOTS, culprit)
    assert row is not None
    assert row.status == 2
    ((_, fault),) = court.state.iterate(FAULTS)
    assert (fault.hxt_taken, fault.reporter) == (TAKEN, REPORTER.public_key.binary)
    court.check_books()


def test_others_lose_nothing(court: Court, kind: str) -> None:
    other = court.town.keys[1].public_key.binary
    court.report(make(court, kind))
    assert court.state.get(BONDS, other) is not None
    assert get_hotspot_escrow(court.state, other) == list(enumerate(ESCROW))


def test_once_only_whoever_proves_it_and_however(court: Court, kind: str) -> None:
    court.report(make(court, kind))
    court.refuse(make(court, kind), Reason.FAULT_KNOWN)
    court.refuse(make(court, kind), Reason.FAULT_KNOWN, FRIEND)
    third = {
        "two_beacons": lambda: court.two_beacons(tx_power=3, local_entropy=b"3" * 16),
        "two_claims": lambda: court.two_claims(signal=-1200),
    }[kind]
    court.refuse(third(), Reason.FAULT_KNOWN)


def test_the_other_fault_of_one_that_has_ended_takes_nothing_more(court: Court) -> None:
    court.report(court.two_beacons())
    court.refuse(court.two_claims(), Reason.NOTHING_TO_TAKE)


def test_a_data_only_hotspot_in_service_is_ended_though_nothing_is_locked(court: Court) -> None:
    burn_locked_hxt(court.state, take_bond(court.state, court.culprit.public_key.binary))
    release_escrow(court.state, 99, court.context.parameters)
    fields, _ = court.report(court.two_beacons())
    assert (fields["bond_hxt"], fields["escrow_hxt"], fields["reward_hxt"]) == (0, 0, 0)
    row = court.state.get(HOTSPOTS, court.culprit.public_key.binary)
    assert row is not None
    assert row.status == 2


def test_an_ended_hotspot_does_nothing_any_more(court: Court) -> None:
    court.report(court.two_beacons())
    owner, hotspot = court.owner.public_key.binary, court.culprit.public_key.binary
    who: dict[str, Any] = {"owner": owner, "hotspot": hotspot}
    for more in (
        lambda head: HotspotAdd(**head, **who),
        lambda head: HotspotRetire(**head, **who),
        lambda head: HotspotTransfer(**head, **who, new_owner=FRIEND.public_key.binary),
        lambda head: HotspotRekey(**head, **who, new_hotspot=NEWER.public_key.binary),
        lambda head: LocationAssert(**head, **who, location=1, gain_ddbi=20, elevation_m=0),
    ):
        with pytest.raises(Exception, match="hotspot_faulted"):
            court.apply(more(court.head(court.owner)))


# Who reports


def test_the_culprit_cannot_report_itself(court: Court, kind: str) -> None:
    credit_minted(court.state, court.culprit.public_key.binary, OWNED)
    court.refuse(make(court, kind), Reason.REPORTER_IS_SUBJECT, court.culprit)


def test_its_owner_gets_nothing_for_reporting_it(court: Court, kind: str) -> None:
    before = court.hxt(court.owner)
    fields, fee = court.report(make(court, kind), court.owner)
    assert fields["reward_hxt"] == 0
    assert fields["burnt_hxt"] == TAKEN
    assert court.hxt(court.owner) == before - fee


def test_nor_does_who_paid_the_bond(court: Court) -> None:
    rows = HotspotTransfer(
        **court.head(court.owner),
        owner=court.owner.public_key.binary,
        hotspot=court.culprit.public_key.binary,
        new_owner=FRIEND.public_key.binary,
    )
    court.apply(rows)
    fields, _ = court.report(court.two_beacons(), court.owner)
    assert fields["reward_hxt"] == 0


# It follows the hotspot


def test_a_new_owner_bears_it(court: Court) -> None:
    evidence = court.two_beacons()
    body = HotspotTransfer(
        **court.head(court.owner),
        owner=court.owner.public_key.binary,
        hotspot=court.culprit.public_key.binary,
        new_owner=FRIEND.public_key.binary,
    )
    court.apply(body)
    fields, _ = court.report(evidence)
    assert fields["owner"] == FRIEND.public_key.binary
    assert fields["bond_hxt"] + fields["escrow_hxt"] == TAKEN


def test_a_new_key_bears_it(court: Court, kind: str) -> None:
    evidence = make(court, kind)
    body = HotspotRekey(
        **court.head(court.owner),
        owner=court.owner.public_key.binary,
        hotspot=court.culprit.public_key.binary,
        new_hotspot=NEWER.public_key.binary,
    )
    court.apply(body)
    for reporter in (court.culprit, NEWER):
        credit_minted(court.state, reporter.public_key.binary, OWNED)
        court.refuse(evidence, Reason.REPORTER_IS_SUBJECT, reporter)
    fields, _ = court.report(evidence)
    assert fields["hotspot"] == NEWER.public_key.binary
    assert fields["bond_hxt"] + fields["escrow_hxt"] == TAKEN
    row = court.state.get(HOTSPOTS, NEWER.public_key.binary)
    assert row is not None
    assert row.status == 2
    court.check_books()


def retire(court: Court) -> None:
    body = HotspotRetire(
        **court.head(court.owner),
        owner=court.owner.public_key.binary,
        hotspot=court.culprit.public_key.binary,
    )
    court.apply(body)


def test_one_that_left_bears_it_until_its_bond_is_free(court: Court, kind: str) -> None:
    evidence = make(court, kind)
    retire(court)
    fields, _ = court.report(evidence)
    assert fields["bond_hxt"] + fields["escrow_hxt"] == TAKEN
    assert release_free_bonds(court.state, 10**6) == []
    court.check_books()


def test_one_that_left_with_all_it_had(court: Court) -> None:
    evidence = court.two_beacons()
    retire(court)
    release_free_bonds(court.state, 10**6)
    release_escrow(court.state, 10**6, court.context.parameters)
    court.refuse(evidence, Reason.NOTHING_TO_TAKE)


def test_a_key_of_nobody(court: Court) -> None:
    stranger = make_key(74)
    pub_key = stranger.public_key.binary
    one, other = sorted(
        encode_report(sign(court.town.build_beacon(court.culprit, pub_key=pub_key, **changes), stranger))
        for changes in ({}, {"local_entropy": b"2" * 16})
    )
    court.refuse(replace(court.two_beacons(), one=one, other=other), Reason.UNKNOWN_HOTSPOT)


# In time


@pytest.mark.parametrize("kind", ["two_beacons", "two_claims"])
def test_the_last_epoch_in_which_it_is_taken(kind: str) -> None:
    court = Court()
    evidence = make(court, kind)
    court.go_to_epoch(1 + court.context.parameters.evidence_epochs)
    court.report(evidence)
    court = Court()
    court.go_to_epoch(2 + court.context.parameters.evidence_epochs)
    court.refuse(evidence, Reason.EVIDENCE_TOO_OLD)


def test_of_another_chain(court: Court) -> None:
    other = b"\x09" * 32
    court.refuse(
        court.beacons(
            court.beacon(remote_entropy=other),
            court.beacon(remote_entropy=other, local_entropy=b"2" * 16),
        ),
        Reason.EVIDENCE_TOO_OLD,
    )
    court.refuse(replace(court.two_claims(), public_entropy=other), Reason.EVIDENCE_TOO_OLD)
