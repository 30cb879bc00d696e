"""The genesis: what a network starts from, and the one thing that a new node must be given.

A JSON file; the hash of its bytes names the network for good. On a test network it mints the faucet's
tokens: the only HXT that ever exists without having been earned.
"""

from __future__ import annotations

from hashlib import sha256

import msgspec

from chain.blocks.entropy import compute_entropy
from chain.coverage.process import open_round
from chain.governance.approval import Governance, put_governance
from chain.governance.producer import PRODUCER, Producer
from chain.keys.address import NETWORK_MAIN, NETWORK_TEST
from chain.keys.public_key import InvalidPublicKey, PublicKey
from chain.ledger.balances import credit_minted
from chain.ledger.conservation import check_conservation
from chain.ledger.context import BlockContext
from chain.ledger.current_parameters import get_parameters, put_parameters
from chain.ledger.parameters import InvalidParameters, Parameters
from chain.ledger.price import get_hxt_price
from chain.ledger.state import State
from chain.ledger.tables import CHAIN_LINKS, ENTROPY_SOURCE, ONLY, ROUND, EntropySource, Round
from chain.transactions.fields import MAX_APPROVERS, MAX_PRICE_REPORTERS


class InvalidGenesis(ValueError):
    """The genesis file can't be used; the message says why."""


