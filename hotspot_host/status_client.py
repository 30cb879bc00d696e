"""Asking running hotspots how they fare, and telling it to a person."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

DEFAULT_URL = "http://127.0.0.1:4467"
_TIMEOUT_S = 5.0


class NoHotspot(Exception):
    """Nothing that is a hotspot answers; the message says where and why."""


def ask_status(url: str) -> dict[str, Any]:
    """The status of the hotspot at a URL (or HOST:PORT). Raises NoHotspot."""
    base = url if "://" in url else f"http://{url}"
    base = base.rstrip("/").removesuffix("/status")
    try:
        answer = httpx.get(f"{base}/status", timeout=_TIMEOUT_S, trust_env=False)
        answer.raise_for_status()
        content = answer.json()
    except (httpx.HTTPError, httpx.InvalidURL, OverflowError, ValueError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise NoHotspot(
            f"no hotspot answers at {url}: {reason}; its address is in its first line (status at ...)"
        ) from error
    if not isinstance(content, dict) or "hotspot" not in content or "board" not in content:
        raise NoHotspot(f"what answers at {url} is no hotspot: give the address of its first line")
    return content


def find_status_urls(data_dir: Path) -> list[str]:
    """Where the hotspots of a `hexhaul up` on this folder have their status pages, the first one first."""
    try:
        ports = json.loads((data_dir / "ports.json").read_text(encoding="utf-8"))
        found = sorted(
            (int(name.removeprefix("hotspot-http-")), int(port))
            for name, port in ports.items()
            if name.startswith("hotspot-http-")
        )
    except (OSError, ValueError, AttributeError, TypeError):
        return []
    host = _find_host(data_dir)
    return [f"http://{host}:{port}" for _, port in found]


def _find_host(data_dir: Path) -> str:
    """The address that this `hexhaul up` binds to."""
    try:
        ready = json.loads((data_dir / "up.json").read_text(encoding="utf-8"))
        return urlsplit(ready["chain_api"]).hostname or "127.0.0.1"
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return "127.0.0.1"


def collect_statuses(url: str, data_dir: Path) -> list[dict[str, Any]]:
    """Of the hotspot at ``url``; without one, of all that answer of the `hexhaul up` on this folder, else of
    the one at the usual port. Raises NoHotspot.
    """
    if url:
        return [ask_status(url)]
    found = []
    for candidate in find_status_urls(data_dir):
        try:
            found.append(ask_status(candidate))
        except NoHotspot:
            continue  # not one of this run's: `up` remembers the ports of the largest town it made
    return found or [ask_status(DEFAULT_URL)]


def describe_status(content: dict[str, Any]) -> list[str]:
    """Lines for a person."""
    board, spool, counts = content["board"], content["spool"], content["counts"]
    lines = [
        f"{content['name']} ({content['hotspot']})",
        f"on the chain: {'yes' if content['registered'] else 'not yet'}, location {content['location']}",
        f"board: {'up' if board['up'] else 'down'}, {board['text']}",
    ]
    for router in content["routers"]:
        balance = router["balance"]
        lines.append(
            f"router {router['grpc']}: {router['state']}, {balance['bought_packets']} packets bought, "
            f"{balance['unvouchered_packets']} without a voucher{', PAUSED' if router['paused'] else ''}"
        )
    for concentrator in content["concentrators"]:
        state = "connected" if concentrator["connected"] else "silent"
        lines.append(f"concentrator {concentrator['eui']}: {state}, {concentrator['packets']} packets")
    lines.append(f"waiting for a receipt: {spool['packets']} of at most {spool['limit']}")
    lines += [f"{name}: {count}" for name, count in counts.items() if name != "dropped"]
    lines += [f"dropped, {reason}: {count}" for reason, count in counts["dropped"].items()]
    return lines
