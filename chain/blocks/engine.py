"""The engine: what decides which block comes next, and the four steps that any such engine drives.

    check     may this transaction enter the mempool?      (CometBFT: CheckTx)
    propose   make a block of what is pending              (PrepareProposal)
    apply     run a block on the committed state           (FinalizeBlock)
    commit    make it durable and the new state            (Commit)

All four are deterministic given state, bytes and block time, so that a replicated engine can drive the same
ledger. Today there is one: `SingleProducer`, one key named in the genesis. Its users trust it to include
what they send and not to leave reports out; they need not trust it with amounts, signatures or verdicts,
which everybody can recompute.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Protocol

import msgspec

from chain.blocks.application import (
    Boundaries,
    InvalidBlock,
    compute_boundaries,
    get_open_round,
    process_books,
    process_boundaries,
    process_received_report,
)
from chain.blocks.entropy import LinkChain, get_entropy_source
from chain.blocks.genesis import Chain, write_genesis_state
from chain.blocks.header import (
    Block,
    Header,
    compute_block_hash,
    compute_reports_root,
    compute_transactions_root,
    encode_block,
    is_header_signed,
    sign_header,
)
from chain.blocks.reports import ReceivedReport, compute_report_id
from chain.keys.keypair import Keypair
from chain.ledger.conservation import BooksDontAddUp, recount
from chain.ledger.context import BlockContext
from chain.ledger.events import Event
from chain.ledger.process_transaction import process_transaction
from chain.ledger.state import Changes, State, compute_state_digest
from chain.store.chain_store import BlockCommit, ChainStore, Head, Outcome, StoreError
from chain.transactions.encoding import compute_transaction_id, decode_transaction
from chain.transactions.reasons import InvalidTransaction, Reason
from chain.transactions.signing import verify_signatures
from chain.transactions.types import SignedTransaction

log = logging.getLogger(__name__)


class CheckedTransaction(msgspec.Struct, frozen=True):
    """A transaction whose encoding and signatures are good."""

    id: bytes
    raw: bytes
    signed: SignedTransaction


class AppliedBlock(msgspec.Struct, frozen=True, kw_only=True):
    """A block with what it does, ready to be committed."""

    block: Block
    head: Head
    changes: Changes
    events: list[Event]
    outcomes: list[Outcome]
    """Of its transactions, and of those that were left out as invalid when it was made here."""
    settled_reports: list[bytes]
    """Ids of the reports in it, and of those that were dropped when it was made here."""


class Engine(Protocol):
    """What the node drives. `check` may run in another thread than the rest."""

    chain: Chain

    def check(self, raw: bytes) -> CheckedTransaction:
        """Check encoding and signatures. Raises InvalidTransaction."""
        ...

    def propose(
        self, transactions: Sequence[CheckedTransaction], reports: Sequence[ReceivedReport], time_ms: int
    ) -> AppliedBlock:
        """Make the next block of the pending ones, first come first served, and apply it."""
        ...

    def apply(self, block: Block) -> AppliedBlock:
        """Check a block completely and run it. Raises InvalidBlock, BooksDontAddUp."""
        ...

    def commit(self, applied: AppliedBlock) -> None:
        """Make it durable."""
        ...


class SingleProducer:
    """One producer makes all blocks; without its keys the same class only applies them."""

    def __init__(
        self, chain: Chain, store: ChainStore, key: Keypair | None = None, links: LinkChain | None = None
    ) -> None:
        """Write the genesis into a new store; check and recount an existing one.

        Raises StoreError where the store is another network's, BooksDontAddUp where its books are wrong.
        """
        self.chain = chain
        self._store = store
        self._key = key
        self._links = links
        self._head = self._open()

    def _open(self) -> Head:
        known = self._store.get_genesis_hash()
        if known is None:
            state = State(self._store.committed)
            write_genesis_state(state, self.chain)
            changes = state.get_changes()
            digest = compute_state_digest(bytes(32), changes)
            head = Head(0, self.chain.genesis_hash, self.chain.genesis_time_ms, digest)
            self._store.write_genesis(self.chain.genesis_hash, head, changes)
        elif known != self.chain.genesis_hash:
            raise StoreError(
                f"database {self._store.path} belongs to network {known.hex()[:16]}..., the genesis file is "
                f"{self.chain.genesis_hash.hex()[:16]}...: use the matching one, or another data directory"
            )
        recount(State(self._store.committed))
        return self._store.get_head()

    @property
    def head(self) -> Head:
        """The last committed block."""
        return self._head

    def check(self, raw: bytes) -> CheckedTransaction:
        signed = decode_transaction(raw)
        verify_signatures(self.chain.chain_id, signed)
        return CheckedTransaction(
            id=compute_transaction_id(self.chain.chain_id, signed.body), raw=raw, signed=signed
        )

    def propose(
        self, transactions: Sequence[CheckedTransaction], reports: Sequence[ReceivedReport], time_ms: int
    ) -> AppliedBlock:
        if self._key is None or self._links is None:
            raise InvalidBlock("this node has no producer key: it can't make blocks")
        state, context, boundaries = self._begin(time_ms)
        events: list[Event] = []
        outcomes: list[Outcome] = []
        taken: list[bytes] = []
        room = self.chain.parameters.max_block_bytes // 2
        for transaction in transactions[: self.chain.parameters.max_block_transactions]:
            if len(transaction.raw) > room:
                break
            outcome = self._try_transaction(state, context, transaction, events)
            outcomes.append(outcome)
            if outcome.included:
                taken.append(transaction.raw)
                room -= len(transaction.raw)
        taken_reports, settled = self._try_reports(state, context, reports, events)
        reveal = self._links.get_reveal(get_entropy_source(state)) if boundaries.closes_round else b""
        events += process_boundaries(state, self.chain, context, boundaries, reveal)
        changes, digest = self._finish(state, boundaries)
        header = sign_header(
            Header(
                chain_id=self.chain.chain_id,
                height=context.height,
                previous_hash=self._head.hash,
                time_ms=time_ms,
                producer=self._key.public_key.binary,
                transactions_root=compute_transactions_root(tuple(taken)),
                reports_root=compute_reports_root(tuple(taken_reports)),
                state_digest=digest,
                entropy_reveal=reveal,
            ),
            self._key,
        )
        return AppliedBlock(
            block=Block(header=header, transactions=tuple(taken), reports=tuple(taken_reports)),
            head=Head(header.height, compute_block_hash(header), time_ms, digest),
            changes=changes,
            events=events,
            outcomes=outcomes,
            settled_reports=settled,
        )

    def apply(self, block: Block) -> AppliedBlock:
        header = block.header
        self._check_header(block)
        state, context, boundaries = self._begin(header.time_ms)
        events: list[Event] = []
        outcomes: list[Outcome] = []
        for raw in block.transactions:
            try:
                checked = self.check(raw)
                events += process_transaction(state, checked.signed.body, context)
            except InvalidTransaction as error:
                raise InvalidBlock(f"block {header.height} has an invalid transaction: {error}") from error
            outcomes.append(Outcome(checked.id, header.height, True))
        for report in block.reports:
            events += process_received_report(state, report, self.chain, context)
        events += process_boundaries(state, self.chain, context, boundaries, header.entropy_reveal)
        changes, digest = self._finish(state, boundaries)
        if digest != header.state_digest:
            raise InvalidBlock(
                f"block {header.height} says state {header.state_digest.hex()}, it gives {digest.hex()}"
            )
        return AppliedBlock(
            block=block,
            head=Head(header.height, compute_block_hash(header), header.time_ms, digest),
            changes=changes,
            events=events,
            outcomes=outcomes,
            settled_reports=[compute_report_id(r.kind, r.report_bytes) for r in block.reports],
        )

    def commit(self, applied: AppliedBlock) -> None:
        if applied.head.height != self._head.height + 1:
            raise InvalidBlock(f"block {applied.head.height} doesn't follow {self._head.height}")
        self._store.commit_block(
            BlockCommit(
                head=applied.head,
                raw=encode_block(applied.block),
                changes=applied.changes,
                events=applied.events,
                outcomes=applied.outcomes,
                settled_reports=applied.settled_reports,
            )
        )
        self._head = applied.head

    def _begin(self, time_ms: int) -> tuple[State, BlockContext, Boundaries]:
        if time_ms <= self._head.time_ms:
            raise InvalidBlock(f"block time {time_ms} isn't after the last block's {self._head.time_ms}")
        state = State(self._store.committed)
        round = get_open_round(state)
        context = self.chain.get_context(self._head.height + 1, time_ms, round)
        return state, context, compute_boundaries(self.chain, round, time_ms)

    def _finish(self, state: State, boundaries: Boundaries) -> tuple[Changes, bytes]:
        process_books(state, boundaries)
        changes = state.get_changes()
        return changes, compute_state_digest(self._head.state_digest, changes)

    def _try_transaction(
        self, state: State, context: BlockContext, transaction: CheckedTransaction, events: list[Event]
    ) -> Outcome:
        try:
            events += process_transaction(state, transaction.signed.body, context)
        except InvalidTransaction as error:
            return Outcome(transaction.id, context.height, False, error.code, error.message)
        except BooksDontAddUp:
            raise
        except Exception:
            # A fault of ours must not stop the chain for everybody: this one is left out, loudly.
            log.exception("transaction %s failed in a way that no rule foresees", transaction.id.hex())
            return Outcome(
                transaction.id, context.height, False, Reason.INTERNAL_ERROR, "the node failed on it"
            )
        return Outcome(transaction.id, context.height, True)

    def _try_reports(
        self, state: State, context: BlockContext, reports: Sequence[ReceivedReport], events: list[Event]
    ) -> tuple[list[ReceivedReport], list[bytes]]:
        """Run reports that arrived up to the block's time; returns those taken and the ids of all that are
        settled.
        """
        taken: list[ReceivedReport] = []
        settled: list[bytes] = []
        room = self.chain.parameters.max_block_bytes // 2
        for report in reports[: self.chain.parameters.max_block_reports]:
            if report.received_at_ms > context.time_ms:
                continue
            if len(report.report_bytes) > room:
                break
            settled.append(compute_report_id(report.kind, report.report_bytes))
            try:
                events += process_received_report(state, report, self.chain, context)
            except Exception:
                log.exception("report %s failed in a way that no rule foresees", settled[-1].hex())
                continue
            taken.append(report)
            room -= len(report.report_bytes)
        return taken, settled

    def _check_header(self, block: Block) -> None:
        header = block.header
        checks = {
            "chain id": header.chain_id == self.chain.chain_id,
            "height": header.height == self._head.height + 1,
            "previous hash": header.previous_hash == self._head.hash,
            "producer": header.producer == self.chain.producer.binary,
            "transactions root": header.transactions_root == compute_transactions_root(block.transactions),
            "reports root": header.reports_root == compute_reports_root(block.reports),
            "number of transactions": len(block.transactions) <= self.chain.parameters.max_block_transactions,
            "number of reports": len(block.reports) <= self.chain.parameters.max_block_reports,
            "bytes of transactions": sum(map(len, block.transactions))
            <= self.chain.parameters.max_block_bytes // 2,
            "bytes of reports": sum(len(r.report_bytes) for r in block.reports)
            <= self.chain.parameters.max_block_bytes // 2,
        }
        wrong = [name for name, is_right in checks.items() if not is_right]
        if wrong:
            raise InvalidBlock(f"block {header.height} has a wrong {', '.join(wrong)}")
        if not is_header_signed(header):
            raise InvalidBlock(f"block {header.height} isn't signed by its producer")