class Genesis(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the file holds."""

    chain_id: str
    network: str
    """"test" or "main": the network byte of all keys."""
    time_ms: int
    """Round 0 and epoch 0 start here."""
    producer: str
    """Address of the only block producer, until it is rotated."""
    entropy_anchor: str
    """Hex of the anchor of its hash chain."""
    faucet: str | None
    """Address that holds the faucet's tokens, test network only."""
    parameters: Parameters
    configuration_key: str | None = None
    """Address of the key that signs region parameters for gateways; absent: the producer's."""
    governance_keys: tuple[str, ...] = ()
    """Addresses of the keys that decide about parameters, rules and names; none: nothing can be changed."""
    governance_threshold: int = 0
    """How many of them a decision needs."""
    price_reporters: tuple[str, ...] = ()
    """Addresses of those who say what HXT costs; none: the price stays that of the parameters."""


class Chain(msgspec.Struct, frozen=True, kw_only=True):
    """What every rule about blocks needs to know of its network."""

    chain_id: str
    network: int
    genesis_hash: bytes
    genesis_time_ms: int
    producer: PublicKey
    """Makes the first blocks; who does now is in the state."""
    entropy_anchor: bytes
    faucet: bytes | None
    configuration_key: PublicKey
    """Signs region parameters for gateways; pinned by the genesis hash like everything here."""
    governance: Governance
    """Who decides at first; who does now is in the state."""
    genesis_parameters: Parameters
    """What the network began with; those in force are in the state."""

    def compute_round(self, time_ms: int) -> int:
        """Number of the round that a block time falls into."""
        return (time_ms - self.genesis_time_ms) // self.genesis_parameters.coverage.round_ms

    def compute_round_end_ms(self, round: int) -> int:
        """Block time at or after which a round closes."""
        return self.genesis_time_ms + (round + 1) * self.genesis_parameters.coverage.round_ms

    def compute_epoch(self, time_ms: int) -> int:
        """Number of the epoch that a block time falls into."""
        return (time_ms - self.genesis_time_ms) // self.genesis_parameters.epoch_ms

    def get_context(self, state: State, height: int, time_ms: int, round: Round) -> BlockContext:
        """What a rule may know about the block at `height`, with `round` open: parameters and price are those
        of the state.
        """
        parameters = get_parameters(state)
        return BlockContext(
            chain_id=self.chain_id,
            height=height,
            time_ms=time_ms,
            genesis_time_ms=self.genesis_time_ms,
            parameters=parameters,
            round=round.round,
            epoch=round.epoch,
            entropy=round.entropy,
            hxt_price=get_hxt_price(state, parameters),
            network=self.network,
        )


def encode_genesis(genesis: Genesis) -> bytes:
    """Return the file's bytes."""
    return msgspec.json.format(msgspec.json.encode(genesis), indent=2) + b"\n"


def decode_genesis(raw: bytes) -> Chain:
    """Parse and check a genesis file. Raises InvalidGenesis."""
    try:
        genesis = msgspec.json.decode(raw, type=Genesis)
        genesis.parameters.validate()
        producer = PublicKey.from_address(genesis.producer)
        faucet = None if genesis.faucet is None else PublicKey.from_address(genesis.faucet)
        configuration = PublicKey.from_address(genesis.configuration_key or genesis.producer)
        anchor = bytes.fromhex(genesis.entropy_anchor)
    except (msgspec.MsgspecError, InvalidParameters, InvalidPublicKey, ValueError) as error:
        raise InvalidGenesis(f"genesis: {error}") from error
    networks = {"test": NETWORK_TEST, "main": NETWORK_MAIN}
    if genesis.network not in networks:
        raise InvalidGenesis(f"genesis: network {genesis.network!r} must be test or main")
    network = networks[genesis.network]
    if not 1 <= len(genesis.chain_id) <= 64:
        raise InvalidGenesis("genesis: chain_id must have 1 to 64 characters")
    if len(anchor) != 32:
        raise InvalidGenesis("genesis: entropy_anchor must be 32 bytes in hex")
    if faucet is not None and network != NETWORK_TEST:
        raise InvalidGenesis("genesis: only a test network has a faucet")
    for key in (producer, faucet, configuration):
        if key is not None and key.network != network:
            raise InvalidGenesis(f"genesis: {key.address} is a key of another network")
    return Chain(
        chain_id=genesis.chain_id,
        network=network,
        genesis_hash=sha256(raw).digest(),
        genesis_time_ms=genesis.time_ms,
        producer=producer,
        entropy_anchor=anchor,
        faucet=None if faucet is None else faucet.binary,
        configuration_key=configuration,
        governance=_read_governance(genesis, network),
        genesis_parameters=genesis.parameters,
    )


def _read_governance(genesis: Genesis, network: int) -> Governance:
    keys = _read_keys(genesis.governance_keys, network, "governance_keys", MAX_APPROVERS)
    reporters = _read_keys(genesis.price_reporters, network, "price_reporters", MAX_PRICE_REPORTERS)
    threshold = genesis.governance_threshold
    if not (1 <= threshold <= len(keys) if keys else threshold == 0):
        raise InvalidGenesis(
            f"genesis: governance_threshold is {threshold}, with {len(keys)} governance_keys: must be 1 to "
            "their number, or 0 without any"
        )
    return Governance(keys=keys, threshold=threshold, price_reporters=reporters)


def _read_keys(addresses: tuple[str, ...], network: int, name: str, most: int) -> tuple[bytes, ...]:
    """Return the keys in ascending order."""
    if len(addresses) > most:
        raise InvalidGenesis(f"genesis: {name} has {len(addresses)} keys: at most {most}")
    keys = []
    for address in addresses:
        try:
            key = PublicKey.from_address(address)
        except InvalidPublicKey as error:
            raise InvalidGenesis(f"genesis: {name}: {error}") from error
        if key.network != network:
            raise InvalidGenesis(f"genesis: {name}: {address} is a key of another network")
        if key.binary in keys:
            raise InvalidGenesis(f"genesis: {name}: {address} stands twice")
        keys.append(key.binary)
    return tuple(sorted(keys))


def write_genesis_state(state: State, chain: Chain) -> None:
    """Write the state that block 1 builds on: parameters, who decides and who makes blocks, the faucet's
    tokens, the entropy source, round 0 of epoch 0.
    """
    put_parameters(state, chain.genesis_parameters, protocol_version=1)
    put_governance(state, chain.governance)
    state.put(PRODUCER, ONLY, Producer(key=chain.producer.binary, since_height=1))
    if chain.faucet is not None:
        credit_minted(state, chain.faucet, chain.genesis_parameters.genesis_allocation_hxt)
    mix = chain.genesis_hash
    state.put(
        ENTROPY_SOURCE, ONLY, EntropySource(anchor=chain.entropy_anchor, links_left=CHAIN_LINKS, mix=mix)
    )
    opened = Round(
        round=0,
        epoch=0,
        entropy=compute_entropy(chain.entropy_anchor, mix, 0),
        opened_at_ms=chain.genesis_time_ms,
        opened_height=0,
    )
    state.put(ROUND, ONLY, opened)
    open_round(state, chain.get_context(state, 0, chain.genesis_time_ms, opened))
    check_conservation(state)
