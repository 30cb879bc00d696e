"""A block's events in one piece: what the header digests, and what the store keeps.

One flat hash: who recomputes a block has all its events anyway. An event's fields are encoded by name, so
that the order in which a rule happens to write them means nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import msgspec

from chain.ledger.events import Event

_DOMAIN = b"hexhaul/events/1\x00"

_encoder = msgspec.msgpack.Encoder(order="deterministic")
_decoder = msgspec.msgpack.Decoder(list[Event])


def encode_events(events: Sequence[Event]) -> bytes:
    """Return the bytes of a block's events in their order."""
    return _encoder.encode(events)


def decode_events(raw: bytes) -> list[Event]:
    """Parse what `encode_events` wrote. Raises msgspec.MsgspecError."""
    return _decoder.decode(raw)


def compute_events_digest(encoded_events: bytes) -> bytes:
    """Return the 32 bytes that stand in the header."""
    return sha256(_DOMAIN + encoded_events).digest()
