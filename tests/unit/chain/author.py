"""Makes up histories: transactions of every type, mostly plausible, many wrong in one way or another."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from random import Random
from typing import Any

import h3.api.basic_int as h3
from msgspec.structs import replace

from chain.blocks.application import get_open_round
from chain.blocks.reports import BEACON, WITNESS, ReceivedReport, sign_arrival
from chain.data.voucher import SignedVoucher, Voucher, sign_voucher
from chain.ledger.process_transaction import process_transaction
from chain.ledger.tables import CHANNELS, HOTSPOTS, ROUTERS, DevAddrRange, EuiFilter, get_account
from chain.transactions import (
    Burn,
    InvalidTransaction,
    LocationAssert,
    Payee,
    Payment,
    TransactionBody,
    encode_transaction,
    get_signers,
    sign_transaction,
    types,
    with_required_fee,
)
from tests.unit.chain.home import FAUCET, PRODUCER, Home, make_genesis, make_parameters
from tests.unit.chain.world import make_key

PEOPLE = [FAUCET, *(make_key(n) for n in range(1, 6))]
HOTSPOT_KEYS = [make_key(n) for n in range(11, 23)]
KEYS = {pair.public_key.binary: pair for pair in (*PEOPLE, *HOTSPOT_KEYS, PRODUCER)}
CELLS = [0, 1, *(h3.latlng_to_cell(52.5, 13.4 + n / 100, 12) for n in range(3)), h3.latlng_to_cell(1, 1, 9)]
HASH = bytes(range(32))


def make_history_genesis() -> bytes:
    """Everything is cheap and goes quickly; people 1 to 3 govern, 4 and 5 say the price."""
    addresses = [pair.public_key.address for pair in PEOPLE]
    parameters = make_parameters(
        escrow_epochs=1,
        evidence_epochs=1,
        unbonding_epochs=3,
        hotspot_bond_hxt=10**8,
        router_bond_hxt=10**8,
        validator_minimum_stake_hxt=10**6,
        activation_delay_blocks=2,
        activation_maximum_blocks=50,
        bundle_epochs=2,
    )
    return make_genesis(
        parameters,
        governance_keys=tuple(addresses[1:4]),
        governance_threshold=2,
        price_reporters=tuple(addresses[4:6]),
    )


def fund_everybody(home: Home) -> None:
    """Blocks after which all people have some HXT and some data credits."""
    for pair in PEOPLE[1:]:
        key = pair.public_key.binary
        home.make_block(home.build_payment(key, 50 * 10**8))
        home.make_block(home.build(Burn(payer=key, nonce=1, fee=0, payee=key, hxt=10 * 10**8), pair))


class Author:
    """Makes up what comes next at one home."""

    def __init__(self, home: Home, random: Random) -> None:
        self.home = home
        self.random = random
        self.ahead = home.state
        """The state as it will be after what was made up so far."""
        self.context = home.chain.get_context(
            self.ahead, home.engine.head.height + 1, home.now_ms + 1, get_open_round(home.state)
        )

    def somebody(self) -> bytes:
        return self.random.choice(PEOPLE).public_key.binary

    def some_hotspot(self) -> bytes:
        return self.random.choice(HOTSPOT_KEYS).public_key.binary

    def owner_of(self, hotspot: bytes, otherwise: bytes) -> bytes:
        """Mostly the hotspot's owner."""
        row = self.ahead.get(HOTSPOTS, hotspot)
        return otherwise if row is None or self.random.random() < 0.2 else row.owner

    def some_router(self, otherwise: bytes) -> bytes:
        """Mostly the owner of a router."""
        routers = [key for key, _ in self.ahead.iterate(ROUTERS)]
        return otherwise if not routers or self.random.random() < 0.2 else self.random.choice(routers)

    def router_of(self, channel_id: bytes, otherwise: bytes) -> bytes:
        """Mostly the channel's router."""
        row = self.ahead.get(CHANNELS, channel_id)
        return otherwise if row is None or self.random.random() < 0.2 else row.router

    def some_channel(self) -> bytes:
        channels = [key for key, _ in self.ahead.iterate(CHANNELS)]
        return self.random.choice(channels) if channels else HASH

    def amount(self) -> int:
        return self.random.choice([0, 1, 999, 1_000, 10**6, 10**9, 10**11, 2**62])

    def make_body(self) -> TransactionBody:
        """One body of any type; what others build on comes more often, what ends something rarely."""
        kinds = [
            *_MAKERS * 4,
            *[_make_joining, _make_channel_open, _make_claim, _make_location] * 8,
            *_ENDINGS,
        ]
        payer = self.random.choice([FAUCET.public_key.binary, self.somebody()])
        owner = self.random.choice([payer, payer, self.somebody()])
        head = {"payer": payer, "nonce": 1, "fee": 0}
        return self.random.choice(kinds)(self, head, owner)

    def make_voucher(self) -> SignedVoucher:
        random = self.random
        channels = list(self.ahead.iterate(CHANNELS))
        channel_id, key = bytes(32), self.somebody()
        if channels:
            channel_id, channel = random.choice(channels)
            key = random.choice([channel.voucher_key] * 9 + [key])
        voucher = Voucher(
            chain_id=random.choice([self.home.chain.chain_id] * 5 + ["other"]),
            channel_id=channel_id,
            hotspot=self.some_hotspot(),
            sequence=random.randrange(1, 50),
            total_data_credits=random.randrange(100),
            total_packets=random.randrange(50),
        )
        return sign_voucher(voucher, KEYS[key])

    def make_credits(self) -> tuple[types.HotspotCredits, ...]:
        hotspots = self.random.sample(HOTSPOT_KEYS, self.random.randrange(1, 4))
        return tuple(
            types.HotspotCredits(pair.public_key.binary, self.random.randrange(60), self.random.randrange(9))
            for pair in hotspots
        )

    def make_transaction(self) -> bytes:
        body = with_required_fee(self.make_body(), self.context.parameters)
        if self.random.random() < 0.05:
            body = replace(body, fee=self.random.choice([0, 2**62]))
        nonce = get_account(self.ahead, body.payer).nonce + 1
        if self.random.random() < 0.05:
            nonce += self.random.choice([1, 5]) if nonce == 1 else -1
        body = replace(body, nonce=nonce)
        with contextlib.suppress(InvalidTransaction):
            process_transaction(self.ahead, body, self.context)
        signers = [KEYS[key] for key in get_signers(body)]
        return encode_transaction(sign_transaction(self.home.chain.chain_id, body, signers))

    def make_report(self) -> ReceivedReport:
        return sign_arrival(
            self.home.chain.chain_id,
            self.random.choice([BEACON, WITNESS]),
            self.random.randbytes(self.random.randrange(60)),
            self.home.now_ms + self.random.randrange(2_000),
            PRODUCER,
        )


