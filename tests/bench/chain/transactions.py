"""Transactions per second, verified and applied durably: ``python -m tests.bench.chain.transactions``.

Blocks of payments between many accounts, as a node receives them from the producer, go through the real
engine into a real database (SQLite, synchronous=FULL): decoding, canonical form, signatures, nonce, fee,
balances, the books, events, Merkle root, state root, commit. What counts is the share of what Ed25519
verification alone does in the same run: transactions per second differ by machine and by who else is using
it. One process, bound to one core; then with the signature checks on all cores.

Options: --accounts 100000, --block 5000, --blocks 6, --profile (where the time of one core goes).
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import os
import pstats
import random
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

from msgspec.structs import replace
from nacl.bindings import crypto_sign_open

from chain.blocks.bundle import EMPTY_BUNDLE
from chain.blocks.engine import CheckedTransaction, SingleProducer
from chain.blocks.genesis import Chain, decode_genesis, write_genesis_state
from chain.blocks.header import decode_block, encode_block
from chain.keys import Keypair
from chain.ledger.balances import get_supply
from chain.ledger.state import MemoryStore, State
from chain.ledger.state_tree import StateTree
from chain.ledger.tables import ACCOUNTS, DATA_CREDITS, HXT, SUPPLY, Account
from chain.store.chain_store import ChainStore, Head
from chain.transactions import Payee, Payment, compute_transaction_id, sign_transaction, with_required_fee
from chain.transactions.encoding import compute_signing_bytes, decode_transaction, encode_transaction
from tests.unit.chain.home import LINKS, PRODUCER, make_genesis, make_parameters

SENDERS = 20_000
HXT_EACH, DATA_CREDITS_EACH = 10**12, 10**9


def make_chain(block: int) -> Chain:
    """A network without epochs in the way, whose blocks hold `block` payments."""
    parameters = make_parameters(
        max_block_bytes=64 * 2**20, max_block_transactions=block, epoch_ms=10**12, genesis_allocation_hxt=0
    )
    coverage = replace(parameters.coverage, round_ms=10**11)
    return decode_genesis(make_genesis(replace(parameters, coverage=coverage)))


def make_state(chain: Chain, accounts: list[bytes]) -> dict[bytes, bytes]:
    """The genesis with all accounts funded, books included."""
    memory = MemoryStore()
    state = State(memory)
    write_genesis_state(state, chain)
    for account in accounts:
        state.put(ACCOUNTS, account, Account(hxt=HXT_EACH, data_credits=DATA_CREDITS_EACH))
    for token, each in ((HXT, HXT_EACH), (DATA_CREDITS, DATA_CREDITS_EACH)):
        supply = get_supply(state, token)
        all_of_it = each * len(accounts)
        supply = replace(supply, minted=supply.minted + all_of_it, held=supply.held + all_of_it)
        state.put(SUPPLY, token, supply)
    memory.write(state.get_changes())
    return memory.pairs


def open_engine(
    folder: Path,
    chain: Chain,
    pairs: dict[bytes, bytes],
    is_producer: bool,
    verifiers: Executor | None = None,
) -> SingleProducer:
    store = ChainStore(folder / f"{os.urandom(4).hex()}.db")
    root = StateTree.build(pairs.items()).root
    head = Head(0, chain.genesis_hash, chain.genesis_time_ms, root)
    store.write_state(chain.genesis_hash, head, sorted(pairs.items()))
    if is_producer:
        return SingleProducer(chain, store, PRODUCER, LINKS)
    return SingleProducer(chain, store, verifiers=verifiers)


def make_payments(chain: Chain, accounts: list[bytes], count: int) -> list[CheckedTransaction]:
    rng = random.Random(1)
    senders = [Keypair(number.to_bytes(32, "big")) for number in range(1, SENDERS + 1)]
    nonces: dict[bytes, int] = {}
    made = []
    for _ in range(count):
        sender = rng.choice(senders)
        key = sender.public_key.binary
        nonces[key] = nonces.get(key, 0) + 1
        payee = rng.choice(accounts)
        while payee == key:
            payee = rng.choice(accounts)
        body = Payment(payer=key, nonce=nonces[key], fee=0, payees=(Payee(payee, rng.randrange(1, 10**6)),))
        body = with_required_fee(body, chain.genesis_parameters)
        signed = sign_transaction(chain.chain_id, body, [sender])
        id = compute_transaction_id(chain.chain_id, body)
        made.append(CheckedTransaction(id=id, raw=encode_transaction(signed), signed=signed))
    return made


def make_blocks(engine: SingleProducer, payments: list[CheckedTransaction], block: int) -> list[bytes]:
    """What the producer sends out."""
    made = []
    for start in range(0, len(payments), block):
        applied = engine.propose(payments[start : start + block], [], engine.head.time_ms + 1_000)
        assert len(applied.block.transactions) == block
        engine.commit(applied)
        made.append(encode_block(applied.block))
    return made


def follow(engine: SingleProducer, raw: bytes) -> None:
    engine.commit(engine.apply(decode_block(raw), EMPTY_BUNDLE))


class Stopwatch:
    """Seconds by the clock and of CPU, added up."""

    def __init__(self) -> None:
        self.wall_s = self.cpu_s = 0.0

    def run(self, job: Callable[..., object], *arguments: object) -> None:
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        job(*arguments)
        self.wall_s += time.perf_counter() - wall_s
        self.cpu_s += time.process_time() - cpu_s


def list_signatures(chain: Chain, payments: list[CheckedTransaction]) -> list[tuple[bytes, bytes]]:
    signed = [decode_transaction(payment.raw) for payment in payments]
    return [
        (one.signatures[0] + compute_signing_bytes(chain.chain_id, one.body), one.body.payer[1:])
        for one in signed
    ]


def verify(signatures: list[tuple[bytes, bytes]]) -> None:
    for message, key in signatures:
        crypto_sign_open(message, key)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--block", type=int, default=5_000)
    parser.add_argument("--blocks", type=int, default=6)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    cores = os.sched_getaffinity(0)
    chain = make_chain(options.block)
    rng = random.Random(2)
    strangers = [b"\x11" + rng.randbytes(32) for _ in range(options.accounts - SENDERS)]
    accounts = [
        Keypair(number.to_bytes(32, "big")).public_key.binary for number in range(1, SENDERS + 1)
    ] + strangers
    pairs = make_state(chain, accounts)
    payments = make_payments(chain, accounts, options.block * options.blocks)
    signatures = list_signatures(chain, payments)
    count = len(payments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        producer = open_engine(folder, chain, pairs, is_producer=True)
        blocks = make_blocks(producer, payments, options.block)
        print(f"{options.blocks} blocks of {options.block:,} payments between {options.accounts:,} accounts")

        os.sched_setaffinity(0, {min(cores)})
        engine = open_engine(folder, chain, pairs, is_producer=False)
        if options.profile:
            profile = cProfile.Profile()
            for raw in blocks:
                profile.runcall(follow, engine, raw)
            pstats.Stats(profile).sort_stats("tottime").print_stats(45)
            return
        gc.collect()
        gc.freeze()  # what this benchmark made is no garbage that the node would have to look through
        # Block by block in turns, so that whoever else uses the machine slows both down alike.
        alone, applied = Stopwatch(), Stopwatch()
        for number, raw in enumerate(blocks):
            alone.run(verify, signatures[number * options.block : (number + 1) * options.block])
            applied.run(follow, engine, raw)
        assert engine.head == producer.head
        print(f"Ed25519 alone, one core        {count / alone.wall_s:7.0f} /s")
        print(
            f"verified, applied, durable     {count / applied.wall_s:7.0f} /s   "
            f"{alone.wall_s / applied.wall_s:.0%} (by CPU time {alone.cpu_s / applied.cpu_s:.0%})"
        )

        os.sched_setaffinity(0, cores)
        alone, applied = Stopwatch(), Stopwatch()
        with ThreadPoolExecutor(len(cores)) as verifiers:
            engine = open_engine(folder, chain, pairs, is_producer=False, verifiers=verifiers)
            for number, raw in enumerate(blocks):
                alone.run(verify, signatures[number * options.block : (number + 1) * options.block])
                applied.run(follow, engine, raw)
        assert engine.head == producer.head
        print(
            f"with signatures on {len(cores)} cores     {count / applied.wall_s:7.0f} /s   "
            f"{alone.wall_s / applied.wall_s:.0%} of Ed25519 on one"
        )


if __name__ == "__main__":
    main()
