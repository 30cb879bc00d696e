"""Producer rotate: the block producer's key is replaced, and its entropy chain with it.

Old and new key sign: nobody takes the blocks over, and nobody is handed them unasked. Both keys' holder has
to be there, so a lost producer key is not replaced by this; keep a backup of the key and of the entropy
seed. When the new key takes over, and why not at once, is in `chain/governance/producer.py`.
"""

from __future__ import annotations

from msgspec.structs import replace

from chain.governance.process_validator_stake import check_free_key
from chain.governance.producer import PRODUCER, get_producer
from chain.keys.public_key import PublicKey
from chain.ledger.context import BlockContext
from chain.ledger.events import Event
from chain.ledger.state import State
from chain.ledger.tables import ENTROPY_SOURCE, ONLY
from chain.transactions.reasons import InvalidTransaction, Reason
from chain.transactions.types import ProducerRotate


def process_producer_rotate(state: State, body: ProducerRotate, context: BlockContext) -> list[Event]:
    """Write who takes over.

    Raises InvalidTransaction (not_producer, rotation_pending, key_in_use, invalid_key, wrong_network,
    anchor_unchanged).
    """
    row = get_producer(state)
    if body.producer != row.key:
        raise InvalidTransaction(
            Reason.NOT_PRODUCER,
            f"{PublicKey.from_binary(body.producer).address} doesn't make this network's blocks, "
            f"{PublicKey.from_binary(row.key).address} does",
        )
    if row.next_key:
        raise InvalidTransaction(
            Reason.ROTATION_PENDING,
            f"{PublicKey.from_binary(row.next_key).address} takes over with the next round: wait for it",
        )
    if body.new_producer == body.producer:
        raise InvalidTransaction(Reason.KEY_IN_USE, "the new key is the old one: make a new key")
    check_free_key(state, body.new_producer, context)
    source = state.get(ENTROPY_SOURCE, ONLY)
    if source is not None and source.anchor == body.entropy_anchor:
        raise InvalidTransaction(
            Reason.ANCHOR_UNCHANGED,
            "the new key's entropy chain begins where the old one stands: its links would be known to both, "
            "make a new seed",
        )
    state.put(
        PRODUCER,
        ONLY,
        replace(
            row,
            next_key=body.new_producer,
            next_anchor=body.entropy_anchor,
            rotated_round=context.round,
        ),
    )
    fields = {
        "producer": body.producer,
        "new_producer": body.new_producer,
        "entropy_anchor": body.entropy_anchor,
    }
    return [Event("producer_rotation_scheduled", fields)]
