"""The light client against a real node: it believes what is proven and nothing else."""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from chain import light_client
from chain.blocks.bundle import EMPTY_BUNDLE, EMPTY_BUNDLE_ROOT, check_bundle
from chain.blocks.header import compute_block_hash, decode_block
from chain.client import ChainClient
from chain.keys import Keypair, PublicKey
from chain.ledger.tables import ACCOUNTS
from chain.transactions import Payee, Payment
from tests.unit.chain.process import NodeProcess, init

#: What a caller must take for "not proven": the client is a script and lets wrong shapes raise what they do.
REFUSED = (light_client.NotProven, LookupError, ValueError, TypeError, AttributeError, OverflowError)
SOURCE = Path(light_client.__file__)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("chain")
    init(folder, "--round-seconds", "2", "--epoch-seconds", "6")
    return folder


@pytest.fixture(scope="module")
def node(folder: Path) -> Iterator[NodeProcess]:
    with NodeProcess(folder) as node:
        node.wait_ready()
        yield node
        assert node.stop() == 0


@pytest.fixture
async def chain(node: NodeProcess) -> AsyncIterator[ChainClient]:
    async with ChainClient(node.url) as chain:
        yield chain


@pytest.fixture(scope="module")
def network(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "network.json").read_text())


@pytest.fixture
async def payment(chain: ChainClient) -> tuple[Keypair, str]:
    """Somebody with tokens, and the id of a payment of theirs."""
    pair = Keypair.generate()
    await chain.wait_included(await chain.faucet(pair.public_key.address))
    payee = Keypair.generate().public_key.binary
    body = Payment(payer=pair.public_key.binary, nonce=0, fee=0, payees=(Payee(payee, 5),))
    id = await chain.send(body, [pair])
    await chain.wait_included(id)
    return pair, id


