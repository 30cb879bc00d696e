"""Events: what a block changed, for people, the explorer and the API. Rules return them; nothing reads them
back.

An event is a kind and its fields. Values are integers, text, booleans, bytes or lists of those. A public
key is its 33 bytes (nothing else in an event is 33 bytes long) and turns into an address in JSON; other
bytes turn into hex. Kinds so far, with their fields:

    payment            payer payee hxt memo
    burn               payer payee hxt data_credits
    fee_paid           payer data_credits hxt
    hotspot_added      hotspot owner payer capability bond_hxt
    hotspot_transferred  hotspot owner new_owner
    hotspot_rekeyed    hotspot new_hotspot owner
    hotspot_retired    hotspot owner bond_hxt free_epoch
    hotspot_sighted    hotspot tester location rssi_dbm distance_m epoch evidence
    hotspot_slashed    hotspot owner fault reporter bond_hxt escrow_hxt reward_hxt burnt_hxt
    validator_slashed  validator owner fault reporter stake_hxt reward_hxt burnt_hxt
    location_asserted  hotspot owner location gain_ddbi elevation_m
    router_registered  router voucher_key grpc bond_hxt
    router_updated     router voucher_key grpc
    router_transferred router new_router
    router_retired     router bond_hxt free_epoch
    channel_opened     channel router data_credits expires_at_ms
    channel_allotted   channel router hotspot data_credits
    channel_claimed    channel router hotspot data_credits packets sequence total_data_credits
    channel_closing    channel router why closing_at_ms
    channel_counted    channel router hotspot data_credits packets unpaid_data_credits
    channel_disputed   channel router hotspot sequence reporter taken_hxt reward_hxt
    channel_settled    channel router claimed_data_credits returned_data_credits
    price_reported     reporter hxt_price
    price_changed      hxt_price previous_hxt_price median reporters
    parameter_change_scheduled, rule_upgrade_scheduled, parameters_changed, rules_upgraded, decision_dropped,
    governance_changed, exclusion_set, auditor_set      (chain/governance)
    producer_rotation_scheduled, producer_rotated       (chain/governance)
    validator_staked   validator owner hxt
    validator_unstaked validator owner hxt free_epoch
    stake_released     validator owner hxt
    round_opened       round entropy opened_at_ms closes_at_ms
    beacon_verdict, witness_verdict      (chain/coverage)
    reward_earned      hotspot owner epoch reward hxt why: minted into escrow
    escrow_released    hotspot owner epoch hxt: paid, of what was earned in that epoch
    escrow_burnt       hotspot epoch hxt: of a hotspot that a fault has ended
    coverage_requested, coverage_request_burnt, coverage_request_ended, epoch_closed  (chain/rewards)
"""

from __future__ import annotations

from typing import Any

import msgspec

from chain.keys.address import encode_address
from chain.keys.public_key import PUBLIC_KEY_BYTES

#: Fields that are H3 cells: 64-bit numbers, more than JSON readers keep. They are shown as H3 writes them.
CELL_FIELDS = frozenset({"location", "hex"})


class Event(msgspec.Struct, frozen=True, array_like=True):
    """One change, in the order in which the block made it."""

    kind: str
    fields: dict[str, Any]


class StoredEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event at its place on the chain: (height, index) is its cursor."""

    height: int
    index: int
    time_ms: int
    """Time of the block, Unix milliseconds."""
    event: Event

    @property
    def kind(self) -> str:
        return self.event.kind

    @property
    def fields(self) -> dict[str, Any]:
        return self.event.fields


def render_value(value: Any) -> Any:
    """Return a value as the API shows it: 33 bytes as an address, other bytes as hex."""
    if isinstance(value, bytes):
        return encode_address(value) if len(value) == PUBLIC_KEY_BYTES else value.hex()
    if isinstance(value, list | tuple):
        return [render_value(item) for item in value]
    if isinstance(value, dict):
        return {key: _render_field(key, item) for key, item in value.items()}
    return value


def _render_field(name: str, value: Any) -> Any:
    return f"{value:x}" if name in CELL_FIELDS and isinstance(value, int) else render_value(value)


def render_event(stored: StoredEvent) -> dict[str, Any]:
    """Return the JSON form: height, index, time_ms, event (its kind), and its fields beside them."""
    return {
        "height": stored.height,
        "index": stored.index,
        "time_ms": stored.time_ms,
        "event": stored.kind,
        **render_event_fields(stored.event),
    }


def render_event_fields(event: Event) -> dict[str, Any]:
    """Return the JSON form of an event's fields."""
    return {name: _render_field(name, value) for name, value in event.fields.items()}
