"""From a command's words to a transaction in a block: make, try out, show; sign and send only with
`--commit`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from chain import api
from chain.client import ChainClient, TransactionRefused
from chain.keys import Keypair, PublicKey, read_public_key
from chain.ledger.parameters import Parameters
from chain.node.event_texts import format_hxt_exactly
from chain.transactions.building import with_required_fee
from chain.transactions.signing import get_signers
from chain.transactions.types import Burn, TransactionBody
from chain.wallet.costs import CostLine, compute_costs
from chain.wallet.key_access import Passphrases
from chain.wallet.output import CannotGoOn, fail, print_json, print_table
from chain.wallet.session import Session
from chain.wallet.transaction_file import TransactionFile
from chain.wallet.words import describe_key, describe_transaction, render_body

WAIT_S = 120.0
_MAX_SPONSOR_ATTEMPTS = 5
_OTHERS_WERE_FASTER = ("nonce_used", "nonce_gap")


@dataclass
class Making:
    """Who acts in a command, and what it may ask. A command's function gets this and returns a body."""

    session: Session
    key_file: Path
    payer_file: Path | None
    passphrases: Passphrases
    commit: bool
    out: Path | None
    as_json: bool
    sponsor: api.OnboardingOffer | None = None
    _files: dict[bytes, Path] = field(default_factory=dict)

    @property
    def owner(self) -> PublicKey:
        """Whose command it is: the key of --key."""
        return self.use_key(self.key_file)

    @property
    def payer(self) -> PublicKey:
        """Who pays: the key of --payer, the onboarding payer, or the owner."""
        if self.sponsor is not None and self.sponsor.payer is not None:
            return PublicKey.from_address(self.sponsor.payer)
        return self.owner if self.payer_file is None else self.use_key(self.payer_file)

    def head(self) -> dict[str, Any]:
        """The fields that every body begins with; nonce and fee are filled in later."""
        return {"payer": self.payer.binary, "nonce": 1, "fee": 0}

    def use_key(self, path: Path) -> PublicKey:
        """Whose key a file holds; it will be opened when it has to sign. Raises KeyFileError, WrongKey."""
        key = self.session.check_key(read_public_key(path)[0])
        self._files[key.binary] = path
        return key

    def use_sponsor(self) -> None:
        """Have the network's onboarding payer pay. Raises CannotGoOn where it has none."""
        if self.payer_file is not None or self.out is not None:
            raise CannotGoOn(
                "--sponsored goes with neither --payer nor --out: the onboarding payer signs last"
            )
        offer = self.session.ask(lambda chain: chain.onboarding())
        if offer.payer is None:
            raise CannotGoOn("nobody pays for newcomers on this network: pay yourself, without --sponsored")
        self.sponsor = offer

    def get_hxt_price(self) -> int:
        """USD per HXT x 10^8 today, as the node says."""
        nothing = Burn(**self.head(), payee=self.payer.binary, hxt=0)
        unsigned = TransactionFile(self.session.network.chain_id, nothing, {}).encode()
        return self.session.ask(lambda chain: chain.check(unsigned)).hxt_price

    def get_demand_resolution(self) -> int:
        """H3 resolution of the hexagons in which demand counts."""
        return self.session.ask(lambda chain: chain.parameters()).demand_resolution

    def open_keys(self, body: TransactionBody) -> list[Keypair]:
        """Open the key files that must sign. Raises CannotGoOn where one is missing, KeyFileError."""
        sponsor = None if self.sponsor is None else self.payer.binary
        signers = [key for key in get_signers(body) if key != sponsor]
        for key in signers:
            if key not in self._files:
                raise CannotGoOn(
                    f"this needs the signature of {describe_key(key)}, whose key isn't here: "
                    "write it to a file with --out and have it signed there"
                )
        return [self.passphrases.open(self._files[key]) for key in signers]


