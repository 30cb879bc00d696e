"""The JSON shapes of the node's HTTP API, declared once for server and client.

Names are snake_case, public keys are addresses, other bytes are hex, amounts are integers in the smallest
unit.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec


class ErrorBody(msgspec.Struct, frozen=True):
    """Why a request was refused: a code for programs, a sentence for people."""

    code: str
    message: str


class ErrorResponse(msgspec.Struct, frozen=True):
    error: ErrorBody


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """GET /v1/status"""

    chain_id: str
    height: int
    block_hash: str
    block_time_ms: int
    state_root: str
    round: int
    round_ends_at_ms: int
    epoch: int
    epoch_ends_at_ms: int
    time_ms: int
    """The node's clock, so that a caller sees how far its own is off."""
    pending_transactions: int
    pending_reports: int
    hotspots: int
    routers: int
    producer: str
    """Address of the only block producer."""


class Network(msgspec.Struct, frozen=True, kw_only=True):
    """GET /v1/network, and the file network.json that `hexhaul chain init` writes."""

    chain_id: str
    network: Literal["test", "main"]
    genesis_hash: str
    genesis_time_ms: int
    producer: str
    entropy_anchor: str
    has_faucet: bool
    configuration_key: str = ""
    """Address of the key that signs region parameters for gateways."""
    seeds: list[str] = []
    """HTTP URLs of nodes to begin with. The only thing here that the genesis hash doesn't pin."""
    state_tree_bits: int = 16
    """Depth of the tree under the state root, for whoever checks proofs."""


class SnapshotInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One of GET /v1/snapshots"""

    epoch: int
    """The epoch that begins with this state."""
    height: int
    """The block after which the state stands."""
    state_root: str
    bytes: int
    """Size of GET /v1/snapshots/{epoch}."""


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """GET /v1/accounts/{address}"""

    address: str
    hxt: int
    data_credits: int
    burnt_hxt: int = 0
    """Base units of HXT that burnt for the data credits held."""
    nonce: int
    """Transactions of this account in blocks."""
    next_nonce: int
    """What the next transaction must carry, those in the mempool counted."""


class Submitted(msgspec.Struct, frozen=True):
    """POST /v1/transactions"""

    id: str


class SubmitRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    transaction: str
    """base64 of the signed transaction."""


class AccountChange(msgspec.Struct, frozen=True, kw_only=True):
    """What a transaction does to one account."""

    address: str
    hxt_before: int
    hxt_after: int
    data_credits_before: int
    data_credits_after: int


class TransactionCheck(msgspec.Struct, frozen=True, kw_only=True):
    """POST /v1/transactions/check, body as for submitting: what would come of it now. Nothing is kept.

    Signatures may be empty: then everything but they is checked, and who still has to sign is listed.
    """

    id: str
    is_valid: bool
    """Whether it would enter the next block once the missing signatures are there."""
    code: str | None = None
    reason: str | None = None
    missing_signatures: list[str] = []
    """Addresses, in the order in which their signatures stand."""
    fee: int = 0
    """Data credits that it offers."""
    required_fee: int = 0
    fee_hxt: int = 0
    """Base units of HXT that would burn for the fee; 0 where data credits pay it."""
    hxt_price: int = 0
    """USD per HXT x 10^8."""
    accounts: list[AccountChange] = []
    events: list[dict[str, Any]] = []


class OnboardingOffer(msgspec.Struct, frozen=True, kw_only=True):
    """GET /v1/onboarding: who pays for newcomers' hotspots, on a test network."""

    payer: str | None
    """None: nobody does."""
    next_nonce: int = 0
    hotspots_per_owner: int = 0


class FaucetRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    address: str


class FaucetAnswer(msgspec.Struct, frozen=True):
    """POST /v1/faucet: the payment is in the mempool, durable."""

    id: str
    hxt: int


class TransactionStatus(msgspec.Struct, frozen=True, kw_only=True):
    """GET /v1/transactions/{id}"""

    id: str
    status: Literal["pending", "included", "rejected"]
    height: int | None = None
    """Block that included it, or that it was rejected at."""
    code: str | None = None
    reason: str | None = None


