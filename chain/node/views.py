"""From the ledger's rows to the API's JSON shapes."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Literal

import h3.api.basic_int as h3

from chain import api
from chain.api_history import (
    ClaimRecord,
    EntropyRound,
    HotspotStatistics,
    TransactionRecord,
    WitnessLink,
)
from chain.blocks.genesis import Chain
from chain.blocks.header import Block, compute_block_hash
from chain.coverage.challenges import Challenge
from chain.coverage.tables import OpenRound
from chain.index.rendering import Row
from chain.keys.address import NETWORK_TEST, encode_address
from chain.keys.public_key import PublicKey
from chain.ledger.state import State
from chain.ledger.tables import CHANNEL_CLAIMS, Account, Channel, Hotspot, Router, Supply, get_successor

#: By the numbers in `Hotspot.capability`, and `status` of hotspots and routers.
_CAPABILITIES: tuple[Literal["full", "data_only"], ...] = ("full", "data_only")
_STATUSES: tuple[Literal["active", "retired", "faulted"], ...] = ("active", "retired", "faulted")


def view_network(chain: Chain, seeds: Sequence[str] = ()) -> api.Network:
    """GET /v1/network, and network.json."""
    return api.Network(
        chain_id=chain.chain_id,
        network="test" if chain.network == NETWORK_TEST else "main",
        genesis_hash=chain.genesis_hash.hex(),
        genesis_time_ms=chain.genesis_time_ms,
        producer=chain.producer.address,
        entropy_anchor=chain.entropy_anchor.hex(),
        configuration_key=chain.configuration_key.address,
        seeds=list(seeds),
        state_tree_bits=chain.genesis_parameters.state_tree_bits,
        has_faucet=chain.faucet is not None and chain.genesis_parameters.faucet_hxt > 0,
    )


def view_hotspot(key: bytes, hotspot: Hotspot) -> api.Hotspot:
    """A hotspot by its key."""
    public_key = PublicKey(key)
    return api.Hotspot(
        address=public_key.address,
        name=public_key.name,
        owner=encode_address(hotspot.owner),
        gateway_eui=public_key.gateway_eui.hex(),
        location=h3.int_to_str(hotspot.location) if hotspot.location else None,
        gain_ddbi=hotspot.gain_ddbi,
        elevation_m=hotspot.elevation_m,
        added_height=hotspot.added_height,
        location_height=hotspot.location_height,
        capability=_CAPABILITIES[hotspot.capability],
        status=_STATUSES[hotspot.status],
    )


def view_route(key: bytes, router: Router) -> api.Route:
    """A router by its owner's key."""
    return api.Route(
        router=encode_address(key),
        grpc=router.grpc,
        voucher_key=encode_address(router.voucher_key),
        dev_addr_ranges=[
            api.DevAddrRange(start=f"{r.start:08x}", end=f"{r.end:08x}") for r in router.dev_addr_ranges
        ],
        eui_filters=[
            api.EuiFilter(join_eui=f"{f.join_eui:016x}", dev_eui=f"{f.dev_eui:016x}")
            for f in router.eui_filters
        ],
        updated_height=router.updated_height,
        status=_STATUSES[router.status],
    )


def view_channel(state: State, channel_id: bytes, channel: Channel) -> api.Channel:
    """A channel with what each hotspot has claimed of it."""
    return api.Channel(
        id=channel_id.hex(),
        router=encode_address(get_successor(state, channel.router)),
        voucher_key=encode_address(channel.voucher_key),
        data_credits=channel.data_credits,
        claimed_data_credits=channel.claimed_data_credits,
        opened_height=channel.opened_height,
        allotted_data_credits=channel.allotted,
        reserved_data_credits=channel.reserved,
        expires_at_ms=channel.expires_at_ms or None,
        closing_at_ms=channel.closing_at_ms or None,
        disputed_height=channel.disputed_height or None,
        claims=[
            api.ChannelClaim(
                hotspot=encode_address(key[len(channel_id) :]),
                sequence=claim.sequence,
                total_data_credits=claim.total_data_credits,
                total_packets=claim.total_packets,
                allotted_data_credits=claim.allotted,
            )
            for key, claim in state.iterate(CHANNEL_CLAIMS, channel_id)
        ],
    )


