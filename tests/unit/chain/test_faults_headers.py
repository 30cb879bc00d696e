"""Header equivocation: what proves it, what it takes of a producer's stake."""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from chain.blocks.header import Header, sign_header
from chain.faults.header_equivocation import is_header_equivocation
from chain.ledger.balances import credit_minted
from chain.ledger.stakes import STAKES
from chain.transactions import HeaderEquivocation, Reason, ValidatorStake, ValidatorUnstake
from tests.unit.chain.court import FRIEND, OWNED, REPORTER, Court
from tests.unit.chain.world import make_key
from tests.unit.coverage.town import GENESIS_MS

PRODUCER = make_key(75)
EPOCH_MS = 120_000


@pytest.fixture
def court() -> Court:
    """FRIEND has staked behind the producer."""
    court = Court()
    court.context = replace(
        court.context, parameters=replace(court.context.parameters, validator_minimum_stake_hxt=1)
    )
    body = ValidatorStake(
        **court.head(FRIEND),
        owner=FRIEND.public_key.binary,
        validator=PRODUCER.public_key.binary,
        hxt=10**9 + 3,
    )
    court.apply(body)
    return court


def make_header(**changes: Any) -> Header:
    header = Header(
        chain_id="test",
        height=9,
        previous_hash=bytes(32),
        time_ms=GENESIS_MS + EPOCH_MS,
        producer=PRODUCER.public_key.binary,
        protocol_version=1,
        transactions_root=bytes(32),
        bundle_root=bytes(32),
        events_digest=bytes(32),
        state_root=bytes(32),
        entropy_reveal=b"",
    )
    return replace(header, **changes)


def sign(header: Header) -> bytes:
    return msgspec.msgpack.encode(sign_header(header, PRODUCER))


def make(one: Header | None = None, other: Header | None = None) -> HeaderEquivocation:
    headers = (one or make_header(), other or make_header(state_root=b"\x01" * 32))
    return HeaderEquivocation(*sorted(map(sign, headers)))


def test_the_stake_is_taken_shared_and_burnt(court: Court) -> None:
    burnt = court.burnt()
    fields, fee = court.report(make())
    stake = 10**9 + 3
    reward = stake // 4
    assert fields == {
        "validator": PRODUCER.public_key.binary,
        "owner": FRIEND.public_key.binary,
        "fault": "header_equivocation",
        "reporter": REPORTER.public_key.binary,
        "stake_hxt": stake,
        "reward_hxt": reward,
        "burnt_hxt": stake - reward,
    }
    assert court.hxt(REPORTER) == OWNED - fee + reward
    assert court.burnt() == burnt + fee + stake - reward
    assert court.state.get(STAKES, PRODUCER.public_key.binary) is None
    court.check_books()


def test_once_a_height(court: Court) -> None:
    court.report(make())
    court.refuse(make(other=make_header(time_ms=GENESIS_MS + EPOCH_MS + 1)), Reason.FAULT_KNOWN)


def test_of_another_height_there_is_nothing_left_to_take(court: Court) -> None:
    court.report(make())
    again = make(make_header(height=10), make_header(height=10, state_root=b"\x01" * 32))
    court.refuse(again, Reason.NOTHING_TO_TAKE)


def test_a_stake_that_is_unbonding_is_still_there(court: Court) -> None:
    body = ValidatorUnstake(
        **court.head(FRIEND), owner=FRIEND.public_key.binary, validator=PRODUCER.public_key.binary
    )
    court.apply(body)
    fields, _ = court.report(make())
    assert fields["stake_hxt"] == 10**9 + 3


def test_who_staked_gets_nothing_for_reporting(court: Court) -> None:
    fields, _ = court.report(make(), FRIEND)
    assert fields["reward_hxt"] == 0


def test_the_producer_cannot_report_itself(court: Court) -> None:
    credit_minted(court.state, PRODUCER.public_key.binary, OWNED)
    court.refuse(make(), Reason.REPORTER_IS_SUBJECT, PRODUCER)


def test_without_a_stake() -> None:
    Court().refuse(make(), Reason.NOTHING_TO_TAKE)


@pytest.mark.parametrize(
    "change",
    [
        {"height": 10},
        {"chain_id": "hexhaul-other"},
        {"height": 10, "state_root": b"\x01" * 32},
    ],
)
def test_headers_that_do_not_contradict(court: Court, change: dict[str, Any]) -> None:
    court.refuse(make(other=make_header(**change)), Reason.NO_FAULT)


def test_headers_of_another_chain(court: Court) -> None:
    other = {"chain_id": "hexhaul-other"}
    evidence = make(make_header(**other), make_header(**other, state_root=b"\x01" * 32))
    court.refuse(evidence, Reason.NO_FAULT)


def test_headers_of_two_producers(court: Court) -> None:
    stranger = make_key(76)
    header = make_header(producer=stranger.public_key.binary, state_root=b"\x01" * 32)
    foreign = msgspec.msgpack.encode(sign_header(header, stranger))
    court.refuse(HeaderEquivocation(*sorted((sign(make_header()), foreign))), Reason.NO_FAULT)


@pytest.mark.parametrize(
    "change",
    [
        {"time_ms": GENESIS_MS + EPOCH_MS + 1},
        {"previous_hash": b"\x01" * 32},
        {"transactions_root": b"\x01" * 32},
        {"bundle_root": b"\x01" * 32},
        {"events_digest": b"\x01" * 32},
        {"state_root": b"\x01" * 32},
        {"entropy_reveal": b"\x01" * 32},
        {"protocol_version": 2},
    ],
)
def test_each_field_makes_another_block(court: Court, change: dict[str, Any]) -> None:
    court.report(make(other=make_header(**change)))


def test_the_last_epoch_in_which_it_is_taken(court: Court) -> None:
    last = 1 + court.context.parameters.evidence_epochs
    court.context = replace(court.context, epoch=last + 1)
    court.refuse(make(), Reason.EVIDENCE_TOO_OLD)
    court.context = replace(court.context, epoch=last)
    court.report(make())


def test_an_old_time_in_one_of_them_is_the_signers_word(court: Court) -> None:
    court.context = replace(court.context, epoch=9)
    young = make_header(time_ms=GENESIS_MS + 9 * EPOCH_MS)
    court.report(make(young, make_header(time_ms=0)))


def test_bytes_that_are_no_signed_headers(court: Court) -> None:
    good = make()
    unsigned = msgspec.msgpack.encode(make_header())
    altered = msgspec.msgpack.decode(good.other, type=Header)
    forged = msgspec.msgpack.encode(replace(altered, height=altered.height + 1))
    no_key = msgspec.msgpack.encode(replace(altered, producer=b""))
    for bad in (b"", b"\xc0", unsigned, forged, no_key, good.one + b"\x00", b"\xff" * 2048):
        pair = HeaderEquivocation(*sorted((good.one, bad)))
        court.refuse(pair, Reason.MALFORMED_EVIDENCE)
    court.refuse(HeaderEquivocation(good.one, good.one), Reason.MALFORMED_EVIDENCE)
    court.refuse(HeaderEquivocation(good.other, good.one), Reason.MALFORMED_EVIDENCE)


def test_the_predicate_by_itself() -> None:
    one, other = make_header(), make_header(state_root=b"\x01" * 32)
    assert is_header_equivocation(one, other)
    assert not is_header_equivocation(one, one)
    assert not is_header_equivocation(one, replace(one, signature=b"another"))
    assert not is_header_equivocation(one, replace(other, producer=b"p" * 33))
