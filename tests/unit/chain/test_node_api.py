"""A real node over its real sockets, spoken to by the real client."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import grpc
import h3.api.basic_int as h3
import httpx
import pytest

from chain.client import ChainClient, ChainUnavailable, NotFound, RequestRefused, TransactionRefused
from chain.coverage.reports import compute_signed_bytes
from chain.data.voucher import Voucher, sign_voucher
from chain.keys import Keypair, PublicKey
from chain.ledger.tables import DevAddrRange, EuiFilter
from chain.transactions import (
    Burn,
    ChannelClaim,
    ChannelOpen,
    HotspotAdd,
    LocationAssert,
    Payee,
    Payment,
    RouterRegister,
    build_transaction,
)
from chain.wire import poc_entropy_pb2, poc_entropy_pb2_grpc
from tests.unit.chain.process import NodeProcess, init, run_cli
from tests.unit.chain.world import CELL


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("chain")
    # The faucet gives enough for a hotspot's and a router's bond.
    init(folder, "--round-seconds", "2", "--epoch-seconds", "6", "--faucet-hxt", "500")
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


async def make_rich(chain: ChainClient) -> Keypair:
    pair = Keypair.generate()
    await chain.wait_included(await chain.faucet(pair.public_key.address))
    return pair


def raw_post(node: NodeProcess, path: str, content: bytes, **headers: str) -> httpx.Response:
    return httpx.post(f"{node.url}/v1{path}", content=content, headers=headers, trust_env=False)


async def test_a_routers_and_a_hotspots_life(chain: ChainClient) -> None:
    """Faucet, burn, hotspot, location, router, channel, claim, reward: the whole way over the API."""
    owner, hotspot, voucher_key = await make_rich(chain), Keypair.generate(), Keypair.generate()
    me, network = owner.public_key.binary, await chain.network()
    head: dict[str, Any] = {"payer": me, "nonce": 0, "fee": 0}
    at = {"owner": me, "hotspot": hotspot.public_key.binary}

    await chain.send(Burn(**head, payee=me, hxt=10 * 10**8), [owner])
    await chain.send(HotspotAdd(**head, **at), [owner, hotspot])
    await chain.send(LocationAssert(**head, **at, location=CELL, gain_ddbi=20, elevation_m=9), [owner])
    register = RouterRegister(
        **head,
        owner=me,
        voucher_key=voucher_key.public_key.binary,
        grpc="127.0.0.1:9081",
        dev_addr_ranges=(DevAddrRange(0x10, 0x20),),
        eui_filters=(EuiFilter(0, 7),),
    )
    await chain.send(register, [owner])
    channel_id = await chain.send(ChannelOpen(**head, router=me, data_credits=500), [owner])
    await chain.wait_included(channel_id)

    shown = await chain.hotspot(hotspot.public_key.address)
    assert shown is not None
    assert (shown.name, shown.owner, shown.location) == (
        hotspot.public_key.name,
        owner.public_key.address,
        h3.int_to_str(CELL),
    )
    assert shown.gateway_eui == hotspot.public_key.gateway_eui.hex()
    assert shown in await chain.hotspots()
    [route] = [r for r in await chain.routes() if r.router == owner.public_key.address]
    assert route.wants_dev_addr(0x10) and route.wants_dev_addr(0x20)
    assert not route.wants_dev_addr(0x0F) and not route.wants_dev_addr(0x21)
    assert route.wants_join(99, 7) and not route.wants_join(99, 8)
    [channel] = await chain.channels(owner.public_key.address)
    assert (channel.id, channel.data_credits, channel.claims) == (channel_id, 500, [])

    promise = Voucher(network.chain_id, bytes.fromhex(channel_id), hotspot.public_key.binary, 4, 30, 12)
    claim = ChannelClaim(
        **head, hotspot=hotspot.public_key.binary, voucher=sign_voucher(promise, voucher_key)
    )
    await chain.wait_included(await chain.send(claim, [owner, hotspot]))
    [row] = (await chain.channel(channel_id)).claims
    assert (row.sequence, row.total_data_credits, row.total_packets) == (4, 30, 12)
    with pytest.raises(TransactionRefused) as caught:
        await chain.send(claim, [owner, hotspot])
    assert caught.value.code == "voucher_stale"

    async with asyncio.timeout(20):
        while not (rewards := await chain.rewards(hotspot.public_key.address)):
            await asyncio.sleep(0.1)
    assert rewards[0]["reward"] == "data"
    # 30 data credits are worth 30000 base units at 1 USD: never more than what burnt.
    assert 0 < rewards[0]["hxt"] <= 30_000
    supply = await chain.supply()
    for books in (supply.hxt, supply.data_credits):
        assert books.minted == books.burnt + books.held + books.locked
    assert supply.data_credits.locked >= 470


async def test_several_transactions_in_a_row_before_any_block(chain: ChainClient) -> None:
    payer, payee = await make_rich(chain), Keypair.generate()
    body = Payment(payer=payer.public_key.binary, nonce=0, fee=0, payees=(Payee(payee.public_key.binary, 7),))
    ids = await asyncio.gather(*(chain.send(body, [payer]) for _ in range(10)))
    assert len(set(ids)) == 10
    for id in ids:
        await chain.wait_included(id)
    assert (await chain.account(payee.public_key.address)).hxt == 70
    assert (await chain.account(payer.public_key.address)).next_nonce == 11


async def test_two_programs_with_one_payers_key(chain: ChainClient, node: NodeProcess) -> None:
    payer, payee = await make_rich(chain), Keypair.generate().public_key
    payees = (Payee(payee.binary, 1),)

    async def send_some(program: ChainClient, memo: bytes) -> None:
        # With one memo for both, equal nonces would make one transaction of two: it would be paid once.
        body = Payment(payer=payer.public_key.binary, nonce=0, fee=0, payees=payees, memo=memo)
        for _ in range(8):
            await program.wait_included(await program.send(body, [payer]))

    async with ChainClient(node.url) as other:
        await asyncio.gather(send_some(chain, b"one"), send_some(other, b"other"))
    assert (await chain.account(payee.address)).hxt == 16


async def test_sending_the_same_bytes_again_is_fine_at_any_time(chain: ChainClient) -> None:
    payer, network = await make_rich(chain), await chain.network()
    body = Burn(payer=payer.public_key.binary, nonce=1, fee=0, payee=payer.public_key.binary, hxt=10**6)
    raw = build_transaction(body, network.chain_id, await chain.parameters(), [payer])
    ids = set(await asyncio.gather(*(chain.submit(raw) for _ in range(5))))
    assert len(ids) == 1
    await chain.wait_included(ids.pop())
    id = await chain.submit(raw)
    assert (await chain.transaction(id)).status == "included"
    assert (await chain.account(payer.public_key.address)).nonce == 1


async def test_refusals_have_their_code(chain: ChainClient, node: NodeProcess) -> None:
    poor, network = Keypair.generate(), await chain.network()
    body = Burn(payer=poor.public_key.binary, nonce=1, fee=0, payee=poor.public_key.binary, hxt=10**6)
    parameters = await chain.parameters()
    for raw, code in (
        (build_transaction(body, network.chain_id, parameters, [poor]), "fee_not_covered"),
        (build_transaction(body, "another chain", parameters, [poor]), "bad_signature"),
        (b"\x93\x01", "malformed"),
        (bytes(16_385), "too_large"),
    ):
        with pytest.raises(TransactionRefused) as caught:
            await chain.submit(raw)
        assert caught.value.code == code
        assert caught.value.message


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nothing", 404),
        ("/accounts/nobody", 400),
        ("/hotspots/1bijtibPhc16wx4oJbyK8vtkAgdoRoaUvJeo7rXBnBCufEYakfd", 404),
        ("/hotspots/x", 400),
        ("/transactions/zz", 400),
        ("/transactions/00", 400),
        ("/transactions/" + "00" * 32, 404),
        ("/channels/" + "00" * 32, 404),
        ("/channels?router=x", 400),
        ("/routers/x", 400),
        ("/blocks/999999999", 404),
        ("/blocks/0", 404),
        ("/blocks/-1", 404),
        ("/epochs/999999", 404),
        ("/events?limit=0", 400),
        ("/events?limit=1001", 400),
        ("/events?from_height=x", 400),
        ("/rewards?hotspot=x", 400),
        ("/poc/verdicts?round=x", 400),
    ],
)
def test_questions_that_make_no_sense(node: NodeProcess, path: str, status: int) -> None:
    answer = httpx.get(f"{node.url}/v1{path}", trust_env=False)
    assert answer.status_code == status
    error = answer.json()["error"]
    assert error["code"] and error["message"]
    assert "Traceback" not in answer.text


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b'{"transaction": 5}', 400),
        (b'{"transaction": "AA==", "more": 1}', 400),
        (b'{"transaction": "!"}', 400),
        (b'{"transaction": ""}', 422),
        (b'{"transaction": "' + b"A" * 70_000 + b'"}', 413),
    ],
)
def test_submissions_that_make_no_sense(node: NodeProcess, content: bytes, status: int) -> None:
    answer = raw_post(node, "/transactions", content, **{"content-type": "application/json"})
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["code"]


async def test_the_faucet_is_rate_limited(chain: ChainClient, node: NodeProcess) -> None:
    pair = await make_rich(chain)
    with pytest.raises(ChainUnavailable, match="faucet_limit"):
        await chain.faucet(pair.public_key.address)
    assert (await chain.account(pair.public_key.address)).hxt == (await chain.parameters()).faucet_hxt
    with pytest.raises(RequestRefused, match="bad_request"):
        await chain.faucet("nobody")
    foreign = "13WvV82S7QN3VMzMSieiGxvuaPKknMtf213E5JwPnboDkUfesKw"
    with pytest.raises(RequestRefused, match="another network"):
        await chain.faucet(foreign)


async def test_rounds_open_and_the_api_tells_them(chain: ChainClient) -> None:
    round = await chain.poc_round()
    assert round.closes_at_ms > round.opens_at_ms
    assert round.timestamp_s == round.opens_at_ms // 1000
    async with asyncio.timeout(15):
        while (later := await chain.poc_round()).round == round.round:
            await asyncio.sleep(0.1)
    assert later.entropy != round.entropy
    assert later.opens_at_ms >= round.closes_at_ms


async def test_entropy_over_grpc_is_the_rounds_and_signed(chain: ChainClient, node: NodeProcess) -> None:
    network = await chain.network()
    async with asyncio.timeout(15):
        async with grpc.aio.insecure_channel(node.wait_ready()["grpc"]) as channel:
            stub = poc_entropy_pb2_grpc.poc_entropyStub(channel)  # type: ignore[no-untyped-call]
            while True:
                before, answer, after = (
                    await chain.poc_round(),
                    await stub.entropy(poc_entropy_pb2.entropy_req_v1()),
                    await chain.poc_round(),
                )
                if before.round == after.round:
                    break
    assert (answer.data.hex(), answer.round) == (before.entropy, before.round)
    assert PublicKey.from_address(network.producer).verify(compute_signed_bytes(answer), answer.signature)


async def test_events_by_cursor_and_blocks(chain: ChainClient) -> None:
    await make_rich(chain)
    async with asyncio.timeout(20):
        while (await chain.status()).round == 0:  # until the first round has opened
            await asyncio.sleep(0.05)
    head = (await chain.status()).height
    events: list[dict[str, Any]] = []
    at = 0
    while at <= head:
        page = await chain.events(at, limit=3)
        assert all(event["height"] >= at for event in page.events)
        events += page.events
        at = page.next_height
    places = [(event["height"], event["index"]) for event in events]
    assert places == sorted(set(places))
    assert {"payment", "fee_paid", "round_opened"} <= {event["event"] for event in events}
    payment = next(event for event in events if event["event"] == "payment")
    block = await chain.block(payment["height"])
    assert block is not None
    previous = await chain.block(block.height - 1)
    if previous is not None:
        assert block.previous_hash == previous.hash
    assert base64.b64decode(block.transactions[0])


async def test_epochs(chain: ChainClient, node: NodeProcess) -> None:
    async with asyncio.timeout(20):
        while not (epochs := httpx.get(f"{node.url}/v1/epochs", trust_env=False).json()["items"]):
            await asyncio.sleep(0.1)
    number = epochs[0]["epoch"]
    epoch = httpx.get(f"{node.url}/v1/epochs/{number}", trust_env=False).json()
    assert epoch["event"] == "epoch_closed"
    async with ChainClient(node.url) as chain:
        rewards = [reward for reward in await chain.rewards(limit=1_000) if reward["epoch"] == number]
    assert sum(reward["hxt"] for reward in rewards) == epoch["paid"]


@pytest.mark.parametrize("path", ["/schema", "/schema/openapi.json"])
def test_openapi_is_plain_json(node: NodeProcess, path: str) -> None:
    answer = httpx.get(f"{node.url}{path}", trust_env=False)
    assert "json" in answer.headers["content-type"]
    schema = answer.json()
    assert "/v1/transactions" in schema["paths"]
    assert "/v1/poc/round" in schema["paths"]


async def test_a_node_that_is_away() -> None:
    async with ChainClient("http://127.0.0.1:9") as chain:
        with pytest.raises(ChainUnavailable, match=r"127\.0\.0\.1:9"):
            await chain.status()


async def test_what_is_not_there_is_none_or_not_found(chain: ChainClient) -> None:
    stranger = Keypair.generate().public_key
    assert await chain.hotspot(stranger.address) is None
    assert await chain.channel("00" * 32) is None
    assert await chain.transaction("00" * 32) is None
    assert await chain.block(10**9) is None
    assert (await chain.account(stranger.address)).hxt == 0
    assert issubclass(NotFound, RequestRefused)


# Commands


def test_commands(node: NodeProcess, folder: Path) -> None:
    assert "chain_id" in run_cli("status", "--url", node.url).stdout
    assert '"height"' in run_cli("status", "--json", "--url", node.url).stdout
    supply = run_cli("supply", "--url", node.url)
    assert supply.returncode == 0 and "minted" in supply.stdout
    assert run_cli("rewards", "--url", node.url).returncode == 0
    assert "hxt" in run_cli("account", str(folder / "faucet.key"), "--url", node.url).stdout
    paid = run_cli("faucet", Keypair.generate().public_key.address, "--url", node.url)
    assert paid.stdout.startswith("paid in block")


@pytest.mark.parametrize(
    "words",
    [
        ("status", "--url", "http://127.0.0.1:9"),
        ("account", "nobody"),
        ("run", "--data-dir", "/nonexistent"),
        ("init", "--data-dir", "/proc/nothing"),
        ("init", "--region", "MOON"),
        ("init", "--epoch-seconds", "1"),
        ("init", "--block-seconds", "0"),
    ],
)
def test_commands_that_fail_say_it_in_one_line(tmp_path: Path, words: tuple[str, ...]) -> None:
    more = ("--data-dir", str(tmp_path / "new")) if words[0] == "init" and words[1] != "--data-dir" else ()
    done = run_cli(*words, *more)
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert "Traceback" not in done.stderr


def test_init_twice(folder: Path) -> None:
    again = run_cli("init", "--data-dir", str(folder))
    assert again.returncode == 1
    assert "holds a network already" in again.stderr


def test_init_goes_on_after_a_crash(tmp_path: Path) -> None:
    init(tmp_path)
    genesis = (tmp_path / "genesis.json").read_bytes()
    (tmp_path / "network.json").unlink()
    init(tmp_path)
    assert (tmp_path / "genesis.json").read_bytes() == genesis


def test_second_node_on_the_same_directory(node: NodeProcess, folder: Path) -> None:
    second = run_cli("run", "--data-dir", str(folder), "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0")
    assert second.returncode == 1
    assert "another node runs" in second.stderr


def test_a_taken_port(node: NodeProcess, tmp_path: Path) -> None:
    init(tmp_path)
    taken = node.wait_ready()
    for http, grpc_address in ((taken["http"], "127.0.0.1:0"), ("127.0.0.1:0", taken["grpc"])):
        done = run_cli("run", "--data-dir", str(tmp_path), "--http", http, "--grpc", grpc_address)
        assert done.returncode == 1
        assert taken["grpc" if http.endswith(":0") else "http"] in done.stderr
        assert "Traceback" not in done.stderr


def test_keys_open_to_others_are_refused(tmp_path: Path) -> None:
    init(tmp_path)
    for name in ("producer.key", "faucet.key", "entropy.seed"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
        (tmp_path / name).chmod(0o644)
        done = run_cli("run", "--data-dir", str(tmp_path), "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0")
        assert done.returncode == 1
        assert f"chmod 600 {tmp_path / name}" in done.stderr
        (tmp_path / name).chmod(0o600)


def test_another_producers_key_is_refused(tmp_path: Path) -> None:
    init(tmp_path)
    (tmp_path / "producer.key").unlink()
    Keypair.generate().save(tmp_path / "producer.key")
    done = run_cli("run", "--data-dir", str(tmp_path), "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0")
    assert done.returncode == 1
    assert "the network's blocks are made by" in done.stderr
