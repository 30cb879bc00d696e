"""The page and its files: a fixed list read from ``static/``, with cache headers and a strict content policy.

No path from a request ever reaches the disk: what isn't in the list doesn't exist.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from pathlib import Path
from typing import Any, NamedTuple

from litestar import Request, Response, get
from litestar.params import FromPath

from chain.explorer.assets import FILES, STATIC

MEDIA_TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
}
#: The libraries change with a release only; the page's own files are asked for each time, by their ETag.
VENDOR_CACHE = "public, max-age=86400"
PAGE_CACHE = "no-cache"

_HOST = re.compile(r"^[A-Za-z0-9.-]{1,253}(?=:|$)")

Headers = dict[str, str]


class StaticFile(NamedTuple):
    """A file as it is sent."""

    changed_ns: int
    raw: bytes
    zipped: bytes
    etag: str


class StaticFiles:
    """The page's files in memory, read again when they change on disk."""

    def __init__(self, folder: Path = STATIC) -> None:
        self._folder = folder
        self._files: dict[str, StaticFile] = {}

    def get(self, name: str) -> StaticFile | None:
        """A file by its name below ``static/``; None where there is none."""
        path = self._folder / name
        if name not in self._list():
            return None
        changed_ns = path.stat().st_mtime_ns
        known = self._files.get(name)
        if known is None or known.changed_ns != changed_ns:
            raw = path.read_bytes()
            etag = f'"{hashlib.sha256(raw).hexdigest()[:20]}"'
            known = self._files[name] = StaticFile(changed_ns, raw, gzip.compress(raw, 6), etag)
        return known

    def find_missing(self) -> list[str]:
        """Libraries that set-up hasn't copied yet."""
        return [name for name in FILES if not (self._folder / "vendor" / name).is_file()]

    def _list(self) -> set[str]:
        return {
            path.relative_to(self._folder).as_posix()
            for path in self._folder.rglob("*")
            if path.suffix in MEDIA_TYPES and path.is_file()
        }


def build_content_policy(host: str) -> str:
    """What the page may load: its own files and nothing else; and connect to: this node, and the router that
    the owner names (on this machine, on this node's machine, or by https).

    MapLibre makes its worker from a blob and sets styles by script.
    """
    machine = _HOST.match(host)
    beside = f" http://{machine[0]}:*" if machine and machine[0] not in ("127.0.0.1", "localhost") else ""
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "worker-src blob:",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            f"connect-src 'self' http://127.0.0.1:* http://localhost:*{beside} https:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )


def build_headers(host: str, cache_control: str) -> Headers:
    return {
        "Content-Security-Policy": build_content_policy(host),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": cache_control,
        "Vary": "Accept-Encoding",
    }


def create_page_routes(files: StaticFiles) -> list[Any]:
    """Handlers of ``/``, ``/favicon.ico`` and ``/static/...``."""

    def answer(request: Request[Any, Any, Any], name: str) -> Response[bytes]:
        is_vendor = name.startswith("vendor/") or name == "places.json"
        headers = build_headers(request.headers.get("host", ""), VENDOR_CACHE if is_vendor else PAGE_CACHE)
        file = files.get(name)
        if file is None:
            text = f"there is no file {name[:100]!r}"
            return Response(text.encode(), media_type=MEDIA_TYPES[".txt"], status_code=404, headers=headers)
        headers["ETag"] = file.etag
        if file.etag in request.headers.get("if-none-match", ""):
            return Response(b"", status_code=304, headers=headers)
        body = file.raw
        if "gzip" in request.headers.get("accept-encoding", "") and len(file.zipped) < len(file.raw):
            headers["Content-Encoding"] = "gzip"
            body = file.zipped
        return Response(body, media_type=MEDIA_TYPES[Path(name).suffix], headers=headers)

    @get("/", include_in_schema=False, sync_to_thread=False)
    def get_page(request: Request[Any, Any, Any]) -> Response[bytes]:
        missing = files.find_missing()
        if missing:
            text = f"The map's libraries are missing ({', '.join(missing)}): run `make setup`, then reload."
            return Response(text.encode(), media_type=MEDIA_TYPES[".txt"], status_code=503)
        return answer(request, "index.html")

    @get("/favicon.ico", include_in_schema=False, sync_to_thread=False)
    def get_icon(request: Request[Any, Any, Any]) -> Response[bytes]:
        return answer(request, "favicon.svg")

    @get("/static/{path:path}", include_in_schema=False, sync_to_thread=False)
    def get_file(request: Request[Any, Any, Any], path: FromPath[str]) -> Response[bytes]:
        return answer(request, str(path).lstrip("/"))

    return [get_page, get_icon, get_file]
