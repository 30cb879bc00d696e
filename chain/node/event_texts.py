"""What the node says on its event lines: a sentence for each event of a block that a person would want to
see.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chain.keys.public_key import PUBLIC_KEY_BYTES, PublicKey
from chain.ledger.amounts import HXT_UNITS, PRICE_SCALE
from chain.ledger.events import Event

Fields = dict[str, Any]


def name_of(key: bytes) -> str:
    """Animal name of a key; "somebody" where a report didn't say who."""
    return PublicKey(key).name if len(key) == PUBLIC_KEY_BYTES else "somebody"


def format_hxt(units: int) -> str:
    """Amount for a sentence, at most four decimals: 12.5 HXT; what they would make nothing of, exactly."""
    whole, fraction = divmod(units, HXT_UNITS)
    decimals = f"{fraction:08d}"[:4].rstrip("0")
    if units and not whole and not decimals:
        return format_hxt_exactly(units)
    return f"{whole}.{decimals} HXT" if decimals else f"{whole} HXT"


def format_hxt_exactly(units: int) -> str:
    """Amount to the last unit, for the books: 4.56621875 HXT, 0.00004 HXT."""
    whole, fraction = divmod(units, HXT_UNITS)
    decimals = f"{fraction:08d}".rstrip("0")
    return f"{whole}.{decimals} HXT" if decimals else f"{whole} HXT"


def format_usd(price: int) -> str:
    """A price in USD x 10^8 as a number: 1, 0.35."""
    whole, fraction = divmod(price, PRICE_SCALE)
    decimals = f"{fraction:08d}".rstrip("0")
    return f"{whole}.{decimals}" if decimals else str(whole)


def _describe_payment(f: Fields) -> str:
    giver = "faucet" if f["memo"] == b"faucet" else name_of(f["payer"])
    return f"{giver} paid {format_hxt(f['hxt'])} to {name_of(f['payee'])}"


def _describe_claim(f: Fields) -> str:
    return (
        f"hotspot {name_of(f['hotspot'])} claimed {f['data_credits']} data credits for {f['packets']} packets"
    )


def _describe_beacon(f: Fields) -> str:
    if not f["ok"]:
        return f"beacon of {name_of(f['hotspot'])} rejected: {f['reason']}"
    heard = f["witnesses"]
    return f"beacon of {name_of(f['hotspot'])} witnessed by {heard} hotspot{'' if heard == 1 else 's'}"


def _describe_witness(f: Fields) -> str | None:
    if f["ok"]:
        return None
    return f"witness {name_of(f['hotspot'])} of {name_of(f['beaconer'])} rejected: {f['reason']}"


def _describe_claim_refusal(f: Fields) -> str:
    return f"claim of {name_of(f['hotspot'])} rejected: {f['reason']}"


def _describe_unopened(f: Fields) -> str:
    return f"hotspot {name_of(f['hotspot'])} claimed a report and never told it"


def _describe_epoch(f: Fields) -> str:
    earners = f["hotspots"]
    earned = f"{earners} hotspot{'' if earners == 1 else 's'} earned {format_hxt(f['paid'])} in all"
    released = f", {format_hxt(f['released'])} of earlier epochs paid out" if f["released"] else ""
    return f"epoch {f['epoch']} closed: {earned}{released}"


def _describe_request(f: Fields) -> str:
    epochs = f["until_epoch"] - f["from_epoch"]
    return (
        f"{name_of(f['requester'])} asks for coverage of {f['hex']:x}: {f['data_credits']} data credits over "
        f"{epochs} epoch{'' if epochs == 1 else 's'}"
    )


def _describe_request_end(f: Fields) -> str:
    returned = f["returned_data_credits"]
    rest = f"{returned} data credits nobody earned return" if returned else "all of it was earned"
    return f"the request for coverage of {f['hex']:x} has ended: {rest}"


def _describe_changed_parameters(f: Fields) -> str:
    pairs = zip(f["names"], f["values"], strict=True)
    return "parameters changed: " + ", ".join(f"{name} is {value}" for name, value in pairs)


_FAULTS = {
    "beacon_equivocation": "told two secrets in one round",
    "claim_equivocation": "claimed two measurements of one beacon",
    "header_equivocation": "signed two blocks of one height",
}


def _describe_slash(who: str, f: Fields) -> str:
    taken = f["reward_hxt"] + f["burnt_hxt"]
    return (
        f"{who} {_FAULTS[f['fault']]} and lost {format_hxt(taken)}: {format_hxt(f['burnt_hxt'])} burnt, "
        f"{format_hxt(f['reward_hxt'])} to {name_of(f['reporter'])}"
    )


