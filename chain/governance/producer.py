"""Whose blocks count: the producer's key in the state, and its replacement.

The genesis writes the first key; a rotation (`process_producer_rotate.py`) writes the next one beside it,
with the anchor of that one's entropy chain. Both take over at the start of the first block after another
round has opened. Not at once, for two reasons:

- The block with the rotation may itself open a round, and its reveal is of the old chain.
- **A producer must not choose its luck.** entropy = H(link || mix || round): whoever picks a new anchor while
  knowing the mix can try seeds until the next entropy is a good one, and again with each rotation from one
  own key to another. So the first link of a new chain is revealed one round later: it is mixed with secrets
  that beaconers committed to after the anchor stood in a block.

Until then the old key makes the blocks. Precedent for a commitment that binds only what comes after it:
RANDAO's look-ahead.
"""

from __future__ import annotations

import msgspec

from chain.ledger.context import BlockContext
from chain.ledger.events import Event
from chain.ledger.state import State, Table
from chain.ledger.tables import CHAIN_LINKS, ENTROPY_SOURCE, ONLY, EntropySource


class Producer(msgspec.Struct, frozen=True, array_like=True):
    """Who makes blocks."""

    key: bytes
    since_height: int
    """First block that this key may make."""
    next_key: bytes = b""
    """Takes over when another round has opened; empty where nobody is going to."""
    next_anchor: bytes = b""
    """Anchor of the next key's entropy chain."""
    rotated_round: int = 0
    """The round that was open when the rotation was taken in."""


PRODUCER = Table("producer", Producer)


def get_producer(state: State) -> Producer:
    """Return whose blocks count. Raises LookupError where no genesis was written."""
    row = state.get(PRODUCER, ONLY)
    if row is None:
        raise LookupError("the state has no producer: it wasn't made by a genesis")
    return row


def get_next_producer(state: State, open_round: int) -> bytes:
    """Return whose turn the next block is."""
    row = get_producer(state)
    return row.next_key if is_takeover_due(row, open_round) else row.key


def is_takeover_due(row: Producer, open_round: int) -> bool:
    """Whether the next key makes the next block."""
    return row.next_key != b"" and open_round > row.rotated_round


def process_producer_takeover(state: State, context: BlockContext) -> list[Event]:
    """The next key takes over where its time has come. At the start of a block; `context.round` is open."""
    row = get_producer(state)
    if not is_takeover_due(row, context.round):
        return []
    source = state.get(ENTROPY_SOURCE, ONLY)
    if source is None:
        raise LookupError("the state has no entropy source: it wasn't made by a genesis")
    state.put(PRODUCER, ONLY, Producer(key=row.next_key, since_height=context.height))
    state.put(
        ENTROPY_SOURCE,
        ONLY,
        EntropySource(anchor=row.next_anchor, links_left=CHAIN_LINKS, mix=source.mix),
    )
    fields = {"producer": row.next_key, "previous": row.key, "entropy_anchor": row.next_anchor}
    return [Event("producer_rotated", fields)]
