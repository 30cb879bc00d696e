"""Faults: whoever reports itself loses; any bytes are refused; the predicates by themselves."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from chain.coverage.reports import (
    decode_report,
    parse_beacon_report,
    parse_witness_report,
)
from chain.faults.beacon_equivocation import is_beacon_equivocation
from chain.faults.claim_equivocation import is_claim_equivocation
from chain.transactions import (
    HotspotRekey,
    HotspotRetire,
    HotspotTransfer,
    Reason,
)
from tests.unit.chain.court import BOND, ESCROW, FRIEND, REPORTER, Court
from tests.unit.chain.world import make_key

TAKEN = BOND + sum(ESCROW)
NEWER = make_key(73)


@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_a_set_of_keys_never_gains_by_reporting_itself(data: st.DataObject) -> None:
    """All money of owner, hotspots, reporters and friends together, held or locked: each report costs the set
    at least what isn't the reporter's share, however they sell, replace keys, leave and report."""
    court = Court()
    share_ppm = data.draw(st.sampled_from([0, 1, 250_000, 999_999]))
    parameters = replace(court.context.parameters, reporter_share_ppm=share_ppm)
    court.context = replace(court.context, parameters=parameters)
    culprits = list(court.town.keys)
    evidence = {}
    for at, key in enumerate(culprits):
        pair = sorted((court.beacon(key), court.beacon(key, local_entropy=b"2" * 16)))
        evidence[at] = replace(court.two_beacons(), one=pair[0], other=pair[1])
    now = dict(enumerate(culprits))
    owners = dict.fromkeys(now, court.owner)
    people = [court.owner, REPORTER, FRIEND]
    burnt = court.burnt()
    spent = 0
    for step in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, 2))
        who: dict[str, Any] = {
            "owner": owners[at].public_key.binary,
            "hotspot": now[at].public_key.binary,
        }
        action = data.draw(st.sampled_from(["report", "report", "sell", "rekey", "retire"]))
        payer = data.draw(st.sampled_from(people))
        try:
            if action == "report":
                fields, fee = court.report(evidence[at], payer)
                lost = fields["burnt_hxt"]
                assert lost >= TAKEN - TAKEN * share_ppm // 1_000_000 > 0
                spent += fee + lost
                continue
            head = court.head(payer)
            if action == "sell":
                buyer = data.draw(st.sampled_from(people))
                events = court.apply(HotspotTransfer(**head, **who, new_owner=buyer.public_key.binary))
                owners[at] = buyer
            elif action == "rekey":
                newer = make_key(200 + step)
                events = court.apply(HotspotRekey(**head, **who, new_hotspot=newer.public_key.binary))
                now[at] = newer
            else:
                events = court.apply(HotspotRetire(**head, **who))
            spent += events[0].fields["hxt"]
        except Exception as error:
            assert any(code in str(error) for code in ("fault", "retired", "unchanged", "nothing")), error
    assert court.burnt() == burnt + spent, "what the set has lost is gone for good"
    court.check_books()


@given(st.binary(max_size=300), st.binary(max_size=300))
@settings(max_examples=60, deadline=None)
def test_any_bytes_are_refused_in_a_sentence(one: bytes, other: bytes) -> None:
    court = Court()
    for evidence in (
        replace(court.two_beacons(), one=one, other=other),
        replace(court.two_claims(), one=one, other=other),
    ):
        assert court.refuse(evidence, Reason.MALFORMED_EVIDENCE)


def test_the_predicates_by_themselves() -> None:
    court = Court()
    beacon = parse_beacon_report(decode_report(court.beacon()).report)
    assert not is_beacon_equivocation(beacon, beacon)
    assert is_beacon_equivocation(beacon, replace(beacon, local_entropy=b"2" * 16))
    assert not is_beacon_equivocation(beacon, replace(beacon, local_entropy=b"2" * 15))
    assert not is_beacon_equivocation(beacon, replace(beacon, local_entropy=b"2" * 16, hotspot=b"h" * 33))
    elsewhere = replace(beacon, local_entropy=b"2" * 16, public_entropy=b"e" * 32)
    assert not is_beacon_equivocation(beacon, elsewhere)
    witness = parse_witness_report(decode_report(court.witness(b"1" * 16)[0]).report)
    assert not is_claim_equivocation(witness, replace(witness, timestamp_ns=1))
    assert is_claim_equivocation(witness, replace(witness, snr_ddb=1))
    assert not is_claim_equivocation(witness, replace(witness, snr_ddb=1, hotspot=b"h" * 33))
    assert not is_claim_equivocation(witness, replace(witness, snr_ddb=1, data=b"d" * 51))