_WHY_CLOSING = {
    "router": "it closes a channel",
    "expired": "a channel has come of age and closes",
    "disputed": "a channel closes after a proven fraud",
}

_DESCRIPTIONS: dict[str, Callable[[Fields], str | None]] = {
    "payment": _describe_payment,
    "burn": lambda f: (
        f"{name_of(f['payer'])} burnt {format_hxt(f['hxt'])} for {f['data_credits']} data credits"
    ),
    "hotspot_added": lambda f: f"hotspot {name_of(f['hotspot'])} joined",
    "hotspot_transferred": lambda f: (
        f"hotspot {name_of(f['hotspot'])} has a new owner, {name_of(f['new_owner'])}"
    ),
    "hotspot_rekeyed": lambda f: (
        f"hotspot {name_of(f['hotspot'])} has a new key and is {name_of(f['new_hotspot'])} now"
    ),
    "hotspot_retired": lambda f: f"hotspot {name_of(f['hotspot'])} has left",
    "hotspot_sighted": lambda f: (
        f"a field tester received hotspot {name_of(f['hotspot'])} at {f['rssi_dbm']} dBm"
    ),
    "hotspot_slashed": lambda f: _describe_slash(f"hotspot {name_of(f['hotspot'])}", f),
    "validator_slashed": lambda f: _describe_slash(f"validator {name_of(f['validator'])}", f),
    "location_asserted": lambda f: f"hotspot {name_of(f['hotspot'])} placed at {f['location']:x}",
    "router_registered": lambda f: f"router {name_of(f['router'])} registered at {f['grpc']}",
    "router_updated": lambda f: f"router {name_of(f['router'])} is now at {f['grpc']}",
    "channel_opened": lambda f: (
        f"router {name_of(f['router'])} locked {f['data_credits']} data credits for hotspots"
    ),
    "router_transferred": lambda f: (
        f"router {name_of(f['router'])} has a new owner, {name_of(f['new_router'])}"
    ),
    "router_retired": lambda f: f"router {name_of(f['router'])} has left",
    "channel_claimed": _describe_claim,
    "channel_closing": lambda f: f"router {name_of(f['router'])}: {_WHY_CLOSING[f['why']]}",
    "channel_settled": lambda f: (
        f"router {name_of(f['router'])}: a channel is settled, {f['claimed_data_credits']} data credits were "
        f"paid, {f['returned_data_credits']} return"
    ),
    "channel_disputed": lambda f: (
        f"router {name_of(f['router'])} signed two vouchers of one sequence and lost its bond of "
        f"{format_hxt(f['taken_hxt'])}"
    ),
    "round_opened": lambda f: f"round {f['round']} opened, {f.get('challenges', 0)} beacons ordered",
    "beacon_verdict": _describe_beacon,
    "witness_verdict": _describe_witness,
    "claim_verdict": _describe_claim_refusal,
    "claim_unopened": _describe_unopened,
    "epoch_closed": _describe_epoch,
    "escrow_burnt": lambda f: (
        f"{format_hxt(f['hxt'])} that {name_of(f['hotspot'])} had earned are burnt: a fault has ended it"
    ),
    "coverage_requested": _describe_request,
    "coverage_request_burnt": lambda f: (
        f"{f['data_credits']} data credits burnt for coverage of {f['hex']:x}, {f['left']} are left"
    ),
    "coverage_request_ended": _describe_request_end,
    "price_changed": lambda f: f"one HXT costs {format_usd(f['hxt_price'])} USD",
    "parameters_changed": _describe_changed_parameters,
    "rules_upgraded": lambda f: f"version {f['protocol_version']} of the rules is in force",
    "decision_dropped": lambda f: f"a decision of block {f['decided_height']} is dropped: {f['why']}",
    "governance_changed": lambda f: f"decisions need {f['threshold']} of {len(f['keys'])} keys now",
    "producer_rotated": lambda f: f"{name_of(f['producer'])} makes the blocks now",
    "validator_staked": lambda f: f"{format_hxt(f['hxt'])} staked behind {name_of(f['validator'])}",
    "stake_released": lambda f: f"stake of {format_hxt(f['hxt'])} behind {name_of(f['validator'])} released",
}


def describe_event(event: Event) -> str | None:
    """Return the sentence, or None for what is only detail (fees, single rewards, accepted witnesses)."""
    describe = _DESCRIPTIONS.get(event.kind)
    return None if describe is None else describe(event.fields)
