"""What a transaction does, in words: for whoever is about to sign it.

Made from the bytes that will be signed, not from what somebody wrote beside them. Every type of transaction
has its sentences; a type without any is an error, so that nobody signs what this wallet can't explain.
"""

from __future__ import annotations

from typing import Any, assert_never

import h3.api.basic_int as h3
import msgspec

from chain.keys.public_key import InvalidPublicKey, PublicKey
from chain.node.event_texts import format_hxt_exactly
from chain.transactions.types import (
    AuditorSet,
    Burn,
    ChannelAllot,
    ChannelClaim,
    ChannelClose,
    ChannelDispute,
    ChannelOpen,
    CoverageRequest,
    ExclusionSet,
    FaultEvidence,
    FieldSighting,
    GovernanceChange,
    HotspotAdd,
    HotspotRekey,
    HotspotRetire,
    HotspotTransfer,
    LocationAssert,
    ParameterChange,
    Payment,
    PriceReport,
    ProducerRotate,
    RouterRegister,
    RouterRetire,
    RouterTransfer,
    RouterUpdate,
    RuleUpgrade,
    TransactionBody,
    ValidatorStake,
    ValidatorUnstake,
)

_EVIDENCE_CODES = {1: "location", 2: "shared antenna", 3: "relayed", 4: "edited signal", 5: "other"}


def describe_key(key: bytes) -> str:
    """Address and animal name."""
    try:
        public_key = PublicKey.from_binary(key)
    except InvalidPublicKey:
        return f"what is no key ({key.hex()})"
    return f"{public_key.address} ({public_key.name})"


