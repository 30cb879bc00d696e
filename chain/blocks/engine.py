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
from concurrent.futures import Executor
from threading import Lock
from typing import Protocol

import msgspec

from chain.blocks.application import (
    Boundaries,
    InvalidBlock,
    compute_boundaries,
    get_open_round,
    process_block_start,
    process_books,
    process_boundaries,
    process_received_report,
)
from chain.blocks.block_events import compute_events_digest, encode_events
from chain.blocks.bundle import Bundle, compute_bundle_root, encode_bundle
from chain.blocks.entropy import LinkChain, get_entropy_source
from chain.blocks.genesis import Chain, write_genesis_state
from chain.blocks.header import (
    Block,
    Header,
    compute_block_hash,
    compute_transactions_root,
    encode_block,
    is_header_signed,
    sign_header,
)
from chain.blocks.limits import compute_report_room, compute_transaction_rooms, get_class
from chain.blocks.reports import ReceivedReport, compute_report_id
from chain.governance.producer import get_producer
from chain.keys.keypair import Keypair
from chain.keys.public_key import PublicKey
from chain.ledger.conservation import BooksDontAddUp, recount
from chain.ledger.context import BlockContext
from chain.ledger.current_parameters import get_protocol_version
from chain.ledger.events import Event
from chain.ledger.process_transaction import process_transaction
from chain.ledger.state import Changes, State
from chain.ledger.state_tree import StateProof, StateTree, TreeUpdate
from chain.ledger.tables import ACCOUNTS
from chain.store.chain_store import BlockCommit, ChainStore, Head, Outcome, StoredBundle, StoreError
from chain.transactions.encoding import compute_transaction_id, decode_transaction
from chain.transactions.reasons import InvalidTransaction, Reason
from chain.transactions.signing import verify_signatures
from chain.transactions.types import Payment, SignedTransaction

log = logging.getLogger(__name__)

#: Versions of the rules that this release can make and check blocks by.
KNOWN_PROTOCOL_VERSIONS = frozenset({1})


#: So many signatures are checked in one thread before it looks for more.
_TRANSACTIONS_PER_CHUNK = 250


class UnknownRules(Exception):
    """The network follows rules that this release doesn't have; the message says what to do."""


class NotProducer(Exception):
    """This node's key makes no blocks (any more); the message says whose does."""


class CheckedTransaction(msgspec.Struct, frozen=True):
    """A transaction whose encoding and signatures are good."""

    id: bytes
    raw: bytes
    signed: SignedTransaction


class AppliedBlock(msgspec.Struct, frozen=True, kw_only=True):
    """A block with what it does, ready to be committed."""

    block: Block
    bundle: Bundle
    """The block's reports."""
    epoch: int
    """The epoch that the block belongs to: the one that was open when it began."""
    oldest_bundle_epoch: int
    """Bundles of earlier epochs may go."""
    head: Head
    changes: Changes
    tree_update: TreeUpdate
    """What the changes make of the state tree; its root is in the header."""
    events: list[Event]
    encoded_events: bytes
    outcomes: list[Outcome]
    """Of its transactions, and of those that were left out as invalid when it was made here."""
    settled_reports: list[bytes]
    """Ids of the reports in it, and of those that were dropped when it was made here."""


def prefetch_accounts(state: State, transactions: Sequence[CheckedTransaction]) -> None:
    """Read the accounts that transactions will look at, all at once: one by one takes far longer."""
    keys: set[bytes] = set()
    for transaction in transactions:
        body = transaction.signed.body
        keys.add(body.payer)
        if isinstance(body, Payment):
            keys.update(payee.account for payee in body.payees)
    state.prefetch(ACCOUNTS, keys)


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

    def apply(self, block: Block, bundle: Bundle) -> AppliedBlock:
        """Check a block and its reports completely and run it. Raises InvalidBlock, BooksDontAddUp."""
        ...

    def commit(self, applied: AppliedBlock) -> None:
        """Make it durable."""
        ...