class Hotspot(msgspec.Struct, frozen=True, kw_only=True):
    """GET /v1/hotspots/{address}"""

    address: str
    name: str
    owner: str
    gateway_eui: str
    location: str | None
    """H3 cell of resolution 12, or none yet."""
    gain_ddbi: int
    elevation_m: int
    added_height: int
    location_height: int
    capability: Literal["full", "data_only"] = "full"
    """full takes part in Proof-of-Coverage; data_only carries data."""
    status: Literal["active", "retired", "faulted"] = "active"
    """In service, retired by its owner, or ended by a proven fault."""


class DevAddrRange(msgspec.Struct, frozen=True):
    start: str
    end: str


class EuiFilter(msgspec.Struct, frozen=True):
    """0000000000000000 matches any."""

    join_eui: str
    dev_eui: str


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """A router in GET /v1/routes"""

    router: str
    grpc: str
    voucher_key: str
    dev_addr_ranges: list[DevAddrRange]
    eui_filters: list[EuiFilter]
    updated_height: int
    status: Literal["active", "retired", "faulted"] = "active"
    """Retired by its owner, or marked since it signed two vouchers of one sequence."""

    @property
    def is_in_service(self) -> bool:
        """Whether packets may go there."""
        return self.status == "active"

    def wants_dev_addr(self, dev_addr: int) -> bool:
        """Whether data frames of this DevAddr (32-bit number) go to this router."""
        return any(int(r.start, 16) <= dev_addr <= int(r.end, 16) for r in self.dev_addr_ranges)

    def wants_join(self, join_eui: int, dev_eui: int) -> bool:
        """Whether join requests of this JoinEUI and DevEUI (64-bit numbers) go to this router."""
        return any(
            int(f.join_eui, 16) in (0, join_eui) and int(f.dev_eui, 16) in (0, dev_eui)
            for f in self.eui_filters
        )


class ChannelClaim(msgspec.Struct, frozen=True, kw_only=True):
    hotspot: str
    sequence: int
    """Of the newest voucher that was claimed; 0 = none yet."""
    total_data_credits: int
    total_packets: int
    allotted_data_credits: int = 0
    """Set aside for this hotspot, over the channel's life."""


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """GET /v1/channels/{id}, and each of GET /v1/channels?router="""

    id: str
    router: str
    voucher_key: str
    data_credits: int
    claimed_data_credits: int
    opened_height: int
    allotted_data_credits: int = 0
    """Sum of all allotments."""
    reserved_data_credits: int = 0
    """What is allotted and not claimed yet."""
    expires_at_ms: int | None = None
    """Block time at which it begins to close by itself."""
    closing_at_ms: int | None = None
    """Block time at which it is settled; null while it is open."""
    disputed_height: int | None = None
    """Block that took the proof of a fraud of its router."""
    claims: list[ChannelClaim]


class Challenge(msgspec.Struct, frozen=True, kw_only=True):
    """The order to one hotspot to beacon."""

    hotspot: str
    name: str
    at_ms: int
    """Unix time of the start of the transmission."""
    frequency_hz: int
    spreading_factor: int
    bandwidth_hz: int
    conducted_power_dbm: int
    location: str
    """H3 cell of the beaconer, resolution 12."""


class PocRound(msgspec.Struct, frozen=True, kw_only=True):
    """GET /v1/poc/round: the open round, its entropy and who is challenged in it."""

    round: int
    entropy: str
    timestamp_s: int
    """Time that belongs to the entropy: the seconds of opens_at_ms."""
    opens_at_ms: int
    openings_from_ms: int
    """Claims of what was heard are taken before, the reports that open them from then on."""
    closes_at_ms: int
    challenges: list[Challenge]


class Supply(msgspec.Struct, frozen=True, kw_only=True):
    """The books of one token: minted = burnt + held + locked."""

    minted: int
    burnt: int
    held: int
    locked: int


class SupplyAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """GET /v1/supply"""

    height: int
    hxt: Supply
    data_credits: Supply


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """GET /v1/blocks/{height}"""

    height: int
    hash: str
    previous_hash: str
    time_ms: int
    producer: str
    protocol_version: int
    transactions_root: str
    bundle_root: str
    """Names the block's reports: GET /v1/bundles/{root}."""
    events_digest: str
    state_root: str
    entropy_reveal: str
    signature: str
    transactions: list[str]
    """base64 of each signed transaction."""


class EventPage(msgspec.Struct, frozen=True, kw_only=True):
    """GET /v1/events?from_height=&limit=: whole blocks; ask again from `next_height`."""

    events: list[dict[str, Any]]
    next_height: int