Head = dict[str, Any]


def _make_payment(author: Author, head: Head, owner: bytes) -> TransactionBody:
    count = author.random.randrange(4)
    return Payment(**head, payees=tuple(Payee(author.somebody(), author.amount()) for _ in range(count)))


def _make_burn(author: Author, head: Head, owner: bytes) -> TransactionBody:
    return Burn(**head, payee=author.somebody(), hxt=author.amount())


def _make_price(author: Author, head: Head, owner: bytes) -> TransactionBody:
    return types.PriceReport(**head, reporter=owner, hxt_price=author.random.choice([1, 10**8, 3 * 10**8]))


def _make_joining(author: Author, head: Head, owner: bytes) -> TransactionBody:
    capability = author.random.choice([0, 0, 1])
    return types.HotspotAdd(**head, owner=owner, hotspot=author.some_hotspot(), capability=capability)


def _make_location(author: Author, head: Head, owner: bytes) -> TransactionBody:
    hotspot = author.some_hotspot()
    return LocationAssert(
        **head,
        owner=author.owner_of(hotspot, owner),
        hotspot=hotspot,
        location=author.random.choice(CELLS),
        gain_ddbi=author.random.choice([0, 12, 60]),
        elevation_m=author.random.randrange(100),
    )


def _make_transfer(author: Author, head: Head, owner: bytes) -> TransactionBody:
    hotspot = author.some_hotspot()
    owner = author.owner_of(hotspot, owner)
    return types.HotspotTransfer(**head, owner=owner, hotspot=hotspot, new_owner=author.somebody())


