"""From blocks and events to rows. Pure: no database here.

Blocks come in order, many at a time or one by one, and the rows come out the same. What an event changes in
rows that may exist already (a hotspot's sums, a link) is collected as a change to add; `taking_in` writes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from chain.index.cells import compute_public_cell
from chain.index.rendering import Row, find_keys, get_address, get_kind, render_body
from chain.keys.public_key import PublicKey
from chain.ledger.events import StoredEvent, render_event
from chain.transactions.types import TransactionBody

HASH_BYTES = 32
VERDICTS = frozenset({"beacon_verdict", "witness_verdict", "claim_verdict", "claim_unopened"})
REWARD = "reward_earned"
#: A hotspot's columns that add up.
SUMS = (
    "beacons",
    "beacons_heard",
    "witnessed",
    "rejected",
    "hxt",
    "released_hxt",
    "data_credits",
    "packets",
)
ACTIVE, REPLACED, RETIRED, FAULTED = "active", "replaced", "retired", "faulted"

_encoder = msgspec.json.Encoder()


class IndexedTransaction(msgspec.Struct, frozen=True):
    """A transaction of a block: its id and body."""

    id: bytes
    body: TransactionBody


class IndexedBlock(msgspec.Struct, frozen=True, kw_only=True):
    """What the index takes of one block."""

    height: int
    hash: bytes
    time_ms: int
    producer: bytes
    bytes_in_all: int
    bundle_root: bytes
    transactions: Sequence[IndexedTransaction]
    events: Sequence[StoredEvent]


INSERT, SET, ADD, REKEY = "insert", "set", "add", "rekey"


class HotspotChange(NamedTuple):
    """What becomes of one row of hotspots."""

    address: str
    what: str
    """INSERT with all columns, SET some, ADD to the sums, REKEY: address and name of the new key."""
    values: Row


class Rows:
    """The rows of some blocks in order. Lists to insert, and changes to rows that may be there already."""

    def __init__(self) -> None:
        self.blocks: list[Row] = []
        self.transactions: list[Row] = []
        self.parties: list[Row] = []
        self.events: list[Row] = []
        self.subjects: list[Row] = []
        self.rewards: list[Row] = []
        self.verdicts: list[Row] = []
        self.rounds: list[Row] = []
        self.epochs: list[Row] = []
        self.claims: list[Row] = []
        self.prices: list[Row] = []
        self.coverage: dict[int, Row] = {}
        self.links: dict[tuple[str, str], Row] = {}
        self.hotspots: list[HotspotChange] = []
        """Changes to hotspots, in their order; `finish` adds the sums that remain."""
        self._sums: dict[str, Row] = {}
        """Per hotspot what its columns of sums grow by, and the last time it was heard of."""
        self.unplaced_rewards: list[tuple[str, Row]] = []
        """Rewards whose location is that of a hotspot (address) as it was before these blocks."""
        self._locations: dict[str, int | None] = {}
        """Where hotspots stand that were placed, or left their place, in these blocks."""
        self._earlier: dict[str, str] = {}
        """New keys of these blocks: the address under which the index knows the hotspot until now."""

    def add(self, block: IndexedBlock) -> None:
        """Take in the next block; after the last one `finish`."""
        self.blocks.append(
            {
                "height": block.height,
                "hash": block.hash.hex(),
                "time_ms": block.time_ms,
                "producer": get_address(block.producer),
                "transactions": len(block.transactions),
                "bundle_root": block.bundle_root.hex(),
                "events": len(block.events),
                "bytes": block.bytes_in_all,
            }
        )
        for number, transaction in enumerate(block.transactions):
            self._add_transaction(block, number, transaction)
        for stored in block.events:
            self._add_event(stored)

    def finish(self) -> None:
        """After the last block."""
        for address in list(self._sums):
            self._flush_sums(address)

    def _flush_sums(self, address: str) -> None:
        sums = self._sums.pop(address, None)
        if sums is not None and address:
            self.hotspots.append(HotspotChange(address, ADD, sums))

    def _add_transaction(self, block: IndexedBlock, number: int, transaction: IndexedTransaction) -> None:
        body = transaction.body
        place = {"height": block.height, "number": number}
        rendered = {**render_body(body), "type": get_kind(body)}
        self.transactions.append(
            {
                **place,
                "id": transaction.id.hex(),
                "time_ms": block.time_ms,
                "kind": rendered["type"],
                "payer": get_address(body.payer),
                "nonce": body.nonce,
                "fee": body.fee,
                "body": _encoder.encode(rendered).decode(),
            }
        )
        named = dict.fromkeys((get_address(key), role) for role, key in find_keys(body))
        self.parties += [{**place, "address": address, "role": role} for address, role in named]

    def _add_event(self, stored: StoredEvent) -> None:
        handler = _HANDLERS.get(stored.kind)
        if handler is not None:
            handler(self, stored, stored.fields)
        if stored.kind in VERDICTS or stored.kind == REWARD:
            return
        place = {"height": stored.height, "number": stored.index}
        self.events.append({**place, "time_ms": stored.time_ms, "kind": stored.kind, "body": _render(stored)})
        subjects = dict.fromkeys(get_address(key) for _, key in find_keys(stored.fields))
        channel = stored.fields.get("channel")
        if isinstance(channel, bytes) and len(channel) == HASH_BYTES:
            subjects[channel.hex()] = None
        self.subjects += [{**place, "subject": subject} for subject in subjects]

    # Hotspots

    def _add_hotspot(self, stored: StoredEvent, f: Row) -> None:
        row: Row = {
            "name": PublicKey(f["hotspot"]).name,
            "owner": get_address(f["owner"]),
            "state": ACTIVE,
            "added_height": stored.height,
            "added_ms": stored.time_ms,
            "last_ms": 0,
            **dict.fromkeys(SUMS, 0),
        }
        row |= dict.fromkeys(("location", "location_height", "cell", "gain_ddbi", "elevation_m"))
        self.hotspots.append(HotspotChange(get_address(f["hotspot"]), INSERT, row))

    def _place_hotspot(self, stored: StoredEvent, f: Row) -> None:
        address = get_address(f["hotspot"])
        self._locations[address] = f["location"]
        change = {
            "location": f["location"],
            "location_height": stored.height,
            "cell": compute_public_cell(f["location"]),
            "gain_ddbi": f["gain_ddbi"],
            "elevation_m": f["elevation_m"],
        }
        self.hotspots.append(HotspotChange(address, SET, change))

    def _transfer_hotspot(self, stored: StoredEvent, f: Row) -> None:
        change = {"owner": get_address(f["new_owner"])}
        self.hotspots.append(HotspotChange(get_address(f["hotspot"]), SET, change))

    def _retire_hotspot(self, stored: StoredEvent, f: Row) -> None:
        self.hotspots.append(HotspotChange(get_address(f["hotspot"]), SET, {"state": RETIRED}))

    def _slash_hotspot(self, stored: StoredEvent, f: Row) -> None:
        self.hotspots.append(HotspotChange(get_address(f["hotspot"]), SET, {"state": FAULTED}))

    def _rekey_hotspot(self, stored: StoredEvent, f: Row) -> None:
        """What the old key did until now is the new key's; what comes late for the old one stays its own."""
        old, new = get_address(f["hotspot"]), get_address(f["new_hotspot"])
        self._flush_sums(old)
        row = {"address": new, "name": PublicKey(f["new_hotspot"]).name}
        self.hotspots.append(HotspotChange(old, REKEY, row))
        if old in self._locations:
            self._locations[new] = self._locations[old]
        else:
            self._earlier[new] = self._earlier.get(old, old)
        self._locations[old] = None

    def _get_sums(self, address: str) -> Row:
        return self._sums.setdefault(address, {"last_ms": 0, **dict.fromkeys(SUMS, 0)})

    def _change_sums(self, address: str, time_ms: int, **by: int) -> None:
        sums = self._get_sums(address)
        sums["last_ms"] = max(sums["last_ms"], time_ms)
        for name, number in by.items():
            sums[name] += number

    # Proof-of-Coverage

    def _take_beacon(self, stored: StoredEvent, f: Row) -> None:
        self._keep_verdict(stored, f)
        heard = bool(f["ok"] and f["witnesses"] > 0)
        self._change_sums(
            get_address(f["hotspot"]),
            stored.time_ms,
            beacons=int(f["ok"]),
            beacons_heard=int(heard),
            rejected=int(not f["ok"]),
        )
        if heard:
            self._cover(f["location"], 1, 0, stored.time_ms)

    def _take_witness(self, stored: StoredEvent, f: Row) -> None:
        self._keep_verdict(stored, f)
        witness, beaconer = get_address(f["hotspot"]), get_address(f["beaconer"])
        self._change_sums(witness, stored.time_ms, witnessed=int(f["ok"]), rejected=int(not f["ok"]))
        if f["ok"]:
            self._cover(f["location"], 0, 1, stored.time_ms)
        if not witness or not beaconer or "signal_ddbm" not in f:
            return
        link = self.links.setdefault(
            (beaconer, witness),
            {"beaconer": beaconer, "witness": witness, "heard": 0, "rejected": 0, "first_ms": stored.time_ms},
        )
        link["heard"] += int(f["ok"])
        link["rejected"] += int(not f["ok"])
        link |= {
            "last_ms": stored.time_ms,
            "signal_ddbm": f["signal_ddbm"],
            "snr_ddb": f["snr_ddb"],
            "distance_m": f["distance_m"],
            "last_reason": "" if f["ok"] else f["reason"],
        }

    def _keep_verdict(self, stored: StoredEvent, f: Row) -> None:
        self.verdicts.append(
            {
                "height": stored.height,
                "number": stored.index,
                "time_ms": stored.time_ms,
                "kind": stored.kind,
                "hotspot": get_address(f["hotspot"]),
                "beaconer": get_address(f.get("beaconer", b"")),
                "round": f["round"],
                "ok": int(f["ok"]),
                "reason": f["reason"],
                "location": f.get("location") or None,
                "body": _render(stored),
            }
        )

    def _cover(self, location: int, heard: int, witnessed: int, time_ms: int) -> None:
        if not location:
            return
        cell = compute_public_cell(location)
        row = self.coverage.setdefault(
            cell, {"cell": cell, "beacons_heard": 0, "witnessed": 0, "first_ms": time_ms, "last_ms": time_ms}
        )
        row["beacons_heard"] += heard
        row["witnessed"] += witnessed
        row["last_ms"] = max(row["last_ms"], time_ms)

    # Rounds, epochs, rewards

    def _open_round(self, stored: StoredEvent, f: Row) -> None:
        self.rounds.append(
            {
                "round": f["round"],
                "height": stored.height,
                "number": stored.index,
                "opened_at_ms": f["opened_at_ms"],
                "closes_at_ms": f["closes_at_ms"],
                "entropy": f["entropy"].hex(),
                "challenges": f.get("challenges", 0),
            }
        )

    def _close_epoch(self, stored: StoredEvent, f: Row) -> None:
        self.epochs.append(
            {
                "epoch": f["epoch"],
                "height": stored.height,
                "number": stored.index,
                "time_ms": stored.time_ms,
                "body": _render(stored),
            }
        )
        if "hxt_price" in f:
            self._note_price(stored, f)

    def _take_reward(self, stored: StoredEvent, f: Row) -> None:
        address = get_address(f["hotspot"])
        row: Row = {
            "height": stored.height,
            "number": stored.index,
            "time_ms": stored.time_ms,
            "epoch": f["epoch"],
            "hotspot": address,
            "owner": get_address(f.get("owner")),
            "reward": f["reward"],
            "hxt": f["hxt"],
            "location": self._locations.get(address),
            "body": _render(stored),
        }
        self.rewards.append(row)
        if address not in self._locations:
            self.unplaced_rewards.append((self._earlier.get(address, address), row))
        self._get_sums(address)["hxt"] += f["hxt"]

    def _take_release(self, stored: StoredEvent, f: Row) -> None:
        self._get_sums(get_address(f["hotspot"]))["released_hxt"] += f["hxt"]

    # Data, price

    def _take_claim(self, stored: StoredEvent, f: Row) -> None:
        address = get_address(f["hotspot"])
        self.claims.append(
            {
                "height": stored.height,
                "number": stored.index,
                "time_ms": stored.time_ms,
                "channel": f["channel"].hex(),
                "router": get_address(f["router"]),
                "hotspot": address,
                "data_credits": f["data_credits"],
                "packets": f["packets"],
                "sequence": f.get("sequence"),
                "total_data_credits": f.get("total_data_credits"),
            }
        )
        sums = self._get_sums(address)
        sums["data_credits"] += f["data_credits"]
        sums["packets"] += f["packets"]

    def _note_price(self, stored: StoredEvent, f: Row) -> None:
        self.prices.append(
            {
                "height": stored.height,
                "number": stored.index,
                "time_ms": stored.time_ms,
                "hxt_price": f["hxt_price"],
            }
        )


def _render(stored: StoredEvent) -> str:
    return _encoder.encode(render_event(stored)).decode()


_HANDLERS: dict[str, Any] = {
    "hotspot_added": Rows._add_hotspot,
    "location_asserted": Rows._place_hotspot,
    "beacon_verdict": Rows._take_beacon,
    "witness_verdict": Rows._take_witness,
    "round_opened": Rows._open_round,
    "epoch_closed": Rows._close_epoch,
    REWARD: Rows._take_reward,
    "escrow_released": Rows._take_release,
    "channel_claimed": Rows._take_claim,
    "channel_counted": Rows._take_claim,
    "price_changed": Rows._note_price,
    "hotspot_transferred": Rows._transfer_hotspot,
    "hotspot_rekeyed": Rows._rekey_hotspot,
    "hotspot_retired": Rows._retire_hotspot,
    "hotspot_slashed": Rows._slash_hotspot,
    "claim_verdict": Rows._keep_verdict,
    "claim_unopened": Rows._keep_verdict,
}