def run_transaction(making: Making, make_body: Callable[[], TransactionBody]) -> None:
    """Make, show, and with --commit send a transaction; with --out write it to a file instead."""
    body = make_body()
    parameters = making.session.ask(lambda chain: chain.parameters())
    account = making.session.ask(lambda chain: chain.account(making.payer.address))
    body = with_required_fee(replace(body, nonce=account.next_nonce), parameters)
    transaction = TransactionFile(making.session.network.chain_id, body, {})
    check = making.session.ask(lambda chain: chain.check(transaction.encode()))
    shown = show_transaction(transaction, parameters, check, making.as_json)
    if making.out is not None:
        transaction.write(making.out)
        signers = ", then ".join(describe_key(key) for key in get_signers(body))
        finish(
            shown,
            making.as_json,
            f"written to {making.out}; to be signed by {signers}: hexhaul wallet sign {making.out}",
            file=str(making.out),
        )
        return
    if not check.is_valid:
        fail(making.as_json, check.reason or "refused", check.code or "refused", **shown)
    if not making.commit:
        finish(shown, making.as_json, "Nothing was sent. To send it, add --commit.")
        return
    keys = making.open_keys(body)
    if making.sponsor is not None:
        id = making.session.ask(lambda chain: _send_sponsored(chain, body, keys))
    else:
        id = making.session.ask(lambda chain: chain.send(body, keys))
    wait_and_finish(making.session, id, shown, making.as_json)


def show_transaction(
    transaction: TransactionFile, parameters: Parameters, check: api.TransactionCheck, as_json: bool
) -> dict[str, Any]:
    """Print in words and tables what a transaction does and costs; returns the same for --json."""
    costs = compute_costs(transaction.body, parameters, check)
    says = describe_transaction(transaction.body)
    if not as_json:
        print("\n".join(says))
        _print_costs(costs)
        if check.accounts:
            _print_balances(check)
        if check.is_valid:
            print("The node would take it" + _show_missing(check))
    return {
        "id": check.id,
        "says": says,
        "fields": render_body(transaction.body),
        "costs": costs,
        "check": check,
        "committed": False,
    }


def finish(shown: dict[str, Any], as_json: bool, sentence: str, **more: Any) -> None:
    """The last words of a command that went well."""
    if as_json:
        print_json({**shown, **more})
    else:
        print(sentence)


def wait_and_finish(session: Session, id: str, shown: dict[str, Any], as_json: bool) -> None:
    """Wait until a block has settled it, and say which block or why not."""
    shown = {**shown, "id": id, "committed": True}
    try:
        status = session.ask(lambda chain: chain.wait_included(id, WAIT_S))
    except TransactionRefused as error:
        fail(as_json, error.message, error.code, **shown)
    except TimeoutError:
        fail(
            as_json,
            f"sent as {id}, but in no block after {WAIT_S:.0f} seconds; it stays with the node: "
            f"hexhaul wallet status {id}",
            "not_settled_yet",
            **shown,
        )
    finish(
        shown,
        as_json,
        f"Confirmed in block {status.height} as {id}.",
        status=status.status,
        height=status.height,
    )


async def _send_sponsored(chain: ChainClient, body: TransactionBody, keys: list[Keypair]) -> str:
    """Sign for all but the onboarding payer, which signs and submits; again where its nonce moved on."""
    network = await chain.network()
    for attempt in range(1, _MAX_SPONSOR_ATTEMPTS + 1):
        offer = await chain.onboarding()
        transaction = TransactionFile(network.chain_id, replace(body, nonce=offer.next_nonce), {})
        for key in keys:
            transaction.sign(key)
        try:
            return await chain.onboard(transaction.encode())
        except TransactionRefused as error:
            if error.code not in _OTHERS_WERE_FASTER or attempt == _MAX_SPONSOR_ATTEMPTS:
                raise
    raise AssertionError("the last attempt returns or raises")


def _print_costs(costs: list[CostLine]) -> None:
    rows = [
        (
            line.what,
            format_hxt_exactly(line.hxt) if line.hxt else "",
            f"{line.data_credits:,}" if line.data_credits else "",
            line.usd,
        )
        for line in costs
    ]
    print_table("Cost", ("for", "HXT", "data credits", "worth"), rows)


def _print_balances(check: api.TransactionCheck) -> None:
    rows = [
        (
            change.address,
            format_hxt_exactly(change.hxt_before),
            format_hxt_exactly(change.hxt_after),
            f"{change.data_credits_before:,}",
            f"{change.data_credits_after:,}",
        )
        for change in check.accounts
    ]
    print_table("Balances", ("account", "HXT before", "after", "data credits before", "after"), rows)


def _show_missing(check: api.TransactionCheck) -> str:
    if not check.missing_signatures:
        return "."
    return f", signed by {', '.join(check.missing_signatures)}."
