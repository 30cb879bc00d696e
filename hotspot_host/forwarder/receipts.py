"""What a receipt's voucher must be for a hotspot to keep it. Pure."""

from __future__ import annotations

from chain.data.voucher import (
    InvalidVoucher,
    decode_voucher,
    is_equivocation,
    is_signed_by,
    is_successor,
)
from chain.keys import PublicKey
from hotspot_host.forwarder.routes import Route
from hotspot_host.store.vouchers import Dispute, KeptVoucher


class BadVoucher(ValueError):
    """The router sent a voucher that this hotspot can't keep; ``reason`` is short and stable."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class Fraud(BadVoucher):
    """The router signed another voucher with the sequence of the kept one; ``dispute`` proves it."""

    def __init__(self, dispute: Dispute) -> None:
        super().__init__("fraud", "the router has signed two different vouchers of one sequence")
        self.dispute = dispute


def get_channel_id(raw: bytes) -> str:
    """The channel that a voucher is about, hex. BadVoucher where the bytes are none."""
    try:
        return decode_voucher(raw).voucher.channel_id.hex()
    except InvalidVoucher as error:
        raise BadVoucher("malformed", str(error)) from None


def check_voucher(
    raw: bytes, route: Route, hotspot: bytes, chain_id: str, kept: KeptVoucher | None
) -> KeptVoucher | None:
    """The voucher to keep, None for one that brings nothing new. BadVoucher says what is wrong with it, Fraud
    where it proves that its router cheats.
    """
    try:
        signed = decode_voucher(raw)
    except InvalidVoucher as error:
        raise BadVoucher("malformed", str(error)) from None
    voucher = signed.voucher
    if voucher.chain_id != chain_id:
        raise BadVoucher("wrong_chain", f"voucher for chain {voucher.chain_id!r}, this is {chain_id!r}")
    if voucher.hotspot != hotspot:
        raise BadVoucher("wrong_hotspot", "voucher for another hotspot")
    voucher_key = PublicKey.from_address(route.voucher_key).binary
    if not is_signed_by(signed, voucher_key):
        raise BadVoucher("bad_signature", "voucher not signed by the router's voucher key")
    if kept is not None:
        kept_signed = decode_voucher(kept.voucher)
        older = kept_signed.voucher
        if is_equivocation(kept_signed, signed, voucher_key):
            raise Fraud(Dispute(kept.channel_id, route.router, kept.voucher, raw))
        if voucher.sequence <= older.sequence:
            return None
        if not is_successor(voucher, older):
            raise BadVoucher("total_fell", "a newer voucher promises less than an older one")
    return KeptVoucher(
        channel_id=voucher.channel_id.hex(),
        router=route.router,
        sequence=voucher.sequence,
        total_data_credits=voucher.total_data_credits,
        total_packets=voucher.total_packets,
        voucher=raw,
    )
