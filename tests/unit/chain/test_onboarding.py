"""The onboarding payer: pays for newcomers, and for nothing else, whoever signs what."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import h3.api.basic_int as h3
import pytest
from msgspec.structs import replace

from chain.keys import Keypair
from chain.ledger.tables import HOTSPOTS, get_account
from chain.node import onboarding
from chain.node.node import Node
from chain.node.onboarding import OnboardingPayer
from chain.transactions import (
    Burn,
    HotspotAdd,
    InvalidTransaction,
    LocationAssert,
    Payee,
    Payment,
    Reason,
    SignedTransaction,
    TransactionBody,
    encode_transaction,
    get_signers,
    sign_transaction,
    with_required_fee,
)
from chain.transactions.encoding import compute_signing_bytes
from tests.unit.chain.home import FAUCET
from tests.unit.chain.test_node import Running
from tests.unit.chain.world import make_key

OWNER, HOTSPOT, OTHER = make_key(1), make_key(2), make_key(3)
CELL = h3.latlng_to_cell(52.5, 13.4, 12)


class Desk:
    """A running node with its onboarding payer."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.payer = OnboardingPayer(node, FAUCET)
        self.chain = node.chain

    def head(self) -> dict[str, Any]:
        offer = self.payer.get_offer()
        assert offer.payer == FAUCET.public_key.address
        return {"payer": FAUCET.public_key.binary, "nonce": offer.next_nonce, "fee": 0}

    def add(self, hotspot: Keypair = HOTSPOT, owner: Keypair = OWNER, **changes: Any) -> HotspotAdd:
        body = HotspotAdd(**self.head(), owner=owner.public_key.binary, hotspot=hotspot.public_key.binary)
        return replace(with_required_fee(body, self.node.parameters), **changes)

    def place(self, hotspot: Keypair = HOTSPOT, owner: Keypair = OWNER, **changes: Any) -> LocationAssert:
        body = LocationAssert(
            **self.head(),
            owner=owner.public_key.binary,
            hotspot=hotspot.public_key.binary,
            location=CELL,
            gain_ddbi=12,
            elevation_m=5,
        )
        return replace(with_required_fee(body, self.node.parameters), **changes)

    def sign(self, body: TransactionBody, *keys: Keypair) -> bytes:
        """Sign with some keys; the others' signatures are empty."""
        message = compute_signing_bytes(self.chain.chain_id, body)
        given = {key.public_key.binary: key.sign(message) for key in keys}
        signatures = tuple(given.get(key, b"") for key in get_signers(body))
        return encode_transaction(SignedTransaction(body, signatures))

    async def settle(self, id: bytes) -> None:
        while self.node.mempool.has_transaction(id):
            await self.node.wait_for_block_after(self.node.engine.head.height)
        outcome = self.node.store.get_outcome(id)
        assert outcome is not None and outcome.included, outcome

    async def refuse(self, raw: bytes, code: Reason, says: str = "") -> None:
        before = get_account(self.node.get_state(), FAUCET.public_key.binary)
        with pytest.raises(InvalidTransaction, match=says or None) as caught:
            await self.payer.sponsor(raw)
        assert caught.value.code is code, caught.value
        assert get_account(self.node.get_state(), FAUCET.public_key.binary) == before
        assert self.node.mempool.transactions == 0


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    running = Running(tmp_path)
    yield Desk(await running.start())
    await running.node.stop()


async def test_a_newcomer_gets_hotspot_and_place(desk: Desk) -> None:
    raw = desk.sign(desk.add(), OWNER, HOTSPOT)
    id = await desk.payer.sponsor(raw)
    assert await desk.payer.sponsor(raw) == id  # asked twice while it waits
    await desk.settle(id)
    assert await desk.payer.sponsor(raw) == id  # and once it is done
    await desk.settle(await desk.payer.sponsor(desk.sign(desk.place(), OWNER)))
    state = desk.node.get_state()
    assert state.get(HOTSPOTS, HOTSPOT.public_key.binary).location == CELL
    owner = get_account(state, OWNER.public_key.binary)
    assert (owner.hxt, owner.data_credits, owner.nonce) == (0, 0, 0)
    again = desk.sign(desk.place(gain_ddbi=30), OWNER)
    await desk.refuse(again, Reason.NOT_SPONSORED, "location already")


