"""Does an epoch again: from a signed state at its start, by its blocks and bundles, to each payment.

    network file -> genesis (by hash) -> snapshot (signed header, state root from all rows)
      -> every block of the epoch: signature, roots, all rules -> payments
      -> compared with those that the node tells, and with its state by proofs under its last header

Trusted is the network file: genesis hash and producer's key. Where the node has no snapshot of the epoch's
start, blocks are applied from an earlier one, or from the genesis.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from chain import api
from chain.api_history import Page
from chain.blocks.application import InvalidBlock
from chain.blocks.engine import SingleProducer
from chain.blocks.genesis import Chain, InvalidGenesis, decode_genesis
from chain.keys.public_key import PublicKey
from chain.ledger.conservation import BooksDontAddUp
from chain.ledger.escrow import ESCROW
from chain.ledger.events import StoredEvent, render_event
from chain.light_client import NotProven, check_state
from chain.node.seed_client import BadAnswer, SeedClient, SeedUnavailable
from chain.store.chain_store import ChainStore
from chain.store.snapshot import BadSnapshot, Snapshot, load_snapshot

_PAGE = 1_000
#: What a rendered event says about where it stands; the same for both sides, and not part of a payment.
_PLACE = ("height", "index", "time_ms")

Say = Callable[[str], None]


class CannotVerify(Exception):
    """What is needed isn't to be had; nothing is said about the epoch. The message says what is missing."""


class EpochVerification(msgspec.Struct, frozen=True, kw_only=True):
    """What came out."""

    epoch: int
    findings: tuple[str, ...]
    """What is wrong; none where everything is as it should be."""
    payments: tuple[dict[str, Any], ...]
    """As recomputed: hotspot, owner, reward, hxt and why, the numbers it was computed from."""
    closed: dict[str, Any]
    """The epoch's sums, as recomputed."""
    first_height: int
    """The state that was begun with stands after the block before this one."""
    last_height: int
    """The block that closes the epoch."""
    reports: int
    """Reports in the bundles that were gone through."""
    proven_rows: int
    """Escrow rows that the node's last header proves to be the recomputed ones."""
    released_rows: int
    """Escrow rows that are proven to be gone: paid out, or taken."""


async def verify_epoch(seeds: SeedClient, network: api.Network, epoch: int, say: Say) -> EpochVerification:
    """Do an epoch again. `say` takes a line about what is going on. Raises CannotVerify, SeedUnavailable."""
    chain = _read_genesis(await seeds.get("/v1/genesis"), network)
    status = await seeds.get_status()
    if status.epoch <= epoch:
        raise CannotVerify(
            f"epoch {epoch} isn't closed yet: the node stands in epoch {status.epoch}, height {status.height}"
        )
    told = await _get_told(seeds, epoch)
    with tempfile.TemporaryDirectory(prefix="hexhaul-verify-") as folder:
        store = ChainStore(Path(folder) / "chain.db")
        try:
            start = await _load_start(seeds, network, chain, epoch, store, Path(folder), say)
            redone = _Redone(epoch, SingleProducer(chain, store), say)
            await redone.apply_blocks(seeds)
        except (BadSnapshot, BadAnswer) as error:
            return _stop(epoch, str(error))
        finally:
            store.close()
    if redone.closed is None:
        return _stop(epoch, redone.broken or f"no block up to height {redone.height} closes epoch {epoch}")
    findings = compare_payments(redone.payments, told)
    proven, released = await _check_rows(seeds, network, epoch, redone.payments, findings)
    return EpochVerification(
        epoch=epoch,
        findings=tuple(findings),
        payments=tuple(redone.payments),
        closed=redone.closed,
        first_height=start + 1,
        last_height=redone.height,
        reports=redone.reports,
        proven_rows=proven,
        released_rows=released,
    )


class _Redone:
    """The epoch's blocks, applied one after the other."""

    def __init__(self, epoch: int, engine: SingleProducer, say: Say) -> None:
        self.epoch = epoch
        self.payments: list[dict[str, Any]] = []
        self.closed: dict[str, Any] | None = None
        self.reports = 0
        self.broken: str | None = None
        self._engine = engine
        self._say = say

    @property
    def height(self) -> int:
        return self._engine.head.height

    async def apply_blocks(self, seeds: SeedClient) -> None:
        """Up to the one that closes the epoch, or breaks a rule."""
        newest = (await seeds.get_status()).height
        while self.closed is None and self.broken is None and self.height < newest:
            block, bundle = await seeds.get_block(self.height + 1)
            try:
                applied = self._engine.apply(block, bundle)
            except (InvalidBlock, BooksDontAddUp) as error:
                self.broken = str(error)
                return
            self._engine.commit(applied)
            self.reports += len(bundle.reports)
            for index, event in enumerate(applied.events):
                if event.fields.get("epoch") != self.epoch:
                    continue
                head = applied.head
                stored = StoredEvent(height=head.height, index=index, time_ms=head.time_ms, event=event)
                if event.kind == "reward_earned":
                    self.payments.append(_strip(render_event(stored)))
                elif event.kind == "epoch_closed":
                    self.closed = _strip(render_event(stored))
            if self.height % 100 == 0:
                self._say(f"block {self.height} of {newest}: signature, roots and rules are right")


