"""Bonds: HXT that somebody locks behind a key, so that it has something to lose.

    bonded  --begin_unbonding-->  unbonding until `free_epoch`  --release_free_bonds-->  back to the funder
       \\________________________________/
                     take_bond: a proven fault takes it, also while it is unbonding

A bond goes back to who paid it, not to who owns the subject then: a buyer of a hotspot buys no bond. It stays
takeable until its free epoch, which lies further ahead than a fault's proof may come late (`unbonding_epochs`
> `escrow_epochs` + `evidence_epochs`), so that nobody leaves before being found out. A subject has one bond.
Precedent: the unbonding periods of staking ledgers; Helium's state channels lock no bond but overcommit.

A bond that comes free is found by an index ordered by epoch: an epoch's close looks only at bonds that are
unbonding, however many there are in all.
"""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from chain.ledger.balances import InsufficientFunds, credit_hxt, debit_hxt
from chain.ledger.events import Event
from chain.ledger.state import State, Table
from chain.transactions.reasons import InvalidTransaction, Reason

_EPOCH_BYTES = 8
_ROUTER_PREFIX = b"router:"


class Bond(msgspec.Struct, frozen=True, array_like=True):
    """What is locked behind a subject (key: a hotspot's 33 bytes, or `get_router_subject`)."""

    hxt: int
    """Base units."""
    funder: bytes
    """Paid it and gets it back."""
    free_epoch: int = 0
    """First epoch in which it goes back; 0 while it is bonded."""


class Unbonding(msgspec.Struct, frozen=True, array_like=True):
    """A mark in the index of bonds that come free: key = free epoch (8, big-endian) || subject."""


BONDS = Table("bond", Bond)
UNBONDING = Table("unbonding", Unbonding)


def get_router_subject(owner: bytes) -> bytes:
    """Return the subject of a router's bond; no hotspot's key (33 bytes) is as long."""
    return _ROUTER_PREFIX + owner


def lock_bond(state: State, subject: bytes, funder: bytes, hxt: int) -> None:
    """Lock `hxt` base units of the funder behind a subject; 0 locks nothing.

    Raises InvalidTransaction (insufficient_hxt; unbonding where the subject's earlier bond isn't free yet).
    """
    _check_no_bond(state, subject)
    if hxt == 0:
        return
    try:
        debit_hxt(state, funder, hxt)
    except InsufficientFunds as error:
        raise InvalidTransaction(
            Reason.INSUFFICIENT_HXT,
            f"the bond is {hxt} base units, beside the fee: {error}; send HXT to the payer first",
        ) from error
    state.put(BONDS, subject, Bond(hxt=hxt, funder=funder))


def begin_unbonding(state: State, subject: bytes, free_epoch: int) -> int:
    """Let a bond come free at `free_epoch`; returns its base units, 0 where there is none."""
    bond = state.get(BONDS, subject)
    if bond is None:
        return 0
    if bond.free_epoch:
        raise InvalidTransaction(
            Reason.UNBONDING, f"this bond is unbonding already: it is free in epoch {bond.free_epoch}"
        )
    # 0 means bonded, so nothing can come free in epoch 0: the first possible one is 1.
    free_epoch = max(free_epoch, 1)
    state.put(BONDS, subject, replace(bond, free_epoch=free_epoch))
    state.put(UNBONDING, _get_index_key(free_epoch, subject), Unbonding())
    return bond.hxt


def release_free_bonds(state: State, epoch: int) -> list[Event]:
    """Give back all bonds whose free epoch has come; `epoch` is the one that opens."""
    events = []
    for key, _ in state.iterate(UNBONDING):
        if int.from_bytes(key[:_EPOCH_BYTES], "big") > epoch:
            break
        subject = key[_EPOCH_BYTES:]
        bond = state.get(BONDS, subject)
        state.delete(UNBONDING, key)
        if bond is None:
            continue
        state.delete(BONDS, subject)
        credit_hxt(state, bond.funder, bond.hxt)
        owner = subject.removeprefix(_ROUTER_PREFIX)
        events.append(Event("bond_released", {"subject": owner, "funder": bond.funder, "hxt": bond.hxt}))
    return events


def take_bond(state: State, subject: bytes) -> int:
    """Remove a subject's bond; returns its base units, which the caller must burn (`burn_locked_hxt`) or pay
    (`credit_hxt`), or 0 where there is none.
    """
    bond = state.get(BONDS, subject)
    if bond is None:
        return 0
    _remove(state, subject, bond)
    return bond.hxt


def move_bond(state: State, old: bytes, new: bytes) -> None:
    """Put a bond behind another subject, with its funder and free epoch.

    Raises InvalidTransaction (unbonding) where the new subject has an earlier bond.
    """
    _check_no_bond(state, new)
    bond = state.get(BONDS, old)
    if bond is None:
        return
    _remove(state, old, bond)
    state.put(BONDS, new, bond)
    if bond.free_epoch:
        state.put(UNBONDING, _get_index_key(bond.free_epoch, new), Unbonding())


def _check_no_bond(state: State, subject: bytes) -> None:
    bond = state.get(BONDS, subject)
    if bond is not None:
        raise InvalidTransaction(
            Reason.UNBONDING,
            f"this key still has a bond of {bond.hxt} base units, free in epoch {bond.free_epoch}: wait",
        )


def _remove(state: State, subject: bytes, bond: Bond) -> None:
    state.delete(BONDS, subject)
    if bond.free_epoch:
        state.delete(UNBONDING, _get_index_key(bond.free_epoch, subject))


def _get_index_key(free_epoch: int, subject: bytes) -> bytes:
    return free_epoch.to_bytes(_EPOCH_BYTES, "big") + subject