async def test_so_many_for_one_owner_those_that_wait_counted(desk: Desk) -> None:
    for number in range(onboarding.HOTSPOTS_PER_OWNER):
        hotspot = make_key(100 + number)
        id = await desk.payer.sponsor(desk.sign(desk.add(hotspot), OWNER, hotspot))
    await desk.settle(id)
    raw = desk.sign(desk.add(), OWNER, HOTSPOT)
    await desk.refuse(raw, Reason.NOT_SPONSORED, "has 3 hotspots already: 3 are paid for")
    await desk.settle(await desk.payer.sponsor(desk.sign(desk.add(owner=OTHER), OTHER, HOTSPOT)))


async def test_so_many_in_a_minute(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onboarding, "TRANSACTIONS_PER_MINUTE", 1)
    now = [1_700_000_000_000]
    monkeypatch.setattr(onboarding, "get_time_ms", lambda: now[0])
    await desk.settle(await desk.payer.sponsor(desk.sign(desk.add(), OWNER, HOTSPOT)))
    now[0] += 59_999
    raw = desk.sign(desk.place(), OWNER)
    await desk.refuse(raw, Reason.ACCOUNT_LIMIT, "ask again in a minute")
    now[0] += 1
    await desk.settle(await desk.payer.sponsor(raw))


async def test_what_it_does_not_pay_for(desk: Desk) -> None:
    head, parameters = desk.head(), desk.node.parameters
    stolen = with_required_fee(Payment(**head, payees=(Payee(OWNER.public_key.binary, 10**8),)), parameters)
    burnt = with_required_fee(Burn(**head, payee=OWNER.public_key.binary, hxt=10**8), parameters)
    for body in (stolen, burnt):
        await desk.refuse(desk.sign(body), Reason.NOT_SPONSORED, "only hotspots that join")
    for body in (
        desk.add(payer=OWNER.public_key.binary),
        desk.add(owner=FAUCET),
        desk.add(hotspot=FAUCET),
        desk.add(fee=desk.add().fee + 1),
        desk.place(fee=10**9),
        desk.place(payer=OTHER.public_key.binary),
        desk.place(owner=FAUCET),
    ):
        await desk.refuse(desk.sign(body, OWNER, HOTSPOT, OTHER), Reason.NOT_SPONSORED)


async def test_all_others_must_have_signed(desk: Desk) -> None:
    for keys, says in (
        ((), "must sign before"),
        ((OWNER,), "must sign before"),
        ((HOTSPOT,), "must sign before"),
    ):
        await desk.refuse(desk.sign(desk.add(), *keys), Reason.BAD_SIGNATURE, says)
    body = desk.add()
    forged = SignedTransaction(body, (b"", OTHER.sign(b"x"), HOTSPOT.sign(b"x")))
    await desk.refuse(encode_transaction(forged), Reason.BAD_SIGNATURE, "altered bytes")
    other_chain = sign_transaction("another-chain", body, [FAUCET, OWNER, HOTSPOT])
    await desk.refuse(encode_transaction(other_chain), Reason.BAD_SIGNATURE)
    short = SignedTransaction(body, (b"", b""))
    await desk.refuse(encode_transaction(short), Reason.WRONG_SIGNATURE_COUNT)


async def test_what_the_rules_refuse(desk: Desk) -> None:
    nonce = desk.payer.get_offer().next_nonce
    await desk.refuse(desk.sign(desk.add(nonce=nonce + 1), OWNER, HOTSPOT), Reason.NONCE_GAP)
    await desk.refuse(desk.sign(desk.add(fee=1), OWNER, HOTSPOT), Reason.FEE_TOO_LOW)
    await desk.refuse(desk.sign(desk.place(), OWNER), Reason.UNKNOWN_HOTSPOT)
    await desk.settle(await desk.payer.sponsor(desk.sign(desk.add(), OWNER, HOTSPOT)))
    await desk.refuse(desk.sign(desk.place(owner=OTHER), OTHER), Reason.NOT_OWNER)
    await desk.refuse(desk.sign(desk.add(owner=OTHER), OTHER, HOTSPOT), Reason.HOTSPOT_EXISTS)
    for raw in (b"", b"\xff", b"\x92\x01"):
        await desk.refuse(raw, Reason.MALFORMED)


async def test_signatures_of_the_payer_are_its_own(desk: Desk) -> None:
    """Whatever stands in its place is checked as any other, and replaced."""
    body = desk.add()
    message = compute_signing_bytes(desk.chain.chain_id, body)
    wrong = (OTHER.sign(message), OWNER.sign(message), HOTSPOT.sign(message))
    await desk.refuse(encode_transaction(SignedTransaction(body, wrong)), Reason.BAD_SIGNATURE)
