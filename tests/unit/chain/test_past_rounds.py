from chain.ledger.past_rounds import PAST_EPOCHS, PAST_ROUNDS, PastRound, find_past_round, remember_round
from tests.unit.chain.world import World


def row(number: int) -> PastRound:
    return PastRound(number, number * 10, number * 10 + 9, number)


def test_rounds_are_found_in_their_epochs_and_forgotten_after() -> None:
    state = World().state
    for number in range(40):
        remember_round(state, number // 4, bytes([number]) * 32, row(number), 3)
        assert len(list(state.iterate(PAST_EPOCHS))) <= 4
        assert len(list(state.iterate(PAST_ROUNDS))) <= 16
    assert find_past_round(state, b"\x18" * 32, 9, 3) == row(24)
    assert find_past_round(state, b"\x17" * 32, 9, 3) is None, "epoch 5 is too old in epoch 9"
    assert find_past_round(state, b"\x18" * 32, 9, 2) is None, "the parameter may have been lowered"
    assert find_past_round(state, b"\x77" * 32, 9, 3) is None


def test_skipped_epochs_are_forgotten_too() -> None:
    state = World().state
    remember_round(state, 0, b"a" * 32, row(1), 3)
    remember_round(state, 1, b"b" * 32, row(2), 3)
    remember_round(state, 99, b"c" * 32, row(3), 3)
    assert len(list(state.iterate(PAST_ROUNDS))) == 1
    assert find_past_round(state, b"a" * 32, 99, 3) is None
    assert find_past_round(state, b"c" * 32, 99, 3) == row(3)


def test_no_evidence_but_of_this_epoch() -> None:
    state = World().state
    remember_round(state, 5, b"a" * 32, row(1), 0)
    assert find_past_round(state, b"a" * 32, 5, 0) == row(1)
    assert find_past_round(state, b"a" * 32, 6, 0) is None
