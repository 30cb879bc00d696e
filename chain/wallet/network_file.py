"""The network file: what a node, a hotspot, a router or a wallet needs to join a network, and nothing secret.

The genesis hash names the network for good: chain id, producer, entropy anchor and configuration key all
stand in the genesis, so whoever has the right hash can check the rest against any node. Therefore the file
needs no signature of its own. The seeds alone aren't pinned: a wrong one can withhold, but a wallet signs for
the chain id of its file, and what it signs counts nowhere else.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import httpx
import msgspec

from chain import api
from chain.keys.address import NETWORK_MAIN, NETWORK_TEST

MAX_FILE_BYTES = 65_536
_TIMEOUT_S = 10.0


class InvalidNetworkFile(ValueError):
    """The network file can't be had or isn't one; the message says what to do."""


class OtherNetwork(Exception):
    """The node runs another network than the file names."""


def get_network_byte(network: api.Network) -> int:
    """The network byte of this network's keys."""
    return NETWORK_TEST if network.network == "test" else NETWORK_MAIN


def check_seed(url: str) -> str:
    """Return the URL of a node without its last slash. Raises InvalidNetworkFile."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InvalidNetworkFile(f"seed {url!r}: {error}; write http://HOST:PORT") from error
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or port == 0:
        raise InvalidNetworkFile(f"seed {url!r} is no URL of a node: write http://HOST:PORT")
    return url.rstrip("/")


def decode_network_file(raw: bytes, source: str) -> api.Network:
    """Parse a network file. Raises InvalidNetworkFile."""
    if len(raw) > MAX_FILE_BYTES:
        raise InvalidNetworkFile(f"{source}: {len(raw)} bytes are too many for a network file")
    try:
        network = msgspec.json.decode(raw, type=api.Network)
        is_hash = len(bytes.fromhex(network.genesis_hash)) == 32
    except (msgspec.MsgspecError, ValueError) as error:
        raise InvalidNetworkFile(f"{source} is no network file: {error}") from error
    if not is_hash or not network.chain_id:
        raise InvalidNetworkFile(f"{source} is no network file: it names no chain id and genesis hash")
    for seed in network.seeds:
        check_seed(seed)
    return network


def read_network_file(source: str) -> api.Network:
    """Read a network file from a path, an http(s) URL, or a node (http://HOST:PORT: its /v1/network).

    Raises InvalidNetworkFile.
    """
    if source.startswith(("http://", "https://")):
        url = source if source.endswith(".json") or "/v1/" in source else f"{source.rstrip('/')}/v1/network"
        try:
            with httpx.Client(timeout=_TIMEOUT_S, trust_env=False) as http:
                answer = http.get(url)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise InvalidNetworkFile(f"{url}: {str(error) or type(error).__name__}") from error
        if not answer.is_success:
            raise InvalidNetworkFile(f"{url}: HTTP {answer.status_code}: is a network file there?")
        return decode_network_file(answer.content, url)
    try:
        with Path(source).open("rb") as stream:
            return decode_network_file(stream.read(MAX_FILE_BYTES + 1), source)
    except OSError as error:
        raise InvalidNetworkFile(f"network file {source}: {error.strerror}") from error


def check_same_network(expected: api.Network, answered: api.Network, url: str) -> None:
    """Check that a node runs the network of the file. Raises OtherNetwork."""
    for name in ("genesis_hash", "chain_id", "network", "producer", "configuration_key"):
        wanted, got = getattr(expected, name), getattr(answered, name)
        if wanted != got:
            raise OtherNetwork(
                f"node {url} runs another network: its {name} is {got}, the network file says {wanted}; "
                "use a node of your network, or the file of this one"
            )
