"""What a fault and a change of a hotspot are called in the news."""

import pytest

from chain.keys import PublicKey
from chain.ledger.events import Event
from chain.node.event_texts import describe_event
from tests.unit.chain.court import REPORTER, Court
from tests.unit.chain.world import make_key

HOTSPOT = make_key(5).public_key
NAME = HOTSPOT.name


def test_a_slashing_is_told_with_its_sums() -> None:
    court = Court()
    for evidence, what in (
        (court.two_beacons(), "told two secrets in one round"),
        (court.two_claims(), "claimed two measurements of one beacon"),
    ):
        court = Court()
        event = court.apply(court.body(evidence))[-1]
        culprit, reporter = court.culprit.public_key.name, REPORTER.public_key.name
        assert describe_event(event) == (
            f"hotspot {culprit} {what} and lost 0.02 HXT: 0.015 HXT burnt, 0.005 HXT to {reporter}"
        )


@pytest.mark.parametrize(
    ("kind", "more", "sentence"),
    [
        ("hotspot_transferred", {"new_owner": HOTSPOT.binary}, f"hotspot {NAME} has a new owner, {NAME}"),
        (
            "hotspot_rekeyed",
            {"new_hotspot": HOTSPOT.binary},
            f"hotspot {NAME} has a new key and is {NAME} now",
        ),
        ("hotspot_retired", {}, f"hotspot {NAME} has left"),
        ("hotspot_sighted", {"rssi_dbm": -99}, f"a field tester received hotspot {NAME} at -99 dBm"),
    ],
)
def test_changes(kind: str, more: dict[str, object], sentence: str) -> None:
    assert PublicKey.from_binary(HOTSPOT.binary).name == NAME
    assert describe_event(Event(kind, {"hotspot": HOTSPOT.binary, **more})) == sentence
