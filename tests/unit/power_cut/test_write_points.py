"""Every write point of the source is one at which a test kills the process."""

import ast
from pathlib import Path

import pytest

from tests.power_cut.write_points import UnreadableName, find_in
from tests.power_cut.write_points import find_write_points as find_all
from tests.unit.chain import test_crash as chain
from tests.unit.chain import test_two_stores as two_stores
from tests.unit.hotspot_host import test_write_points as hotspot
from tests.unit.index import test_processes as index
from tests.unit.joining import test_joining as joining
from tests.unit.router import test_write_points as router
from tests.unit.virtual import test_nonvolatile as board


def test_every_write_point_has_its_crash_test() -> None:
    """A point in a folder that has no such test, or in none of the lists, fails here; one that a story of the
    router or the hotspot doesn't come by fails there.
    """
    tested = [
        *chain.WRITE_POINTS,
        *two_stores.WRITE_POINTS,
        *joining.WRITE_POINTS,
        *hotspot.POINTS,
        *index.WRITE_POINTS,
        *router.POINTS,
        *board.WRITE_POINTS,
    ]
    assert find_all() == {point.partition(":")[0] for point in tested}


def test_points_of_each_process_are_found() -> None:
    """The scan itself: it would be easy to find nothing and be content."""
    found = find_all()
    assert {
        "chain.pending.in_commit",
        "hotspot.receipt.after_commit",
        "hotspot.fact.beaconed_round.before_commit",
        "router.uplink.before_commit",
        "virtual_board.nvs.before_rename",
    } <= found
    assert len(found) > 80


@pytest.mark.parametrize(
    ("source", "points"),
    [
        ("write_point('a')", {"a"}),
        ("with store.database.transaction('x') as tx: pass", {"x.before_commit", "x.after_commit"}),
        ("tx = stack.enter_context(database.transaction('x'))", {"x.before_commit", "x.after_commit"}),
        (
            "F = 'n'\ndatabase.put_fact(F, b'')",
            {"hotspot.fact.n.before_commit", "hotspot.fact.n.after_commit"},
        ),
        ("await chain.transaction(transaction_id)", set()),
    ],
)
def test_names_are_read_off_the_source(source: str, points: set[str]) -> None:
    assert set(find_in(ast.parse(source), Path("x.py"))) == points


@pytest.mark.parametrize(
    "source", ["write_point(name)", "write_point(f'{a}')", "with database.transaction(name): pass"]
)
def test_a_name_that_cannot_be_read_is_refused(source: str) -> None:
    with pytest.raises(UnreadableName):
        set(find_in(ast.parse(source), Path("x.py")))