def describe_transaction(body: TransactionBody) -> list[str]:
    """Return sentences: what it does first, then who pays its fee."""
    key = describe_key
    match body:
        case Payment():
            lines = [
                f"{key(body.payer)} pays {format_hxt_exactly(payee.hxt)} to {key(payee.account)}."
                for payee in body.payees
            ]
            if body.memo:
                lines.append(f"Memo: {_show_memo(body.memo)}.")
        case Burn():
            lines = [
                f"{format_hxt_exactly(body.hxt)} of {key(body.payer)} burns, and {key(body.payee)} gets data "
                "credits for it at the oracle price. Data credits never become HXT again."
            ]
        case PriceReport():
            lines = [f"{key(body.reporter)} reports that one HXT costs {_show_price(body.hxt_price)} USD."]
        case HotspotAdd():
            kind = "only carries data" if body.capability else "takes part in Proof-of-Coverage"
            consent = "by the gateway's own signed message" if body.consent else "by its own signature"
            lines = [
                f"Hotspot {key(body.hotspot)} joins under owner {key(body.owner)}; it {kind}.",
                f"The hotspot consents {consent}. Fee and bond are paid by {key(body.payer)}.",
            ]
        case LocationAssert():
            lines = [
                f"Owner {key(body.owner)} says that hotspot {key(body.hotspot)} stands at "
                f"{_show_cell(body.location)}, "
                f"{body.elevation_m} m above ground, with an antenna of {body.gain_ddbi / 10:g} dBi."
            ]
        case HotspotTransfer():
            lines = [
                f"Hotspot {key(body.hotspot)} goes from {key(body.owner)} to {key(body.new_owner)}, with "
                "its bond, "
                "its rewards in escrow and its faults."
            ]
        case HotspotRekey():
            lines = [
                f"Hotspot {key(body.hotspot)} of {key(body.owner)} gets the new key "
                f"{key(body.new_hotspot)}; all of "
                "the old one goes over to it, and the old one is worth nothing any more."
            ]
        case HotspotRetire():
            lines = [
                f"Hotspot {key(body.hotspot)} of {key(body.owner)} leaves for good; its bond comes "
                "free later."
            ]
        case RouterRegister() | RouterUpdate():
            verb = "joins" if isinstance(body, RouterRegister) else "replaces its key, address and routes "
            "by these"
            lines = [
                f"Router {key(body.owner)} {verb}: hotspots reach it at {body.grpc}, vouchers are signed by "
                f"{key(body.voucher_key)}.",
                *(f"It takes data of DevAddr {r.start:08x} to {r.end:08x}." for r in body.dev_addr_ranges),
                *(
                    f"It takes joins of JoinEUI {_show_eui(f.join_eui)}, DevEUI {_show_eui(f.dev_eui)}."
                    for f in body.eui_filters
                ),
            ]
        case RouterTransfer():
            lines = [
                f"Router {key(body.owner)} gets the new owner key {key(body.new_owner)}; bond and "
                "channels go along."
            ]
        case RouterRetire():
            lines = [
                f"Router {key(body.owner)} leaves for good; its bond comes free later, its channels go on."
            ]
        case ChannelOpen():
            lines = [
                f"Router {key(body.router)} locks {body.data_credits} data credits to pay hotspots with."
            ]
        case ChannelClaim():
            voucher = body.voucher.voucher
            lines = [
                f"Hotspot {key(body.hotspot)} claims up to {voucher.total_data_credits} data credits of "
                "channel "
                f"{voucher.channel_id.hex()} by voucher {voucher.sequence}."
            ]
        case ChannelAllot():
            lines = [
                f"{key(body.signer)} sets aside {allotment.data_credits} data credits of channel "
                f"{body.channel_id.hex()} for hotspot {key(allotment.hotspot)}."
                for allotment in body.allotments
            ]
        case ChannelClose():
            lines = [
                f"Router {key(body.router)} closes channel {body.channel_id.hex()}.",
                *(
                    f"Hotspot {key(count.hotspot)} gets {count.data_credits} data credits for "
                    f"{count.packets} packets."
                    for count in body.counts
                ),
            ]
        case ChannelDispute():
            lines = [
                f"{key(body.payer)} shows two vouchers of channel {body.one.voucher.channel_id.hex()} for "
                f"hotspot {key(body.one.voucher.hotspot)} with the same sequence "
                f"{body.one.voucher.sequence}: the router loses its bond."
            ]
        case ParameterChange():
            lines = [
                f"From block {body.activation_height} on, parameter {change.name} is {change.value}."
                for change in body.changes
            ]
        case RuleUpgrade():
            lines = [
                f"From block {body.activation_height} on, version {body.protocol_version} of the rules holds."
            ]
        case GovernanceChange():
            lines = [
                f"The network is decided about by {body.threshold} of {len(body.keys)} keys:",
                *(f"  {key(each)}" for each in body.keys),
                *(f"Price reporter: {key(each)}" for each in body.price_reporters),
            ]
        case ExclusionSet():
            who = " and ".join(key(each) for each in body.hotspots)
            what = "doesn't count" if len(body.hotspots) == 1 else "as a pair don't count"
            reason = _EVIDENCE_CODES.get(body.code, str(body.code))
            lines = [
                f"Hotspot {who} {what} in Proof-of-Coverage before epoch {body.until_epoch} (evidence: "
                f"{reason}, "
                f"SHA-256 {body.evidence_hash.hex()})."
            ]
        case AuditorSet():
            role = "a field tester" if body.kind else "an audited hotspot"
            lines = [f"{key(body.auditor)} counts as {role} before epoch {body.until_epoch}."]
        case ProducerRotate():
            lines = [
                f"Blocks are made by {key(body.new_producer)} instead of {key(body.producer)} from the "
                "block after the next round's opening "
                f"on, with entropy anchor {body.entropy_anchor.hex()}."
            ]
        case ValidatorStake():
            lines = [
                f"Owner {key(body.owner)} locks {format_hxt_exactly(body.hxt)} behind validator "
                f"{key(body.validator)}."
            ]
        case ValidatorUnstake():
            lines = [
                f"Owner {key(body.owner)} ends the stake of validator {key(body.validator)}; it "
                "comes free later."
            ]
        case CoverageRequest():
            lines = [
                f"{key(body.requester)} asks for coverage in hexagon {_show_cell(body.hex)} and burns "
                f"{body.data_credits} data credits for it, over {body.epochs} epochs."
            ]
        case FieldSighting():
            lines = [
                f"Field tester {key(body.tester)} stood at {_show_cell(body.location)} and received hotspot "
                f"{key(body.hotspot)} at {body.rssi_dbm} dBm."
            ]
        case FaultEvidence():
            lines = [f"{key(body.payer)} proves a fault: {type(body.evidence).__name__}."]
        case _:
            assert_never(body)
    return [
        *lines,
        f"Fee: {body.fee} data credits, paid by {key(body.payer)}, whose transaction number {body.nonce} "
        "this is.",
    ]


def render_body(body: TransactionBody) -> dict[str, Any]:
    """Every field of a body as JSON: keys as addresses, cells as H3 writes them, other bytes in hex, amounts
    in base units.
    """
    return {"type": type(body).__name__, **_render_struct(body)}


def _render_struct(struct: msgspec.Struct) -> dict[str, Any]:
    return {
        name: f"{value:x}" if name in ("location", "hex") else _render(value)
        for name, value in ((name, getattr(struct, name)) for name in struct.__struct_fields__)
    }


def _render(value: Any) -> Any:
    if isinstance(value, bytes):
        try:
            return PublicKey.from_binary(value).address
        except InvalidPublicKey:
            return value.hex()
    if isinstance(value, msgspec.Struct):
        return _render_struct(value)
    if isinstance(value, tuple):
        return [_render(item) for item in value]
    return value


def _show_memo(memo: bytes) -> str:
    text = memo.decode("utf-8", errors="replace")
    return repr(text) if text.isprintable() and "\ufffd" not in text else f"0x{memo.hex()}"


def _show_price(hxt_price: int) -> str:
    return format_hxt_exactly(hxt_price).removesuffix(" HXT")


def _show_cell(cell: int) -> str:
    if not h3.is_valid_cell(cell):
        return f"what is no H3 cell ({cell:x})"
    latitude, longitude = h3.cell_to_latlng(cell)
    return f"{latitude:.6f},{longitude:.6f} (H3 {cell:x})"


def _show_eui(eui: int) -> str:
    return f"{eui:016x}" if eui else "any"
