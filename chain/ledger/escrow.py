"""Escrow: what a hotspot earned waits, locked, until faults of that time would have been found.

An epoch's rewards are minted into one row a hotspot and paid out `escrow_epochs` later to whoever owns the
hotspot then, so that a buyer takes over what may still be forfeited along with what may still be paid. A
proven fault takes the rows before they are paid; nothing is claimed back afterwards. Helium paid
at once: whoever changed keys before a denylist caught up kept all of it (HIP-57).

`ESCROW_EPOCHS` lists the epochs that have rows at all, so that a release looks at nothing else, however many
epochs passed without a block.
"""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from chain.ledger.balances import burn_locked_hxt, credit_hxt, mint_locked_hxt
from chain.ledger.events import Event
from chain.ledger.parameters import Parameters
from chain.ledger.state import State, Table
from chain.ledger.tables import HOTSPOTS, get_successor

#: `Hotspot.status` of one that was ended by a proven fault.
FAULTED = 2


class Escrow(msgspec.Struct, frozen=True, array_like=True):
    """What one hotspot earned in one epoch and nobody has been paid yet."""

    hxt: int
    """Base units, locked."""


class EscrowEpoch(msgspec.Struct, frozen=True, array_like=True):
    """An epoch of which something is in escrow."""

    hotspots: int
    """Number of rows of that epoch in ESCROW; never 0."""


#: Key = epoch in which it was earned (8, big-endian) || hotspot (33).
ESCROW = Table("escrow", Escrow)
#: Key = epoch (8, big-endian). Holds no value: the rows of ESCROW do.
ESCROW_EPOCHS = Table("escrow_epoch", EscrowEpoch)


def get_escrow_key(epoch: int, hotspot: bytes) -> bytes:
    """Return the key of a hotspot's row of an epoch."""
    return epoch.to_bytes(8, "big") + hotspot


def get_escrow(state: State, epoch: int, hotspot: bytes) -> int:
    """Return base units in escrow of one hotspot and epoch."""
    row = state.get(ESCROW, get_escrow_key(epoch, hotspot))
    return row.hxt if row else 0


def get_escrow_epochs(state: State) -> list[int]:
    """Return the epochs that have anything in escrow, oldest first."""
    return [int.from_bytes(key, "big") for key, _ in state.iterate(ESCROW_EPOCHS)]


def get_hotspot_escrow(state: State, hotspot: bytes) -> list[tuple[int, int]]:
    """Return (epoch, base units) of all that a hotspot has in escrow, oldest first."""
    amounts = ((epoch, get_escrow(state, epoch, hotspot)) for epoch in get_escrow_epochs(state))
    return [(epoch, hxt) for epoch, hxt in amounts if hxt]


def add_to_escrow(state: State, epoch: int, hotspot: bytes, hxt: int) -> None:
    """Mint `hxt` base units into the hotspot's row of an epoch. Raises AmountOverflow."""
    if hxt == 0:
        return
    mint_locked_hxt(state, hxt)
    _put(state, epoch, hotspot, get_escrow(state, epoch, hotspot) + hxt)


def take_escrow(state: State, hotspot: bytes, from_epoch: int, to_epoch: int) -> int:
    """Remove what a hotspot earned in these epochs, both included; returns the base units removed.

    No row holds them any more: the caller burns them (`burn_locked_hxt`) or credits them
    (`credit_hxt`), all of them, in the same operation.
    """
    taken = 0
    for epoch in get_escrow_epochs(state):
        if from_epoch <= epoch <= to_epoch:
            taken += _take(state, epoch, hotspot)
    return taken


def move_escrow(state: State, hotspot: bytes, successor: bytes) -> None:
    """A hotspot's key was replaced: what the old one earned waits under the new one."""
    for epoch, hxt in get_hotspot_escrow(state, hotspot):
        _take(state, epoch, hotspot)
        _put(state, epoch, successor, get_escrow(state, epoch, successor) + hxt)


def release_escrow(state: State, epoch: int, parameters: Parameters) -> list[Event]:
    """Pay what was earned in `epoch` - `escrow_epochs` or before to the hotspots' owners of now.

    What is left of a hotspot that a fault ended, or that isn't known, burns. Called at the close of `epoch`
    before its own rewards are minted; with `escrow_epochs` 0 it pays in the close after.
    """
    events: list[Event] = []
    last = epoch - parameters.escrow_epochs
    for earned in get_escrow_epochs(state):
        if earned > last:
            break
        prefix = earned.to_bytes(8, "big")
        for key, row in state.iterate(ESCROW, prefix):
            hotspot = key[len(prefix) :]
            _take(state, earned, hotspot)
            events.append(_pay_owner(state, earned, hotspot, row.hxt))
    return events


def _pay_owner(state: State, epoch: int, hotspot: bytes, hxt: int) -> Event:
    row = state.get(HOTSPOTS, get_successor(state, hotspot))
    if row is None or row.status == FAULTED:
        burn_locked_hxt(state, hxt)
        return Event("escrow_burnt", {"hotspot": hotspot, "epoch": epoch, "hxt": hxt})
    credit_hxt(state, row.owner, hxt)
    return Event("escrow_released", {"hotspot": hotspot, "owner": row.owner, "epoch": epoch, "hxt": hxt})


def _put(state: State, epoch: int, hotspot: bytes, hxt: int) -> None:
    """Write a row and count it in its epoch."""
    key, epoch_key = get_escrow_key(epoch, hotspot), epoch.to_bytes(8, "big")
    if state.get(ESCROW, key) is None:
        count = state.get(ESCROW_EPOCHS, epoch_key) or EscrowEpoch(0)
        state.put(ESCROW_EPOCHS, epoch_key, replace(count, hotspots=count.hotspots + 1))
    state.put(ESCROW, key, Escrow(hxt))


def _take(state: State, epoch: int, hotspot: bytes) -> int:
    """Remove a row; returns what was in it."""
    key, epoch_key = get_escrow_key(epoch, hotspot), epoch.to_bytes(8, "big")
    row = state.get(ESCROW, key)
    if row is None:
        return 0
    state.delete(ESCROW, key)
    count = state.get(ESCROW_EPOCHS, epoch_key)
    if count is not None and count.hotspots > 1:
        state.put(ESCROW_EPOCHS, epoch_key, replace(count, hotspots=count.hotspots - 1))
    else:
        state.delete(ESCROW_EPOCHS, epoch_key)
    return row.hxt
