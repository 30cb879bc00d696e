"""What is acknowledged and waits for a block: bounded, checked against the state as it will be, first come
first served.

A transaction enters if it would be valid on top of the committed state and everything that entered before
it, so a wallet may send several in a row and hears at once what is wrong with one. When full, the mempool
refuses new ones and keeps the old: what is acknowledged is never thrown out. Pure bookkeeping: the node
makes entries durable and calls `mark_durable` before they may enter a block.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

from chain.api import TransactionCheck
from chain.blocks.engine import CheckedTransaction
from chain.blocks.reports import ReceivedReport
from chain.ledger.context import BlockContext
from chain.ledger.process_transaction import process_transaction
from chain.ledger.state import KeyValueStore, State
from chain.ledger.tables import get_account
from chain.node.rehearsal import rehearse
from chain.transactions.reasons import InvalidTransaction, Reason

MAX_TRANSACTIONS = 10_000
MAX_TRANSACTION_BYTES_IN_ALL = 32 * 1024 * 1024
MAX_TRANSACTIONS_PER_ACCOUNT = 100
MAX_REPORTS = 50_000


class ReportsFull(Exception):
    """Too many reports wait for a block; the hotspot should try again."""


class Mempool:
    """Pending transactions and reports of one node, in memory."""

    def __init__(self, committed: KeyValueStore, context: BlockContext) -> None:
        self._committed = committed
        self._context = context
        self._state = State(committed)
        self._transactions: dict[bytes, CheckedTransaction] = {}
        self._reports: dict[bytes, ReceivedReport] = {}
        self._durable: set[bytes] = set()
        self._per_account: Counter[bytes] = Counter()
        self._bytes = 0

    def admit(self, transaction: CheckedTransaction) -> None:
        """Take a transaction in.

        Raises InvalidTransaction: already_known, mempool_full, account_limit, or what the rules say against
        it.
        """
        payer = transaction.signed.body.payer
        if transaction.id in self._transactions:
            raise InvalidTransaction(Reason.ALREADY_KNOWN, f"transaction {transaction.id.hex()} is pending")
        if (
            len(self._transactions) >= MAX_TRANSACTIONS
            or self._bytes + len(transaction.raw) > MAX_TRANSACTION_BYTES_IN_ALL
        ):
            raise InvalidTransaction(
                Reason.MEMPOOL_FULL, f"{len(self._transactions)} transactions wait already: try again later"
            )
        if self._per_account[payer] >= MAX_TRANSACTIONS_PER_ACCOUNT:
            raise InvalidTransaction(
                Reason.ACCOUNT_LIMIT,
                f"{MAX_TRANSACTIONS_PER_ACCOUNT} transactions of this account wait: try again after a block",
            )
        process_transaction(self._state, transaction.signed.body, self._context)
        self._add(transaction)

    @property
    def state(self) -> State:
        """The committed state with all that waits on top of it: for reading."""
        return self._state

    def rehearse(self, raw: bytes) -> TransactionCheck:
        """What would come of a transaction on top of everything that waits. Nothing is kept.

        Raises InvalidTransaction where the bytes are no transaction.
        """
        return rehearse(self._state, raw, self._context)

    def restore(
        self, transactions: Iterable[CheckedTransaction], reports: Iterable[tuple[bytes, ReceivedReport]]
    ) -> None:
        """Take back what was acknowledged before a restart. Nothing is refused: a block will settle it."""
        for transaction in transactions:
            self._add(transaction)
            self._durable.add(transaction.id)
        for id, report in reports:
            self._reports[id] = report
            self._durable.add(id)
        self.rebuild(self._context)

    def admit_report(self, id: bytes, report: ReceivedReport) -> bool:
        """Take a report in; False where it waits already. Raises ReportsFull."""
        if id in self._reports:
            return False
        if len(self._reports) >= MAX_REPORTS:
            raise ReportsFull(f"{len(self._reports)} reports wait for a block: try again later")
        self._reports[id] = report
        return True

    def mark_durable(self, ids: Iterable[bytes]) -> None:
        """These are on disk now and may enter a block."""
        self._durable.update(ids)

    def has_transaction(self, id: bytes) -> bool:
        """Whether a transaction waits."""
        return id in self._transactions

    def take(self) -> tuple[list[CheckedTransaction], list[ReceivedReport]]:
        """Return what may enter the next block, in order of arrival; it stays until it is settled."""
        return (
            [transaction for id, transaction in self._transactions.items() if id in self._durable],
            [report for id, report in self._reports.items() if id in self._durable],
        )

    def settle(self, ids: Collection[bytes], context: BlockContext) -> None:
        """Forget what a block took or rejected, and check the rest against the new state."""
        for id in ids:
            self._durable.discard(id)
            self._reports.pop(id, None)
            transaction = self._transactions.pop(id, None)
            if transaction is not None:
                self._bytes -= len(transaction.raw)
                payer = transaction.signed.body.payer
                self._per_account[payer] -= 1
                if not self._per_account[payer]:
                    del self._per_account[payer]
        self.rebuild(context)

    def rebuild(self, context: BlockContext) -> None:
        """Apply what waits on top of the committed state again. What fails now gets its reason from a
        block.
        """
        self._context = context
        self._state = State(self._committed)
        for transaction in self._transactions.values():
            try:
                process_transaction(self._state, transaction.signed.body, context)
            except InvalidTransaction:
                continue

    def get_next_nonce(self, account: bytes) -> int:
        """What this account's next transaction must carry, those that wait counted."""
        return get_account(self._state, account).nonce + 1

    @property
    def has_work(self) -> bool:
        """Whether anything may enter a block."""
        return bool(self._durable)

    @property
    def transactions(self) -> int:
        """Number of waiting transactions."""
        return len(self._transactions)

    @property
    def reports(self) -> int:
        """Number of waiting reports."""
        return len(self._reports)

    def _add(self, transaction: CheckedTransaction) -> None:
        self._transactions[transaction.id] = transaction
        self._per_account[transaction.signed.body.payer] += 1
        self._bytes += len(transaction.raw)
