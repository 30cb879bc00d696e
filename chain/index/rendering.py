"""Values of blocks and events in the API's words: addresses, types, bodies for JSON; and the keys in them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import msgspec

from chain.keys.address import encode_address
from chain.keys.public_key import PUBLIC_KEY_BYTES
from chain.ledger.events import CELL_FIELDS, render_value
from chain.transactions.types import TransactionBody

Row = dict[str, Any]


@lru_cache(maxsize=100_000)
def _encode_key(key: bytes) -> str:
    return encode_address(key)


def get_address(key: object) -> str:
    """Address of a public key; empty where a report didn't say who."""
    return _encode_key(key) if isinstance(key, bytes) and len(key) == PUBLIC_KEY_BYTES else ""


def get_kind_of(body_type: type[msgspec.Struct]) -> str:
    """A transaction type in the API's words: `location_assert`."""
    name = body_type.__name__
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


def get_kind(body: TransactionBody) -> str:
    """A transaction's type."""
    return get_kind_of(type(body))


def render_body(value: object) -> Any:
    """A transaction's body for JSON: keys as addresses, other bytes as hex, cells as H3 writes them."""
    if isinstance(value, msgspec.Struct):
        fields: Row = {}
        for name in value.__struct_fields__:
            field = getattr(value, name)
            is_cell = name in CELL_FIELDS and isinstance(field, int)
            fields[name] = f"{field:x}" if is_cell else render_body(field)
        tag = value.__struct_config__.tag
        return fields if tag is None else {"type": get_kind(value), **fields}  # type: ignore[arg-type]
    if isinstance(value, list | tuple):
        return [render_body(item) for item in value]
    return render_value(value)


def find_keys(value: object, name: str = "") -> Iterator[tuple[str, bytes]]:
    """All (name of the field, public key) in a body or an event's fields, however deep."""
    if isinstance(value, bytes):
        if len(value) == PUBLIC_KEY_BYTES:
            yield name, value
    elif isinstance(value, msgspec.Struct):
        for field in value.__struct_fields__:
            yield from find_keys(getattr(value, field), field)
    elif isinstance(value, dict):
        for field, item in value.items():
            yield from find_keys(item, str(field))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from find_keys(item, name)
