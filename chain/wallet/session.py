"""A command's connection to a network: which node answers, and that it is of the network that was meant."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from chain import api
from chain.client import BadNodeUrl, ChainClient, ChainUnavailable
from chain.keys import PublicKey
from chain.wallet.network_file import check_same_network, get_network_byte, read_network_file

Answer = TypeVar("Answer")


class WrongKey(ValueError):
    """A key that isn't one of this network."""


class Session:
    """Asks one node; with a network file only one of that network, and signatures are for its chain id."""

    def __init__(self, url: str, network_source: str | None, default_url: str) -> None:
        """`url` is a node's, or empty: then the seeds of the network file, or `default_url`. Raises
        InvalidNetworkFile.
        """
        self._expected = None if network_source is None else read_network_file(network_source)
        if url:
            self._urls = [url]
        elif self._expected is not None and self._expected.seeds:
            self._urls = list(self._expected.seeds)
        else:
            self._urls = [default_url]
        self._network: api.Network | None = None

    @property
    def network(self) -> api.Network:
        """The network: that of the file, or what the node says. Raises ChainUnavailable, OtherNetwork."""
        if self._expected is not None:
            return self._expected
        if self._network is None:
            self._network = self.ask(lambda chain: chain.network())
        return self._network

    def check_key(self, key: PublicKey) -> PublicKey:
        """Return a key of this network. Raises WrongKey."""
        if key.network != get_network_byte(self.network):
            raise WrongKey(f"{key.address} is no address of a {self.network.network} network")
        return key

    def ask(self, question: Callable[[ChainClient], Awaitable[Answer]]) -> Answer:
        """Return `await question(client)`; the first node that answers is kept.

        Raises ChainUnavailable where none does, OtherNetwork, and whatever the question raises.
        """
        return asyncio.run(self._ask(question))

    async def _ask(self, question: Callable[[ChainClient], Awaitable[Answer]]) -> Answer:
        failed: ChainUnavailable | None = None
        for url in self._urls:
            try:
                async with ChainClient(url) as chain:
                    answered = await chain.network()
                    if self._expected is not None:
                        check_same_network(self._expected, answered, url)
                    self._urls = [url]
                    return await question(chain)
            except BadNodeUrl:
                raise
            except ChainUnavailable as error:
                failed = failed or error
                if self._urls == [url]:
                    raise
        raise failed or ChainUnavailable("no node to ask: give --url")
