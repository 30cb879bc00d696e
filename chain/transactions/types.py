"""The transactions. Frozen structs that encode as arrays: [type number, payer, nonce, fee, ...].

Every transaction names who pays its fee (`payer`), the payer's next nonce and the fee in data credits. All
its signers sign the whole, so no part can be lifted out or replayed. Type numbers and field order are the
wire format: they only ever grow at the end.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from chain.data.voucher import SignedVoucher
from chain.ledger.amounts import MAX_AMOUNT
from chain.ledger.tables import DevAddrRange, EuiFilter

Key = Annotated[bytes, Meta(min_length=33, max_length=33)]
"""A public key: network and type byte, 32 bytes."""
Amount = Annotated[int, Meta(ge=0, le=MAX_AMOUNT)]
Nonce = Annotated[int, Meta(ge=1, le=MAX_AMOUNT)]

MAX_MEMO_BYTES = 64
MAX_GRPC_CHARACTERS = 255
MAX_LIST = 256


class Payee(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One receiver of a payment."""

    account: Key
    hxt: Amount
    """Base units."""


class Payment(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=1):
    """HXT from the payer to others."""

    payer: Key
    nonce: Nonce
    fee: Amount
    payees: Annotated[tuple[Payee, ...], Meta(max_length=MAX_LIST)]
    memo: Annotated[bytes, Meta(max_length=MAX_MEMO_BYTES)] = b""


class Burn(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=2):
    """HXT of the payer burns and becomes data credits of the payee, at the oracle price."""

    payer: Key
    nonce: Nonce
    fee: Amount
    payee: Key
    hxt: Amount
    """Base units."""


class HotspotAdd(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=3):
    """A hotspot joins. Signed by payer, owner and the hotspot itself."""

    payer: Key
    nonce: Nonce
    fee: Amount
    owner: Key
    hotspot: Key


class LocationAssert(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=4):
    """The owner says where a hotspot is and what antenna it has. Signed by payer and owner."""

    payer: Key
    nonce: Nonce
    fee: Amount
    owner: Key
    hotspot: Key
    location: Annotated[int, Meta(ge=0, le=2**63 - 1)]
    """H3 cell, resolution 12, as an integer."""
    gain_ddbi: Annotated[int, Meta(ge=-1000, le=1000)]
    """Antenna gain, dBi x 10."""
    elevation_m: Annotated[int, Meta(ge=-1000, le=20_000)]
    """Height above ground, metres."""


class RouterRegister(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=5):
    """A router joins under its owner's key. Signed by payer and owner."""

    payer: Key
    nonce: Nonce
    fee: Amount
    owner: Key
    voucher_key: Key
    grpc: Annotated[str, Meta(max_length=MAX_GRPC_CHARACTERS)]
    """host:port where hotspots connect."""
    dev_addr_ranges: Annotated[tuple[DevAddrRange, ...], Meta(max_length=MAX_LIST)]
    eui_filters: Annotated[tuple[EuiFilter, ...], Meta(max_length=MAX_LIST)]


class RouterUpdate(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=6):
    """A router changes its key, address or routes; the new values replace all old ones."""

    payer: Key
    nonce: Nonce
    fee: Amount
    owner: Key
    voucher_key: Key
    grpc: Annotated[str, Meta(max_length=MAX_GRPC_CHARACTERS)]
    dev_addr_ranges: Annotated[tuple[DevAddrRange, ...], Meta(max_length=MAX_LIST)]
    eui_filters: Annotated[tuple[EuiFilter, ...], Meta(max_length=MAX_LIST)]


class ChannelOpen(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=7):
    """A router locks data credits to pay hotspots with. The transaction's id is the channel's id.

    Signed by payer and router (the router's owner key).
    """

    payer: Key
    nonce: Nonce
    fee: Amount
    router: Key
    data_credits: Amount


class ChannelClaim(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=8):
    """A hotspot presents its highest voucher of a channel. Signed by payer and hotspot."""

    payer: Key
    nonce: Nonce
    fee: Amount
    hotspot: Key
    voucher: SignedVoucher


TransactionBody = (
    Payment | Burn | HotspotAdd | LocationAssert | RouterRegister | RouterUpdate | ChannelOpen | ChannelClaim
)


class SignedTransaction(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A body and its signatures, in the order of `get_signers(body)`."""

    body: TransactionBody
    signatures: Annotated[tuple[Annotated[bytes, Meta(max_length=72)], ...], Meta(min_length=1, max_length=8)]
