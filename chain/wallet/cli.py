"""`hexhaul wallet ...`: keys, money, hotspots, routers, validators, for their owners.

Commands that change something are dry runs until `--commit`. Heavy imports wait until a command runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from chain.wallet.audit_commands import auditor_app
from chain.wallet.hotspot_commands import hotspot_app
from chain.wallet.key_commands import add_key_commands
from chain.wallet.network_commands import coverage_app, producer_app, router_app, validator_app
from chain.wallet.offline_commands import add_offline_commands
from chain.wallet.options import (
    DEFAULT_KEY_FILE,
    JsonOption,
    KeyOption,
    NetworkOption,
    UrlOption,
    open_session,
    transaction_command,
)

if TYPE_CHECKING:
    from chain.transactions.types import TransactionBody
    from chain.wallet.making import Making

app = typer.Typer(no_args_is_help=True, help="Keys and money of an owner.")
add_key_commands(app)
add_offline_commands(app)
app.add_typer(hotspot_app, name="hotspot")
app.add_typer(router_app, name="router")
app.add_typer(validator_app, name="validator")
app.add_typer(coverage_app, name="coverage")
app.add_typer(producer_app, name="producer")
app.add_typer(auditor_app, name="auditor")

AccountsArgument = Annotated[
    list[str] | None, typer.Argument(help="Addresses or key files; default: the wallet's own key.")
]


@app.command("balance")
def balance_command(
    accounts: AccountsArgument = None,
    key: KeyOption = DEFAULT_KEY_FILE,
    url: UrlOption = "",
    network: NetworkOption = None,
    as_json: JsonOption = False,
) -> None:
    """HXT and data credits of accounts."""
    from chain.node.event_texts import format_hxt_exactly
    from chain.wallet.output import print_json, print_table, telling_errors
    from chain.wallet.values import parse_key

    with telling_errors(as_json):
        session = open_session(url, network)
        keys = [session.check_key(parse_key(text)) for text in accounts or [str(key)]]

        async def ask(chain: Any) -> list[Any]:
            return [await chain.account(each.address) for each in keys]

        found = session.ask(ask)
        if as_json:
            print_json(found)
            return
        rows = [
            (account.address, each.name, format_hxt_exactly(account.hxt), f"{account.data_credits:,}")
            for account, each in zip(found, keys, strict=True)
        ]
        print_table("Balances", ("account", "name", "HXT", "data credits"), rows)


@app.command("rewards")
def rewards_command(
    hotspot: Annotated[
        str | None, typer.Option(help="Address of one hotspot; default: all of the owner.")
    ] = None,
    limit: Annotated[
        int, typer.Option(min=1, max=1000, help="At most so many payments of each hotspot.")
    ] = 20,
    key: KeyOption = DEFAULT_KEY_FILE,
    url: UrlOption = "",
    network: NetworkOption = None,
    as_json: JsonOption = False,
) -> None:
    """What the owner's hotspots were paid, newest first."""
    from chain.keys.animal_names import compute_animal_name
    from chain.node.event_texts import format_hxt_exactly
    from chain.wallet.output import print_json, print_table, telling_errors
    from chain.wallet.values import parse_key

    with telling_errors(as_json):
        session = open_session(url, network)
        wanted = session.check_key(parse_key(hotspot or str(key))).address

        async def ask(chain: Any) -> list[dict[str, Any]]:
            addresses = [wanted]
            if hotspot is None:
                addresses = [each.address for each in await chain.hotspots() if each.owner == wanted]
            paid = [reward for address in addresses for reward in await chain.rewards(address, limit)]
            return sorted(paid, key=lambda reward: (reward["height"], reward["index"]), reverse=True)

        rewards = session.ask(ask)
        if as_json:
            print_json(rewards)
            return
        rows = [
            (
                str(reward["epoch"]),
                compute_animal_name(reward["hotspot"]),
                reward["reward"],
                format_hxt_exactly(reward["hxt"]),
            )
            for reward in rewards
        ]
        print_table("Rewards", ("epoch", "hotspot", "for", "HXT"), rows)
        print(f"{format_hxt_exactly(sum(reward['hxt'] for reward in rewards))} in {len(rewards)} payments")


@app.command("status")
def status_command(
    id: Annotated[str, typer.Argument(help="Id of a transaction.")],
    url: UrlOption = "",
    network: NetworkOption = None,
    as_json: JsonOption = False,
) -> None:
    """What became of a transaction."""
    from chain.wallet.output import fail, print_json, telling_errors

    with telling_errors(as_json):
        status = open_session(url, network).ask(lambda chain: chain.transaction(id))
        if status is None:
            fail(as_json, f"the node has never seen transaction {id}", "unknown_transaction")
        if as_json:
            print_json(status)
        elif status.status == "included":
            print(f"Confirmed in block {status.height}.")
        elif status.status == "pending":
            print("Waits for the next block.")
        else:
            print(f"Rejected at block {status.height}: {status.code}: {status.reason}")


@transaction_command(app, "pay")
def pay_command(
    making: Making,
    payees: Annotated[list[str], typer.Argument(help="ADDRESS=AMOUNT of HXT, one or several.")],
    memo: Annotated[str, typer.Option(help="At most 64 bytes, for everybody to read.")] = "",
) -> TransactionBody:
    """Pay HXT to one or several accounts."""
    from chain.transactions.fields import MAX_LIST, MAX_MEMO_BYTES
    from chain.transactions.types import Payee, Payment
    from chain.wallet.values import InvalidValue, parse_payee

    if len(memo.encode()) > MAX_MEMO_BYTES:
        raise InvalidValue(f"memo of {len(memo.encode())} bytes: at most {MAX_MEMO_BYTES}")
    if len(payees) > MAX_LIST:
        raise InvalidValue(f"{len(payees)} payees: at most {MAX_LIST} in one transaction")
    paid = [(making.session.check_key(key), hxt) for key, hxt in map(parse_payee, payees)]
    return Payment(
        **making.head(), payees=tuple(Payee(key.binary, hxt) for key, hxt in paid), memo=memo.encode()
    )


@transaction_command(app, "burn")
def burn_command(
    making: Making,
    amount: Annotated[str | None, typer.Argument(help="HXT to burn, as 1.5.")] = None,
    data_credits: Annotated[
        int | None,
        typer.Option(min=1, help="Or: as much HXT as gives so many data credits at today's price."),
    ] = None,
    to: Annotated[str | None, typer.Option(help="Who gets the data credits; default: the payer.")] = None,
) -> TransactionBody:
    """Burn HXT for data credits, which pay fees and packets. They never become HXT again."""
    from chain.ledger.amounts import compute_hxt_for_data_credits
    from chain.transactions.types import Burn
    from chain.wallet.values import InvalidValue, parse_hxt, parse_key

    if (amount is None) == (data_credits is None):
        raise InvalidValue("say how much: either an amount of HXT, or --data-credits")
    payee = making.payer if to is None else making.session.check_key(parse_key(to))
    if amount is not None:
        hxt = parse_hxt(amount)
    else:
        assert data_credits is not None
        hxt = compute_hxt_for_data_credits(data_credits, making.get_hxt_price())
    return Burn(**making.head(), payee=payee.binary, hxt=hxt)