def compare_payments(redone: list[dict[str, Any]], told: list[dict[str, Any]]) -> list[str]:
    """What differs between the payments as recomputed and as the node tells them, one line each."""
    ours = {(payment["hotspot"], payment["reward"]): payment for payment in redone}
    findings = []
    theirs: set[tuple[str, str]] = set()
    for payment in told:
        key = (str(payment.get("hotspot")), str(payment.get("reward")))
        if key in theirs:
            findings.append(f"{key[0]} is told to be paid twice for {key[1]}")
        theirs.add(key)
        right = ours.get(key)
        if right is None:
            findings.append(
                f"{key[0]} is told to earn {payment.get('hxt')} for {key[1]}: the rules give nothing"
            )
        elif payment != right:
            names = sorted(
                name for name in right.keys() | payment.keys() if right.get(name) != payment.get(name)
            )
            findings.append(
                f"{key[0]}, {key[1]}: "
                + "; ".join(
                    f"{name} is told as {payment.get(name)}, the rules give {right.get(name)}"
                    for name in names
                )
            )
    for hotspot, reward in ours.keys() - theirs:
        findings.append(
            f"{hotspot} earns {ours[hotspot, reward]['hxt']} for {reward}: the node doesn't tell it"
        )
    return sorted(findings)


def _read_genesis(raw: bytes, network: api.Network) -> Chain:
    if sha256(raw).hexdigest() != network.genesis_hash:
        raise CannotVerify(
            f"the node's genesis isn't that of network {network.chain_id}: another network's node"
        )
    try:
        return decode_genesis(raw)
    except InvalidGenesis as error:
        raise CannotVerify(str(error)) from error


async def _get_told(seeds: SeedClient, epoch: int) -> list[dict[str, Any]]:
    """All payments of the epoch that the node tells."""
    told: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        more = f"&cursor={cursor}" if cursor else ""
        raw = await seeds.get(f"/v1/rewards?epoch={epoch}&limit={_PAGE}{more}")
        page = msgspec.json.decode(raw, type=Page[dict[str, Any]])
        told += [_strip(payment) for payment in page.items]
        cursor = page.cursor
    return told


def _strip(event: dict[str, Any]) -> dict[str, Any]:
    """Without its place, and as JSON gives it back."""
    plain: dict[str, Any] = json.loads(msgspec.json.encode(event))
    return {name: value for name, value in plain.items() if name not in _PLACE}


async def _load_start(
    seeds: SeedClient,
    network: api.Network,
    chain: Chain,
    epoch: int,
    store: ChainStore,
    folder: Path,
    say: Say,
) -> int:
    """Write the state to begin with into the store; returns its height. A store left empty begins with the
    genesis."""
    fitting = [info for info in await seeds.list_snapshots() if info.epoch <= epoch]
    if not fitting:
        say("no snapshot: applying all blocks from the genesis")
        return 0
    newest = max(fitting, key=lambda info: info.epoch)
    path = folder / "start.snapshot"
    await seeds.download_snapshot(newest.epoch, path)
    snapshot = Snapshot(path)
    producer = PublicKey.from_address(network.producer)
    snapshot.check(chain.chain_id, chain.genesis_hash, producer, chain.genesis_parameters.state_tree_bits)
    load_snapshot(store, snapshot)
    say(f"state after block {snapshot.header.height}: signed, and all its rows give the signed root")
    return snapshot.header.height


async def _check_rows(
    seeds: SeedClient,
    network: api.Network,
    epoch: int,
    payments: list[dict[str, Any]],
    findings: list[str],
) -> tuple[int, int]:
    """Prove each escrow row under the node's last header; returns how many are there and how many gone."""
    sums: Counter[str] = Counter()
    for payment in payments:
        sums[payment["hotspot"]] += payment["hxt"]
    plain = msgspec.to_builtins(network)
    proven = released = 0
    for hotspot, hxt in sums.items():
        key = epoch.to_bytes(8, "big") + PublicKey.from_address(hotspot).binary
        try:
            answer = json.loads(await seeds.get(f"/v1/proofs/state?table={ESCROW.name}&key={key.hex()}"))
            value = check_state(answer, plain, ESCROW.prefix + key)
        except NotProven as error:
            findings.append(f"{hotspot}: its escrow isn't proven: {error}")
            continue
        if value is None:
            released += 1
        elif ESCROW.decoder.decode(value).hxt != hxt:
            found = ESCROW.decoder.decode(value).hxt
            findings.append(f"{hotspot}: {found} base units are in escrow, the rules give {hxt}")
        else:
            proven += 1
    return proven, released


def _stop(epoch: int, finding: str) -> EpochVerification:
    return EpochVerification(
        epoch=epoch,
        findings=(finding,),
        payments=(),
        closed={},
        first_height=0,
        last_height=0,
        reports=0,
        proven_rows=0,
        released_rows=0,
    )


__all__ = ["CannotVerify", "EpochVerification", "SeedUnavailable", "compare_payments", "verify_epoch"]
