"""The node's data directory: what `hexhaul chain init` writes and `hexhaul chain run` finds.

genesis.json        the network's first state and parameters    network.json   all that others need to join
producer.key        signs blocks (mode 600)                     faucet.key     test network's tokens (600)
configuration.key   signs region parameters (mode 600)          chain.db       everything else
governance.key      decides about parameters and rules (600)    reporter.key   says what HXT costs (600)
entropy.seed        seed of the committed hash chain (600)      snapshots/      states at the starts of epochs
node.key            of a node that makes no blocks (600)
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Sequence
from pathlib import Path

import msgspec

from chain import api
from chain.blocks.application import get_open_round
from chain.blocks.entropy import LinkChain
from chain.blocks.genesis import Chain, Genesis, InvalidGenesis, decode_genesis, encode_genesis
from chain.governance.producer import get_next_producer, get_producer
from chain.keys import KeyFileError, Keypair
from chain.keys.address import NETWORK_TEST
from chain.keys.public_key import PublicKey
from chain.ledger.parameters import Parameters
from chain.ledger.state import State
from chain.node.views import view_network
from chain.store.durable_file import check_folder, make_folder, write_file_durably

_SEED_BYTES = 32
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")


class DataDirError(Exception):
    """The data directory isn't what it should be; the message says what to do."""


