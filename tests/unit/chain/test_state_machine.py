"""Whatever is sent, in whatever order: the books hold, two nodes agree, and what is refused changes nothing
and says why.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace

from chain.blocks.application import InvalidBlock
from chain.blocks.engine import AppliedBlock
from chain.blocks.header import sign_header
from chain.ledger.conservation import recount
from chain.ledger.process_transaction import process_transaction
from chain.ledger.state import State
from chain.ledger.state_tree import StateTree, verify_state_proof
from chain.transactions import InvalidTransaction, decode_transaction
from tests.unit.chain.author import Author, fund_everybody, make_history_genesis
from tests.unit.chain.home import PRODUCER, Home

GENESIS = make_history_genesis()


class TwoNodes(RuleBasedStateMachine):
    """A producer and a follower; blocks wait between them, and either may stop and start at any moment."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="hexhaul-"))
        self.home = Home(self.folder, GENESIS)
        self.follower = Home(self.folder, GENESIS, is_producer=False, name="follower")
        self.on_the_way: list[AppliedBlock] = []
        self.waiting: list[bytes] = []

    def teardown(self) -> None:
        self.home.store.close()
        self.follower.store.close()
        shutil.rmtree(self.folder)

    @initialize()
    def begin(self) -> None:
        fund_everybody(self.home)
        for height in range(1, self.home.engine.head.height + 1):
            assert self.home.store.get_block(height) is not None
        # The follower starts from the same rows and head, as from a snapshot.
        self.follower.store.close()
        self.follower.path.unlink()
        with self.home.store.open_view() as view:
            store = type(self.home.store)(self.follower.path)
            store.write_state(self.home.chain.genesis_hash, view.head, view.iterate_all())
            store.close()
        self.follower.open()

    @rule(seed=st.integers(0, 2**32), count=st.integers(1, 12))
    def send(self, seed: int, count: int) -> None:
        author = Author(self.home, Random(seed))
        self.waiting += [author.make_transaction() for _ in range(count)]

    @rule(after_ms=st.sampled_from([1, 1_000, 10_000, 31_000, 100_000]), seed=st.integers(0, 2**32))
    def make_block(self, after_ms: int, seed: int) -> None:
        author = Author(self.home, Random(seed))
        reports = [author.make_report() for _ in range(author.random.randrange(3))]
        sent, self.waiting = self.waiting, []
        applied = self.home.make_block(*dict.fromkeys(sent), reports=reports, after_ms=after_ms)
        for outcome in applied.outcomes:
            assert outcome.included or (outcome.code and outcome.reason and outcome.code != "internal_error")
        self.on_the_way.append(applied)

    @rule(seed=st.integers(0, 2**32))
    def propose_and_forget(self, seed: int) -> None:
        author = Author(self.home, Random(seed))
        head = self.home.engine.head
        self.home.propose(*[author.make_transaction() for _ in range(3)], after_ms=500)
        assert self.home.engine.head == head
        assert self.home.engine.make_state_proof(b"")[0] == head

    @rule(seed=st.integers(0, 2**32))
    def refuse_alone(self, seed: int) -> None:
        """An invalid transaction on top of the state: nothing at all changes, and it says why."""
        author = Author(self.home, Random(seed))
        body = decode_transaction(author.make_transaction()).body
        state = State(self.home.store.readable)
        context = author.context
        try:
            process_transaction(state, body, context)
        except InvalidTransaction as error:
            assert error.code and error.message
            assert state.get_changes() == []

    @precondition(lambda self: self.on_the_way)
    @rule()
    def follow(self) -> None:
        made = self.on_the_way.pop(0)
        followed = self.follower.follow(made)
        assert followed.head == made.head
        assert followed.encoded_events == made.encoded_events
        assert followed.changes == made.changes

    @precondition(lambda self: self.on_the_way)
    @rule(field=st.sampled_from(["state_root", "events_digest", "bundle_root", "transactions_root"]))
    def refuse_a_forged_block(self, field: str) -> None:
        made = self.on_the_way[0]
        header = sign_header(replace(made.block.header, **{field: b"\x07" * 32}), PRODUCER)
        before = self.follower.engine.head
        with pytest.raises(InvalidBlock):
            self.follower.engine.apply(replace(made.block, header=header), made.bundle)
        assert self.follower.engine.head == before

    @precondition(lambda self: self.on_the_way)
    @rule()
    def refuse_a_block_without_its_reports(self) -> None:
        made = self.on_the_way[0]
        if made.bundle.reports:
            with pytest.raises(InvalidBlock, match="bundle root"):
                bundle = replace(made.bundle, reports=made.bundle.reports[1:])
                self.follower.engine.apply(made.block, bundle)

    @rule()
    def restart_producer(self) -> None:
        self.home.reopen()

    @rule()
    def restart_follower(self) -> None:
        self.follower.reopen()

    @invariant()
    def books_and_roots_hold(self) -> None:
        for home in (self.home, self.follower):
            recount(home.state)
            head, proof = home.engine.make_state_proof(b"account\x00" + PRODUCER.public_key.binary)
            assert head == home.store.get_head() == home.engine.head
            bits = home.chain.genesis_parameters.state_tree_bits
            assert head.state_root == StateTree.build(home.store.readable.iterate(b"")).root
            key = b"account\x00" + PRODUCER.public_key.binary
            assert (verify_state_proof(head.state_root, bits, key, proof) is None) == (
                home.store.readable.get(key) is None
            )


TwoNodes.TestCase.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
TestTwoNodes = TwoNodes.TestCase
