"""`hexhaul wallet router|validator|coverage|producer ...`: what others than hotspot owners do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chain.wallet.options import transaction_command

if TYPE_CHECKING:
    from chain.transactions.types import TransactionBody
    from chain.wallet.making import Making

router_app = typer.Typer(no_args_is_help=True, help="Routers of the owner.")
validator_app = typer.Typer(no_args_is_help=True, help="Stakes behind validators.")
coverage_app = typer.Typer(no_args_is_help=True, help="Asking for coverage.")
producer_app = typer.Typer(no_args_is_help=True, help="The block producer's key.")

VoucherKeyOption = Annotated[str, typer.Option(help="Address (or key file) of the key that signs vouchers.")]
GrpcOption = Annotated[str, typer.Option(help="host:port at which hotspots reach the router.")]
RangesOption = Annotated[
    list[str] | None, typer.Option("--dev-addr", help="DevAddr range START-END in hex; repeat it.")
]
FiltersOption = Annotated[
    list[str] | None, typer.Option("--join", help="JOINEUI:DEVEUI in hex, * for any; repeat it.")
]


@transaction_command(router_app, "register")
def register_command(
    making: Making,
    voucher_key: VoucherKeyOption,
    grpc: GrpcOption,
    dev_addr: RangesOption = None,
    join: FiltersOption = None,
) -> TransactionBody:
    """A router joins under the owner's key."""
    from chain.transactions.types import RouterRegister

    return RouterRegister(**making.head(), **_get_router_fields(making, voucher_key, grpc, dev_addr, join))


@transaction_command(router_app, "update")
def update_command(
    making: Making,
    voucher_key: Annotated[str | None, typer.Option(help="Its new voucher key; default: stays.")] = None,
    grpc: Annotated[str | None, typer.Option(help="Its new host:port; default: stays.")] = None,
    dev_addr: RangesOption = None,
    join: FiltersOption = None,
) -> TransactionBody:
    """Replace a router's voucher key, address or routes; what isn't named stays as it is."""
    from chain.transactions.types import RouterUpdate
    from chain.wallet.output import CannotGoOn

    owner = making.owner.address
    routes = making.session.ask(lambda chain: chain.routes())
    now = next((route for route in routes if route.router == owner), None)
    if now is None:
        raise CannotGoOn(f"no router of {owner} is on the chain: register it first")
    return RouterUpdate(
        **making.head(),
        **_get_router_fields(
            making,
            voucher_key or now.voucher_key,
            grpc or now.grpc,
            dev_addr or [f"{each.start}-{each.end}" for each in now.dev_addr_ranges],
            join or [f"{each.join_eui}:{each.dev_eui}" for each in now.eui_filters],
        ),
    )


@transaction_command(router_app, "transfer")
def transfer_command(
    making: Making,
    to: Annotated[
        str, typer.Option(help="Address of the new owner key (or its key file, to sign with it here).")
    ],
) -> TransactionBody:
    """Replace a router's owner key; bond and channels go along. The new key signs as well."""
    from chain.transactions.types import RouterTransfer
    from chain.wallet.values import parse_key

    new_owner = making.use_key(Path(to)) if Path(to).is_file() else making.session.check_key(parse_key(to))
    return RouterTransfer(**making.head(), owner=making.owner.binary, new_owner=new_owner.binary)


@transaction_command(router_app, "retire")
def retire_command(making: Making) -> TransactionBody:
    """A router leaves for good; its bond comes free after unbonding."""
    from chain.transactions.types import RouterRetire

    return RouterRetire(**making.head(), owner=making.owner.binary)


