"""The rounds of the last epochs, by their entropy: what ties a signed report to this chain and to a time.

A report names no chain and its time is its signer's; but a beacon is made from its round's entropy, which
nobody knew before the round and which no other chain has. So a proof about a report is old or young by the
round whose entropy it names, whatever its signer wrote for a time. Rows stay for `evidence_epochs` after
their epoch: at a round a minute and a week of evidence, 10,080 small ones.
"""

from __future__ import annotations

import msgspec

from chain.ledger.state import State, Table


class PastRound(msgspec.Struct, frozen=True, array_like=True):
    """A round that was opened: key = epoch (8, big-endian) || entropy (32)."""

    round: int
    opened_at_ms: int
    closes_at_ms: int
    """The round's end, both Unix milliseconds."""
    timestamp_s: int
    """The entropy's time, as in its beacons."""


class PastEpoch(msgspec.Struct, frozen=True, array_like=True):
    """An epoch that has rows: key = epoch (8, big-endian)."""


PAST_ROUNDS = Table("past_round", PastRound)
PAST_EPOCHS = Table("past_epoch", PastEpoch)


def remember_round(state: State, epoch: int, entropy: bytes, opened: PastRound, evidence_epochs: int) -> None:
    """Write a round down as it opens, and forget those of epochs that no proof can be about any more."""
    key = epoch.to_bytes(8, "big")
    for old_key, _ in state.iterate(PAST_EPOCHS):
        if int.from_bytes(old_key, "big") >= epoch - evidence_epochs:
            break
        for round_key, _ in state.iterate(PAST_ROUNDS, old_key):
            state.delete(PAST_ROUNDS, round_key)
        state.delete(PAST_EPOCHS, old_key)
    state.put(PAST_EPOCHS, key, PastEpoch())
    state.put(PAST_ROUNDS, key + entropy, opened)


def find_past_round(state: State, entropy: bytes, epoch: int, evidence_epochs: int) -> PastRound | None:
    """Return the round of this entropy (32 bytes) if it is of this chain and of `epoch` or one of the
    `evidence_epochs` before it; None otherwise.
    """
    for key, _ in state.iterate(PAST_EPOCHS):
        if epoch - evidence_epochs <= int.from_bytes(key, "big") <= epoch:
            row = state.get(PAST_ROUNDS, key + entropy)
            if row is not None:
                return row
    return None
