import pytest

from chain.blocks import entropy
from chain.blocks.entropy import (
    BadReveal,
    LinkChain,
    compute_entropy,
    compute_next_link,
    get_entropy_source,
    mix_contribution,
    process_entropy_reveal,
)
from chain.ledger.state import MemoryStore, State
from chain.ledger.tables import ENTROPY_SOURCE, ONLY, EntropySource


@pytest.fixture(autouse=True)
def short_chains(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entropy, "CHAIN_LINKS", 3)


def make_state(anchor: bytes) -> State:
    state = State(MemoryStore())
    state.put(ENTROPY_SOURCE, ONLY, EntropySource(anchor=anchor, links_left=3, mix=bytes(32)))
    return state


def test_each_reveal_hashes_to_the_one_before() -> None:
    links = LinkChain(b"seed")
    state = make_state(links.get_anchor())
    anchor = links.get_anchor()
    for round in (1, 2):
        reveal = links.get_reveal(get_entropy_source(state))
        assert compute_next_link(reveal) == anchor
        assert process_entropy_reveal(state, reveal, round) == compute_entropy(reveal, bytes(32), round)
        anchor = reveal


def test_a_chain_that_ends_goes_on_with_one_that_it_committed_to() -> None:
    links = LinkChain(b"seed")
    state = make_state(links.get_anchor())
    entropies = set()
    for round in range(10):
        reveal = links.get_reveal(get_entropy_source(state))
        assert len(reveal) == (64 if round % 3 == 2 else 32)
        entropies.add(process_entropy_reveal(state, reveal, round))
    assert len(entropies) == 10


def test_a_node_that_starts_again_finds_its_place() -> None:
    links = LinkChain(b"seed")
    state = make_state(links.get_anchor())
    for round in range(8):
        reveal = LinkChain(b"seed").get_reveal(get_entropy_source(state))
        process_entropy_reveal(state, reveal, round)


def test_another_seed_is_noticed() -> None:
    state = make_state(LinkChain(b"seed").get_anchor())
    with pytest.raises(BadReveal, match="entropy seed"):
        LinkChain(b"other").get_reveal(get_entropy_source(state))


@pytest.mark.parametrize("reveal", [b"", bytes(31), bytes(32), bytes(64), bytes(65)])
def test_wrong_reveals(reveal: bytes) -> None:
    state = make_state(LinkChain(b"seed").get_anchor())
    with pytest.raises(BadReveal):
        process_entropy_reveal(state, reveal, 1)


def test_a_link_is_revealed_once() -> None:
    links = LinkChain(b"seed")
    state = make_state(links.get_anchor())
    reveal = links.get_reveal(get_entropy_source(state))
    process_entropy_reveal(state, reveal, 1)
    with pytest.raises(BadReveal):
        process_entropy_reveal(state, reveal, 2)


def test_anchors_come_with_the_last_link_only() -> None:
    links = LinkChain(b"seed")
    state = make_state(links.get_anchor())
    reveal = links.get_reveal(get_entropy_source(state))
    with pytest.raises(BadReveal, match="new anchor"):
        process_entropy_reveal(state, reveal + bytes(32), 1)
    for round in (1, 2):
        process_entropy_reveal(state, links.get_reveal(get_entropy_source(state)), round)
    last = links.get_reveal(get_entropy_source(state))
    with pytest.raises(BadReveal, match="anchor of the next"):
        process_entropy_reveal(state, last[:32], 3)


def test_beaconers_secrets_change_later_entropy() -> None:
    links = LinkChain(b"seed")
    entropies = []
    for contribution in (b"", b"one", b"two"):
        state = make_state(links.get_anchor())
        mix_contribution(state, contribution)
        entropies.append(process_entropy_reveal(state, links.get_reveal(get_entropy_source(state)), 1))
    assert len(set(entropies)) == 3
    assert entropies[0] == compute_entropy(links.get_reveal(make_source(links)), bytes(32), 1)


def make_source(links: LinkChain) -> EntropySource:
    return EntropySource(anchor=links.get_anchor(), links_left=3, mix=bytes(32))
