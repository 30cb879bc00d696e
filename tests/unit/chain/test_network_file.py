"""The network file: made by `chain init`, served by the node, checked by whoever joins."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from chain import api
from chain.keys import NETWORK_MAIN, NETWORK_TEST, Keypair
from chain.ledger.parameters import Parameters
from chain.node.data_dir import DataDir, DataDirError
from chain.wallet.network_file import (
    InvalidNetworkFile,
    OtherNetwork,
    check_same_network,
    check_seed,
    decode_network_file,
    get_network_byte,
    read_network_file,
)
from tests.unit.chain.process import init, run_cli


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, api.Network]:
    folder = tmp_path_factory.mktemp("network")
    init(folder, "--seed", "http://one.example:8080/", "--seed", "https://two.example")
    return folder, read_network_file(str(folder / "network.json"))


def test_it_holds_all_that_is_needed_and_nothing_secret(made: tuple[Path, api.Network]) -> None:
    folder, network = made
    assert network.seeds == ["http://one.example:8080", "https://two.example"]
    assert get_network_byte(network) == NETWORK_TEST
    assert network.configuration_key == Keypair.load(folder / "configuration.key").public_key.address
    assert network.producer == Keypair.load(folder / "producer.key").public_key.address
    content = (folder / "network.json").read_text()
    for path in folder.glob("*.key"):
        assert json.loads(path.read_text())["seed"] not in content


def test_the_genesis_hash_pins_everything_but_the_seeds(made: tuple[Path, api.Network]) -> None:
    from hashlib import sha256

    folder, network = made
    genesis = (folder / "genesis.json").read_bytes()
    assert network.genesis_hash == sha256(genesis).hexdigest()
    pinned = json.loads(genesis)
    for name in ("chain_id", "network", "producer", "entropy_anchor", "configuration_key"):
        assert getattr(network, name) == pinned[name]


def test_every_network_has_its_own_configuration_key(made: tuple[Path, api.Network], tmp_path: Path) -> None:
    init(tmp_path)
    other = read_network_file(str(tmp_path / "network.json"))
    assert other.configuration_key != made[1].configuration_key
    assert other.seeds == ["http://127.0.0.1:8080"]


@pytest.mark.parametrize("name", ["genesis_hash", "chain_id", "producer", "configuration_key", "network"])
def test_a_node_of_another_network(made: tuple[Path, api.Network], name: str) -> None:
    network = made[1]
    check_same_network(network, network, "http://node")
    other = msgspec.structs.replace(network, **{name: "main" if name == "network" else "other"})
    with pytest.raises(OtherNetwork, match=f"node http://node runs another network: its {name} is"):
        check_same_network(network, other, "http://node")


def test_seeds_may_differ(made: tuple[Path, api.Network]) -> None:
    check_same_network(made[1], msgspec.structs.replace(made[1], seeds=[], has_faucet=False), "http://node")


@pytest.mark.parametrize("url", ["http://h", "https://h:8080", "http://127.0.0.1:1/", "http://[::1]:8080"])
def test_seeds(url: str) -> None:
    assert check_seed(url) == url.rstrip("/")


@pytest.mark.parametrize(
    "url", ["", "h:8080", "ftp://h", "http://", "http://h:0", "http://h:99999", "http://h:x", "http://h?x=1"]
)
def test_seeds_that_are_none(url: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidNetworkFile):
        check_seed(url)


def test_init_refuses_a_seed_that_is_none(tmp_path: Path) -> None:
    done = run_cli("init", "--data-dir", str(tmp_path / "node"), "--seed", "nonsense")
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    assert "nonsense" in done.stderr and not (tmp_path / "node/network.json").exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c.pop("genesis_hash"),
        lambda c: c.update(genesis_hash="00"),
        lambda c: c.update(genesis_hash="zz" * 32),
        lambda c: c.update(chain_id=""),
        lambda c: c.update(chain_id=5),
        lambda c: c.update(network="other"),
        lambda c: c.update(seeds=["nonsense"]),
        lambda c: c.update(seeds="http://h"),
    ],
)
def test_files_that_are_none(made: tuple[Path, api.Network], change: Any) -> None:
    content = json.loads((made[0] / "network.json").read_text())
    change(content)
    with pytest.raises(InvalidNetworkFile):
        decode_network_file(json.dumps(content).encode(), "network.json")


@pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b"\xff", b" " * 70_000])
def test_bytes_that_are_no_file(raw: bytes) -> None:
    with pytest.raises(InvalidNetworkFile, match=r"^network\.json"):
        decode_network_file(raw, "network.json")


def test_a_later_file_may_know_more(made: tuple[Path, api.Network]) -> None:
    content = json.loads((made[0] / "network.json").read_text()) | {"something_new": 1, "network": "main"}
    assert get_network_byte(decode_network_file(json.dumps(content).encode(), "x")) == NETWORK_MAIN


def test_the_nodes_own_keys(tmp_path: Path) -> None:
    folder = DataDir(tmp_path)
    chain = folder.create("hexhaul-test", 1_700_000_000_000, Parameters(), ["http://h:1"])
    key = folder.load_configuration_key(chain)
    assert key is not None and key.public_key == chain.configuration_key != chain.producer
    assert folder.load_seeds() == ["http://h:1"]
    folder.network.write_text("{")
    with pytest.raises(DataDirError, match=r"network\.json.*get the network file again"):
        folder.load_seeds()
    folder.network.unlink()
    assert folder.load_seeds() == []
    folder.configuration_key.unlink()
    assert folder.load_configuration_key(chain) is None
    Keypair.generate().save(folder.configuration_key)
    assert folder.load_configuration_key(chain) is None
