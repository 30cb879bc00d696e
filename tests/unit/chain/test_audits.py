from msgspec.structs import replace

from chain.coverage.process import process_report, process_round_close
from chain.ledger.audits import is_audited, is_live_auditor, mark_met, mark_met_by_edge
from chain.ledger.tables import AUDITORS, MET, Auditor, Met
from tests.unit.chain.world import PARAMETERS, World
from tests.unit.coverage.town import Town, change_coverage, receive


def test_an_auditor_lives_until_its_epoch() -> None:
    world = World()
    world.state.put(AUDITORS, world["hotspot"], Auditor(kind=0, until_epoch=5))
    assert is_live_auditor(world.state, world["hotspot"], 0, 4)
    assert not is_live_auditor(world.state, world["hotspot"], 0, 5)
    assert not is_live_auditor(world.state, world["hotspot"], 1, 4)
    assert not is_live_auditor(world.state, world["other"], 0, 4)


def test_who_is_audited() -> None:
    world = World()
    parameters = replace(PARAMETERS, audit_period_epochs=3)
    assert not is_audited(world.state, world["hotspot"], 0, parameters)
    mark_met(world.state, world["hotspot"], world["auditor"], 10)
    assert is_audited(world.state, world["hotspot"], 10, parameters)
    assert is_audited(world.state, world["hotspot"], 13, parameters)
    assert not is_audited(world.state, world["hotspot"], 14, parameters)
    assert not is_audited(world.state, world["auditor"], 10, parameters), "that it met somebody is no audit"


def test_an_audited_hotspot_needs_no_meeting() -> None:
    world = World()
    world.state.put(AUDITORS, world["hotspot"], Auditor(kind=0, until_epoch=5))
    assert is_audited(world.state, world["hotspot"], 4, PARAMETERS)
    assert not is_audited(world.state, world["hotspot"], 5, PARAMETERS)


def test_a_testers_key_is_no_audited_hotspot() -> None:
    world = World()
    world.state.put(AUDITORS, world["hotspot"], Auditor(kind=1, until_epoch=5))
    assert not is_audited(world.state, world["hotspot"], 4, PARAMETERS)


def test_a_network_without_audits() -> None:
    world = World()
    assert is_audited(world.state, world["hotspot"], 99, replace(PARAMETERS, audit_period_epochs=0))


def test_meetings_only_go_forward() -> None:
    world = World()
    assert mark_met(world.state, world["hotspot"], world["a"], 5)
    assert not mark_met(world.state, world["hotspot"], world["b"], 5)
    assert not mark_met(world.state, world["hotspot"], world["b"], 4)
    assert world.state.get(MET, world["hotspot"]) == Met(5, world["a"])
    assert mark_met(world.state, world["hotspot"], world["b"], 6)


def test_an_edge_meets_from_the_audited_side_only() -> None:
    world = World()
    audited, other, third = world["audited"], world["other"], world["third"]
    world.state.put(AUDITORS, audited, Auditor(kind=0, until_epoch=5))
    assert mark_met_by_edge(world.state, audited, other, 2) == [other]
    assert mark_met_by_edge(world.state, other, audited, 2) == []
    assert world.state.get(MET, audited) is None
    # Trust is not passed on: the one that was met meets nobody.
    assert mark_met_by_edge(world.state, other, third, 2) == []
    assert not is_audited(world.state, third, 2, PARAMETERS)
    assert mark_met_by_edge(world.state, third, audited, 5) == [], "its time as an auditor is up"


def test_two_audited_hotspots_meet_each_other() -> None:
    world = World()
    for name in ("a", "b"):
        world.state.put(AUDITORS, world[name], Auditor(kind=0, until_epoch=5))
    assert sorted(mark_met_by_edge(world.state, world["a"], world["b"], 2)) == sorted(
        [world["a"], world["b"]]
    )


def run_round(town: Town, round: int = 0, claimed: bool = True) -> None:
    """The first two hotspots hear each other and the third hears the second."""
    context = town.open(round)
    first, second, third = town.keys
    for beaconer, witness in ((first, second), (second, first), (second, third)):
        at_ms = town.get_arrival_ms(beaconer)
        report = town.build_witness(witness, beaconer)
        if claimed:
            assert town.take(context, report, witness, at_ms + 50) == []
        else:
            assert process_report(town.state, context, receive(report, witness, at_ms + 50)) == []
    for beaconer in (first, second):
        at_ms = town.get_arrival_ms(beaconer)
        assert town.take(context, town.build_beacon(beaconer), beaconer, at_ms) == []
    process_round_close(town.state, context)


def get_met(town: Town) -> dict[int, bytes]:
    rows = ((at, town.state.get(MET, key.public_key.binary)) for at, key in enumerate(town.keys))
    return {at: row.by for at, row in rows if row is not None}


def test_coverage_meets_one_step_from_the_audited_hotspot() -> None:
    town = Town()
    first = town.keys[0].public_key.binary
    town.state.put(AUDITORS, first, Auditor(kind=0, until_epoch=5))
    run_round(town)
    assert get_met(town) == {1: first}


def test_coverage_without_an_audited_hotspot_meets_nobody() -> None:
    town = Town()
    run_round(town)
    town.state.put(AUDITORS, town.keys[0].public_key.binary, Auditor(kind=1, until_epoch=5))
    run_round(town, round=1)
    assert get_met(town) == {}


def test_beaconer_and_witness_both_meet() -> None:
    town = Town()
    second = town.keys[1].public_key.binary
    town.state.put(AUDITORS, second, Auditor(kind=0, until_epoch=5))
    run_round(town)
    assert get_met(town) == {0: second, 2: second}


def test_a_report_that_can_be_copied_shows_no_meeting() -> None:
    parameters = change_coverage(accept_unclaimed_reports=True)
    town = Town(parameters=parameters)
    town.state.put(AUDITORS, town.keys[1].public_key.binary, Auditor(kind=0, until_epoch=5))
    run_round(town, claimed=False)
    assert get_met(town) == {}