def _make_rekey(author: Author, head: Head, owner: bytes) -> TransactionBody:
    old, new = author.some_hotspot(), author.some_hotspot()
    return types.HotspotRekey(**head, owner=author.owner_of(old, owner), hotspot=old, new_hotspot=new)


def _make_retire(author: Author, head: Head, owner: bytes) -> TransactionBody:
    hotspot = author.some_hotspot()
    return types.HotspotRetire(**head, owner=author.owner_of(hotspot, owner), hotspot=hotspot)


def _make_router(author: Author, head: Head, owner: bytes) -> TransactionBody:
    random = author.random
    kind = random.choice([types.RouterRegister, types.RouterUpdate])
    return kind(
        **head,
        owner=owner,
        voucher_key=author.somebody(),
        grpc=random.choice(["h:1", "h:2", "no address"]),
        dev_addr_ranges=(DevAddrRange(random.choice([0, 9]), 5),),
        eui_filters=(EuiFilter(0, 0),),
    )


def _make_router_transfer(author: Author, head: Head, owner: bytes) -> TransactionBody:
    return types.RouterTransfer(**head, owner=author.some_router(owner), new_owner=author.somebody())


def _make_router_retire(author: Author, head: Head, owner: bytes) -> TransactionBody:
    return types.RouterRetire(**head, owner=author.some_router(owner))


def _make_channel_open(author: Author, head: Head, owner: bytes) -> TransactionBody:
    data_credits = author.random.choice([0, 50, 300, 10**5])
    return types.ChannelOpen(**head, router=author.some_router(owner), data_credits=data_credits)


def _make_claim(author: Author, head: Head, owner: bytes) -> TransactionBody:
    voucher = author.make_voucher()
    hotspot = author.random.choice([voucher.voucher.hotspot] * 5 + [author.some_hotspot()])
    return types.ChannelClaim(**head, hotspot=hotspot, voucher=voucher)


def _make_allot(author: Author, head: Head, owner: bytes) -> TransactionBody:
    channel_id = author.some_channel()
    signer = author.router_of(channel_id, owner)
    return types.ChannelAllot(**head, signer=signer, channel_id=channel_id, allotments=author.make_credits())


def _make_close(author: Author, head: Head, owner: bytes) -> TransactionBody:
    counts = author.random.choice([(), author.make_credits()])
    channel_id = author.some_channel()
    router = author.router_of(channel_id, owner)
    return types.ChannelClose(**head, router=router, channel_id=channel_id, counts=counts)


def _make_dispute(author: Author, head: Head, owner: bytes) -> TransactionBody:
    one = author.make_voucher()
    signer = next(
        (row.voucher_key for key, row in author.ahead.iterate(CHANNELS) if key == one.voucher.channel_id),
        author.somebody(),
    )
    other = sign_voucher(replace(one.voucher, total_data_credits=author.random.randrange(100)), KEYS[signer])
    return types.ChannelDispute(**head, one=one, other=other)


def _choose_approvers(author: Author) -> tuple[bytes, ...]:
    people = author.random.sample(PEOPLE[1:5], author.random.randrange(1, 4))
    return tuple(sorted(pair.public_key.binary for pair in people))


def _choose_height(author: Author) -> int:
    return author.context.height + author.random.choice([0, 2, 3, 60])


