"""Bodies about routers and the data channels by which they pay hotspots."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from chain.data.voucher import SignedVoucher
from chain.ledger.tables import DevAddrRange, EuiFilter
from chain.transactions.fields import MAX_GRPC_CHARACTERS, MAX_LIST, Amount, Hash, Key, Nonce


class RouterRegister(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=5):
    """A router joins under its owner's key. Signed by payer and owner."""

    payer: Key
    """Pays fee and bond, and gets the bond back."""
    nonce: Nonce
    fee: Amount
    owner: Key
    voucher_key: Key
    grpc: Annotated[str, Meta(max_length=MAX_GRPC_CHARACTERS)]
    """host:port where hotspots connect."""
    dev_addr_ranges: Annotated[tuple[DevAddrRange, ...], Meta(max_length=MAX_LIST)]
    eui_filters: Annotated[tuple[EuiFilter, ...], Meta(max_length=MAX_LIST)]


class RouterUpdate(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=6):
    """A router changes its voucher key, address or routes; the new values replace all old ones."""

    payer: Key
    nonce: Nonce
    fee: Amount
    owner: Key
    voucher_key: Key
    grpc: Annotated[str, Meta(max_length=MAX_GRPC_CHARACTERS)]
    dev_addr_ranges: Annotated[tuple[DevAddrRange, ...], Meta(max_length=MAX_LIST)]
    eui_filters: Annotated[tuple[EuiFilter, ...], Meta(max_length=MAX_LIST)]


class RouterTransfer(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=13):
    """A router's owner key is replaced; bond and channels go along. Signed by payer, old and new owner."""

    payer: Key
    nonce: Nonce
    fee: Amount
    owner: Key
    new_owner: Key


class RouterRetire(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=28):
    """A router leaves; its bond comes free after unbonding. Signed by payer and owner."""

    payer: Key
    nonce: Nonce
    fee: Amount
    owner: Key


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


class HotspotCredits(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One hotspot's part: of an allotment, or of the count at close."""

    hotspot: Key
    data_credits: Amount
    packets: Amount = 0


class ChannelAllot(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=14):
    """A router sets aside parts of a channel for hotspots: totals over its life that only rise; `packets`
    says nothing here. Signed by payer and by the router or the channel's voucher key (`signer`).
    """

    payer: Key
    nonce: Nonce
    fee: Amount
    signer: Key
    channel_id: Hash
    allotments: Annotated[tuple[HotspotCredits, ...], Meta(min_length=1, max_length=MAX_LIST)]


class ChannelClose(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=15):
    """A router ends a channel: a last time to claim begins, then what is left returns to it.

    `counts` pays hotspots that take no vouchers (stock gateways): totals over the channel's life. Signed by
    payer and router.
    """

    payer: Key
    nonce: Nonce
    fee: Amount
    router: Key
    channel_id: Hash
    counts: Annotated[tuple[HotspotCredits, ...], Meta(max_length=MAX_LIST)] = ()


class ChannelDispute(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=16):
    """Two different vouchers with one sequence: the router cheats and loses its bond. Signed by payer."""

    payer: Key
    """The reporter."""
    nonce: Nonce
    fee: Amount
    one: SignedVoucher
    other: SignedVoucher
