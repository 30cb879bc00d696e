from typing import Any

import pytest
from msgspec.structs import replace

from chain.ledger.tables import ROUTERS, DevAddrRange, EuiFilter
from chain.transactions import Reason, RouterRegister, RouterUpdate
from tests.unit.chain.world import World


def make(
    world: World, kind: type[RouterRegister] | type[RouterUpdate] = RouterRegister, **changes: Any
) -> Any:
    body = kind(
        **world.head("alice"),
        owner=world["carol"],
        voucher_key=world["voucher"],
        grpc="router.example.org:9081",
        dev_addr_ranges=(DevAddrRange(0x48000000, 0x4800FFFF),),
        eui_filters=(EuiFilter(0, 0),),
    )
    return replace(body, **changes)


def test_router_registers_and_updates() -> None:
    world = World()
    assert world.apply(make(world))[-1].kind == "router_registered"
    assert world.apply(make(world, RouterUpdate, grpc="[::1]:1", eui_filters=()))[-1].kind == "router_updated"
    row = world.state.get(ROUTERS, world["carol"])
    assert row is not None
    assert (row.grpc, row.eui_filters) == ("[::1]:1", ())


def test_register_twice() -> None:
    world = World()
    world.apply(make(world))
    world.refuse(make(world), Reason.ROUTER_EXISTS)


def test_update_what_is_not_there() -> None:
    world = World()
    world.refuse(make(world, RouterUpdate), Reason.UNKNOWN_ROUTER)


@pytest.mark.parametrize(
    "grpc",
    ["", "host", "host:", ":9081", "host:0", "host:65536", "http://host:1", "a b:1", "host:1\n", "ö:1"],
)
def test_addresses_that_are_none(grpc: str) -> None:
    world = World()
    world.refuse(make(world, grpc=grpc), Reason.INVALID_ADDRESS)


def test_too_many_ranges() -> None:
    world = World()
    world.refuse(make(world, dev_addr_ranges=(DevAddrRange(1, 2),) * 9), Reason.TOO_MANY_RANGES)


def test_too_many_filters() -> None:
    world = World()
    world.refuse(make(world, eui_filters=(EuiFilter(1, 2),) * 9), Reason.TOO_MANY_FILTERS)


def test_empty_range() -> None:
    world = World()
    world.refuse(make(world, dev_addr_ranges=(DevAddrRange(2, 1),)), Reason.EMPTY_RANGE)


def test_no_route() -> None:
    world = World()
    world.refuse(make(world, dev_addr_ranges=(), eui_filters=()), Reason.NO_ROUTE)


def test_voucher_key_that_is_no_key() -> None:
    world = World()
    world.refuse(make(world, voucher_key=b"\x15" * 33), Reason.INVALID_KEY)