class SingleProducer:
    """One producer makes all blocks; without its keys the same class only applies them."""

    def __init__(
        self,
        chain: Chain,
        store: ChainStore,
        key: Keypair | None = None,
        links: LinkChain | None = None,
        verifiers: Executor | None = None,
    ) -> None:
        """Write the genesis into a new store; check and recount an existing one. The signatures of a block
        that comes from elsewhere are checked in `verifiers` where given: threads, since the check lets go of
        the interpreter.

        Raises StoreError where the store is another network's or its rows don't give the last block's state
        root, BooksDontAddUp where its books are wrong.
        """
        self.chain = chain
        self._store = store
        self._key = key
        self._links = links
        self._verifiers = verifiers
        self._tree_lock = Lock()
        """Held where tree and head change, and where another thread looks at both."""
        self._tree = StateTree(chain.genesis_parameters.state_tree_bits)
        self._head = self._open()

    def _open(self) -> Head:
        known = self._store.get_genesis_hash()
        if known is None:
            self._write_genesis()
        elif known != self.chain.genesis_hash:
            raise StoreError(
                f"database {self._store.path} belongs to network {known.hex()[:16]}..., the genesis file is "
                f"{self.chain.genesis_hash.hex()[:16]}...: use the matching one, or another data directory"
            )
        with self._store.open_view() as view:
            head = view.head
            self._tree = StateTree.build(view.iterate_all(), self.chain.genesis_parameters.state_tree_bits)
        if self._tree.root != head.state_root:
            raise StoreError(
                f"database {self._store.path} is damaged: its rows give state root {self._tree.root.hex()}, "
                f"block {head.height} says {head.state_root.hex()}. Restore a backup, or move the file away "
                "and take the state from a snapshot or from the blocks of another node"
            )
        recount(State(self._store.committed))
        return head

    def _write_genesis(self) -> None:
        state = State(self._store.committed)
        write_genesis_state(state, self.chain)
        changes = state.get_changes()
        root = self._tree.compute_update(changes).root
        head = Head(0, self.chain.genesis_hash, self.chain.genesis_time_ms, root)
        self._store.write_genesis(self.chain.genesis_hash, head, changes)

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
        state, context, boundaries, events = self._begin(time_ms)
        producer = get_producer(state)
        if producer.key != self._key.public_key.binary:
            raise NotProducer(
                f"{self._key.public_key.address} is not the producer: from block {producer.since_height} on "
                f"{PublicKey.from_binary(producer.key).address} makes the blocks; run the node with that key "
                "and its entropy seed"
            )
        taken, outcomes = self._try_transactions(state, context, transactions, events)
        bundle, settled = self._try_reports(state, context, reports, events)
        reveal = self._links.get_reveal(get_entropy_source(state)) if boundaries.closes_round else b""
        events += process_boundaries(state, self.chain, context, boundaries, reveal)
        process_books(state, boundaries)
        changes = state.get_changes()
        tree_update = self._tree.compute_update(changes)
        encoded_events = encode_events(events)
        header = sign_header(
            Header(
                chain_id=self.chain.chain_id,
                height=context.height,
                previous_hash=self._head.hash,
                time_ms=time_ms,
                producer=self._key.public_key.binary,
                protocol_version=get_protocol_version(state),
                transactions_root=compute_transactions_root(taken),
                bundle_root=compute_bundle_root(bundle.reports),
                events_digest=compute_events_digest(encoded_events),
                state_root=tree_update.root,
                entropy_reveal=reveal,
            ),
            self._key,
        )
        return AppliedBlock(
            block=Block(header=header, transactions=tuple(taken)),
            bundle=bundle,
            epoch=context.epoch,
            oldest_bundle_epoch=context.epoch - context.parameters.bundle_epochs,
            head=Head(header.height, compute_block_hash(header), time_ms, tree_update.root),
            changes=changes,
            tree_update=tree_update,
            events=events,
            encoded_events=encoded_events,
            outcomes=outcomes,
            settled_reports=settled,
        )

    def apply(self, block: Block, bundle: Bundle) -> AppliedBlock:
        header = block.header
        self._check_header(block, bundle)
        state, context, boundaries, events = self._begin(header.time_ms)
        producer = get_producer(state).key
        if header.producer != producer:
            raise InvalidBlock(
                f"block {header.height} has a wrong producer: {header.producer.hex()} made it, but it is "
                f"{producer.hex()}'s turn"
            )
        version = get_protocol_version(state)
        if header.protocol_version != version:
            raise InvalidBlock(
                f"block {header.height} has protocol version {header.protocol_version}, in force is {version}"
            )
        outcomes: list[Outcome] = []
        transactions = self._check_transactions(block, context)
        prefetch_accounts(state, transactions)
        for position, checked in enumerate(transactions):
            try:
                events += process_transaction(state, checked.signed.body, context)
            except InvalidTransaction as error:
                raise InvalidBlock(f"block {header.height} has an invalid transaction: {error}") from error
            outcomes.append(Outcome(checked.id, header.height, position))
        self._check_report_room(bundle, context)
        for report in bundle.reports:
            events += process_received_report(state, report, self.chain, context)
        events += process_boundaries(state, self.chain, context, boundaries, header.entropy_reveal)
        process_books(state, boundaries)
        changes = state.get_changes()
        tree_update = self._tree.compute_update(changes)
        if tree_update.root != header.state_root:
            raise InvalidBlock(
                f"block {header.height} says state root {header.state_root.hex()}, it gives "
                f"{tree_update.root.hex()}"
            )
        encoded_events = encode_events(events)
        digest = compute_events_digest(encoded_events)
        if digest != header.events_digest:
            raise InvalidBlock(
                f"block {header.height} says events {header.events_digest.hex()}, it gives {digest.hex()}"
            )
        return AppliedBlock(
            block=block,
            bundle=bundle,
            epoch=context.epoch,
            oldest_bundle_epoch=context.epoch - context.parameters.bundle_epochs,
            head=Head(header.height, compute_block_hash(header), header.time_ms, tree_update.root),
            changes=changes,
            tree_update=tree_update,
            events=events,
            encoded_events=encoded_events,
            outcomes=outcomes,
            settled_reports=[compute_report_id(r.kind, r.report_bytes) for r in bundle.reports],
        )

    def commit(self, applied: AppliedBlock) -> None:
        if applied.head.height != self._head.height + 1:
            raise InvalidBlock(f"block {applied.head.height} doesn't follow {self._head.height}")
        header, reports = applied.block.header, applied.bundle.reports
        bundle = StoredBundle(applied.epoch, header.bundle_root, encode_bundle(applied.bundle))
        self._store.commit_block(
            BlockCommit(
                head=applied.head,
                raw=encode_block(applied.block),
                changes=applied.changes,
                events=len(applied.events),
                encoded_events=applied.encoded_events,
                bundle=bundle if reports else None,
                oldest_bundle_epoch=applied.oldest_bundle_epoch,
                outcomes=applied.outcomes,
                settled_reports=applied.settled_reports,
            )
        )
        with self._tree_lock:
            self._tree.commit(applied.tree_update)
            self._head = applied.head

    def make_state_proof(self, key: bytes) -> tuple[Head, StateProof]:
        """Return the last block and the proof of a key (with its table's prefix) under its state root. From
        any thread.
        """
        with self._tree_lock:
            return self._head, self._tree.make_proof(key)

    def _begin(self, time_ms: int) -> tuple[State, BlockContext, Boundaries, list[Event]]:
        """Start a block: what is due takes effect. Raises InvalidBlock, UnknownRules."""
        if time_ms <= self._head.time_ms:
            raise InvalidBlock(f"block time {time_ms} isn't after the last block's {self._head.time_ms}")
        state = State(self._store.committed)
        context, events = process_block_start(state, self.chain, self._head.height + 1, time_ms)
        version = get_protocol_version(state)
        if version not in KNOWN_PROTOCOL_VERSIONS:
            raise UnknownRules(
                f"from block {self._head.height + 1} on the network follows version {version} of the rules, "
                f"this release knows {max(KNOWN_PROTOCOL_VERSIONS)}: install a release of hexhaul that has "
                f"version {version} and start again; nothing of this node is lost"
            )
        boundaries = compute_boundaries(self.chain, get_open_round(state), time_ms)
        return state, context, boundaries, events

    def _try_transactions(
        self,
        state: State,
        context: BlockContext,
        transactions: Sequence[CheckedTransaction],
        events: list[Event],
    ) -> tuple[list[bytes], list[Outcome]]:
        """Run what there is room for; returns the bytes of those taken, and what became of each.

        Where one had to wait for room, a later one that fails waits too: it may need the earlier one.
        """
        prefetch_accounts(state, transactions)
        rooms = compute_transaction_rooms(context.parameters)
        taken: list[bytes] = []
        outcomes: list[Outcome] = []
        is_one_waiting = False
        for transaction in transactions:
            room = rooms[get_class(transaction.signed.body)]
            if not room.has(len(transaction.raw)):
                is_one_waiting = True
                continue
            outcome = self._try_transaction(state, context, transaction, len(taken), events)
            if outcome.included:
                taken.append(transaction.raw)
                room.take(len(transaction.raw))
            elif is_one_waiting:
                continue
            outcomes.append(outcome)
        return taken, outcomes

    def _try_transaction(
        self,
        state: State,
        context: BlockContext,
        transaction: CheckedTransaction,
        position: int,
        events: list[Event],
    ) -> Outcome:
        try:
            events += process_transaction(state, transaction.signed.body, context)
        except InvalidTransaction as error:
            return Outcome(transaction.id, context.height, None, error.code, error.message)
        except BooksDontAddUp:
            raise
        except Exception:
            # A fault of ours must not stop the chain for everybody: this one is left out, loudly.
            log.exception("transaction %s failed in a way that no rule foresees", transaction.id.hex())
            return Outcome(
                transaction.id, context.height, None, Reason.INTERNAL_ERROR, "the node failed on it"
            )
        return Outcome(transaction.id, context.height, position)

    def _try_reports(
        self, state: State, context: BlockContext, reports: Sequence[ReceivedReport], events: list[Event]
    ) -> tuple[Bundle, list[bytes]]:
        """Run reports that arrived up to the block's time; returns those taken and the ids of all that are
        settled.
        """
        taken: list[ReceivedReport] = []
        settled: list[bytes] = []
        room = compute_report_room(context.parameters)
        for report in reports:
            if report.received_at_ms > context.time_ms:
                continue
            if not room.has(len(report.report_bytes)):
                break
            settled.append(compute_report_id(report.kind, report.report_bytes))
            try:
                events += process_received_report(state, report, self.chain, context)
            except Exception:
                log.exception("report %s failed in a way that no rule foresees", settled[-1].hex())
                continue
            taken.append(report)
            room.take(len(report.report_bytes))
        return Bundle(tuple(taken)), settled

    def _check_header(self, block: Block, bundle: Bundle) -> None:
        header = block.header
        checks = {
            "chain id": header.chain_id == self.chain.chain_id,
            "height": header.height == self._head.height + 1,
            "previous hash": header.previous_hash == self._head.hash,
            "transactions root": header.transactions_root == compute_transactions_root(block.transactions),
            "bundle root": header.bundle_root == compute_bundle_root(bundle.reports),
        }
        wrong = [name for name, is_right in checks.items() if not is_right]
        if wrong:
            raise InvalidBlock(f"block {header.height} has a wrong {', '.join(wrong)}")
        if not is_header_signed(header):
            raise InvalidBlock(f"block {header.height} isn't signed by its producer")

    def _check_transactions(self, block: Block, context: BlockContext) -> list[CheckedTransaction]:
        """Check encoding, signatures and room of all transactions of a block."""
        try:
            if self._verifiers is None:
                checked = self._check_all(block.transactions)
            else:
                chunks = [
                    block.transactions[start : start + _TRANSACTIONS_PER_CHUNK]
                    for start in range(0, len(block.transactions), _TRANSACTIONS_PER_CHUNK)
                ]
                checked = [one for part in self._verifiers.map(self._check_all, chunks) for one in part]
        except InvalidTransaction as error:
            raise InvalidBlock(f"block {context.height} has an invalid transaction: {error}") from error
        rooms = compute_transaction_rooms(context.parameters)
        for transaction in checked:
            raw = transaction.raw
            kind = get_class(transaction.signed.body)
            if not rooms[kind].has(len(raw)):
                raise InvalidBlock(f"block {context.height} has too many transactions of class {kind}")
            rooms[kind].take(len(raw))
        return checked

    def _check_all(self, raws: Sequence[bytes]) -> list[CheckedTransaction]:
        return [self.check(raw) for raw in raws]

    def _check_report_room(self, bundle: Bundle, context: BlockContext) -> None:
        room = compute_report_room(context.parameters)
        for report in bundle.reports:
            if not room.has(len(report.report_bytes)):
                raise InvalidBlock(f"block {context.height} has too many reports")
            room.take(len(report.report_bytes))
