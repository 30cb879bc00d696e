"""`hexhaul wallet auditor ...` against a real node: named, seen, and what is refused."""

from collections.abc import Iterator

import pytest

from tests.unit.chain.process import NodeProcess, init
from tests.unit.chain.test_wallet_network import Desk

PLACE, NEAR = "52.5,13.4", "52.47,13.4"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """The network's deciding key has tokens; a hotspot is placed; a tester has a key."""
    folder = tmp_path_factory.mktemp("audit")
    init(folder / "node", "--audit-epochs", "3")
    with NodeProcess(folder / "node") as process:
        desk = Desk(folder, process.url)
        (folder / "pass").touch()
        for name in ("wallet.key", "hotspot.key", "tester.key"):
            desk.make_key(name)
        for name in ("wallet.key", "tester.key", "node/governance.key"):
            desk.fund(desk.get_owner(name))
        desk.works("hotspot", "add", "--hotspot-key", "hotspot.key", "--commit")
        yield desk


def name(desk: Desk, key: str, *more: str) -> tuple[str, ...]:
    words = ("auditor", "name", desk.get_owner(key), "--until-epoch", "99")
    return (*words, "--key", "node/governance.key", *more)


def sight(desk: Desk, *more: str) -> tuple[str, ...]:
    words = ("auditor", "sighting", desk.get_owner("hotspot.key"), "--at", NEAR, "--rssi-dbm", "-100")
    return (*words, "--key", "tester.key", *more)


def test_a_dry_run_says_what_it_would_do(desk: Desk) -> None:
    assert "epoch 99" in desk.works(*name(desk, "hotspot.key"))


def test_a_tester_is_named_and_sees_a_hotspot(desk: Desk) -> None:
    desk.fails(*sight(desk), says="no field tester", code="not_auditor")
    desk.works(*name(desk, "tester.key", "--tester", "--commit"))
    desk.fails(*sight(desk), says="no place yet", code="invalid_location")
    desk.works(
        "hotspot", "assert", desk.get_owner("hotspot.key"), "--at", PLACE, "--gain", "2",
        "--elevation-m", "10", "--commit",
    )  # fmt: skip
    assert "at -100 dBm" in desk.works(*sight(desk))
    desk.works(*sight(desk, "--commit"))


def test_a_hotspot_is_named_audited(desk: Desk) -> None:
    desk.fails(*name(desk, "wallet.key"), says="hasn't joined", code="unknown_hotspot")
    desk.works(*name(desk, "hotspot.key", "--commit"))


def test_nobody_else_names(desk: Desk) -> None:
    words = ("auditor", "name", desk.get_owner("hotspot.key"), "--until-epoch", "99")
    desk.fails(*words, "--key", "wallet.key", says="", code="not_approved")
