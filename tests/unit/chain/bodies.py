"""One transaction of every type, for tests that must not forget one."""

from __future__ import annotations

from typing import get_args

import h3.api.basic_int as h3

from chain.data.voucher import Voucher, sign_voucher
from chain.ledger.tables import DevAddrRange, EuiFilter
from chain.transactions import types
from chain.transactions.types import TransactionBody
from tests.unit.chain.world import make_key

A, B, C, D = (make_key(number).public_key.binary for number in (1, 2, 3, 4))
CELL = h3.latlng_to_cell(52.5, 13.4, 12)
HASH = bytes(range(32))


def make_voucher(total: int) -> types.SignedVoucher:  # type: ignore[name-defined]
    return sign_voucher(Voucher("hexhaul-unit", HASH, D, 1, total, 5), make_key(9))


def make_bodies() -> list[TransactionBody]:
    """All types; payer A, nonce 7, fee 11."""
    head = {"payer": A, "nonce": 7, "fee": 11}
    router = {
        "owner": B,
        "voucher_key": C,
        "grpc": "router.example:9081",
        "dev_addr_ranges": (DevAddrRange(0x48000000, 0x480000FF),),
        "eui_filters": (EuiFilter(0, 1),),
    }
    governed = {"approvers": (B, C)}
    bodies: list[TransactionBody] = [
        types.Payment(**head, payees=(types.Payee(B, 150_000_000), types.Payee(C, 1)), memo=b"rent"),
        types.Burn(**head, payee=B, hxt=10**8),
        types.PriceReport(**head, reporter=B, hxt_price=123_456_789),
        types.HotspotAdd(**head, owner=B, hotspot=C),
        types.LocationAssert(**head, owner=B, hotspot=C, location=CELL, gain_ddbi=23, elevation_m=12),
        types.HotspotTransfer(**head, owner=B, hotspot=C, new_owner=D),
        types.HotspotRekey(**head, owner=B, hotspot=C, new_hotspot=D),
        types.HotspotRetire(**head, owner=B, hotspot=C),
        types.RouterRegister(**head, **router),
        types.RouterUpdate(**head, **router),
        types.RouterTransfer(**head, owner=B, new_owner=C),
        types.RouterRetire(**head, owner=B),
        types.ChannelOpen(**head, router=B, data_credits=5_000),
        types.ChannelClaim(**head, hotspot=D, voucher=make_voucher(10)),
        types.ChannelAllot(**head, signer=B, channel_id=HASH, allotments=(types.HotspotCredits(D, 100),)),
        types.ChannelClose(**head, router=B, channel_id=HASH, counts=(types.HotspotCredits(D, 100, 50),)),
        types.ChannelDispute(**head, one=make_voucher(10), other=make_voucher(11)),
        types.ParameterChange(
            **head, **governed, changes=(types.ChangedParameter("max_payees", "40"),), activation_height=900
        ),
        types.RuleUpgrade(**head, **governed, protocol_version=2, activation_height=900),
        types.GovernanceChange(**head, **governed, keys=(B, C), threshold=2, price_reporters=(D,)),
        types.ExclusionSet(**head, **governed, hotspots=(C, D), until_epoch=9, code=3, evidence_hash=HASH),
        types.AuditorSet(**head, **governed, auditor=D, kind=1, until_epoch=9),
        types.ProducerRotate(**head, producer=B, new_producer=C, entropy_anchor=HASH),
        types.ValidatorStake(**head, owner=B, validator=C, hxt=10_000 * 10**8),
        types.ValidatorUnstake(**head, owner=B, validator=C),
        types.CoverageRequest(
            **head, requester=B, hex=h3.cell_to_parent(CELL, 8), data_credits=700, epochs=7
        ),
        types.FieldSighting(**head, tester=B, hotspot=C, location=CELL, rssi_dbm=-101),
        types.FaultEvidence(**head, evidence=types.HeaderEquivocation(b"one", b"other")),
    ]
    assert {type(body) for body in bodies} == set(get_args(TransactionBody))
    return bodies
