"""The wallet's commands against a real node: dry runs that are true, `--commit`, files signed offline,
refusals.
"""

import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from typer.testing import CliRunner, Result

from chain.keys import NETWORK_MAIN, NETWORK_TEST, Effort, Keypair, PublicKey, read_public_key
from chain.wallet.cli import app
from chain.wire.add_gateway_pb2 import blockchain_txn, blockchain_txn_add_gateway_v1
from tests.unit.chain.process import NodeProcess, init, run_cli
from tests.unit.chain.test_p256_signatures import make_secret

QUICK = Effort(passes=1, memory_bytes=8192)
PASSPHRASE = "correct horse battery"


class Desk:
    """Somebody's folder with keys, and a node."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        self.secret = folder / "pass"
        self.secret.write_text(PASSPHRASE + "\n")
        self.secret.chmod(0o600)

    def run(self, *words: str) -> Result:
        environment = {"HEXHAUL_CHAIN": self.url, "HEXHAUL_NETWORK": "", "HEXHAUL_WALLET": ""}
        environment["HEXHAUL_NETWORK"] = str(self.folder / "node/network.json")
        for name in ("HEXHAUL_WALLET",):
            environment.pop(name)
        previous = Path.cwd()
        os.chdir(self.folder)
        try:
            return CliRunner().invoke(app, list(words), env=environment)
        finally:
            os.chdir(previous)

    def works(self, *words: str) -> str:
        result = self.run(*words)
        assert result.exit_code == 0, result.output
        return result.stdout

    def json(self, *words: str) -> Any:
        return json.loads(self.works(*words, "--json"))

    def commit(self, *words: str) -> Any:
        """Send, and return the answer; the dry run before must have told the balances that come out."""
        answer = self.json(*words, "--commit", "--passphrase-file", "pass")
        assert answer["committed"] and answer["status"] == "included" and answer["height"] > 0
        for change in answer["check"]["accounts"]:
            now = self.json("balance", change["address"])[0]
            if change["address"] != self.faucet:  # the faucet also pays others
                assert (now["hxt"], now["data_credits"]) == (
                    change["hxt_after"],
                    change["data_credits_after"],
                )
        return answer

    def fails(self, *words: str, says: str, code: str = "") -> None:
        result = self.run(*words)
        assert result.exit_code == 1, result.output
        assert len(result.stderr.splitlines()) == 1 and says in result.stderr, result.output
        result = self.run(*words, "--json")
        error = json.loads(result.stdout)["error"]
        assert result.exit_code == 1 and (not code or error["code"] == code), error

    def make_key(self, name: str, encrypted: bool = False) -> str:
        """Make a key file; returns its address."""
        pair = Keypair.generate()
        if encrypted:
            pair.save_encrypted(self.folder / name, PASSPHRASE, QUICK)
        else:
            pair.save(self.folder / name)
        return pair.public_key.address

    def get_owner(self, name: str = "wallet.key") -> str:
        return read_public_key(self.folder / name)[0].address

    def fund(self, address: str) -> None:
        done = run_cli("faucet", address, "--url", self.url)
        assert done.returncode == 0, done.stderr

    @property
    def faucet(self) -> str:
        return read_public_key(self.folder / "node/faucet.key")[0].address


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    folder = tmp_path_factory.mktemp("wallet")
    init(folder / "node", "--faucet-hxt", "1000")
    with NodeProcess(folder / "node") as process:
        process.folder = folder  # type: ignore[attr-defined]
        yield process


@pytest.fixture(scope="module")
def desk(node: NodeProcess) -> Desk:
    """An owner with an encrypted key and 1000 HXT, and a friend with a plain one."""
    made = Desk(node.folder, node.url)  # type: ignore[attr-defined]
    made.make_key("wallet.key", encrypted=True)
    made.fund(made.get_owner())
    made.fund(made.make_key("friend.key"))
    return made


# Money


def test_a_dry_run_sends_nothing(desk: Desk) -> None:
    friend = desk.get_owner("friend.key")
    before = desk.json("balance")
    text = desk.works("pay", f"{friend}=1.5", "--memo", "rent")
    for part in ("pays 1.5 HXT", friend, "Memo: 'rent'", "in all", "1.50007 USD", "Nothing was sent"):
        assert part in text
    answer = desk.json("pay", f"{friend}=1.5", "--memo", "rent")
    assert answer["committed"] is False and answer["check"]["is_valid"]
    assert answer["check"]["missing_signatures"] == [desk.get_owner()]
    assert answer["costs"][-1]["hxt"] == 150_000_000 + answer["check"]["fee_hxt"]
    assert desk.json("balance") == before


def test_payment_to_several(desk: Desk) -> None:
    payees = [f"{PublicKey(b'%c' % 0x11 + bytes([n]) * 32).address}=0.{n}" for n in (1, 2, 3)]
    answer = desk.commit("pay", *payees, "--memo", "é")
    assert [change["hxt_after"] for change in answer["check"]["accounts"]][1:] == [
        10**7,
        2 * 10**7,
        3 * 10**7,
    ]
    assert answer["fields"]["memo"] == "é".encode().hex()
    assert "Confirmed in block" in desk.works("status", answer["id"])


def test_burn_by_amount_and_by_credits(desk: Desk) -> None:
    owner = desk.get_owner()
    before = desk.json("balance")[0]["data_credits"]
    answer = desk.commit("burn", "--data-credits", "300000")
    assert answer["fields"]["hxt"] == 3 * 10**8  # at 1 USD
    paid_in_credits = 0 if answer["check"]["fee_hxt"] else answer["check"]["fee"]
    assert desk.json("balance")[0]["data_credits"] == before + 300_000 - paid_in_credits
    friend = desk.get_owner("friend.key")
    answer = desk.commit("burn", "0.5", "--to", "friend.key")
    assert answer["fields"]["payee"] == friend != owner
    assert desk.json("balance", "friend.key")[0]["data_credits"] == 50_000
    assert desk.works("balance", "wallet.key", "friend.key").count("HXT") >= 3


@pytest.mark.parametrize(
    ("words", "says", "code"),
    [
        (("pay", "{friend}=999999"), "pay less, or get HXT first", "insufficient_hxt"),
        (("pay", "{friend}=0"), "0", "zero_amount"),
        (("pay", "{owner}=1"), "leave your own address out", "pays_itself"),
        (("pay", "{friend}=1", "{friend}=2"), "", "duplicate_payee"),
        (("pay", "{friend}"), "write ADDRESS=AMOUNT", "invalid_value"),
        (("pay", "nobody=1"), "address 'nobody' is too short", "invalid_value"),
        (("pay", "{friend}=1", "--memo", "x" * 65), "memo of 65 bytes: at most 64", "invalid_value"),
        (("pay", "{main}=1"), "no address of a test network", "wrong_key"),
        (("pay", "{friend}=1", "--key", "none.key"), "No such file", "key_file_error"),
        (("burn",), "either an amount of HXT, or --data-credits", "invalid_value"),
        (("burn", "1", "--data-credits", "5"), "either an amount", "invalid_value"),
        (("burn", "1,5"), "at most 8 decimals", "invalid_value"),
        (("pay", "{friend}=1", "--commit"), "no terminal to ask for a passphrase", "no_passphrase"),
        (("pay", "{owner}=0.1", "--key", "poor.key"), "hexhaul chain faucet ADDRESS", "fee_not_covered"),
        (("status", "00" * 32), "never seen", "unknown_transaction"),
        (("status", "xy"), "not hex", "bad_request"),
        (("balance", "xy"), "address 'xy' is too short", "invalid_value"),
    ],
)
def test_refusals_say_what_to_do(desk: Desk, words: tuple[str, ...], says: str, code: str) -> None:
    if not (desk.folder / "poor.key").exists():
        desk.make_key("poor.key")
    names = {
        "friend": desk.get_owner("friend.key"),
        "owner": desk.get_owner(),
        "main": Keypair(bytes(32), NETWORK_MAIN).public_key.address,
    }
    desk.fails(*(word.format(**names) for word in words), says=says, code=code)


def test_a_wrong_passphrase_sends_nothing(desk: Desk) -> None:
    secret = desk.folder / "wrong"
    secret.write_text("something else\n")
    secret.chmod(0o600)
    before = desk.json("balance")
    words = ("pay", f"{desk.get_owner('friend.key')}=1", "--commit", "--passphrase-file", "wrong")
    desk.fails(*words, says="doesn't open with this passphrase", code="wrong_passphrase")
    assert desk.json("balance") == before


# Hotspots


def test_a_hotspots_life(desk: Desk) -> None:
    hotspot = desk.make_key("hotspot.key")
    dry = desk.works("hotspot", "add", "--hotspot-key", "hotspot.key")
    assert "bond, comes back 28 epochs" in dry and "fee for this operation (hotspot add)" in dry
    desk.commit("hotspot", "add", "--hotspot-key", "hotspot.key")
    desk.fails(
        "hotspot", "add", "--hotspot-key", "hotspot.key", says="hotspot transfer", code="hotspot_exists"
    )
    place = ("--at", "52.52,13.405", "--gain", "2.3", "--elevation-m", "12")
    answer = desk.commit("hotspot", "assert", hotspot, *place)
    assert answer["fields"]["gain_ddbi"] == 23 and "52.52" in answer["says"][0]
    desk.fails(
        "hotspot", "assert", hotspot, *place, "--key", "friend.key", says="owner's key", code="not_owner"
    )
    new = desk.make_key("new-hotspot.key")
    desk.commit("hotspot", "rekey", hotspot, "--new-hotspot-key", "new-hotspot.key")
    friend = desk.get_owner("friend.key")
    desk.commit("hotspot", "transfer", new, "--to", friend)
    desk.fails("hotspot", "retire", new, says="owner's key", code="not_owner")
    desk.commit("hotspot", "retire", new, "--key", "friend.key")
    assert desk.works("rewards").endswith("0 HXT in 0 payments\n")


def test_data_only_costs_no_bond(desk: Desk) -> None:
    desk.make_key("data.key")
    answer = desk.commit("hotspot", "add", "--hotspot-key", "data.key", "--data-only")
    assert not any("bond" in line["what"] for line in answer["costs"])


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "one of --hotspot-key"),
        (("--hotspot-key", "friend.key", "--hotspot", "x"), "one of --hotspot-key"),
        (("--from-gateway", "?"), "not base64"),
        (("--hotspot", "{friend}", "--commit", "--passphrase-file", "pass"), "write it to a file with --out"),
        (("--hotspot-key", "wallet.key"), "key of its own"),
    ],
)
def test_hotspots_that_cannot_be_added(desk: Desk, words: tuple[str, ...], says: str) -> None:
    friend = desk.get_owner("friend.key")
    desk.fails("hotspot", "add", *(word.format(friend=friend) for word in words), says=says)


def make_consent(desk: Desk, number: int, owner: str, payer: str | None, network: int = NETWORK_TEST) -> str:
    """What a stock gateway with a P-256 key prints."""
    secret = make_secret(number)
    message = blockchain_txn_add_gateway_v1(
        owner=PublicKey.from_address(owner).binary,
        gateway=PublicKey.from_p256(secret.public_key(), network).binary,
        payer=b"" if payer is None else PublicKey.from_address(payer).binary,
        staking_fee=1_000_000,
        fee=65_000,
    )
    message.gateway_signature = secret.sign(message.SerializeToString(), ec.ECDSA(hashes.SHA256()))
    return base64.b64encode(blockchain_txn(add_gateway=message).SerializeToString()).decode()


def test_a_stock_gateway_joins_by_its_own_message(desk: Desk) -> None:
    owner = desk.get_owner()
    printed = make_consent(desk, 50, owner, owner)
    answer = desk.commit("hotspot", "add", "--from-gateway", printed)
    assert answer["check"]["missing_signatures"] == [owner]
    gateway = answer["fields"]["hotspot"]
    desk.commit("hotspot", "assert", gateway, "--at", "52.6,13.4")
    desk.fails("hotspot", "add", "--from-gateway", printed, says="", code="hotspot_exists")


def test_a_stock_gateways_message_for_others(desk: Desk) -> None:
    owner, friend = desk.get_owner(), desk.get_owner("friend.key")
    other_owner = make_consent(desk, 51, friend, owner)
    desk.fails("hotspot", "add", "--from-gateway", other_owner, says="as owner", code="bad_consent")
    other_payer = make_consent(desk, 51, owner, friend)
    desk.fails("hotspot", "add", "--from-gateway", other_payer, says="as payer", code="bad_consent")
    other_network = make_consent(desk, 51, owner, owner, NETWORK_MAIN)
    desk.fails("hotspot", "add", "--from-gateway", other_network, says="test network", code="wrong_key")


# Somebody without tokens


def test_a_newcomers_first_hotspots_are_paid_for(desk: Desk) -> None:
    newcomer = desk.make_key("newcomer.key", encrypted=True)
    for number in range(3):
        desk.make_key(f"sponsored-{number}.key")
        words = ("hotspot", "add", "--key", "newcomer.key", "--hotspot-key", f"sponsored-{number}.key")
        answer = desk.commit(*words, "--sponsored")
        assert answer["fields"]["payer"] == desk.faucet and answer["fields"]["owner"] == newcomer
    place = ("hotspot", "assert", "sponsored-0.key", "--key", "newcomer.key", "--sponsored", "--at")
    desk.commit(*place, "52.5,13.4")
    send = ("--commit", "--passphrase-file", "pass")
    desk.fails(*place, "52.6,13.4", *send, says="location already", code="not_sponsored")
    desk.make_key("sponsored-3.key")
    words = ("hotspot", "add", "--key", "newcomer.key", "--hotspot-key", "sponsored-3.key", "--sponsored")
    desk.fails(*words, *send, says="has 3 hotspots already", code="not_sponsored")
    assert desk.json("balance", newcomer)[0]["hxt"] == 0


def test_a_stock_gateway_is_paid_for_too(desk: Desk) -> None:
    newcomer = desk.make_key("newcomer-2.key")
    printed = make_consent(desk, 60, newcomer, desk.faucet)
    desk.commit("hotspot", "add", "--key", "newcomer-2.key", "--from-gateway", printed, "--sponsored")
    printed = make_consent(desk, 61, newcomer, None)
    desk.commit("hotspot", "add", "--key", "newcomer-2.key", "--from-gateway", printed, "--sponsored")


def test_sponsored_goes_with_nothing_else(desk: Desk) -> None:
    words = ("hotspot", "add", "--hotspot-key", "friend.key", "--sponsored")
    desk.fails(*words, "--payer", "friend.key", says="neither --payer nor --out")
    desk.fails(*words, "--out", "x.json", says="neither --payer nor --out")


# Routers, validators, coverage


def test_a_routers_life(desk: Desk) -> None:
    desk.make_key("router.key")
    router, voucher, voucher_2 = desk.get_owner("router.key"), desk.make_key("v.key"), desk.make_key("v2.key")
    desk.fails("router", "update", "--key", "router.key", says="register it first")
    routes = ("--dev-addr", "48000000-480000ff", "--join", "0123456789abcdef:*")
    words = ("router", "register", "--key", "router.key", "--payer", "wallet.key", "--voucher-key", voucher)
    answer = desk.commit(*words, "--grpc", "router.example:9081", *routes)
    assert answer["fields"]["owner"] == router and answer["fields"]["payer"] == desk.get_owner()
    words = ("router", "update", "--key", "router.key", "--payer", "wallet.key", "--voucher-key", voucher_2)
    fields = desk.commit(*words)["fields"]
    assert fields["voucher_key"] == voucher_2 and fields["grpc"] == "router.example:9081"
    assert fields["dev_addr_ranges"] == [{"start": 0x48000000, "end": 0x480000FF}]
    assert fields["eui_filters"] == [{"join_eui": 0x0123456789ABCDEF, "dev_eui": 0}]
    for option, value in (("--dev-addr", "48"), ("--join", "x"), ("--voucher-key", "x")):
        desk.fails(*words[:6], option, value, says="")


def test_validator_and_coverage_words_reach_the_rules(desk: Desk) -> None:
    desk.make_key("validator.key")
    stake = ("validator", "stake", "10", "--validator-key", "validator.key")
    desk.fails(*stake, says="", code="stake_too_small")
    desk.fails("validator", "stake", "10", says="either --validator-key or --validator")
    desk.fails("validator", "unstake", "validator.key", says="", code="not_staked")
    request = ("coverage", "request", "--at", "52.52,13.405", "--data-credits", "1000", "--epochs", "10")
    answer = json.loads(desk.run(*request, "--json").stdout)
    assert answer["fields"]["type"] == "CoverageRequest" and answer["fields"]["hex"].startswith("88")
    rotate = ("producer", "rotate", "--producer-key", "v.key", "--new-producer-key", "v2.key")
    desk.fails(*rotate, "--entropy-anchor", "00" * 32, says="", code="not_producer")
    desk.fails(*rotate, "--entropy-anchor", "00", says="64 hex digits")


# Offline


def test_signed_in_turn_and_submitted(desk: Desk) -> None:
    desk.make_key("far.key")
    desk.make_key("stranger.key")
    desk.works("hotspot", "add", "--payer", "friend.key", "--hotspot-key", "far.key", "--out", "add.json")
    assert "Not signed yet by" in desk.works("show", "add.json")
    desk.fails("submit", "add.json", "--commit", says="still has to be signed by", code="not_signed")
    network = ("--network", str(desk.folder / "node/network.json"))
    assert "Still to sign" in desk.works("sign", "add.json", "--key", "far.key", *network)
    assert "Still to sign" in desk.works("sign", "add.json", "--passphrase-file", "pass")
    desk.fails("sign", "add.json", "--key", "stranger.key", says="doesn't sign this transaction")
    assert "Signed by all" in desk.works("sign", "add.json", "--key", "friend.key", "--out", "signed.json")
    assert len(desk.json("show", "signed.json")["missing_signatures"]) == 0
    assert desk.json("submit", "signed.json")["committed"] is False
    answer = desk.json("submit", "signed.json", "--commit")
    assert answer["status"] == "included" and answer["fields"]["payer"] == desk.get_owner("friend.key")


def test_submitted_twice_is_sent_once(desk: Desk) -> None:
    friend = desk.get_owner("friend.key")
    desk.works("pay", f"{friend}=2", "--out", "pay.json")
    desk.fails("pay", f"{friend}=2", "--out", "pay.json", says="exists already")
    desk.works("sign", "pay.json", "--passphrase-file", "pass")
    assert "Nothing was sent" in desk.works("submit", "pay.json")
    before = desk.json("balance", friend)[0]["hxt"]
    first = desk.json("submit", "pay.json", "--commit")
    again = desk.json("submit", "pay.json", "--commit")
    assert (again["id"], again["height"]) == (first["id"], first["height"])
    assert desk.json("balance", friend)[0]["hxt"] == before + 2 * 10**8


def test_a_file_for_another_network(desk: Desk) -> None:
    desk.works("pay", f"{desk.get_owner('friend.key')}=1", "--out", "other.json")
    other = desk.folder / "other-network"
    init(other)
    network = ("--network", str(other / "network.json"))
    desk.fails("sign", "other.json", "--passphrase-file", "pass", *network, says="the network file is for")


# Networks


def test_a_node_of_another_network_is_not_believed(desk: Desk) -> None:
    other = desk.folder / "yet-another"
    init(other)
    network = ("--network", str(other / "network.json"))
    desk.fails("balance", *network, says="runs another network: its genesis_hash", code="other_network")
    words = ("pay", f"{desk.get_owner('friend.key')}=1", "--commit", "--passphrase-file", "pass")
    desk.fails(*words, *network, says="runs another network", code="other_network")


def test_a_network_file_can_be_had_from_a_node(desk: Desk) -> None:
    for source in (desk.url, f"{desk.url}/v1/network"):
        assert desk.json("balance", "--network", source) == desk.json("balance")
    desk.fails("balance", "--network", f"{desk.url}/nothing.json", says="HTTP 404")
    desk.fails("balance", "--network", "http://127.0.0.1:9/x.json", says="127.0.0.1:9")


def test_seeds_are_asked_in_turn(desk: Desk) -> None:
    content = json.loads((desk.folder / "node/network.json").read_text())
    content["seeds"] = ["http://127.0.0.1:9", desk.url]
    path = desk.folder / "seeds.json"
    path.write_text(json.dumps(content))
    assert desk.json("balance", "--network", str(path), "--url", "") == desk.json("balance")
    content["seeds"] = ["http://127.0.0.1:9"]
    path.write_text(json.dumps(content))
    desk.fails("balance", "--network", str(path), "--url", "", says="127.0.0.1:9", code="chain_unavailable")


def test_a_url_that_is_none(desk: Desk) -> None:
    desk.fails("balance", "--url", "nonsense", says="write http://HOST:PORT", code="bad_node_url")
