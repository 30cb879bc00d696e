"""A chain on disk for tests: a genesis with known keys, a store, an engine; make blocks at chosen times."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from chain.blocks.engine import AppliedBlock, SingleProducer
from chain.blocks.entropy import LinkChain
from chain.blocks.genesis import Genesis, decode_genesis, encode_genesis
from chain.blocks.header import decode_block, encode_block
from chain.blocks.reports import ReceivedReport
from chain.keys import Keypair
from chain.ledger.parameters import Parameters
from chain.ledger.state import State
from chain.ledger.tables import get_account
from chain.store.chain_store import ChainStore
from chain.transactions import Payee, Payment, TransactionBody, build_transaction
from tests.unit.chain.world import make_key

GENESIS_MS = 1_700_000_000_000
PRODUCER, FAUCET = make_key(901), make_key(902)
SEED = b"\x05" * 32
#: Computing a chain takes a tenth of a second; the tests share one.
LINKS = LinkChain(SEED)


def make_parameters(**changes: Any) -> Parameters:
    """Rounds of 10 s, epochs of 30 s, blocks of 1 s; all coverage is paid, two epochs later."""
    parameters = Parameters(
        audit_period_epochs=0,
        escrow_epochs=2,
        block_interval_ms=1_000,
        epoch_ms=30_000,
        faucet_hxt=100 * 10**8,
        genesis_allocation_hxt=1_000_000 * 10**8,
    )
    coverage = replace(parameters.coverage, round_ms=10_000, opening_ms=2_500, beacon_period_rounds=1)
    return replace(parameters, coverage=coverage, **changes)


def make_genesis(parameters: Parameters | None = None, **changes: Any) -> bytes:
    genesis = Genesis(
        chain_id="hexhaul-unit",
        network="test",
        time_ms=GENESIS_MS,
        producer=PRODUCER.public_key.address,
        entropy_anchor=LINKS.get_anchor().hex(),
        faucet=FAUCET.public_key.address,
        parameters=parameters or make_parameters(),
    )
    return encode_genesis(replace(genesis, **changes))


class Home:
    """One node's store and engine, without clock, sockets or threads."""

    def __init__(
        self, folder: Path, genesis: bytes | None = None, is_producer: bool = True, name: str = "chain"
    ) -> None:
        self.chain = decode_genesis(genesis or make_genesis())
        self.path = folder / f"{name}.db"
        self.is_producer = is_producer
        self.open()

    def open(self) -> None:
        self.store = ChainStore(self.path)
        key, links = (PRODUCER, LINKS) if self.is_producer else (None, None)
        self.engine = SingleProducer(self.chain, self.store, key, links)

    def reopen(self) -> None:
        self.store.close()
        self.open()

    @property
    def state(self) -> State:
        return State(self.store.readable)

    @property
    def now_ms(self) -> int:
        return self.engine.head.time_ms

    def build(self, body: TransactionBody, *keys: Keypair) -> bytes:
        """Fill in the payer's next nonce and the fee, and sign."""
        nonce = get_account(self.state, body.payer).nonce + 1
        return build_transaction(
            replace(body, nonce=nonce), self.chain.chain_id, self.chain.genesis_parameters, keys
        )

    def build_payment(self, payee: bytes, hxt: int = 10**8) -> bytes:
        payer = FAUCET.public_key.binary
        return self.build(Payment(payer=payer, nonce=1, fee=0, payees=(Payee(payee, hxt),)), FAUCET)

    def propose(
        self, *transactions: bytes, reports: Sequence[ReceivedReport] = (), after_ms: int = 1_000
    ) -> AppliedBlock:
        checked = [self.engine.check(raw) for raw in transactions]
        return self.engine.propose(checked, reports, self.now_ms + after_ms)

    def make_block(
        self, *transactions: bytes, reports: Sequence[ReceivedReport] = (), after_ms: int = 1_000
    ) -> AppliedBlock:
        applied = self.propose(*transactions, reports=reports, after_ms=after_ms)
        self.engine.commit(applied)
        return applied

    def follow(self, made: AppliedBlock) -> AppliedBlock:
        """Check, apply and commit a block that another node made."""
        applied = self.engine.apply(decode_block(encode_block(made.block)), made.bundle)
        self.engine.commit(applied)
        return applied