@transaction_command(validator_app, "stake")
def stake_command(
    making: Making,
    amount: Annotated[str, typer.Argument(help="HXT to lock, as 10000.")],
    validator_key: Annotated[
        Path | None, typer.Option(help="Key file of the validator, which signs as well.")
    ] = None,
    validator: Annotated[
        str | None, typer.Option(help="Or: its address; its key signs elsewhere, see --out.")
    ] = None,
) -> TransactionBody:
    """Lock HXT behind a validator's key."""
    from chain.transactions.types import ValidatorStake
    from chain.wallet.values import InvalidValue, parse_hxt, parse_key

    if (validator_key is None) == (validator is None):
        raise InvalidValue("say which validator: either --validator-key or --validator")
    if validator_key is not None:
        key = making.use_key(validator_key)
    else:
        assert validator is not None
        key = making.session.check_key(parse_key(validator))
    return ValidatorStake(
        **making.head(), owner=making.owner.binary, validator=key.binary, hxt=parse_hxt(amount)
    )


@transaction_command(validator_app, "unstake")
def unstake_command(
    making: Making,
    validator: Annotated[str, typer.Argument(help="Address of the validator, or its key file.")],
) -> TransactionBody:
    """End a stake; it comes free after the unbonding period."""
    from chain.transactions.types import ValidatorUnstake
    from chain.wallet.values import parse_key

    key = making.session.check_key(parse_key(validator))
    return ValidatorUnstake(**making.head(), owner=making.owner.binary, validator=key.binary)


@transaction_command(coverage_app, "request")
def request_command(
    making: Making,
    at: Annotated[
        str, typer.Option(help="latitude,longitude, or an H3 cell of the network's demand resolution.")
    ],
    data_credits: Annotated[int, typer.Option(min=1, help="All of the bounty.")],
    epochs: Annotated[int, typer.Option(min=1, max=3650, help="Over so many epochs, the same part in each.")],
) -> TransactionBody:
    """Ask for coverage in a hexagon, with a bounty that burns over some epochs."""
    from chain.transactions.types import CoverageRequest
    from chain.wallet.values import parse_place

    return CoverageRequest(
        **making.head(),
        requester=making.owner.binary,
        hex=parse_place(at, making.get_demand_resolution()),
        data_credits=data_credits,
        epochs=epochs,
    )


@transaction_command(producer_app, "rotate")
def rotate_command(
    making: Making,
    producer_key: Annotated[Path, typer.Option(help="Key file of the producer of today.")],
    new_producer_key: Annotated[Path, typer.Option(help="Key file of the new one, which signs as well.")],
    entropy_anchor: Annotated[str, typer.Option(help="Anchor (hex) of the new producer's entropy chain.")],
) -> TransactionBody:
    """Replace the block producer's key, from the first block after the next round has opened."""
    from chain.transactions.types import ProducerRotate
    from chain.wallet.values import parse_hash

    return ProducerRotate(
        **making.head(),
        producer=making.use_key(producer_key).binary,
        new_producer=making.use_key(new_producer_key).binary,
        entropy_anchor=parse_hash(entropy_anchor, "entropy anchor"),
    )


def _get_router_fields(
    making: Making, voucher_key: str, grpc: str, dev_addr: list[str] | None, join: list[str] | None
) -> dict[str, Any]:
    from chain.transactions.fields import MAX_GRPC_CHARACTERS, MAX_LIST
    from chain.wallet.values import InvalidValue, parse_dev_addr_range, parse_eui_filter, parse_key

    if len(grpc) > MAX_GRPC_CHARACTERS:
        raise InvalidValue(f"address of {len(grpc)} characters: at most {MAX_GRPC_CHARACTERS}")
    if max(len(dev_addr or []), len(join or [])) > MAX_LIST:
        raise InvalidValue(f"at most {MAX_LIST} ranges and as many filters")
    return {
        "owner": making.owner.binary,
        "voucher_key": making.session.check_key(parse_key(voucher_key)).binary,
        "grpc": grpc,
        "dev_addr_ranges": tuple(parse_dev_addr_range(text) for text in dev_addr or []),
        "eui_filters": tuple(parse_eui_filter(text) for text in join or []),
    }
