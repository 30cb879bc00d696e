"""Field sighting: a tester that the network trusts stood somewhere and received a hotspot.

It makes the hotspot's coverage earn for a while (`audits`). The tester's word is what counts: the network's
keys named it and can take that back. Two things are checked all the same, so that a tester's slip, or its
key in other hands, can't put coverage where none is possible: the tester stood within
`sighting_maximum_distance_m` of the hotspot's asserted cell, and its RSSI is one that a receiver there can
have, neither above free space (the same bound as for witnesses, chain/coverage/checks/signal.py) nor below
what can be demodulated at all. A tester doesn't vouch for its own hotspots.
"""

from __future__ import annotations

from chain.coverage.checks.distance import compute_smallest_distance_m
from chain.coverage.parameters import CoverageParameters
from chain.coverage.region import get_beacon_radio
from chain.ledger.audits import FIELD_TESTER, is_live_auditor, mark_met
from chain.ledger.context import BlockContext
from chain.ledger.events import Event
from chain.ledger.hotspot_checks import get_hotspot_in_service
from chain.ledger.process_location_assert import check_location
from chain.ledger.state import State
from chain.transactions.reasons import InvalidTransaction, Reason
from chain.transactions.types import FieldSighting
from hardware.lora.modulation import compute_sensitivity_cdbm
from hardware.lora.propagation import compute_free_space_rssi_cdbm

CDB_PER_DB = 100
CDB_PER_DDB = 10
#: Hears the weakest signals of all.
SLOWEST_SPREADING_FACTOR = 12


def process_field_sighting(state: State, body: FieldSighting, context: BlockContext) -> list[Event]:
    """Write that the tester met the hotspot. Raises InvalidTransaction."""
    if not is_live_auditor(state, body.tester, FIELD_TESTER, context.epoch):
        raise InvalidTransaction(
            Reason.NOT_AUDITOR, "this key is no field tester now: the network's keys name one by AuditorSet"
        )
    hotspot = get_hotspot_in_service(state, body.hotspot)
    if body.tester in (body.hotspot, hotspot.owner):
        raise InvalidTransaction(
            Reason.NOT_AUDITOR, "a tester can't vouch for a hotspot of its own: have another one test it"
        )
    check_location(body.location)
    if not hotspot.location:
        raise InvalidTransaction(
            Reason.INVALID_LOCATION, "the hotspot has no place yet: its owner asserts one first"
        )
    distance_m = compute_smallest_distance_m(body.location, hotspot.location)
    maximum_m = context.parameters.sighting_maximum_distance_m
    if distance_m > maximum_m:
        raise InvalidTransaction(
            Reason.SIGHTING_TOO_FAR,
            f"the tester stood {distance_m} m from the hotspot's asserted place: at most {maximum_m} m",
        )
    _check_signal(body, hotspot.location, distance_m, context.parameters.coverage)
    mark_met(state, body.hotspot, body.tester, context.epoch)
    return [
        Event(
            "hotspot_sighted",
            {
                "hotspot": body.hotspot,
                "tester": body.tester,
                "location": body.location,
                "rssi_dbm": body.rssi_dbm,
                "distance_m": distance_m,
                "epoch": context.epoch,
                "evidence": body.evidence,
            },
        )
    ]


def _check_signal(
    body: FieldSighting, location: int, distance_m: int, parameters: CoverageParameters
) -> None:
    """Raises InvalidTransaction (invalid_location, sighting_impossible)."""
    radio = get_beacon_radio(location, parameters)
    if radio is None:
        raise InvalidTransaction(
            Reason.INVALID_LOCATION, "the hotspot's place is in no region of this network"
        )
    strongest_cdbm = compute_free_space_rssi_cdbm(
        radio.max_eirp_ddbm * CDB_PER_DDB,
        0,
        parameters.witness_gain_ddbi * CDB_PER_DDB,
        distance_m,
        radio.frequency_hz,
    )
    strongest_cdbm += parameters.signal_tolerance_ddb * CDB_PER_DDB
    if body.rssi_dbm * CDB_PER_DB > strongest_cdbm:
        raise InvalidTransaction(
            Reason.SIGHTING_IMPOSSIBLE,
            f"{body.rssi_dbm} dBm over {distance_m} m: free space allows {strongest_cdbm // CDB_PER_DB} dBm",
        )
    weakest_cdbm = compute_sensitivity_cdbm(SLOWEST_SPREADING_FACTOR, radio.bandwidth_hz)
    weakest_cdbm -= parameters.sensitivity_tolerance_ddb * CDB_PER_DDB
    if body.rssi_dbm * CDB_PER_DB < weakest_cdbm:
        raise InvalidTransaction(
            Reason.SIGHTING_IMPOSSIBLE,
            f"{body.rssi_dbm} dBm: no receiver hears less than {-(-weakest_cdbm // CDB_PER_DB)} dBm",
        )
