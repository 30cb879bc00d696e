"""The node's HTTP API for a program: typed answers, two kinds of failure.

    async with ChainClient("http://127.0.0.1:8080") as chain:
        transaction_id = await chain.send(Burn(payer=me, nonce=0, fee=0, payee=me, hxt=10**8), [my_keypair])
        await chain.wait_included(transaction_id)

`ChainUnavailable` means try again later; `TransactionRefused` means that this transaction will never do,
and why.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, TypeVar

import httpx
import msgspec
from msgspec.structs import replace

from chain import api
from chain.api_history import Page, Price, RenderedEvent
from chain.keys.keypair import Keypair
from chain.keys.public_key import PublicKey
from chain.ledger.parameters import Parameters
from chain.transactions.building import build_transaction
from chain.transactions.types import TransactionBody

Answer = TypeVar("Answer")
Item = TypeVar("Item")

_MAX_NONCE_ATTEMPTS = 5
_PAGE_ITEMS = 1_000
_OTHERS_WERE_FASTER = ("nonce_used", "nonce_gap")
_MAX_ANSWER_BYTES = 64 * 1024 * 1024


class ChainUnavailable(Exception):
    """The node can't be reached, or answers that it can't serve now."""


class BadNodeUrl(ChainUnavailable, ValueError):
    """The URL itself can't be one of a node's."""


class RequestRefused(Exception):
    """The node understood and refused; `code` is for programs, `message` for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class TransactionRefused(RequestRefused):
    """A transaction was refused at submission, or rejected at a block."""


class NotFound(RequestRefused):
    """What was asked for isn't on the chain (yet)."""


