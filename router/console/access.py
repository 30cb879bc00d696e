"""Who may use the API: whoever knows the token in `api.token` (mode 600)."""

from __future__ import annotations

import hmac
import secrets
from pathlib import Path

from litestar.connection import ASGIConnection
from litestar.exceptions import NotAuthorizedException
from litestar.handlers.base import BaseRouteHandler

from chain.store.durable_file import write_file_durably

TOKEN_FILE = "api.token"


class TokenError(Exception):
    """The token file cannot be used; the message says why."""


def load_or_create_token(folder: Path) -> str:
    """Read the token of this router, or make one at the first start. Raises TokenError."""
    path = folder / TOKEN_FILE
    try:
        if not path.exists():
            write_file_durably(path, f"{secrets.token_urlsafe(24)}\n".encode(), mode=0o600, overwrite=False)
        if path.stat().st_mode & 0o077:
            raise TokenError(f"{path} is open to others: chmod 600 {path}")
        token = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise TokenError(f"{path}: {error}") from error
    if len(token) < 16:
        raise TokenError(f"{path} holds no token of 16 characters or more: delete it to have one made")
    return token


class TokenGuard:
    """A Litestar guard: lets through what carries `Authorization: Bearer <token>`."""

    def __init__(self, token: str) -> None:
        self._token = token.encode()

    def __call__(self, connection: ASGIConnection, handler: BaseRouteHandler) -> None:  # type: ignore[type-arg]
        scheme, _, given = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), self._token):
            raise NotAuthorizedException("send the token of the router's api.token file as a bearer token")
