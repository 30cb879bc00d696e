"""`hexhaul wallet auditor ...`: naming audited hotspots and field testers, and what a field tester does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from chain.wallet.options import transaction_command

if TYPE_CHECKING:
    from chain.transactions.types import TransactionBody
    from chain.wallet.making import Making

auditor_app = typer.Typer(no_args_is_help=True, help="Audited hotspots, field testers, sightings.")


@transaction_command(auditor_app, "name")
def name_command(
    making: Making,
    auditor: Annotated[str, typer.Argument(help="Address (or key file) of the hotspot or tester.")],
    until_epoch: Annotated[int, typer.Option(min=0, help="First epoch in which it is none; 0 ends it now.")],
    tester: Annotated[bool, typer.Option(help="It is a field tester's key, not a hotspot.")] = False,
) -> TransactionBody:
    """Name an audited hotspot or a field tester; --key is the network's one deciding key."""
    from chain.ledger.audits import AUDITED_HOTSPOT, FIELD_TESTER
    from chain.transactions.types import AuditorSet
    from chain.wallet.values import parse_key

    return AuditorSet(
        **making.head(),
        approvers=(making.owner.binary,),
        auditor=making.session.check_key(parse_key(auditor)).binary,
        kind=FIELD_TESTER if tester else AUDITED_HOTSPOT,
        until_epoch=until_epoch,
    )


@transaction_command(auditor_app, "sighting")
def sighting_command(
    making: Making,
    hotspot: Annotated[str, typer.Argument(help="Address of the hotspot that was received.")],
    location: Annotated[str, typer.Option("--at", help="Where you stood: latitude,longitude or an H3 cell.")],
    rssi_dbm: Annotated[int, typer.Option(min=-200, max=50, help="How strongly it was received.")],
) -> TransactionBody:
    """Say that you were there and received a hotspot; --key is the field tester's."""
    from chain.transactions.types import FieldSighting
    from chain.wallet.values import parse_key, parse_place

    return FieldSighting(
        **making.head(),
        tester=making.owner.binary,
        hotspot=making.session.check_key(parse_key(hotspot)).binary,
        location=parse_place(location),
        rssi_dbm=rssi_dbm,
    )
