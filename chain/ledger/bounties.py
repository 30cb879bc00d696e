"""Bounties: data credits that somebody has locked for coverage of a hexagon.

Each epoch offers an equal part of what is left: left // epochs left, so that remainders and parts that no
coverage earned go to later epochs, and the last epoch offers everything. What was never earned goes back
to the requester, with what had burnt for it.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec.structs import replace

from chain.ledger.balances import burn_locked_data_credits, compute_part, credit_data_credits
from chain.ledger.state import State, Table


class Bounty(msgspec.Struct, frozen=True, array_like=True):
    """A coverage request in force."""

    requester: bytes
    data_credits: int
    """Locked and not burnt yet."""
    burnt_hxt: int
    """Base units that burnt for these credits (`Account.burnt_hxt`)."""
    until_epoch: int
    """First epoch that it offers nothing for."""


class BountyEnd(msgspec.Struct, frozen=True, array_like=True):
    """Where to find a bounty that ends."""

    hex: int


class BountyEndEpoch(msgspec.Struct, frozen=True, array_like=True):
    """An epoch in which bounties end."""

    bounties: int


class Part(msgspec.Struct, frozen=True):
    """What a bounty offers one epoch."""

    data_credits: int
    burnt_hxt: int
    """Base units that burnt for them, rounded down: the rest stays with what is left."""


#: Key = hexagon (8, big-endian) || id of the request's transaction (32).
BOUNTIES = Table("bounty", Bounty)
#: Key = until_epoch (8, big-endian) || id.
BOUNTY_ENDS = Table("bounty_end", BountyEnd)
#: Key = until_epoch (8, big-endian). So that a close looks at no bounty that goes on.
BOUNTY_END_EPOCHS = Table("bounty_end_epoch", BountyEndEpoch)


def _get_key(hex: int, request: bytes) -> bytes:
    return hex.to_bytes(8, "big") + request


def add_bounty(state: State, hex: int, request: bytes, bounty: Bounty) -> None:
    """Write a bounty whose credits the caller has taken from the requester."""
    epoch_key = bounty.until_epoch.to_bytes(8, "big")
    count = state.get(BOUNTY_END_EPOCHS, epoch_key) or BountyEndEpoch(0)
    state.put(BOUNTIES, _get_key(hex, request), bounty)
    state.put(BOUNTY_ENDS, epoch_key + request, BountyEnd(hex))
    state.put(BOUNTY_END_EPOCHS, epoch_key, replace(count, bounties=count.bounties + 1))


def get_bounty(state: State, hex: int, request: bytes) -> Bounty | None:
    """Return a bounty in force."""
    return state.get(BOUNTIES, _get_key(hex, request))


def iterate_hex_bounties(state: State, hex: int) -> Iterator[tuple[bytes, Bounty]]:
    """Yield (id of the request, bounty) of a hexagon."""
    for key, bounty in state.iterate(BOUNTIES, hex.to_bytes(8, "big")):
        yield key[8:], bounty


def compute_part_of_epoch(bounty: Bounty, epoch: int) -> Part:
    """Return what a bounty offers `epoch`; nothing from `until_epoch` on."""
    epochs_left = bounty.until_epoch - epoch
    if epochs_left < 1:
        return Part(0, 0)
    data_credits = bounty.data_credits // epochs_left
    return Part(data_credits, compute_part(bounty.burnt_hxt, data_credits, bounty.data_credits))


def burn_bounty_part(state: State, hex: int, request: bytes, epoch: int) -> Bounty:
    """Burn what a bounty offers `epoch`; returns what is left of it. Raises LookupError for an unknown
    one."""
    bounty = get_bounty(state, hex, request)
    if bounty is None:
        raise LookupError(f"no bounty {request.hex()} in {hex:x}")
    part = compute_part_of_epoch(bounty, epoch)
    burn_locked_data_credits(state, part.data_credits)
    left = replace(
        bounty,
        data_credits=bounty.data_credits - part.data_credits,
        burnt_hxt=bounty.burnt_hxt - part.burnt_hxt,
    )
    state.put(BOUNTIES, _get_key(hex, request), left)
    return left


def end_bounties(state: State, epoch: int) -> list[tuple[bytes, int, Bounty]]:
    """Remove the bounties that offer nothing after `epoch` and give what is left back to their requesters.

    Returns (id, hexagon, the bounty as it ended), in the order of their ends. After `burn_bounty_part`.
    """
    ended = []
    for epoch_key, _ in state.iterate(BOUNTY_END_EPOCHS):
        if int.from_bytes(epoch_key, "big") > epoch + 1:
            break
        for key, end in state.iterate(BOUNTY_ENDS, epoch_key):
            request = key[len(epoch_key) :]
            bounty = get_bounty(state, end.hex, request)
            if bounty is None:
                raise LookupError(f"bounty {request.hex()} ends in {end.hex:x}, and isn't there")
            credit_data_credits(state, bounty.requester, bounty.data_credits, bounty.burnt_hxt)
            state.delete(BOUNTIES, _get_key(end.hex, request))
            state.delete(BOUNTY_ENDS, key)
            ended.append((request, end.hex, bounty))
        state.delete(BOUNTY_END_EPOCHS, epoch_key)
    return ended
