"""Events: what a block changed, for people, the explorer and the API. Rules return them; nothing reads them
back.

An event is a kind and its fields. Values are integers, text, booleans, bytes or lists of those. A public
key is its 33 bytes (nothing else in an event is 33 bytes long) and turns into an address in JSON; other
bytes turn into hex. Kinds so far, with their fields:

    payment            payer payee hxt memo
    burn               payer payee hxt data_credits
    fee_paid           payer data_credits hxt
    hotspot_added      hotspot owner payer
    location_asserted  hotspot owner location gain_ddbi elevation_m
    router_registered  router voucher_key grpc
    router_updated     router voucher_key grpc
    channel_opened     channel router data_credits
    channel_claimed    channel router hotspot data_credits packets sequence total_data_credits
    round_opened       round entropy opened_at_ms closes_at_ms
    beacon_verdict, witness_verdict      (chain/coverage)
    epoch_closed, reward_paid            (chain/rewards)
"""

from __future__ import annotations

from typing import Any

import msgspec

from chain.keys.address import encode_address
from chain.keys.public_key import PUBLIC_KEY_BYTES


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
        return {key: render_value(item) for key, item in value.items()}
    return value


def _render_field(name: str, value: Any) -> Any:
    # An H3 cell is a 64-bit number, more than JSON readers keep: it is shown as H3 writes it.
    return f"{value:x}" if name == "location" and isinstance(value, int) else render_value(value)


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
