"""What a node fetches from others to join and to follow: blocks, bundles, snapshots, as raw bytes.

Nothing here is believed: blocks are applied with all rules, bundles and snapshots checked against their
roots.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import httpx
import msgspec

from chain import api
from chain.blocks.bundle import EMPTY_BUNDLE, EMPTY_BUNDLE_ROOT, BadBundle, Bundle, check_bundle
from chain.blocks.header import Block, MalformedBlock, decode_block

_TIMEOUT_S = 20.0
#: Larger than any block or bundle that the rules allow.
_MAX_BYTES = 64 * 1024 * 1024
_MAX_SNAPSHOT_BYTES = 64 * 1024**3


class SeedUnavailable(Exception):
    """No seed gave what was asked for; the message says what each of them said."""


class BadAnswer(SeedUnavailable):
    """A seed answered with bytes that aren't what was asked for: not those of the bundle's root."""


class SeedClient:
    """Asks the seeds of a network one after the other, the one that answered last first."""

    def __init__(self, seeds: Sequence[str]) -> None:
        """`seeds`: HTTP URLs. Raises ValueError for none."""
        if not seeds:
            raise ValueError("no seed: name a node's URL, in the network file or with --seed")
        self.seeds = [seed.rstrip("/") for seed in seeds]
        self._http = httpx.AsyncClient(timeout=_TIMEOUT_S)

    async def __aenter__(self) -> SeedClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.aclose()

    async def get_status(self) -> api.Status:
        """Where a seed stands. Raises SeedUnavailable."""
        return msgspec.json.decode(await self.get("/v1/status"), type=api.Status)

    async def get_block(self, height: int) -> tuple[Block, Bundle]:
        """A block with its reports; the bundle is the one that the header names. Raises SeedUnavailable."""
        try:
            block = decode_block(await self.get(f"/v1/blocks/{height}/raw"))
            root = block.header.bundle_root
            if root == EMPTY_BUNDLE_ROOT:
                return block, EMPTY_BUNDLE
            return block, check_bundle(await self.get(f"/v1/bundles/{root.hex()}"), root)
        except (MalformedBlock, BadBundle) as error:
            raise BadAnswer(f"{self.seeds[0]}: block {height}: {error}") from error

    async def list_snapshots(self) -> list[api.SnapshotInfo]:
        """Which snapshots there are, newest first. Raises SeedUnavailable."""
        return msgspec.json.decode(await self.get("/v1/snapshots"), type=list[api.SnapshotInfo])

    async def download_snapshot(self, epoch: int, path: Path) -> None:
        """Fetch a snapshot's file, a piece at a time. Raises SeedUnavailable, OSError."""
        try:
            async with self._http.stream("GET", f"{self.seeds[0]}/v1/snapshots/{epoch}") as response:
                response.raise_for_status()
                with path.open("wb") as file:
                    async for piece in response.aiter_bytes():
                        if file.tell() + len(piece) > _MAX_SNAPSHOT_BYTES:
                            raise SeedUnavailable(f"{self.seeds[0]}: the snapshot is larger than any can be")
                        file.write(piece)
        except httpx.HTTPError as error:
            raise SeedUnavailable(f"{self.seeds[0]}: snapshot of epoch {epoch}: {error}") from error

    async def submit_transaction(self, raw: bytes) -> httpx.Response:
        """Hand a transaction on; the answer is the seed's, refusals included. Raises SeedUnavailable."""
        body = msgspec.json.encode({"transaction": raw})
        return await self._try("POST", "/v1/transactions", body)

    async def get(self, path: str) -> bytes:
        """Raises SeedUnavailable."""
        response = await self._try("GET", path)
        if not response.is_success:
            raise SeedUnavailable(f"{self.seeds[0]}{path}: {response.status_code} {response.text[:200]}")
        if len(response.content) > _MAX_BYTES:
            raise SeedUnavailable(f"{self.seeds[0]}{path}: an answer of {len(response.content)} bytes")
        return response.content

    async def _try(self, method: str, path: str, body: bytes | None = None) -> httpx.Response:
        failures = []
        headers = {"content-type": "application/json"} if body else {}
        for seed in list(self.seeds):
            try:
                response = await self._http.request(method, seed + path, content=body, headers=headers)
            except (httpx.HTTPError, OSError, ValueError) as error:
                failures.append(f"{seed}: {error or type(error).__name__}")
                continue
            if response.status_code >= 500 or response.status_code == 429:
                failures.append(f"{seed}: {response.status_code}")
                continue
            self.seeds.remove(seed)
            self.seeds.insert(0, seed)
            return response
        raise SeedUnavailable("; ".join(failures))