def ask(node: NodeProcess, path: str, **query: str) -> Any:
    answer = httpx.get(f"{node.url}/v1{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def ask_account(node: NodeProcess, key: PublicKey) -> Any:
    return ask(node, "/proofs/state", table="account", key=key.binary.hex())


def run_client(tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the file alone, away from the rest of hexhaul."""
    shutil.copy(SOURCE, tmp_path / "light_client.py")
    command = [sys.executable, "-I", "light_client.py", *words]
    return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=60)


async def test_an_account_is_proven(
    node: NodeProcess, chain: ChainClient, folder: Path, tmp_path: Path, payment: tuple[Keypair, str]
) -> None:
    address = payment[0].public_key.address
    account = await chain.account(address)
    done = run_client(tmp_path, node.url, str(folder / "network.json"), "account", address)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(
        f"proven: hxt {account.hxt}, data_credits {account.data_credits}, nonce {account.nonce}"
    )
    key = payment[0].public_key.binary.hex()
    done = run_client(tmp_path, node.url, str(folder / "network.json"), "state", "account", key)
    assert done.returncode == 0 and done.stdout.startswith("proven: 9"), done.stdout + done.stderr


async def test_the_absence_of_an_account_is_proven(
    node: NodeProcess, folder: Path, tmp_path: Path, payment: tuple[Keypair, str]
) -> None:
    nobody = Keypair.generate().public_key
    done = run_client(tmp_path, node.url, str(folder / "network.json"), "account", nobody.address)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("proven: there is no such row (block ")


async def test_a_transaction_is_proven(
    node: NodeProcess, folder: Path, tmp_path: Path, payment: tuple[Keypair, str]
) -> None:
    done = run_client(tmp_path, node.url, str(folder / "network.json"), "transaction", payment[1])
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("proven: 92")
    done = run_client(tmp_path, node.url, str(folder / "network.json"), "transaction", "00" * 32)
    assert done.returncode != 0
    assert "is in no block" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [[], ["x"], ["http://127.0.0.1:1", "nothing.json", "account", "1"]])
def test_wrong_words_are_told(tmp_path: Path, words: list[str]) -> None:
    done = run_client(tmp_path, *words)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr


def list_places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The places of all single values in a JSON document."""
    if isinstance(value, dict):
        return [place for name, item in value.items() for place in list_places(item, (*path, name))]
    if isinstance(value, list):
        return [place for index, item in enumerate(value) for place in list_places(item, (*path, index))]
    return [path]


def get_at(document: Any, place: tuple[Any, ...]) -> Any:
    for step in place:
        document = document[step]
    return document


def change_at(document: Any, place: tuple[Any, ...], value: Any) -> Any:
    changed = copy.deepcopy(document)
    get_at(changed, place[:-1])[place[-1]] = value
    return changed


def list_lies(answer: Any) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """The answer with one value changed, in every way that fits its kind; entries at each byte."""
    for place in list_places(answer):
        if place == ("key",):
            continue  # for people: the client knows what it asked for
        value = get_at(answer, place)
        lies: list[Any] = [None, [], "", "zz", -1]
        if isinstance(value, int):
            lies += [value + 1, value - 1, str(value)]
        elif isinstance(value, str):
            lies += [value + "00", value[2:], value[:-2], "00" * (len(value) // 2)]
            if place[-1] != "chain_id":
                lies += [
                    value[:at] + f"{int(value[at : at + 2], 16) ^ 1:02x}" + value[at + 2 :]
                    for at in range(0, len(value), 2)
                ]
        else:
            lies += ["00", "920101"]
        for lie in lies:
            if lie != value:
                yield place, change_at(answer, place, lie)


async def test_every_lie_about_a_row_is_refused(
    node: NodeProcess, network: dict[str, Any], payment: tuple[Keypair, str]
) -> None:
    for key in (payment[0].public_key, Keypair.generate().public_key):
        answer = ask_account(node, key)
        row_key = ACCOUNTS.prefix + key.binary
        row = light_client.check_state(answer, network, row_key)
        assert (row is None) == (answer["value"] is None) == (key != payment[0].public_key)
        for place, lie in list_lies(answer):
            with pytest.raises(REFUSED):
                light_client.check_state(lie, network, row_key)
                pytest.fail(f"changed at {place} it is still believed")
        for count in (0, 1, 15):
            with pytest.raises(REFUSED):
                light_client.check_state(answer | {"siblings": answer["siblings"][:count]}, network, row_key)
        other = ask_account(node, Keypair.generate().public_key)
        with pytest.raises(REFUSED):
            light_client.check_state(other, network, row_key)


async def test_every_lie_about_a_transaction_is_refused(
    node: NodeProcess, network: dict[str, Any], payment: tuple[Keypair, str]
) -> None:
    answer = ask(node, f"/proofs/transactions/{payment[1]}")
    raw = light_client.check_transaction(answer, network, payment[1])
    assert raw.hex() == answer["transaction"]
    for place, lie in list_lies(answer):
        with pytest.raises(REFUSED):
            light_client.check_transaction(lie, network, payment[1])
            pytest.fail(f"changed at {place} it is still believed")
    with pytest.raises(light_client.NotProven, match="another transaction"):
        light_client.check_transaction(answer, network, "00" * 32)


async def test_a_header_of_somebody_else_is_refused(
    node: NodeProcess, network: dict[str, Any], payment: tuple[Keypair, str]
) -> None:
    header = ask_account(node, payment[0].public_key)["header"]
    light_client.check_header(header, network)
    thief = Keypair.generate().public_key
    with pytest.raises(light_client.NotProven, match="another producer"):
        light_client.check_header(header, network | {"producer": thief.address})
    with pytest.raises(light_client.NotProven, match="another producer"):
        light_client.check_header(header | {"producer": thief.binary.hex()}, network)
    with pytest.raises(light_client.NotProven, match="didn't sign"):
        light_client.check_header(
            header | {"producer": thief.binary.hex()}, network | {"producer": thief.address}
        )
    with pytest.raises(light_client.NotProven, match="another network"):
        light_client.check_header(header, network | {"chain_id": "other"})


async def test_raw_blocks_and_bundles(
    node: NodeProcess, chain: ChainClient, payment: tuple[Keypair, str]
) -> None:
    height = (await chain.status()).height
    raw = httpx.get(f"{node.url}/v1/blocks/{height}/raw")
    assert raw.headers["content-type"] == "application/octet-stream"
    block = decode_block(raw.content)
    shown = await chain.block(height)
    assert shown is not None
    assert compute_block_hash(block.header).hex() == shown.hash
    root = block.header.bundle_root
    bundle = httpx.get(f"{node.url}/v1/bundles/{root.hex()}")
    assert check_bundle(bundle.content, root) == EMPTY_BUNDLE
    assert root == EMPTY_BUNDLE_ROOT


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/blocks/999999999/raw", 404),
        ("/blocks/0/raw", 404),
        ("/blocks/99999999999999999999999/raw", 404),
        ("/bundles/" + "00" * 32, 404),
        ("/bundles/00", 400),
        ("/bundles/zz", 400),
        ("/proofs/transactions/" + "00" * 32, 404),
        ("/proofs/transactions/zz", 400),
        ("/proofs/state", 400),
        ("/proofs/state?table=account&key=zz", 400),
        ("/proofs/state?table=acc%00ount&key=00", 400),
        ("/proofs/state?table=acc%C3%B6unt&key=00", 400),
        ("/proofs/state?table=account&key=" + "00" * 300, 400),
    ],
)
def test_what_cannot_be_answered(node: NodeProcess, path: str, status: int) -> None:
    answer = httpx.get(f"{node.url}/v1{path}")
    assert answer.status_code == status
    assert answer.json()["error"]["message"]


@pytest.mark.parametrize("number", [0, 127, 128, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32, 2**63 - 1])
def test_numbers_are_packed_as_the_chain_packs_them(number: int) -> None:
    import msgspec

    assert light_client.pack("height", number) == msgspec.msgpack.encode(number)


@pytest.mark.parametrize("length", [1, 31, 32, 64])
def test_texts_are_packed_as_the_chain_packs_them(length: int) -> None:
    import msgspec

    assert light_client.pack("chain_id", "x" * length) == msgspec.msgpack.encode("x" * length)
    raw = bytes(length)
    assert light_client.pack("signature", raw.hex()) == msgspec.msgpack.encode(raw)


def test_it_is_about_a_hundred_lines_that_need_nothing_of_ours() -> None:
    code = [line for line in SOURCE.read_text().split('"""', 2)[2].splitlines() if line.strip()]
    assert len(code) <= 115
    assert not any(line.startswith(("from chain", "import chain")) for line in code)