class DataDir:
    """Paths and contents of one node's directory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.genesis = folder / "genesis.json"
        self.network = folder / "network.json"
        self.producer_key = folder / "producer.key"
        self.faucet_key = folder / "faucet.key"
        self.configuration_key = folder / "configuration.key"
        self.governance_key = folder / "governance.key"
        self.reporter_key = folder / "reporter.key"
        self.entropy_seed = folder / "entropy.seed"
        self.node_key = folder / "node.key"
        self.snapshots = folder / "snapshots"
        self.database = folder / "chain.db"

    def create(
        self, chain_name: str, time_ms: int, parameters: Parameters, seeds: Sequence[str] = ()
    ) -> Chain:
        """Make keys, genesis and network.json of a new test network; network.json comes last.

        `seeds` are the HTTP URLs at which others will find nodes.

        Called again after a crash it goes on with the keys that are there. Raises DataDirError where a
        network is complete already, InvalidParameters.
        """
        if self.network.exists():
            raise DataDirError(f"{self.folder} holds a network already: run it, or choose another directory")
        if not _NAME.fullmatch(chain_name):
            raise DataDirError(
                f"network name {chain_name!r}: write 1 to 32 letters, digits, dots or dashes, as hexhaul-test"
            )
        parameters.validate()
        make_folder(self.folder)
        producer = Keypair.load_or_create(self.producer_key, NETWORK_TEST)
        faucet = Keypair.load_or_create(self.faucet_key, NETWORK_TEST)
        configuration = Keypair.load_or_create(self.configuration_key, NETWORK_TEST)
        governance = Keypair.load_or_create(self.governance_key, NETWORK_TEST)
        reporter = Keypair.load_or_create(self.reporter_key, NETWORK_TEST)
        if not self.entropy_seed.exists():
            write_file_durably(self.entropy_seed, os.urandom(_SEED_BYTES), mode=0o600, overwrite=False)
        if not self.genesis.exists():
            genesis = Genesis(
                chain_id=f"{chain_name}-{os.urandom(4).hex()}",
                network="test",
                time_ms=time_ms,
                producer=producer.public_key.address,
                entropy_anchor=self.load_links().get_anchor().hex(),
                faucet=faucet.public_key.address if parameters.faucet_hxt else None,
                parameters=parameters,
                configuration_key=configuration.public_key.address,
                governance_keys=(governance.public_key.address,),
                governance_threshold=1,
                price_reporters=(reporter.public_key.address,),
            )
            write_file_durably(self.genesis, encode_genesis(genesis))
        chain = self.load_chain()
        network = msgspec.json.format(msgspec.json.encode(view_network(chain, seeds)), indent=2)
        write_file_durably(self.network, network + b"\n")
        return chain

    def load_chain(self) -> Chain:
        """Read the genesis. Raises DataDirError, NotAFolder."""
        check_folder(self.folder)
        try:
            return decode_genesis(self.genesis.read_bytes())
        except FileNotFoundError as error:
            raise DataDirError(
                f"{self.folder} holds no network: hexhaul chain init --data-dir {self.folder}"
            ) from error
        except (OSError, InvalidGenesis) as error:
            raise DataDirError(f"{self.genesis}: {error}") from error

    def join(self, genesis: bytes, network: api.Network) -> Chain:
        """Write the files of a node that joins a network; its own key is made here.

        Raises DataDirError where the folder holds a network already, or the genesis isn't that network's.
        """
        if self.genesis.exists():
            raise DataDirError(f"{self.folder} holds a network already: run it, or choose another directory")
        try:
            chain = decode_genesis(genesis)
        except InvalidGenesis as error:
            raise DataDirError(f"the genesis that the seed gave: {error}") from error
        if chain.genesis_hash.hex() != network.genesis_hash:
            raise DataDirError(
                f"the seed's genesis is {chain.genesis_hash.hex()[:16]}..., network {network.chain_id} has "
                f"{network.genesis_hash[:16]}...: the seed serves another network"
            )
        make_folder(self.folder)
        Keypair.load_or_create(self.node_key, chain.network)
        content = msgspec.json.format(msgspec.json.encode(network), indent=2) + b"\n"
        write_file_durably(self.network, content)
        write_file_durably(self.genesis, genesis)
        return chain

    @property
    def is_producer(self) -> bool:
        """Whether this node has the key to make blocks with."""
        return self.producer_key.exists()

    def load_node_key(self, chain: Chain) -> Keypair:
        """Read the key of a node that makes no blocks, or make it. Raises DataDirError."""
        try:
            return Keypair.load_or_create(self.node_key, chain.network)
        except (KeyFileError, OSError) as error:
            raise DataDirError(str(error)) from error

    def load_producer(self) -> Keypair:
        """Read the key that makes blocks. Raises DataDirError."""
        return _load_key(self.producer_key)

    def check_producer(self, key: Keypair, state: State) -> None:
        """The key must be the one whose turn the next block is: that of the genesis, or what replaced it.

        Raises DataDirError.
        """
        producer = PublicKey.from_binary(get_next_producer(state, get_open_round(state).round))
        if key.public_key == producer:
            return
        message = (
            f"{self.producer_key} is the key of {key.public_key.address}, the network's blocks are made by "
            f"{producer.address}: "
        )
        if get_producer(state).next_key == key.public_key.binary:
            raise DataDirError(message + "this one takes over when the next round has opened, start then")
        raise DataDirError(message + "put that key and its entropy seed here, or move the key away to follow")

    def load_configuration_key(self, chain: Chain) -> Keypair | None:
        """Read the key that signs region parameters; None where this node doesn't have it."""
        if not self.configuration_key.exists():
            return None
        key = _load_key(self.configuration_key)
        return key if key.public_key == chain.configuration_key else None

    def load_seeds(self) -> list[str]:
        """The seeds that network.json names; none where there is no such file."""
        try:
            return msgspec.json.decode(self.network.read_bytes(), type=api.Network).seeds
        except FileNotFoundError:
            return []
        except (OSError, msgspec.MsgspecError) as error:
            raise DataDirError(f"{self.network}: {error}: get the network file again") from error

    def load_faucet(self, chain: Chain) -> Keypair | None:
        """Read the faucet's key; None where this network has no faucet or this node not its key."""
        if chain.faucet is None or not chain.genesis_parameters.faucet_hxt or not self.faucet_key.exists():
            return None
        return _load_key(self.faucet_key)

    def load_links(self) -> LinkChain:
        """Read the seed of the committed hash chain. Raises DataDirError."""
        try:
            mode, seed = self.entropy_seed.stat().st_mode, self.entropy_seed.read_bytes()
        except OSError as error:
            raise DataDirError(f"{self.entropy_seed}: {error.strerror}") from error
        if stat.S_IMODE(mode) & 0o077:
            raise DataDirError(f"{self.entropy_seed} is open to others: chmod 600 {self.entropy_seed}")
        if len(seed) != _SEED_BYTES:
            raise DataDirError(f"{self.entropy_seed} has {len(seed)} bytes, not {_SEED_BYTES}: restore it")
        return LinkChain(seed)


def _load_key(path: Path) -> Keypair:
    try:
        return Keypair.load(path)
    except KeyFileError as error:
        raise DataDirError(str(error)) from error