class ChainClient:
    """Talks to one node. All methods raise ChainUnavailable; may be shared by tasks of one event loop."""

    def __init__(self, base_url: str, timeout_s: float = 10.0) -> None:
        """Connects at the first question only. Raises BadNodeUrl."""
        self.base_url = base_url.rstrip("/")
        try:
            self._http = httpx.AsyncClient(base_url=f"{self.base_url}/v1", timeout=timeout_s, trust_env=False)
            port = self._http.base_url.port
        except httpx.InvalidURL as error:
            raise BadNodeUrl(f"chain node {base_url!r}: {error}; write http://HOST:PORT") from error
        if port is not None and port > 65535:
            raise BadNodeUrl(f"chain node {base_url!r}: port {port} is above 65535")
        self._network: api.Network | None = None
        self._sending: dict[bytes, asyncio.Lock] = {}

    async def __aenter__(self) -> ChainClient:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def status(self) -> api.Status:
        """Height, round, epoch and the node's clock."""
        return await self._get("/status", api.Status)

    async def network(self) -> api.Network:
        """Chain id and genesis. Asked once: they never change."""
        if self._network is None:
            self._network = await self._get("/network", api.Network)
        return self._network

    async def parameters(self) -> Parameters:
        """The parameters in force; a block may change them."""
        return await self._get("/parameters", Parameters)

    async def hxt_price(self) -> int:
        """What one HXT costs now, USD x 10^8: what a burn goes by."""
        return (await self._get("/price", Price)).hxt_price

    async def account(self, address: str) -> api.Account:
        """Balances and the next nonce; an account that nobody has paid yet is empty."""
        return await self._get(f"/accounts/{address}", api.Account)

    async def hotspots(self) -> list[api.Hotspot]:
        """All hotspots."""
        return await self._get_all("/hotspots", Page[api.Hotspot])

    async def hotspot(self, address: str) -> api.Hotspot | None:
        """One hotspot, or None where the chain doesn't know it."""
        try:
            return await self._get(f"/hotspots/{address}", api.Hotspot)
        except NotFound:
            return None

    async def routes(self) -> list[api.Route]:
        """All routers with what they want."""
        return await self._get_all("/routers", Page[api.Route])

    async def channels(self, router: str | None = None) -> list[api.Channel]:
        """Data channels, of one router (its address) or all."""
        query: dict[str, str | int] = {"router": router} if router else {}
        return await self._get_all("/channels", Page[api.Channel], query)

    async def channel(self, channel_id: str) -> api.Channel | None:
        """One channel by the id (hex) of the transaction that opened it."""
        try:
            return await self._get(f"/channels/{channel_id}", api.Channel)
        except NotFound:
            return None

    async def poc_round(self) -> api.PocRound:
        """The open round: entropy and challenges."""
        return await self._get("/poc/round", api.PocRound)

    async def verdicts(
        self, hotspot: str | None = None, round: int | None = None, limit: int = 100
    ) -> list[dict[str, Any]]:
        """Beacon and witness verdicts, newest first, as rendered events."""
        query: dict[str, str | int] = {}
        if hotspot is not None:
            query["hotspot"] = hotspot
        if round is not None:
            query["round"] = round
        return await self._get_all("/poc/verdicts", Page[RenderedEvent], query, limit)

    async def rewards(self, hotspot: str | None = None, limit: int = 100) -> list[dict[str, Any]]:
        """reward_earned events, newest first."""
        query: dict[str, str | int] = {}
        if hotspot is not None:
            query["hotspot"] = hotspot
        return await self._get_all("/rewards", Page[RenderedEvent], query, limit)

    async def events(self, from_height: int, limit: int = 1000) -> api.EventPage:
        """Events of whole blocks from a height on."""
        return await self._get("/events", api.EventPage, {"from_height": from_height, "limit": limit})

    async def supply(self) -> api.SupplyAnswer:
        """The books of both tokens."""
        return await self._get("/supply", api.SupplyAnswer)

    async def block(self, height: int) -> api.Block | None:
        """A block, or None where there is none at that height yet."""
        try:
            return await self._get(f"/blocks/{height}", api.Block)
        except NotFound:
            return None

    async def transaction(self, transaction_id: str) -> api.TransactionStatus | None:
        """What became of a transaction; None where the node has never seen it."""
        try:
            return await self._get(f"/transactions/{transaction_id}", api.TransactionStatus)
        except NotFound:
            return None

    async def faucet(self, address: str) -> str:
        """Ask the faucet for the first tokens; returns the id of its payment (test network only)."""
        answer = await self._post("/faucet", api.FaucetRequest(address=address), api.FaucetAnswer)
        return answer.id

    async def submit(self, signed_transaction: bytes) -> str:
        """Hand in a signed transaction; once this returns it survives a crash of the node.

        Returns its id (hex). Raises TransactionRefused with the reason code.
        """
        request = api.SubmitRequest(transaction=base64.b64encode(signed_transaction).decode("ascii"))
        try:
            return (await self._post("/transactions", request, api.Submitted)).id
        except RequestRefused as error:
            raise TransactionRefused(error.code, error.message) from error

    async def check(self, transaction: bytes) -> api.TransactionCheck:
        """Have the node try a transaction on the state that the next block will have; nothing is kept.

        Signatures that are missing may be empty. Raises TransactionRefused where the bytes are none.
        """
        request = api.SubmitRequest(transaction=base64.b64encode(transaction).decode("ascii"))
        try:
            return await self._post("/transactions/check", request, api.TransactionCheck)
        except RequestRefused as error:
            raise TransactionRefused(error.code, error.message) from error

    async def onboarding(self) -> api.OnboardingOffer:
        """Who pays for newcomers' hotspots, on a test network."""
        return await self._get("/onboarding", api.OnboardingOffer)

    async def onboard(self, transaction: bytes) -> str:
        """Ask the onboarding payer to co-sign and submit a transaction that all others have signed.

        Returns its id. Raises TransactionRefused, ChainUnavailable when asked too often.
        """
        request = api.SubmitRequest(transaction=base64.b64encode(transaction).decode("ascii"))
        try:
            return (await self._post("/onboarding", request, api.Submitted)).id
        except RequestRefused as error:
            raise TransactionRefused(error.code, error.message) from error

    async def send(
        self,
        body: TransactionBody,
        keypairs: Sequence[Keypair],
        before_submit: Callable[[bytes], None] | None = None,
    ) -> str:
        """Fill in nonce and fee, sign and submit; returns the id.

        One at a time per payer; where another program that holds the payer's key was faster, with the next
        nonce. Raises TransactionRefused. After ChainUnavailable the transaction may or may not have been
        taken in. `before_submit` gets the signed bytes before each attempt: who keeps them can submit the
        very same again after a crash, and so never twice.
        """
        lock = self._sending.setdefault(body.payer, asyncio.Lock())
        async with lock:
            network, parameters = await self.network(), await self.parameters()
            for attempt in range(1, _MAX_NONCE_ATTEMPTS + 1):
                account = await self.account(PublicKey(body.payer).address)
                body = replace(body, nonce=account.next_nonce)
                raw = build_transaction(body, network.chain_id, parameters, keypairs)
                if before_submit is not None:
                    before_submit(raw)
                try:
                    return await self.submit(raw)
                except TransactionRefused as error:
                    if error.code not in _OTHERS_WERE_FASTER or attempt == _MAX_NONCE_ATTEMPTS:
                        raise
        raise AssertionError("the last attempt returns or raises")

    async def wait_included(self, transaction_id: str, timeout_s: float = 60.0) -> api.TransactionStatus:
        """Wait until the transaction is in a block.

        Raises TransactionRefused where a block rejected it, TimeoutError when it takes too long. A node
        that is away meanwhile is waited for.
        """
        async with asyncio.timeout(timeout_s):
            while True:
                try:
                    status = await self.transaction(transaction_id)
                except ChainUnavailable:
                    status = None
                if status is not None and status.status == "included":
                    return status
                if status is not None and status.status == "rejected":
                    raise TransactionRefused(status.code or "rejected", status.reason or "rejected")
                await asyncio.sleep(0.25)

    async def _get(
        self, path: str, answer_type: type[Answer], query: dict[str, str | int] | None = None
    ) -> Answer:
        return await self._ask(self._http.build_request("GET", path, params=query), answer_type)

    async def _get_all(
        self,
        path: str,
        page_type: type[Page[Item]],
        query: dict[str, str | int] | None = None,
        most: int | None = None,
    ) -> list[Item]:
        """The items of a list, page by page, all or at most so many."""
        items: list[Item] = []
        asked = dict(query or {})
        while most is None or len(items) < most:
            asked["limit"] = _PAGE_ITEMS if most is None else min(most - len(items), _PAGE_ITEMS)
            page = await self._get(path, page_type, asked)
            items += page.items
            if page.cursor is None:
                break
            asked["cursor"] = page.cursor
        return items

    async def _post(self, path: str, body: msgspec.Struct, answer_type: type[Answer]) -> Answer:
        content = msgspec.json.encode(body)
        headers = {"content-type": "application/json"}
        return await self._ask(
            self._http.build_request("POST", path, content=content, headers=headers), answer_type
        )

    async def _ask(self, request: httpx.Request, answer_type: type[Answer]) -> Answer:
        try:
            response = await self._http.send(request)
        except httpx.UnsupportedProtocol as error:
            raise BadNodeUrl(f"chain node {self.base_url!r} is no URL: write http://HOST:PORT") from error
        except httpx.RemoteProtocolError as error:
            text = f"chain node {self.base_url}: no HTTP answer ({error}): is it a node's HTTP port?"
            raise ChainUnavailable(text) from error
        except httpx.TimeoutException as error:
            raise ChainUnavailable(f"chain node {self.base_url}: no answer in time") from error
        except (httpx.HTTPError, OSError) as error:
            text = str(error) or type(error).__name__
            raise ChainUnavailable(f"chain node {self.base_url}: {text}") from error
        if len(response.content) > _MAX_ANSWER_BYTES:
            raise ChainUnavailable(f"chain node {self.base_url}: answer of {len(response.content)} bytes")
        if response.is_success:
            try:
                return msgspec.json.decode(response.content, type=answer_type)
            except msgspec.MsgspecError as error:
                raise ChainUnavailable(
                    f"chain node {self.base_url}: {request.url.path} gave an unexpected answer: {error}"
                ) from error
        try:
            refused = msgspec.json.decode(response.content, type=api.ErrorResponse).error
        except msgspec.MsgspecError:
            refused = api.ErrorBody(code=f"http_{response.status_code}", message=response.reason_phrase)
        if response.status_code >= 500 or response.status_code == 429:
            raise ChainUnavailable(f"chain node {self.base_url}: {refused.code}: {refused.message}")
        if response.status_code in (404, 405) and refused.code.startswith("http_"):
            raise ChainUnavailable(
                f"{self.base_url} answers, but as no chain node: it has no {request.url.path}"
            )
        kind = NotFound if response.status_code == 404 else RequestRefused
        raise kind(refused.code, refused.message)
