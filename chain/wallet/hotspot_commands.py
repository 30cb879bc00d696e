"""`hexhaul wallet hotspot ...`: add, assert, transfer, rekey, retire."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chain.wallet.options import transaction_command

if TYPE_CHECKING:
    from chain.transactions.types import TransactionBody
    from chain.wallet.making import Making

hotspot_app = typer.Typer(no_args_is_help=True, help="Hotspots of the owner.")

HotspotArgument = Annotated[str, typer.Argument(help="Address of the hotspot, or its key file.")]
SponsoredOption = Annotated[
    bool, typer.Option("--sponsored", help="Test network: the onboarding payer pays fee and bond.")
]


@transaction_command(hotspot_app, "add")
def add_command(
    making: Making,
    hotspot_key: Annotated[
        Path | None, typer.Option(help="Key file of the hotspot, which consents with it.")
    ] = None,
    hotspot: Annotated[
        str | None, typer.Option(help="Or: its address; its key signs elsewhere, see --out.")
    ] = None,
    from_gateway: Annotated[
        str | None, typer.Option(help='Or: the "txn" that a stock gateway prints (helium_gateway add).')
    ] = None,
    data_only: Annotated[
        bool, typer.Option("--data-only", help="Only carries data: lower fee, no bond, no coverage rewards.")
    ] = False,
    sponsored: SponsoredOption = False,
) -> TransactionBody:
    """A hotspot joins under the owner. It consents with its own key, or a stock gateway with its own
    message.
    """
    from chain.keys import PublicKey
    from chain.transactions.bodies_hotspots import DATA_ONLY, FULL
    from chain.transactions.gateway_consent import (
        decode_gateway_consent,
        read_printed_consent,
        verify_gateway_consent,
    )
    from chain.transactions.types import HotspotAdd
    from chain.wallet.values import InvalidValue, parse_key

    if sum(given is not None for given in (hotspot_key, hotspot, from_gateway)) != 1:
        raise InvalidValue("say which hotspot: one of --hotspot-key, --hotspot and --from-gateway")
    if sponsored:
        making.use_sponsor()
    consent = b""
    if from_gateway is not None:
        consent = read_printed_consent(from_gateway)
        gateway = PublicKey.from_binary(decode_gateway_consent(consent).gateway)
        key = making.session.check_key(gateway).binary
        verify_gateway_consent(consent, making.owner.binary, key, making.payer.binary)
    elif hotspot_key is not None:
        key = making.use_key(hotspot_key).binary
    else:
        assert hotspot is not None
        key = making.session.check_key(parse_key(hotspot)).binary
    return HotspotAdd(
        **making.head(),
        owner=making.owner.binary,
        hotspot=key,
        capability=DATA_ONLY if data_only else FULL,
        consent=consent,
    )


@transaction_command(hotspot_app, "assert")
def assert_command(
    making: Making,
    hotspot: HotspotArgument,
    at: Annotated[
        str, typer.Option(help="latitude,longitude as 52.52,13.405, or an H3 cell of resolution 12.")
    ],
    gain: Annotated[str, typer.Option(help="Antenna gain in dBi, as 2.3.")] = "1.2",
    elevation_m: Annotated[int, typer.Option(help="Height above ground, metres.")] = 0,
    sponsored: SponsoredOption = False,
) -> TransactionBody:
    """Say where a hotspot stands and what antenna it has."""
    from chain.transactions.types import LocationAssert
    from chain.wallet.values import InvalidValue, parse_gain, parse_key, parse_place

    if not -1000 <= elevation_m <= 20_000:
        raise InvalidValue(f"elevation {elevation_m} m: -1000 to 20000")
    if sponsored:
        making.use_sponsor()
    return LocationAssert(
        **making.head(),
        owner=making.owner.binary,
        hotspot=making.session.check_key(parse_key(hotspot)).binary,
        location=parse_place(at),
        gain_ddbi=parse_gain(gain),
        elevation_m=elevation_m,
    )


@transaction_command(hotspot_app, "transfer")
def transfer_command(
    making: Making,
    hotspot: HotspotArgument,
    to: Annotated[str, typer.Option(help="Address of the new owner.")],
) -> TransactionBody:
    """Give a hotspot to another owner, with its bond, its rewards in escrow and its faults."""
    from chain.transactions.types import HotspotTransfer
    from chain.wallet.values import parse_key

    return HotspotTransfer(
        **making.head(),
        owner=making.owner.binary,
        hotspot=making.session.check_key(parse_key(hotspot)).binary,
        new_owner=making.session.check_key(parse_key(to)).binary,
    )


@transaction_command(hotspot_app, "rekey")
def rekey_command(
    making: Making,
    hotspot: HotspotArgument,
    new_hotspot_key: Annotated[Path, typer.Option(help="Key file of the new key, which signs as well.")],
) -> TransactionBody:
    """Replace a hotspot's key; everything of the old one goes over to the new one."""
    from chain.transactions.types import HotspotRekey
    from chain.wallet.values import parse_key

    return HotspotRekey(
        **making.head(),
        owner=making.owner.binary,
        hotspot=making.session.check_key(parse_key(hotspot)).binary,
        new_hotspot=making.use_key(new_hotspot_key).binary,
    )


@transaction_command(hotspot_app, "retire")
def retire_command(making: Making, hotspot: HotspotArgument) -> TransactionBody:
    """A hotspot leaves for good; its bond comes free after unbonding."""
    from chain.transactions.types import HotspotRetire
    from chain.wallet.values import parse_key

    return HotspotRetire(
        **making.head(),
        owner=making.owner.binary,
        hotspot=making.session.check_key(parse_key(hotspot)).binary,
    )