def view_round(opened: OpenRound, challenges: tuple[Challenge, ...]) -> api.PocRound:
    """The open round; `challenges` by time."""
    return api.PocRound(
        round=opened.round,
        entropy=opened.entropy.hex(),
        timestamp_s=opened.timestamp_s,
        opens_at_ms=opened.opened_at_ms,
        openings_from_ms=opened.openings_from_ms,
        closes_at_ms=opened.closes_at_ms,
        challenges=[view_challenge(challenge) for challenge in challenges],
    )


def view_challenge(challenge: Challenge) -> api.Challenge:
    """The order to one hotspot to beacon."""
    return api.Challenge(
        hotspot=encode_address(challenge.hotspot),
        name=PublicKey(challenge.hotspot).name,
        at_ms=challenge.at_ms,
        frequency_hz=challenge.frequency_hz,
        spreading_factor=challenge.spreading_factor,
        bandwidth_hz=challenge.bandwidth_hz,
        conducted_power_dbm=challenge.conducted_power_dbm,
        location=h3.int_to_str(challenge.location),
    )


def view_supply(supply: Supply) -> api.Supply:
    """The books of one token."""
    return api.Supply(minted=supply.minted, burnt=supply.burnt, held=supply.held, locked=supply.locked)


def view_block(block: Block) -> api.Block:
    """A block's header, and its transactions in base64."""
    header = block.header
    return api.Block(
        height=header.height,
        hash=compute_block_hash(header).hex(),
        previous_hash=header.previous_hash.hex(),
        time_ms=header.time_ms,
        producer=encode_address(header.producer),
        protocol_version=header.protocol_version,
        transactions_root=header.transactions_root.hex(),
        bundle_root=header.bundle_root.hex(),
        events_digest=header.events_digest.hex(),
        state_root=header.state_root.hex(),
        entropy_reveal=header.entropy_reveal.hex(),
        signature=header.signature.hex(),
        transactions=[base64.b64encode(raw).decode("ascii") for raw in block.transactions],
    )


def view_account(key: bytes, account: Account, next_nonce: int) -> api.Account:
    """An account; ``next_nonce`` counts what waits in the mempool."""
    return api.Account(
        address=encode_address(key),
        hxt=account.hxt,
        data_credits=account.data_credits,
        burnt_hxt=account.burnt_hxt,
        nonce=account.nonce,
        next_nonce=next_nonce,
    )


# From the index's rows


def view_transaction(row: Row) -> TransactionRecord:
    """A transaction that a block includes."""
    return TransactionRecord(
        id=row["id"],
        height=row["height"],
        index=row["number"],
        time_ms=row["time_ms"],
        type=row["kind"],
        payer=row["payer"],
        nonce=row["nonce"],
        fee=row["fee"],
        body=row["body"],
    )


def view_hotspot_statistics(row: Row, heard_by: int, heard: int) -> HotspotStatistics:
    """A hotspot's sums, and how many others it knows."""
    return HotspotStatistics(
        address=row["address"],
        name=row["name"],
        state=row["state"],
        beacons=row["beacons"],
        beacons_heard=row["beacons_heard"],
        witnessed=row["witnessed"],
        rejected=row["rejected"],
        heard_by=heard_by,
        heard=heard,
        last_ms=row["last_ms"] or None,
        hxt=row["hxt"],
        released_hxt=row["released_hxt"],
        data_credits=row["data_credits"],
        packets=row["packets"],
    )


def view_link(row: Row) -> WitnessLink:
    """Who heard whose beacons."""
    return WitnessLink(
        **row,
        beaconer_name=PublicKey.from_address(row["beaconer"]).name,
        witness_name=PublicKey.from_address(row["witness"]).name,
    )


def view_claim(row: Row) -> ClaimRecord:
    """A claim of a data channel."""
    return ClaimRecord(index=row["number"], **{name: row[name] for name in row if name != "number"})


def view_entropy_round(row: Row) -> EntropyRound:
    """A round that has opened."""
    return EntropyRound(**{name: row[name] for name in EntropyRound.__struct_fields__})