def _make_parameter_change(author: Author, head: Head, owner: bytes) -> TransactionBody:
    name, value = author.random.choice(
        [("max_payees", "2"), ("max_payees", "40"), ("hxt_price", "0"), ("no_such", "1"), ("max_payees", "x")]
    )
    return types.ParameterChange(
        **head,
        approvers=_choose_approvers(author),
        changes=(types.ChangedParameter(name, value),),
        activation_height=_choose_height(author),
    )


def _make_exclusion(author: Author, head: Head, owner: bytes) -> TransactionBody:
    hotspots = author.random.sample(HOTSPOT_KEYS, author.random.randrange(1, 3))
    return types.ExclusionSet(
        **head,
        approvers=_choose_approvers(author),
        hotspots=tuple(sorted(pair.public_key.binary for pair in hotspots)),
        until_epoch=author.random.choice([0, author.context.epoch + 2]),
        code=1,
        evidence_hash=HASH,
    )


def _make_auditor(author: Author, head: Head, owner: bytes) -> TransactionBody:
    kind = author.random.randrange(2)
    return types.AuditorSet(
        **head,
        approvers=_choose_approvers(author),
        auditor=author.somebody() if kind else author.some_hotspot(),
        kind=kind,
        until_epoch=author.random.choice([0, author.context.epoch + 2]),
    )


def _make_governance(author: Author, head: Head, owner: bytes) -> TransactionBody:
    keys = tuple(sorted(pair.public_key.binary for pair in PEOPLE[1:4]))
    return types.GovernanceChange(
        **head,
        approvers=_choose_approvers(author),
        keys=keys,
        threshold=author.random.choice([1, 2, 4]),
        price_reporters=(PEOPLE[author.random.randrange(4, 6)].public_key.binary,),
    )


def _make_rotation(author: Author, head: Head, owner: bytes) -> TransactionBody:
    # Never a valid one: the history would need another producer's key from there on.
    return types.ProducerRotate(**head, producer=owner, new_producer=author.somebody(), entropy_anchor=HASH)


def _make_stake(author: Author, head: Head, owner: bytes) -> TransactionBody:
    return types.ValidatorStake(**head, owner=owner, validator=author.somebody(), hxt=author.amount())


def _make_unstake(author: Author, head: Head, owner: bytes) -> TransactionBody:
    return types.ValidatorUnstake(**head, owner=owner, validator=author.somebody())


def _make_request(author: Author, head: Head, owner: bytes) -> TransactionBody:
    cell = author.random.choice(CELLS[2:])
    return types.CoverageRequest(
        **head,
        requester=owner,
        hex=h3.cell_to_parent(cell, author.random.choice([6, 8, 9])) if cell else 0,
        data_credits=author.random.choice([0, 10, 1_000]),
        epochs=author.random.choice([1, 3, 3_000]),
    )


def _make_sighting(author: Author, head: Head, owner: bytes) -> TransactionBody:
    return types.FieldSighting(
        **head,
        tester=owner,
        hotspot=author.some_hotspot(),
        location=author.random.choice(CELLS),
        rssi_dbm=author.random.randrange(-140, -60),
    )


def _make_evidence(author: Author, head: Head, owner: bytes) -> TransactionBody:
    one, other = (author.random.randbytes(author.random.randrange(80)) for _ in range(2))
    return types.FaultEvidence(**head, evidence=types.HeaderEquivocation(one, other))


_MAKERS: list[Callable[[Author, Head, bytes], TransactionBody]] = [
    _make_payment,
    _make_burn,
    _make_price,
    _make_joining,
    _make_location,
    _make_transfer,
    _make_rekey,
    _make_router,
    _make_router_transfer,
    _make_channel_open,
    _make_claim,
    _make_allot,
    _make_parameter_change,
    _make_exclusion,
    _make_auditor,
    _make_governance,
    _make_rotation,
    _make_stake,
    _make_unstake,
    _make_request,
    _make_sighting,
    _make_evidence,
]
_ENDINGS = [_make_retire, _make_router_retire, _make_dispute, _make_close, _make_close]
